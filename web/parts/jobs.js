/* Rows of reservations: job and place, start, state, what is settled of what was held. */
import { html } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { dateTime, length, tail } from "../lib/format.js";
import { inTime } from "../lib/ago.js";
import { costs, endOf, isComing, isRunning } from "../lib/jobs.js";
import { gpuName, siteName } from "../lib/sites.js";
import { to } from "../lib/router.js";
import { Bar } from "./bar.js";
import { Credits } from "./amount.js";
import { State, stateOf } from "./state.js";

export const jobName = (r) => r.name || t("job.unnamed", { id: tail(r.id) });
const jobPlace = (r, sites) => t("job.place", { gpus: r.gpus, gpu: gpuName(r.offering), site: siteName(sites.get(r.site.code) ?? r.site) });

const When = ({ r, now }) => {
    const start = Date.parse(r.window.start), end = endOf(r);
    const second = isRunning(r) ? t("job.ends", { time: dateTime(end, now) })
        : isComing(r) ? (start > now ? t("job.in", { length: length(r.walltime_s), time: inTime((start - now) / 1000) }) : t("job.for", { length: length(r.walltime_s) }))
        : t("job.for", { length: length(r.walltime_s) });
    return html`${dateTime(start, now)}<span class="hint">${second}</span>`;
};
/** @param {{items: any[], sites: Map<string, any>, now: number, caption: string}} props */
export const Jobs = ({ items, sites, now, caption }) => html`
    <div class="table-scroll"><table class="blocks home-jobs"><caption class="hidden-text">${caption}</caption>
        <thead><tr><th scope="col">${t("job.and-place")}</th><th scope="col">${t("job.start")}</th><th scope="col">${t("job.state")}</th><th scope="col" class="num">${t("job.settled-of")}</th></tr></thead>
        <tbody>${items.map((r) => {
            const c = costs(r);
            return html`
                <tr key=${r.id}>
                    <td class="lead"><a href=${to(`/reservations/${r.id}`)}><b>${jobName(r)}</b></a><span class="hint">${jobPlace(r, sites)}${r.night && `, ${t("job.night", { n: r.night.number, of: r.night.of })}`}</span></td>
                    <td><${When} r=${r} now=${now} /></td>
                    <td class="end"><${State} name=${stateOf(r)} /></td>
                    <td class="num">${tx("job.of", { part: html`<${Credits} gpums=${c.settled} />`, all: html`<${Credits} gpums=${c.most} />` })}
                        <${Bar} low height=${9} total=${c.most} parts=${[{ kind: "settled", gpums: c.settled }, { kind: "held", gpums: c.held }]} /></td>
                </tr>`;
        })}</tbody></table></div>`;
