/* /sign-in */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { post, ahead } from "../lib/api.js";
import { me, seats, signIn, signedIn } from "../lib/session.js";
import { go, language, to } from "../lib/router.js";
import { failedOf, goTo } from "../lib/providers.js";
import { passkeysFit, usePasskey } from "../lib/passkey.js";
import { useData } from "../lib/use.js";
import { Button } from "../parts/button.js";
import { Field, faultOf, fieldOf, useFocusOnError } from "../parts/field.js";
import { Loading, Refused } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { more } from "../lib/more.js";

await more("../messages/LANG.signin.json");

/** After the password: a passkey, or a recovery code. */
const SecondStep = ({ question, onDone, onBack }) => {
    const [code, setCode] = useState("");
    const [state, set] = useState({ busy: "", error: null });
    const form = useFocusOnError(state.error);
    const fit = question.known.length > 0 && passkeysFit(question.site);
    const act = async (what, run) => {
        if (state.busy) return;
        set({ busy: what, error: null });
        try {
            const person = await run();
            if (person) onDone(person);
            else set({ busy: "", error: null });
        } catch (error) {
            set({ busy: "", error });
        }
    };
    const byPasskey = () => act("passkey", async () => {
        const said = await usePasskey(question);
        return said && post("/v1/session/second/passkey", said);
    });
    const submit = (event) => {
        event.preventDefault();
        if (code.trim()) act("code", () => post("/v1/session/second", { question: question.question, code: code.trim() }));
        else set({ busy: "", error: { pointer: "/code", detail: t("second.bad") } });
    };
    const field = fieldOf(state.error);
    useEffect(() => form.current?.querySelector("button, input")?.focus(), []);
    return html`
        <div ref=${form}><p class="gap" role="status">${t(fit || question.codes ? "second.ask" : "second.nothing")}</p>
            ${!field && html`<${Refused} error=${state.error} />`}
            ${fit && html`<div class="ways"><${Button} wide kind="primary" busy=${state.busy === "passkey"} onClick=${byPasskey}>${t("second.passkey")}<//></div>`}
            ${fit && question.codes && html`<p class="or"><span>${t("second.or")}</span></p>`}
            ${question.codes && html`<form class="form" onSubmit=${submit} noValidate>
                <${Field} name="code" label=${t("second.code")} hint=${t("second.code.hint")} value=${code} onInput=${setCode} error=${field === "code" ? faultOf(state.error) : undefined} maxlength=${40} />
                <${Button} kind=${fit ? "plain" : "primary"} wide submit busy=${state.busy === "code"}>${t("second.do")}<//>
            </form>`}
            <div class="gap"><button type="button" class="linkish" onClick=${onBack}>${t("second.back")}</button></div></div>`;
};

export const first = () => ahead("/v1/providers");
export default ({ query }) => {
    const [email, setEmail] = useState(""), [password, setPassword] = useState("");
    const [shown, show] = useState(false);
    const [state, set] = useState({ busy: false, error: failedOf(query), wrong: {} });
    const providers = useData("/v1/providers");
    const known = providers.data ?? (providers.error ? { items: [] } : null); /* without them the password still opens */
    const [second, setSecond] = useState(null);
    const form = useRef(null);
    const then = query.get("then");
    const onward = () => {
        const path = then?.startsWith("/") && !then.startsWith("//") ? then : seats.value[0]?.home ?? "/me";
        if (me.value.language && me.value.language !== language) location.replace(`/${me.value.language}${path}`); /* their own: another shell */
        else go(`/${language}${path}`, { replace: true });
    };
    useEffect(() => {
        if (me.value) onward();
        else if (known) form.current?.querySelector("input")?.focus();
    }, [known !== null]);
    const leave = async (code) => {
        if (state.busy) return;
        set({ busy: code, error: null, wrong: {} });
        try {
            await goTo(code, `/${language}/sign-in${then ? "?" + new URLSearchParams({ then }) : ""}`);
        } catch (error) {
            set({ busy: false, error, wrong: {} });
        }
    };
    const byPasskey = async () => {
        if (state.busy) return;
        set({ busy: "passkey", error: null, wrong: {} });
        try {
            const said = await usePasskey(await post("/v1/session/passkey/begin", {}));
            if (said) signedIn(await post("/v1/session/passkey", said));
            set({ busy: false, error: null, wrong: {} });
            if (said) onward();
        } catch (error) {
            set({ busy: false, error, wrong: {} });
        }
    };
    const fit = passkeysFit(known?.passkeys);
    const submit = async (event) => {
        event.preventDefault();
        if (state.busy) return;
        const wrong = { ...(!/^\S+@\S+$/.test(email.trim()) && { email: t("sign-in.bad.email") }), ...(!password && { password: t("sign-in.bad.password") }) };
        set({ busy: !Object.keys(wrong).length && "password", error: null, wrong });
        if (Object.keys(wrong).length) {
            setTimeout(() => form.current?.querySelector("[aria-invalid=true]")?.focus());
            return;
        }
        try {
            const more = await signIn(email.trim(), password);
            set({ busy: false, error: null, wrong: {} });
            if (more) setSecond(more);
            else onward();
        } catch (error) {
            set({ busy: false, error, wrong: {} });
        }
    };
    return html`
        <div class="sign-in">
            <div class="card"><${Head} title=${t("sign-in")} sub=${known ? t(known.items.length ? "sign-in.sub.any" : "sign-in.sub") : ""} />
                ${!known && html`<${Loading} bare title=${false} rows=${6} />`}
                ${second && html`<${SecondStep} question=${second} onDone=${(person) => (signedIn(person), onward())} onBack=${() => (setSecond(null), setPassword(""))} />`}
                ${known && !second && html`<div>
                ${(known.items.length > 0 || fit) && html`
                    <div class="ways"><${Refused} error=${state.error} />${known.items.map((p, i) => html`
                        <${Button} key=${p.code} wide kind=${i === 0 ? "primary" : "plain"} busy=${state.busy === p.code} onClick=${() => leave(p.code)}>${t("sign-in.with", { name: p.label })}<//>`)}
                        ${fit && html`<${Button} wide kind=${known.items.length ? "plain" : "primary"} busy=${state.busy === "passkey"} onClick=${byPasskey}>${t("sign-in.passkey")}<//>`}</div>
                    <p class="or"><span>${t("sign-in.or")}</span></p>`}
                <form class="form" ref=${form} onSubmit=${submit} noValidate>
                    <${Field} name="email" type="email" autocomplete="username" label=${t("sign-in.email")} value=${email} onInput=${setEmail} error=${state.wrong.email} />
                    <${Field} name="password" type=${shown ? "text" : "password"} autocomplete="current-password" label=${t("sign-in.password")} value=${password} onInput=${setPassword} error=${state.wrong.password}
                        action=${html`<button type="button" class="linkish" aria-pressed=${shown ? "true" : "false"} onClick=${() => show(!shown)}>${t(shown ? "hide" : "show")}</button>`} />
                    ${known.items.length === 0 && !fit && html`<${Refused} error=${state.error} />`}
                    <${Button} kind=${known.items.length || fit ? "plain" : "primary"} wide submit busy=${state.busy === "password"}>${t("sign-in.do")}<//>
                </form></div>`}
            </div>
            ${known && html`<aside>
                <div><h2>${t("sign-in.lost")}</h2><p>${t("sign-in.lost.text")}</p></div>
                <div><h2>${t("sign-in.open")}</h2><p>${t("sign-in.open.text")}</p><a href=${to("/capacity")}>${t("sign-in.capacity")}</a><a href=${to("/journal")}>${t("sign-in.journal")}</a></div>
                <div><h2>${t("sign-in.note")}</h2><p>${t("sign-in.note.text")}</p></div>
            </aside>`}
        </div>`;
};
