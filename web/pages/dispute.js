/* /reservations/{id}/dispute: both sides' signed words side by side. For the start-up, the site, the programme. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { has, t } from "../lib/words.js";
import { clock, clockMs, credits, dateTime, tail, whole, weekday } from "../lib/format.js";
import { more } from "../lib/more.js";
import { me, seat } from "../lib/session.js";
import { siteName, useSites } from "../lib/sites.js";
import { useCommand, useData } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Credits, Folio, GpuHours } from "../parts/amount.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { TEXT_MAX, endOfDispute, endText, whyText } from "../parts/dispute.js";
import { Area, Choices, Field, Fieldset, faultOf, fieldOf, useFocusOnError } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { jobName } from "../parts/jobs.js";
import { Note, say } from "../parts/note.js";
import { State, stateOf } from "../parts/state.js";

await Promise.all([more("../messages/LANG.site.json"), more("../messages/LANG.reservation.json")]);

/** To the millisecond, with its day. */
const moment = (time) => `${weekday(time)} ${clockMs(time)}`;
/** What either side said in words, each on its entry. */
const Words = ({ steps, side }) => {
    const own = steps.filter((s) => s.by === side && (s.what === "said" || s.what === "opened"));
    if (!own.length) return html`<p class="second">${t("dispute.silent." + side)}</p>`;
    return html`<ol class="words">${own.map((s) => html`
        <li key=${s.entry}><p class="small second"><time datetime=${s.time}>${dateTime(s.time)}</time> <${Folio} entry=${s.entry} /></p>
            ${s.text ? html`<blockquote class="sunken">${s.text}</blockquote>` : html`<p class="second">${s.erased ? t("dispute.erased", { time: dateTime(s.erased) }) : t("dispute.withheld")}</p>`}</li>`)}</ol>`;
};
const Speak = ({ id, onDone }) => {
    const [text, set] = useState("");
    const [bad, setBad] = useState("");
    const sending = useCommand();
    const send = async (event) => {
        event.preventDefault();
        if (!text.trim()) {
            setBad(t("order.needed"));
            event.currentTarget.querySelector("[name=text]").focus();
            return;
        }
        if (!(await sending.run(`/v1/reservations/${id}/statements`, { text: text.trim() }))) return;
        set("");
        say(t("dispute.said"));
        onDone();
    };
    return html`
        <form class="form gap" onSubmit=${send} noValidate>
            <${Area} light name="text" label=${t("dispute.speak")} hint=${t("dispute.speak.hint", { n: TEXT_MAX })} rows=${4} value=${text} error=${bad} onInput=${(v) => { set(v.slice(0, TEXT_MAX)); setBad(""); }} />
            <${Refused} error=${sending.error} />
            <div class="deeds"><${Button} submit busy=${sending.busy}>${t("dispute.speak.do")}<//></div>
        </form>`;
};
const PASSWORDS = ["password", "email", "second"];
/** An officer ends a contest, with a second officer beside them: both sign with their passwords, each in a form of its own, as browsers
 * want it. */
const Decide = ({ id, d, onDone }) => {
    const [v, setAll] = useState({ what: "", reason: "", password: "", email: "", second: "" });
    const [wrong, setWrong] = useState(/** @type {Record<string, string>} */ ({}));
    const each = me.value.second_duty; /* where a password alone signs nothing: it waits, and two sign it on their own pages */
    const sending = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : sending.error);
    const set = (name) => (text) => {
        setAll((old) => ({ ...old, [name]: text }));
        if (wrong[name]) setWrong(({ [name]: _, ...rest }) => rest);
    };
    const pointer = sending.error?.pointer ?? "";
    const at = pointer.startsWith("/officers/0") ? "password" : pointer.startsWith("/officers/1") ? "second" : fieldOf(sending.error);
    const fault = (name) => wrong[name] ?? (at === name ? faultOf(sending.error) : undefined);
    const send = async (event) => {
        event.preventDefault();
        const bad = Object.fromEntries(Object.entries(v).filter(([name, text]) => !text.trim() && !(each && PASSWORDS.includes(name))).map(([name]) => [name, t("order.needed")]));
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const officers = [{ email: me.value.person.email, password: v.password }, { email: v.email.trim(), password: v.second }];
        const answer = await sending.run(`/v1/reservations/${id}/${v.what}`, { reason: v.reason.trim(), ...(!each && { officers }) });
        if (!answer) return;
        if (answer.signers) {
            say(t("order.waits"));
            go(to(`/programme/orders/${answer.id}`));
            return;
        }
        say(t("decide.done." + v.what));
        onDone();
    };
    return html`
        <section class="card" aria-label=${t("decide")}><h2>${t("decide")}</h2><p class="second">${t("decide.text")}</p>
            <div ref=${form}><form class="form gap" onSubmit=${send} noValidate>
                <input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" />
                <${Fieldset} legend=${t("decide.what")}><${Choices} name="what" value=${v.what} error=${wrong.what} onInput=${set("what")} options=${[
                    { value: "correct", label: t("decide.correct"), hint: t("decide.correct.hint", { amount: credits(d.settled_gpums) }) },
                    { value: "dismiss", label: t("decide.dismiss"), hint: t("decide.dismiss.hint") }]} />
                <//>
                <${Area} light name="reason" label=${t("order.reason")} hint=${t("decide.reason.hint", { n: TEXT_MAX })} rows=${3} value=${v.reason} error=${fault("reason")} onInput=${(text) => set("reason")(text.slice(0, TEXT_MAX))} />
                ${!each && html`<${Field} light name="password" type="password" autocomplete="current-password" label=${t("decide.password", { who: me.value.person.name })} value=${v.password} error=${fault("password")} onInput=${set("password")} />`}
            </form><form class="form gap" onSubmit=${send} noValidate>
                ${!each && html`<div class="fields"><${Field} light name="email" type="email" label=${t("decide.email")} value=${v.email} error=${fault("email")} onInput=${set("email")} />
                    <${Field} light name="second" type="password" label=${t("decide.second")} value=${v.second} error=${fault("second")} onInput=${set("second")} /></div>`}
                ${!(at in v) && html`<${Refused} error=${sending.error} />`}
                <div class="deeds"><${Button} kind="primary" submit busy=${sending.busy}>${t("decide.do")}<//></div>
            </form></div></section>`;
};
const Kontors = ({ d, r }) => html`
    <section class="card"><h2>${t("dispute.kontor")}</h2>
        <dl class="facts">
            <div><dt>${t("dispute.ticket")}</dt><dd>${t("ticket.numbers", { site: r.site.code, seq: d.ticket.seq, fence: d.ticket.fence })}<span class="block small second">${moment(d.ticket.issued)}</span></dd></div>
            <div><dt>${t("dispute.delivered")}</dt><dd>${d.ticket.delivered ? moment(d.ticket.delivered) : t("none")}</dd></div>
            <div><dt>${t("dispute.permit")}</dt><dd>${d.permit ? html`${moment(d.permit.time)}<span class="block small second">${t("dispute.permit.on", { report: whole(d.permit.report), instance: whole(d.permit.instance) })}</span>` : t("dispute.permit.none")}</dd></div>
            <div><dt>${t("reservation.entry.hold")}</dt><dd><${Credits} gpums=${r.cost_at_most_gpums} /> <${Folio} entry=${d.hold} /></dd></div>
            ${r.settle_entries.map((e) => html`<div key=${e}><dt>${t("reservation.entry.settle")}</dt><dd><${Credits} gpums=${d.settled_gpums} /> <${Folio} entry=${e} /></dd></div>`)}
            <div><dt>${t("dispute.held")}</dt><dd><${Credits} gpums=${d.held_gpums} /></dd></div>
        </dl>
        <h3 class="gap">${t("dispute.steps")}</h3>
        <ol class="words tight small">${d.steps.map((s) => html`<li key=${s.entry}><time datetime=${s.time}>${dateTime(s.time)}</time> ${t("dispute.step." + s.what, { who: t("dispute.by." + s.by) })} <${Folio} entry=${s.entry} /></li>`)}</ol>
        ${!d.steps.length && html`<p class="second">${t("dispute.none-yet")}</p>`}
    </section>`;
const Signed = ({ d, r, site }) => {
    const file = () => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([JSON.stringify(d.reports, null, 1)], { type: "application/json" }));
        link.download = `reports-${r.id}.json`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    };
    return html`
        <section class="card"><div class="card-head"><h2>${t("dispute.signed", { site })}</h2>${d.reports.length > 0 && html`<span class="end"><button type="button" class="linkish" onClick=${file}><${Icon} name="download" size=${14} />${t("dispute.signed.file")}</button></span>`}</div>
            ${d.reports.length === 0 ? html`<p class="second">${t("dispute.signed.none")}</p>` : html`
            <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("dispute.signed", { site })}</caption>
                <thead><tr><th scope="col">${t("report")}</th><th scope="col">${t("site.says")}</th><th scope="col" class="num">${t("dispute.gpu-hours")}</th></tr></thead>
                <tbody>${d.reports.map((p) => html`
                    <tr key=${p.number}><td class="lead"><b>${whole(p.number)}</b><span class="hint">${weekday(p.time)} ${clock(p.time)}</span></td>
                        <td>${has("report." + p.kind) ? t("report." + p.kind) : p.kind}<span class="hint">${[p.kind === "finished" && t("site.exit", { n: p.exit_code }), p.reason !== "none" && p.reason, p.permit && t("site.permit." + p.permit), t("site.instance.short", { n: p.instance })].filter(Boolean).join(", ")}</span></td>
                        <td class="num" data-label=${t("dispute.gpu-hours")}><${GpuHours} seconds=${p.gpu_seconds} /></td></tr>`)}</tbody></table></div>
            <p class="chart-note">${t("dispute.signed.text")}</p>`}
        </section>`;
};
const crumbOf = (r) => (seat.value?.kind === "site" ? [`/site/${seat.value.site}/disputes`, t("nav.disputes")] : seat.value?.kind === "startup" ? ["/reservations", t("nav.reservations")] : ["/programme", t("nav.overview")]);

export const first = ({ params: { id } }) => ahead(`/v1/reservations/${id}`, `/v1/reservations/${id}/dispute`, "/v1/sites");

export default ({ params }) => {
    const job = useData(`/v1/reservations/${params.id}`, { every: 10_000 });
    const dispute = useData(`/v1/reservations/${params.id}/dispute`, { every: 10_000 });
    const { sites } = useSites();
    const r = job.data, d = dispute.data;
    if (!r || !d) return html`<${Head} title=${t("dispute.title-loading")} sub="" /><${Waiting} error=${job.error ?? dispute.error} retry=${dispute.reload} rows=${6} />`;
    const [crumb, crumbName] = crumbOf(r);
    const mine = seat.value?.kind === "startup" ? "requester" : seat.value?.kind === "site" ? "site" : null;
    const end = endOfDispute(d);
    const officers = d.steps.filter((s) => s.by === "officers" && s.text);
    const site = siteName(sites.get(r.site.code) ?? r.site);
    const side = (who, title) => html`
        <section class="card" aria-label=${title}><h2>${title}</h2><${Words} steps=${d.steps} side=${who} />
            ${mine === who && d.open && html`<${Speak} id=${params.id} onDone=${dispute.reload} />`}</section>`;
    return html`
        <${Head} title=${t("dispute.title", { name: jobName(r) })} state=${html`<${State} name=${d.open ? "disputed" : stateOf(r)} />`} sub=${t("dispute.sub", { who: r.organisation.name, site, gpus: r.gpus })}
            crumbs=${html`<a href=${to(crumb)}>${crumbName}</a> / <a href=${to(`/reservations/${params.id}`)} class="mono">${tail(r.id)}</a> / ${t("dispute")}`} />
        <div class="stack">
            ${d.open && html`<${Note} kind="brick"><p><b>${whyText(d.why)}</b> ${t("dispute.ends." + d.ends_by, { time: d.decided_by ? dateTime(d.decided_by) : "" })}</p><//>`}
            ${end && html`<${Note} kind="slate" icon="scales"><p><b>${t("dispute.ended")}</b> ${endText(end)}</p><//>`}
            ${!d.open && !end && html`<${Note} kind="slate">${t("dispute.never")}<//>`}
            <div class="grid halves">${side("requester", t("dispute.of", { who: r.organisation.name }))}${side("site", t("dispute.of", { who: site }))}</div>
            ${officers.length > 0 && html`<section class="card"><h2>${t("dispute.officers")}</h2><${Words} steps=${officers.map((s) => ({ ...s, what: "said" }))} side="officers" /></section>`}
            ${d.open && d.ends_by === "correct" && seat.value?.role === "officer" && html`<${Decide} id=${params.id} d=${d} onDone=${() => { dispute.reload(); job.reload(); }} />`}
            <div class="grid halves"><${Kontors} d=${d} r=${r} /><${Signed} d=${d} r=${r} site=${site} /></div>
        </div>`;
};
