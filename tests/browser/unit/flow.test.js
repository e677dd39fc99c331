/* A fund's flow as a drawing: to one scale, nothing lost between layers. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { WIDTH, aside, first, layout, went } from "../../../web/lib/flow.js";

const node = (kind, account, name, grants = 0) => ({ id: `${kind}-${account}`, kind, account, name, grants });
const link = (from, to, how, n) => ({ from, to, how, moved_gpums: String(n) });
const flow = {
    nodes: [node("fund", 3, "InvestAI"), node("tranche", 5, "First"), node("tranche", 6, "Empty"), node("others", 5, "First", 9), node("grant", 40, "Brisa", 1), node("grant", 41, "Nordlys", 1)],
    links: [link("fund-3", "tranche-5", "allotted", 500), link("fund-3", "tranche-6", "allotted", 300), link("fund-3", "reserve", "allotted", 10), link("fund-3", "loose", "free", 190), link("tranche-5", "not-granted", "free", 300), link("tranche-6", "not-granted", "free", 300),
        link("tranche-5", "grant-40", "granted", 100), link("tranche-5", "grant-41", "granted", 60), link("tranche-5", "others-5", "granted", 40), link("grant-40", "site-lumi", "settled", 30), link("grant-40", "site-lumi", "held", 20), link("grant-40", "site-bsc", "settled", 31),
        link("grant-40", "free", "free", 19), link("grant-41", "lapsed", "lapsed", 60), link("others-5", "clawed-back", "clawed-back", 40)],
};
test("flow: four layers, each as high as what went through it", () => {
    const { nodes, bands, height } = layout(flow);
    const of = (id) => nodes.find((n) => n.id === id);
    assert.deepEqual(nodes.map((n) => n.id), ["fund-3", "tranche-5", "grant-40", "grant-41", "others-5", "site-lumi", "site-bsc", "free", "lapsed", "clawed-back"], "the largest first, the others last; what got nothing is not there");
    assert.equal(of("grant-40").h, of("fund-3").h / 2);
    for (const n of nodes) {
        assert.ok(Math.abs(Math.max(n.into, n.out) - n.h) < 0.01, `${n.id}: what comes and goes is as high as it is`);
        if (n.layer > 0 && n.layer < 3) assert.ok(Math.abs(n.into - n.out) < 0.01, n.id);
        assert.ok(n.y >= 0 && n.y + n.h <= height && n.x < WIDTH, n.id);
    }
    for (let layer = 0; layer < 4; layer++) {
        const column = nodes.filter((n) => n.layer === layer).sort((a, b) => a.y - b.y);
        assert.ok(column.slice(1).every((n, i) => n.y - (column[i].y + column[i].h) >= 10), "no two meet, and each has room for its name");
    }
    assert.equal(bands.length, 10);
    assert.ok(bands.every((b) => /^M[\d. CVZ-]+$/.test(b.d) && !b.d.includes("NaN")));
});
test("flow: what is said beside it", () => {
    assert.deepEqual(aside(flow), { reserve: 10n, loose: 190n, "not-granted": 600n });
    assert.deepEqual(["granted", "settled", "held", "free", "lapsed", "clawed-back"].map((how) => went(flow, how)), [200n, 61n, 20n, 19n, 60n, 40n], "what is free in a tranche is not a grant's");
    assert.deepEqual(first(flow), { site: "bsc", gpums: 31n });
    assert.equal(first({ ...flow, links: [] }), null);
});
test("flow: a fund of which nothing is granted", () => {
    assert.deepEqual(layout({ nodes: flow.nodes, links: flow.links.slice(0, 6) }).bands, []);
});
