/* A grant's aid: on which basis it was given, what it is worth, its certificate. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dayYear, euro } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";

await more("../messages/LANG.aid.json");

/** @param {{aid: any}} props */
const AidFacts = ({ aid }) => html`
    <dl class="facts">
        <div><dt>${t("aid.basis")}</dt><dd>${aid.basis.name}<span class="hint block">${aid.basis.reference}</span></dd></div>
        <div><dt>${t("aid.worth")}</dt><dd class="num">${euro(aid.gge_eur_cents)}</dd></div>
        <div><dt>${t("aid.on")}</dt><dd>${dayYear(aid.granted)}</dd></div>
    </dl>`;

/** @param {{account: number, up: string, page: string}} props  up: the grants' address; page: that of the organisation's aid */
export const AidOfGrant = ({ account, up, page }) => {
    const { data } = useData(`/v1/grants/${account}/aid`);
    if (!data?.aid) return null; /* a grant from before aid was kept has none */
    return html`
        <section class="card"><h2>${t("aid.page")}</h2><${AidFacts} aid=${data.aid} />
            <p class="links"><a href=${to(`${up}/${account}/certificate`)}>${t("aid.cert")}</a></p><p class="links"><a href=${to(page)}>${t("aid.page")}: ${data.aid.organisation.name}</a></p></section>`;
};
