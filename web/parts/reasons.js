/* Reason list: why each other site cannot, with its numbers, a small drawing, and the change that would help. */
import { html } from "../lib/html.js";
import { has, t, tx } from "../lib/words.js";
import { country, credits, dateTime, length, list, whole } from "../lib/format.js";
import { sorted } from "../lib/asking.js";
import { siteName } from "../lib/sites.js";
import { Assumed, Credits } from "./amount.js";

/** The sentence of a refusal: ours where the code is known, else the server's. */
export const reasonText = (refusal, site) => {
    const { code, numbers: n = {} } = refusal;
    if (!has("reason." + code)) return refusal.text;
    const offering = site?.offerings?.find((o) => o.index === refusal.offering);
    if ((code === "mode" && !offering?.modes?.length) || (code === "eligible" && !offering?.open_to?.length)) return refusal.text;
    const time = (v) => (v ? dateTime(v) : "");
    const params = {
        site: site?.name ?? refusal.site, model: refusal.model ?? "", needs: n.needs, has: n.has, asked: n.asked ?? n.gpus, per_node: n.per_node, below: n.below, above: n.above, largest: n.largest,
        brokered: n.brokered, chosen: n.chosen, country: n.country ? country(n.country) : "", cost: n.cost_gpums ? credits(n.cost_gpums) : "", limit: n.limit_gpums ? credits(n.limit_gpums) : "",
        length: length(n.length_s ?? n.walltime_s ?? 0), longest: length(n.longest_s ?? 0), deadline: time(n.deadline), most: n.most_free,
        nights: n.nights, run: n.longest_nights, modes: list(offering?.modes ?? []), classes: list((offering?.open_to ?? []).map((c) => t("class." + c))),
    };
    const tail = n.earliest ? " " + t("reason.earliest", { time: time(n.earliest) }) : code === "shape" && n.below ? " " + t("reason.shape.either", { below: n.below, above: n.above }) : code === "shape" ? " " + t("reason.shape.only", { above: n.above }) : "";
    return t("reason." + code, params) + tail;
};
/** Has against needs, where the reason is a plain shortage. @param {{code: string, numbers?: any}} refusal */
const shortage = ({ code, numbers: n = {} }) =>
    code === "memory" ? [n.has, n.needs, "gb"] : code === "too-large" ? [n.brokered, n.asked, "gpus"] : code === "island" ? [n.largest, n.asked, "gpus"]
    : code === "busy" ? [n.most_free, n.gpus, "gpus"] : null;
const Needs = ({ has: have, needs, unit }) => {
    const scale = 180 / Math.max(have, needs);
    return html`
        <svg class="needs" width="190" height="18" viewBox="0 0 190 18" aria-hidden="true">
            <line class="base" x1="0" x2="188" y1="15.5" y2="15.5" /><rect class="has" y="5" width=${have * scale} height="10" /><line class="want" x1=${needs * scale} x2=${needs * scale} y1="2" y2="16" />
        </svg>
        <p class="needs-words" aria-hidden="true"><span>${t("needs.has." + unit, { n: whole(have) })}</span><b class="bad">${t("needs.needs", { n: whole(needs) })}</b></p>`;
};
/** The blocked times that leave only shorter gaps: who may read the holds can check them. */
const Certificate = ({ refusal }) => html`
    <details class="small"><summary>${t("reason.blocked", { n: refusal.certificate.length + refusal.certificate_more })}</summary>
        <ul class="blocked">${refusal.certificate.slice(0, 12).map((b) => html`<li key=${b.from}>${t("reason.blocked.row", { from: dateTime(b.from), to: dateTime(b.to), n: b.free })}</li>`)}</ul>
        ${refusal.certificate.length > 12 || refusal.certificate_more > 0 ? html`<p class="hint">${t("reason.blocked.more", { n: refusal.certificate.length - Math.min(12, refusal.certificate.length) + refusal.certificate_more })}</p>` : null}
    </details>`;
/** Places that only have another kind of offering, in one sentence; nothing if there are none. */
export const otherKinds = (codes, sites) => (codes.length ? t("reason.kinds", { n: codes.length, sites: list(codes.map((code) => siteName(sites.get(code), code))) }) : "");
/** @param {{refusals: any[], sites: Map<string, any>, link: (change: any) => string | null}} props */
export const Reasons = ({ refusals, sites, link }) => html`
    <ul class="reasons">${sorted(refusals).said.map((r) => {
        const site = sites.get(r.site);
        const offering = site?.offerings?.find((o) => o.index === r.offering);
        const short = shortage(r);
        const href = r.help ? link(r.help) : null;
        return html`
            <li key=${r.site + r.offering}>
                <div><b>${site?.system ?? r.site}</b><span class="small hint">${site && t("place", { city: site.city, country: country(site.country) })}</span></div>
                <div>${reasonText(r, site)}<${Assumed} when=${offering?.assumed || site?.assumed} />
                    ${href && html` <a href=${href}>${t("help." + r.help.change, { n: Number(r.help.to), to: r.help.change === "countries" ? country(r.help.to) : r.help.change === "deadline" ? dateTime(r.help.to) : r.help.change === "walltime_s" ? length(r.help.to) : r.help.to })}</a>`}
                    <span class="code">${has("reason.short." + r.code) ? t("reason.short." + r.code) : r.code}</span></div>
                <div>${r.certificate?.length > 0 && html`<${Certificate} refusal=${r} />`}${short ? html`<${Needs} has=${short[0]} needs=${short[1]} unit=${short[2]} />`
                    : r.help?.start ? html`<p class="small second">${tx("reason.would", { time: dateTime(r.help.start), amount: html`<${Credits} gpums=${r.help.cost_gpums} />` })}</p>` : null}</div>
            </li>`;
    })}</ul>
    ${sorted(refusals).others.length > 0 && html`<p class="small second gap">${otherKinds(sorted(refusals).others, sites)}</p>`}`;
