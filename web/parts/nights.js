/* A request for several nights, accepted: what each has come to; loaded where there are any. */
import { html, useEffect, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { big, credits, dateTime } from "../lib/format.js";
import { isOpen, isRunning, mayCancel } from "../lib/jobs.js";
import { siteName } from "../lib/sites.js";
import { useCommand } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits } from "./amount.js";
import { Bar } from "./bar.js";
import { Refused } from "./broken.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { say } from "./note.js";
import { State, stateOf } from "./state.js";

/** What each night of a request has come to; those that are not over are cancelled together. */
const Nights = ({ request, sites, reload }) => {
    const [asking, ask] = useState(false);
    const cancelling = useCommand();
    const nights = request.reservations;
    const left = nights.filter(mayCancel);
    const most = nights.reduce((sum, n) => sum + big(n.cost_at_most_gpums), 0n), settled = nights.reduce((sum, n) => sum + big(n.settled_gpums), 0n);
    const open = (n) => (isOpen(n) ? big(n.cost_at_most_gpums) - big(n.settled_gpums) : 0n);
    const held = nights.reduce((sum, n) => sum + open(n), 0n);
    const back = left.reduce((sum, n) => sum + open(n), 0n);
    const waits = nights.some(isOpen);
    useEffect(() => { /* nights come and go while one looks on */
        if (!waits) return undefined;
        const timer = setInterval(() => document.visibilityState === "visible" && reload(), 15_000);
        return () => clearInterval(timer);
    }, [waits, reload]);
    const yes = async () => {
        if (await cancelling.run(`/v1/requests/${request.id}/cancel`, {})) {
            ask(false);
            say(t("quotes.nights-cancelled"));
            reload();
        }
    };
    return html`
        <section class="card"><div class="card-head"><h2>${t("quotes.each-night")}</h2><span class="end">${t("quotes.nights-left", { n: left.length, all: nights.length })}</span></div>
            <p class="small second">${tx("quotes.nights-sum", { settled: html`<${Credits} gpums=${settled} />`, held: html`<${Credits} gpums=${held} />`, all: html`<${Credits} gpums=${most} />` })}</p>
            <${Bar} low height=${9} total=${most} parts=${[{ kind: "settled", gpums: settled }, { kind: "held", gpums: held }]} />
            <div class="table-scroll gap"><table class="blocks"><caption class="hidden-text">${t("quotes.each-night")}</caption>
                <thead><tr><th scope="col">${t("quotes.night")}</th><th scope="col">${t("quotes.where")}</th><th scope="col">${t("job.state")}</th><th scope="col" class="num">${t("job.settled-of")}</th></tr></thead>
                <tbody>${nights.map((n) => html`<tr key=${n.id}><td class="lead"><a href=${to(`/reservations/${n.id}`)}><b>${t("quotes.night-of", { n: n.night, start: dateTime(n.start) })}</b></a><span class="hint">${t("quotes.night-until", { time: dateTime(n.end) })}</span></td>
                    <td>${siteName(sites.get(n.site), n.site)}</td>
                    <td class="end"><${State} name=${stateOf(n)} /></td>
                    <td class="num">${tx("job.of", { part: html`<${Credits} gpums=${n.settled_gpums} />`, all: html`<${Credits} gpums=${n.cost_at_most_gpums} />` })}</td></tr>`)}</tbody></table></div>
            ${left.length > 0 && html`<div class="deeds gap"><${Button} kind="danger" onClick=${() => ask(true)}>${t("quotes.cancel-nights")}<//></div>`}
            ${asking && html`<${Dialog} danger title=${t("quotes.cancel-nights.title", { n: left.length })} yes=${t("quotes.cancel-nights.yes", { n: left.length })} no=${t("quotes.cancel-nights.no")} busy=${cancelling.busy} error=${html`<${Refused} error=${cancelling.error} />`} onYes=${yes} onNo=${() => ask(false)}>
                <p>${t(left.some(isRunning) ? "quotes.cancel-nights.running" : "quotes.cancel-nights.text", { amount: credits(back) })}</p><//>`}
        </section>`;
};
export default { Nights };
