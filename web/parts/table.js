/* What stands above a table: words that its rows must have, the order they come in, and the whole list as a file. All of it in the address. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { place, setQuery } from "../lib/router.js";
import { Button } from "./button.js";
import { Field, Select } from "./field.js";

await more("../messages/LANG.table.json");

const set = (change) => setQuery({ ...Object.fromEntries(place.value.query), ...change });

/** The whole list that the server has, filtered as here. @param {{path: string, filter?: Record<string, string>}} props */
export const Files = ({ path, filter = {} }) => {
    const given = Object.entries(filter).filter(([, value]) => value);
    const href = (format) => `${path}?${new URLSearchParams([...given, ["format", format]])}`;
    return html`<${Button} icon="download" href=${href("csv")} download>${t("table.csv")}<//><${Button} icon="download" href=${href("jsonl")} download>${t("table.jsonl")}<//>`;
};
/**
 * columns: the keys of arrange() with their names. pages: there are more rows than are shown.
 * @param {{query: URLSearchParams, columns: [string, string][], path?: string, filter?: Record<string, string>, pages?: boolean, children?: any}} props
 */
export const TableTools = ({ query, columns, path, filter, pages, children }) => html`
    <div class="filters" role="search">
        ${children}
        <${Field} class="grow" name="q" type="search" label=${t("table.words")} hint=${pages ? t("table.page") : undefined} value=${query.get("q") ?? ""} onInput=${(q) => set({ q })} />
        <${Select} name="sort" label=${t("table.sort")} value=${query.get("sort") ?? ""} onInput=${(sort) => set({ sort })}
            options=${[["", t("table.sort.none")], ...columns.flatMap(([key, name]) => [[key, t("table.up", { name })], ["-" + key, t("table.down", { name })]])]} />
        ${path && html`<div class="deeds"><${Files} path=${path} filter=${filter} /></div>`}
    </div>`;
