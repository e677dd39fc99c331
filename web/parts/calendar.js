/* A capacity calendar: free, reserved and out of service by time, what is the reader's own beneath, and the table that says the same.
 * Reserved is hatched, as everywhere: it is not final. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { day, dayShort, whole } from "../lib/format.js";
import { DAY, days, lanes, outline, since, stretches } from "../lib/calendar.js";
import { Swatch } from "./bar.js";

const TOP = 20, TALL = 108, LANE = 13, LANES = 8;
const BASE = TOP + TALL;

/* the Mondays, as far apart as their names need */
const mondays = (from, until) => {
    const list = [];
    for (let at = from + ((8 - new Date(from).getUTCDay()) % 7) * DAY; at < until; at += 7 * DAY) list.push(at);
    const every = Math.ceil(list.length / 5);
    return list.map((time, i) => ({ time, named: i % every === 0 }));
};
const Drawing = ({ columns, from, step, own }) => {
    const n = columns.capacity.length, until = from + n * step;
    const { most } = outline(columns);
    const x = (i) => ((i / n) * 100).toFixed(3) + "%";
    const at = (time) => Math.min(n, Math.max(0, (time - from) / step));
    const y = (gpus) => (most ? BASE - (TALL * gpus) / most : BASE);
    const bars = lanes(own.map((r) => ({ from: Date.parse(r.from), to: Date.parse(r.to), id: r.id })), LANES);
    const rows = Math.max(0, ...bars.map((b) => b.row + 1));
    const tall = BASE + 24 + rows * LANE;
    return html`
        <svg class="calendar-drawing" width="100%" height=${tall} aria-hidden="true">
            ${stretches(columns).map((s) => html`
                <g key=${s.at}>
                    ${s.free > 0 && html`<rect class="free" x=${x(s.at)} width=${x(s.n)} y=${y(s.free)} height=${BASE - y(s.free)} />`}
                    ${s.capacity > s.free && html`<rect class="taken" x=${x(s.at)} width=${x(s.n)} y=${y(s.capacity)} height=${y(s.free) - y(s.capacity)} />`}
                    ${most > s.capacity && html`<rect class="off" x=${x(s.at)} width=${x(s.n)} y=${TOP} height=${y(s.capacity) - TOP} />`}
                </g>`)}
            ${mondays(from, until).map(({ time, named }) => html`
                <g key=${time}><line class="week" x1=${x(at(time))} x2=${x(at(time))} y1=${TOP} y2=${BASE + (named ? 6 : 0)} />${named && html`<text x=${x(at(time))} y=${BASE + 18} text-anchor=${at(time) / n > 0.93 ? "end" : "start"}>${dayShort(time)}</text>`}</g>`)}
            <line class="top" x1="0" x2="100%" y1=${TOP} y2=${TOP} /><line class="base" x1="0" x2="100%" y1=${BASE} y2=${BASE} />
            <text x="0" y=${TOP - 6}>${t("n-gpus", { n: most })}</text>
            ${bars.map((b) => html`<rect key=${b.id} class="own" x=${x(at(b.from))} width=${x(Math.max(0.2, at(b.to) - at(b.from)))} y=${BASE + 26 + b.row * LANE} height=${LANE - 4} />`)}
        </svg>`;
};

/**
 * @param {{title: string, now: number, columns: {capacity: (number|null)[], free: (number|null)[], most_free: (number|null)[]}, from: number, step: number, own: any[], whose: string}} props
 *   own: reservations to be drawn beneath; whose: what they are called; now: what has begun by then is drawn, but not told
 */
export const Calendar = ({ title, columns, from, step, own, whose, now }) => {
    const seen = outline(since(columns, Math.ceil((now - from) / step)));
    const until = from + columns.capacity.length * step;
    const table = days(columns, Math.max(1, Math.round(DAY / step)));
    const out = seen.cut && t("calendar.cut", { n: seen.cut.least, all: seen.most, from: day(from + seen.cut.from * step), to: day(from + seen.cut.to * step - 1) });
    return html`
        <div class="calendar">
            <h3>${title}</h3>
            <p class="small second">${t(seen.least >= seen.most ? "calendar.all-free" : seen.least === 0 ? "calendar.full" : "calendar.text", { least: seen.least, most: seen.most, day: day(from + seen.leastAt * step), until: day(until - 1) })} ${out}</p>
            <${Drawing} columns=${columns} from=${from} step=${step} own=${own} />
            <ul class="legend"><li><${Swatch} kind="free" />${t("calendar.free")}</li><li><${Swatch} kind="held" />${t("calendar.taken")}</li>${seen.cut && html`<li><${Swatch} kind="off" />${t("calendar.off")}</li>`}${own.length > 0 && html`<li><${Swatch} kind="place" />${whose}</li>`}</ul>
            <details class="as-table"><summary>${t("as-table")}</summary><div class="table-scroll" tabindex="0" role="region" aria-label=${t("calendar.table", { title })}><table><caption class="hidden-text">${t("calendar.table", { title })}</caption>
                <thead><tr><th scope="col">${t("calendar.day")}</th><th scope="col" class="num">${t("calendar.offered")}</th><th scope="col" class="num">${t("calendar.least")}</th><th scope="col" class="num">${t("calendar.most")}</th></tr></thead>
                <tbody>${table.map((d) => html`<tr key=${d.at}><th scope="row">${day(from + d.at * step)}</th><td class="num">${whole(d.capacity)}</td><td class="num">${whole(d.free)}</td><td class="num">${whole(d.most)}</td></tr>`)}</tbody></table></div></details>
        </div>`;
};
