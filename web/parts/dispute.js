/* A job's dispute on its own page: that it is open and what ends it, how it ended, or until when its settlement may be contested. */
import { html, useState } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { credits, dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useCommand } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Button } from "./button.js";
import { Refused } from "./broken.js";
import { Dialog } from "./dialog.js";
import { Area } from "./field.js";
import { Note, say } from "./note.js";

await more("../messages/LANG.dispute.json", "../styles/dispute.css");

export const TEXT_MAX = 500;
/** Why it was opened, in a sentence. */
export const whyText = (why) => (has("dispute.why." + why) ? t("dispute.why." + why) : t("dispute.why.other"));
/** How the newest one ended; null while it is open, or there was none. */
export const endOfDispute = (d) => {
    const last = d.open ? null : d.steps.filter((s) => s.what !== "said").at(-1);
    if (!last) return null;
    const before = d.steps[d.steps.indexOf(last) - 1];
    return last.what === "closed" && ["corrected", "resolved"].includes(before?.what) ? before : last;
};
export const endText = (end) => t("dispute.end." + (end.what === "closed" && end.by !== "officers" ? "rules" : end.what), { amount: credits(end.amount?.moved_gpums ?? 0) });

/** @param {{r: any, d: any, onDone: () => void}} props */
const Contest = ({ r, d, onDone }) => {
    const [open, set] = useState(false);
    const [reason, setReason] = useState("");
    const [bad, setBad] = useState("");
    const sending = useCommand();
    const yes = async () => {
        if (!reason.trim()) {
            setBad(t("order.needed"));
            return;
        }
        if (!(await sending.run(`/v1/reservations/${r.id}/contest`, { reason: reason.trim() }))) return;
        say(t("contest.done"));
        onDone();
        go(to(`/reservations/${r.id}/dispute`));
    };
    return html`
        <section class="card"><h2>${t("contest.head")}</h2><p class="second">${t("contest.text", { until: dateTime(d.contest_until), amount: credits(d.settled_gpums) })}</p>
            <div class="deeds gap"><${Button} onClick=${() => set(true)}>${t("contest")}<//></div></section>
        ${open && html`<${Dialog} title=${t("contest.title")} yes=${t("contest.yes", { amount: credits(d.settled_gpums) })} no=${t("contest.no")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => set(false)}>
            <p>${t("contest.what", { site: r.site.name ?? r.site.code })}</p>
            <div class="gap"><${Area} name="reason" label=${t("contest.reason")} hint=${t("contest.hint", { n: TEXT_MAX })} value=${reason} error=${bad} rows=${5}
                onInput=${(text) => { setReason(text.slice(0, TEXT_MAX)); setBad(""); }} /></div><//>`}`;
};

/** @param {{r: any, d: any}} props a reservation, its dispute */
const DisputeNote = ({ r, d }) => {
    const end = endOfDispute(d);
    const link = html`<a href=${to(`/reservations/${r.id}/dispute`)}>${t("dispute.see")}</a>`;
    return html`
        ${d.open && html`<${Note} kind="brick"><p><b>${whyText(d.why)}</b> ${t("dispute.ends." + d.ends_by, { time: d.decided_by ? dateTime(d.decided_by) : "" })} ${link}</p><//>`}
        ${end && html`<${Note} kind="slate" icon="scales"><p><b>${t("dispute.ended")}</b> ${endText(end)} ${link}</p><//>`}`;
};

/** What stands on the job's own page. */
export default { Contest, DisputeNote };
