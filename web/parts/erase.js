/* Asks why an entry's words are to be erased, and does it; fetched when somebody who may wants to. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { useCommand } from "../lib/use.js";
import { Refused } from "./broken.js";
import { Dialog } from "./dialog.js";
import { Select } from "./field.js";
import { say } from "./note.js";

await more("../messages/LANG.erase.json");
const WHY = ["asked", "kept-long-enough", "ordered", "mistaken"];

/** @param {{index: number, onDone: () => void, onClose: () => void}} props */
export const Erase = ({ index, onDone, onClose }) => {
    const [reason, setReason] = useState(WHY[0]);
    const erase = useCommand();
    const yes = async () => {
        if (!(await erase.run(`/v1/journal/entries/${index}/erase`, { reason }))) return;
        onClose();
        say(t("evidence.erase.done"));
        onDone();
    };
    return html`
        <${Dialog} title=${t("evidence.erase.title", { n: index })} yes=${t("evidence.erase")} no=${t("evidence.erase.no")} danger busy=${erase.busy} onYes=${yes} onNo=${onClose}
            error=${erase.error && html`<${Refused} error=${erase.error} />`}>
            <p>${t("evidence.erase.text")}</p>
            <${Select} label=${t("evidence.erase.why")} value=${reason} onInput=${setReason} options=${WHY.map((w) => [w, t("evidence.why." + w)])} />
        <//>`;
};
