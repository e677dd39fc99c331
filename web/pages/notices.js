/* /notices: what one was told, newest first. Seeing it is reading it; what is new stays marked until the page is left. */
import { html, useEffect, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { aboutCredits, clock, dateTime, priceCredits, wholeCredits } from "../lib/format.js";
import { ago } from "../lib/ago.js";
import { get, post, ahead } from "../lib/api.js";
import { askUnread } from "../lib/session.js";
import { to } from "../lib/router.js";
import { more } from "../lib/more.js";
import { useData, useNow } from "../lib/use.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { Waiting } from "../parts/broken.js";
import { notices as said } from "../parts/note.js";

await more("../messages/LANG.notices.json", "../styles/notices.css");

const ICONS = { "job-ended": "flag", "quote-ending": "clock", "credits-lapse": "book", dispute: "dispute", approval: "key", "agent-silent": "lost", maintenance: "pause", test: "send" };
/* The kinds' own words are in the catalogue; what is newer than this page is said as the server says it. */
const sentence = ({ kind, text, facts }) => {
    const params = { name: facts.name ?? "", site: facts.site ?? "", amount: facts.amount_gpums ? priceCredits(facts.amount_gpums) : "", about: facts.amount_gpums ? aboutCredits(facts.amount_gpums) : "",
        free: facts.free_gpums ? wholeCredits(facts.free_gpums) : "", grant: facts.grant ?? "", time: facts.time ? dateTime(facts.time) : "", until: facts.until ? dateTime(facts.until) : "" };
    switch (`${kind}.${facts.how}`) {
    case "job-ended.finished": return t("notices.job-ended.finished", params);
    case "job-ended.failed-job": return t("notices.job-ended.failed-job", params);
    case "job-ended.failed-site": return t("notices.job-ended.failed-site", params);
    case "job-ended.cancelled": return t("notices.job-ended.cancelled", params);
    case "job-ended.rejected": return t("notices.job-ended.rejected", params);
    case "job-ended.lapsed": return t("notices.job-ended.lapsed", params);
    case "job-ended.withdrawn": return t("notices.job-ended.withdrawn", params);
    case "job-ended.never-started": return t("notices.job-ended.never-started", params);
    case "quote-ending.ending": return t("notices.quote-ending", params);
    case "credits-lapse.pace": return t("notices.credits-lapse.pace", params);
    case "credits-lapse.unused": return t("notices.credits-lapse.unused", params);
    case "dispute.opened": return t("notices.dispute.opened", params);
    case "dispute.closed": return t("notices.dispute.closed", params);
    case "approval.credits": return t("notices.approval.credits", params);
    case "approval.other": return t("notices.approval.other", params);
    case "agent-silent.silent": return t("notices.agent-silent", params);
    case "maintenance.touched": return t("notices.maintenance.touched", params);
    case "maintenance.planned": return t("notices.maintenance.planned", params);
    case "maintenance.moved": return t("notices.maintenance.moved", params);
    default: return text;
    }
};
const Line = ({ notice, now }) => html`
    <li class=${notice.read ? "notice" : "notice new"}><${Icon} name=${ICONS[notice.kind]} />
        <div><p><b>${t("notices.kind." + notice.kind)}</b>${!notice.read && html` <span class="tag">${t("notices.new")}</span>`}</p>
            <p>${sentence(notice)}</p>
            <p class="hint"><time datetime=${notice.at}>${dateTime(notice.at)}</time>, ${ago(now - Date.parse(notice.at))}${notice.link && html` · <a href=${to(notice.link)}>${t("notices.open." + notice.kind)}</a>`}</p></div></li>`;

const Notices = () => {
    const first = useData("/v1/me/notices?limit=50");
    const [older, set] = useState({ items: [], next: undefined, busy: false });
    const now = useNow(30_000);
    const newest = first.data?.items[0]?.id, unread = first.data?.unread;
    useEffect(() => {
        if (newest && unread && first.fresh) post("/v1/me/notices/read", { until: newest }).then(askUnread, () => {});
    }, [newest, unread, first.fresh]);
    const next = older.next === undefined ? first.data?.next : older.next;
    const load = async () => {
        if (older.busy) return;
        set({ ...older, busy: true });
        try {
            const page = await get(`/v1/me/notices?limit=50&cursor=${next}`);
            set({ items: [...older.items, ...page.items], next: page.next, busy: false });
        } catch {
            set({ ...older, busy: false });
        }
    };
    const items = [...(first.data?.items ?? []), ...older.items];
    return html`
        <${Head} title=${t("nav.notices")} sub=${t("notices.sub")}><a class="button" href=${to("/me")}>${t("notices.choose")}</a><//>
        <section class="card" aria-label=${t("nav.notices")}>
            ${!first.data ? html`<${Waiting} error=${first.error} rows=${4} retry=${first.reload} />`
            : items.length === 0 ? html`<p><b>${t("notices.none")}</b></p><p class="second">${t("notices.none.text")}</p>`
            : html`<ul class="notices">${items.map((n) => html`<${Line} key=${n.id} notice=${n} now=${now} />`)}</ul>
                ${next && html`<div class="gap"><${Button} small busy=${older.busy} onClick=${load}>${t("older")}<//></div>`}`}
        </section>
        ${said.value.length > 0 && html`<section class="card"><h2>${t("notices.said")}</h2><dl class="facts">${said.value.map((n) => html`<div key=${n.id}><dt>${n.text}</dt><dd>${clock(n.at)}</dd></div>`)}</dl></section>`}`;
};
export const first = () => ahead("/v1/me/notices?limit=50");

export default Notices;
