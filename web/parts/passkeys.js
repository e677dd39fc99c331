/* Passkeys: those that one has, made, named and removed; the second step after the password, and the codes that recover who
 * has no passkey at hand. What changes a way in is proved by the password, where there is one. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { day } from "../lib/format.js";
import { post } from "../lib/api.js";
import { me } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { makePasskey, passkeysFit } from "../lib/passkey.js";
import { Refused, Waiting } from "./broken.js";
import { Button } from "./button.js";
import { Field, faultOf, fieldOf, useFocusOnError } from "./field.js";
import { say } from "./note.js";

const proves = () => Boolean(me.value.person.email);

/** A few fields and a deed. `act` does it with what was typed, and throws what went wrong. */
const Deed = ({ named, name: old = "", deed, kind = "primary", act, onClose }) => {
    const [name, setName] = useState(old), [password, setPassword] = useState("");
    const [state, set] = useState({ busy: false, error: null, wrong: /** @type {any} */ ({}) });
    const form = useFocusOnError(Object.keys(state.wrong).length ? state.wrong : state.error);
    const asks = proves() && deed !== "rename";
    const submit = async (event) => {
        event.preventDefault();
        if (state.busy) return;
        const wrong = { ...(named && !name.trim() && { name: t("tokens.bad.name") }), ...(asks && !password && { password: t("tokens.bad.password") }) };
        set({ busy: !Object.keys(wrong).length, error: null, wrong });
        if (Object.keys(wrong).length) return;
        try {
            if (await act({ name: name.trim(), proof: asks ? { password } : {} })) onClose();
            else set({ busy: false, error: null, wrong: {} });
        } catch (error) {
            set({ busy: false, error, wrong: {} });
        }
    };
    const field = fieldOf(state.error);
    const fault = (which) => state.wrong[which] ?? (field === which ? faultOf(state.error) : undefined);
    return html`
        <form class="form gap" ref=${form} onSubmit=${submit} noValidate>
            ${asks && html`<input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" />`}
            ${named && html`<${Field} name="name" label=${t("tokens.name")} hint=${t("passkeys.name.hint")} value=${name} onInput=${setName} error=${fault("name")} maxlength=${60} />`}
            ${asks && html`<${Field} name="password" type="password" autocomplete="current-password" label=${t("me.old")} value=${password} onInput=${setPassword} error=${fault("password")} />`}
            ${!field && html`<${Refused} error=${state.error} />`}
            <div class="deeds"><${Button} kind=${kind} submit busy=${state.busy}>${t("passkeys." + deed)}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};

const One = ({ passkey: p, open, onOpen, onChanged }) => {
    const rename = async ({ name }) => {
        await post(`/v1/me/passkeys/${p.id}/rename`, { name });
        onChanged();
        return true;
    };
    const remove = async ({ proof }) => {
        await post(`/v1/me/passkeys/${p.id}/remove`, proof);
        say(t("passkeys.removed", { name: p.name }));
        onChanged();
        return true;
    };
    const close = () => onOpen("");
    return html`
        <div><dt>${p.name}<span class="hint block">${t(p.alone ? "passkeys.alone" : "passkeys.second")}${p.backed_up ? ", " + t("passkeys.copied") : ""}</span>
            <span class="hint block">${t("passkeys.since", { made: day(p.created), used: day(p.used) })}</span>
            ${open === "rename " + p.id && html`<${Deed} named name=${p.name} deed="rename" act=${rename} onClose=${close} />`}
            ${open === "remove " + p.id && html`<${Deed} deed="remove" kind="danger" act=${remove} onClose=${close} />`}</dt>
            <dd><span class="deeds"><${Button} small label=${t("passkeys.rename.of", { name: p.name })} onClick=${() => onOpen("rename " + p.id)}>${t("passkeys.rename")}<//>
            <${Button} small label=${t("passkeys.remove.of", { name: p.name })} onClick=${() => onOpen("remove " + p.id)}>${t("passkeys.remove")}<//></span></dd></div>`;
};

/** @param {{onChanged: () => void, mark: any}} props */
export const Passkeys = ({ onChanged, mark }) => {
    const { data, error, reload } = useData("/v1/me/passkeys", { mark });
    const providers = useData("/v1/providers");
    const [open, setOpen] = useState("");
    const changed = () => (reload(), onChanged());
    const make = async ({ name, proof }) => {
        const made = await makePasskey(await post("/v1/me/passkeys/begin", proof));
        if (!made) return false;
        await post("/v1/me/passkeys", { ...made, name });
        say(t("passkeys.made", { name }));
        changed();
        return true;
    };
    if (!data || !providers.data) return html`<section class="card"><h2>${t("passkeys")}</h2><${Waiting} error=${error ?? providers.error} rows=${2} retry=${() => (reload(), providers.reload())} /></section>`;
    const fit = passkeysFit(providers.data.passkeys);
    return html`
        <section class="card"><h2>${t("passkeys")}</h2><p class="second">${t(fit ? "passkeys.text" : "passkeys.not-here")}</p>
            ${data.items.length > 0 && html`<dl class="facts gap">${data.items.map((p) => html`<${One} key=${p.id} passkey=${p} open=${open} onOpen=${setOpen} onChanged=${changed} />`)}</dl>`}
            ${fit && (open === "make" ? html`<${Deed} named deed="make" act=${make} onClose=${() => setOpen("")} />`
            : html`<div class="gap deeds"><${Button} small icon="plus" onClick=${() => setOpen("make")}>${t("passkeys.new")}<//></div>`)}</section>`;
};

const Codes = ({ codes, onClose }) => {
    const copy = () => navigator.clipboard?.writeText(codes.join("\n")).then(() => say(t("copied")));
    return html`
        <div role="status"><p>${t("codes.made")}</p>
            <pre class="sunken gap" tabindex="0" role="region" aria-label=${t("codes")}>${codes.join("\n")}</pre>
            <div class="deeds gap"><${Button} kind="primary" icon="copy" onClick=${copy}>${t("copy")}<//><${Button} onClick=${onClose}>${t("close")}<//></div></div>`;
};

/** Only for who has a password. @param {{onChanged: () => void, mark: any}} props */
export const SecondStep = ({ onChanged, mark }) => {
    const { data, error, reload } = useData("/v1/me/second-step", { mark });
    const [open, setOpen] = useState(""), [codes, setCodes] = useState(null);
    const changed = () => (reload(), onChanged());
    const set = async ({ proof }) => {
        await post("/v1/me/second-step", { demanded: !data.demanded, ...proof });
        changed();
        return true;
    };
    const make = async ({ proof }) => {
        setCodes((await post("/v1/me/recovery-codes", proof)).codes);
        changed();
        return true;
    };
    if (!data) return html`<section class="card"><h2>${t("second")}</h2><${Waiting} error=${error} rows=${2} retry=${reload} /></section>`;
    const turn = data.demanded ? "waive" : "demand";
    return html`
        <section class="card"><h2>${t("second")}</h2><p class="second">${t("second.text")}</p>
            <dl class="facts gap"><div><dt>${t("second.state")}</dt><dd>${t(data.demanded ? "second.on" : "second.off")}</dd></div>
                <div><dt>${t("codes")}</dt><dd>${t("codes.left", { n: data.codes })}</dd></div></dl>
            ${codes ? html`<div class="gap"><${Codes} codes=${codes} onClose=${() => setCodes(null)} /></div>`
            : open ? html`<${Deed} deed=${open} act=${open === "codes" ? make : set} onClose=${() => setOpen("")} />`
            : html`<div class="gap deeds"><${Button} small onClick=${() => setOpen(turn)}>${t("passkeys." + turn)}<//><${Button} small onClick=${() => setOpen("codes")}>${t("passkeys.codes")}<//></div>`}</section>`;
};
