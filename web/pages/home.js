/* /home: free credits, what will lapse and when, what runs, the next step. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { aboutCredits, big, clock, countdown, dateTime, day, duration, endTime, lastDay, lastDayYear, length, priceCredits, whole, wholeCredits } from "../lib/format.js";
import { ahead, answered, ask, askAhead } from "../lib/api.js";
import { forecast, mainGrant, unspentLine } from "../lib/credit.js";
import { isOpen } from "../lib/jobs.js";
import { siteName, useSites } from "../lib/sites.js";
import { seat } from "../lib/session.js";
import { nowMs, useData, useNow } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Bar, Part } from "../parts/bar.js";
import { Button } from "../parts/button.js";
import { BurnDown, BurnTable } from "../parts/chart.js";
import { Credits, Folio, Total } from "../parts/amount.js";
import { Empty, Loading, Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { Jobs } from "../parts/jobs.js";
import { Note } from "../parts/note.js";
import { Word } from "../parts/word.js";

const LONGEST_MS = 2000; /* for which lower cards wait until upper ones are whole */
const Lapse = ({ grant, f }) => {
    if (grant.state !== "active" || big(grant.free_gpums) === 0n) return null;
    const params = { amount: aboutCredits(f.lapsing), free: wholeCredits(grant.free_gpums), time: endTime(grant.end), pace: aboutCredits(f.pace), needed: aboutCredits(f.needed) };
    const kind = f.known && f.lapsing > 0n ? "brick" : f.known ? "verdigris" : "slate";
    const key = !f.known ? "home.lapse.unknown" : f.lapsing > 0n ? "home.lapse" : "home.lapse.none";
    return html`<div class="lapse-note"><${Note} kind=${kind}><p>${tx(key, params)}</p><details class="small linkish-summary"><summary>${t("home.how")}</summary><p>${t("home.how.text")}</p></details><//></div>`;
};
const Balance = ({ grant, f }) => html`
    <section class="card" aria-label=${t("home.balance")}>
        <div class="figure-top"><p class="figure" data-figure="free"><${Credits} gpums=${grant.free_gpums} />${" "}<span class="of">${t("home.free")}</span></p>
            <p class="small second right-wide">${t("home.unit")}</p></div>
        <${Bar} total=${grant.granted_gpums} parts=${[{ kind: "settled", gpums: grant.settled_gpums }, { kind: "held", gpums: grant.held_gpums },
            { kind: "free", gpums: f.known ? f.used : grant.free_gpums }, { kind: "lapsing", gpums: f.known ? f.lapsing : 0n }]} />
        ${f.known && f.lapsing > 0n && html`<p class="bar-labels" aria-hidden="true"><span class="bad">${t("home.will-lapse", { amount: aboutCredits(f.lapsing) })}</span></p>`}
        <dl class="parts">
            <${Part} kind="settled" name=${html`<${Word} name="settled">${t("settled")}<//>`} value=${html`<${Credits} gpums=${grant.settled_gpums} />`}>${t("home.settled")}<br />${t("as-of", { time: clock(grant.as_of) })} <${Folio} entry=${grant.last_entry} /><//>
            <${Part} kind="held" name=${html`<${Word} name="held">${t("held")}<//>`} value=${html`<${Credits} gpums=${grant.held_gpums} />`}>${t("home.held")}<br />${t("as-of", { time: clock(grant.as_of) })} <${Folio} entry=${grant.last_entry} /><//>
            <${Part} kind="free" name=${t("free")} value=${html`<${Credits} gpums=${grant.free_gpums} />`}>${t("home.free-is")}<br />${t("as-of", { time: clock(grant.as_of) })}<//>
            <${Part} name=${t("granted")} value=${html`<${Total} gpums=${grant.granted_gpums} />`}>${t("period", { from: day(grant.start), to: lastDayYear(grant.end) })}<br />${t("as-of", { time: day(grant.start) })} <${Folio} entry=${grant.entry} /><//>
        </dl>
        <${Lapse} grant=${grant} f=${f} />
    </section>`;

/* Jobs that would use what would lapse: real, non-binding answers for two shapes. */
const shapes = (grant, f) => {
    const left = Number((f.known && f.lapsing > 0n ? f.lapsing : big(grant.free_gpums)) / 3_600_000n);
    const hoursLeft = Math.floor(f.daysLeft * 24) - 24;
    return [64, 8, 4, 1].map((gpus) => ({ gpus, hours: Math.min(240, hoursLeft, Math.floor(left / gpus / 2)) })).filter((s) => s.hours >= 1).slice(0, 2);
};
const wish = (grant, s) => ({
    organisation: grant.organisation.id, grant: grant.account, gpus: s.gpus, walltime_s: s.hours * 3600, memory_gb: 0, model: "", countries: [], one_island: false, kind: "batch",
    preference: "soonest", move_freely: false,
});
/** What was answered to them ahead; null if not all were. */
const offersAhead = (grant, list) => {
    const quotes = list.map((s) => answered("/v1/quotes", wish(grant, s)));
    return quotes.every(Boolean) ? list.map((s, i) => ({ ...s, option: quotes[i].options[0] })).filter((o) => o.option) : null;
};
const Suggestions = ({ grant, f, sites, onKnown }) => {
    const list = shapes(grant, f), wanted = JSON.stringify(list);
    const begun = useRef(offersAhead(grant, list));
    const [offers, set] = useState(begun.current ?? []);
    useEffect(() => {
        const had = begun.current;
        begun.current = null;
        if (had) {
            onKnown();
            return undefined;
        }
        const stop = new AbortController();
        Promise.all(JSON.parse(wanted).map((s) => ask("/v1/quotes", wish(grant, s), { signal: stop.signal }).then((q) => ({ ...s, option: q.options[0] }), () => null)))
            .then((all) => {
                if (stop.signal.aborted) return;
                set(all.filter((o) => o?.option));
                onKnown();
            });
        return () => stop.abort();
    }, [wanted, grant.account]);
    if (!offers.length) return null;
    return html`
        <h3>${t(f.known && f.lapsing > 0n ? "home.use-lapsing" : "home.could-start")}</h3>
        <ul class="offers">${offers.map((o) => html`
            <li key=${o.gpus}><div>${t("home.offer", { gpus: o.gpus, hours: o.hours, site: siteName(sites.get(o.option.site), o.option.site) })}
                <span class="block small second">${t("home.offer.when", { time: dateTime(o.option.start), amount: priceCredits(o.option.cost_gpums) })}</span></div>
                <${Button} small href=${to("/ask", { gpus: o.gpus, hours: o.hours })} label=${t("home.ask-for", { gpus: o.gpus, hours: o.hours })}>${t("home.ask")}<//></li>`)}</ul>`;
};
const grantsOf = (organisation) => `/v1/grants?organisation=${organisation}`;
const entriesOf = (grant) => `/v1/grants/${grant.account}/entries?limit=100`;
const jobsOf = (organisation) => `/v1/reservations?organisation=${organisation}&limit=20`;
const newestOf = (organisation) => `/v1/requests?organisation=${organisation}&limit=1`;
export const first = async () => {
    const { id } = seat.value.organisation, rest = ahead(jobsOf(id), "/v1/sites");
    const newest = ahead(newestOf(id)).then(([found]) => found?.items[0] && ahead(`/v1/requests/${found.items[0].id}`));
    const [grants] = await ahead(grantsOf(id));
    const grant = grants && mainGrant(grants.items);
    const [entries] = grant ? await ahead(entriesOf(grant)) : [];
    if (entries) await Promise.all(shapes(grant, forecast(grant, entries.items, nowMs(), Boolean(entries.next))).map((s) => askAhead("/v1/quotes", wish(grant, s))));
    await Promise.all([newest, rest]);
};
const cheapest = (options) => options.map((o) => big(o.cost_gpums)).reduce((a, b) => (b < a ? b : a), big(options[0]?.cost_gpums));
/** The request asked for last, and its quote that still binds. */
const useNewest = (organisation) => {
    const { data } = useData(newestOf(organisation));
    const newest = data?.items[0];
    const detail = useData(newest ? `/v1/requests/${newest.id}` : null);
    return { newest, quote: detail.data?.quotes?.find((q) => q.state === "open"), known: Boolean(data && (!newest || detail.data || detail.error)) };
};
const NextStep = ({ last: { newest, quote, known }, grant, f, sites, onKnown }) => {
    const now = useNow(1000);
    const left = quote ? (Date.parse(quote.expires) - now) / 1000 : 0;
    return html`
        <section class="card next"><h2>${t("home.next")}</h2>
            ${!known ? html`<${Loading} title=${false} rows=${2} bare />`
            : left > 0 ? html`
                <p>${t("home.waiting")}</p>
                <p class="spaced"><b>${t("home.wanted", { gpus: newest.gpus, time: length(newest.walltime_s) })}</b>
                    <span class="block small second">${t("home.from", { n: quote.options.length, amount: priceCredits(cheapest(quote.options)) })}</span></p>
                <${Button} kind="primary" wide href=${to(`/requests/${newest.id}`)}>${t("home.compare", { left: countdown(left) })}<//>`
            : html`<p>${t("home.nothing-waits")}</p><${Button} wide href=${to("/ask")}>${t("nav.ask")}<//>`}
            ${known && html`<${Suggestions} grant=${grant} f=${f} sites=${sites} onKnown=${onKnown} />`}
        </section>`;
};
const Unspent = ({ grant, entries, more, f, now }) => {
    const line = unspentLine(grant, entries, now, more);
    const days = Math.round((Date.parse(grant.end) - Date.parse(grant.start)) / 86_400_000);
    return html`
        <section class="card"><h2>${t("home.unspent", { day: lastDay(grant.end) })}</h2>
            <${BurnDown} grant=${grant} line=${line} lapsing=${f.lapsing} known=${f.known} now=${now} />
            <p class="chart-note">${t("home.unspent.text", { part: wholeCredits(line.at(-1)[1]), all: wholeCredits(grant.granted_gpums), left: duration(f.daysLeft * 86_400), days: whole(days) })}</p>
            <${BurnTable} line=${line} />
        </section>`;
};

export default () => {
    const organisation = seat.value.organisation.id;
    const grants = useData(grantsOf(organisation), { every: 15_000 });
    const grant = grants.data ? mainGrant(grants.data.items) : null;
    const entries = useData(grant ? entriesOf(grant) : null, { every: 30_000 });
    const jobs = useData(jobsOf(organisation), { every: 10_000 });
    const last = useNewest(organisation);
    const [above, know] = useState(Boolean(grant && entries.data && offersAhead(grant, shapes(grant, forecast(grant, entries.data.items, nowMs(), Boolean(entries.data.next)))))); /* what stands in the first row has its size: nothing below it will move */
    useEffect(() => {
        const timer = setTimeout(() => know(true), LONGEST_MS);
        return () => clearTimeout(timer);
    }, []);
    const { sites } = useSites();
    const now = useNow(15_000);

    if (!grants.data) return html`<${Head} title=${t("nav.home")} sub="" /><${Waiting} error=${grants.error} retry=${grants.reload} rows=${6} />`;
    if (!grant) return html`<${Head} title=${seat.value.organisation.name} /><${Empty} title=${t("home.no-grant")} deeds=${html`<${Button} href=${to("/capacity")}>${t("see-capacity")}<//>`}>${t("home.no-grant.text")}<//>`;
    const rows = entries.data?.items ?? [];
    const f = forecast(grant, rows, now, Boolean(entries.data?.next));
    const open = (jobs.data?.items ?? []).filter(isOpen).sort((a, b) => Date.parse(a.window.start) - Date.parse(b.window.start));
    const others = grants.data.items.length - 1;
    return html`
        <${Head} title=${t("home.title", { mode: grant.mode.name })}
            sub=${html`${t("home.sub", { n: wholeCredits(grant.granted_gpums), from: day(grant.start), to: lastDayYear(grant.end) })}${others > 0 && html` <a href=${to("/credits")}>${t("home.others", { n: others })}</a>`}`}>
            <${Button} kind="primary" icon="plus" href=${to("/ask")}>${t("nav.ask")}<//>
        <//>
        <div class="grid side-right stretch">
            <${Balance} grant=${grant} f=${f} />
            <${NextStep} last=${last} grant=${grant} f=${f} sites=${sites} onKnown=${() => know(true)} />
            ${above ? html`<section class="card"><div class="card-head"><h2>${t("home.running")}</h2>${jobs.data?.items.length > 0 && html`<a class="small" href=${to("/reservations")}>${t("home.all")}</a>`}</div>
                ${!jobs.data ? html`<${Loading} title=${false} rows=${3} />`
                : open.length ? html`<${Jobs} items=${open.slice(0, 6)} sites=${sites} now=${now} caption=${t("home.running")} />`
                : html`<p class="second">${t("home.nothing-runs")}</p>`}</section>
            <${Unspent} grant=${grant} entries=${rows} more=${Boolean(entries.data?.next)} f=${f} now=${now} />` : html`<${Loading} title=${false} rows=${3} />`}
        </div>`;
};
