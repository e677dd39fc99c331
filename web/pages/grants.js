/* /programme/grants: funds, tranches and every grant: how much of each is held, settled, free. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { big, compare, country, dayYear, lastDayYear, wholeCredits } from "../lib/format.js";
import { arrange } from "../lib/arrange.js";
import { seat } from "../lib/session.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { place, setQuery, to } from "../lib/router.js";
import { Bar } from "../parts/bar.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Credits } from "../parts/amount.js";
import { Select } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { State } from "../parts/state.js";
import { TableTools } from "../parts/table.js";

await more("../messages/LANG.programme.json");

const total = (items, name) => items.reduce((sum, i) => sum + big(i[name]), 0n);
const COLUMNS = ["granted", "settled", "held", "free"];
const KEYS = { who: (g) => g.organisation.name, end: (g) => g.end, ...Object.fromEntries(COLUMNS.map((c) => [c, (g) => big(g[c + "_gpums"])])) };

const pathOf = (cursor) => `/v1/grants?limit=100${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`;
export const first = ({ query }) => ahead(pathOf(query.get("cursor")), "/v1/programme");

export default ({ query }) => {
    const cursor = query.get("cursor");
    const grants = useData(pathOf(cursor), { every: 15_000 });
    const programme = useData("/v1/programme");
    const writes = seat.value.role === "officer" || seat.value.role === "administrator";
    const head = html`<${Head} title=${t("nav.grants")} sub=${t("grants.sub")}><${Button} icon="download" href="/v1/aid/register.csv" download>${t("grants.register")}<//>${writes && html`
        <${Button} href=${to("/programme/funds/new")}>${t("fund.new")}<//><${Button} href=${to("/programme/tranches/new")}>${t("tranche.new")}<//><${Button} kind="primary" icon="plus" href=${to("/programme/grants/new")}>${t("grant.new")}<//>`}<//>`;
    if (!grants.data) return html`${head}<${Waiting} error=${grants.error} retry=${grants.reload} />`;
    const tranche = query.get("tranche") ?? "", state = query.get("state") ?? "";
    const tranches = (programme.data?.funds ?? []).flatMap((f) => (f.tranches ?? []).map((tr) => [String(tr.account), `${f.name}, ${tr.name ?? tr.reference}`])).sort((a, b) => compare(a[1], b[1]));
    const trancheOf = (g) => String(g.tranche?.account ?? g.tranche ?? "");
    const shown = arrange(grants.data.items.filter((g) => (!tranche || trancheOf(g) === tranche) && (!state || g.state === state)), query, KEYS);
    const filter = (change) => setQuery({ ...Object.fromEntries(place.value.query), ...change });
    return html`
        ${head}
        <${TableTools} query=${query} path="/v1/grants" pages=${Boolean(cursor || grants.data.next)} columns=${[["who", t("grant.who")], ["end", t("grant.period")], ...COLUMNS.map((c) => [c, t(c)])]}>
            <${Select} class="grow" label=${t("tranche")} value=${tranche} onInput=${(v) => filter({ tranche: v })} options=${[["", t("any")], ...tranches]} />
            <${Select} label=${t("state")} value=${state} onInput=${(v) => filter({ state: v })} options=${[["", t("any")], ...["active", "coming", "ended"].map((s) => [s, t("grant." + s)])]} />
        <//>
        ${!grants.data.items.length ? html`<${Empty} title=${t("grants.none")} deeds=${writes && html`<${Button} href=${to("/programme/grants/new")}>${t("grant.new")}<//>`}>${t("grants.none.text")}<//>` : html`
        <div class="card flush"><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("nav.grants")}</caption>
            <thead><tr><th scope="col">${t("grant.who")}</th><th scope="col">${t("grant.period")}</th><th scope="col">${t("state")}</th>${COLUMNS.map((c) => html`<th scope="col" class="num" key=${c}>${t(c)}</th>`)}<th scope="col"><span class="hidden-text">${t("drawing")}</span></th></tr></thead>
            <tbody>${shown.map((g) => html`
                <tr key=${g.account}><td class="lead"><a href=${to(`/programme/grants/${g.account}`)}><b>${g.organisation.name}</b></a><span class="hint">${g.mode.name}${g.organisation.country && `, ${country(g.organisation.country)}`}</span></td>
                    <td>${dayYear(g.start)}<span class="hint">${t("until", { day: lastDayYear(g.end) })}</span></td>
                    <td class="end"><${State} name=${g.state === "active" ? "granted" : g.state === "ended" ? "expired" : "coming"} words=${t("grant." + g.state)} /></td>
                    ${COLUMNS.map((c) => html`<td class="num" data-label=${t(c)} key=${c}><${Credits} gpums=${g[c + "_gpums"]} /></td>`)}
                    <td class="mini-bar"><${Bar} low height=${10} total=${g.granted_gpums} parts=${[{ kind: "settled", gpums: g.settled_gpums }, { kind: "held", gpums: g.held_gpums }, { kind: "free", gpums: g.free_gpums }]} /></td></tr>`)}</tbody>
            <tfoot><tr><th scope="row" class="lead">${t("grants.total", { n: shown.length })}</th><td></td><td></td>${COLUMNS.map((c) => html`<td class="num" data-label=${t(c)} key=${c}>${wholeCredits(total(shown, c + "_gpums"))}</td>`)}<td></td></tr></tfoot>
        </table></div>
        ${(cursor || grants.data.next) && html`<div class="pager">${cursor && html`<${Button} small href=${to("/programme/grants", { tranche, state })}>${t("newest")}<//>`}${grants.data.next && html`<${Button} small href=${to("/programme/grants", { tranche, state, cursor: grants.data.next })}>${t("older")}<//>`}</div>`}
        </div>`}`;
};
