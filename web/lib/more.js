/* What only some pages need: their words and their style, fetched with them, so that the other pages stay small. */
import { setWords } from "./words.js";
import { language } from "./router.js";

/** @param {string} sheet */
const style = (sheet) => new Promise((done, failed) => {
    if (document.querySelector(`link[href="${sheet}"]`)) {
        done(undefined);
        return;
    }
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: sheet, onload: done, onerror: () => failed(new Error(sheet)) });
    document.head.append(link);
});
const fetched = new Map();
const words = (messages) => {
    if (!fetched.has(messages)) fetched.set(messages, read(messages));
    return fetched.get(messages);
};
const read = async (messages) => {
    try {
        const reply = await fetch(messages);
        if (!reply.ok) throw new Error(messages);
        setWords(await reply.json(), language);
    } catch (error) {
        fetched.delete(messages); /* the next who needs them asks again */
        throw error;
    }
};
/** @param {string} messages a catalogue, with LANG where its language stands @param {string} [sheet] */
export const more = (messages, sheet) => Promise.all([words(messages.replace("LANG", language)), sheet && style(sheet)]);
