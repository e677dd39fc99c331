/* /join#TOKEN: an invitation. What stands behind the # is sent to nobody but in the call that asks where it leads. It is kept
 * for the tab while one signs in. */
import { html, useEffect, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { post } from "../lib/api.js";
import { me, signedIn } from "../lib/session.js";
import { go, to } from "../lib/router.js";
import { useCommand } from "../lib/use.js";
import { Loading, Refused } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Field, faultOf, fieldOf, useFocusOnError } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { say } from "../parts/note.js";

await more("../messages/LANG.people.json");

const LEAST = 12, KEPT = "kontor-invitation";
const tokenHere = () => {
    const token = location.hash.slice(1) || sessionStorage.getItem(KEPT) || "";
    if (token) sessionStorage.setItem(KEPT, token);
    return /^[\w-]{43}$/.test(token) ? token : "";
};
const home = (person, organisation) => {
    sessionStorage.removeItem(KEPT);
    signedIn(person);
    say(t("join.joined", { organisation }));
    go(to("/home"), { replace: true });
};

const Plain = ({ title, text }) => html`<div class="sign-in"><div class="card"><${Head} title=${title} sub=${text} /></div></div>`;

/** Who is signed in joins as that. */
const Join = ({ token, seen }) => {
    const sending = useCommand();
    const yes = async () => {
        const person = await sending.run("/v1/invitations/join", { token }, { secret: true });
        if (person) home(person, seen.organisation);
    };
    return html`<p>${t("join.who", { name: me.value.person.name })}</p><${Refused} error=${sending.error} />
        <div class="gap"><${Button} kind="primary" wide busy=${sending.busy} onClick=${yes}>${t("join.do", seen)}<//></div>`;
};
const NewAccount = ({ token, seen }) => {
    const [name, setName] = useState(""), [email, setEmail] = useState(""), [password, setPassword] = useState("");
    const [shown, show] = useState(false), [wrong, setWrong] = useState({});
    const sending = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : sending.error);
    const submit = async (event) => {
        event.preventDefault();
        const bad = { ...(!name.trim() && { name: t("join.bad.name") }), ...(!/^\S+@\S+$/.test(email.trim()) && { email: t("join.bad.email") }), ...(password.length < LEAST && { password: t("join.bad.password", { n: LEAST }) }) };
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const person = await sending.run("/v1/invitations/accept", { token, name: name.trim(), email: email.trim(), password }, { secret: true });
        if (person) home(person, seen.organisation);
    };
    const field = fieldOf(sending.error), fault = (of) => wrong[of] ?? (field === of ? faultOf(sending.error) : undefined);
    return html`
        <form class="form" ref=${form} onSubmit=${submit} noValidate aria-label=${t("join.new")}>
            <${Field} name="name" autocomplete="name" label=${t("join.name")} value=${name} onInput=${setName} error=${fault("name")} />
            <${Field} name="email" type="email" autocomplete="username" label=${t("join.email")} value=${email} onInput=${setEmail} error=${fault("email")} />
            <${Field} name="password" type=${shown ? "text" : "password"} autocomplete="new-password" label=${t("join.password")} hint=${t("me.new.hint", { n: LEAST })} value=${password} onInput=${setPassword} error=${fault("password")}
                action=${html`<button type="button" class="linkish" aria-pressed=${shown ? "true" : "false"} onClick=${() => show(!shown)}>${t(shown ? "hide" : "show")}</button>`} />
            ${!field && html`<${Refused} error=${sending.error} />`}
            <${Button} kind="primary" wide submit busy=${sending.busy}>${t("join.do", seen)}<//>
        </form>`;
};

export default () => {
    const [token] = useState(tokenHere);
    const [{ seen, error }, set] = useState({ seen: null, error: null });
    useEffect(() => {
        if (token) post("/v1/invitations/look", { token }).then((found) => set({ seen: found, error: null }), (problem) => set({ seen: null, error: problem }));
    }, []);
    if (!token) return html`<${Plain} title=${t("join.none")} text=${t("join.none.text")} />`;
    if (error?.code === "invitation") return html`<${Plain} title=${t("join.over")} text=${t("join.over.text")} />`;
    const words = seen && { name: seen.invited_by, organisation: seen.organisation, role: t("role." + seen.role) };
    return html`
        <div class="sign-in">
            <div class="card"><${Head} title=${t("join.title")} sub=${seen ? t(seen.invited_by ? "join.invited" : "join.invited.nobody", words) : ""} />
                <${Refused} error=${error} />
                ${!seen && !error && html`<${Loading} bare title=${false} rows=${6} />`}
                ${seen && html`<div><p>${t("join." + seen.role)}</p><p class="hint">${t("join.expires", { time: dateTime(seen.expires) })}</p>
                    <div class="gap">${me.value ? html`<${Join} token=${token} seen=${seen} />` : html`<${NewAccount} token=${token} seen=${seen} />`}</div></div>`}
            </div>
            ${seen && !me.value && html`<aside><div><h2>${t("join.have")}</h2><p>${t("join.have.text")}</p><a href=${to("/sign-in", { then: "/join" })}>${t("join.sign-in")}</a></div></aside>`}
        </div>`;
};
