/* /me: ways to sign in, password, passkeys, second step, sessions, tokens, what was done to them, what one is told, scheme. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime, day } from "../lib/format.js";
import { me, signOut, whoAmI } from "../lib/session.js";
import { del, post, ahead } from "../lib/api.js";
import { LANGUAGES } from "../lib/languages.js";
import { language } from "../lib/router.js";
import { failedOf, goTo } from "../lib/providers.js";
import { scheme, turn } from "../lib/scheme.js";
import { useCommand, useData } from "../lib/use.js";
import { Button } from "../parts/button.js";
import { Field, faultOf, fieldOf, useFocusOnError } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { LanguageLinks } from "../parts/languages.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Note, say } from "../parts/note.js";
import { MailAddress } from "../parts/mail-address.js";
import { NoticeChoices } from "../parts/notice-choices.js";
import { Passkeys, SecondStep } from "../parts/passkeys.js";
import { Security } from "../parts/security.js";
import { OfficerKeys } from "../parts/officer-keys.js";
import { Tokens } from "../parts/tokens.js";
import { more } from "../lib/more.js";

await Promise.all([more("../messages/LANG.account.json"), more("../messages/LANG.notices.json"), more("../messages/LANG.mail.json")]);

const LEAST = 12;
const Password = ({ onChanged }) => {
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
            onChanged();
        }
    };
    const field = changing.error?.code === "credentials" ? "old" : fieldOf(changing.error);
    const fault = (name) => wrong[name] ?? (field === name ? (name === "old" ? t("me.bad.old") : faultOf(changing.error)) : undefined);
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

/** One's password, before a provider is linked or unlinked. @param {{deed: {id: string, words: string, run: (password: string) => void}, state: any, onClose: () => void}} props */
const Proof = ({ deed, state, onClose }) => {
    const [password, setPassword] = useState(""), [empty, setEmpty] = useState("");
    const submit = (event) => {
        event.preventDefault();
        setEmpty(password ? "" : t("tokens.bad.password"));
        if (password) deed.run(password);
    };
    return html`
        <form class="form gap" onSubmit=${submit} noValidate>
            <input class="hidden-text" type="email" autocomplete="username" value=${me.value.person.email} readonly tabindex="-1" aria-hidden="true" />
            <${Field} name="link-password" type="password" autocomplete="current-password" label=${t("me.old")} value=${password} onInput=${setPassword} error=${empty || (fieldOf(state.error) === "password" ? faultOf(state.error) : undefined)} />
            <div class="deeds"><${Button} kind="primary" submit busy=${state.busy === deed.id}>${deed.words}<//><${Button} onClick=${onClose}>${t("not-yet")}<//></div>
        </form>`;
};
/** By what sign-in providers know one. Nothing of it where there are none. */
const Ways = ({ query }) => {
    const providers = useData("/v1/providers"), mine = useData("/v1/me/identities");
    const [state, set] = useState({ busy: "", error: failedOf(query) });
    const [asked, ask] = useState(/** @type {any} */ (null));
    const act = async (what, run) => {
        if (state.busy) return;
        set({ busy: what, error: null });
        try {
            await run();
            set({ busy: "", error: null });
        } catch (error) {
            set({ busy: "", error });
        }
    };
    const prove = (deed) => (me.value.person.email ? ask(deed) : deed.run(""));
    const link = (p) => prove({ id: p.code, words: t("ways.link", { name: p.label }), run: (password) => act(p.code, () => goTo(p.code, `/${language}/me`, { link: true, password })) });
    const unlink = (i) => prove({ id: i.id, words: t("ways.unlink"), run: (password) => act(i.id, async () => {
        await post(`/v1/me/identities/${i.id}/remove`, password ? { password } : {});
        ask(null);
        mine.reload();
        say(t("ways.unlinked", { name: i.label }));
    }) });
    if (!providers.data || !mine.data) return html`<section class="card"><h2>${t("ways")}</h2><${Waiting} error=${providers.error ?? mine.error} rows=${2} retry=${() => (providers.reload(), mine.reload())} /></section>`;
    const known = mine.data.items, others = providers.data.items.filter((p) => !known.some((i) => i.provider === p.code));
    if (!known.length && !others.length) return null;
    return html`
        <section class="card"><h2>${t("ways")}</h2><p class="second">${t(known.length ? "ways.text" : "ways.none")}</p>
            ${fieldOf(state.error) !== "password" && html`<${Refused} error=${state.error} />`}
            ${known.length > 0 && html`<dl class="facts">${known.map((i) => html`<div key=${i.id}><dt>${i.label}<span class="hint block">${[i.name, i.email].filter(Boolean).join(", ") || i.subject}</span>
                <span class="hint block">${t("ways.since", { linked: day(i.linked), used: day(i.used) })}</span></dt>
                <dd><${Button} small busy=${state.busy === i.id} label=${t("ways.unlink.of", { name: i.label })} onClick=${() => unlink(i)}>${t("ways.unlink")}<//></dd></div>`)}</dl>`}
            ${others.length > 0 && !asked && html`<div class="gap deeds">${others.map((p) => html`<${Button} key=${p.code} small busy=${state.busy === p.code}
                onClick=${() => link(p)}>${t("ways.link", { name: p.label })}<//>`)}</div>`}
            ${asked && html`<${Proof} key=${asked.id} deed=${asked} state=${state} onClose=${() => ask(null)} />`}
        </section>`;
};
/* What a browser calls itself, in a word or two; another program's own words. */
const BROWSERS = [[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"]];
const SYSTEMS = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux/, "Linux"]];
const named = (list, program) => list.find(([pattern]) => pattern.test(program))?.[1];
const programName = (program) => {
    const browser = named(BROWSERS, program), system = named(SYSTEMS, program);
    return browser && system ? t("sessions.on", { browser, system }) : browser ?? (program.slice(0, 40) || t("sessions.unknown"));
};
/** Where one is signed in; each can be ended from here. */
const Sessions = ({ mark }) => {
    const { data, error, reload } = useData("/v1/me/sessions", { mark });
    const [state, set] = useState({ busy: "", error: null });
    const others = useCommand();
    const end = async (s) => {
        if (state.busy) return;
        set({ busy: s.id, error: null });
        try {
            await del(`/v1/me/sessions/${s.id}`);
            set({ busy: "", error: null });
            say(t("sessions.ended"));
        } catch (problem) {
            set({ busy: "", error: problem });
        }
        reload();
    };
    const endOthers = async () => {
        if (!await others.run("/v1/me/sessions/end-others", {}, { secret: true })) return;
        say(t("sessions.ended-others"));
        reload();
    };
    if (!data) return html`<section class="card"><h2>${t("sessions")}</h2><${Waiting} error=${error} rows=${2} retry=${reload} /></section>`;
    return html`
        <section class="card"><h2>${t("sessions")}</h2><${Refused} error=${state.error ?? others.error} />
            <dl class="facts">${data.items.map((s) => html`<div key=${s.id}><dt>${programName(s.program)}<span class="hint block">${t("sessions.since", { created: dateTime(s.created), used: dateTime(s.used) })}</span></dt>
                <dd>${s.this ? t("sessions.this") : html`<${Button} small busy=${state.busy === s.id} label=${t("sessions.end.of", { name: programName(s.program) })} onClick=${() => end(s)}>${t("sign-out")}<//>`}</dd></div>`)}</dl>
            ${data.items.length > 1 && html`<div class="gap deeds"><${Button} small busy=${others.busy} onClick=${endOthers}>${t("sessions.end-others")}<//></div>`}</section>`;
};
/** Of this page, by links; of the first page and of e-mails, as chosen. */
const Language = () => {
    const [state, set] = useState({ busy: false, error: null });
    const chosen = me.value.language, name = (code) => LANGUAGES[code][0];
    const choose = async (code) => {
        if (state.busy) return;
        set({ busy: true, error: null });
        try {
            await post("/v1/me/language", { language: code });
            me.value = { ...me.value, language: code ?? "" };
            set({ busy: false, error: null });
        } catch (error) {
            set({ busy: false, error });
        }
    };
    return html`
        <section class="card"><h2>${t("languages")}</h2><p class="second">${t("languages.text")}</p><div class="gap"><${LanguageLinks} /></div>
            <p class="gap" role="status">${chosen ? t("languages.chosen", { name: name(chosen) }) : t("languages.unchosen")}</p><${Refused} error=${state.error} />
            <div class="gap deeds">${chosen !== language && html`<${Button} small busy=${state.busy} onClick=${() => choose(language)}>${t("languages.choose", { name: name(language) })}<//>`}
                ${chosen && html`<${Button} small busy=${state.busy} onClick=${() => choose(null)}>${t("languages.follow")}<//>`}</div></section>`;
};
const PARTS = ["/v1/me/passkeys", "/v1/me/second-step", "/v1/me/tokens", "/v1/me/notice-choices", "/v1/me/mail", "/v1/providers", "/v1/me/identities", "/v1/me/sessions"];
/** Who came by a provider and has no role yet: what happens now. */
const Newcomer = () => html`
    <${Note} kind="slate" role="status"><p><b>${t("me.newcomer")}</b></p><p>${t("me.newcomer.text")}</p>
        <div class="gap"><${Button} small onClick=${signOut}>${t("sign-out")}<//></div><//>`;

const signs = () => me.value.roles.some((r) => r.role === "officer" || r.role === "administrator");
export const first = () => ahead(...PARTS, ...(signs() ? ["/v1/me/keys"] : []));
const Account = ({ query }) => {
    const [changes, count] = useState(0); /* a new password ends sessions elsewhere, and tokens */
    const changed = () => count((n) => n + 1);
    const orders = signs();
    const head = html`<${Head} title=${t("nav.me")} sub=${me.value.person.email ? t("me.sub", { name: me.value.person.name, email: me.value.person.email }) : me.value.person.name} />`;
    return html`${head}
        ${me.value.roles.length === 0 && html`<${Newcomer} />`}
        ${me.value.second_due && html`<${Note} kind="ochre" role="status"><b>${t("second.due")}</b> ${t("second.due.text")}<//>`}
        <div class="grid halves">
            <div class="stack">
                ${me.value.person.email && html`<${Password} onChanged=${changed} />`}
                <${Passkeys} mark=${changes} onChanged=${changed} />
                ${me.value.person.email && html`<${SecondStep} mark=${changes} onChanged=${me.value.second_due ? () => whoAmI().then(changed) : changed} />`}
                <${Tokens} mark=${changes} onChanged=${changed} />
                <${NoticeChoices} />
                <${MailAddress} />
                ${orders && html`<${OfficerKeys} mark=${changes} onChanged=${changed} />`}
                <${Security} mark=${changes} />
            </div>
            <div class="stack">
                <${Ways} query=${query} />
                <${Sessions} mark=${changes} />
                ${me.value.roles.length > 0 && html`<section class="card"><h2>${t("me.roles")}</h2><dl class="facts">${me.value.roles.map((r) => html`<div key=${r.role + (r.organisation?.id ?? r.site ?? "")}><dt>${r.organisation?.name ?? (r.site ? t("seat.site", { site: r.site }) : t("seat.officer"))}</dt><dd>${t("role." + r.role)}</dd></div>`)}</dl></section>`}
                <section class="card"><h2>${t("me.scheme")}</h2><p class="second">${t("me.scheme.text")}</p><div class="gap"><${Button} small icon=${scheme.value === "dark" ? "sun" : "moon"} onClick=${turn}>${t(scheme.value === "dark" ? "scheme.light" : "scheme.dark")}<//></div></section>
                <${Language} />
            </div>
        </div>`;
};

export default Account;
