/* Where one gets notices by e-mail: an address, confirmed by the link of a first one. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { del } from "../lib/api.js";
import { me } from "../lib/session.js";
import { useCommand, useData } from "../lib/use.js";
import { Button } from "./button.js";
import { Refused, Waiting } from "./broken.js";
import { Field, faultOf, fieldOf, useFocusOnError } from "./field.js";
import { say } from "./note.js";

const Ask = ({ onAsked, onClose }) => {
    const [address, setAddress] = useState(""), [password, setPassword] = useState(""), [wrong, setWrong] = useState({});
    const asking = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : asking.error);
    const proves = Boolean(me.value.person.email);
    const submit = async (event) => {
        event.preventDefault();
        const bad = { ...(!/^\S+@\S+$/.test(address.trim()) && { address: t("mail.bad") }), ...(proves && !password && { password: t("tokens.bad.password") }) };
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const now = await asking.run("/v1/me/mail", { address: address.trim(), ...(proves && { password }) }, { secret: true });
        if (now) onAsked(now);
    };
    const field = fieldOf(asking.error);
    return html`
        <form class="form gap" ref=${form} onSubmit=${submit} noValidate>
            <${Field} name="address" type="email" autocomplete="email" label=${t("mail.address")} value=${address} onInput=${setAddress} error=${wrong.address ?? (field === "address" ? t("mail.bad") : undefined)} maxlength=${254} />
            ${proves && html`<${Field} name="mail-password" type="password" autocomplete="current-password" label=${t("me.old")} value=${password} onInput=${setPassword} error=${wrong.password ?? (field === "password" ? faultOf(asking.error) : undefined)} />`}
            ${!["address", "password"].includes(field) && html`<${Refused} error=${asking.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${asking.busy}>${t("mail.send")}<//>${onClose && html`<${Button} onClick=${onClose}>${t("not-yet")}<//>`}</div>
        </form>`;
};

export const MailAddress = () => {
    const { data, error, reload } = useData("/v1/me/mail");
    const [state, set] = useState({ now: null, busy: false, error: null }), [form, show] = useState(false);
    const now = state.now ?? data;
    const remove = async () => {
        if (state.busy) return;
        set({ ...state, busy: true, error: null });
        try {
            await del("/v1/me/mail");
            set({ now: { ...now, address: "", wanted: "", fault: "" }, busy: false, error: null });
            say(t("mail.removed"));
        } catch (problem) {
            set({ ...state, busy: false, error: problem });
        }
    };
    if (!now) return html`<section class="card"><h2>${t("mail")}</h2><${Waiting} error=${error} rows=${3} retry=${reload} /></section>`;
    const any = now.address || now.wanted;
    return html`
        <section class="card"><h2>${t("mail")}</h2><p class="second">${t(now.offered ? "mail.text" : "mail.not-here")}</p><${Refused} error=${state.error} />
            <div role="status">
                ${now.address && html`<p class="wrap-anywhere">${t("mail.on", { address: now.address })}</p>`}
                ${now.wanted && html`<p class="wrap-anywhere">${t("mail.sent", { address: now.wanted })}</p>`}
                ${now.fault && html`<p>${t("mail.fault")} <span lang="en" class="wrap-anywhere">${now.fault}</span></p>`}</div>
            ${now.offered && (form || !any) ? html`<${Ask} onAsked=${(next) => (set({ now: next, busy: false, error: null }), show(false))} onClose=${any ? () => show(false) : undefined} />`
            : any && html`<div class="gap deeds">${now.offered && html`<${Button} small onClick=${() => show(true)}>${t("mail.change")}<//>`}<${Button} small busy=${state.busy} onClick=${remove}>${t("mail.remove")}<//></div>`}
        </section>`;
};
