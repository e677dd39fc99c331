/* Figures of a period: columns by month, and lists in which each row has its bar. The bars are drawings beside words that say the same. */
import { html } from "../lib/html.js";
import { axis } from "../lib/axis.js";
import { t } from "../lib/words.js";
import { compact, month, monthShort, percent, priceCredits, roundCredits } from "../lib/format.js";
import { milli } from "../lib/figures.js";
import { Credits } from "./amount.js";
import { Bar } from "./bar.js";

const HEIGHT = 150, TOP = 20, CREDIT = 3_600_000n;

/** What was paid month by month; the most is named. @param {{months: {code: string, gpums: bigint}[]}} props */
export const MonthColumns = ({ months }) => {
    const most = months.reduce((a, b) => (b.gpums > a.gpums ? b : a));
    const ticks = axis(roundCredits(most.gpums) || 1n);
    const top = ticks.at(-1) * CREDIT;
    const y = (gpums) => HEIGHT - ((HEIGHT - TOP) * milli(gpums > 0n ? gpums : 0n, top)) / 1000;
    const slot = 100 / months.length, every = Math.ceil(months.length / 6);
    return html`
        <div class="month-columns" aria-hidden="true">
            <svg width="44" height=${HEIGHT + 22}>${ticks.map((v) => html`<text key=${v} x="38" y=${y(v * CREDIT) + 4} text-anchor="end">${compact(Number(v))}</text>`)}</svg>
            <svg width="100%" height=${HEIGHT + 22}>
                ${ticks.map((v) => html`<line key=${v} class=${v === 0n ? "axis" : "grid-line"} x1="0" x2="100%" y1=${y(v * CREDIT)} y2=${y(v * CREDIT)} />`)}
                ${months.map((m, i) => html`<g key=${m.code}>
                    <rect class="fill-settled" x=${(slot * (i + 0.14)).toFixed(2) + "%"} width=${(slot * 0.72).toFixed(2) + "%"} y=${y(m.gpums).toFixed(1)} height=${(HEIGHT - y(m.gpums)).toFixed(1)} />
                    ${(months.length - 1 - i) % every === 0 && html`<text x=${(slot * (i + 0.5)).toFixed(2) + "%"} y=${HEIGHT + 17} text-anchor="middle">${monthShort(m.code)}</text>`}</g>`)}
            </svg>
        </div>`;
};
export const MonthTable = ({ months }) => html`
    <details class="as-table"><summary>${t("as-table")}</summary><div class="table-scroll" tabindex="0" role="region" aria-label=${t("use.by.month")}><table><caption class="hidden-text">${t("use.by.month")}</caption>
        <thead><tr><th scope="col">${t("use.month")}</th><th scope="col" class="num">${t("credits")}</th></tr></thead>
        <tbody>${months.map((m) => html`<tr key=${m.code}><th scope="row">${month(m.code)}</th><td class="num"><${Credits} gpums=${m.gpums} /></td></tr>`)}</tbody></table></div></details>`;

/**
 * Names with what was paid, a bar each and its part of the whole.
 * @param {{caption: string, head: string, unit?: string, rows: {key: string, label: any, gpums: bigint, kind?: string}[], all: bigint}} props kind: how its bar looks
 */
export const Ranked = ({ caption, head, unit = t("credits"), rows, all }) => {
    const most = rows.reduce((max, r) => (r.gpums > max ? r.gpums : max), 1n);
    return html`
        <table class="ranked"><caption class="hidden-text">${caption}</caption>
            <thead class="hidden-text"><tr><th scope="col">${head}</th><th scope="col">${t("drawing")}</th><th scope="col">${unit}</th><th scope="col">${t("use.part")}</th></tr></thead>
            <tbody>${rows.map((r) => html`<tr key=${r.key}><th scope="row">${r.label}</th><td class="drawn"><${Plain} kind=${r.kind ?? "settled"} gpums=${r.gpums} most=${most} /></td><td class="num">${priceCredits(r.gpums)}</td><td class="num second">${percent(milli(r.gpums, all))}</td></tr>`)}</tbody></table>`;
};
const Plain = ({ kind, gpums, most }) => html`<svg width="100%" height="14" aria-hidden="true"><rect class=${"plain fill-" + kind} width=${(milli(gpums > 0n ? gpums : 0n, most) / 10).toFixed(1) + "%"} height="14" rx="2" /></svg>`;
/** How long half of the jobs waited, solid, and nine of ten, hatched. */
export const WaitBar = ({ half, ninety, most }) => html`<${Bar} low height=${12} total=${BigInt(most)} parts=${[{ kind: "waited", gpums: BigInt(half) }, { kind: "off", gpums: BigInt(ninety - half) }]} />`;
