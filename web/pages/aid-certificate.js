/* /credits/{grant}/certificate and /programme/grants/{grant}/certificate: what aid a grant is, on one sheet. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { country, dayYear, euro, wholeCredits } from "../lib/format.js";
import { more } from "../lib/more.js";
import { seat } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Folio } from "../parts/amount.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";

await more("../messages/LANG.aid.json");

export const first = ({ params: { grant } }) => ahead(`/v1/grants/${grant}`, `/v1/grants/${grant}/aid`);

export default ({ params }) => {
    const up = seat.value.kind === "startup" ? "/credits" : "/programme/grants";
    const crumbs = html`<a href=${to(up)}>${t(seat.value.kind === "startup" ? "nav.credits" : "nav.grants")}</a> / <a href=${to(`${up}/${params.grant}`)}>${t("account", { n: params.grant })}</a>`;
    const grant = useData(`/v1/grants/${params.grant}`), got = useData(`/v1/grants/${params.grant}/aid`);
    const broken = grant.error ?? got.error;
    if (!grant.data || !got.data) return html`<${Head} title=${t("aid.cert")} crumbs=${crumbs} sub="" /><${Waiting} error=${broken} retry=${() => (grant.reload(), got.reload())} />`;
    const aid = got.data.aid, g = grant.data;
    if (!aid) return html`<${Head} title=${t("aid.cert")} crumbs=${crumbs} sub="" /><${Empty} title=${t("aid.cert.none")}>${t("aid.cert.none.text")}<//>`;
    return html`
        <${Head} title=${t("aid.cert.of", { name: aid.organisation.name })} crumbs=${crumbs} sub=""><${Button} onClick=${() => window.print()}>${t("aid.print")}<//><//>
        <section class="card narrow">
            <p>${t("aid.cert.text", { name: aid.organisation.name, amount: euro(aid.gge_eur_cents), day: dayYear(aid.granted), basis: aid.basis.name, reference: aid.basis.reference })}</p>
            <dl class="facts gap">
                <div><dt>${t("grant.who")}</dt><dd>${aid.organisation.name}, ${country(aid.organisation.country)}</dd></div>
                <div><dt>${t("aid.basis")}</dt><dd>${aid.basis.name}<span class="hint block">${aid.basis.reference}</span></dd></div>
                <div><dt>${t("aid.worth")}</dt><dd class="num">${euro(aid.gge_eur_cents)}</dd></div>
                <div><dt>${t("credits")}</dt><dd class="num">${wholeCredits(g.granted_gpums)}</dd></div>
                <div><dt>${t("aid.on")}</dt><dd>${dayYear(aid.granted)}</dd></div>
                ${aid.basis.cap_eur_cents !== null && html`<div><dt>${t("aid.before", { n: aid.basis.years })}</dt><dd class="num">${euro(aid.before_eur_cents)}</dd></div>
                <div><dt>${t("aid.cap")}</dt><dd class="num">${euro(aid.basis.cap_eur_cents)}</dd></div>`}
                <div><dt>${t("aid.entry")}</dt><dd><${Folio} entry=${g.entry} /></dd></div>
            </dl>
            <p class="hint gap">${t("aid.cert.law")}</p>
        </section>`;
};
