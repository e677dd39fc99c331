/* /people/webhooks: where the organisation's programs are told what its people are told, and what became of it. For owners. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { del, post, ahead } from "../lib/api.js";
import { me, seat } from "../lib/session.js";
import { to } from "../lib/router.js";
import { useCommand, useData } from "../lib/use.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Check, Field, faultOf, fieldOf, useFocusOnError } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { say } from "../parts/note.js";

await Promise.all([more("../messages/LANG.notices.json", "../styles/notices.css"), more("../messages/LANG.webhooks.json")]);

const KINDS = ["job-ended", "quote-ending", "credits-lapse", "dispute", "maintenance"];

const Made = ({ made, onClose }) => {
    const copy = () => navigator.clipboard?.writeText(made.secret).then(() => say(t("copied")));
    return html`
        <div role="status"><p>${t("webhooks.made", { url: made.url })}</p>
            <pre class="sunken gap" tabindex="0" role="region" aria-label=${t("webhooks.secret")}>${made.secret}</pre>
            <div class="deeds gap"><${Button} kind="primary" icon="copy" onClick=${copy}>${t("copy")}<//><${Button} onClick=${onClose}>${t("close")}<//></div></div>`;
};
const Form = ({ organisation, onMade, onClose }) => {
    const [url, setUrl] = useState(""), [kinds, setKinds] = useState(KINDS), [password, setPassword] = useState("");
    const [wrong, setWrong] = useState({});
    const making = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : making.error);
    const proves = Boolean(me.value.person.email);
    const submit = async (event) => {
        event.preventDefault();
        const bad = { ...(!url.trim().startsWith("https://") && { url: t("webhooks.bad.url") }), ...(proves && !password && { password: t("webhooks.bad.password") }) };
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const made = await making.run(`/v1/organisations/${organisation.id}/webhooks`, { url: url.trim(), kinds, ...(proves && { password }) }, { secret: true });
        if (made) onMade(made);
    };
    const field = fieldOf(making.error);
    return html`
        <form class="form gap" ref=${form} onSubmit=${submit} noValidate>
            <${Field} name="url" type="url" label=${t("webhooks.url")} hint=${t("webhooks.url.hint")} value=${url} onInput=${setUrl} error=${wrong.url ?? (field === "url" ? faultOf(making.error) : undefined)} maxlength=${500} />
            <fieldset class="kinds"><legend>${t("webhooks.kinds")}</legend>${KINDS.map((kind) => html`<div key=${kind}><${Check} name=${kind} label=${t("notices.kind." + kind)} checked=${kinds.includes(kind)}
                onInput=${(on) => setKinds(on ? [...kinds, kind] : kinds.filter((k) => k !== kind))} /></div>`)}</fieldset>
            ${proves && html`<input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" /><${Field} name="password" type="password" autocomplete="current-password" label=${t("me.old")} value=${password} onInput=${setPassword} error=${wrong.password ?? (field === "password" ? faultOf(making.error) : undefined)} />`}
            ${!["url", "password"].includes(field) && html`<${Refused} error=${making.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${making.busy}>${t("webhooks.make")}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};
const Hook = ({ hook, act, busy }) => html`
    <div><dt>${hook.url}<span class="hint block">${hook.kinds.map((kind) => t("notices.kind." + kind)).join(", ")}</span>
        <span class="hint block">${t("webhooks.state", { waiting: hook.waiting, gone: hook.given_up, by: hook.by, time: dateTime(hook.created) })}</span></dt>
        <dd class="deeds"><${Button} small busy=${busy === "test" + hook.id} label=${t("webhooks.test.of", { url: hook.url })} onClick=${() => act("test" + hook.id, () => post(`/v1/webhooks/${hook.id}/test`, {}), t("webhooks.tested"))}>${t("webhooks.test")}<//>
            <${Button} small busy=${busy === hook.id} label=${t("webhooks.remove.of", { url: hook.url })} onClick=${() => act(hook.id, () => del(`/v1/webhooks/${hook.id}`), t("webhooks.removed"))}>${t("webhooks.remove")}<//></dd></div>`;
const Sent = ({ sent, again, act, busy }) => html`
    <div><dt>${sent.title}<span class="hint block">${t("webhooks." + sent.state, { tries: sent.tries, time: dateTime(sent.next ?? sent.done) })}</span>
        ${(sent.why || sent.status > 299) && html`<span class="hint block">${sent.status ? t("webhooks.answered", { status: sent.status }) : ""} ${sent.why}</span>`}</dt>
        <dd>${again && sent.state === "given-up" && html`<${Button} small busy=${busy === sent.id} label=${t("webhooks.again.of", { title: sent.title })} onClick=${() => act(sent.id, () => post(`/v1/deliveries/${sent.id}/again`, {}), t("webhooks.again.done"))}>${t("webhooks.again")}<//>`}</dd></div>`;

const Webhooks = () => {
    const organisation = seat.value.organisation;
    const hooks = useData(`/v1/organisations/${organisation.id}/webhooks`), sent = useData(`/v1/organisations/${organisation.id}/deliveries`, { every: 5000 });
    const [state, set] = useState({ busy: "", error: null }), [form, show] = useState(false), [made, setMade] = useState(null);
    const reload = () => (hooks.reload(), sent.reload());
    const act = async (what, run, done) => {
        if (state.busy) return;
        set({ busy: what, error: null });
        try {
            await run();
            set({ busy: "", error: null });
            say(done);
        } catch (error) {
            set({ busy: "", error });
        }
        reload();
    };
    const head = html`<${Head} title=${t("webhooks")} sub=${t("webhooks.sub", { organisation: organisation.name })} crumbs=${html`<a href=${to("/people")}>${t("nav.people")}</a>`} />`;
    if (!hooks.data || !sent.data) return html`${head}<${Waiting} error=${hooks.error ?? sent.error} retry=${reload} />`;
    return html`
        ${head}
        <div class="stack">
            <section class="card"><h2>${t("webhooks.mine")}</h2><p class="second">${t("webhooks.text")}</p><${Refused} error=${state.error} />
                ${hooks.data.items.length > 0 && html`<dl class="facts gap">${hooks.data.items.map((hook) => html`<${Hook} key=${hook.id} hook=${hook} act=${act} busy=${state.busy} />`)}</dl>`}
                ${made ? html`<div class="gap"><${Made} made=${made} onClose=${() => setMade(null)} /></div>`
                : form ? html`<${Form} organisation=${organisation} onMade=${(hook) => (setMade(hook), show(false), reload())} onClose=${() => show(false)} />`
                : html`<div class="gap deeds"><${Button} small icon="plus" onClick=${() => show(true)}>${t("webhooks.new")}<//></div>`}</section>
            <section class="card"><h2>${t("webhooks.sent")}</h2>
                ${sent.data.items.length ? html`<dl class="facts">${sent.data.items.map((s) => html`<${Sent} key=${s.id} sent=${s} again=${hooks.data.items.some((hook) => hook.id === s.webhook)} act=${act} busy=${state.busy} />`)}</dl>` : html`<p class="second">${t("webhooks.sent.none")}</p>`}</section>
        </div>`;
};

export const first = () => seat.value.role === "owner" && ahead(`/v1/organisations/${seat.value.organisation.id}/webhooks`, `/v1/organisations/${seat.value.organisation.id}/deliveries`);

export default () => (seat.value.role === "owner" ? html`<${Webhooks} />` : html`<${Head} title=${t("webhooks")} sub="" /><section class="card"><p><b>${t("webhooks.owners")}</b></p><p class="second">${t("webhooks.owners.text")}</p></section>`);
