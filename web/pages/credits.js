/* /credits: what is left of each grant, which lapses first. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { big, clock, dayYear, lastDayYear } from "../lib/format.js";
import { seat } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Bar, Swatch } from "../parts/bar.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Credits, Folio } from "../parts/amount.js";
import { Head } from "../parts/frame.js";
import { State } from "../parts/state.js";

const ORDER = { active: 0, coming: 1, ended: 2 };
const GrantCard = ({ grant }) => html`
    <li class="card">
        <div class="card-head"><h2><a href=${to(`/credits/${grant.account}`)}>${t("credits.grant", { mode: grant.mode.name, from: dayYear(grant.start) })}</a></h2><${State} name=${grant.state === "active" ? "granted" : grant.state === "ended" ? "expired" : "coming"} words=${t("grant." + grant.state)} /></div>
        <p class="figure-card"><${Credits} gpums=${grant.free_gpums} />${" "}<span class="of">${tx("credits.free-of", { amount: html`<${Credits} gpums=${grant.granted_gpums} />` })}</span></p>
        <div class="gap"><${Bar} height=${22} total=${grant.granted_gpums} parts=${[{ kind: "settled", gpums: grant.settled_gpums }, { kind: "held", gpums: grant.held_gpums }, { kind: "free", gpums: grant.free_gpums }]} /></div>
        <ul class="legend"><li><${Swatch} kind="settled" /><span>${tx("legend.settled", { amount: html`<b><${Credits} gpums=${grant.settled_gpums} /></b>` })}</span></li><li><${Swatch} kind="held" /><span>${tx("legend.held", { amount: html`<b><${Credits} gpums=${grant.held_gpums} /></b>` })}</span></li>
            <li><${Swatch} kind="free" /><span>${tx("legend.free", { amount: html`<b><${Credits} gpums=${grant.free_gpums} /></b>` })}</span></li>
            ${big(grant.lapsed_gpums) > 0n && html`<li><${Swatch} kind="none" /><span>${tx("legend.lapsed", { amount: html`<b><${Credits} gpums=${grant.lapsed_gpums} /></b>` })}</span></li>`}</ul>
        <p class="chart-note">${t("credits.until", { from: dayYear(grant.start), to: lastDayYear(grant.end) })} ${t("as-of", { time: clock(grant.as_of) })} <${Folio} entry=${grant.last_entry ?? grant.entry} /></p>
    </li>`;

export const first = () => ahead(`/v1/grants?organisation=${seat.value.organisation.id}`);

export default () => {
    const { data, error, reload } = useData(`/v1/grants?organisation=${seat.value.organisation.id}`, { every: 15_000 });
    const head = html`<${Head} title=${t("nav.credits")} sub=${t("credits.sub")}><${Button} href=${to("/credits/aid")}>${t("credits.aid")}<//><//>`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length) return html`${head}<${Empty} title=${t("home.no-grant")}>${t("home.no-grant.text")}<//>`;
    const items = [...data.items].sort((a, b) => ORDER[a.state] - ORDER[b.state] || Date.parse(a.end) - Date.parse(b.end));
    return html`${head}<ul class="stack grants">${items.map((g) => html`<${GrantCard} key=${g.account} grant=${g} />`)}</ul>`;
};
