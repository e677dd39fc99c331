/* /me: password, scheme, notices. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { clock } from "../lib/format.js";
import { me } from "../lib/session.js";
import { scheme, turn } from "../lib/scheme.js";
import { useCommand } from "../lib/use.js";
import { Button } from "../parts/button.js";
import { Field, fieldOf, useFocusOnError } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Refused } from "../parts/broken.js";
import { notices, say } from "../parts/note.js";

const LEAST = 12;
const Password = () => {
    const [old, setOld] = useState(""), [fresh, setFresh] = useState(""), [again, setAgain] = useState("");
    const [shown, show] = useState(false);
    const [wrong, setWrong] = useState({});
    const changing = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : changing.error);
    const submit = async (event) => {
        event.preventDefault();
        const bad = { ...(!old && { old: t("me.bad.old") }), ...(fresh.length < LEAST && { new: t("me.bad.short", { n: LEAST }) }), ...(fresh.length >= LEAST && fresh !== again && { again: t("me.bad.again") }) };
        setWrong(bad);
        if (Object.keys(bad).length) return;
        if (await changing.run("/v1/me/password", { old, new: fresh }, { secret: true })) {
            setOld("");
            setFresh("");
            setAgain("");
            say(t("me.changed"));
        }
    };
    const field = changing.error?.code === "credentials" ? "old" : fieldOf(changing.error);
    const fault = (name) => wrong[name] ?? (field === name ? (name === "old" ? t("me.bad.old") : changing.error.detail) : undefined);
    const type = shown ? "text" : "password";
    return html`
        <section class="card"><h2>${t("me.password")}</h2>
            <form class="form" ref=${form} onSubmit=${submit} noValidate>
                <input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" />
                <${Field} name="old" type=${type} autocomplete="current-password" label=${t("me.old")} value=${old} onInput=${setOld} error=${fault("old")} />
                <${Field} name="new" type=${type} autocomplete="new-password" label=${t("me.new")} hint=${t("me.new.hint", { n: LEAST })} value=${fresh} onInput=${setFresh} error=${fault("new")}
                    action=${html`<button type="button" class="linkish" aria-pressed=${shown ? "true" : "false"} onClick=${() => show(!shown)}>${t(shown ? "hide" : "show")}</button>`} />
                <${Field} name="again" type=${type} autocomplete="new-password" label=${t("me.again")} value=${again} onInput=${setAgain} error=${fault("again")} />
                ${!field && html`<${Refused} error=${changing.error} />`}
                <div><${Button} kind="primary" submit busy=${changing.busy}>${t("me.change")}<//></div>
            </form></section>`;
};

export default () => html`
    <${Head} title=${t("nav.me")} sub=${t("me.sub", { name: me.value.person.name, email: me.value.person.email })} />
    <div class="grid halves">
        <${Password} />
        <div class="stack">
            <section class="card"><h2>${t("me.roles")}</h2><dl class="facts">${me.value.roles.map((r) => html`<div key=${r.role + (r.organisation?.id ?? r.site ?? "")}><dt>${r.organisation?.name ?? (r.site ? t("seat.site", { site: r.site }) : t("seat.officer"))}</dt><dd>${t("role." + r.role)}</dd></div>`)}</dl></section>
            <section class="card"><h2>${t("me.scheme")}</h2><p class="second">${t("me.scheme.text")}</p><div class="gap"><${Button} small icon=${scheme.value === "dark" ? "sun" : "moon"} onClick=${turn}>${t(scheme.value === "dark" ? "scheme.light" : "scheme.dark")}<//></div></section>
            <section class="card"><h2>${t("me.notices")}</h2>${notices.value.length ? html`<dl class="facts">${notices.value.map((n) => html`<div key=${n.id}><dt>${n.text}</dt><dd>${clock(n.at)}</dd></div>`)}</dl>` : html`<p class="second">${t("me.notices.none")}</p>`}</section>
        </div>
    </div>`;
