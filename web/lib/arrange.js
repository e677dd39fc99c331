/* A table's rows by what stands in the address: only those with these words, in the order of one of its keys. Plain functions. */
import { compare } from "./format.js";

const leaves = (value) => (value !== null && typeof value === "object" ? Object.values(value).flatMap(leaves) : [String(value ?? "")]);
/** Numbers as texts (gpums) and times sort as what they are. */
const order = (a, b) => {
    if (typeof a === typeof b && typeof a !== "string") return a < b ? -1 : a > b ? 1 : 0;
    return compare(String(a ?? ""), String(b ?? ""));
};
/**
 * @param {T[]} items @param {URLSearchParams} query q: words; sort: a key, with a hyphen in front the other way round
 * @param {Record<string, (item: T) => string | number | bigint>} keys @returns {T[]} @template T
 */
export const arrange = (items, query, keys) => {
    const words = (query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (item) => {
        const text = leaves(item).join(" ").toLowerCase();
        return words.every((word) => text.includes(word));
    };
    const sort = query.get("sort") ?? "", by = sort.replace(/^-/, ""), key = Object.hasOwn(keys, by) ? keys[by] : null, way = sort.startsWith("-") ? -1 : 1;
    const shown = words.length ? items.filter(fits) : [...items];
    return key ? shown.sort((a, b) => way * order(key(a), key(b))) : shown;
};
