/* Rows of the journal: what moved, from where to where. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { clockMs, dateTime, dayKey, dayShort, whole } from "../lib/format.js";
import { to } from "../lib/router.js";
import { Credits } from "./amount.js";
import { Icon } from "./icon.js";

const nameOf = (account) => account?.label ?? (account ? t("account", { n: account.account }) : "");
const moves = (e) => e.debit !== null && e.credit !== null;

/** "Fast Lane → grant 311", or the server's sentence where nothing moved. */
const What = ({ entry }) => moves(entry)
    ? html`<span class="moves">${nameOf(entry.debit)}<${Icon} name="right" /><span class="hidden-text">${t("to")}</span>${nameOf(entry.credit)}</span>`
    : html`<span class="second">${entry.summary}</span>`;

/** @param {{entries: any[], caption: string, selected?: number, href?: (index: number) => string}} props */
export const Entries = ({ entries, caption, selected, href = (index) => to(`/journal/entries/${index}`) }) => {
    const oneDay = entries.length > 0 && entries.every((e) => dayKey(e.time) === dayKey(entries[0].time));
    return html`
        <div class="table-scroll"><table class="entries blocks"><caption class="hidden-text">${caption}</caption>
            <thead><tr><th scope="col" class="num">${t("entry")}</th><th scope="col">${oneDay ? html`<span class="hidden-text">${t("time")}, </span><span class="nowrap">${dayShort(entries[0].time)} ${new Date(entries[0].time).getUTCFullYear()}</span>` : t("time")}</th><th scope="col">${t("kind")}</th>
                <th scope="col">${t("debit-credit")}</th><th scope="col" class="num">${t("credits")}</th></tr></thead>
            <tbody>${entries.map((e) => html`
                <tr key=${e.index} aria-current=${e.index === selected ? "true" : undefined}>
                    <td class="num lead narrow-left"><a href=${href(e.index)}><b>${whole(e.index)}</b></a> <span class="kind only-narrow">${e.kind}</span></td>
                    <td class="nowrap time">${oneDay ? clockMs(e.time) : dateTime(e.time)}</td>
                    <td class="kind skip-narrow">${e.kind}</td>
                    <td><${What} entry=${e} /></td>
                    <td class="num sum">${moves(e) || e.amount_gpums !== "0" ? html`<${Credits} gpums=${e.amount_gpums} />` : html`<span class="hint inline">${t("none")}</span>`}</td>
                </tr>`)}</tbody></table></div>`;
};
