/* An unusual word, explained where it stands: a button that opens a sentence under it, by finger, mouse or key; never by pointing alone. The sentences are
 * those of the help page, fetched when the first is asked for. */
import { html, useId, useState } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { more } from "../lib/more.js";

/** @param {{name: string, children?: any, about?: string}} props children: the word itself; else the button asks, and `about` says of what */
export const Word = ({ name, children, about }) => {
    const id = useId();
    const [open, set] = useState(false);
    const press = async () => {
        if (!has("word." + name)) await more("../messages/LANG.help.json").catch(() => 0); /* the line is cut: nothing opens */
        set(!open && has("word." + name));
    };
    return html`
        <button type="button" class="word" aria-expanded=${open ? "true" : "false"} aria-controls=${id} onClick=${press} onKeyDown=${(event) => event.key === "Escape" && set(false)}>${children ?? t("word.what")}<span
            class="hidden-text"> ${children ? t("word.what") : about}</span></button><span class="word-says" id=${id} role="status">${open ? t("word." + name) : ""}</span>`;
};
