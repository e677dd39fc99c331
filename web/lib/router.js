/* The URL is the first state: path, filters, what is being typed. */
import { signal } from "./html.js";

export const language = location.pathname.split("/")[1] || "en";
const here = () => ({ path: location.pathname.slice(language.length + 1) || "/", query: new URLSearchParams(location.search), hash: location.hash });
export const place = signal(here());

/** The address of a page in the present language. @param {string} path @param {Record<string, any>} [query] */
export const to = (path, query) => {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
    const text = search.toString();
    return `/${language}${path}${text ? "?" + text : ""}`;
};
export const go = (href, { replace = false, keep = false } = {}) => {
    const changed = href.split("?")[0] !== location.pathname;
    history[replace ? "replaceState" : "pushState"](null, "", href);
    place.value = { ...here(), moved: changed && !keep, own: keep };
};
/** Change the query only, without a new step in the history. */
export const setQuery = (query) => go(to(place.value.path, query), { replace: true, keep: true });

addEventListener("popstate", () => {
    place.value = { ...here(), moved: true };
});
addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? /** @type {HTMLAnchorElement | null} */ (event.target.closest("a[href]")) : null;
    if (!link || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.getAttribute("href"), location.href); /* in a drawing, a link's own href is no text */
    if (url.origin !== location.origin || !(url.pathname + "/").startsWith(`/${language}/`)) return;
    if (url.pathname === location.pathname && url.search === location.search && url.hash) return;
    event.preventDefault();
    go(url.pathname + url.search + url.hash);
});
