/* Figure with bar: settled, held, free, lapsing, always in that order and always drawn alike. Ink is final, pencil is
 * not: settled solid, held hatched, lapsing in a wide hatch. SVG with attributes only, so that it prints and survives
 * forced colours. */
import { html } from "../lib/html.js";
import { share } from "../lib/format.js";

/** The hatches, once a page. */
export const Hatches = () => html`
    <svg width="0" height="0" class="hidden-text" aria-hidden="true"><defs>
        <pattern id="hatch-held" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect class="hatch-held-back" width="6" height="6" /><line class="hatch-held-line" x1="3" y1="0" x2="3" y2="6" /></pattern>
        <pattern id="hatch-lapsing" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
            <rect class="hatch-lapsing-back" width="9" height="9" /><line class="hatch-lapsing-line" x1="4.5" y1="0" x2="4.5" y2="9" /></pattern>
        <pattern id="hatch-off" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect class="hatch-off-back" width="5" height="5" /><line class="hatch-off-line" x1="2.5" y1="0" x2="2.5" y2="5" /></pattern>
    </defs></svg>`;

/**
 * @param {{parts: {kind: "settled" | "held" | "free" | "lapsing" | "none", gpums: bigint | string}[], total: bigint | string, height?: number, low?: boolean}} props
 *   low: a small bar in a row. The words beside it say the same, so it is hidden from screen readers.
 */
export const Bar = ({ parts, total, height = 40, low }) => {
    let at = 0;
    const pieces = parts.map((part) => {
        const from = at;
        at += share(part.gpums, total) * 100;
        return { ...part, from, wide: at - from };
    }).filter((p) => p.wide > 0);
    return html`
        <svg class=${low ? "bar low" : "bar"} width="100%" height=${height} aria-hidden="true">
            <rect class="track" width="100%" height=${height} rx=${low ? 2 : 3} />
            ${pieces.map((p) => html`<rect key=${p.kind + p.from} class=${"fill-" + p.kind} x=${p.from.toFixed(3) + "%"} width=${Math.max(p.wide, 0.25).toFixed(3) + "%"} height=${height} />`)}
            ${pieces.slice(1).map((p) => html`<line class="fill-edge" x1=${p.from.toFixed(3) + "%"} x2=${p.from.toFixed(3) + "%"} y1="0" y2=${height} />`)}
            <rect class="frame" x="0.5" y="0.5" width="100%" height=${height - 1} rx=${low ? 2 : 3} />
        </svg>`;
};
export const Swatch = ({ kind }) => html`<svg class="swatch" width="13" height="13" aria-hidden="true"><rect class=${"fill-" + kind} x="0.5" y="0.5" width="12" height="12" /></svg>`;
/** One of the parts under a bar. @param {{kind?: string, name: string, value: any, children?: any}} props */
export const Part = ({ kind, name, value, children }) => html`
    <div><dt>${kind && html`<${Swatch} kind=${kind} />`}${name}</dt><dd class="value">${value}</dd>${children && html`<dd class="hint">${children}</dd>`}</div>`;
