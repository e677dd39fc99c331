/* Reason list: why each other site cannot, with its numbers, a small drawing, and the change that would help. */
import { html } from "../lib/html.js";
import { has, t, tx } from "../lib/words.js";
import { country, dateTime, length, whole } from "../lib/format.js";
import { sorted } from "../lib/asking.js";
import { otherKinds, reasonText } from "../lib/reasons.js";
import { Assumed, Credits } from "./amount.js";
import { Certificate } from "./certificate.js";

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
/** @param {{refusals: any[], sites: Map<string, any>, from: number, nights?: any, link: (change: any) => string | null}} props from: the earliest start asked for, ms */
export const Reasons = ({ refusals, sites, from, nights, link }) => html`
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
                <div>${short ? html`<${Needs} has=${short[0]} needs=${short[1]} unit=${short[2]} />`
                    : r.help?.start ? html`<p class="small second">${tx("reason.would", { time: dateTime(r.help.start), amount: html`<${Credits} gpums=${r.help.cost_gpums} />` })}</p>` : null}</div>
                ${r.certificate?.length > 0 && html`<${Certificate} refusal=${r} site=${site} from=${from} nights=${nights} />`}
            </li>`;
    })}</ul>
    ${sorted(refusals).others.length > 0 && html`<p class="small second gap">${otherKinds(sorted(refusals).others, sites)}</p>`}`;
