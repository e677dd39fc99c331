/* What a job fetches before it runs and puts afterwards: two fields, loaded when they are wanted. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { filesIn, filesOf } from "../lib/files.js";
import { more } from "../lib/more.js";
import { Area } from "./field.js";

await more("../messages/LANG.files.json");

/** @param {{files: {inputs: string, outputs: string}, onInput: (files: {inputs: string, outputs: string}) => void, bad: any}} props */
const Files = ({ files, onInput, bad }) => html`
    <${Area} light name="inputs" rows=${3} label=${t("ask.inputs")} hint=${t("ask.inputs.hint")} value=${files.inputs} onInput=${(inputs) => onInput({ ...files, inputs })} error=${bad.inputs ?? (filesOf(files.inputs) ? undefined : t("ask.bad.inputs"))} />
    <${Area} light name="outputs" rows=${3} label=${t("ask.outputs")} hint=${t("ask.outputs.hint")} value=${files.outputs} onInput=${(outputs) => onInput({ ...files, outputs })} error=${bad.outputs ?? (filesOf(files.outputs, false) ? undefined : t("ask.bad.outputs"))} />`;
export default { Files, filesIn, filesOf };
