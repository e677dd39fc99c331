/* What could not stay at its site: what went where and why, what cannot stay now, where more is booked than there is. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { dateTime, length } from "../lib/format.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Folio } from "./amount.js";
import { Empty, Waiting } from "./broken.js";
import { Button } from "./button.js";
import { Note } from "./note.js";
import { TableTools } from "./table.js";

await more("../messages/LANG.moves.json");

const KEYS = { time: (i) => i.time, who: (i) => i.organisation, why: (i) => i.why };
const Link = ({ id, children }) => html`<a href=${to(`/reservations/${id}`)}>${children}</a>`;
const Standing = ({ items, total, name }) => html`
    <section class="card flush"><div class="card-head padded"><h2>${t("moves.standing", { n: total })}</h2></div>
        <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("moves.standing", { n: total })}</caption>
            <thead><tr><th scope="col">${t("moves.start")}</th><th scope="col">${t("moves.who")}</th><th scope="col">${t("moves.at")}</th><th scope="col">${t("moves.why")}</th><th scope="col">${t("moves.decides")}</th></tr></thead>
            <tbody>${items.map((s) => html`
                <tr key=${s.reservation}><td class="lead"><${Link} id=${s.reservation}>${dateTime(s.start)}<//></td>
                    <td>${s.organisation}<span class="hint">${t("moves.gpus", { n: s.gpus })}</span></td><td>${name(s.site)}</td>
                    <td>${t("moves.why." + s.why)}</td><td>${t("moves.by." + s.moved_by)}<span class="hint">${s.moved_by !== "site" && t("moves.until", { time: dateTime(s.accept_by) })}</span></td></tr>`)}</tbody>
        </table></div></section>`;
const Moved = ({ data, name, here, cursor, path, query }) => html`
    <section class="card flush"><div class="card-head padded"><h2>${t("moves.moved")}</h2></div>
        <div class="padded"><${TableTools} query=${query} path=${path} pages=${Boolean(cursor || data.next)} columns=${[["time", t("moves.when")], ["who", t("moves.who")], ["why", t("moves.why")]]} /></div>
        <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("moves.moved")}</caption>
            <thead><tr><th scope="col">${t("moves.when")}</th><th scope="col">${t("moves.who")}</th><th scope="col">${t("moves.why")}</th><th scope="col">${t("moves.from")}</th><th scope="col">${t("moves.to")}</th></tr></thead>
            <tbody>${arrange(data.items, query, KEYS).map((i) => html`
                <tr key=${i.entry}><td class="lead">${dateTime(i.time)} <${Folio} entry=${i.entry} /></td>
                    <td>${i.organisation}<span class="hint">${t("moves.job", { n: i.gpus, length: length(i.walltime_s) })}</span></td><td>${t("moves.why." + i.why)}</td>
                    <td><${Link} id=${i.from.reservation}>${name(i.from.site)}<//><span class="hint">${dateTime(i.from.start)}</span></td>
                    <td data-moved=${i.moved ? "yes" : "no"}>${i.to ? html`<${Link} id=${i.to.reservation}>${name(i.to.site)}<//><span class="hint">${dateTime(i.to.start)}</span>` : html`<span class="hint inline">${t(i.moved ? "moves.elsewhere" : "moves.nowhere")}</span>`}</td></tr>`)}</tbody>
        </table></div>
        ${(cursor || data.next) && html`<div class="pager">${cursor && html`<${Button} small href=${to(here)}>${t("newest")}<//>`}${data.next && html`<${Button} small href=${to(here, { cursor: data.next })}>${t("older")}<//>`}</div>`}
    </section>`;
const pathOf = (path, cursor) => `${path}?limit=50${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`;
/** @param {string} path @param {URLSearchParams} query */
export const movesAhead = (path, query) => ahead(pathOf(path, query.get("cursor")), "/v1/sites");
/** @param {{path: string, here: string, query: URLSearchParams, head: any}} props path: of the API; here: the page's own */
export const Moves = ({ path, here, query, head }) => {
    const cursor = query.get("cursor");
    const { data, error, reload } = useData(pathOf(path, cursor), { every: cursor ? 0 : 10_000 });
    const { sites } = useSites();
    const name = (code) => siteName(sites.get(code), code);
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length && !data.standing.length && !data.overbooked.length && !cursor) return html`${head}<${Empty} title=${t("moves.none")}>${t("moves.none.text")}<//>`;
    return html`
        ${head}
        <div class="stack">
            ${data.overbooked.length > 0 && html`<${Note} kind="brick"><p><b>${t("moves.overbooked")}</b></p><ul class="plain">${data.overbooked.map((o) => html`
                <li key=${o.offering + o.from + o.pool}>${tx("moves.overbooked.row", { site: name(o.site), model: o.model, n: o.gpus_too_many, from: dateTime(o.from), to: dateTime(o.to) })}</li>`)}</ul><//>`}
            ${data.standing.length > 0 && html`<${Standing} items=${data.standing} total=${data.standing_total} name=${name} />`}
            ${data.items.length > 0 && html`<${Moved} data=${data} name=${name} here=${here} cursor=${cursor} path=${path} query=${query} />`}
        </div>`;
};
