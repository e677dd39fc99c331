/* Line icons, 16 x 16, drawn in the text's colour. Never the only sign of anything: a word stands beside each. */
import { html } from "../lib/html.js";

const SHAPES = {
    home: "M2.5 7.5 8 3l5.5 4.500M4 6.500V13h8V6.500M6.8 13V9.500h2.400V13",
    plus: "M8 3v10M3 8h10",
    lines: "M2 4h12M2 8h12M2 12h12",
    book: "M2 3.500h12M2 6.500h12M2 9.500h9M2 12.500h6",
    globe: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM2 8h12M8 2c2 1.800 2.500 3.900 2.500 6S10 12.200 8 14C6 12.200 5.500 10.100 5.500 8S6 3.800 8 2z",
    grid: "M2.5 2.500h11v11h-11zM2.5 6.200h11M2.5 9.800h11M6.2 2.500v11M9.8 2.500v11",
    people: "M6 7.500a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.600zM1.8 13c0-2.3 1.9-3.8 4.2-3.800s4.2 1.5 4.2 3.800M10.5 3.200a2.2 2.2 0 0 1 0 4.100M11.8 9.500c1.5.5 2.4 1.7 2.4 3.5",
    person: "M8 7.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3.2 13.500c0-2.5 2.1-4.2 4.8-4.200s4.8 1.7 4.8 4.2",
    pulse: "M1 8.500h3l2-5 3.5 9 2-4H15",
    send: "M14 2 2 7l4.5 2.200L9 14zM14 2 6.5 9.2",
    bell: "M3.5 11.500h9l-1.200-1.800V7a3.3 3.3 0 0 0-6.600 0v2.700zM6.8 13.500h2.400",
    flag: "M3.5 14V2.500h9l-2 3 2 3h-9",
    scales: "M8 2.500v11M4.5 13.500h7M2.5 5h11M4 5l-2 4.500h4zM12 5l-2 4.500h4z",
    clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.800V8l2.2 1.5",
    check: "m3 8.5 3.2 3.200L13 4.5",
    ok: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM5.3 8.200l1.9 1.9 3.5-4",
    play: "M4.5 3v10l8-5z",
    cross: "M3.5 3.500l9 9M12.5 3.500l-9 9",
    warn: "M8 2.3 14.7 13.500H1.300zM8 6.300v3.700M8 11.700v.6",
    circle: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12z",
    lost: "M8 2a6 6 0 0 1 3.6 1.200M13.8 6.300a6 6 0 0 1-.4 4.200M10.8 13.300a6 6 0 0 1-4.6.4M3.4 11.800A6 6 0 0 1 2 8.200M3 4.800A6 6 0 0 1 5.5 2.6",
    right: "M2.5 8h11M9.5 4l4 4-4 4",
    down: "m3.5 6 4.5 4.500L12.5 6",
    download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.500h11",
    moon: "M13.3 9.800A5.8 5.8 0 0 1 6.2 2.7 5.8 5.8 0 1 0 13.3 9.800z",
    sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.500V3M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M12.6 3.400l-1 1M4.4 11.600l-1 1",
    key: "M5.5 10.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 8h6v2.500M11.5 8v2",
    search: "M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 14 14",
    repeat: "M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 2v3h-3",
    copy: "M5.5 5.500h8v8h-8zM10.5 5.500v-3h-8v8h3",
    page: "M3.5 1.500h6l3 3v10h-9zM9.5 1.500v3h3",
    pause: "M5.5 3.500v9M10.5 3.500v9",
    dispute: "M8 2.3 14.7 13.500H1.300zM8 6.300v3.700M8 11.700v.6",
};

/** @param {{name: string, size?: number, label?: string}} props */
export const Icon = ({ name, size = 16 }) => html`
    <svg width=${size} height=${size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"
        stroke-linejoin="round" aria-hidden="true"><path d=${SHAPES[name] ?? SHAPES.circle} /></svg>`;

/** The mark of the product: a tally whose slash is brick. */
export const Mark = () => html`
    <svg viewBox="0 0 24 24" fill="none" stroke-linecap="round" stroke-width="1.9" aria-hidden="true">
        <path stroke="currentColor" d="M5 3.500v17M9.6 3.500v17M14.2 3.500v17M18.8 3.500v17" />
        <path class="mark-slash" d="M1.8 17.5 22.2 7" />
    </svg>`;
