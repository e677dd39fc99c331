/* The words behind an entry's commitment, to whom they are due; that they were erased, and since when; erasing them. */
import { html, useEffect, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { clock, dayYear } from "../lib/format.js";
import { fromHex, sha256, toHex, utf8 } from "../lib/bytes.js";
import { seat } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { Folio } from "./amount.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/** Do these words, with their salt, hash to what the entry commits to? */
const useSame = (evidence, committed) => {
    const [is, set] = useState("checking");
    useEffect(() => {
        if (evidence?.state !== "kept" || !globalThis.crypto?.subtle) return;
        sha256(fromHex(evidence.salt), utf8(evidence.text)).then((hash) => set(toHex(hash) === committed ? "good" : "bad"), () => set("cannot"));
    }, [evidence?.salt, evidence?.text, committed]);
    return is;
};
const MayErase = ({ index, onDone }) => {
    const [part, set] = useState(/** @type {any} */ ({}));
    const open = async () => set(await import("./erase.js"));
    return html`
        <${Button} kind="danger" small onClick=${open}>${t("evidence.erase")}<//>
        ${part.Erase && html`<${part.Erase} index=${index} onDone=${onDone} onClose=${() => set({})} />`}`;
};
const Kept = ({ evidence, committed, reload }) => {
    const is = useSame(evidence, committed);
    return html`
        <blockquote class="sunken" data-evidence="kept">${evidence.text}</blockquote>
        <p class="small second evidence-foot"><span data-evidence-check=${is}><${Icon} name=${is === "good" ? "ok" : is === "bad" ? "warn" : "circle"} />${t("evidence." + is)}</span>
            ${["officer", "admin"].includes(seat.value?.kind) && seat.value.role !== "auditor" && html`<${MayErase} index=${evidence.entry} onDone=${reload} />`}</p>`;
};
/** @param {{entry: any}} props an entry whose body has a commitment */
export const Evidence = ({ entry }) => {
    const { data, reload } = useData(`/v1/journal/entries/${entry.index}/evidence`);
    if (!data || data.state === "none") return null;
    return html`
        <section class="evidence gap"><h3>${t("evidence.title")}</h3>
            ${data.state === "kept" ? html`<${Kept} evidence=${data} committed=${entry.body.commitment} reload=${reload} />`
                : data.state === "erased" ? html`<p data-evidence="erased">${tx("evidence.erased", { time: `${dayYear(data.erased)}, ${clock(data.erased)}`, entry: html`<${Folio} entry=${data.erasure} />` })}</p>`
                : html`<p class="second" data-evidence=${data.state}>${t("evidence." + data.state)}</p>`}
        </section>`;
};
