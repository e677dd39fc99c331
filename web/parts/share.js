/* What a grant has used of what accrued to it: the sentence, its figures, how it is counted. */
import { html } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { big, clock, dateTime, gpuHourParts, percent } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits } from "./amount.js";
import { Bar } from "./bar.js";

await more("../messages/LANG.fair.json");

/** A bar of what is used against what accrued; whichever is more is the whole. @param {{share: any, height?: number}} props */
export const ShareBar = ({ share, height = 14 }) => {
    const used = big(share.committed_gpums), accrued = big(share.accrued_gpums);
    return html`<${Bar} low height=${height} total=${used > accrued ? used : accrued} parts=${[{ kind: "settled", gpums: used < accrued ? used : accrued }, { kind: "lapsing", gpums: used > accrued ? used - accrued : 0n }]} />`;
};
/** @param {{account: number | string, mine: boolean}} props */
export const Share = ({ account, mine }) => {
    const { data: s } = useData(`/v1/grants/${account}/share`, { every: 15_000 });
    if (!s) return null;
    return html`
        <section class="card" data-share><h2>${t(mine ? "fair.yours" : "fair.title")}</h2>
            <p data-figure="share">${s.used_milli === null ? t("fair.coming") : t(mine ? "fair.used.you" : "fair.used.them", { percent: percent(s.used_milli), who: s.organisation.name })}
                ${mine && s.next && html` <b>${t("fair.ahead", { n: s.next.ahead })}</b>`}</p>
            ${s.used_milli !== null && html`<${ShareBar} share=${s} />`}
            ${s.next && mine && html`<p class="small second">${tx("fair.ahead.text", { model: s.next.model, site: s.next.site, time: html`<a href=${to(`/reservations/${s.next.reservation}`)}>${dateTime(s.next.start)}</a>` })}</p>`}
            <details class="small"><summary>${t("fair.how")}</summary>
                <dl class="facts columns">
                    <div><dt>${t("fair.accrued")}</dt><dd><${Credits} gpums=${s.accrued_gpums} /></dd></div>
                    <div><dt>${t("fair.committed")}</dt><dd><${Credits} gpums=${s.committed_gpums} /></dd></div>
                    ${s.classes.map((c) => html`<div key=${c.model}><dt>${c.model}</dt><dd>${c.share_milli === null ? t("none") : percent(c.share_milli)}, ${t("fair.gpu-hours", { hours: gpuHourParts(c.gpu_seconds).join("") })}</dd></div>`)}
                    ${s.dominant && html`<div><dt>${t("fair.dominant")}</dt><dd>${percent(s.dominant.share_milli)}, ${s.dominant.model}</dd></div>`}
                </dl>
                <p>${t("fair.accrued.text")} ${t("fair.dominant.text", { n: s.half_life_days })} ${t("fair.mean")} (${t("as-of", { time: clock(s.as_of) })})</p></details>
        </section>`;
};
