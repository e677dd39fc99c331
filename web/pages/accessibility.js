/* /accessibility: what the pages keep to, how it was tried, what is not known, how to complain. The tests that it speaks of: docs/accessibility.md. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dayYear } from "../lib/format.js";
import { more } from "../lib/more.js";
import { Head } from "../parts/frame.js";

await more("../messages/LANG.accessibility.json");

const STATED = "2026-11-23T12:00:00Z"; /* anew with each release */
const List = ({ of, n }) => html`<section class="card"><h2>${t("accessibility." + of)}</h2><ul class="ways">${Array.from({ length: n }, (_, i) => html`<li key=${i}>${t(`accessibility.${of}.${i + 1}`)}</li>`)}</ul></section>`;

export default () => html`
    <${Head} title=${t("accessibility.title")} sub=${t("accessibility.sub")} />
    <div class="stack">
        <p class="card">${t("accessibility.claim", { day: dayYear(STATED) })}</p>
        <div class="grid halves"><${List} of="tried" n=${4} /><${List} of="unknown" n=${3} /></div>
        <section class="card"><h2>${t("accessibility.complain")}</h2><p>${t("accessibility.complain.text")}</p></section>
    </div>`;
