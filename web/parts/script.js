/* A script of one's own: started from one of a few, from a file, or pasted. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { STARTS, readScript, toFill } from "../lib/starts.js";
import { Area } from "./field.js";
import { Button } from "./button.js";
import { Note } from "./note.js";

/** @param {{script: string, onInput: (text: string) => void, error?: string}} props */
const Script = ({ script, onInput, error }) => {
    const file = useRef(null);
    const [told, tell] = useState({ bad: "", from: "" });
    useEffect(() => {
        if (!script) onInput(STARTS.shell);
    }, []);
    const left = toFill(script);
    const put = (text, from) => {
        tell({ bad: "", from });
        onInput(text);
    };
    const take = async (chosen) => {
        if (!chosen) return;
        const { text, bad } = chosen.size > 1 << 20 ? { bad: "ask.file.large" } : readScript(await chosen.arrayBuffer());
        if (bad) tell({ bad: t(bad, { name: chosen.name }), from: "" });
        else put(text, t("ask.file.taken", { name: chosen.name }));
        file.current.value = ""; /* the same file may be chosen again, mended */
    };
    return html`
        <fieldset class="starts" onDragOver=${(event) => event.preventDefault()} onDrop=${(event) => { event.preventDefault(); take(event.dataTransfer.files[0]); }}>
            <legend>${t("ask.start")}</legend>
            <div class="deeds">
                ${Object.entries(STARTS).map(([name, text]) => html`<${Button} small key=${name} onClick=${() => put(text, t("ask.start.taken", { name: t("start." + name) }))}>${t("start." + name)}<//>`)}
                <${Button} small icon="page" onClick=${() => file.current.click()}>${t("ask.file")}<//>
                <input ref=${file} type="file" hidden accept=".sh,.bash,.slurm,.sbatch,.py,.txt,text/*" aria-label=${t("ask.file")} onChange=${(event) => take(event.currentTarget.files[0])} />
            </div>
            <p class="small hint" role="status">${told.from}</p>
        </fieldset>
        <${Area} light name="script" label=${t("ask.script")} hint=${t("ask.script.hint")} value=${script} onInput=${(text) => put(text, "")} error=${told.bad || error} rows=${10} />
        ${left.length > 0 && html`<${Note} kind="ochre"><p><b>${t("ask.fill")}</b></p><ul class="plain-list">${left.map((line) => html`<li key=${line}>${line}</li>`)}</ul><//>`}`;
};
export default { Script };
