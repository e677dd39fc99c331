/* Tokens for one's programs: those in force, and the form that makes one, which is shown once. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime, day } from "../lib/format.js";
import { del } from "../lib/api.js";
import { me } from "../lib/session.js";
import { useCommand, useData } from "../lib/use.js";
import { Refused, Waiting } from "./broken.js";
import { Button } from "./button.js";
import { Field, Select, faultOf, fieldOf, useFocusOnError } from "./field.js";
import { say } from "./note.js";

const DAYS = [7, 30, 90, 365];
const scopeWords = (token) => (token.scope === "write" ? t("tokens.writes", { organisation: token.organisation.name }) : t("tokens.reads"));

const Made = ({ made, onClose }) => {
    const copy = () => navigator.clipboard?.writeText(made.token).then(() => say(t("copied")));
    return html`
        <div role="status"><p>${t("tokens.made", { name: made.name, time: dateTime(made.expires) })}</p>
            <pre class="sunken gap" tabindex="0" role="region" aria-label=${t("tokens.one", { name: made.name })}>${made.token}</pre>
            <div class="deeds gap"><${Button} kind="primary" icon="copy" onClick=${copy}>${t("copy")}<//><${Button} onClick=${onClose}>${t("close")}<//></div></div>`;
};
const Form = ({ onMade, onClose }) => {
    const organisations = me.value.roles.filter((r) => r.organisation).map((r) => r.organisation);
    const [name, setName] = useState(""), [scope, setScope] = useState("read"), [days, setDays] = useState("90"), [password, setPassword] = useState("");
    const [wrong, setWrong] = useState({});
    const making = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : making.error);
    const proves = Boolean(me.value.person.email);
    const submit = async (event) => {
        event.preventDefault();
        const bad = { ...(!name.trim() && { name: t("tokens.bad.name") }), ...(proves && !password && { password: t("tokens.bad.password") }) };
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const made = await making.run("/v1/me/tokens", { name: name.trim(), scope: scope === "read" ? "read" : "write", ...(scope !== "read" && { organisation: scope }), days: Number(days), ...(proves && { password }) }, { secret: true });
        if (made) onMade(made);
    };
    const field = fieldOf(making.error);
    const fault = (which) => wrong[which] ?? (field === which ? faultOf(making.error) : undefined);
    return html`
        <form class="form gap" ref=${form} onSubmit=${submit} noValidate>
            <${Field} name="name" label=${t("tokens.name")} hint=${t("tokens.name.hint")} value=${name} onInput=${setName} error=${fault("name")} maxlength=${60} />
            <${Select} name="scope" label=${t("tokens.scope")} hint=${t(scope === "read" ? "tokens.scope.read" : "tokens.scope.write")} value=${scope} onInput=${setScope} error=${fault("scope") ?? fault("organisation")}
                options=${[["read", t("tokens.reads")], ...organisations.map((o) => [o.id, t("tokens.writes", { organisation: o.name })])]} />
            <${Select} name="days" label=${t("tokens.days")} value=${days} onInput=${setDays} error=${fault("days")} options=${DAYS.map((n) => [String(n), t("tokens.days.n", { n })])} />
            ${proves && html`<${Field} name="password" type="password" autocomplete="current-password" label=${t("me.old")} hint=${t("tokens.password.hint")} value=${password} onInput=${setPassword} error=${fault("password")} />`}
            ${!field && html`<${Refused} error=${making.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${making.busy}>${t("tokens.make")}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};

/** @param {{onChanged: () => void, mark: any}} props */
export const Tokens = ({ onChanged, mark }) => {
    const { data, error, reload } = useData("/v1/me/tokens", { mark });
    const [state, set] = useState({ busy: "", error: null });
    const [form, show] = useState(false), [made, setMade] = useState(null);
    const end = async (token) => {
        if (state.busy) return;
        set({ busy: token.id, error: null });
        try {
            await del(`/v1/me/tokens/${token.id}`);
            set({ busy: "", error: null });
            say(t("tokens.ended", { name: token.name }));
        } catch (problem) {
            set({ busy: "", error: problem });
        }
        reload();
        onChanged();
    };
    const onMade = (token) => {
        setMade(token);
        show(false);
        reload();
        onChanged();
    };
    if (!data) return html`<section class="card"><h2>${t("tokens")}</h2><${Waiting} error=${error} rows=${2} retry=${reload} /></section>`;
    return html`
        <section class="card"><h2>${t("tokens")}</h2><p class="second">${t("tokens.text")}</p><${Refused} error=${state.error} />
            ${data.items.length > 0 && html`<dl class="facts gap">${data.items.map((token) => html`<div key=${token.id}><dt>${token.name}<span class="hint block">${scopeWords(token)}, ${t("tokens.until", { time: day(token.expires) })}</span>
                <span class="hint block">${token.used ? t("tokens.used", { time: dateTime(token.used), from: token.used_from || "?" }) : t("tokens.unused")}</span></dt>
                <dd><${Button} small busy=${state.busy === token.id} label=${t("tokens.end.of", { name: token.name })} onClick=${() => end(token)}>${t("tokens.end")}<//></dd></div>`)}</dl>`}
            ${made ? html`<div class="gap"><${Made} made=${made} onClose=${() => setMade(null)} /></div>`
            : form ? html`<${Form} onMade=${onMade} onClose=${() => show(false)} />`
            : html`<div class="gap deeds"><${Button} small icon="plus" onClick=${() => show(true)}>${t("tokens.new")}<//></div>`}</section>`;
};
