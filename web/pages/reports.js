/* /programme/reports: what a period came to, on sheets of A4: credits in and out, by whom, where and how; and how to check it. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { has, t, tx } from "../lib/words.js";
import { big, country, dateTime, dayYear, euro, gpuHourParts, percent, priceCredits, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { nowMs, useData } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { siteName, useSites } from "../lib/sites.js";
import { Folio } from "../parts/amount.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Field } from "../parts/field.js";
import { Head } from "../parts/frame.js";

await more("../messages/LANG.report.json", "../styles/report.css");

const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const from = (year, month) => dayOf(Date.UTC(year, month, 1));
/** The periods that are asked for most: [key, first day, day after the last]. UTC, as the journal's times. */
const periods = (now) => {
    const d = new Date(now), y = d.getUTCFullYear(), m = d.getUTCMonth(), q = m - (m % 3);
    return [["month", from(y, m), from(y, m + 1)], ["last-month", from(y, m - 1), from(y, m)], ["quarter", from(y, q), from(y, q + 3)], ["last-quarter", from(y, q - 3), from(y, q)],
        ["year", from(y, 0), from(y + 1, 0)], ["last-year", from(y - 1, 0), from(y, 0)]];
};
const net = (g) => big(g.settled_gpums) - big(g.corrected_gpums);
const milli = (part, all) => (all > 0n ? Number((part * 1000n) / all) : 0);
const COLUMNS = ["granted", "held", "settled", "corrected", "lapsed", "clawed_back"];

const By = ({ name, rows, label, all }) => rows.length === 0 ? null : html`
    <section class="card sheet"><h2>${t("report.by." + name)}</h2>
        <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("report.by." + name)}</caption>
            <thead><tr><th scope="col">${t("report.of." + name)}</th>${COLUMNS.map((c) => html`<th scope="col" class="num" key=${c}>${t("report." + c)}</th>`)}<th scope="col" class="num">${t("report.value")}</th><th scope="col" class="num">${t("report.part")}</th></tr></thead>
            <tbody>${rows.map((g) => html`<tr key=${g.name}><th scope="row" class="lead">${label(g)}</th>
                ${COLUMNS.map((c) => html`<td class="num" key=${c} data-label=${t("report." + c)}>${priceCredits(g[c + "_gpums"])}</td>`)}
                <td class="num" data-label=${t("report.value")}>${euro(g.value_eur_cents)}</td>
                <td class="num" data-label=${t("report.part")}>${percent(milli(net(g), net(all)))}</td></tr>`)}</tbody>
        </table></div></section>`;
/* what was booked and not used, by how the job ended */
const Jobs = ({ jobs, sites }) => {
    if (!jobs.length) return null;
    const sum = (name) => jobs.reduce((n, j) => n + j[name], 0), booked = sum("booked_gpu_seconds"), used = sum("used_gpu_seconds");
    return html`
        <section class="card sheet"><h2>${t("report.jobs")}</h2>
            <p class="gap">${t("report.idle", { n: sum("jobs"), hours: gpuHourParts(Math.max(booked - used, 0))[0], part: percent(booked ? Math.round((1000 * Math.max(booked - used, 0)) / booked) : 0) })}</p>
            <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("report.jobs")}</caption>
                <thead><tr><th scope="col">${t("site")}</th><th scope="col">${t("report.outcome")}</th><th scope="col" class="num">${t("report.count")}</th><th scope="col" class="num">${t("report.booked")}</th><th scope="col" class="num">${t("report.used")}</th><th scope="col" class="num">${t("report.unused")}</th></tr></thead>
                <tbody>${jobs.map((j) => html`<tr key=${j.site + j.outcome}><th scope="row" class="lead">${siteName(sites.get(j.site), j.site)}</th><td data-label=${t("report.outcome")}>${has("report.outcome." + j.outcome) ? t("report.outcome." + j.outcome) : j.outcome}</td>
                    <td class="num" data-label=${t("report.count")}>${whole(j.jobs)}</td><td class="num" data-label=${t("report.booked")}>${gpuHourParts(j.booked_gpu_seconds)[0]}</td><td class="num" data-label=${t("report.used")}>${gpuHourParts(j.used_gpu_seconds)[0]}</td>
                    <td class="num" data-label=${t("report.unused")}>${gpuHourParts(Math.max(j.booked_gpu_seconds - j.used_gpu_seconds, 0))[0]}</td></tr>`)}</tbody></table></div></section>`;
};
const Sum = ({ name, gpums, children }) => html`<div data-figure=${name}><dt>${t("report." + name)}</dt><dd class="num">${children ?? priceCredits(gpums)}</dd></div>`;
const Whole = ({ r }) => {
    const all = r.all;
    return html`
        <section class="card sheet"><h2>${t("report.all")}</h2>
            <dl class="facts gap">
                <${Sum} name="funded" gpums=${all.funded_gpums} /><${Sum} name="allotted" gpums=${all.allotted_gpums} />
                <${Sum} name="granted" gpums=${all.granted_gpums} /><${Sum} name="worth">${t("report.worth.of", { n: all.grants, amount: euro(all.value_eur_cents) })}<//>
                <${Sum} name="held" gpums=${all.held_gpums} /><${Sum} name="released" gpums=${all.released_gpums} />
                <${Sum} name="settled" gpums=${all.settled_gpums} /><${Sum} name="corrected" gpums=${all.corrected_gpums} />
                <${Sum} name="lapsed" gpums=${all.lapsed_gpums} /><${Sum} name="clawed_back" gpums=${all.clawed_back_gpums} />
                <${Sum} name="disputes">${t("report.disputes.of", { opened: whole(r.disputes.opened), closed: whole(r.disputes.closed) })}<//>
            </dl>
        </section>`;
};
const Concentration = ({ c }) => c.organisations_paid === 0 ? null : html`
    <section class="card sheet"><h2>${t("report.concentration")}</h2>
        <p>${t("report.concentration.text", { n: c.organisations_paid, first: percent(c.first_milli), five: percent(c.first_5_milli), ten: percent(c.first_10_milli), twenty: percent(c.first_20_milli) })}</p>
        <p class="chart-note">${t("report.concentration.index", { n: whole(c.herfindahl) })}</p></section>`;
const Corrections = ({ list }) => html`
    <section class="card sheet"><h2>${t("report.corrections")}</h2>
        ${list.length === 0 ? html`<p>${t("report.corrections.none")}</p>` : html`
        <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("report.corrections")}</caption>
            <thead><tr><th scope="col">${t("report.entry")}</th><th scope="col">${t("report.time")}</th><th scope="col">${t("report.corrects")}</th><th scope="col" class="num">${t("credits")}</th></tr></thead>
            <tbody>${list.map((e) => html`<tr key=${e.entry}><th scope="row" class="lead"><${Folio} entry=${e.entry} /></th><td data-label=${t("report.time")}>${dateTime(e.time)}</td>
                <td data-label=${t("report.corrects")}><${Folio} entry=${e.of} /></td><td class="num" data-label=${t("credits")}>${priceCredits(e.amount_gpums)}</td></tr>`)}</tbody></table></div>
        <p class="chart-note">${t("report.corrections.note")}</p>`}</section>`;
const Verified = ({ signatures, witnesses }) => signatures.length + witnesses.length === 0 ? null : html`
    <section class="card sheet"><h2>${t("report.verified")}</h2>
        ${signatures.length > 0 && html`<div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("report.verified")}</caption>
            <thead><tr><th scope="col">${t("report.verified.what")}</th><th scope="col">${t("report.verified.by")}</th><th scope="col" class="num">${t("report.verified.count")}</th><th scope="col" class="num">${t("report.verified.keys")}</th></tr></thead>
            <tbody>${signatures.map((s) => html`<tr key=${s.by + s.settles}><th scope="row" class="lead">${t(s.settles ? "report.verified.settles" : "report.verified.orders")}</th><td data-label=${t("report.verified.by")}>${t("report.by." + s.by)}</td>
                <td class="num" data-label=${t("report.verified.count")}>${whole(s.signatures)}</td><td class="num" data-label=${t("report.verified.keys")}>${whole(s.keys)}</td></tr>`)}</tbody></table></div>`}
        ${witnesses.length > 0 && html`<div class="table-scroll gap"><table class="blocks"><caption class="hidden-text">${t("report.checkpoints")}</caption>
            <thead><tr><th scope="col">${t("report.witness")}</th><th scope="col" class="num">${t("report.checkpoints")}</th><th scope="col">${t("report.witness.last")}</th></tr></thead>
            <tbody>${witnesses.map((w) => html`<tr key=${w.name}><th scope="row" class="lead">${w.name}</th><td class="num" data-label=${t("report.checkpoints")}>${whole(w.checkpoints)}</td><td data-label=${t("report.witness.last")}>${dateTime(w.last)}</td></tr>`)}</tbody></table></div>`}</section>`;
const Check = ({ r }) => html`
    <section class="card sheet"><h2>${t("report.check")}</h2>
        <p>${r.journal.entries ? tx("report.check.text", { n: whole(r.journal.entries), first: html`<${Folio} entry=${r.journal.first} />`, last: html`<${Folio} entry=${r.journal.last} />`, size: whole(r.journal.size), time: dateTime(r.as_of) }) : t("report.check.none")}</p>
        <p class="gap">${tx("report.check.package", { audit: html`<code>kontor-audit</code>` })}</p>
        <p class="gap">${tx("report.check.how", { audit: html`<code>kontor-audit</code>` })}</p>
        <p class="chart-note">${t("report.check.not")}</p>
    </section>`;

const asked = (query) => {
    const list = periods(nowMs());
    const start = query.get("from") ?? list[0][1], end = query.get("to") ?? list[0][2];
    return { list, start, end, ask: `from=${start}T00:00:00Z&to=${end}T00:00:00Z` };
};
export const first = ({ query }) => ahead(`/v1/programme/report?${asked(query).ask}`, "/v1/sites");

export default ({ query }) => {
    const { list, start, end, ask } = asked(query);
    const { data: r, error, reload } = useData(`/v1/programme/report?${ask}`);
    const { sites } = useSites(60_000);
    const last = dayOf(Date.parse(end) - 1);
    const move = (change) => go(to("/programme/reports", { from: start, to: end, ...change }), { replace: true });
    return html`
        <${Head} title=${t("report.title")} sub=${t("report.sub", { from: dayYear(start), to: dayYear(last) })}>
            <${Button} icon="download" href=${`/v1/programme/report.csv?${ask}`} download>${t("report.csv")}<//><${Button} icon="download" href=${`/v1/programme/report/package?${ask}`} download>${t("report.package")}<//><${Button} kind="primary" onClick=${() => window.print()}>${t("report.print")}<//><//>
        <div class="card filters periods"><div class="deeds">${list.map(([key, a, b]) => html`<${Button} small key=${key} href=${to("/programme/reports", { from: a, to: b })}>${t("report.period." + key)}<//>`)}</div>
            <${Field} name="from" type="date" label=${t("report.from")} value=${start} onInput=${(v) => v && v < end && move({ from: v })} />
            <${Field} name="to" type="date" label=${t("report.to")} value=${last} onInput=${(v) => v && v >= start && move({ to: dayOf(Date.parse(v) + 86_400_000) })} /></div>
        ${!r ? html`<${Waiting} error=${error} retry=${reload} rows=${8} />` : html`<div class="stack report">
            <${Whole} r=${r} />
            <${By} name="fund" rows=${r.funds} label=${(g) => g.name || t("account", { n: g.account })} all=${r.all} />
            <${By} name="mode" rows=${r.modes} label=${(g) => g.name} all=${r.all} />
            <${By} name="country" rows=${r.countries} label=${(g) => country(g.name)} all=${r.all} />
            <${By} name="class" rows=${r.classes} label=${(g) => t("report.class." + g.name)} all=${r.all} />
            <${By} name="site" rows=${r.sites} label=${(g) => siteName(sites.get(g.name), g.name)} all=${r.all} />
            <${By} name="organisation" rows=${r.organisations} label=${(g) => g.name} all=${r.all} />
            <${Concentration} c=${r.concentration} />
            <${Jobs} jobs=${r.jobs} sites=${sites} />
            <${Corrections} list=${r.corrections} />
            <${Verified} ...${r.verified} />
            <${Check} r=${r} />
        </div>`}`;
};
