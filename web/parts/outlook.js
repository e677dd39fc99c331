/* When a reservation will likely start, why not sooner, what is in its way, and the next best place. */
import { html } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { credits, dateTime, length } from "../lib/format.js";
import { siteName } from "../lib/sites.js";
import { nowMs, useCommand, useData } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Refused } from "./broken.js";
import { Button } from "./button.js";
import { Note, say } from "./note.js";

const notSooner = (why) => {
    const n = why.numbers ?? {};
    const params = { most: n.most_free, brokered: n.brokered, from: n.from ? dateTime(n.from) : "", to: n.to ? dateTime(n.to) : "", asked: n.gpus, longest: length(n.longest_s ?? 0), length: length(n.length_s ?? 0) };
    return why.code === "busy" ? t("outlook.busy", params) : why.code === "gap" ? t("outlook.gap", params) : why.code === "at-once" ? t("outlook.at-once") : why.text;
};
const Sooner = ({ r, here }) => {
    const best = here?.options[0];
    if (!best) return null;
    if (Date.parse(best.start) < Date.parse(r.window.start) - 60_000) return html`<p class="small">${tx("outlook.free", { time: html`<b>${dateTime(best.start)}</b>` })}</p>`;
    return html`<p class="small second">${t("outlook.not-sooner")} ${notSooner(best.not_sooner)}</p>`;
};
/* What cannot stay: why, who decides, where it could go. */
const Displaced = ({ r, o, sites, mine, onDone }) => {
    const moving = useCommand();
    const best = o.elsewhere?.options[0];
    const why = o.displaced.why;
    /* a site that is out of touch may be back before it is needed: until then it is the start-up's to say */
    const later = why === "site-silent" && o.displaced.moved_by === "kontor" && Date.parse(o.displaced.permit_from) > nowMs();
    const by = later ? "kontor.later" : o.displaced.moved_by;
    const move = async () => {
        const next = await moving.run(`/v1/reservations/${r.id}/move`, {});
        if (!next?.id) return;
        say(t("outlook.moved", { site: siteName(sites.get(next.site.code), next.site.code) }));
        onDone();
        go(to(`/reservations/${next.id}`));
    };
    return html`
        <${Note} kind="ochre" icon="right"><p><b>${t("outlook.why." + why, { site: siteName(sites.get(r.site.code), r.site.code) })}</b> ${t("outlook.by." + by, { time: dateTime(o.displaced.accept_by), from: dateTime(o.displaced.permit_from) })}</p>
            ${best && html`<p data-elsewhere=${best.site}>${tx("outlook.next", { site: siteName(sites.get(best.site), best.site), time: dateTime(best.start), amount: credits(best.cost_gpums) })}</p>`}
            ${o.elsewhere && !best && html`<p>${t("outlook.nowhere")}</p><ul class="plain small">${o.elsewhere.refusals.map((x) => html`<li key=${x.site + x.offering}>${siteName(sites.get(x.site), x.site)}: ${x.text}</li>`)}</ul>`}
            ${mine && best && (later || by === "requester") && html`<div class="deeds gap"><${Button} kind="primary" busy=${moving.busy} onClick=${move}>${t("outlook.move", { site: siteName(sites.get(best.site), best.site), amount: credits(best.cost_gpums) })}<//></div>`}
            <${Refused} error=${moving.error} /><//>`;
};
/** @param {{r: any, sites: Map<string, any>, mine: boolean, onDone: () => void}} props r: the reservation; mine: the caller's */
export const Outlook = ({ r, sites, mine, onDone }) => {
    const { data: o } = useData(`/v1/reservations/${r.id}/outlook`, { every: 20_000, mark: r.version });
    if (!o || (!o.waits && !o.displaced && !o.elsewhere)) return null;
    const e = o.expected, best = o.elsewhere?.options[0];
    return html`
        <section class="card" data-outlook><h2>${t("outlook.title")}</h2>
            ${e && html`<p data-figure="expected">${e.start ? tx("outlook.expected." + (Date.parse(e.start) > Date.parse(e.booked) + 60_000 ? "later" : "booked"), { time: html`<b>${dateTime(e.start)}</b>`, booked: dateTime(e.booked), latest: dateTime(e.latest) }) : tx("outlook.expected.none", { booked: dateTime(e.booked) })}
                ${o.usual && html` <span class="small second">${t("outlook.usual", { n: o.usual.jobs, median: length(o.usual.median_s), most: length(o.usual.most_s) })}</span>`}</p>`}
            ${o.ahead !== null && !o.displaced && html`<p class="small second">${t("outlook.ahead", { n: o.ahead })}</p>`}
            ${e && !o.displaced && html`<${Sooner} r=${r} here=${o.here} />`}
            ${o.displaced && html`<div class="gap"><${Displaced} r=${r} o=${o} sites=${sites} mine=${mine} onDone=${onDone} /></div>`}
            ${!o.waits && !o.displaced && html`<p>${best ? tx("outlook.again", { site: siteName(sites.get(best.site), best.site), time: dateTime(best.start), amount: credits(best.cost_gpums) }) : t("outlook.nowhere")}
                ${mine && html` <a href=${to(`/requests/${r.request}`)}>${t("outlook.ask-again")}</a>`}</p>`}
        </section>`;
};
