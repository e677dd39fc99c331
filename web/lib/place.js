/* Where everything stands in the drawing of an entry's path. Plain function: hashes and a width in, places out. */
import { toHex } from "./bytes.js";
import { whole } from "./format.js";

const ROW = 25, TOP = 14, FIGURE = 7.3, MONO = 7.9, GAP = 13;
const short = (hash, letters) => toHex(hash).slice(0, letters);

/** Where everything stands. @param {{right: boolean, count: bigint, beside: Uint8Array, node: Uint8Array}[]} path from the leaf up @param {number} width */
export const places = (path, leaf, width) => {
    const letters = width < 340 ? 6 : 8;
    const down = [...path].reverse(); /* from the root to the leaf */
    const text = down.map((step) => whole(step.count));
    const room = (side) => Math.max(0, ...down.map((step, i) => (step.right === side ? letters * MONO + text[i].length * FIGURE + 14 : 0)));
    /* each turn moves the path a little to the other side; the whole is then fitted between the words */
    const drift = [0];
    for (const step of down) drift.push(drift.at(-1) + (step.right ? -1 : 1));
    const [least, most] = [Math.min(...drift), Math.max(...drift)];
    const own = letters * MONO + 18, last = down.at(-1)?.right ?? false; /* the leaf's own words stand where its neighbour does not */
    const left = Math.max(room(false) + GAP, last ? own : 14), right = Math.max(room(true) + GAP, own);
    const free = Math.max(8, width - left - right);
    const stride = Math.min(9, free / Math.max(1, most - least));
    const start = left + Math.max(0, (free - stride * (most - least)) / 2) - least * stride;
    const x = drift.map((d) => start + d * stride);
    const y = (row) => TOP + row * ROW;
    return {
        height: y(down.length) + 30, letters,
        nodes: down.map((step, i) => ({ x: x[i], y: y(i), hash: short(step.node, letters) })).concat({ x: x[down.length], y: y(down.length), hash: short(leaf, letters) }),
        beside: down.map((step, i) => ({ x: x[i + 1] + (step.right ? GAP : -GAP), y: y(i + 1), from: { x: x[i], y: y(i) }, right: step.right, hash: short(step.beside, letters), count: text[i] })),
    };
};
