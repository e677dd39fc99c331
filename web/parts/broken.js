/* What went wrong: first what did not happen to the user's credits, then what happened, then the way on; the problem
 * document folded below with the call's id. Also: no rights, nothing there, nothing yet, still loading. */
import { html, useEffect, useState } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { to } from "../lib/router.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";
import { say } from "./note.js";

const words = (error) => (has("problem." + error.code) ? t("problem." + error.code) : error.detail || error.message || t("problem.other"));

/** The problem document, for support or a program. */
const Support = ({ error }) => {
    if (!error?.document) return null;
    const text = `${error.call?.method ?? ""} ${error.call?.path ?? ""}\n${error.status}\n\n${JSON.stringify(error.document, null, 2)}`;
    const copy = () => navigator.clipboard?.writeText(text).then(() => say(t("copied")));
    return html`
        <details class="small"><summary>${t("broken.support")}</summary>
            <pre class="sunken">${text}</pre>
            <button type="button" class="linkish" onClick=${copy}><${Icon} name="copy" size=${14} />${t("copy")}</button>
        </details>`;
};

/** An error within a page. @param {{error: any, title?: string, credits?: any, children?: any, retry?: () => void}} props */
export const Broken = ({ error, title, credits, children, retry }) => html`
    <div class="card broken" role="alert">
        <${Icon} name="warn" />
        <div>
            ${credits && html`<p><b>${credits}</b></p>`}
            <h2>${title ?? words(error)}</h2>
            ${title && html`<p>${words(error)}</p>`}
            ${error?.detail && error.detail !== words(error) && html`<p class="second" lang="en">${error.detail}</p>`}
            ${error?.retryAfter > 0 && html`<p class="second">${t("broken.later", { n: error.retryAfter })}</p>`}
            ${children}
            ${retry && html`<div class="links"><${Button} small onClick=${retry}>${t("broken.again")}<//></div>`}
            <div class="links"><${Support} error=${error} /></div>
        </div>
    </div>`;
/** A refused command under its form. */
export const Refused = ({ error }) => error && html`
    <div class="note brick" role="alert"><${Icon} name="warn" /><div><p><b>${words(error)}</b></p>
        ${error.detail && error.detail !== words(error) && html`<p lang="en">${error.detail}</p>`}<${Support} error=${error} /></div></div>`;

/** What is not there or not allowed: a whole page, or, below a head, its content. */
export const Nowhere = ({ status, error, below }) => {
    const key = status === 403 ? "forbidden" : status === 404 ? "missing" : "down";
    return html`
        <div class="head"><div>${below ? html`<h2>${t(`nowhere.${key}.title`)}</h2>` : html`<h1 tabindex="-1">${t(`nowhere.${key}.title`)}</h1>`}<p>${t(`nowhere.${key}.credits`)}</p></div></div>
        <div class="stack narrow"><div class="card"><p>${t(`nowhere.${key}.text`)}</p>
            <div class="links"><a href=${to("/")}>${t("nowhere.front")}</a></div></div>
            ${error && html`<div class="card"><${Support} error=${error} /></div>`}</div>`;
};
/** What a page shows while it has no data: the error, or grey bars after a moment. */
export const Waiting = ({ error, retry, rows = 4 }) => {
    if (error && (error.status === 403 || error.status === 404)) return html`<${Nowhere} below status=${error.status} error=${error} />`;
    if (error) return html`<${Broken} error=${error} retry=${retry} />`;
    return html`<${Loading} rows=${rows} />`;
};
export const Loading = ({ rows = 4, title = true, bare }) => {
    const [said, set] = useState("");
    useEffect(() => {
        const timer = setTimeout(() => set(t("loading")), 1000);
        return () => clearTimeout(timer);
    }, []);
    return html`
        <div class="loading" aria-busy="true"><p class="hidden-text" role="status">${said}</p>
            ${title && html`<span class="grey w2 tall"></span>`}
            <div class=${bare ? "" : "card"}>${Array.from({ length: rows }, (_, i) => html`<span key=${i} class=${"grey " + ["", "w3", "w2"][i % 3]}></span>`)}</div></div>`;
};
/** Nothing yet: what will stand here and the next deed. */
export const Empty = ({ title, children, deeds }) => html`
    <div class="card empty">
        <svg width="210" height="92" viewBox="0 0 210 92" aria-hidden="true" class="book">
            <path d="M0 22h210M0 44h210M0 66h210M0 88h210" /><path class="margin" d="M34 0v92M38 0v92" />
            <path class="pencil" d="M54 12h64M166 12h36M54 34h88M166 34h36M54 56h50M166 56h36" />
        </svg>
        <div><h2>${title}</h2><div>${children}</div>${deeds && html`<div class="deeds">${deeds}</div>`}</div>
    </div>`;
