/* /sites: where the sites are, and how much is free at each now and this week. The table says all that the map does. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { clock, compact, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { siteName, siteTown, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Assumed } from "../parts/amount.js";
import { Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { EuropeMap } from "../parts/map.js";
import { SiteWaits } from "../parts/site-waits.js";
import { State } from "../parts/state.js";
import { TableTools } from "../parts/table.js";

await more("../messages/LANG.places.json", "../styles/places.css");

/** A site's figures over its offerings of batch jobs. */
const figures = (site, offerings) => offerings.filter((o) => o.site === site.code && o.kind !== "experimental-platform").reduce((sum, o) => ({
    gpus: sum.gpus + o.brokered_gpus, now: sum.now + o.free_gpus_now, week: sum.week + Number(o.weeks?.[0]?.gpu_hours_free ?? 0) }), { gpus: 0, now: 0, week: 0 });

const KEYS = { site: (r) => siteName(r.site), now: (r) => r.now, week: (r) => r.week };
export const first = () => ahead("/v1/offerings?weeks=1", "/v1/sites");

export default ({ query }) => {
    const { data, error, at, reload } = useData("/v1/offerings?weeks=1", { every: 30_000 });
    const { sites, loaded } = useSites(30_000);
    const waits = useData("/v1/sites/waits");
    const head = html`<${Head} title=${t("nav.sites")} sub=${t("sites.sub")} />`;
    if (!data || !loaded || !(waits.data || waits.error)) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${10} />`;
    const rows = [...sites.values()].map((site) => ({ site, ...figures(site, data.items) })).sort((a, b) => b.week - a.week);
    const marks = rows.map(({ site, gpus, week }) => ({ ...site, name: siteName(site), second: compact(week), kind: /** @type {"gauge"} */ ("gauge"), share: Math.min(1, week / Math.max(1, gpus * 24 * 7)) }));
    const shown = arrange(rows, query, KEYS);
    return html`
        ${head}
        <div class="stack">
        <section class="card flush sites-map" aria-label=${t("nav.sites")}>
            <div class="drawing"><${EuropeMap} places=${marks} crop="xMidYMid meet" label=${t("sites.map")} link=${(place) => to(`/sites/${place.code}`)} /></div>
            <div class="list"><div class="card-head"><h2>${t("sites.free")}</h2><span class="end small second">${t("sites.as-of", { time: clock(data.as_of ?? at) })}</span></div>
                <${TableTools} query=${query} path="/v1/sites" columns=${[["site", t("site")], ["now", t("site.free-now")], ["week", t("sites.week")]]} />
                <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("sites.free")}</caption>
                    <thead><tr><th scope="col">${t("site")}</th><th scope="col" class="num">${t("site.free-now")}</th><th scope="col" class="num">${t("sites.week")}</th><th scope="col">${t("state")}</th></tr></thead>
                    <tbody>${shown.map(({ site, gpus, now, week }) => html`
                        <tr key=${site.code}><td class="lead"><a href=${to(`/sites/${site.code}`)}><b>${siteName(site)}</b></a><span class="hint">${siteTown(site)}<${Assumed} when=${site.assumed} /></span></td>
                            <td class="num" data-label=${t("site.free-now")}>${t("sites.of", { n: now, all: gpus })}</td><td class="num" data-label=${t("sites.week")}>${whole(week)}</td><td class="end"><${State} name=${site.state} /></td></tr>`)}</tbody></table></div>
                <p class="chart-note">${t("sites.note")}</p></div>
        </section>
        ${waits.data && html`<${SiteWaits} waits=${waits.data} sites=${sites} />`}
        </div>`;
};
