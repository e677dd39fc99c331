/* Credits, folios and the tag for what nobody published. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { creditParts, gpuHourParts, whole } from "../lib/format.js";
import { to } from "../lib/router.js";
import { Icon } from "./icon.js";

/** A sum in credits, three places, the decimals lighter. @param {{gpums: string | bigint}} props */
export const Credits = ({ gpums }) => {
    const [left, right] = creditParts(gpums);
    return html`<span class="amount">${left}<span class="dec">${right}</span></span>`;
};
/** The sum that counts: double rule. */
export const Total = ({ gpums }) => html`<span class="total"><${Credits} gpums=${gpums} /></span>`;
/** GPU-hours of so many GPU-seconds. */
export const GpuHours = ({ seconds }) => {
    const [left, right] = gpuHourParts(seconds);
    return html`<span class="amount">${left}<span class="dec">${right}</span></span>`;
};
/** The entry that a figure stands on. @param {{entry: number | null | undefined}} props */
export const Folio = ({ entry }) => entry === null || entry === undefined ? null : html`
    <a class="folio" href=${to(`/journal/entries/${entry}`)} aria-label=${t("folio", { n: whole(entry) })}><${Icon} name="page" />${whole(entry)}</a>`;
/** Without `when`: the mark itself. With one that is not known (yet): nothing. @param {{when?: boolean | undefined}} props */
export const Assumed = (props) => props.when || !("when" in props) ? html` <span class="assumed" title=${t("assumed.why")}>${t("assumed")}</span>` : null;
