/* /site/{site}/disputes: what of this site's jobs is in dispute, and by when it is decided. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits } from "../parts/amount.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { jobName } from "../parts/jobs.js";

await more("../messages/LANG.dispute.json", "../styles/dispute.css");

const since = (r) => r.timeline.findLast((s) => s.what === "disputed" || s.what === "contested")?.time;
const Row = ({ r }) => html`
    <tr><td class="lead"><a href=${to(`/reservations/${r.id}/dispute`)}><b>${jobName(r)}</b></a><span class="hint">${t("ticket.numbers", { site: r.site.code, seq: r.ticket.seq, fence: r.ticket.fence })}</span></td>
        <td>${r.organisation.name}</td><td>${t(r.timeline.some((s) => s.what === "contested") ? "disputes.contested" : "disputes.reports")}<span class="hint">${since(r) ? t("disputes.since", { time: dateTime(since(r)) }) : ""}</span></td>
        <td class="num" data-label=${t("settled")}><${Credits} gpums=${r.settled_gpums} /></td><td class="num" data-label=${t("held")}><${Credits} gpums=${r.held_gpums} /></td></tr>`;

export const first = ({ params }) => ahead(`/v1/reservations?state=disputed&site=${params.site}&limit=100`, "/v1/sites");

export default ({ params }) => {
    const { data, error, reload } = useData(`/v1/reservations?state=disputed&site=${params.site}&limit=100`, { every: 10_000 });
    const { sites } = useSites();
    const head = html`<${Head} title=${t("nav.disputes")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${siteName(sites.get(params.site), params.site)}</a> / ${t("nav.disputes")}`} sub=${t("disputes.sub")} />`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length) return html`${head}<${Empty} title=${t("disputes.none")}>${t("disputes.none.text")}<//>`;
    return html`
        ${head}
        <div class="card"><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("nav.disputes")}</caption>
            <thead><tr><th scope="col">${t("disputes.job")}</th><th scope="col">${t("disputes.who")}</th><th scope="col">${t("disputes.why")}</th><th scope="col" class="num">${t("settled")}</th><th scope="col" class="num">${t("held")}</th></tr></thead>
            <tbody>${data.items.map((r) => html`<${Row} key=${r.id} r=${r} />`)}</tbody></table></div></div>`;
};
