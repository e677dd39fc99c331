/* The other languages of this page, each by its own name. */
import { html, useEffect, useRef } from "../lib/html.js";
import { t } from "../lib/words.js";
import { parseCredits, asTyped } from "../lib/format.js";
import { LANGUAGES, decimalOf } from "../lib/languages.js";
import { language, place } from "../lib/router.js";
import { Icon } from "./icon.js";

const CODES = Object.keys(LANGUAGES);
/* The same page in another language. A price is in the address as it was typed: it is written as one types it there. */
const there = (code, { path, query, hash }) => {
    const other = new URLSearchParams(query);
    const price = query.has("price") ? parseCredits(query.get("price")) : null;
    if (price) other.set("price", asTyped(price, decimalOf(LANGUAGES[code][1])));
    return `/${code}${path}${other.size ? "?" + other : ""}${hash}`;
};

/** What the page's head says of its other languages, for those who look for it by a program. */
export const useAlternates = () => {
    const { path } = place.value;
    useEffect(() => {
        const links = CODES.map((code) => Object.assign(document.createElement("link"), { rel: "alternate", hreflang: code, href: `/${code}${path}` }));
        document.head.append(...links);
        return () => links.forEach((link) => link.remove());
    }, [path]);
};

/** As links, the present one marked. @param {{onChoose?: (code: string) => void}} props */
export const LanguageLinks = ({ onChoose }) => html`
    <ul class="languages">${CODES.map((code) => html`
        <li key=${code}><a href=${there(code, place.value)} hreflang=${code} lang=${code} aria-current=${code === language ? "true" : undefined} onClick=${() => onChoose?.(code)}>${LANGUAGES[code][0]}</a></li>`)}</ul>`;

/** The same behind the present one's name. */
export const Languages = () => {
    const box = useRef(null);
    useEffect(() => { /* a click elsewhere, or Escape, closes it */
        const close = (event) => {
            if (event.type === "keydown" ? event.key === "Escape" : !box.current?.contains(event.target)) box.current?.removeAttribute("open");
        };
        for (const type of ["click", "keydown"]) addEventListener(type, close);
        return () => ["click", "keydown"].forEach((type) => removeEventListener(type, close));
    }, []);
    return html`
        <details class="in-languages" ref=${box}><summary aria-label=${t("languages.this", { name: LANGUAGES[language][0] })}><${Icon} name="globe" size=${14} />${LANGUAGES[language][0]}</summary>
            <nav aria-label=${t("languages")}><${LanguageLinks} /></nav></details>`;
};
