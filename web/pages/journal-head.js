/* /journal: how many entries, since when, under which root and keys; how to check it oneself. */
import { html } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { clock, dateTime, whole } from "../lib/format.js";
import { me } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Note } from "../parts/note.js";

export default () => {
    const { data, error, reload } = useData("/v1/journal", { every: 5000 });
    const keys = useData("/.well-known/jwks.json");
    if (!data) return html`<${Head} title=${t("nav.journal")} sub="" /><${Waiting} error=${error} retry=${reload} />`;
    return html`
        <${Head} title=${t("nav.journal")} sub=${t("journal.sub", { n: data.size, time: dateTime(data.time) })}>${me.value && html`<${Button} href=${to("/journal/entries")}>${t("journal.all")}<//>`}<//>
        ${data.guarded && html`<${Note} kind="brick"><b>${t("problem.guarded")}</b> ${data.guarded}<//>`}
        <div class="grid halves">
            <section class="card"><h2>${t("journal.head")}</h2>
                <dl class="facts">
                    <div class="sum"><dt>${t("journal.size")}</dt><dd><span class="total">${whole(data.size)}</span></dd></div>
                    <div><dt>${t("journal.newest")}</dt><dd><time datetime=${data.time}>${dateTime(data.time)} (${clock(data.time)})</time></dd></div>
                    <div><dt>${t("journal.origin")}</dt><dd class="mono">${data.origin}</dd></div>
                    <div><dt>${t("journal.term")}</dt><dd>${whole(data.term)}</dd></div>
                    ${data.simulation && html`<div><dt>${t("journal.simulation")}</dt><dd>${t("yes")}</dd></div>`}
                </dl>
                <p class="small second gap">${t("journal.root")}</p><p class="sunken mono wrap-anywhere" data-root="">${data.root}</p>
                <p class="small second gap">${t("journal.genesis")}</p><p class="sunken mono wrap-anywhere">${data.genesis}</p>
            </section>
            <div class="stack">
                <section class="card"><h2>${t("journal.check")}</h2><p>${tx("journal.check.text", { audit: html`<code>kontor-audit</code>` })}</p><p class="chart-note">${t("journal.check.not")}</p></section>
                <section class="card"><h2>${t("journal.keys")}</h2>${keys.data ? html`<dl class="facts">${keys.data.keys.map((k) => html`<div key=${k.kid}><dt>${t("journal.key", { kid: k.kid })}</dt><dd class="mono small">${k.x}</dd></div>`)}</dl>` : html`<${Waiting} error=${keys.error} rows=${2} />`}
                    <p class="chart-note"><a href="/.well-known/jwks.json">${t("journal.jwks")}</a></p></section>
            </div>
        </div>`;
};
