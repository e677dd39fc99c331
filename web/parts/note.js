/* Notes, and the region at the foot where done deeds are said. */
import { html, signal, useEffect } from "../lib/html.js";
import { t } from "../lib/words.js";
import { Icon } from "./icon.js";

const ICONS = { slate: "clock", ochre: "pulse", brick: "warn", verdigris: "ok" };
/** @param {{kind: "slate" | "ochre" | "brick" | "verdigris", icon?: string, role?: string, children: any}} props */
export const Note = ({ kind, icon, role, children }) => html`
    <div class=${"note " + kind} role=${role}><${Icon} name=${icon ?? ICONS[kind]} /><div>${children}</div></div>`;

/** What was said, newest last; kept for the page of notices. */
export const notices = signal([]);
let last = 0;
export const say = (text) => {
    notices.value = [...notices.value.slice(-49), { id: ++last, text, at: Date.now(), seen: false }];
};
const close = (id) => {
    notices.value = notices.value.map((n) => (n.id === id ? { ...n, seen: true } : n));
};
const Toast = ({ notice }) => {
    useEffect(() => {
        const timer = setTimeout(() => close(notice.id), 8000);
        return () => clearTimeout(timer);
    }, [notice.id]);
    return html`<div class="toast"><${Icon} name="check" /><span>${notice.text}</span>
        <button type="button" aria-label=${t("close")} onClick=${() => close(notice.id)}><${Icon} name="cross" /></button></div>`;
};
/** In the page from the start, so that a reader is told. */
export const Toasts = () => html`
    <div class="toasts" role="status" aria-live="polite">${notices.value.filter((n) => !n.seen).map((n) => html`<${Toast} key=${n.id} notice=${n} />`)}</div>`;

/** Text for screen readers only, said when it changes. */
export const Say = ({ children }) => html`<p class="hidden-text" role="status" aria-live="polite">${children}</p>`;
