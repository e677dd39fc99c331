/* /programme: what needs me; granted, held, settled, free of each fund; the books' size. */
import { html } from "../lib/html.js";
import { more } from "../lib/more.js";
import { t } from "../lib/words.js";
import { clock, dateTime, duration, tail, whole } from "../lib/format.js";
import { seat } from "../lib/session.js";
import { nowMs, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { useSites, siteName } from "../lib/sites.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Credits } from "../parts/amount.js";
import { Head } from "../parts/frame.js";
import { Fund } from "../parts/fund.js";
import { Note } from "../parts/note.js";
import { orderSays } from "../parts/order-says.js";
import { State } from "../parts/state.js";

await more("../messages/LANG.programme.json");

/* a book that does not add up is the first thing that needs a person */
const Attention = ({ disputed, silent, orders, sites }) => {
    const n = disputed.length + silent.length + orders.length;
    return html`
        <section class="card"><h2>${t("programme.attention", { n })}</h2>
            ${n === 0 ? html`<p class="second">${t("programme.attention.none")}</p>` : html`
            <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("programme.attention", { n })}</caption>
                <thead><tr><th scope="col">${t("kind")}</th><th scope="col">${t("what")}</th><th scope="col" class="num">${t("credits")}</th><th scope="col" class="num">${t("waiting")}</th><th scope="col"><span class="hidden-text">${t("deed")}</span></th></tr></thead>
                <tbody>
                    ${disputed.map((d) => html`<tr key=${d.reservation}><td class="lead"><${State} name="disputed" words=${t("programme.dispute")} /></td>
                        <td>${t("job.unnamed", { id: tail(d.reservation) })}<span class="hint">${t("programme.dispute.text", { site: siteName(sites.get(d.site), d.site) })}</span></td>
                        <td class="num"><${Credits} gpums=${d.held_gpums} /></td><td class="num">${d.since ? duration((nowMs() - Date.parse(d.since)) / 1000) : ""}</td>
                        <td class="right"><${Button} small href=${to(`/reservations/${d.reservation}`)}>${t("programme.see")}<//></td></tr>`)}
                    ${orders.map((o) => html`<tr key=${o.id}><td class="lead"><${State} name="coming" words=${t("programme.order")} /></td>
                        <td>${orderSays(o.order)}<span class="hint">${t("programme.order.text", { n: o.signatures.length, of: o.signers, who: o.proposer.name })}</span></td>
                        <td class="num">${o.order.amount_gpums === "0" ? "" : html`<${Credits} gpums=${o.order.amount_gpums} />`}</td><td class="num">${duration((nowMs() - Date.parse(o.created)) / 1000)}</td>
                        <td class="right"><${Button} small href=${to(`/programme/orders/${o.id}`)}>${t("programme.see")}<//></td></tr>`)}
                    ${silent.map((s) => html`<tr key=${s.code}><td class="lead"><${State} name="silent" words=${t("programme.silent")} /></td>
                        <td>${t("programme.silent.text", { site: siteName(s), city: s.city })}<span class="hint">${s.last_contact ? t("programme.silent.since", { time: dateTime(s.last_contact) }) : t("programme.silent.never")}</span></td>
                        <td class="num"></td><td class="num">${s.last_contact ? duration((nowMs() - Date.parse(s.last_contact)) / 1000) : ""}</td><td></td></tr>`)}
                </tbody></table></div>`}
        </section>`;
};
export default () => {
    const { data, error, reload } = useData("/v1/programme", { every: 10_000 });
    const waiting = useData("/v1/orders?open=true", { every: 15_000 });
    const { sites } = useSites(15_000);
    const writes = seat.value.role === "officer" || seat.value.role === "administrator";
    const sub = data?.journal ? t("programme.sub", { n: data.journal.size - 1, time: clock(data.journal.time), organisations: whole(data.organisations ?? 0), running: whole(data.running ?? 0) }) : "";
    const head = html`<${Head} title=${t("programme.title")} sub=${sub}>${writes && html`<${Button} kind="primary" icon="plus" href=${to("/programme/grants/new")}>${t("grant.new")}<//>`}<//>`;
    if (!data || (!waiting.data && !waiting.error)) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${6} />`;
    const silent = [...sites.values()].filter((s) => s.state === "silent");
    return html`
        ${head}
        <div class="stack">
            ${data.conserved === false && html`<${Note} kind="brick"><b>${t("programme.disagree")}</b> ${t("programme.disagree.text")}<//>`}
            <${Attention} disputed=${data.disputed ?? []} silent=${silent} orders=${waiting.data?.items ?? []} sites=${sites} />
            ${data.funds.length ? data.funds.map((fund) => html`<${Fund} key=${fund.account} fund=${fund} link agree=${data.conserved ? data.journal : null} />`)
                : html`<${Empty} title=${t("programme.no-fund")} deeds=${writes && html`<${Button} href=${to("/programme/funds/new")}>${t("fund.new")}<//>`}>${t("programme.no-fund.text")}<//>`}
        </div>`;
};
