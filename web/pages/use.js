/* /programme/use: what credits paid for, by month, country, site and access mode; how concentrated it is; what the sites' GPUs did, idle by
 * cause; how long jobs waited. The period and what it is narrowed to stand in the address. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { big, compact, country, dateTime, dayYear, duration, month, percent, priceCredits, whole, wholeCredits } from "../lib/format.js";
import { CAUSES, causes, lastMonths, milli, monthly, monthsBetween, ranked, worst } from "../lib/figures.js";
import { more } from "../lib/more.js";
import { nowMs, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { siteName, siteTown, useSites } from "../lib/sites.js";
import { Folio } from "../parts/amount.js";
import { Bar, Swatch } from "../parts/bar.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { MonthColumns, MonthTable, Ranked, WaitBar } from "../parts/figures.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { EuropeMap } from "../parts/map.js";

await Promise.all([more("../messages/LANG.use.json", "../styles/use.css"), more("../messages/LANG.places.json", "../styles/places.css")]);

const SPANS = [3, 12, 24], FILTERS = ["site", "mode", "country"], SHOWN = 7, HALF_A_DAY = 43_200_000;

/** A card with a list; rows lead to the page narrowed to them. */
const By = ({ name, list, all, label, link, children, most = SHOWN, count }) => {
    const { shown, others, rest } = ranked(list, most, all, count);
    /** @type {{key: string, gpums: bigint, label: any, kind?: string}[]} */
    const rows = shown.map((g) => ({ key: g.code ?? g.id, gpums: big(g.paid_gpums), label: link && g.code ? html`<a href=${link(g.code)}>${label(g)}</a>` : label(g) }));
    if (others > 0) rows.push({ key: "others", gpums: rest, kind: "others", label: t("use.others", { n: others }) });
    return html`<section class="card sheet" data-by=${name}><h2>${t("use.by." + name)}</h2><${Ranked} caption=${t("use.by." + name)} head=${t("use.of." + name)} rows=${rows} all=${all} />${children}</section>`;
};
const Paid = ({ u, months }) => {
    const most = months.reduce((a, b) => (b.gpums > a.gpums ? b : a));
    return html`
        <section class="card sheet"><h2>${t("use.by.month")}</h2>
            <p class="figure-card" data-figure="paid">${priceCredits(u.paid_gpums)}${" "}<span class="of">${t("use.paid")}</span></p>
            <${MonthColumns} months=${months} />
            <p class="chart-note">${t("use.month.most", { month: month(most.code), amount: priceCredits(most.gpums), part: percent(milli(most.gpums, big(u.paid_gpums))) })}</p>
            <${MonthTable} months=${months} /></section>`;
};
const Concentration = ({ u, all }) => {
    const { herfindahl: n, organisations } = u.concentration;
    const first = u.organisations[0];
    return html`<${By} name="organisation" list=${u.organisations} all=${all} label=${(g) => g.name} most=${5} count=${organisations}>
        ${first && html`<p class="chart-note">${t("use.concentration.text", { name: first.name, part: percent(milli(big(first.paid_gpums), all)), five: percent(milli(big(u.concentration.five_gpums), all)), n: organisations })}
            ${" "}<b data-figure="herfindahl">${t(n < 1000 ? "use.spread.low" : n <= 2000 ? "use.spread.middle" : "use.spread.high", { n })}</b></p>
        <details class="small"><summary>${t("use.how")}</summary><p>${t("use.concentration.how")}</p></details>`}<//>`;
};
const Legend = ({ sums }) => html`<ul class="legend">${CAUSES.map(([name, kind]) => html`<li key=${name}><${Swatch} kind=${kind} /><span>${tx("use.legend." + name, { amount: html`<b>${wholeCredits(sums[name])}</b>` })}</span></li>`)}</ul>`;
const partsOf = (of) => CAUSES.map(([name, kind]) => ({ kind, gpums: of(name) }));
/* the causes in short, beside what was paid */
const Causes = ({ idle, sites }) => {
    const sums = causes(idle), bad = worst(idle);
    return html`
        <section class="card sheet" data-by="cause"><h2>${t("use.idle")}</h2>
            ${sums.all === 0n ? html`<p class="second">${t("use.idle.none")}</p>` : html`
            <${Ranked} caption=${t("use.idle")} head=${t("use.cause")} unit=${t("use.gpu-hours")} all=${sums.all} rows=${CAUSES.map(([name, kind]) => ({ key: name, kind, gpums: sums[name], label: t("use.cause." + name) }))} />
            ${bad && html`<p class="chart-note" data-figure="idle">${t("use.idle.most." + bad.name, { part: percent(bad.part), amount: wholeCredits(bad.gpuMs), site: siteName(sites.get(bad.site), bad.site) })}</p>`}`}</section>`;
};
const Idle = ({ idle, sites }) => {
    const sums = causes(idle), offered = sums.used + sums.unused + sums.free;
    return sums.all !== 0n && html`
        <section class="card sheet idle"><h2>${t("use.idle.sites")}</h2>
            <p>${t("use.idle.text", { all: wholeCredits(sums.all), part: percent(milli(offered, sums.all)), used: percent(milli(sums.used, offered)) })}</p>
            <${Bar} height=${28} total=${sums.all} parts=${partsOf((name) => sums[name])} />
            <${Legend} sums=${sums} />
            <div class="table-scroll gap"><table class="blocks two"><caption class="hidden-text">${t("use.idle.sites")}</caption>
                <thead><tr><th scope="col">${t("site")}</th>${CAUSES.map(([name]) => html`<th scope="col" class="num" key=${name}>${t("use.cause." + name)}</th>`)}<th scope="col" class="num">${t("total")}</th><th scope="col"><span class="hidden-text">${t("drawing")}</span></th></tr></thead>
                <tbody>${idle.filter((i) => i.all_gpu_ms !== "0").map((i) => html`<tr key=${i.site}><th scope="row" class="lead">${siteName(sites.get(i.site), i.site)}</th>
                    ${CAUSES.map(([name]) => html`<td class="num" key=${name} data-label=${t("use.cause." + name)}>${wholeCredits(i[name + "_gpu_ms"])}</td>`)}<td class="num" data-label=${t("total")}>${wholeCredits(i.all_gpu_ms)}</td>
                    <td class="mini-bar"><${Bar} low height=${12} total=${i.all_gpu_ms} parts=${partsOf((name) => i[name + "_gpu_ms"])} /></td></tr>`)}</tbody>
                <tfoot><tr><th scope="row" class="lead">${t("total")}</th>${CAUSES.map(([name]) => html`<td class="num" key=${name} data-label=${t("use.cause." + name)}>${wholeCredits(sums[name])}</td>`)}<td class="num" data-label=${t("total")}>${wholeCredits(sums.all)}</td><td></td></tr></tfoot>
            </table></div>
            <p class="chart-note">${t("use.idle.note")}</p>
        </section>`;
};
const Waits = ({ waits, sites }) => {
    const started = waits.filter((w) => w.started > 0);
    const most = Math.max(1, ...started.map((w) => w.ninety_ms));
    const long = started.reduce((a, b) => (b.ninety_ms > (a?.ninety_ms ?? -1) ? b : a), null);
    const wait = (ms, w) => (w.started ? duration(ms / 1000) : t("none"));
    return html`
        <section class="card sheet" data-waits=""><h2>${t("use.waits")}</h2>
            ${waits.length === 0 ? html`<p class="second">${t("use.waits.none")}</p>` : html`
            <p>${long ? t("use.waits.text", { site: siteName(sites.get(long.site), long.site), half: duration(long.half_ms / 1000), ninety: duration(long.ninety_ms / 1000) }) : t("use.waits.none")}</p>
            <ul class="legend"><li><${Swatch} kind="waited" />${t("use.waits.half")}</li><li><${Swatch} kind="off" />${t("use.waits.ninety")}</li></ul>
            <div class="table-scroll gap"><table class="blocks two"><caption class="hidden-text">${t("use.waits")}</caption>
                <thead><tr><th scope="col">${t("site")}</th><th scope="col" class="num">${t("use.waits.started")}</th><th scope="col" class="num">${t("use.waits.half")}</th><th scope="col" class="num">${t("use.waits.ninety")}</th><th scope="col" class="num">${t("use.waits.most")}</th><th scope="col"><span class="hidden-text">${t("drawing")}</span></th><th scope="col" class="num">${t("use.waits.now")}</th><th scope="col" class="num">${t("use.waits.due")}</th></tr></thead>
                <tbody>${waits.map((w) => html`<tr key=${w.site}><th scope="row" class="lead">${siteName(sites.get(w.site), w.site)}</th>
                    <td class="num" data-label=${t("use.waits.started")}>${whole(w.started)}</td><td class="num" data-label=${t("use.waits.half")}>${wait(w.half_ms, w)}</td><td class="num" data-label=${t("use.waits.ninety")}>${wait(w.ninety_ms, w)}</td><td class="num" data-label=${t("use.waits.most")}>${wait(w.most_ms, w)}</td>
                    <td class="mini-bar">${w.started > 0 && html`<${WaitBar} half=${w.half_ms} ninety=${w.ninety_ms} most=${most} />`}</td>
                    <td class="num" data-label=${t("use.waits.now")}>${w.waiting ? t("use.waits.gpus", { n: w.waiting, gpus: whole(w.waiting_gpus) }) : whole(0)}</td><td class="num" data-label=${t("use.waits.due")}>${whole(w.due)}</td></tr>`)}</tbody>
            </table></div>
            <p class="chart-note">${t("use.waits.note")}</p>`}
        </section>`;
};
const Where = ({ u, all, sites, label, link }) => {
    const paid = new Map(u.sites.map((g) => [g.code, big(g.paid_gpums)]));
    const most = [...paid.values()].reduce((max, g) => (g > max ? g : max), 1n);
    const marks = [...sites.values()].map((s) => ({ ...s, name: siteName(s), second: compact(Number(big(paid.get(s.code)) / 3_600_000n)), kind: /** @type {"gauge"} */ ("gauge"), share: milli(big(paid.get(s.code)), most) / 1000 }));
    const rows = u.sites.map((g) => ({ key: g.code, gpums: big(g.paid_gpums), label: html`<a href=${link(g.code)}>${label(g)}</a><span class="hint">${siteTown(sites.get(g.code))}</span>` }));
    return html`
        <section class="card flush sites-map sheet" aria-label=${t("use.where")}>
            <div class="drawing"><${EuropeMap} places=${marks} crop="xMidYMid meet" /></div>
            <div class="list"><h2>${t("use.where")}</h2>
                <p class="chart-note gap-after">${t("use.map.note")}</p>
                <${Ranked} caption=${t("use.where")} head=${t("site")} rows=${rows} all=${all} /></div>
        </section>`;
};
const firstThree = (list, all) => list.length > 3 && t("use.first.three", { part: percent(milli(list.slice(0, 3).reduce((sum, g) => sum + big(g.paid_gpums), 0n), all)) });

/** The period and the filters of an address, and what the server is asked for them. */
const asked = (query) => {
    const span = SPANS.includes(Number(query.get("months"))) ? Number(query.get("months")) : 12;
    const only = Object.fromEntries(FILTERS.map((f) => [f, query.get(f)]).filter(([, v]) => v));
    const [from, until] = lastMonths(nowMs(), span);
    return { span, only, from, until, path: `/v1/programme/use?${new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(until).toISOString(), ...only })}` };
};
export const first = ({ query }) => ahead(asked(query).path, "/v1/sites");

export default ({ query }) => {
    const { span, only, from, until, path } = asked(query);
    const keep = (change) => Object.fromEntries(Object.entries({ months: span === 12 ? "" : String(span), ...only, ...change }).filter(([, v]) => v));
    const at = (change) => to("/programme/use", keep(change));
    const { data: u, error, reload } = useData(path);
    const { sites, loaded } = useSites(60_000);
    const site = (g) => siteName(sites.get(g.code), g.code);
    const name = { site: (v) => site({ code: v }), country: (v) => country(v), mode: (v) => u?.modes.find((m) => m.code === v)?.name ?? v };
    const head = html`
        <${Head} title=${t("nav.use")} sub=${t("use.sub", { from: dayYear(from + HALF_A_DAY), to: dayYear(until - HALF_A_DAY) })}><${Button} icon="page" href=${to("/programme/reports", { from: new Date(from).toISOString().slice(0, 10), to: new Date(until).toISOString().slice(0, 10) })}>${t("use.report")}<//><//>
        <div class="between periods"><nav class="tabs" aria-label=${t("use.span")}>${SPANS.map((n) => html`<a key=${n} href=${at({ months: n === 12 ? "" : String(n) })} aria-current=${n === span ? "true" : undefined}>${t("use.months", { n })}</a>`)}</nav>
            ${Object.keys(only).length > 0 && html`<p class="only">${Object.entries(only).map(([f, v]) => html`<a key=${f} class="button small" href=${at({ [f]: "" })}>${t("use.only", { what: name[f](v) })}<${Icon} name="cross" size=${12} /></a>`)}</p>`}</div>`;
    if (!u || !loaded) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${12} />`;
    const all = big(u.paid_gpums), months = monthly(u.months, monthsBetween(from, until));
    const link = (f) => (code) => at({ [f]: code });
    return html`
        ${head}
        <div class="stack report">
            ${all === 0n ? html`<section class="card"><h2>${t("use.none")}</h2><p class="second">${t("use.none.text")}</p></section>` : html`
            <div class="grid thirds stretch">
                <${Paid} u=${u} months=${months} />
                <${By} name="country" list=${u.countries} all=${all} label=${(g) => country(g.code) || t("use.reserve")} link=${link("country")}><p class="chart-note">${t("use.country.note")} ${firstThree(u.countries, all)}</p><//>
                <${By} name="site" list=${u.sites} all=${all} label=${site} link=${link("site")}><p class="chart-note">${t("use.abroad", { part: percent(milli(big(u.abroad_gpums), all)) })}</p><//>
                <${By} name="mode" list=${u.modes} all=${all} label=${(g) => g.name || t("use.reserve")} link=${link("mode")} />
                <${Concentration} u=${u} all=${all} />
                <${Causes} idle=${u.idle} sites=${sites} />
            </div>`}
            ${all === 0n && html`<${Causes} idle=${u.idle} sites=${sites} />`}
            <${Idle} idle=${u.idle} sites=${sites} />
            <${Waits} waits=${u.waits} sites=${sites} />
            ${all !== 0n && html`<${Where} u=${u} all=${all} sites=${sites} label=${site} link=${link("site")} />
            <p class="chart-note">${tx("use.check", { n: u.journal.entries, first: html`<${Folio} entry=${u.journal.first} />`, last: html`<${Folio} entry=${u.journal.last} />`, time: dateTime(u.as_of) })}</p>`}
        </div>`;
};
