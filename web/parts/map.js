/* Map of Europe. The countries are background only, never clickable; a site may lead to its page. The list beside it says the same. */
import { html } from "../lib/html.js";
import { HEIGHT, WIDTH, project } from "../lib/geo.js";
import { MEMBERS, OTHERS } from "../map/europe.js";

const wideOf = (p) => 36 + Math.max(p.name.length * 16, (p.second ?? "").length * 14);
/* Names stand to the left of a place where the text would leave the drawing or meet the next one's. */
const sideOf = (places, i) => {
    const me = places[i];
    const meets = places.some((p, j) => j !== i && p.x > me.x && p.x - me.x < wideOf(me) && Math.abs(p.y - me.y) < 44);
    return me.x + wideOf(me) > WIDTH || (meets && me.x - wideOf(me) > 0) ? "left" : "right";
};

/**
 * crop: where the map stands in its drawing, as SVG has it; never "slice", which cuts places off where words beside it are longer
 * link: where a place leads; then the drawing is named by `label`, and its places are reached by keyboard
 * @param {{places: {code?: string, lat_milli: number, lon_milli: number, name: string, second?: string, kind: "rank" | "no" | "gauge" | "home", rank?: number, share?: number}[], crop?: string, label?: string, link?: (place: any) => string}} props
 */
export const EuropeMap = ({ places, crop = "xMidYMax meet", label, link }) => {
    const set = places.map((p) => {
        const [x, y] = project(p.lat_milli, p.lon_milli);
        return { ...p, x, y };
    });
    return html`
        <svg class="map" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio=${crop} aria-hidden=${link ? undefined : "true"} role=${link ? "group" : undefined} aria-label=${link ? label : undefined}>
            <path class="others" d=${OTHERS} /><path class="members" d=${MEMBERS} />
            ${set.map((p, i) => {
                const side = sideOf(set, i);
                const dx = side === "left" ? -30 : 30;
                const anchor = side === "left" ? "end" : "start";
                const mark = html`
                    <g key=${p.name} transform=${`translate(${p.x.toFixed(0)} ${p.y.toFixed(0)})`}>
                        ${link && html`<rect class="hit" x="-40" y="-52" width="80" height="96" rx="6" />`}
                        ${p.kind === "rank" && html`<rect class="yes" x="-22" y="-22" width="44" height="44" rx="4" /><text class="yes-text" y="11">${p.rank}</text>`}
                        ${p.kind === "no" && html`<rect class="no" x="-16" y="-16" width="32" height="32" rx="3" /><path class="cross" d="M-7-7 7 7M7-7-7 7" />`}
                        ${p.kind === "gauge" && html`<rect class="gauge" x="-14" y="-34" width="28" height="60" /><rect class="gauge-fill" x="-12.5" y=${24.5 - 57 * p.share} width="25" height=${57 * p.share} />`}
                        ${p.kind === "home" && html`<path class="home" d="M-13 12V-2L0-14 13-2V12z" />`}
                        <text x=${dx} y=${p.second ? -2 : 10} text-anchor=${anchor} class=${p.kind === "home" ? "light" : undefined}>${p.name}</text>
                        ${p.second && html`<text class="light" x=${dx} y="30" text-anchor=${anchor}>${p.second}</text>`}
                    </g>`;
                return link ? html`<a key=${p.name} href=${link(p)}>${mark}</a>` : mark;
            })}
        </svg>`;
};
