/* How long jobs waited at each site, as anybody may see it: of enough organisations that none is recognised. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { duration, whole } from "../lib/format.js";
import { siteName } from "../lib/sites.js";
import { Bar, Swatch } from "./bar.js";

const PARTS = ["held", "off"];

/** @param {{waits: any, sites: Map<string, any>}} props waits: what GET /v1/sites/waits says */
export const SiteWaits = ({ waits, sites }) => {
    const known = waits.items.filter((w) => w.started !== null);
    const long = known.reduce((a, b) => (b.ninety_ms > (a?.ninety_ms ?? -1) ? b : a), null);
    const most = BigInt(Math.max(1, long?.ninety_ms ?? 0));
    const time = (ms) => (ms === null ? html`<span class="second">${t("sites.waits.few")}</span>` : duration(ms / 1000));
    return html`
        <section class="card" data-waits=""><h2>${t("sites.waits")}</h2>
            <p>${long ? t("sites.waits.text", { site: siteName(sites.get(long.site), long.site), half: duration(long.half_ms / 1000), ninety: duration(long.ninety_ms / 1000) }) : t("sites.waits.none")}</p>
            ${long && html`<ul class="legend">${["half", "ninety"].map((name, i) => html`<li key=${name}><${Swatch} kind=${PARTS[i]} />${t("sites.waits." + name)}</li>`)}</ul>`}
            <div class="table-scroll gap"><table class="blocks"><caption class="hidden-text">${t("sites.waits")}</caption>
                <thead><tr><th scope="col">${t("site")}</th><th scope="col" class="num">${t("sites.waits.half")}</th><th scope="col" class="num">${t("sites.waits.ninety")}</th><th scope="col"><span class="hidden-text">${t("drawing")}</span></th><th scope="col" class="num">${t("sites.waits.now")}</th></tr></thead>
                <tbody>${waits.items.map((w) => html`<tr key=${w.site} data-site=${w.site}><th scope="row" class="lead">${siteName(sites.get(w.site), w.site)}</th>
                    <td class="num" data-label=${t("sites.waits.half")}>${time(w.half_ms)}</td><td class="num" data-label=${t("sites.waits.ninety")}>${time(w.ninety_ms)}</td>
                    <td class="mini-bar">${w.started !== null && html`<${Bar} low height=${12} total=${most} parts=${[w.half_ms, w.ninety_ms - w.half_ms].map((ms, i) => ({ kind: PARTS[i], gpums: BigInt(ms) }))} />`}</td>
                    <td class="num" data-label=${t("sites.waits.now")}>${w.waiting === null ? html`<span class="second">${t("sites.waits.few")}</span>` : t("sites.waits.gpus", { n: w.waiting, gpus: whole(w.waiting_gpus) })}</td></tr>`)}</tbody></table></div>
            <p class="chart-note">${t("sites.waits.note")}</p></section>`;
};
