/* /sites/{code}: what stands there, and when how much of it is free; with what of it is the reader's to see. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { clock, dateTime, rate, whole } from "../lib/format.js";
import { DAY, HOUR } from "../lib/calendar.js";
import { more } from "../lib/more.js";
import { gpuName, siteName, siteTown, useSites } from "../lib/sites.js";
import { seat } from "../lib/session.js";
import { nowMs, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Assumed } from "../parts/amount.js";
import { Nowhere, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Calendar } from "../parts/calendar.js";
import { Floors } from "../parts/floors.js";
import { Head } from "../parts/frame.js";
import { State } from "../parts/state.js";

await more("../messages/LANG.places.json", "../styles/places.css");

/** How far the calendar looks, and how wide its columns are. */
const SPANS = { 4: { step: 6 * HOUR, columns: 4 * 28 }, 12: { step: DAY, columns: 7 * 12 }, 26: { step: DAY, columns: 7 * 26 } };
const KIND = { startup: "calendar.yours", site: "calendar.booked", officer: "calendar.booked", admin: "calendar.booked" };

const Booked = ({ calendar, offerings, kind }) => html`
    <section class="card"><h2>${t(KIND[kind])}</h2>
        ${calendar.reservations.length === 0 ? html`<p class="second">${t(kind === "startup" ? "calendar.yours.none" : "calendar.booked.none")}</p>` : html`
        <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t(KIND[kind])}</caption>
            <thead><tr><th scope="col">${t("calendar.job")}</th>${kind !== "startup" && html`<th scope="col">${t("calendar.whose")}</th>`}<th scope="col" class="num">${t("gpus")}</th><th scope="col">${t("calendar.from")}</th><th scope="col">${t("calendar.to")}</th><th scope="col">${t("state")}</th></tr></thead>
            <tbody>${[...calendar.reservations].sort((a, b) => Date.parse(a.from) - Date.parse(b.from)).map((r) => html`
                <tr key=${r.id}><td class="lead"><a href=${to(`/reservations/${r.id}`)}>${r.name || r.id}</a></td>${kind !== "startup" && html`<td data-label=${t("calendar.whose")}>${r.organisation}</td>`}
                    <td class="num" data-label=${t("gpus")}>${t("calendar.gpus", { n: r.gpus, gpu: gpuName(offerings.find((o) => o.index === r.offering)) })}</td>
                    <td data-label=${t("calendar.from")}>${dateTime(r.from)}</td><td data-label=${t("calendar.to")}>${dateTime(r.to)}</td><td class="end"><${State} name=${r.state} /></td></tr>`)}</tbody></table></div>`}
        ${calendar.more && html`<p class="chart-note">${t("calendar.more")}</p>`}
    </section>`;

/** Who may set what is kept free: the others who see it are auditors. */
const maySet = (who) => ["officer", "site_operator", "administrator"].includes(who?.role);
const Offering = ({ offering: o, calendar, from, step, own, kind, reload }) => {
    const mine = own.filter((r) => r.offering === o.index);
    const below = (r) => r.gpus < o.gpus_per_node;
    const whose = kind === "startup" ? t("calendar.own") : t("calendar.each");
    return html`
        <section class="card" data-offering=${o.index}><div class="card-head"><h2>${gpuName(o)}<${Assumed} when=${o.assumed} /></h2>${o.kind === "experimental-platform" && html`<span class="end">${t("capacity.experimental")}</span>`}</div>
            <dl class="site-facts">
                <div><dt>${t("site.brokered")}</dt><dd>${whole(o.brokered_gpus)}</dd></div><div><dt>${t("site.free-now")}</dt><dd>${whole(o.free_gpus_now)}</dd></div><div><dt>${t("capacity.node")}</dt><dd>${whole(o.gpus_per_node)}</dd></div>
                <div><dt>${t("calendar.island")}</dt><dd>${whole(o.max_gpus_one_island)}</dd></div>${o.rate && html`<div><dt>${t("rate-word")}</dt><dd>${rate(o.rate.rate_milli)}<${Assumed} when=${o.rate.assumed} /></dd></div>`}
            </dl>
            ${kind && kind !== "startup" && html`<${Floors} offering=${o} may=${maySet(seat.value)} onDone=${reload} />`}
            ${calendar?.whole_nodes && html`<${Calendar} title=${t("calendar.whole", { n: o.gpus_per_node })} columns=${calendar.whole_nodes} from=${from} step=${step} own=${mine.filter((r) => !below(r))} whose=${whose} now=${nowMs()} />`}
            ${calendar?.below_node && html`<${Calendar} title=${t("calendar.below", { n: o.gpus_per_node })} columns=${calendar.below_node} from=${from} step=${step} own=${mine.filter(below)} whose=${whose} now=${nowMs()} />`}
        </section>`;
};

const weeksOf = (query) => (SPANS[query.get("weeks")] ? query.get("weeks") : "4");
const pathOf = ({ code }, weeks) => `/v1/sites/${code}/calendar?from=${new Date(Math.floor(nowMs() / DAY) * DAY).toISOString()}&step_s=${SPANS[weeks].step / 1000}&columns=${SPANS[weeks].columns}`;
export const first = ({ params, query }) => ahead(pathOf(params, weeksOf(query)), "/v1/sites");

export default ({ params, query }) => {
    const weeks = weeksOf(query);
    const { data, error, reload } = useData(pathOf(params, weeks), { every: 60_000, mark: seat.value?.id });
    const { sites, loaded, reload: reloadSites } = useSites(30_000);
    const site = sites.get(params.code);
    const crumbs = html`<a href=${to("/sites")}>${t("nav.sites")}</a>`;
    if (loaded && !site) return html`<${Nowhere} status=${404} />`;
    if (!data || !site) return html`<${Head} title=${site ? siteName(site) : params.code} crumbs=${crumbs} sub="" /><${Waiting} error=${error} retry=${reload} rows=${10} />`;
    const kind = seat.value?.kind === "site" && seat.value.site !== params.code ? undefined : seat.value?.kind;
    return html`
        <${Head} title=${siteName(site)} crumbs=${crumbs} sub=${t("calendar.sub", { name: site.name, town: siteTown(site) })} state=${html`<${State} name=${site.state} />`}>
            ${kind === "startup" && html`<${Button} kind="primary" href=${to("/ask", { countries: site.country })}>${t("calendar.ask")}<//>`}
            ${kind === "site" && html`<${Button} href=${to(`/site/${site.code}`)}>${t("nav.agent")}<//>`}<//>
        <div class="between"><nav class="tabs" aria-label=${t("calendar.span")}>${Object.keys(SPANS).map((n) => html`<a key=${n} href=${to(`/sites/${site.code}`, n === "4" ? {} : { weeks: n })} aria-current=${n === weeks ? "true" : undefined}>${t("calendar.weeks", { n: Number(n) })}</a>`)}</nav>
            <p class="small second">${t("sites.as-of", { time: clock(data.as_of) })}</p></div>
        <div class="stack">
            ${site.offerings.map((o) => html`<${Offering} key=${o.index} offering=${o} calendar=${data.offerings.find((c) => c.offering === o.index)} from=${Date.parse(data.from)} step=${data.step_s * 1000} own=${data.reservations} kind=${kind} reload=${reloadSites} />`)}
            ${site.offerings.length === 0 && html`<p class="card">${t("calendar.nothing")}</p>`}
            ${kind && html`<${Booked} calendar=${data} offerings=${site.offerings} kind=${kind} />`}
            <p class="chart-note">${t("calendar.note")}</p>
        </div>`;
};
