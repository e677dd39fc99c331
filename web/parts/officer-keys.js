/* The keys one signs orders with: made in this browser, or a passkey; confirmed by an administrator, ended at once. */
import { html, useEffect, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { fingerprintOf, keptKey } from "../lib/officer-key.js";
import { more } from "../lib/more.js";
import { passkeysFit } from "../lib/passkey.js";
import { useCommand, useData } from "../lib/use.js";
import { Refused, Waiting } from "./broken.js";
import { Button } from "./button.js";
import { say } from "./note.js";
import { State } from "./state.js";

await more("../messages/LANG.orders.json");

const LOOKS = { asked: "coming", confirmed: "coming", in_force: "granted", refused: "refused", ended: "lapsed" };
const Key = ({ k, onDone }) => {
    const [here, set] = useState(false), [print, setPrint] = useState("");
    const ending = useCommand();
    useEffect(() => {
        keptKey(k.ed25519).then((kept) => set(kept !== null));
        fingerprintOf(k.ed25519).then(setPrint, () => setPrint(k.fingerprint)); /* a page without TLS can work nothing out */
    }, [k.ed25519]);
    const where = k.site ? t("keys.is-passkey") : here ? t("keys.here") : t("keys.not-here");
    const end = async () => {
        const done = k.state === "in_force" ? await ending.run(`/v1/keys/${k.key}/revoke`, { compromised: false, reason: t("keys.end.reason") }) : await ending.run(`/v1/officer-keys/${k.id}/refuse`, {});
        if (done) say(t("keys.ended", { name: k.name }));
        onDone();
    };
    return html`<div><dt>${k.name} <${State} name=${LOOKS[k.state]} words=${t("keys.state." + k.state)} />
        <span class="hint block">${t("keys.fingerprint")} <code>${print}</code></span>
        <span class="hint block">${where} ${k.site && !here && k.state === "asked" ? t("keys.passkey.elsewhere") : ""} ${k.confirmed_by ? t("keys.by", { who: k.confirmed_by, time: dateTime(k.confirmed) }) : ""}</span><${Refused} error=${ending.error} /></dt>
        <dd>${["in_force", "asked", "confirmed"].includes(k.state) && html`<${Button} small busy=${ending.busy} label=${t(k.state === "in_force" ? "keys.end.of" : "keys.take-back.of", { name: k.name })} onClick=${end}>${t(k.state === "in_force" ? "keys.end" : "keys.take-back")}<//>`}</dd></div>`;
};

/** @param {{onChanged: () => void, mark: any}} props */
export const OfficerKeys = ({ onChanged, mark }) => {
    const { data, error, reload } = useData("/v1/me/keys", { mark }), own = useData("/v1/me/passkeys", { mark }), providers = useData("/v1/providers");
    const [form, show] = useState(""), [forms, set] = useState(/** @type {any} */ (null));
    const open = async (which) => {
        if (!forms) set(await import("./officer-key-forms.js"));
        show(which);
    };
    const done = () => {
        show("");
        reload();
        onChanged();
    };
    if (!data || !own.data || !providers.data) return html`<section class="card"><h2>${t("keys")}</h2><${Waiting} error=${error ?? own.error ?? providers.error} rows=${2} retry=${() => (reload(), own.reload(), providers.reload())} /></section>`;
    const site = providers.data.passkeys, passkeys = passkeysFit(site) ? own.data.items.filter((p) => p.alone) : [];
    const close = () => show("");
    return html`
        <section class="card"><h2>${t("keys")}</h2><p class="second">${t("keys.text")} ${t("keys.passkey.text")}</p>
            ${data.items.length > 0 && html`<dl class="facts gap">${data.items.map((k) => html`<${Key} key=${k.id} k=${k} onDone=${done} />`)}</dl>`}
            ${form && html`<${forms.default} which=${form} genesis=${data.genesis} site=${site} passkeys=${passkeys} onMade=${done} onClose=${close} />`}
            ${!form && html`<div class="gap deeds"><${Button} small icon="plus" onClick=${() => open("key")}>${t("keys.new")}<//>
                ${passkeys.length > 0 && html`<${Button} small icon="plus" onClick=${() => open("passkey")}>${t("keys.passkey")}<//>`}</div>`}</section>`;
};
export default OfficerKeys;
