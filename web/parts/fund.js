/* A fund: how much of it is granted, settled, held, free; the same of each of its tranches. */
import { html } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { big, wholeCredits } from "../lib/format.js";
import { to } from "../lib/router.js";
import { Credits } from "./amount.js";
import { Bar, Swatch } from "./bar.js";
import { State } from "./state.js";

const sum = (items, name) => items.reduce((total, i) => total + big(i[name]), 0n);
/* What the grants of a tranche have left: granted, less what is settled, held or came back. */
const left = (tr) => {
    const rest = big(tr.granted_gpums) - big(tr.settled_gpums) - big(tr.held_gpums) - big(tr.lapsed_gpums);
    return rest > 0n ? rest : 0n;
};
const partsOf = (tr) => [{ kind: "settled", gpums: tr.settled_gpums }, { kind: "held", gpums: tr.held_gpums }, { kind: "free", gpums: left(tr) }];

/** @param {{fund: any, agree?: any, link?: boolean}} props agree: the journal, where the books do; link: to the fund's own page */
export const Fund = ({ fund, agree, link }) => {
    const tranches = fund.tranches ?? [];
    const granted = sum(tranches, "granted_gpums"), settled = sum(tranches, "settled_gpums"), held = sum(tranches, "held_gpums"), lapsed = sum(tranches, "lapsed_gpums"), size = sum(tranches, "received_gpums");
    const free = tranches.reduce((total, tr) => total + left(tr), 0n), notGranted = sum(tranches, "free_gpums");
    const minted = big(fund.minted_gpums), loose = big(fund.free_gpums);
    const reserve = minted - size - loose > 0n ? minted - size - loose : 0n;
    return html`
        <section class="card">
            <div class="figure-top"><div><p class="small second">${t("programme.fund", { name: fund.name, reference: fund.reference ?? "" })}${link && html` <a href=${to(`/programme/funds/${fund.account}`)}>${t("fund.see")}</a>`}</p>
                <p class="figure smaller" data-figure="granted">${wholeCredits(granted)}${" "}<span class="of">${t("programme.of-granted", { amount: wholeCredits(minted) })}</span></p></div>
                ${agree && html`<p class="right small second"><${State} name="granted" words=${t("programme.agree")} /><span class="block">${t("programme.agree.text", { n: agree.size - 1 })}</span></p>`}</div>
            <${Bar} total=${minted} parts=${[{ kind: "settled", gpums: settled }, { kind: "held", gpums: held }, { kind: "free", gpums: free }]} />
            <ul class="legend"><li><${Swatch} kind="settled" /><span>${tx("legend.settled", { amount: html`<b>${wholeCredits(settled)}</b>` })}</span></li><li><${Swatch} kind="held" /><span>${tx("legend.held", { amount: html`<b>${wholeCredits(held)}</b>` })}</span></li>
                <li><${Swatch} kind="free" /><span>${tx("legend.free", { amount: html`<b>${wholeCredits(free)}</b>` })}</span></li><li><${Swatch} kind="none" /><span>${tx("legend.not-granted", { amount: html`<b>${wholeCredits(notGranted)}</b>` })}</span></li>
                ${loose > 0n && html`<li><${Swatch} kind="none" /><span>${tx("legend.no-tranche", { amount: html`<b>${wholeCredits(loose)}</b>` })}</span></li>`}
                ${reserve > 0n && html`<li><${Swatch} kind="none" /><span>${tx("legend.reserve", { amount: html`<b>${wholeCredits(reserve)}</b>` })}</span></li>`}</ul>
            ${tranches.length > 0 && html`<div class="table-scroll gap"><table class="blocks"><caption class="hidden-text">${t("programme.tranches", { name: fund.name })}</caption>
                <thead><tr><th scope="col">${t("tranche")}</th><th scope="col" class="num">${t("size")}</th><th scope="col" class="num">${t("granted")}</th><th scope="col" class="num">${t("settled")}</th><th scope="col" class="num">${t("held")}</th>
                    <th scope="col" class="num">${t("free")}</th><th scope="col" class="num">${t("lapsed")}</th><th scope="col"><span class="hidden-text">${t("drawing")}</span></th></tr></thead>
                <tbody>${tranches.map((tr) => html`
                    <tr key=${tr.account}><th scope="row" class="lead"><a href=${to("/programme/grants", { tranche: tr.account })}>${tr.name ?? tr.reference}</a></th>
                        <td class="num" data-label=${t("size")}>${wholeCredits(tr.received_gpums)}</td><td class="num" data-label=${t("granted")}>${wholeCredits(tr.granted_gpums)}</td>
                        <td class="num" data-label=${t("settled")}><${Credits} gpums=${tr.settled_gpums} /></td><td class="num" data-label=${t("held")}><${Credits} gpums=${tr.held_gpums} /></td>
                        <td class="num" data-label=${t("free")}><${Credits} gpums=${left(tr)} /></td><td class="num" data-label=${t("lapsed")}><${Credits} gpums=${tr.lapsed_gpums} /></td>
                        <td class="mini-bar"><${Bar} low height=${10} total=${tr.received_gpums} parts=${partsOf(tr)} /></td></tr>`)}</tbody>
                <tfoot><tr><th scope="row" class="lead">${t("total")}</th><td class="num" data-label=${t("size")}>${wholeCredits(size)}</td><td class="num" data-label=${t("granted")}>${wholeCredits(granted)}</td>
                    <td class="num" data-label=${t("settled")}><${Credits} gpums=${settled} /></td><td class="num" data-label=${t("held")}><${Credits} gpums=${held} /></td><td class="num" data-label=${t("free")}><${Credits} gpums=${free} /></td><td class="num" data-label=${t("lapsed")}><${Credits} gpums=${lapsed} /></td><td></td></tr></tfoot>
            </table></div>`}
        </section>`;
};
