/* The certificate of a "no": the blocked times drawn over the time asked for, as a table, and checked here on demand. */
import { html, useState } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { clock, dateTime, dayShort, length, whole } from "../lib/format.js";
import { get } from "../lib/api.js";
import { check, checkNights, claimOf, compare, gapsOf, pagesOf } from "../lib/certificate.js";
import { Swatch } from "./bar.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

const TOP = 8, BASE = 52;

/** Height says how many are free, colour repeats whether that is enough; framed: what was asked, beside the longest gap. */
const Drawing = ({ claim, gaps }) => {
    const whole = claim.until - claim.from;
    const at = (time) => Math.min(100, Math.max(0, ((time - claim.from) / whole) * 100));
    const x = (time) => at(time).toFixed(3) + "%";
    const wide = (b) => Math.max(0.15, at(b.to) - at(b.from)).toFixed(3) + "%";
    const longest = gaps.reduce((a, g) => (!a || g.to - g.from > a.to - a.from ? g : a), null);
    const listed = claim.more ? claim.blocked.at(-1).to : claim.until;
    return html`
        <svg class="certificate" width="100%" height="72" aria-hidden="true">
            <line class="base" x1="0" x2="100%" y1=${BASE + 0.5} y2=${BASE + 0.5} />
            ${gaps.map((g) => html`<rect key=${"g" + g.from} class="fits" x=${x(g.from)} width=${wide(g)} y=${TOP} height=${BASE - TOP} />`)}
            ${claim.blocked.map((b) => {
                const tall = Math.max(1, ((BASE - TOP) * Math.max(0, b.free)) / claim.gpus);
                return html`<rect key=${"b" + b.from} class="some" x=${x(b.from)} width=${wide(b)} y=${BASE - tall} height=${tall} />`;
            })}
            ${claim.more > 0 && html`<rect class="off" x=${x(listed)} width=${wide({ from: listed, to: claim.until })} y=${TOP} height=${BASE - TOP} />`}
            <line class="ask" x1="0" x2="100%" y1=${TOP} y2=${TOP} />
            ${longest && html`<rect class="place" x=${x(longest.from)} width=${wide({ from: longest.from, to: longest.from + claim.length })} y=${TOP - 5} height=${BASE - TOP + 8} />`}
            <text x="0" y=${BASE + 18}>${dayShort(claim.from)}</text><text x="100%" y=${BASE + 18} text-anchor="end">${dayShort(claim.until)}</text>
        </svg>`;
};
const Verdict = ({ good, children }) => html`<p class=${good ? "verdict good" : "verdict bad"}><${Icon} name=${good ? "ok" : "warn"} /><span>${children}</span></p>`;

/** What the calendar says of the blocked times now. */
const ask = async (claim, refusal, site) => {
    const most = [];
    let from = 0, time = "";
    for (const path of pagesOf(claim, site.code)) {
        const page = await get(path);
        const offering = page.offerings.find((o) => o.offering === refusal.offering);
        const columns = offering && (claim.gpus < offering.gpus_per_node ? offering.below_node : offering.whole_nodes);
        if (!columns) throw new Error(t("certificate.none"));
        from ||= Date.parse(page.from);
        time = page.as_of;
        most.push(...columns.most_free);
    }
    return { ...compare(claim, { from, step: 900_000, most }), time };
};

const Blocked = ({ refusal }) => html`
    <div class="table-scroll" tabindex="0" role="region" aria-label=${t("certificate.table")}><table><caption class="hidden-text">${t("certificate.table")}</caption>
        <thead><tr><th scope="col">${t("certificate.from")}</th><th scope="col">${t("certificate.to")}</th><th scope="col" class="num">${t("certificate.most")}</th></tr></thead>
        <tbody>${refusal.certificate.map((b) => html`<tr key=${b.from}><th scope="row">${dateTime(b.from)}</th><td>${dateTime(b.to)}</td><td class="num">${whole(Math.max(0, b.free))}</td></tr>`)}</tbody></table></div>
    ${refusal.certificate_more > 0 && html`<p class="hint">${t("certificate.more", { n: refusal.certificate_more })}</p>`}`;
/** Of nights that are not known: the times alone. */
const Plain = ({ refusal }) => html`
    <details class="certificate-of small"><summary>${t("certificate.show", { n: refusal.certificate.length + refusal.certificate_more })}</summary><${Blocked} refusal=${refusal} /></details>`;

/** @param {{refusal: any, site: any, from: number, nights?: any}} props from: the earliest start that was asked for, ms; nights: likewise */
export const Certificate = ({ refusal, site, from, nights }) => {
    const [now, set] = useState({ busy: false, said: null, error: null });
    const claim = claimOf(refusal, from, nights);
    if (!claim) return html`<${Plain} refusal=${refusal} />`;
    const gaps = claim.nights ? [] : gapsOf(claim);
    const found = claim.nights ? checkNights(claim) : check(claim);
    const says = claim.nights && has(`certificate.says.nights.${found.says}`) ? `nights.${found.says}` : found.says;
    const longest = gaps.reduce((most, g) => Math.max(most, g.to - g.from), 0);
    const params = { n: claim.blocked.length, asked: claim.gpus, length: length(claim.length / 1000), from: dateTime(claim.from), until: dateTime(found.until), nights: claim.nights?.count, longest: length(Math.floor(longest / 1000)) };
    const run = () => {
        set({ busy: true, said: null, error: null });
        ask(claim, refusal, site).then((said) => set({ busy: false, said, error: null }), (error) => set({ busy: false, said: null, error }));
    };
    return html`
        <details class="certificate-of small"><summary>${t("certificate.show", { n: claim.blocked.length + claim.more })}</summary>
            <p class="second">${t(claim.nights ? "certificate.text.nights" : longest ? "certificate.text" : "certificate.text.none", params)}</p>
            ${!claim.nights && html`<${Drawing} claim=${claim} gaps=${gaps} />
            <ul class="legend"><li><${Swatch} kind="edge" />${t("certificate.blocked")}</li><li><${Swatch} kind="free" />${t("certificate.gap", { n: claim.gpus })}</li><li><${Swatch} kind="place" />${t("strip.yours", { length: length(claim.length / 1000) })}</li></ul>`}
            <${Verdict} good=${found.says === "proves" || found.says === "part"}>${t("certificate.says." + says, params)}<//>
            <div aria-live="polite">
                ${now.said && html`<${Verdict} good=${now.said.other === 0}>${t(now.said.other ? "certificate.now.other" : "certificate.now.same", { n: now.said.other || now.said.same, time: clock(now.said.time) })}<//>`}
                ${now.error && html`<${Verdict} good=${false}>${now.error.message}<//>`}
            </div>
            <p class="certificate-deeds">${site && html`<${Button} small busy=${now.busy} onClick=${run}>${t("certificate.compare")}<//>`}</p>
            <details class="as-table"><summary>${t("as-table")}</summary><${Blocked} refusal=${refusal} /></details>
            <p class="hint">${t("certificate.how")}</p>
        </details>`;
};
