/* /: what this is; how much is free this week; that the books can be checked; where to sign in. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { clock, compact, dateTime } from "../lib/format.js";
import { ago } from "../lib/ago.js";
import { me, seat } from "../lib/session.js";
import { siteName, useSites } from "../lib/sites.js";
import { nowMs, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Capacity, WEEKS, inThousands } from "../parts/capacity.js";
import { Head } from "../parts/frame.js";
import { EuropeMap } from "../parts/map.js";
import { Waiting } from "../parts/broken.js";

const weekOf = (o) => Number(o.weeks?.[0]?.gpu_hours_free ?? 0);
const fullWeek = (o) => Math.max(1, Number(o.brokered_gpus ?? 0) * 24 * 7);
const Strokes = ({ n }) => html`<svg width="34" height="22" viewBox="0 0 34 22" fill="none" stroke-width="2" stroke-linecap="round" aria-hidden="true">${Array.from({ length: n }, (_, i) => html`<path d=${`M${2 + i * 5} 2v18`} key=${i} />`)}</svg>`;

export const first = () => ahead(`/v1/offerings?weeks=${WEEKS}`, "/v1/sites", "/v1/journal");
export default () => {
    const offerings = useData(`/v1/offerings?weeks=${WEEKS}`, { every: 30_000 });
    const { sites } = useSites();
    const journal = useData("/v1/journal", { every: 10_000 });
    const items = offerings.data?.items ?? [];
    const bySite = new Map();
    for (const o of items) if (o.kind !== "experimental-platform") bySite.set(o.site, { free: (bySite.get(o.site)?.free ?? 0) + weekOf(o), all: (bySite.get(o.site)?.all ?? 0) + fullWeek(o) });
    const gpus = items.filter((o) => o.kind !== "experimental-platform");
    const now = gpus.reduce((n, o) => n + Number(o.free_gpus_now ?? 0), 0);
    const marks = [...bySite].filter(([code]) => sites.has(code)).map(([code, v]) => ({ ...sites.get(code), name: siteName(sites.get(code)), second: compact(v.free), kind: "gauge", share: Math.min(1, v.free / v.all) }));
    const free = items.length ? [...bySite.values()].reduce((n, v) => n + v.free, 0) : null;
    return html`
        <div class="stack">
            <div class="card front">
                <div class="says">
                    <${FrontTitle} />
                    <p>${t("front.text", { n: sites.size || "" })}</p>
                    <div class="deeds"><${Button} kind="primary" href=${me.value ? to(seat.value?.home ?? "/me") : to("/sign-in")}>${t(me.value ? "front.home" : "front.sign-in")}<//><${Button} href=${to("/capacity")}>${t("see-capacity")}<//></div>
                    <dl class="ledger-lines">
                        <div><dt>${t("front.week", { n: bySite.size || "" })}</dt><dd data-figure="week">${free === null ? "…" : t("n-gpu-hours", { n: Math.round(free) })}</dd></div>
                        <div><dt>${t("front.now")}</dt><dd>${items.length ? t("n-gpus", { n: now }) : "…"}</dd></div>
                        <div><dt>${t("nav.journal")}</dt><dd>${journal.data ? t("n-entries", { n: journal.data.size }) : "…"}</dd></div>
                        <div><dt>${t("front.newest")}</dt><dd>${journal.data ? ago(nowMs() - Date.parse(journal.data.time)) : "…"}</dd></div>
                    </dl>
                </div>
                <div class="drawing"><span class="title">${t("front.map")}</span><${EuropeMap} places=${marks} /></div>
            </div>
            <section class="card"><div class="card-head"><h2>${t("capacity.title")}</h2>${offerings.data && html`<span class="end">${t(inThousands(offerings.data.items) ? "capacity.unit.k" : "capacity.unit", { time: clock(offerings.data.as_of ?? offerings.at) })}</span>`}</div>
                ${offerings.data ? html`<${Capacity} offerings=${items} sites=${sites} />` : html`<${Waiting} error=${offerings.error} retry=${offerings.reload} rows=${7} />`}</section>
            <div class="grid halves stretch">
                <section class="card"><h2>${t("front.books")}</h2>
                    ${journal.data ? html`<p class="small second">${t("front.root", { n: journal.data.size, time: dateTime(journal.data.time) })}</p><p class="sunken mono small wrap-anywhere gap">${journal.data.origin}<br />${journal.data.size}<br />${journal.data.root}</p>` : html`<${Waiting} error=${journal.error} rows=${3} />`}
                    <p class="gap">${tx("front.check", { audit: html`<code>kontor-audit</code>` })}</p><p class="gap"><a href=${to("/journal")}>${t("front.more")}</a></p></section>
                <section class="card"><h2>${t("front.how")}</h2><ol class="how">${["ask", "accept", "run", "settle"].map((step, i) => html`<li key=${step}><${Strokes} n=${i + 1} /><p>${tx("front.how." + step)}</p></li>`)}</ol></section>
            </div>
        </div>`;
};
const FrontTitle = () => html`<${Head} title=${t("front.title")} />`;
