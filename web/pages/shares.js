/* /programme/shares: who has used how much of what accrued to them, and who waits before whom. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { big, clock, dateTime, percent } from "../lib/format.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits } from "../parts/amount.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { ShareBar } from "../parts/share.js";
import { TableTools } from "../parts/table.js";

const KEYS = { who: (s) => s.organisation.name, dominant: (s) => s.dominant?.share_milli ?? s.used_milli ?? -1, used: (s) => s.used_milli ?? -1, committed: (s) => big(s.committed_gpums), accrued: (s) => big(s.accrued_gpums) };
const part = (milli) => (milli === null ? t("none") : percent(milli));

const pathOf = (cursor) => `/v1/programme/shares?limit=50${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`;
export const first = ({ query }) => ahead(pathOf(query.get("cursor")));

export default ({ query }) => {
    const cursor = query.get("cursor");
    const { data, error, reload } = useData(pathOf(cursor), { every: 15_000 });
    const head = html`<${Head} title=${t("fair.title")} sub=${t("fair.sub")} />`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length) return html`${head}<${Empty} title=${t("fair.none")}>${t("fair.none.text")}<//>`;
    return html`
        ${head}
        <${TableTools} query=${query} path="/v1/programme/shares" pages=${Boolean(cursor || data.next)} columns=${[["who", t("grant.who")], ["dominant", t("fair.dominant")], ["used", t("fair.used")], ["committed", t("fair.committed")], ["accrued", t("fair.accrued")]]} />
        <div class="card flush"><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("fair.title")}</caption>
            <thead><tr><th scope="col">${t("grant.who")}</th><th scope="col" class="num">${t("fair.dominant")}</th><th scope="col" class="num">${t("fair.used")}</th><th scope="col" class="num">${t("fair.committed")}</th>
                <th scope="col" class="num">${t("fair.accrued")}</th><th scope="col">${t("fair.next")}</th><th scope="col"><span class="hidden-text">${t("drawing")}</span></th></tr></thead>
            <tbody>${arrange(data.items, query, KEYS).map((s) => html`
                <tr key=${s.account}><td class="lead"><a href=${to(`/programme/grants/${s.account}`)}><b>${s.organisation.name}</b></a><span class="hint">${s.mode.name}</span></td>
                    <td class="num" data-label=${t("fair.dominant")}>${s.dominant ? percent(s.dominant.share_milli) : part(s.used_milli)}<span class="hint">${s.dominant?.model}</span></td>
                    <td class="num" data-label=${t("fair.used")}>${part(s.used_milli)}</td>
                    <td class="num" data-label=${t("fair.committed")}><${Credits} gpums=${s.committed_gpums} /></td>
                    <td class="num" data-label=${t("fair.accrued")}><${Credits} gpums=${s.accrued_gpums} /></td>
                    <td data-label=${t("fair.next")}>${s.next ? html`<a href=${to(`/reservations/${s.next.reservation}`)}>${dateTime(s.next.start)}</a><span class="hint">${s.next.model}, ${s.next.site}; ${t("fair.ahead.short", { n: s.next.ahead })}</span>` : html`<span class="hint inline">${t("fair.next.none")}</span>`}</td>
                    <td class="mini-bar"><${ShareBar} share=${s} height=${10} /></td></tr>`)}</tbody>
        </table></div>
        ${(cursor || data.next) && html`<div class="pager">${cursor && html`<${Button} small href=${to("/programme/shares")}>${t("newest")}<//>`}${data.next && html`<${Button} small href=${to("/programme/shares", { cursor: data.next })}>${t("older")}<//>`}</div>`}
        </div>
        <p class="chart-note">${t("fair.accrued.text")} ${t("fair.dominant.text", { n: data.items[0].half_life_days })} ${t("fair.mean")} (${t("as-of", { time: clock(data.as_of) })})</p>`;
};
