/* The drawing of an entry's place in the journal: from the root above to the leaf below. Filled: worked out in this browser.
 * Hollow: given, beside it how many entries it stands for. Its twin is a table. */
import { html, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { whole } from "../lib/format.js";
import { toHex } from "../lib/bytes.js";
import { places } from "../lib/place.js";

const Beside = ({ one }) => html`
    <line class="given" x1=${one.from.x} y1=${one.from.y} x2=${one.x} y2=${one.y} />
    <circle class="hollow" cx=${one.x} cy=${one.y} r="4" />
    ${one.right
        ? html`<text class="hash" x=${one.x + 8} y=${one.y + 4}>${one.hash}<tspan class="count" dx="6">${one.count}</tspan></text>`
        : html`<text class="hash" x=${one.x - 8} y=${one.y + 4} text-anchor="end"><tspan class="count">${one.count}</tspan><tspan dx="6">${one.hash}</tspan></text>`}`;

/** @param {{path: any[], leaf: Uint8Array, size: bigint, good: boolean}} props good: the root is the signed one */
export const Path = ({ path, leaf, size, good }) => {
    const box = useRef(null);
    const [width, set] = useState(0);
    useLayoutEffect(() => {
        const look = () => set(Math.min(440, Math.floor(box.current.clientWidth)));
        look();
        const watch = new ResizeObserver(look);
        watch.observe(box.current);
        return () => watch.disconnect();
    }, []);
    const at = width ? places(path, leaf, width) : null;
    const [root, end] = at ? [at.nodes[0], at.nodes.at(-1)] : [];
    const away = at?.beside.at(-1)?.right ? -1 : 1; /* its words stand where its neighbour does not */
    const side = at && path.length > 0 && root.x > width / 2 ? -1 : 1;
    return html`
        <div class="path" ref=${box} data-path=${path.length}>${at && html`
            <svg width=${width} height=${at.height} viewBox=${`0 0 ${width} ${at.height}`} aria-hidden="true" class=${good ? undefined : "bad"}>
                ${at.beside.map((one, i) => html`<${Beside} key=${i} one=${one} />`)}
                <polyline class="made" points=${at.nodes.map((n) => `${n.x},${n.y}`).join(" ")} />
                ${at.nodes.slice(1, -1).map((n, i) => html`<circle key=${i} class="filled" cx=${n.x} cy=${n.y} r="3.5" />`)}
                ${path.length > 0 && html`<rect class="root" x=${root.x - 6} y=${root.y - 6} width="12" height="12" />
                    <text class="hash strong" x=${root.x + side * 12} y=${root.y + 4} text-anchor=${side > 0 ? "start" : "end"}>${root.hash}<tspan class="count" dx="6">${t("path.root")}</tspan></text>`}
                <rect class="leaf" x=${end.x - 6} y=${end.y - 6} width="12" height="12" />
                <text class="hash strong" x=${end.x + away * 12} y=${end.y + 4} text-anchor=${away > 0 ? "start" : "end"}>${end.hash}</text><text class="count" x=${end.x + away * 12} y=${end.y + 20} text-anchor=${away > 0 ? "start" : "end"}>${t("path.leaf")}</text>
            </svg>`}</div>
        <details class="as-table small"><summary>${t("as-table")}</summary><div class="table-scroll" tabindex="0" role="region" aria-label=${t("path.caption")}><table><caption class="hidden-text">${t("path.caption")}</caption>
            <thead><tr><th scope="col" class="num">${t("path.step")}</th><th scope="col">${t("path.side")}</th><th scope="col" class="num">${t("path.stands-for")}</th><th scope="col">${t("path.given")}</th><th scope="col">${t("path.made")}</th></tr></thead>
            <tbody>${path.map((step, i) => html`<tr key=${i}><th scope="row" class="num">${i + 1}</th><td>${t(step.right ? "path.right" : "path.left")}</td><td class="num">${whole(step.count)}</td><td class="mono small">${toHex(step.beside)}</td><td class="mono small">${toHex(step.node)}</td></tr>`)}</tbody>
            <tfoot><tr><td colspan="5">${t("path.sum", { n: path.length, size: whole(size) })}</td></tr></tfoot></table></div></details>`;
};
