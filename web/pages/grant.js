/* /credits/{grant} and /programme/grants/{grant}: every entry that made the balance. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { aboutCredits, big, clock, day, dayYear, endTime, lastDay, lastDayYear, priceCredits, wholeCredits } from "../lib/format.js";
import { forecast, unspentLine } from "../lib/credit.js";
import { more } from "../lib/more.js";
import { seat } from "../lib/session.js";
import { useData, useNow } from "../lib/use.js";
import { place, to } from "../lib/router.js";
import { AidOfGrant } from "../parts/aid.js";
import { Bar, Part } from "../parts/bar.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { BurnDown, BurnTable } from "../parts/chart.js";
import { Credits, Folio, Total } from "../parts/amount.js";
import { Entries } from "../parts/entries.js";
import { Head } from "../parts/frame.js";
import { Share } from "../parts/share.js";
import { Files } from "../parts/list-files.js";

await more("../messages/LANG.list.json", "../styles/statement.css");

const Figures = ({ grant, f }) => html`
    <section class="card"><p class="figure"><${Credits} gpums=${grant.free_gpums} />${" "}<span class="of">${t("home.free")}</span></p>
        <${Bar} total=${grant.granted_gpums} parts=${[{ kind: "settled", gpums: grant.settled_gpums }, { kind: "held", gpums: grant.held_gpums }, { kind: "free", gpums: f.known ? f.used : grant.free_gpums }, { kind: "lapsing", gpums: f.known ? f.lapsing : 0n }]} />
        ${f.known && f.lapsing > 0n && html`<p class="bar-labels"><span class="bad">${t("home.will-lapse", { amount: aboutCredits(f.lapsing) })}</span></p>`}
        <dl class="parts">
            <${Part} kind="settled" name=${t("settled")} value=${html`<${Credits} gpums=${grant.settled_gpums} />`}>${t("home.settled")}<br />${t("as-of", { time: clock(grant.as_of) })} <${Folio} entry=${grant.last_entry} /><//>
            <${Part} kind="held" name=${t("held")} value=${html`<${Credits} gpums=${grant.held_gpums} />`}>${big(grant.reported_gpums) > 0n ? t("grant.reported", { amount: priceCredits(grant.reported_gpums) }) : t("home.held")}<//>
            <${Part} kind="free" name=${t("free")} value=${html`<${Credits} gpums=${grant.free_gpums} />`}>${t("home.free-is")}<//>
            <${Part} name=${t("granted")} value=${html`<${Total} gpums=${grant.granted_gpums} />`}>${t("period", { from: day(grant.start), to: lastDayYear(grant.end) })} <${Folio} entry=${grant.entry} />
                ${big(grant.lapsed_gpums) > 0n && html`<br />${t("grant.lapsed", { amount: wholeCredits(grant.lapsed_gpums) })}`}${big(grant.clawed_back_gpums) > 0n && html`<br />${t("grant.clawed", { amount: wholeCredits(grant.clawed_back_gpums) })}`}<//>
        </dl>
    </section>`;

export const first = async ({ params, query }) => {
    const at = `/v1/grants/${params.grant}`, cursor = query.get("cursor");
    const entries = async () => { /* after the grant: its newest entry is among them */
        await ahead(at);
        await ahead(`${at}/entries?limit=100`);
    };
    await Promise.all([entries(), ahead(`${at}/share`, `${at}/aid`), cursor && ahead(`${at}/entries?limit=50&cursor=${encodeURIComponent(cursor)}`)]);
};

export default ({ params, query }) => {
    const cursor = query.get("cursor");
    const at = `/v1/grants/${params.grant}`;
    const { data: grant, error, reload } = useData(at, { every: 15_000 });
    /* asked again whenever the grant has a newer entry, so that the list never lags behind the figures */
    const all = useData(grant ? `${at}/entries?limit=100` : null, { mark: grant?.last_entry });
    const older = useData(cursor ? `${at}/entries?limit=50&cursor=${encodeURIComponent(cursor)}` : null);
    const entries = cursor ? older : all;
    const now = useNow(30_000);
    const mine = seat.value.kind === "startup";
    const up = mine ? "/credits" : "/programme/grants";
    if (!grant) return html`<${Head} title=${t("credits.one")} crumbs=${html`<a href=${to(up)}>${t(mine ? "nav.credits" : "nav.grants")}</a>`} sub="" /><${Waiting} error=${error} retry=${reload} />`;
    const f = forecast(grant, all.data?.items ?? [], now, Boolean(all.data?.next));
    const title = t("credits.grant", { mode: grant.mode.name, from: dayYear(grant.start) });
    return html`
        <${Head} title=${mine ? title : grant.organisation.name} name=${title} crumbs=${html`<a href=${to(up)}>${t(mine ? "nav.credits" : "nav.grants")}</a> / ${t("account", { n: grant.account })}`} sub=${mine ? t("credits.until", { from: dayYear(grant.start), to: lastDayYear(grant.end) }) : `${title}. ${t("credits.until", { from: dayYear(grant.start), to: lastDayYear(grant.end) })}`}>
            <${Files} path=${`${at}/entries`} /><${Button} onClick=${() => window.print()}>${t("list.print")}<//><//>
        <div class="grid side-right statement">
            <div class="stack"><${Figures} grant=${grant} f=${f} /><${Share} account=${grant.account} mine=${mine} />
                <section class="card flush" aria-busy=${entries.fresh ? undefined : "true"}><div class="card-head padded"><h2>${t("credits.entries")}</h2></div>
                    ${!entries.data ? html`<div class="padded"><${Waiting} error=${entries.error} retry=${entries.reload} /></div>` : html`<${Entries} entries=${entries.data.items} caption=${t("credits.entries")} />
                        ${entries.data.next && html`<p class="chart-note only-print padded">${t("list.page")}</p>`}
                        ${(entries.data.next || cursor) && html`<div class="pager">${cursor && html`<${Button} small href=${to(place.value.path)}>${t("newest")}<//>`}${entries.data.next && html`<${Button} small href=${to(place.value.path, { cursor: entries.data.next })}>${t("older")}<//>`}</div>`}`}</section></div>
            <div class="stack"><section class="card"><h2>${t("home.unspent", { day: lastDay(grant.end) })}</h2>
                ${all.data && (() => {
                    const line = unspentLine(grant, all.data.items, now, Boolean(all.data.next));
                    return html`<${BurnDown} grant=${grant} line=${line} lapsing=${f.lapsing} known=${f.known} now=${now} />
                        <p class="chart-note">${f.known && f.lapsing > 0n ? tx("home.lapse", { amount: aboutCredits(f.lapsing), time: endTime(grant.end), pace: aboutCredits(f.pace), needed: aboutCredits(f.needed) }) : tx("home.lapse.unknown", { free: wholeCredits(grant.free_gpums), needed: aboutCredits(f.needed), time: endTime(grant.end) })}</p><${BurnTable} line=${line} />`;
                })()}</section>
                <${AidOfGrant} account=${grant.account} up=${up} page=${mine ? "/credits/aid" : `/programme/organisations/${grant.organisation.id}/aid`} /></div>
        </div>`;
};
