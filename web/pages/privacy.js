/* /privacy: what is kept of people, how long, who sees it, what can be erased; as docs/security.md has it, "What data there is". */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { Head } from "../parts/frame.js";

await more("../messages/LANG.privacy.json");

const KINDS = ["person", "ways", "jobs", "secrets", "journal", "words", "log"];

export default () => html`
    <${Head} title=${t("privacy.title")} sub=${t("privacy.sub")} />
    <div class="stack">
        <p class="card">${t("privacy.who")}</p>
        <section class="card flush"><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("privacy.sub")}</caption>
            <thead><tr><th scope="col">${t("privacy.what")}</th><th scope="col">${t("privacy.long")}</th><th scope="col">${t("privacy.seen")}</th></tr></thead>
            <tbody>${KINDS.map((kind) => html`<tr key=${kind}><th scope="row" class="lead">${t("privacy." + kind)}</th><td data-label=${t("privacy.long")}>${t(`privacy.${kind}.long`)}</td><td data-label=${t("privacy.seen")}>${t(`privacy.${kind}.seen`)}</td></tr>`)}</tbody></table></div></section>
        <div class="grid halves">
            <section class="card"><h2>${t("privacy.erase")}</h2><p>${t("privacy.erase.text")}</p></section>
            <section class="card"><h2>${t("privacy.rights")}</h2><p>${t("privacy.rights.text")}</p></section>
        </div>
    </div>`;
