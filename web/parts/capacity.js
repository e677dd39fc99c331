/* Free capacity by site and week, as numbers on five steps of one colour; the number says it, the colour repeats it. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { country, dayShort, thousands, whole } from "../lib/format.js";
import { gpuName, siteName } from "../lib/sites.js";
import { to } from "../lib/router.js";
import { Assumed } from "./amount.js";

export const WEEKS = 8;
const hoursOf = (week) => Number(week.gpu_hours_free ?? 0);
/** Are the figures so large that thousands read better? */
export const inThousands = (offerings) => offerings.some((o) => o.weeks?.some((w) => hoursOf(w) >= 10_000));
/** Step 1 to 5 of a value against the largest. */
const heat = (value, most) => (most <= 0 ? 1 : Math.min(5, 1 + Math.floor((value / most) * 4.999)));

/** @param {{offerings: any[], sites: Map<string, any>}} props */
export const Capacity = ({ offerings, sites }) => {
    const rows = offerings.filter((o) => o.weeks?.length).map((o) => ({ ...o, place: sites.get(o.site) }));
    const most = Math.max(0, ...rows.flatMap((o) => o.weeks.map(hoursOf)));
    const big = inThousands(offerings);
    if (!rows.length) return html`<p class="second">${t("capacity.none")}</p>`;
    return html`
        <div class="table-scroll" tabindex="0" role="region" aria-label=${t("capacity.title")}><table class="heat"><caption class="hidden-text">${t("capacity.title")}</caption>
            <thead><tr><th scope="col">${t("site")}</th><th scope="col">${t("gpu-word")}</th>${rows[0].weeks.map((w, i) => html`<th scope="col" class="num" key=${w.from}>${i === 0 ? t("this-week") : dayShort(w.from)}</th>`)}</tr></thead>
            <tbody>${rows.map((o) => html`
                <tr key=${o.index}><th scope="row"><a href=${to(`/sites/${o.site}`)}>${siteName(o.place, o.site)}</a> <span class="hint inline regular">${country(o.place?.country)}</span></th>
                    <td class="small">${gpuName(o)}<${Assumed} when=${o.assumed} />${o.kind === "experimental-platform" && html` <span class="hint inline">${t("capacity.experimental")}</span>`}</td>
                    ${o.weeks.map((w) => html`<td class=${"num heat-" + heat(hoursOf(w), most)} key=${w.from}>${big ? thousands(hoursOf(w)) : whole(Math.floor(hoursOf(w)))}</td>`)}</tr>`)}</tbody></table></div>`;
};
