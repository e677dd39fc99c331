/* /site/{site}/share: what the site promised and what it gave, by month and class of GPU. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { big, clock, gpuHourParts, month, percent, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits, GpuHours } from "../parts/amount.js";
import { Bar, Swatch } from "../parts/bar.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { Files } from "../parts/list-files.js";

await Promise.all([more("../messages/LANG.site.json"), more("../messages/LANG.places.json", "../styles/places.css")]);

const SPANS = [1, 3, 12, 36];
const total = (items, name) => items.reduce((sum, i) => sum + BigInt(i[name]), 0n);
const wholeHours = (seconds) => gpuHourParts(seconds)[0];
/** Thousandths of what was promised. */
const share = (given, promised) => (promised > 0n ? Number((given * 1000n) / promised) : null);
const monthsOf = (query) => (SPANS.includes(Number(query.get("months"))) ? Number(query.get("months")) : 12);
const pathOf = ({ site }) => `/v1/sites/${site}/share`;
export const first = ({ params, query }) => ahead(`${pathOf(params)}?months=${monthsOf(query)}`, "/v1/sites");

export default ({ params, query }) => {
    const months = monthsOf(query);
    const path = pathOf(params);
    const { data, error, reload } = useData(`${path}?months=${months}`, { every: 60_000 });
    const { sites } = useSites();
    const name = siteName(sites.get(params.site), params.site);
    const head = html`<${Head} title=${t("nav.given")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${name}</a> / ${t("nav.given")}`} sub=${t("given.sub")}>
        <${Files} path=${path} filter=${{ months: String(months) }} /><//>`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length) return html`${head}<${Empty} title=${t("given.none")}>${t("given.none.text")}<//>`;
    const given = total(data.items, "given_gpu_seconds"), promised = total(data.items, "promised_gpu_seconds");
    const begin = data.items.at(-1).from;
    return html`
        ${head}
        <div class="between"><nav class="tabs" aria-label=${t("given.span")}>${SPANS.map((n) => html`<a key=${n} href=${to(`/site/${params.site}/share`, n === 12 ? {} : { months: n })} aria-current=${n === months ? "page" : undefined}>${t("given.months", { n })}</a>`)}</nav>
            <p class="small second">${t("sites.as-of", { time: clock(data.as_of) })}</p></div>
        <div class="stack">
            <section class="card" aria-label=${t("nav.given")}>
                <p class="small second">${t("given.since", { month: month(begin) })}</p>
                <p class="figure smaller" data-figure="given">${wholeHours(given)}${" "}<span class="of">${t("given.of", { amount: wholeHours(promised), share: share(given, promised) === null ? t("none") : percent(share(given, promised)) })}</span></p>
                <${Bar} height=${28} total=${promised} parts=${[{ kind: "settled", gpums: given }]} />
                <ul class="legend"><li><${Swatch} kind="settled" /><span>${tx("given.legend.given", { amount: html`<b>${wholeHours(given)}</b>` })}</span></li><li><span>${tx("given.legend.idle", { amount: html`<b data-figure="idle">${wholeHours(total(data.items, "idle_gpu_seconds"))}</b>` })}</span></li><li><${Swatch} kind="none" /><span>${tx("given.legend.rest", { amount: html`<b>${wholeHours(promised > given ? promised - given : 0n)}</b>` })}</span></li></ul>
                <p class="chart-note">${t("given.note")}</p>
            </section>
            <section class="card"><h2>${t("given.by")}</h2>
                <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("given.by")}</caption>
                    <thead><tr><th scope="col">${t("given.month")}</th><th scope="col">${t("given.class")}</th><th scope="col" class="num">${t("given.jobs")}</th><th scope="col" class="num">${t("given.given")}</th><th scope="col" class="num">${t("given.idle")}</th><th scope="col" class="num">${t("given.promised")}</th><th scope="col" class="num">${t("given.share")}</th><th scope="col" class="num">${t("given.paid")}</th></tr></thead>
                    <tbody>${data.items.map((i) => {
                        const part = share(BigInt(i.given_gpu_seconds), BigInt(i.promised_gpu_seconds));
                        return html`<tr key=${i.from + i.offering}><th scope="row" class="lead">${month(i.from)}</th><td>${i.model}${i.kind !== "batch" && html`<span class="hint">${t("capacity.experimental")}</span>`}</td>
                            <td class="num" data-label=${t("given.jobs")}>${whole(i.jobs)}</td><td class="num" data-label=${t("given.given")}><${GpuHours} seconds=${i.given_gpu_seconds} /></td>
                            <td class="num" data-label=${t("given.idle")}><${GpuHours} seconds=${i.idle_gpu_seconds} /></td>
                            <td class="num" data-label=${t("given.promised")}><${GpuHours} seconds=${i.promised_gpu_seconds} /></td><td class="num" data-label=${t("given.share")}>${part === null ? t("none") : percent(part)}</td>
                            <td class="num" data-label=${t("given.paid")}><${Credits} gpums=${big(i.settled_gpums)} /></td></tr>`;
                    })}</tbody>
                    <tfoot><tr><th scope="row" class="lead" colspan="2">${t("total")}</th><td class="num" data-label=${t("given.jobs")}>${whole(data.items.reduce((n, i) => n + i.jobs, 0))}</td><td class="num" data-label=${t("given.given")}><${GpuHours} seconds=${given} /></td><td class="num" data-label=${t("given.idle")}><${GpuHours} seconds=${total(data.items, "idle_gpu_seconds")} /></td>
                        <td class="num" data-label=${t("given.promised")}><${GpuHours} seconds=${promised} /></td><td class="num" data-label=${t("given.share")}>${share(given, promised) === null ? t("none") : percent(share(given, promised))}</td><td class="num" data-label=${t("given.paid")}><${Credits} gpums=${total(data.items, "settled_gpums")} /></td></tr></tfoot>
                </table></div></section>
        </div>`;
};
