/* The catalogue: messages of one language, with {names}, plurals and <tags>. The page's text stands in messages/*.json. */
import { html } from "./html.js";
import { whole } from "./format.js";

const messages = {};
let rules = new Intl.PluralRules("en"), spoken = "en";
/** Some pages have words of their own, which come on top. @param {Record<string, any>} catalogue @param {string} language */
export const setWords = (catalogue, language) => {
    Object.assign(messages, catalogue);
    if (spoken !== language) rules = new Intl.PluralRules(language);
    spoken = language;
};

const pick = (key, params) => {
    const message = messages[key];
    if (message === undefined) return key;
    if (typeof message === "string") return message;
    const n = Number(params?.n ?? 0);
    const form = message[`=${n}`] ?? message[rules.select(n)] ?? message.other;
    return n === 0 && form === message.one && !form.includes("{n}") ? message.other : form; /* in French 0 counts as one, but is not "one" */
};
const value = (name, params) => {
    const v = params?.[name];
    return typeof v === "number" || typeof v === "bigint" ? whole(v) : v ?? `{${name}}`;
};

/** The text of a key. @param {string} key @param {Record<string, any>} [params] */
export const t = (key, params) => pick(key, params).replace(/\{(\w+)\}/g, (_, name) => value(name, params));
export const has = (key) => messages[key] !== undefined;

/** The same with parts of the page in it: {name} may be a node, <b>…</b> is bold, <x>…</x> is what params.x(text) draws. */
export const tx = (key, params) => {
    const out = [];
    let rest = pick(key, params);
    for (let tag; (tag = /<(\w+)>(.*?)<\/\1>/.exec(rest)); rest = rest.slice(tag.index + tag[0].length)) {
        const inner = fill(tag[2], params);
        out.push(...fill(rest.slice(0, tag.index), params));
        out.push(typeof params?.[tag[1]] === "function" ? params[tag[1]](inner) : html`<b>${inner}</b>`);
    }
    return [...out, ...fill(rest, params)];
};
const fill = (text, params) => text.split(/(\{\w+\})/).filter(Boolean).map((piece) => {
    const name = /^\{(\w+)\}$/.exec(piece);
    return name ? value(name[1], params) : piece;
});
