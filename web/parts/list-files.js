/* The whole of a list that the server has, as files. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { Button } from "./button.js";

await more("../messages/LANG.list.json");

/** Filtered as here. @param {{path: string, filter?: Record<string, string>}} props */
export const Files = ({ path, filter = {} }) => {
    const given = Object.entries(filter).filter(([, value]) => value);
    const href = (format) => `${path}?${new URLSearchParams([...given, ["format", format]])}`;
    return html`<${Button} icon="download" href=${href("csv")} download>${t("list.csv")}<//><${Button} icon="download" href=${href("jsonl")} download>${t("list.jsonl")}<//>`;
};
