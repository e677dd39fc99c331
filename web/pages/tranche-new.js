/* /programme/tranches/new: a fund gives to a tranche, or to the reserve. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { parseCredits, whole, wholeCredits } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Waiting } from "../parts/broken.js";
import { Check, Field, Select } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Order, checks } from "../parts/order.js";

await more("../messages/LANG.programme.json");

export const first = () => ahead("/v1/programme");

export default () => {
    const { data, error, reload } = useData("/v1/programme");
    const head = html`<${Head} title=${t("tranche.new")} crumbs=${html`<a href=${to("/programme/grants")}>${t("nav.grants")}</a> / ${t("tranche.new")}`} sub=${t("tranche.new.sub")} />`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    return html`
        ${head}
        <${Order} path="/v1/tranches" start=${{ fund: String(data.funds[0]?.account ?? ""), name: "", reference: "", credits: "", reason: "", to_reserve: "" }}
            rules=${{ fund: checks.needed, name: (v, all) => (all.to_reserve ? undefined : checks.needed(v)), reference: checks.needed, credits: checks.credits, reason: checks.needed }}
            body=${(v) => ({ fund: Number(v.fund), ...(!v.to_reserve && { name: v.name.trim() }), reference: v.reference.trim(), credits: parseCredits(v.credits), reason: v.reason.trim(), to_reserve: v.to_reserve === "1" })}
            words=${(v) => (parseCredits(v.credits) ? t("tranche.do", { amount: whole(parseCredits(v.credits).split(".")[0]) }) : t("tranche.new"))} done=${() => [t("tranche.done"), to("/programme")]}
            draw=${(v, set, fault) => html`
                <${Select} name="fund" label=${t("fund")} value=${v.fund} onInput=${set("fund")} error=${fault("fund")} options=${data.funds.map((f) => [String(f.account), t("fund.option", { name: f.name, amount: wholeCredits(f.free_gpums ?? f.minted_gpums) })])} />
                <${Check} name="to_reserve" label=${t("tranche.reserve")} hint=${t("tranche.reserve.hint")} checked=${v.to_reserve === "1"} onInput=${(on) => set("to_reserve")(on ? "1" : "")} />
                ${!v.to_reserve && html`<${Field} name="name" label=${t("tranche.name")} value=${v.name} onInput=${set("name")} error=${fault("name")} />`}
                <${Field} name="reference" label=${t("order.reference")} hint=${t("order.reference.hint")} value=${v.reference} onInput=${set("reference")} error=${fault("reference")} maxlength=${32} />
                <${Field} name="credits" label=${t("credits")} unit=${t("credits-word")} inputmode="decimal" value=${v.credits} onInput=${set("credits")} error=${fault("credits")} />
                <${Field} name="reason" label=${t("order.reason")} hint=${t("order.reason.hint")} value=${v.reason} onInput=${set("reason")} error=${fault("reason")} />`} />`;
};
