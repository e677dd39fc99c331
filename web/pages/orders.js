/* /programme/orders: orders that wait for a signature, and those that are over; for administrators keys that wait to be confirmed. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { big, dateTime, duration, wholeCredits } from "../lib/format.js";
import { more } from "../lib/more.js";
import { me, seat } from "../lib/session.js";
import { nowMs, useCommand, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits } from "../parts/amount.js";
import { Empty, Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Field, fieldOf } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { say } from "../parts/note.js";
import { orderSays } from "../parts/order-says.js";
import { OrderState } from "../parts/orders.js";
import { TableTools } from "../parts/table.js";

await more("../messages/LANG.orders.json");

const KEYS = { created: (o) => o.created, state: (o) => o.state, amount: (o) => big(o.order.amount_gpums), who: (o) => o.proposer.name };
const Rows = ({ items, caption }) => html`
    <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${caption}</caption>
        <thead><tr><th scope="col">${t("orders.state")}</th><th scope="col">${t("what")}</th><th scope="col" class="num">${t("credits")}</th><th scope="col">${t("orders.proposed-by")}</th><th scope="col">${t("orders.signatures")}</th></tr></thead>
        <tbody>${items.map((o) => html`
            <tr key=${o.id}><td class="lead"><${OrderState} state=${o.state} /></td>
                <td><a href=${to(`/programme/orders/${o.id}`)}>${orderSays(o.order)}</a></td>
                <td class="num" data-label=${t("credits")}>${o.order.amount_gpums === "0" ? t("none") : html`<${Credits} gpums=${o.order.amount_gpums} />`}</td>
                <td data-label=${t("orders.proposed-by")}>${o.proposer.name}<span class="hint">${dateTime(o.created)}</span></td>
                <td data-label=${t("orders.signatures")}>${t("orders.of", { n: o.signatures.length, of: o.signers })}</td></tr>`)}</tbody></table></div>`;

/** One key that somebody has asked for. */
const Asked = ({ k, onDone }) => {
    const [said, set] = useState("");
    const confirming = useCommand(), refusing = useCommand();
    const error = confirming.error ?? refusing.error;
    const confirm = async (event) => {
        event.preventDefault();
        const done = await confirming.run(`/v1/officer-keys/${k.id}/confirm`, { fingerprint: said.trim() });
        if (!done) return;
        say(t(done.signers ? "keys.confirmed.waits" : "keys.confirmed", { who: k.person.name }));
        onDone();
    };
    const refuse = async () => {
        if (!(await refusing.run(`/v1/officer-keys/${k.id}/refuse`, {}))) return;
        say(t("keys.refused", { who: k.person.name }));
        onDone();
    };
    return html`
        <form class="form gap" onSubmit=${confirm} noValidate aria-label=${t("keys.of", { who: k.person.name, name: k.name })}>
            <p><b>${t("keys.of", { who: k.person.name, name: k.name })}</b> <span class="second">${k.site ? t("keys.is-passkey") : ""} ${dateTime(k.asked)}</span></p>
            <${Field} name=${"fingerprint-" + k.id} label=${t("keys.fingerprint.said")} hint=${t("keys.fingerprint.hint", { who: k.person.name })} value=${said} onInput=${set} error=${fieldOf(error) === "fingerprint" ? t("keys.fingerprint.other") : undefined} maxlength=${60} />
            ${fieldOf(error) !== "fingerprint" && html`<${Refused} error=${error} />`}
            <div class="deeds"><${Button} submit busy=${confirming.busy}>${t("keys.confirm")}<//><${Button} busy=${refusing.busy} onClick=${refuse}>${t("keys.refuse")}<//></div>
        </form>`;
};
const Keys = () => {
    const { data, error, reload } = useData("/v1/officer-keys");
    if (!data) return html`<section class="card"><h2>${t("keys.waiting")}</h2><${Waiting} error=${error} rows=${2} retry=${reload} /></section>`;
    const asked = data.items.filter((k) => k.state === "asked" && k.person.id !== me.value.person.id);
    return html`
        <section class="card"><h2>${t("keys.waiting")}</h2>
            ${asked.length ? html`<p class="second">${t("keys.waiting.text")}</p>${asked.map((k) => html`<${Asked} key=${k.id} k=${k} onDone=${reload} />`)}` : html`<p class="second">${t("keys.waiting.none")}</p>`}</section>`;
};
const Rule = ({ rule }) => html`
    <section class="card"><h2>${t("rule")}</h2>
        <p>${rule.limited ? t("rule.limited", { amount: wholeCredits(rule.alone_gpums) }) : t("rule.unlimited")} ${rule.signed_by.includes("word") ? t("rule.word") : t("rule.no-word")} ${t("rule.open", { time: duration(rule.open_days * 86400) })}</p></section>`;

export const first = () => ahead("/v1/orders?limit=100", "/v1/order-rule", ...(seat.value.kind === "admin" ? ["/v1/officer-keys"] : []));

export default ({ query }) => {
    const { data, error, reload } = useData("/v1/orders?limit=100", { every: 15_000 }), rule = useData("/v1/order-rule");
    const head = html`<${Head} title=${t("nav.orders")} sub=${t("orders.sub")} />`;
    if (!data || !rule.data) return html`${head}<${Waiting} error=${error ?? rule.error} retry=${() => (reload(), rule.reload())} rows=${6} />`;
    const open = data.items.filter((o) => (o.state === "proposed" || o.state === "approved") && Date.parse(o.lapses) > nowMs()), over = data.items.filter((o) => !open.includes(o));
    const own = (items) => arrange(items, query, KEYS);
    return html`
        ${head}
        <${TableTools} query=${query} path="/v1/orders" pages=${Boolean(data.next)} columns=${[["created", t("time")], ["state", t("orders.state")], ["amount", t("credits")], ["who", t("orders.proposed-by")]]} />
        <div class="stack">
            ${open.length ? html`<section class="card"><h2>${t("orders.open", { n: open.length })}</h2><${Rows} items=${own(open)} caption=${t("orders.open", { n: open.length })} /></section>`
                : html`<${Empty} title=${t("orders.none")}>${t("orders.none.text")}<//>`}
            ${over.length > 0 && html`<section class="card"><h2>${t("orders.over")}</h2><${Rows} items=${own(over)} caption=${t("orders.over")} /></section>`}
            <${Rule} rule=${rule.data} />
            ${seat.value.kind === "admin" && html`<${Keys} />`}
        </div>`;
};
