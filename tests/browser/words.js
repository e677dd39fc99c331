/* What the pages say in a language, for stories that are told in more than one: words("fi")("ask.gpus"). Not what the shell
 * says without JavaScript: its keys are its own. */
import { readFileSync, readdirSync } from "node:fs";

const MESSAGES = new URL("../../web/messages/", import.meta.url);
/** @param {string} language @returns {(key: string, params?: Record<string, string | number>) => string} */
export const words = (language) => {
    const all = Object.assign({}, ...readdirSync(MESSAGES).filter((f) => f.startsWith(language + ".") && !f.endsWith(".shell.json")).map((f) => JSON.parse(readFileSync(new URL(f, MESSAGES), "utf8"))));
    const rules = new Intl.PluralRules(language);
    return (key, params = {}) => {
        const message = all[key];
        if (message === undefined) throw new Error(`${language} has no ${key}`);
        const form = typeof message === "string" ? message : message[`=${params.n}`] ?? message[rules.select(Number(params.n ?? 0))];
        return form.replace(/<\/?\w+>/g, "").replace(/\{(\w+)\}/g, (_, name) => String(params[name] ?? `{${name}}`));
    };
};
/** What begins a message, up to what is filled in. @param {string} message */
export const begin = (message) => message.split("{")[0].trim();
