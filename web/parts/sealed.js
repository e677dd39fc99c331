/* What a reservation was given sealed: which names, when, to which key, and whether the server still has it. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";

await more("../messages/LANG.secrets.json", "../styles/places.css");

const EVERY_MS = 30_000;

/** @param {{r: any}} props */
const Sealed = ({ r }) => {
    const { data } = useData(`/v1/reservations/${r.id}/secrets`, { every: EVERY_MS, mark: r.version });
    if (!data?.sha256) return null;
    return html`
        <section class="card" data-sealed=""><h2>${t("sealed.title")}</h2>
            <dl class="facts">
                <div><dt>${t("sealed.names")}</dt><dd class="mono">${data.names.join(" ")}</dd></div>
                <div><dt>${t("sealed.when")}</dt><dd><time datetime=${data.sealed}>${dateTime(data.sealed)}</time></dd></div>
                <div><dt>${t("sealed.key")}</dt><dd>${data.kept ? html`<code class="fingerprint">${data.key}</code>` : t("sealed.key.gone")}</dd></div>
                <div><dt>${t("sealed.state")}</dt><dd>${t(data.kept ? "sealed.kept" : "sealed.erased")}</dd></div>
                <div><dt>${t("sealed.sha256")}</dt><dd><code class="fingerprint">${data.sha256}</code></dd></div>
            </dl>
            <p class="chart-note">${t("sealed.text")}</p>
        </section>`;
};
export default { Sealed };
