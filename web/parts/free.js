/* Free GPUs over the time asked for, a strip a site: the drawing, the verdict in words, and the table that says the same. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { clockShort, day, dayShort, length, whole } from "../lib/format.js";
import { gpuName, siteName } from "../lib/sites.js";
import { nowMs, useData } from "../lib/use.js";
import { Assumed } from "./amount.js";
import { Strip } from "./strip.js";
import { Swatch } from "./bar.js";

const STEP_MS = 6 * 3_600_000;
const DAYS = 19;

/** The columns that a drawing shows: from midnight UTC before what is asked, so that the address can be kept a while. */
const spanOf = (ask) => {
    const from = Date.parse(ask.earliest_start ?? new Date(nowMs()).toISOString());
    return Math.floor(from / 86_400_000) * 86_400_000;
};
/** What is offered, framed in the drawing: each night, or the one time. */
const placesOf = (option) => (!option ? [] : option.nights?.length ? option.nights : [option]).map((p) => ({ start: Date.parse(p.start), end: Date.parse(p.end) }));
const verdict = (offering, quote) => {
    const option = quote.options.find((o) => o.offering === offering);
    if (option) return html`<b>${t("strip.fits")}</b> ${dayShort(option.start)} ${clockShort(option.start)}`;
    const refusal = quote.refusals.find((r) => r.offering === offering);
    const n = refusal?.numbers ?? {};
    return refusal?.code === "no-gap" ? t("strip.gap", { length: length(n.longest_s) }) : refusal?.code === "busy" || refusal?.code === "too-large" ? t("strip.never", { n: n.gpus ?? n.asked })
        : refusal?.code === "nights" ? t("strip.nights", { n: n.longest_nights }) : refusal?.code === "memory" ? t("strip.memory", { n: n.has }) : t("strip.filtered", { why: refusal ? t("reason.short." + refusal.code) : "" });
};
const Days = ({ from, columns }) => html`
    <svg class="days" height="16" aria-hidden="true">${Array.from({ length: columns / 4 }, (_, i) => i).filter((i) => i % 2 === 0).map((i) =>
        html`<text key=${i} x=${(((i * 4) / columns) * 100).toFixed(2) + "%"} y="12">${new Date(from + i * 86_400_000).getUTCDate()}</text>`)}</svg>`;

/** What the strips ask. @param {any} ask */
export const freePath = (ask) => `/v1/offerings/free?from=${new Date(spanOf(ask)).toISOString()}&columns=${DAYS * 4}&step_s=${STEP_MS / 1000}`;
/** @param {{quote: any, ask: any, sites: Map<string, any>}} props */
export const FreeStrips = ({ quote, ask, sites }) => {
    const from = spanOf(ask ?? {});
    const columns = DAYS * 4;
    const { data } = useData(ask ? freePath(ask) : null, { every: 60_000 });
    if (!data) return null;
    const rows = data.items.map((item) => ({ ...item, place: sites.get(item.site), offering: sites.get(item.site)?.offerings.find((o) => o.index === item.offering) }))
        .map((r) => ({ ...r, free: r.offering && ask.gpus < r.offering.gpus_per_node ? r.free_below_node : r.free })).filter((r) => r.offering && r.free.length && !quote.refusals.some((no) => no.offering === r.offering.index && no.code === "kind"));
    const rank = (r) => {
        const i = quote.options.findIndex((o) => o.offering === r.offering.index);
        return i < 0 ? 100 + quote.refusals.findIndex((x) => x.offering === r.offering.index) : i;
    };
    rows.sort((a, b) => rank(a) - rank(b));
    return html`
        <section class="card"><div class="card-head"><h2>${t("strip.title", { from: day(from), to: day(from + DAYS * 86_400_000) })}</h2></div>
            <div class="strips">
                <span class="corner"></span><${Days} from=${from} columns=${columns} /><span class="corner"></span>
                ${rows.map((r) => {
                    const option = quote.options.find((o) => o.offering === r.offering.index);
                    return html`
                        <div class="name" key=${"n" + r.offering.index}><b>${siteName(r.place)}</b><span class="hint">${r.place.offerings.length > 1 ? gpuName(r.offering) : r.place.city}</span></div>
                        <${Strip} free=${r.free} asked=${ask.gpus} from=${from} step=${STEP_MS} off=${!option && !["no-gap", "busy", "nights"].includes(quote.refusals.find((x) => x.offering === r.offering.index)?.code)}
                            places=${placesOf(option)} />
                        <div class="verdict small">${verdict(r.offering.index, quote)}<${Assumed} when=${r.offering.assumed} /></div>`;
                })}
            </div>
            <ul class="legend"><li><${Swatch} kind="free" />${t("strip.enough", { n: ask.gpus })}</li><li><${Swatch} kind="edge" />${t("strip.fewer")}</li><li><${Swatch} kind="place" />${t("strip.yours", { length: length(ask.walltime_s) })}</li></ul>
            <p class="chart-note">${t("strip.note", { n: ask.gpus })}</p>
            <details class="as-table"><summary>${t("as-table")}</summary><div class="table-scroll" tabindex="0" role="region" aria-label=${t("strip.table")}><table><caption class="hidden-text">${t("strip.table")}</caption>
                <thead><tr><th scope="col">${t("site")}</th>${Array.from({ length: DAYS }, (_, i) => html`<th scope="col" class="num" key=${i}>${dayShort(from + i * 86_400_000)}</th>`)}</tr></thead>
                <tbody>${rows.map((r) => html`<tr key=${r.offering.index}><th scope="row">${siteName(r.place)}</th>${Array.from({ length: DAYS }, (_, i) => {
                    const four = r.free.slice(i * 4, i * 4 + 4).filter((n) => n !== null);
                    return html`<td class="num" key=${i}>${four.length ? whole(Math.max(0, Math.min(...four))) : t("none")}</td>`;
                })}</tr>`)}</tbody></table></div></details>
        </section>`;
};
