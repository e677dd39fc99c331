/* /reservations/{id}: which state, on time or not, used and cost so far as of when; live. */
import { html, useEffect, useState } from "../lib/html.js";
import { has, t, tx } from "../lib/words.js";
import { big, clock, clockMs, country, credits, dateTime, dayKey, dayShort, duration, fixed, length, shortHash, tail, weekday } from "../lib/format.js";
import { ago, inTime } from "../lib/ago.js";
import { get, ahead } from "../lib/api.js";
import { accountOf, costs, endOf, isComing, isRunning, mayCancel } from "../lib/jobs.js";
import { header, verify } from "../lib/jws.js";
import { useLive } from "../lib/live.js";
import { more } from "../lib/more.js";
import { seat } from "../lib/session.js";
import { gpuName, siteName, useSites } from "../lib/sites.js";
import { nowMs, useCommand, useData, useNow } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Assumed, Credits, Folio, GpuHours } from "../parts/amount.js";
import { Bar, Swatch } from "../parts/bar.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { jobName } from "../parts/jobs.js";
import { Note, Say, say } from "../parts/note.js";
import { Word } from "../parts/word.js";
import { Outlook } from "../parts/outlook.js";
import { State, stateOf } from "../parts/state.js";
import { Timeline } from "../parts/timeline.js";

await more("../messages/LANG.reservation.json", "../styles/reservation.css");

const OUT = new Set(["rejected", "withdrawn", "failed", "failed-job", "failed-site", "lost", "disputed", "moved", "expired", "never-started", "contested"]);
/* What stands under a step: how long after the one before, who, and on which report or entry it rests. */
const textOf = (s, before, r) => {
    const words = [];
    const gap = before ? Math.max(0, Date.parse(s.time) - Date.parse(before.time)) : 0; /* the agent asks for its permit before it confirms: either may be first */
    if (s.what === "accepted") words.push(t("step.held", { amount: credits(r.cost_at_most_gpums) }));
    if (before && ["ticket-issued", "delivered", "permitted"].includes(s.what)) words.push(t("step.after", { time: gap < 1000 ? t("step.ms", { n: gap }) : gap < 10_000 ? t("step.s", { n: fixed(gap / 1000, 1) }) : duration(gap / 1000) }));
    if (s.what === "ticket-issued" && r.ticket) words.push(t("ticket.numbers", { site: r.site.code, seq: r.ticket.seq, fence: r.ticket.fence }));
    if (s.what === "started") words.push(Math.abs(Date.parse(s.time) - Date.parse(r.window.start)) < 1000 ? t("step.at-start") : Date.parse(s.time) > Date.parse(r.window.start) ? t("step.after-start", { time: duration((Date.parse(s.time) - Date.parse(r.window.start)) / 1000) }) : t("step.before-start"));
    if (s.what === "finished" && r.exit_code !== null) words.push(t("site.exit", { n: r.exit_code }));
    if (s.what === "settled") words.push(t("step.paid", { amount: credits(r.settled_gpums) }));
    if (s.detail && has("state." + s.detail) && !["finished", s.what].includes(s.detail)) words.push(t("state." + s.detail));
    if (s.report) words.push(t("step.report", { n: s.report }));
    return words.join(", ");
};
const ICONS = { "cancel-asked": "cross", accepted: "check", "ticket-issued": "send", delivered: "check", permitted: "check", queued: "lines", started: "play", finished: "flag", settled: "ok", cancelled: "cross", "cancel-ordered": "cross", voided: "cross" };
const TODO_ICONS = { finished: "clock", ended: "clock", settled: "book", started: "play", permitted: "clock" };

/** The steps that were, the present one, those to come. */
const stepsOf = (r) => {
    const first = r.timeline[0]?.time;
    const sameDay = (time) => first && dayKey(time) === dayKey(first);
    const steps = r.timeline.map((s, i) => ({
        key: s.what + i, mode: OUT.has(s.what) ? "out" : "done", icon: ICONS[s.what] ?? (OUT.has(s.what) ? "warn" : "check"), what: s.what,
        title: seat.value?.kind !== "startup" && has(`step.${s.what}.by`) ? t(`step.${s.what}.by`, { who: r.organisation.name }) : r.use === "allocation" && has(`step.${s.what}.allocation`) ? t(`step.${s.what}.allocation`) : has("step." + s.what) ? t("step." + s.what) : s.what,
        when: html`<time datetime=${s.time}>${sameDay(s.time) ? clockMs(s.time) : `${dayShort(s.time)} ${clockMs(s.time)}`}</time>`,
        text: html`${textOf(s, r.timeline[i - 1], r)}${s.entry !== null && s.entry !== undefined && s.what !== "ticket-issued" ? html` <${Folio} entry=${s.entry} />` : null}`,
    }));
    if (isRunning(r)) {
        const at = steps.findLastIndex((s) => s.what === "started");
        if (at >= 0) steps[at] = { ...steps[at], mode: "now", icon: "play" };
    } else if (isComing(r) || r.state === "ended") {
        const last = steps.at(-1);
        if (last && last.mode === "done") last.mode = "now";
    }
    for (const [i, next] of (r.next ?? []).entries()) {
        steps.push({ key: "next" + i, mode: "todo", icon: TODO_ICONS[next.what] ?? "clock", title: has("step." + next.what) ? t("step." + next.what) : next.what, when: next.by ? t("by", { time: dateTime(next.by) }) : "", text: has("step.todo." + next.what) ? t("step.todo." + next.what) : null });
    }
    return steps;
};
/** One sentence: on time or not, and when what. */
const sentence = (r, now) => {
    const start = Date.parse(r.window.start), end = endOf(r);
    if (r.state === "open") return t("reservation.open", { time: dateTime(end), left: duration(Math.max(0, end - now) / 1000) });
    if (isRunning(r)) return t(now <= end ? "reservation.on-time" : "reservation.late", { time: dateTime(end), left: duration(Math.abs(end - now) / 1000) });
    if (isComing(r)) return t("reservation.coming", { time: dateTime(start), by: dateTime(r.start_by), wait: inTime((start - now) / 1000) });
    if (r.state === "ended") return t("reservation.ended");
    if (r.state === "disputed") return t("reservation.disputed");
    const state = stateOf(r);
    return has("reservation.out." + state) ? t("reservation.out." + state) : t("reservation.settled");
};

const Money = ({ r }) => {
    const c = costs(r);
    const seconds = r.reported?.gpu_seconds ?? 0;
    const entry = r.settle_entries?.at(-1) ?? r.void_entry;
    const asOf = r.reported?.as_of;
    return html`
        <section class="card" aria-label=${t("reservation.money")}>
            <div class="two-figures">
                <div><p class="small second">${t("reservation.used")}</p><p class="figure-card" data-figure="used"><${GpuHours} seconds=${seconds} />${" "}<span class="of">${t("gpu-hours-word")}</span></p>
                    <p class="small second">${asOf ? tx("reservation.reported", { time: clock(asOf), gpus: r.gpus, length: length(r.gpus ? Number(big(seconds)) / r.gpus : 0) }) : t("reservation.no-report")}</p></div>
                <div><p class="small second">${t(r.state === "settled" || r.state === "voided" ? "reservation.cost" : "reservation.cost-so-far")}</p>
                    <p class="figure-card" data-figure="cost">${c.reported > c.settled ? html`<span class="about"><${Credits} gpums=${c.soFar} /></span>` : html`<${Credits} gpums=${c.soFar} />`}${" "}<span class="of">${t("credits-word")}</span></p>
                    <p class="small second">${c.reported > c.settled ? t("reservation.cost.reported") : t("settled-lower")}${entry !== null && entry !== undefined && html` <${Folio} entry=${entry} />`}, ${t("reservation.at-most", { amount: credits(c.most) })}</p></div>
            </div>
            <${Bar} height=${28} total=${c.most} parts=${[{ kind: "settled", gpums: c.settled }, { kind: "held", gpums: c.held }]} />
            <p class="bar-legend"><span><${Swatch} kind="settled" /><span>${tx("reservation.legend.settled", { amount: html`<${Credits} gpums=${c.settled} />` })}</span></span>
                ${c.held > 0n ? html`<span><${Swatch} kind="held" /><span>${tx("reservation.legend.held", { amount: html`<${Credits} gpums=${c.held} />` })}</span></span>`
                    : html`<span><${Swatch} kind="none" /><span>${tx("reservation.legend.returned", { amount: html`<${Credits} gpums=${c.returned} />` })}</span></span>`}</p>
        </section>`;
};
/** Where those work who log in: the account that is open for them, and what it may use. */
const Access = ({ r }) => html`
    <section class="card"><h2>${t("reservation.access")}</h2>
        <p>${t(r.state === "open" ? "reservation.access.open" : isComing(r) ? "reservation.access.coming" : "reservation.access.over", { site: r.site.name ?? r.site.code, time: dateTime(r.window.start) })}</p>
        <dl class="facts">
            <div><dt>${t("reservation.access.account")}</dt><dd class="mono">${accountOf(r)}</dd></div>
            <div><dt>${t("reservation.access.limit")}</dt><dd>${t("reservation.access.limits", { gpus: r.gpus, n: Math.floor((r.gpus * r.walltime_s) / 60) })}</dd></div>
        </dl>
        <pre class="sunken" tabindex="0" role="region" aria-label=${t("reservation.access.how")}>${t("reservation.access.command", { account: accountOf(r) })}</pre>
        <p class="chart-note">${t("reservation.access.text")}</p>
    </section>`;
const Output = ({ r }) => {
    const { data, error, reload } = useData(`/v1/reservations/${r.id}/output`, { every: isRunning(r) ? 5000 : 0, mark: r.state });
    if (error?.status === 403) return null;
    const text = data?.output ?? "";
    const file = () => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
        link.download = `output-${r.id}.txt`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    return html`
        <section class="card"><div class="card-head"><h2>${t("reservation.output")}</h2>
            ${data?.received && html`<span class="end">${r.exit_code !== null && html`<${State} name=${r.exit_code === 0 ? "granted" : "refused"} words=${t("site.exit", { n: r.exit_code })} />`}<span>${t("reservation.output.at", { time: clock(data.received) })}</span><button type="button" class="linkish" onClick=${file}><${Icon} name="download" size=${14} />${t("download")}</button></span>`}</div>
            ${text ? html`<pre class="sunken output" tabindex="0" role="region" aria-label=${t("reservation.output")}>${text}</pre>
                ${data.truncated && html`<p class="small hint">${t("reservation.output.cut")}</p>`}`
            : html`<p class="second">${t(isComing(r) ? "reservation.output.not-yet" : isRunning(r) ? "reservation.output.waiting" : "reservation.output.none")}</p>`}
        </section>`;
};
const CHECK = { checking: ["plain", "circle"], good: ["wash-verdigris", "ok"], bad: ["wash-brick", "warn"], cannot: ["plain", "circle"] };
let judged = null; /* the ticket that was checked before the page is drawn */
const judgeAhead = async (path) => {
    const [ticket, keys] = await ahead(`${path}/ticket`, "/.well-known/jwks.json");
    judged = ticket?.jws && keys ? { jws: ticket.jws, is: await verify(ticket.jws, keys).catch(() => "bad") } : null;
};
const Ticket = ({ r }) => {
    const { data } = useData(r.ticket ? `/v1/reservations/${r.id}/ticket` : null);
    const keys = useData(data?.jws ? "/.well-known/jwks.json" : null);
    const [state, set] = useState(() => (judged?.jws === data?.jws && judged?.is) || "checking");
    const [parts, take] = useState(/** @type {any} */ (null));
    useEffect(() => { /* what was sealed is the start-up's to see */
        if (data?.claims.secrets && seat.value?.kind === "startup") import("../parts/sealed.js").then((module) => take(module.default));
    }, [data?.claims.secrets]);
    useEffect(() => {
        if (data?.jws && keys.data) verify(data.jws, keys.data).then(set, () => set("bad"));
    }, [data?.jws, keys.data]);
    if (!data?.jws) return null;
    const c = data.claims;
    const [wash, icon] = CHECK[state];
    const file = () => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([data.jws], { type: "application/jose" }));
        link.download = `ticket-${c.aud}-${c.seq}.jws`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    return html`
        <section class="card"><div class="card-head"><h2>${t("ticket.signed")}</h2><span class="end">
                <button type="button" class="linkish" onClick=${file}><${Icon} name="download" size=${14} />${t("ticket.jws")}</button>
                <span class=${"state " + wash} role="status"><${Icon} name=${icon} />${t("ticket." + state)}</span></span></div>
            <p class="small"><${Word} name="ticket" about=${t("ticket.signed")} /></p>
            <dl class="facts columns">
                <div><dt>${t("ticket.order")}</dt><dd>${t("ticket.do." + c.do)}</dd></div>
                <div><dt>${t("cost-at-most")}</dt><dd>${c.max_gpums ? tx("ticket.credits", { amount: html`<${Credits} gpums=${c.max_gpums} />` }) : t("none")}</dd></div>
                <div><dt>${t("ticket.to")}</dt><dd>${t("ticket.numbers", { site: c.aud, seq: c.seq, fence: c.fence })}</dd></div>
                <div><dt>${t("ticket.work")}</dt><dd class="mono">${c.workload ? `sha256 ${shortHash(c.workload.sha256)}` : t("none")}</dd></div>
                <div><dt>${t("ticket.resource")}</dt><dd>${t("ticket.gpus", { gpus: c.gpus, model: c.model, n: c.nodes })}</dd></div>
                <div><dt>${t("ticket.hold")}</dt><dd><${Folio} entry=${c.hold} /></dd></div>
                <div><dt>${t("ticket.window")}</dt><dd>${c.window ? t("ticket.span", { from: dateTime(c.window[0]), to: dateTime(c.window[1]) }) : ""}</dd></div>
                <div><dt>${t("ticket.key")}</dt><dd class="mono">${t("ticket.kid", { kid: header(data.jws).kid, iss: c.iss })}</dd></div>
            </dl>
            <p class="sunken jws mono">${data.jws}</p>
            ${state === "cannot" && html`<p class="small hint">${t("ticket.cannot.text")}</p>`}
            ${state === "bad" && html`<div class="gap"><${Note} kind="brick">${t("ticket.bad.text")}<//></div>`}
        </section>
        ${parts && html`<${parts.Sealed} r=${r} />`}`;
};
const Entries = ({ r }) => html`
    <section class="card"><h2>${t("reservation.entries")}</h2>
        <dl class="facts">
            ${r.hold_entry !== null && r.hold_entry !== undefined && html`<div><dt>${t("reservation.entry.hold")}</dt><dd><${Folio} entry=${r.hold_entry} /></dd></div>`}
            ${(r.settle_entries ?? []).map((e) => html`<div key=${e}><dt>${t("reservation.entry.settle")}</dt><dd><${Folio} entry=${e} /></dd></div>`)}
            ${r.void_entry !== null && r.void_entry !== undefined && html`<div><dt>${t("reservation.entry.void")}</dt><dd><${Folio} entry=${r.void_entry} /></dd></div>`}
        </dl>
        <p class="chart-note">${t("reservation.entries.text")}</p>
    </section>`;
const Cancel = ({ r, onDone }) => {
    const [asking, ask] = useState(false);
    const cancelling = useCommand();
    const held = costs(r).held;
    const yes = async () => {
        if (await cancelling.run(`/v1/reservations/${r.id}/cancel`, {})) {
            ask(false);
            say(t("cancel.done"));
            onDone();
        }
    };
    return html`
        <div class="deeds gap"><${Button} kind="danger" onClick=${() => ask(true)}>${t("cancel")}<//><span class="small hint">${t(isComing(r) ? "cancel.returns" : "cancel.returns.running", { amount: credits(held) })}</span></div>
        ${asking && html`<${Dialog} danger title=${t("cancel.title")} yes=${t("cancel")} no=${t("cancel.no")} busy=${cancelling.busy} error=${html`<${Refused} error=${cancelling.error} />`} onYes=${yes} onNo=${() => ask(false)}>
            <p>${t(isComing(r) ? "cancel.text" : "cancel.text.running", { amount: credits(held), site: r.site.name ?? r.site.code })}</p><//>`}`;
};
/** Asks for the same again, workload and all; what is asked may be changed before anything is booked. */
const Repeat = ({ r }) => {
    const [state, set] = useState({ busy: false, error: null });
    const repeat = async () => {
        set({ busy: true, error: null });
        try {
            const { again, write } = await import("../lib/asking.js");
            go(to("/ask", write(again(await get(`/v1/requests/${r.request}`), nowMs()))));
        } catch (error) {
            set({ busy: false, error });
        }
    };
    return html`<${Button} icon="repeat" busy=${state.busy} onClick=${repeat}>${t("repeat")}<//>${state.error && html`<${Refused} error=${state.error} />`}`;
};
const mayDispute = (r) => r?.state === "settled" || r?.state === "disputed";
let disputeParts = null;
const takeDispute = async () => (disputeParts = (await import("../parts/dispute.js")).default);
/** What of a dispute stands on this page; fetched only where there may be one. */
const useDispute = (r) => {
    const may = mayDispute(r);
    const [parts, set] = useState(disputeParts);
    useEffect(() => {
        if (may && !parts) takeDispute().then(set);
    }, [may]);
    return { parts, ...useData(may && parts ? `/v1/reservations/${r.id}/dispute` : null, { mark: r?.version }) };
};
const Live = ({ live, last }) => {
    const now = useNow(1000);
    const says = (words, ms) => t(words, { ago: ms === null ? "" : ago(ms) });
    /* its place is as wide as it is when it says the most: who counts seconds moves nothing */
    return html`<span class="live-place"><span class="live cut unseen" aria-hidden="true">${says("live.cut", 59_000)}</span>${live !== null && html`<span class=${live ? "live" : "live cut"}>${says(live ? "live" : "live.cut", last ? now - last : null)}</span>`}</span>`;
};

export const first = async ({ params }) => {
    const path = `/v1/reservations/${params.id}`;
    const own = ahead(path).then(([r]) => r && Promise.all([
        r.ticket && judgeAhead(path), mayDispute(r) && Promise.all([takeDispute(), ahead(`${path}/dispute`)]).catch(() => {}), /* its code may not come: the page says so */
    ]));
    await Promise.all([own, ahead("/v1/sites", `${path}/outlook`, `${path}/output`)]);
};

export default ({ params }) => {
    const path = `/v1/reservations/${params.id}`;
    const { data: r, error, live, last, reload } = useLive(path, path + "/events", "reservation");
    const { sites } = useSites();
    const dispute = useDispute(r);
    const now = useNow(5000);
    const [crumb, crumbName] = seat.value?.kind === "startup" ? ["/reservations", t("nav.reservations")] : ["/journal/entries", t("nav.journal")];
    if (!r) return html`<${Head} title=${t("reservation.loading")} crumbs=${html`<a href=${to(crumb)}>${crumbName}</a>`} sub="" /><${Waiting} error=${error} retry=${reload} rows=${6} />`;
    const site = sites.get(r.site.code);
    const first = r.timeline[0]?.time;
    const spender = seat.value?.kind === "startup";
    return html`
        <${Head} title=${jobName(r)} crumbs=${html`<a href=${to(crumb)}>${crumbName}</a> / <span class="mono">${tail(r.id)}</span>${r.night ? html` / <a href=${to(`/requests/${r.night.request}`)}>${t("reservation.night", { n: r.night.number, of: r.night.of })}</a>` : null}`} state=${html`<${State} name=${stateOf(r)} />`}
            sub=${html`${t("reservation.what", { gpus: r.gpus, gpu: gpuName(r.offering), site: siteName(site ?? r.site), city: r.site.city ?? "", country: country(r.site.country) })}<${Assumed} when=${site?.offerings.find((o) => o.index === r.offering.index)?.assumed} /> ${sentence(r, now)}`}><${Live} live=${live} last=${last} />${spender && html`<${Repeat} r=${r} />`}<//>
        <${Say}>${t("reservation.said", { state: has("state." + stateOf(r)) ? t("state." + stateOf(r)) : stateOf(r) })}<//>
        <div class="stack">
            ${r.moved_to && html`<${Note} kind="ochre" icon="right">${t("reservation.moved-to")} <a href=${to(`/reservations/${r.moved_to}`)}>${t("reservation.moved.see")}</a><//>`}
            ${r.moved_from && html`<${Note} kind="slate">${t("reservation.moved-from")} <a href=${to(`/reservations/${r.moved_from}`)}>${t("reservation.moved.old")}</a><//>`}
            ${dispute.data ? html`<${dispute.parts.DisputeNote} r=${r} d=${dispute.data} />` : r.state === "disputed" && html`<${Note} kind="brick">${t("reservation.disputed.text")}<//>`}
            <${Outlook} r=${r} sites=${sites} mine=${spender} onDone=${reload} />
            <div class="grid one">
                <${Money} r=${r} />
                <div class="stack">
                    <section class="card"><div class="card-head"><h2>${t("timeline")}</h2>${first && html`<span class="end">${weekday(first)}</span>`}</div>
                        <${Timeline} steps=${stepsOf(r)} />
                        ${spender && mayCancel(r) && html`<${Cancel} r=${r} onDone=${reload} />`}</section>
                    <${Entries} r=${r} />
                    ${spender && dispute.data?.contest_until && html`<${dispute.parts.Contest} r=${r} d=${dispute.data} onDone=${dispute.reload} />`}
                </div>
                ${r.use === "allocation" ? html`<${Access} r=${r} />` : html`<${Output} r=${r} />`}<${Ticket} r=${r} />
            </div>
        </div>`;
};
