/* Asking for a key to sign orders with: made in this browser, or one of one's passkeys. Fetched when one asks. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { makeKey } from "../lib/officer-key.js";
import { askWith } from "../lib/officer-passkey.js";
import { me } from "../lib/session.js";
import { useCommand } from "../lib/use.js";
import { Refused } from "./broken.js";
import { Button } from "./button.js";
import { Field, Select, faultOf, fieldOf, useFocusOnError } from "./field.js";
import { Note, say } from "./note.js";

const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

const KeyForm = ({ genesis, onMade, onClose }) => {
    const [name, setName] = useState(""), [password, setPassword] = useState(""), [wrong, setWrong] = useState(/** @type {any} */ ({})), [cannot, setCannot] = useState(false);
    const asking = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : asking.error);
    const proves = Boolean(me.value.person.email);
    const submit = async (event) => {
        event.preventDefault();
        const bad = { ...(!name.trim() && { name: t("order.needed") }), ...(proves && !password && { password: t("order.needed") }) };
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const made = await makeKey(genesis, me.value.person.id);
        if (!made) {
            setCannot(true);
            return;
        }
        const asked = await asking.run("/v1/me/keys", { name: name.trim(), ed25519: base64(made.key), proof: base64(made.proof), ...(proves && { password }) }, { secret: true });
        if (!asked) return;
        say(t("keys.asked"));
        onMade();
    };
    const field = fieldOf(asking.error);
    const fault = (which) => wrong[which] ?? (field === which ? faultOf(asking.error) : undefined);
    return html`
        <form ref=${form} class="form gap" onSubmit=${submit} noValidate>
            ${proves && html`<input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" />`}
            <${Field} name="key-name" label=${t("keys.name")} hint=${t("keys.name.hint")} value=${name} onInput=${setName} error=${fault("name")} maxlength=${60} />
            ${proves && html`<${Field} name="key-password" type="password" autocomplete="current-password" label=${t("keys.password")} value=${password} onInput=${setPassword} error=${fault("password")} />`}
            ${cannot && html`<p class="field-error">${t("keys.cannot")}</p>`}
            ${field !== "name" && field !== "password" && html`<${Refused} error=${asking.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${asking.busy}>${t("keys.make")}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};
/** One of those passkeys that ask who is there. */
const PasskeyForm = ({ genesis, site, passkeys, onMade, onClose }) => {
    const [id, choose] = useState(passkeys[0].id), [password, setPassword] = useState(""), [wrong, setWrong] = useState(""), [state, set] = useState(/** @type {any} */ ({ busy: false, differs: false, error: null }));
    const asking = useCommand();
    const proves = Boolean(me.value.person.email);
    const submit = async (event) => {
        event.preventDefault();
        setWrong(proves && !password ? t("order.needed") : "");
        if (proves && !password) {
            event.currentTarget.querySelector("[name=key-password]").focus();
            return;
        }
        const p = passkeys.find((one) => one.id === id);
        set({ busy: true, differs: false, error: null });
        try {
            const said = await askWith(p, { site, genesis, person: me.value.person.id });
            set({ busy: false, differs: said === "differs", error: null });
            if (!said || said === "differs" || !(await asking.run("/v1/me/keys/passkey", { name: p.name, ...said, ...(proves && { password }) }, { secret: true }))) return;
            say(t("keys.asked"));
            onMade();
        } catch (error) {
            set({ busy: false, differs: false, error });
        }
    };
    const field = fieldOf(asking.error);
    return html`
        <form class="form gap" onSubmit=${submit} noValidate>
            ${proves && html`<input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" />`}
            <${Select} name="key-passkey" label=${t("keys.passkey.which")} value=${id} onInput=${choose} options=${passkeys.map((p) => [p.id, p.name])} />
            ${proves && html`<${Field} name="key-password" type="password" autocomplete="current-password" label=${t("keys.password")} value=${password} onInput=${setPassword} error=${wrong || (field === "password" ? faultOf(asking.error) : undefined)} />`}
            ${state.differs && html`<${Note} kind="brick" role="alert">${t("keys.passkey.differs")}<//>`}
            ${field !== "password" && html`<${Refused} error=${state.error ?? asking.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${state.busy || asking.busy}>${t("keys.passkey.ask")}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};

/** @param {any} props which: key or passkey; passkeys and their site, for the latter */
export default ({ which, ...props }) => (which === "key" ? html`<${KeyForm} ...${props} />` : html`<${PasskeyForm} ...${props} />`);
