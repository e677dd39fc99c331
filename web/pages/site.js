/* /site/{site}: in touch or not; anything waiting for me. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { clock, country, dateTime, rate, shortHash, whole } from "../lib/format.js";
import { ago } from "../lib/ago.js";
import { more } from "../lib/more.js";
import { gpuName, siteName, useSites } from "../lib/sites.js";
import { useData, useNow } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Assumed, Folio } from "../parts/amount.js";
import { Nowhere, Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { Kept } from "../parts/floors.js";
import { Icon } from "../parts/icon.js";
import { Note } from "../parts/note.js";
import { Reports, Stop, Tickets } from "../parts/site-bits.js";
import { State, stateOf } from "../parts/state.js";

await more("../messages/LANG.site.json");

const STEPS = [["issued", "send"], ["delivered", "check"], ["permitted", "clock"], ["running", "play"], ["ended", "flag"], ["settled", "ok"]];
const stepOf = (k) => (k.state === "issued" && k.confirmed ? "delivered" : k.state);
const ON_THE_PATH = [...STEPS.map(([name]) => name), "finished"];
/** Longer than a poll and a half: no longer in touch. */
const IN_TOUCH_MS = 90_000;

const Figures = ({ agent, now, touch }) => {
    const open = agent.last_seq - agent.confirmed_seq;
    return html`
        <section class="card figures4">
            <div><p class="name">${t("site.contact")}</p><p class=${touch ? "figure-card good" : "figure-card bad"} data-figure="contact">${agent.last_contact ? ago(now - Date.parse(agent.last_contact)) : t("site.never")}</p>
                <p class="hint">${agent.last_contact ? t("site.contact.at", { time: clock(agent.last_contact) }) : t("site.never.text")}</p>${agent.instance ? html`<p class="hint">${t("site.instance", { n: agent.instance, time: agent.since ? dateTime(agent.since) : "" })}</p>` : null}</div>
            <div><p class="name">${t("site.unconfirmed")}</p><p class="figure-card" data-figure="unconfirmed">${whole(open)}</p><p class="hint">${t("site.confirmed", { n: agent.confirmed_seq ?? 0 })}</p></div>
            <div><p class="name">${t("site.reports")}</p><p class="figure-card">${whole(agent.last_report ?? 0)}</p><p class="hint">${t("site.no-gap")}</p></div>
            <div><p class="name">${t("site.state")}</p><p class="figure-card small-figure"><${State} name=${agent.state} /></p><p class="hint">${agent.reason ?? ""}</p></div>
        </section>`;
};
const States = ({ tickets }) => {
    const runs = tickets.filter((k) => k.do !== "cancel");
    const left = runs.filter((k) => !ON_THE_PATH.includes(stateOf(k)));
    return html`
        <ul class="steps">${STEPS.map(([name, icon]) => {
            const n = runs.filter((k) => stepOf(k) === name).length;
            return html`<li key=${name} class=${name === "running" && n ? "on" : ""}><span><${Icon} name=${icon} />${t(name === "permitted" ? "site.step.permitted" : "state." + name)}</span><b>${whole(n)}</b></li>`;
        })}</ul>
        <p class="small second">${tickets.length ? t("site.left", { n: left.length, all: runs.length }) : t("site.no-tickets")}</p>`;
};

export const first = ({ params: { site } }) => ahead(`/v1/sites/${site}/agent`, `/v1/sites/${site}/tickets?limit=100`, `/v1/sites/${site}/reports?limit=6`, "/v1/sites");

export default ({ params }) => {
    const base = `/v1/sites/${params.site}`;
    const agent = useData(base + "/agent", { every: 5000 });
    const tickets = useData(base + "/tickets?limit=100", { every: 5000 });
    const reports = useData(base + "/reports?limit=6", { every: 5000 });
    const { sites, loaded, reload } = useSites(10_000);
    const now = useNow(1000);
    const site = sites.get(params.site);
    if (agent.error && !agent.data) return html`<${Head} title=${siteName(site, params.site)} /><${Waiting} error=${agent.error} retry=${agent.reload} />`;
    const there = [tickets, reports].every(({ data, error }) => data || error); /* drawn once: what comes later would move the rest */
    if (!agent.data || !loaded || !there) return html`<${Head} title=${params.site} /><${Waiting} />`;
    if (!site) return html`<${Nowhere} status=${404} />`;
    const touch = agent.data.last_contact && now - Date.parse(agent.data.last_contact) < IN_TOUCH_MS;
    const all = tickets.data?.items ?? [];
    const running = all.filter((k) => k.state === "running").length;
    const again = () => {
        agent.reload();
        reload();
    };
    return html`
        <${Head} title=${t(touch ? "site.in-touch" : "site.silent", { site: siteName(site) })} state=${html`<${State} name=${site.state} />`}
            sub=${t("site.sub", { name: site.name, city: site.city, country: country(site.country), n: running })}>
            <${Stop} site=${site} verb="pause" onDone=${again} /><${Stop} site=${site} verb="drain" onDone=${again} /><//>
        <div class="stack">
            ${!touch && html`<${Note} kind="brick"><p><b>${t("site.silent.title")}</b> ${t("site.silent.text")}</p><//>`}
            ${site.state === "paused" && html`<${Note} kind="ochre" icon="pause">${t("site.paused.note")}<//>`}
            ${site.state === "draining" && html`<${Note} kind="ochre" icon="right">${t("site.draining.note")}<//>`}
            <${Figures} agent=${{ state: site.state, ...agent.data }} now=${now} touch=${touch} />
            <div class="grid side-right">
                <div class="stack">
                    <section class="card"><div class="card-head"><h2>${t("site.by-state")}</h2><a class="small" href=${to(`/site/${site.code}/tickets`)}>${t("site.all-tickets")}</a></div>
                        ${tickets.data ? html`<${States} tickets=${all} />${all.length > 0 && html`<div class="gap"><${Tickets} items=${all.slice(0, 6)} caption=${t("nav.tickets")} /></div>`}` : html`<${Waiting} error=${tickets.error} rows=${4} />`}</section>
                    <section class="card"><div class="card-head"><h2>${t("site.latest-reports")}</h2><a class="small" href=${to(`/site/${site.code}/reports`)}>${t("site.all-reports")}</a></div>
                        ${!reports.data ? html`<${Waiting} error=${reports.error} rows=${4} />` : reports.data.items.length ? html`<${Reports} items=${reports.data.items} caption=${t("site.latest-reports")} />` : html`<p class="second">${t("site.no-reports")}</p>`}</section>
                </div>
                <div class="stack">
                    <section class="card"><div class="card-head"><h2>${t("site.offered")}</h2><a class="small" href=${to(`/sites/${site.code}`)}>${t("site.calendar")}</a></div>${site.offerings.map((o) => html`
                        <dl class="facts offered" key=${o.index}><div class="sum"><dt>${gpuName(o)}</dt><dd>${o.kind === "experimental-platform" && html`<span class="hint">${t("capacity.experimental")}</span>`}<${Assumed} when=${o.assumed} /></dd></div>
                            <div><dt>${t("site.brokered")}</dt><dd>${whole(o.brokered_gpus)}</dd></div><div><dt>${t("site.free-now")}</dt><dd>${whole(o.free_gpus_now)}</dd></div>
                            <div><dt>${t("floors.kept")}</dt><dd data-figure="floors"><${Kept} offering=${o} /></dd></div>
                            <div><dt>${t("rate-word")}</dt><dd>${o.rate ? rate(o.rate.rate_milli) : t("none")}<${Assumed} when=${o.rate?.assumed} /> <${Folio} entry=${o.rate?.index} /></dd></div></dl>`)}</section>
                    <section class="card"><h2>${t("site.key")}</h2>${agent.data.key ? html`<dl class="facts">
                        <div><dt>${t("site.key.entry")}</dt><dd><${Folio} entry=${agent.data.key.index ?? agent.data.key.entry} /></dd></div>
                        ${agent.data.key.since && html`<div><dt>${t("site.key.since")}</dt><dd>${dateTime(agent.data.key.since)}</dd></div>`}
                        ${(agent.data.key.ed25519 ?? agent.data.key.x) && html`<div><dt>Ed25519</dt><dd class="mono small">${shortHash(agent.data.key.ed25519 ?? agent.data.key.x)}</dd></div>`}</dl>` : html`<p class="second">${t("site.key.none")}</p>`}</section>
                </div>
            </div>
        </div>`;
};
