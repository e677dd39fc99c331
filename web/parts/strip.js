/* Calendar strip: columns of six hours up to the dotted line of what is asked. Height says it, colour repeats it. */
import { html } from "../lib/html.js";

/**
 * @param {{free: (number | null)[], asked: number, from: number, step: number, places?: {start: number, end: number}[], height?: number, off?: boolean}} props
 *   free: GPUs free throughout each column, null where nothing is offered (maintenance); off: filtered out, so never green
 */
export const Strip = ({ free, asked, from, step, places = [], height = 28, off }) => {
    const wide = 6, top = 3;
    const tall = height - top;
    const at = (time) => ((time - from) / step) * wide;
    return html`
        <svg class="strip" viewBox=${`0 0 ${free.length * wide} ${height}`} preserveAspectRatio="none" aria-hidden="true">
            ${free.map((n, i) => n === null
                ? html`<rect key=${i} class="off" x=${i * wide} y=${top} width=${wide} height=${tall} />`
                : html`<rect key=${i} class=${n >= asked && !off ? "fits" : "some"} x=${i * wide + 0.5} width=${wide - 1}
                    y=${top + tall - Math.max(1, tall * Math.min(1, n / asked))} height=${Math.max(1, tall * Math.min(1, n / asked))} />`)}
            <line class="ask" x1="0" x2=${free.length * wide} y1=${top} y2=${top} />
            ${places.map((place) => html`<rect key=${place.start} class="place" x=${at(place.start)} y="1" width=${Math.max(wide, at(place.end) - at(place.start))} height=${height - 2} vector-effect="non-scaling-stroke" />`)}
        </svg>`;
};
