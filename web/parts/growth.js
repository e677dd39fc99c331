/* How the journal grew: entries by time, from its checkpoints. A sentence says it, a table says the same. */
import { html } from "../lib/html.js";
import { axis } from "../lib/axis.js";
import { t } from "../lib/words.js";
import { clockShort, dateTime, dayKey, dayShort, whole } from "../lib/format.js";

const W = 480, H = 190, LEFT = 66, RIGHT = 468, TOP = 10, BOTTOM = 156;

/** @param {{points: {size: number, time: string}[]}} props oldest first */
export const Growth = ({ points }) => {
    const list = points.map((p) => [Date.parse(p.time), p.size]);
    const [first, last] = [list[0], list.at(-1)];
    const ticks = axis(BigInt(last[1]));
    const top = Number(ticks.at(-1));
    const x = (time) => LEFT + ((RIGHT - LEFT) * (time - first[0])) / Math.max(1, last[0] - first[0]);
    const y = (size) => BOTTOM - ((BOTTOM - TOP) * size) / top;
    const label = dayKey(first[0]) === dayKey(last[0]) ? clockShort : dayShort;
    const line = list.map(([time, size], i) => `${i ? "L" : "M"}${x(time).toFixed(1)} ${y(size).toFixed(1)}`).join("");
    return html`
        <p class="small second">${t("growth.text", { n: last[1], first: dateTime(first[0]), last: dateTime(last[0]) })}</p>
        <svg class="chart growth" viewBox=${`0 0 ${W} ${H}`} aria-hidden="true">
            ${ticks.map((v) => html`<g key=${v}><line class="grid-line" x1=${LEFT} x2=${RIGHT} y1=${y(Number(v))} y2=${y(Number(v))} /><text x=${LEFT - 8} y=${y(Number(v)) + 4} text-anchor="end">${whole(v)}</text></g>`)}
            <text x=${LEFT} y=${BOTTOM + 22}>${label(first[0])}</text><text x=${RIGHT} y=${BOTTOM + 22} text-anchor="end">${label(last[0])}</text>
            <path class="line" d=${line} /><circle class="point" cx=${x(last[0])} cy=${y(last[1])} r="4" />
        </svg>
        <details class="as-table small"><summary>${t("as-table")}</summary><div class="table-scroll" tabindex="0" role="region" aria-label=${t("growth.caption")}><table><caption class="hidden-text">${t("growth.caption")}</caption>
            <thead><tr><th scope="col">${t("growth.signed")}</th><th scope="col" class="num">${t("journal.size")}</th></tr></thead>
            <tbody>${list.filter((_, i) => i % 4 === 0 || i === list.length - 1).map(([time, size]) => html`<tr key=${size}><th scope="row">${dateTime(time)}</th><td class="num">${whole(size)}</td></tr>`)}</tbody></table></div></details>`;
};
