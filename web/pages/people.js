/* /people: who acts for the organisation: members, invitations, leaving; and every change of that. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { del, ahead } from "../lib/api.js";
import { me, seat, whoAmI } from "../lib/session.js";
import { go, to } from "../lib/router.js";
import { useCommand, useData } from "../lib/use.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Field, Select } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Files } from "../parts/list-files.js";
import { Note, say } from "../parts/note.js";
import { TableTools } from "../parts/table.js";

await more("../messages/LANG.people.json");

/* ---- members ---- */
/** What a deed is called, what it means, and what is said after it. */
const DEEDS = {
    owner: (m, name) => ({ title: t("people.change", m), text: t("people.change.owner", { name: m.name, organisation: name }), yes: t("people.to.owner"), done: t("people.changed", { name: m.name, role: t("role.owner") }) }),
    member: (m) => ({ title: t("people.change", m), text: t("people.change.member", m), yes: t("people.to.member"), done: t("people.changed", { name: m.name, role: t("role.member") }) }),
    none: (m, name) => ({ danger: true, title: t("people.remove.title", m), text: t("people.remove.text", m), yes: t("people.remove"), done: t("people.removed", { name: m.name, organisation: name }) }),
    leave: (m, name) => ({ danger: true, title: t("people.leave.title", { organisation: name }), text: t("people.leave.text"), yes: t("people.leave"), done: t("people.removed", { name: m.name, organisation: name }) }),
};
const Deed = ({ what, member, organisation, onDone, onNo }) => {
    const deed = DEEDS[what](member, organisation.name);
    const [reason, setReason] = useState(""), [bad, setBad] = useState("");
    const sending = useCommand();
    const yes = async () => {
        if (what !== "leave" && !reason.trim()) return setBad(t("order.needed"));
        const done = await sending.run(`/v1/organisations/${organisation.id}/members`, { person: member.id, role: what === "leave" ? "none" : what, ...(reason.trim() && { reason: reason.trim() }) });
        if (!done) return undefined;
        say(deed.done);
        return onDone();
    };
    return html`
        <${Dialog} danger=${deed.danger} title=${deed.title} yes=${deed.yes} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${onNo}>
            <p>${deed.text}</p>
            ${what !== "leave" && html`<div class="gap"><${Field} name="reason" label=${t("people.reason")} hint=${t("people.reason.hint", member)} value=${reason} onInput=${(v) => { setReason(v); setBad(""); }} error=${bad} maxlength=${500} /></div>`}<//>`;
};
const KEYS = { name: (m) => m.name, email: (m) => m.email, role: (m) => t("role." + m.role) };
const Members = ({ members, query, organisation, owns, onDone }) => {
    const [deed, set] = useState(null);
    const done = async (member) => {
        const mine = member.id === me.value.person.id;
        set(null);
        if (!mine) return onDone();
        await whoAmI();
        return seat.value?.organisation?.id === organisation.id ? onDone() : go(to("/me"), { replace: true });
    };
    const button = (m, what, words) => html`<${Button} small label=${`${words}: ${m.name}`} onClick=${() => set({ what, member: m })}>${words}<//>`;
    return html`
        <section class="card"><${TableTools} query=${query} path=${`/v1/organisations/${organisation.id}/members`} columns=${[["name", t("people.who")], ["email", t("join.email")], ["role", t("people.invite.role")]]} /><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("nav.people")}</caption>
            <thead><tr><th scope="col">${t("people.who")}</th><th scope="col">${t("people.invite.role")}</th><th scope="col"><span class="hidden-text">${t("deed")}</span></th></tr></thead>
            <tbody>${arrange(members, query, KEYS).map((m) => {
                const mine = m.id === me.value.person.id;
                return html`<tr key=${m.id}><td class="lead"><b>${m.name}</b>${mine && html` <span class="second">${t("people.you")}</span>`}<span class="hint block">${m.email}</span></td>
                    <td data-label=${t("people.invite.role")}>${t("role." + m.role)}</td>
                    <td class="right"><span class="deeds row-deeds">${owns && (m.role === "owner" ? button(m, "member", t("people.to.member")) : button(m, "owner", t("people.to.owner")))}
                        ${mine ? button(m, "leave", t("people.leave")) : owns && button(m, "none", t("people.remove"))}</span></td></tr>`;
            })}</tbody></table></div>
            ${deed && html`<${Deed} ...${deed} organisation=${organisation} onDone=${() => done(deed.member)} onNo=${() => set(null)} />`}</section>`;
};

/* ---- invitations ---- */
const Link = ({ made, onClose }) => {
    const link = `${new URL(made.link).origin}${to("/join")}#${made.token}`; /* in the language of who invites: the server says it in English */
    const copy = () => navigator.clipboard?.writeText(link).then(() => say(t("copied")));
    return html`
        <div role="status"><p>${t("people.invite.text", { time: dateTime(made.expires) })}</p>
            <pre class="sunken gap" tabindex="0" role="region" aria-label=${t("people.invite.link")}>${link}</pre>
            <div class="deeds gap"><${Button} kind="primary" icon="copy" onClick=${copy}>${t("copy")}<//><${Button} onClick=${onClose}>${t("close")}<//></div></div>`;
};
const Invite = ({ organisation, onMade }) => {
    const [role, setRole] = useState("member"), [note, setNote] = useState("");
    const [made, set] = useState(null);
    const sending = useCommand();
    const submit = async (event) => {
        event.preventDefault();
        const answer = await sending.run(`/v1/organisations/${organisation.id}/invitations`, { role, ...(note.trim() && { note: note.trim() }) }, { secret: true });
        if (!answer) return;
        set(answer);
        setNote("");
        onMade();
    };
    return html`
        <section class="card"><h2>${t("people.invite")}</h2>
            ${made ? html`<${Link} made=${made} onClose=${() => set(null)} />` : html`
            <form class="form" onSubmit=${submit} noValidate>
                <${Select} name="role" label=${t("people.invite.role")} value=${role} onInput=${setRole} options=${["member", "owner"].map((r) => [r, t("role." + r)])} hint=${t("join." + role)} />
                <${Field} name="note" label=${t("people.invite.note")} hint=${t("people.invite.note.hint")} value=${note} onInput=${setNote} maxlength=${120} />
                <${Refused} error=${sending.error} />
                <div><${Button} kind="primary" submit icon="plus" busy=${sending.busy}>${t("people.invite.do")}<//></div>
            </form>`}</section>`;
};
const Invitations = ({ items, reload }) => {
    const [state, set] = useState({ busy: "", error: null });
    const withdraw = async (i) => {
        if (state.busy) return;
        set({ busy: i.id, error: null });
        try {
            await del(`/v1/invitations/${i.id}`);
            set({ busy: "", error: null });
            say(t("people.withdrawn"));
        } catch (error) {
            set({ busy: "", error });
        }
        reload();
    };
    return html`
        <section class="card"><h2>${t("people.invitations")}</h2><${Refused} error=${state.error} />
            ${items.length ? html`<dl class="facts">${items.map((i) => html`<div key=${i.id}><dt>${i.note || t("people.none-for")}<span class="hint block">${t("role." + i.role)}, ${t("people.until", { time: dateTime(i.expires) })}</span></dt>
                <dd><${Button} small busy=${state.busy === i.id} label=${t("people.withdraw.of", { name: i.note || t("people.none-for") })} onClick=${() => withdraw(i)}>${t("people.withdraw")}<//></dd></div>`)}</dl>`
            : html`<p class="second">${t("people.invitations.none")}</p>`}</section>`;
};

/* ---- what changed ---- */
/** The reasons that are the server's own words, and English; all others are people's, and shown as they are. @type {[RegExp, string][]} */
const OWN = [[/^Invited by (?<name>.+)\.$/, "people.invited-by"], [/^The account was made\.$/, "people.account-made"]];
const reasonOf = (reason) => {
    const own = OWN.find(([said]) => said.test(reason));
    return own ? t(own[1], own[0].exec(reason)?.groups) : reason;
};
const History = ({ items, path }) => html`
    <section class="card"><div class="card-head"><h2>${t("people.history")}</h2><div class="deeds"><${Files} path=${path} /></div></div><p class="second">${t("people.history.sub")}</p>
        ${items.length ? html`<dl class="facts">${items.map((c) => html`<div key=${c.id}><dt>${t("people." + c.what, { person: c.person.name, by: c.by.name || t("people.machine"), role: t("role." + c.of.role) })}${c.reason && html`<span class="hint block">${reasonOf(c.reason)}</span>`}</dt>
            <dd>${dateTime(c.at)}</dd></div>`)}</dl>` : html`<p class="second">${t("people.history.none")}</p>`}</section>`;

export const first = () => {
    const { organisation: { id }, role } = seat.value;
    return ahead(`/v1/organisations/${id}/members`, `/v1/organisations/${id}/rights?limit=50`, ...(role === "owner" ? [`/v1/organisations/${id}/invitations`] : []));
};

export default ({ query }) => {
    const organisation = seat.value.organisation, owns = seat.value.role === "owner";
    const members = useData(`/v1/organisations/${organisation.id}/members`), history = useData(`/v1/organisations/${organisation.id}/rights?limit=50`);
    const open = useData(owns ? `/v1/organisations/${organisation.id}/invitations` : null);
    const hooks = useData(owns ? `/v1/organisations/${organisation.id}/webhooks` : null);
    const gone = (hooks.data?.items ?? []).reduce((n, hook) => n + hook.given_up, 0);
    const all = () => (members.reload(), history.reload(), open.reload());
    const head = html`<${Head} title=${t("nav.people")} sub=${t("people.sub", { organisation: organisation.name })}>${owns && html`<a class="button" href=${to("/people/webhooks")}>${t("people.webhooks")}</a>`}<//>`;
    if (!members.data || !history.data || (owns && (!open.data || !(hooks.data || hooks.error)))) return html`${head}<${Waiting} error=${members.error ?? history.error ?? open.error} retry=${all} />`;
    return html`
        ${head}
        <div class="stack">
            ${gone > 0 && html`<${Note} kind="brick"><p>${t("people.webhooks.gone", { n: gone })} <a href=${to("/people/webhooks")}>${t("people.webhooks")}</a></p><//>`}
            <${Members} members=${members.data.items} query=${query} organisation=${organisation} owns=${owns} onDone=${all} />
            ${owns && html`<div class="grid halves"><${Invite} organisation=${organisation} onMade=${open.reload} /><${Invitations} items=${open.data.items} reload=${open.reload} /></div>`}
            <${History} items=${history.data.items} path=${`/v1/organisations/${organisation.id}/rights`} />
        </div>`;
};
