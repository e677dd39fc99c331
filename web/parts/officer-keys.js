/* The keys one signs orders with: made in this browser, confirmed by an administrator, ended at once. */
import { html, useEffect, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { keptKey, makeKey } from "../lib/officer-key.js";
import { more } from "../lib/more.js";
import { me } from "../lib/session.js";
import { useCommand, useData } from "../lib/use.js";
import { Refused, Waiting } from "./broken.js";
import { Button } from "./button.js";
import { Field, fieldOf } from "./field.js";
import { say } from "./note.js";
import { State } from "./state.js";

await more("../messages/LANG.orders.json");

const LOOKS = { asked: "coming", confirmed: "coming", in_force: "granted", refused: "refused", ended: "lapsed" };
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

const Form = ({ genesis, onMade, onClose }) => {
    const [name, setName] = useState(""), [password, setPassword] = useState(""), [wrong, setWrong] = useState(/** @type {any} */ ({})), [cannot, setCannot] = useState(false);
    const asking = useCommand();
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
    const fault = (which) => wrong[which] ?? (field === which ? asking.error.detail : undefined);
    return html`
        <form class="form gap" onSubmit=${submit} noValidate>
            <${Field} name="key-name" label=${t("keys.name")} hint=${t("keys.name.hint")} value=${name} onInput=${setName} error=${fault("name")} maxlength=${60} />
            ${proves && html`<${Field} name="key-password" type="password" autocomplete="current-password" label=${t("keys.password")} value=${password} onInput=${setPassword} error=${fault("password")} />`}
            ${cannot && html`<p class="field-error">${t("keys.cannot")}</p>`}
            ${field !== "name" && field !== "password" && html`<${Refused} error=${asking.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${asking.busy}>${t("keys.make")}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};
const Key = ({ k, onDone }) => {
    const [here, set] = useState(false);
    const ending = useCommand();
    useEffect(() => {
        keptKey(k.ed25519).then((kept) => set(kept !== null));
    }, [k.ed25519]);
    const end = async () => {
        const done = k.state === "in_force" ? await ending.run(`/v1/keys/${k.key}/revoke`, { compromised: false, reason: t("keys.end.reason") }) : await ending.run(`/v1/officer-keys/${k.id}/refuse`, {});
        if (done) say(t("keys.ended", { name: k.name }));
        onDone();
    };
    return html`<div><dt>${k.name} <${State} name=${LOOKS[k.state]} words=${t("keys.state." + k.state)} />
        <span class="hint block">${t("keys.fingerprint")} <code>${k.fingerprint}</code></span>
        <span class="hint block">${here ? t("keys.here") : t("keys.not-here")} ${k.confirmed_by ? t("keys.by", { who: k.confirmed_by, time: dateTime(k.confirmed) }) : ""}</span><${Refused} error=${ending.error} /></dt>
        <dd>${["in_force", "asked", "confirmed"].includes(k.state) && html`<${Button} small busy=${ending.busy} label=${t(k.state === "in_force" ? "keys.end.of" : "keys.take-back.of", { name: k.name })} onClick=${end}>${t(k.state === "in_force" ? "keys.end" : "keys.take-back")}<//>`}</dd></div>`;
};

/** @param {{onChanged: () => void, mark: any}} props */
export const OfficerKeys = ({ onChanged, mark }) => {
    const { data, error, reload } = useData("/v1/me/keys", { mark });
    const [form, show] = useState(false);
    const done = () => {
        show(false);
        reload();
        onChanged();
    };
    if (!data) return html`<section class="card"><h2>${t("keys")}</h2><${Waiting} error=${error} rows=${2} retry=${reload} /></section>`;
    return html`
        <section class="card"><h2>${t("keys")}</h2><p class="second">${t("keys.text")}</p>
            ${data.items.length > 0 && html`<dl class="facts gap">${data.items.map((k) => html`<${Key} key=${k.id} k=${k} onDone=${done} />`)}</dl>`}
            ${form ? html`<${Form} genesis=${data.genesis} onMade=${done} onClose=${() => show(false)} />` : html`<div class="gap deeds"><${Button} small icon="plus" onClick=${() => show(true)}>${t("keys.new")}<//></div>`}</section>`;
};
export default OfficerKeys;
