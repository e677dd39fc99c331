/* /programme/attention: all that needs a person, what waits longest first, and the deed for each. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { AttentionTable, attentionAhead, useAttention } from "../parts/attention.js";
import { Broken, Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Note } from "../parts/note.js";

await more("../messages/LANG.programme.json");

export const first = attentionAhead;

export default () => {
    const { data, error, reload } = useData("/v1/programme", { every: 15_000 });
    const { items, sites, more: rest, known, error: missing } = useAttention(data?.disputed);
    const head = html`<${Head} title=${t("nav.attention")} sub=${t("attention.sub")} />`;
    if (!known) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${8} />`;
    return html`
        ${head}
        <div class="stack">
            ${data.conserved === false && html`<${Note} kind="brick"><b>${t("programme.disagree")}</b> ${t("programme.disagree.text")}<//>`}
            ${missing && html`<${Broken} error=${missing} title=${t("attention.part")} />`}
            ${rest && html`<${Note} kind="ochre">${t("attention.more")}<//>`}
            ${items.length ? html`<section class="card"><h2>${t("programme.attention", { n: items.length })}</h2><${AttentionTable} items=${items} sites=${sites} /><p class="chart-note">${t("attention.note")}</p></section>`
                : html`<${Empty} title=${t("programme.attention", { n: 0 })} deeds=${html`<${Button} href=${to("/programme")}>${t("nav.overview")}<//>`}>${t("attention.none")}<//>`}
        </div>`;
};
