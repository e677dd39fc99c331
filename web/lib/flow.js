/* A flow of credits as a drawing: nodes in four layers, bands between them, all to one scale. Plain functions; amounts are BigInt. */
import { big } from "./format.js";

export const WIDTH = 1000;
const LAYERS = [0, 200, 548, 800], NODE = 12, HIGH = 380, SLOT = 22, GAP = 10;
/* what is not granted is said beside the drawing: it would dwarf the rest */
const ASIDE = new Set(["reserve", "loose", "not-granted"]);
const ENDS = ["free", "lapsed", "clawed-back"];

const sum = (links) => links.reduce((total, l) => total + big(l.moved_gpums), 0n);
/** What stands beside the drawing: {reserve, loose, "not-granted"}. @param {any} flow */
export const aside = (flow) => Object.fromEntries([...ASIDE].map((to) => [to, sum(flow.links.filter((l) => l.to === to))]));
/** All that went one way: settled, held … @param {any} flow @param {string} how */
export const went = (flow, how) => sum(flow.links.filter((l) => l.how === how && !ASIDE.has(l.to)));
/** The site at which most is settled: [code, gpums], or null. @param {any} flow */
export const first = (flow) => {
    const sites = new Map();
    for (const l of flow.links) if (l.how === "settled") sites.set(l.to, (sites.get(l.to) ?? 0n) + big(l.moved_gpums));
    const most = [...sites].sort((a, b) => (b[1] > a[1] ? 1 : -1))[0];
    return most ? { site: most[0].slice(5), gpums: most[1] } : null;
};

/* into a tranche flows what went on from it */
const drawnLinks = (flow) => {
    const links = flow.links.filter((l) => l.how !== "allotted" && !ASIDE.has(l.to)).map((l) => ({ ...l, gpums: big(l.moved_gpums) }));
    const fund = flow.nodes.find((n) => n.kind === "fund").id;
    const tranches = flow.nodes.filter((n) => n.kind === "tranche").map((n) => ({ from: fund, to: n.id, how: "allotted", gpums: sum(links.filter((l) => l.from === n.id)) }));
    return [...tranches.filter((l) => l.gpums > 0n), ...links];
};
const layersOf = (flow, links) => {
    const through = (id) => links.filter((l) => l.to === id).reduce((total, l) => total + l.gpums, 0n);
    const known = flow.nodes.map((n) => ({ ...n, gpums: n.kind === "fund" ? links.filter((l) => l.from === n.id).reduce((total, l) => total + l.gpums, 0n) : through(n.id) })).filter((n) => n.gpums > 0n);
    const most = (a, b) => (b.gpums > a.gpums ? 1 : b.gpums < a.gpums ? -1 : 0);
    const tranches = known.filter((n) => n.kind === "tranche").sort(most);
    const grants = tranches.flatMap((tr) => links.filter((l) => l.from === tr.id).map((l) => known.find((n) => n.id === l.to)).sort((a, b) => Number(a.kind === "others") - Number(b.kind === "others") || most(a, b)));
    const sites = [...new Set(links.map((l) => l.to).filter((to) => to.startsWith("site-")))].map((id) => ({ id, kind: "site", name: id.slice(5), gpums: through(id) })).sort(most);
    const ends = ENDS.map((id) => ({ id, kind: "end", name: id, gpums: through(id) })).filter((n) => n.gpums > 0n);
    return [known.filter((n) => n.kind === "fund"), tranches, grants, [...sites, ...ends]];
};
const band = (x0, y0, x1, y1, h) => {
    const m = (x0 + x1) / 2, r = (n) => n.toFixed(1);
    return `M${r(x0)} ${r(y0)}C${r(m)} ${r(y0)} ${r(m)} ${r(y1)} ${r(x1)} ${r(y1)}V${r(y1 + h)}C${r(m)} ${r(y1 + h)} ${r(m)} ${r(y0 + h)} ${r(x0)} ${r(y0 + h)}Z`;
};
/**
 * Where each node and each band stands.
 * @param {any} flow as the server tells it
 * @returns {{height: number, nodes: any[], bands: {d: string, how: string, h: number}[]}}
 */
export const layout = (flow) => {
    const links = drawnLinks(flow), layers = layersOf(flow, links);
    const all = layers[0][0]?.gpums ?? 0n;
    const high = (gpums) => (all > 0n ? (HIGH * Number((gpums * 1_000_000n) / all)) / 1_000_000 : 0);
    const nodes = new Map();
    let height = 0;
    layers.forEach((layer, i) => {
        let y = 0;
        for (const n of layer) {
            const h = high(n.gpums), slot = Math.max(h, SLOT);
            nodes.set(n.id, { ...n, layer: i, x: LAYERS[i], y: y + (slot - h) / 2, h, out: 0, into: 0 });
            y += slot + GAP;
        }
        height = Math.max(height, y - GAP);
    });
    const order = [...nodes.keys()];
    const placed = links.filter((l) => nodes.has(l.from) && nodes.has(l.to)).sort((a, b) => order.indexOf(a.from) - order.indexOf(b.from) || order.indexOf(a.to) - order.indexOf(b.to));
    const bands = placed.map((l) => {
        const from = nodes.get(l.from), to = nodes.get(l.to), h = high(l.gpums);
        const d = band(from.x + NODE, from.y + from.out, to.x, to.y + to.into, h);
        from.out += h;
        to.into += h;
        return { d, how: l.how, h };
    });
    return { height: Math.ceil(height), nodes: [...nodes.values()], bands };
};
export const NODE_WIDTH = NODE;
