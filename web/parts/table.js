/* What stands above a table: words that its rows must have, the order they come in, and the whole list as a file. All of it in the address. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { place, setQuery } from "../lib/router.js";
import { Field, Select } from "./field.js";
import { Files } from "./list-files.js";

await more("../messages/LANG.table.json");

const set = (change) => setQuery({ ...Object.fromEntries(place.value.query), ...change });

/**
 * columns: the keys of arrange() with their names. pages: there are more rows than are shown.
 * @param {{query: URLSearchParams, columns: [string, string][], path?: string, filter?: Record<string, string>, pages?: boolean, children?: any}} props
 */
export const TableTools = ({ query, columns, path, filter, pages, children }) => {
    const orders = [["", t("table.sort.none")], ...columns.flatMap(([key, name]) => [[key, t("table.up", { name })], ["-" + key, t("table.down", { name })]])];
    const sort = query.get("sort") ?? "";
    return html`
    <div class="filters" role="search">
        ${children}
        <${Field} class="grow" name="q" type="search" label=${t("table.words")} hint=${pages ? t("list.page") : undefined} value=${query.get("q") ?? ""} onInput=${(q) => set({ q })} />
        <${Select} name="sort" label=${t("table.sort")} value=${orders.some(([key]) => key === sort) ? sort : ""} onInput=${(key) => set({ sort: key })} options=${orders} />
        ${path && html`<div class="deeds"><${Files} path=${path} filter=${filter} /></div>`}
    </div>`;
};
