/* What was done to one's ways in, and asked for in one's name by tokens: newest first. */
import { html, useState } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { useData } from "../lib/use.js";
import { Waiting } from "./broken.js";
import { Button } from "./button.js";

const STEP = 10, MOST = 500;
const words = (event) => {
    const [act] = event.detail.split(" ");
    return t("security." + event.what, { name: event.name, by: event.by, act: has("act." + act) ? t("act." + act) : event.detail });
};

/** @param {{mark: any}} props */
export const Security = ({ mark }) => {
    const [limit, more] = useState(STEP);
    const { data, error, reload } = useData(`/v1/me/security?limit=${limit}`, { mark });
    if (!data) return html`<section class="card"><h2>${t("security")}</h2><${Waiting} error=${error} rows=${3} retry=${reload} /></section>`;
    return html`
        <section class="card"><h2>${t("security")}</h2><p class="second">${t("security.text")}</p>
            ${data.items.length ? html`<dl class="facts gap">${data.items.map((e) => html`<div key=${e.id}><dt>${words(e)}${e.from && html`<span class="hint block">${t("security.from", { from: e.from })}</span>`}</dt><dd>${dateTime(e.at)}</dd></div>`)}</dl>`
            : html`<p class="second gap">${t("security.none")}</p>`}
            ${data.next && limit < MOST && html`<div class="gap deeds"><${Button} small onClick=${() => more(Math.min(MOST, limit * 5))}>${t("security.more")}<//></div>`}</section>`;
};
