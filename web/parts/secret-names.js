/* The names of the secrets that a job needs: a field, loaded when it is wanted. The values are asked for when a quote is accepted. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { namesFault, namesIn } from "../lib/secrets.js";
import { Field } from "./field.js";

await more("../messages/LANG.secrets.json");

/** @param {{ask: any, onInput: (text: string) => void, error?: string}} props */
const SecretNames = ({ ask, onInput, error }) => {
    const fault = namesFault(ask);
    return html`<${Field} light name="secrets" label=${t("ask.secrets")} hint=${t("ask.secrets.hint")} value=${ask.secrets} onInput=${onInput} error=${fault ? t(fault.key, fault.params) : error} />`;
};
export default { SecretNames, namesFault, namesIn };
