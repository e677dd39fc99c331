/* /programme/funds/new: a funding decision mints credits. */
import { html } from "../lib/html.js";
import { more } from "../lib/more.js";
import { t } from "../lib/words.js";
import { parseCredits, whole } from "../lib/format.js";
import { to } from "../lib/router.js";
import { Field } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Order, checks } from "../parts/order.js";

await more("../messages/LANG.programme.json");

export default () => html`
    <${Head} title=${t("fund.new")} crumbs=${html`<a href=${to("/programme/grants")}>${t("nav.grants")}</a> / ${t("fund.new")}`} sub=${t("fund.new.sub")} />
    <${Order} path="/v1/funds" start=${{ name: "", reference: "", credits: "", reason: "" }} rules=${{ name: checks.needed, reference: checks.needed, credits: checks.credits, reason: checks.needed }}
        body=${(v) => ({ name: v.name.trim(), reference: v.reference.trim(), credits: parseCredits(v.credits), reason: v.reason.trim() })}
        words=${(v) => (parseCredits(v.credits) ? t("fund.do", { amount: whole(parseCredits(v.credits).split(".")[0]) }) : t("fund.new"))} done=${() => [t("fund.done"), to("/programme")]}
        draw=${(v, set, fault) => html`
            <${Field} name="name" label=${t("fund.name")} value=${v.name} onInput=${set("name")} error=${fault("name")} />
            <${Field} name="reference" label=${t("order.reference")} hint=${t("order.reference.hint")} value=${v.reference} onInput=${set("reference")} error=${fault("reference")} maxlength=${32} />
            <${Field} name="credits" label=${t("credits")} unit=${t("credits-word")} inputmode="decimal" value=${v.credits} onInput=${set("credits")} error=${fault("credits")} />
            <${Field} name="reason" label=${t("order.reason")} hint=${t("order.reason.hint")} value=${v.reason} onInput=${set("reason")} error=${fault("reason")} />`} />`;
