/* What would change it: one thing each, and a link that asks anew with just that changed. */
import { html } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { big, country, dateTime, duration, length, priceCredits } from "../lib/format.js";
import { changed, write } from "../lib/asking.js";
import { siteName } from "../lib/sites.js";
import { to } from "../lib/router.js";
import { Button } from "./button.js";

/** @param {{quote: any, ask: any, sites: Map<string, any>, best: boolean}} props ask: the form's state, and its walltime as `seconds`; best: something is offered as asked */
export const Changes = ({ quote, ask, sites, best }) => quote.what_if?.length > 0 && html`
    <section class="card"><h2>${t("quotes.change")}</h2><p class="small second">${t("quotes.change.sub")}</p>
        <ul class="changes">${quote.what_if.map((w, i) => {
            const next = changed(ask, w);
            const sooner = w.sooner_s ?? 0, cheaper = big(w.cheaper_gpums);
            const words = t("whatif." + w.change, { to: w.change === "countries" ? country(w.to) : w.change === "walltime_s" ? length(w.to) : w.change === "deadline" ? dateTime(w.to) : w.to,
                n: Number(w.to), nights: ask.nights, asked: ask.gpus, before: length(ask.seconds), length: w.to_walltime_s ? length(w.to_walltime_s) : "", model: ask.model });
            return html`
                <li key=${i}><div><b>${words}</b>${tx("quotes.change.row", { site: siteName(sites.get(w.site), w.site), time: dateTime(w.start), amount: priceCredits(w.cost_gpums) })}
                    ${best && sooner > 0 && html`, <b class="good inline-b">${t("sooner-by", { time: duration(sooner) })}</b>`}
                    ${best && sooner < 0 && html`, ${t("later-by", { time: duration(-sooner) })}`}
                    ${best && cheaper > 0n && html`, <b class="good inline-b">${t("cheaper-by", { amount: priceCredits(cheaper) })}</b>`}</div>
                    ${next && html`<${Button} small href=${to("/ask", write(next))} label=${t("quotes.change.do", { what: words })}>${t("change")}<//>`}</li>`;
        })}</ul></section>`;
