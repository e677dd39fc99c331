/* The frame around each page: the column or, on narrow screens, the top bar with its menu; the foot; the page's head. */
import { html, useEffect, useId, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { clock, zoneName } from "../lib/format.js";
import { ago } from "../lib/ago.js";
import { Steps, leads } from "../lib/guide.js";
import { COLUMN } from "../lib/column.js";
import { place, to } from "../lib/router.js";
import { askUnread, me, seat, seats, signOut, sit, unread, waiting } from "../lib/session.js";
import { scheme, turn } from "../lib/scheme.js";
import { cutSince } from "../lib/api.js";
import { nowMs, useData, useNow } from "../lib/use.js";
import { Assumed } from "./amount.js";
import { Hatches } from "./bar.js";
import { Icon, Mark } from "./icon.js";
import { Languages, useAlternates } from "./languages.js";
import { Note, Toasts, say } from "./note.js";

const nameOf = (s) => s.organisation?.name ?? (s.site ? t("seat.site", { site: s.site }) : t("seat." + s.kind));
const Brand = () => html`<a class="mark" href=${to(seat.value?.home ?? "/")}><${Mark} /><span>Kontor</span></a>`;

const Who = () => {
    const s = seat.value;
    const inner = html`<span><b>${nameOf(s)}</b><span class="hint">${t("seat.who", { name: me.value.person.name, role: t("role." + s.role) })}</span></span>`;
    if (seats.value.length < 2) return html`<div class="who"><div>${inner}</div></div>`;
    return html`
        <details class="who"><summary>${inner}<${Icon} name="down" /></summary>
            <ul class="seats">${seats.value.map((o) => html`<li key=${o.id}><a href=${to(o.home)} aria-current=${o.id === s.id ? "true" : undefined} onClick=${() => sit(o.id)}>${nameOf(o)}
                <span class="hint">${t("role." + o.role)}</span></a></li>`)}</ul>
        </details>`;
};
const Pages = ({ current, onGo }) => {
    const described = useId();
    return html`
    <nav class="pages" aria-label=${t("nav.pages")} onClick=${onGo}>${COLUMN[seat.value.kind].map(([pattern, icon, key]) => {
        const path = pattern.replace("{site}", seat.value.site ?? "");
        const n = path === "/programme/attention" ? waiting.value : 0;
        return html`<a key=${path} href=${to(path)} aria-current=${current === path ? "page" : undefined} aria-describedby=${n ? described : undefined}><${Icon} name=${icon} />${t(key)}${n > 0 && html`<b class="count" aria-hidden="true">${n > 99 ? "99+" : n}</b><span id=${described} hidden>${t("nav.attention.n", { n })}</span>`}</a>`;
    })}</nav>`;
};

/** The journal's size and how old its newest entry is. No tally: there are no witnesses yet. */
const Heart = ({ data, error }) => {
    const now = useNow(1000);
    if (!data && !error) return html`<p class="heart">\u00a0<span class="block">\u00a0</span></p>`; /* not asked yet: its place */
    if (!data) return html`<p class="heart">${t("heart.none")}<span class="block">\u00a0</span></p>`;
    return html`<p class="heart">${tx("heart.size", { n: data.size })}<span class="block">${t("heart.newest", { time: clock(data.time), ago: ago(now - Date.parse(data.time)) })}</span></p>`;
};
/** The way to what one was told, with how much of it is new. */
const Bell = () => {
    useEffect(() => {
        const timer = setInterval(() => document.visibilityState === "visible" && askUnread(), 30_000);
        return () => clearInterval(timer);
    }, []);
    const n = unread.value;
    return html`<a class="bell" href=${to("/notices")} aria-current=${place.value.path === "/notices" ? "page" : undefined}><${Icon} name="bell" />${n ? html`<span aria-hidden="true">${t("nav.notices")} <b class="count">${n > 99 ? "99+" : n}</b></span><span class="hidden-text">${t("nav.notices.unread", { n })}</span>` : t("nav.notices")}</a>`;
};
const Settings = () => html`
    <div class="settings">
        <button type="button" onClick=${turn}><${Icon} name=${scheme.value === "dark" ? "sun" : "moon"} />${t(scheme.value === "dark" ? "scheme.light" : "scheme.dark")}</button>
        <${Bell} /><a href=${to("/me")}>${t("nav.me")}</a>
        <button type="button" onClick=${signOut}>${t("sign-out")}</button>
        <${Languages} />
    </div>`;
const Menu = ({ current, onClose }) => {
    const box = useRef(null);
    useEffect(() => box.current.showModal(), []);
    return html`
        <dialog class="menu" ref=${box} aria-label=${t("menu")} onClose=${onClose}>
            <div class="menu-head"><span class="mark"><${Mark} /><span>Kontor</span></span>
                <button class="button small" type="button" onClick=${() => box.current.close()}><${Icon} name="cross" />${t("close")}</button></div>
            <${Who} /><${Pages} current=${current} onGo=${() => box.current.close()} /><${Settings} />
        </dialog>`;
};
const TopBar = ({ current }) => {
    const [open, set] = useState(false);
    return html`
        <header class="topbar"><${Brand} /><span class="whose">${nameOf(seat.value)}</span>
            <button class="button small" type="button" aria-expanded=${open ? "true" : "false"} aria-haspopup="dialog" onClick=${() => set(true)}><${Icon} name="lines" />${t("menu")}</button>
            ${open && html`<${Menu} current=${current} onClose=${() => set(false)} />`}
        </header>`;
};
const FootLinks = ({ children }) => html`<nav aria-label=${t("foot.links")}>${["help", "accessibility", "privacy"].map((name) => html`<a key=${name} href=${to("/" + name)}>${t("foot." + name)}</a>`)}${children}</nav>`;
const Foot = ({ journal, error }) => html`
    <footer class="foot">
        <span>${tx("foot.demo", { assumed: html`<${Assumed} />` })}</span><span>${t("foot.zone", { zone: zoneName(nowMs()) })}</span>
        <${FootLinks} />
        <${Heart} data=${journal} error=${error} />
    </footer>`;
/* its region is there before there is anything to say: one that comes with its words is not read out, and one that empties says nothing */
const Cut = () => {
    const since = cutSince.value, was = useRef(0);
    useEffect(() => {
        if (was.current && !since) say(t("cut.over"));
        was.current = since;
    }, [since]);
    return html`<div role="status">${since > 0 && html`
        <div class="cut"><${Note} kind="ochre">${tx("cut", { time: clock(since) })} <button type="button" class="linkish" onClick=${() => location.reload()}>${t("cut.now")}</button><//></div>`}</div>`;
};

/** Pages with a column. @param {{current: string, children: any}} props current: the path that the column marks */
export const Framed = ({ current, children }) => {
    const { data: journal, error } = useData("/v1/journal", { every: 10_000 });
    return html`
    <a class="skip" href="#main">${t("skip")}</a>
    <${Hatches} />
    <div class="app">
        <div class="side"><header class="column"><${Brand} /><${Who} /><${Pages} current=${current} /><${Heart} data=${journal} error=${error} /><${Settings} /></header></div>
        <${TopBar} current=${current} />
        <div class="page"><${Cut} /><main id="main" tabindex="-1">${children}</main><${Foot} journal=${journal} error=${error} /></div>
    </div>
    <${Toasts} />`;
};

/** Pages for anyone: a top bar. */
export const Public = ({ children, bare }) => html`
    <a class="skip" href="#main">${t("skip")}</a>
    <${Hatches} />
    <div class="public">
        <header><${Brand} />
            ${!bare && html`<nav aria-label=${t("nav.pages")}>${[["/capacity", "nav.capacity"], ["/sites", "nav.sites"], ["/journal", "nav.journal"]].map(([path, key]) =>
                html`<a key=${path} href=${to(path)} aria-current=${place.value.path === path ? "page" : undefined}>${t(key)}</a>`)}</nav>`}
            <div class="end">
                <${Languages} />
                <button class="linkish small" type="button" onClick=${turn}><${Icon} name=${scheme.value === "dark" ? "sun" : "moon"} size=${14} />${t(scheme.value === "dark" ? "scheme.light" : "scheme.dark")}</button>
                ${!bare && html`<a class="button primary" href=${me.value ? to(seat.value?.home ?? "/me") : to("/sign-in")}>${me.value ? t("nav.mine") : t("sign-in")}</a>`}
            </div>
        </header>
        <${Cut} />
        <main id="main" tabindex="-1">${children}</main>
        <footer class="foot"><span>${tx("foot.public", { assumed: html`<${Assumed} />` })}</span>
            <${FootLinks}><a href="/v1/openapi.yaml">${t("foot.api")}</a><span>${t("foot.zone", { zone: zoneName(nowMs()) })}</span><//></footer>
    </div>
    <${Toasts} />`;

/**
 * The page's head: one h1, what it is about, the one deed at the right. Sets the tab's title.
 * @param {{title: any, name?: string, crumbs?: any, sub?: any, state?: any, children?: any, ring?: boolean}} props name: the title as text, where it is not one;
 *   sub: "" keeps the line free for what will stand there, so that nothing moves when it comes
 */
export const Head = ({ title, name, crumbs, sub, state, children, ring }) => {
    const text = name ?? title;
    const who = seat.value ? nameOf(seat.value) : null;
    useAlternates();
    useLayoutEffect(() => {
        document.title = [text, who, "Kontor"].filter(Boolean).join(", ");
    }, [text, who]);
    return html`
        ${crumbs && html`<nav class="crumbs" aria-label=${t("crumbs")}>${crumbs}</nav>`}
        <div class=${ring ? "head with-ring" : "head"}>
            <div><h1 tabindex="-1">${title}</h1>${state}${(sub || sub === "") && html`<p>${sub || "\u00a0"}</p>`}</div>
            ${children && html`<div class="deeds">${children}</div>`}
        </div>
        ${Steps.value && leads(place.value.path) && html`<${Steps.value} />`}`;
};
