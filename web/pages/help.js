/* /help, /help/start-up, /help/officer, /help/operator, /help/auditor: the way through for each role, and what the unusual words mean. */
import { html } from "../lib/html.js";
import { guideOf, keepGuide } from "../lib/guide.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { me, seat } from "../lib/session.js";
import { useCommand } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Nowhere, Refused } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";

await more("../messages/LANG.help.json");

/* by the address: whose seat leads there, and the pages with the keys of their names */
const WAYS = {
    "start-up": ["startup", [["/home", "nav.home"], ["/ask", "nav.ask"], ["/reservations", "nav.reservations"], ["/people", "nav.people"]]],
    officer: ["officer", [["/programme", "nav.overview"], ["/programme/grants", "nav.grants"], ["/programme/orders", "nav.orders"], ["/programme/reports", "nav.reports"]]],
    operator: ["site", [["/site/{site}", "nav.agent"], ["/site/{site}/keys", "nav.keys"], ["/site/{site}/maintenance", "nav.maintenance"], ["/site/{site}/disputes", "nav.disputes"]]],
    auditor: ["auditor", [["/journal", "nav.journal"], ["/verify", "help.verify"], ["", "kontor-audit"]]],
};
const WORDS = ["credit", "grant", "held", "settled", "lapse", "quote", "ticket", "permit", "journal", "checkpoint", "witness"];

const Way = ({ name }) => {
    const [kind, steps] = WAYS[name];
    const mine = kind === "auditor" || seat.value?.kind === kind;
    return html`
        <section class="card"><h2>${t("help." + kind)}</h2>
            <ol class="ways">${steps.map(([path, key], i) => {
                const label = path ? t(key) : html`<code>${key}</code>`;
                return html`<li key=${key}><b>${mine && path ? html`<a href=${to(path.replace("{site}", seat.value?.site ?? ""))}>${label}</a>` : label}</b>: ${t(`help.${kind}.${i + 1}`)}</li>`;
            })}</ol></section>`;
};

/** The way back to the first steps of the present role, for who has ended them. */
const Again = () => {
    const asking = useCommand(), guide = guideOf(seat.value);
    const again = async () => {
        if (!(await asking.run("/v1/me/guides", { guide, deed: "again" }, { secret: true }))) return;
        keepGuide(guide, true);
        go(to(seat.value.home));
    };
    return html`<p><${Button} busy=${asking.busy} onClick=${again}>${t("help.again")}<//></p><${Refused} error=${asking.error} />`;
};

export default ({ params }) => {
    if (params.role && !WAYS[params.role]) return html`<${Nowhere} status=${404} />`;
    const title = params.role ? t("help." + WAYS[params.role][0]) : t("help.title");
    return html`
        <${Head} title=${title} crumbs=${params.role && html`<a href=${to("/help")}>${t("help.title")}</a>`} sub=${t("help.sub")} />
        <div class="stack">
            ${seat.value && html`<${Again} />`}
            <div class="grid halves">${(params.role ? [params.role] : Object.keys(WAYS)).map((name) => html`<${Way} key=${name} name=${name} />`)}</div>
            <section class="card"><h2>${t("help.words")}</h2>
                <dl class="glossary">${WORDS.map((word) => html`<div key=${word}><dt>${t(`word.${word}.name`)}</dt><dd>${t("word." + word)}</dd></div>`)}</dl></section>
        </div>`;
};
