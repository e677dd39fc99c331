/* /programme/state-aid: whose sum nears the cap of its legal basis, the nearest first. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { country, dateTime, dayYear, euro, percent } from "../lib/format.js";
import { NEAR_MILLI } from "../lib/attention.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Bar, Swatch } from "../parts/bar.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";

await Promise.all([more("../messages/LANG.aid.json"), more("../messages/LANG.state-aid.json")]);

const had = (a) => a.granted_eur_cents + a.declared_eur_cents;
const part = (a) => Math.floor((had(a) * 1000) / a.basis.cap_eur_cents);
const Row = ({ a }) => html`
    <tr data-near=${part(a) >= NEAR_MILLI ? "" : undefined}><td class="lead"><a href=${to(`/programme/organisations/${a.organisation.id}/aid`)}><b>${a.organisation.name}</b></a><span class="hint">${country(a.organisation.country)}</span></td>
        <td>${a.basis.name}<span class="hint">${a.basis.reference}</span></td>
        <td class="num" data-label=${t("state-aid.had")}>${euro(had(a))}<span class="hint">${t("state-aid.of", { part: percent(part(a)), cap: euro(a.basis.cap_eur_cents) })}</span></td>
        <td class=${part(a) >= NEAR_MILLI ? "num bad" : "num"} data-label=${t("state-aid.left")}><b>${euro(a.left_eur_cents)}</b></td>
        <td data-label=${t("state-aid.falls")}>${a.falls ? t("aid.falls.text", { amount: euro(a.falls_eur_cents), day: dayYear(a.falls) }) : t("none")}</td>
        <td class="mini-bar"><${Bar} low height=${12} total=${String(a.basis.cap_eur_cents)} parts=${[{ kind: "settled", gpums: String(a.granted_eur_cents) }, { kind: "held", gpums: String(a.declared_eur_cents) }, { kind: "free", gpums: String(a.left_eur_cents) }]} /></td></tr>`;
const Rules = ({ rules }) => html`
    <section class="card"><h2>${t("state-aid.rules")}</h2>
        <dl class="facts">${rules.map((r) => html`<div key=${r.code + r.valid_from}><dt>${r.name}<span class="hint block">${r.reference}</span></dt><dd>${r.cap_eur_cents === null ? t("state-aid.uncapped") : t("state-aid.cap", { cap: euro(r.cap_eur_cents), n: r.years })}</dd></div>`)}</dl></section>`;

export const first = () => ahead("/v1/aid/sums", "/v1/aid/rules");

export default () => {
    const { data, error, reload } = useData("/v1/aid/sums", { every: 60_000 });
    const rules = useData("/v1/aid/rules");
    const head = html`<${Head} title=${t("nav.state-aid")} sub=${data ? t("state-aid.sub", { time: dateTime(data.as_of) }) : ""}><${Button} icon="download" href="/v1/aid/register.csv" download>${t("state-aid.register")}<//><//>`;
    if (!data || !rules.data) return html`${head}<${Waiting} error=${error ?? rules.error} retry=${() => (reload(), rules.reload())} rows=${8} />`;
    const near = data.items.filter((a) => part(a) >= NEAR_MILLI), first = data.items[0];
    return html`
        ${head}
        <div class="stack">
            ${!first ? html`<${Empty} title=${t("state-aid.none")}>${t("state-aid.none.text")}<//>` : html`
            <section class="card"><h2>${t("state-aid.near", { n: near.length, part: percent(NEAR_MILLI) })}</h2>
                <p data-figure="nearest">${t("state-aid.first", { name: first.organisation.name, left: euro(first.left_eur_cents), cap: euro(first.basis.cap_eur_cents) })}</p>
                <ul class="legend"><li><${Swatch} kind="settled" />${t("aid.given")}</li><li><${Swatch} kind="held" />${t("aid.declared")}</li><li><${Swatch} kind="free" />${t("state-aid.left")}</li></ul>
                <div class="table-scroll gap"><table class="blocks"><caption class="hidden-text">${t("nav.state-aid")}</caption>
                    <thead><tr><th scope="col">${t("state-aid.who")}</th><th scope="col">${t("aid.basis")}</th><th scope="col" class="num">${t("state-aid.had")}</th><th scope="col" class="num">${t("state-aid.left")}</th><th scope="col">${t("state-aid.falls")}</th><th scope="col"><span class="hidden-text">${t("drawing")}</span></th></tr></thead>
                    <tbody>${data.items.map((a) => html`<${Row} key=${a.organisation.id + a.basis.code} a=${a} />`)}</tbody></table></div>
                <p class="chart-note">${t(data.more ? "state-aid.more" : "state-aid.note", { n: data.organisations })}</p></section>`}
            <${Rules} rules=${rules.data.items} />
        </div>`;
};
