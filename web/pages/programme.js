/* /programme: what needs me; granted, held, settled, free of each fund; the books' size. */
import { html } from "../lib/html.js";
import { more } from "../lib/more.js";
import { t } from "../lib/words.js";
import { clock, whole } from "../lib/format.js";
import { seat } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { AttentionTable, attentionAhead, useAttention } from "../parts/attention.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Fund } from "../parts/fund.js";
import { Note } from "../parts/note.js";

await more("../messages/LANG.programme.json");

const SHOWN = 6;

const Attention = ({ items, sites }) => html`
    <section class="card"><div class="card-head"><h2>${t("programme.attention", { n: items.length })}</h2>${items.length > SHOWN && html`<a class="end" href=${to("/programme/attention")}>${t("attention.all", { n: items.length })}</a>`}</div>
        ${items.length === 0 ? html`<p class="second">${t("attention.none")}</p>` : html`<${AttentionTable} items=${items.slice(0, SHOWN)} sites=${sites} />`}
    </section>`;
export const first = attentionAhead;

export default () => {
    const { data, error, reload } = useData("/v1/programme", { every: 10_000 });
    const { items, sites, known } = useAttention(data?.disputed);
    const writes = seat.value.role === "officer" || seat.value.role === "administrator";
    const sub = data?.journal ? t("programme.sub", { n: data.journal.size - 1, time: clock(data.journal.time), organisations: whole(data.organisations ?? 0), running: whole(data.running ?? 0) }) : "";
    const head = html`<${Head} title=${t("programme.title")} sub=${sub}>${writes && html`<${Button} kind="primary" icon="plus" href=${to("/programme/grants/new")}>${t("grant.new")}<//>`}<//>`;
    if (!known) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${6} />`;
    return html`
        ${head}
        <div class="stack">
            ${data.conserved === false && html`<${Note} kind="brick"><b>${t("programme.disagree")}</b> ${t("programme.disagree.text")}<//>`}
            <${Attention} items=${items} sites=${sites} />
            ${data.funds.length ? data.funds.map((fund) => html`<${Fund} key=${fund.account} fund=${fund} link agree=${data.conserved ? data.journal : null} />`)
                : html`<${Empty} title=${t("programme.no-fund")} deeds=${writes && html`<${Button} href=${to("/programme/funds/new")}>${t("fund.new")}<//>`}>${t("programme.no-fund.text")}<//>`}
        </div>`;
};
