/* Charts: numbers in, SVG out. Each has a sentence that says what it shows and a table that says the same. */
import { html } from "../lib/html.js";
import { axis } from "../lib/axis.js";
import { t } from "../lib/words.js";
import { aboutCredits, big, dayShort, wholeCredits, whole, roundCredits } from "../lib/format.js";
import { Credits } from "./amount.js";

const W = 270, H = 212, LEFT = 42, RIGHT = 218, TOP = 12, BOTTOM = 168;
const short = (n) => (n >= 1_000_000n ? t("chart.m", { n: Number(n / 100_000n) / 10 }) : n >= 10_000n ? t("chart.k", { n: n / 1000n }) : whole(n));

/**
 * Unspent credits until the grant's end: ink until today, dashed after; an even pace dotted; what will lapse in brick.
 * @param {{grant: any, line: [number, bigint][], lapsing: bigint, known: boolean, now: number}} props
 */
export const BurnDown = ({ grant, line, lapsing, known, now }) => {
    const start = Date.parse(grant.start), end = Date.parse(grant.end);
    const ticks = axis(roundCredits(grant.granted_gpums) || 1n);
    const top = ticks.at(-1) * 3_600_000n || 1n;
    const x = (time) => LEFT + ((RIGHT - LEFT) * Math.min(Math.max(time - start, 0), end - start)) / Math.max(1, end - start);
    const y = (gpums) => BOTTOM - ((BOTTOM - TOP) * Number((big(gpums) * 10_000n) / top)) / 10_000;
    const [, unspent] = line.at(-1);
    const today = x(now);
    const path = line.map(([time, v], i) => `${i ? "L" : "M"}${x(time).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    const marks = [start, start + (end - start) / 2, end];
    return html`
        <svg class="chart" viewBox=${`0 0 ${W} ${H}`} aria-hidden="true">
            ${ticks.map((v) => html`<g key=${v}><line class="grid-line" x1=${LEFT} x2=${RIGHT} y1=${y(v * 3_600_000n)} y2=${y(v * 3_600_000n)} />
                <text x=${LEFT - 8} y=${y(v * 3_600_000n) + 4} text-anchor="end">${short(v)}</text></g>`)}
            ${marks.map((time, i) => html`<text key=${time} x=${x(time)} y=${BOTTOM + 20} text-anchor=${["start", "middle", "end"][i]}>${dayShort(i === 2 ? time - 1 : time)}</text>`)}
            <line class="even" x1=${LEFT} y1=${y(grant.granted_gpums)} x2=${RIGHT} y2=${BOTTOM} />
            <path class="line" d=${path} />
            ${known && html`<path class="forecast" d=${`M${today} ${y(unspent)}L${RIGHT} ${y(lapsing)}`} />`}
            ${known && lapsing > 0n && html`<line class="lapse" x1=${RIGHT} x2=${RIGHT} y1=${y(lapsing)} y2=${BOTTOM} />
                <text class="bad" x=${RIGHT + 7} y=${(y(lapsing) + BOTTOM) / 2}>${aboutCredits(lapsing)}</text><text x=${RIGHT + 7} y=${(y(lapsing) + BOTTOM) / 2 + 17}>${t("chart.lapse")}</text>`}
            <circle class="point" cx=${today} cy=${y(unspent)} r="4.5" />
            <text class="strong" x=${today < (LEFT + RIGHT) / 2 ? today + 9 : today - 10} y=${today < (LEFT + RIGHT) / 2 ? y(unspent) - 9 : y(unspent) + 17} text-anchor=${today < (LEFT + RIGHT) / 2 ? "start" : "end"}>${t("chart.today", { amount: wholeCredits(unspent) })}</text>
        </svg>`;
};
/** The same as a table: at most twelve points, the first and the last among them. */
export const BurnTable = ({ line }) => {
    const every = Math.max(1, Math.ceil(line.length / 12));
    const rows = line.filter((_, i) => i % every === 0 || i === line.length - 1);
    return html`
        <details class="as-table"><summary>${t("as-table")}</summary><table><caption class="hidden-text">${t("chart.unspent")}</caption>
            <thead><tr><th scope="col">${t("day")}</th><th scope="col" class="num">${t("chart.unspent")}</th></tr></thead>
            <tbody>${rows.map(([time, v], i) => html`<tr key=${i}><th scope="row">${dayShort(time)}</th><td class="num"><${Credits} gpums=${v} /></td></tr>`)}</tbody></table></details>`;
};
