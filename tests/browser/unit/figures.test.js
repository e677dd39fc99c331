/* Figures of a period as numbers to draw, and what is drawn of them. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { CAUSES, causes, lastMonths, milli, monthly, monthsBetween, ranked, worst } from "../../../web/lib/figures.js";

/* the parts lead to pages, and so ask where they are */
Object.assign(globalThis, { location: new URL("http://kontor.example/en/"), addEventListener: () => {}, document: { addEventListener: () => {} } });
const { MonthColumns, Ranked, WaitBar } = await import("../../../web/parts/figures.js");

/** All that is drawn: [name, properties], parts within parts called. */
const drawn = (node) => {
    if (Array.isArray(node)) return node.flatMap(drawn);
    if (!node || typeof node !== "object") return [];
    if (typeof node.type === "function") return drawn(node.type(node.props));
    return [[node.type, node.props], ...drawn(node.props.children)];
};
const rects = (node) => drawn(node).filter(([name]) => name === "rect").map(([, p]) => p);
const CREDIT = 3_600_000n;

test("figures: months of the UTC calendar", () => {
    assert.deepEqual(monthsBetween(Date.UTC(2025, 10, 1), Date.UTC(2026, 1, 1)), ["2025-11", "2025-12", "2026-01"]);
    assert.deepEqual(monthsBetween(Date.UTC(2026, 4, 31, 23), Date.UTC(2026, 5, 1, 0, 0, 1)), ["2026-05", "2026-06"]);
    assert.deepEqual(lastMonths(Date.UTC(2026, 0, 31, 23, 59), 3), [Date.UTC(2025, 10, 1), Date.UTC(2026, 1, 1)]);
    const months = monthly([{ code: "2026-02", paid_gpums: "-7" }, { code: "2025-12", paid_gpums: "9007199254740993" }], ["2025-12", "2026-01", "2026-02"]);
    assert.deepEqual(months.map((m) => m.gpums), [9007199254740993n, 0n, -7n], "no unit is lost, no month left out");
});
test("figures: the first few and the rest add up to the whole", () => {
    const list = [5, 4, 3, 2, 1].map((n, i) => ({ code: String(i), paid_gpums: String(n) }));
    assert.deepEqual([ranked(list, 4, 15n).shown.length, ranked(list, 4, 15n).others], [5, 0], "no line for one other");
    assert.deepEqual({ ...ranked(list, 2, 15n), shown: 2 }, { shown: 2, others: 3, rest: 6n });
    assert.deepEqual({ ...ranked(list, 3, 20n, 9), shown: 3 }, { shown: 3, others: 6, rest: 8n }, "more than are listed");
    assert.deepEqual([milli(1n, 3n), milli(1n, 0n)], [333, 0]);
});
test("figures: causes add up, and the worst is named with its place", () => {
    const of = (site, parts) => ({ site, all_gpu_ms: String(parts.reduce((a, b) => a + b)), ...Object.fromEntries(CAUSES.map(([name], i) => [name + "_gpu_ms", String(parts[i])])) });
    const idle = [of("a", [10, 3, 1, 0, 2, 50]), of("b", [90, 1, 2, 4, 0, 9])];
    const sums = causes(idle);
    assert.equal(CAUSES.reduce((sum, [name]) => sum + sums[name], 0n), sums.all);
    assert.deepEqual(worst(idle), { name: "unused", gpuMs: 4n, part: 307, site: "a" }, "what is kept for others is nobody's fault");
    assert.equal(worst([of("a", [10, 0, 0, 0, 0, 5])]), null);
    assert.equal(worst([]), null);
});
test("figures: columns stand on zero, as high as what was paid, and none below it", () => {
    const months = [0n, 50n, -3n, 100n].map((n, i) => ({ code: `2026-0${i + 1}`, gpums: n * CREDIT }));
    const columns = rects(MonthColumns({ months }));
    assert.deepEqual(columns.map((c) => Number(c.height)), [0, 65, 0, 130]);
    assert.ok(columns.every((c) => Number(c.y) + Number(c.height) === 150));
    assert.equal(drawn(MonthColumns({ months })).find(([, p]) => "aria-hidden" in p)[1]["aria-hidden"], "true", "the table says it");
});
test("figures: the longest bar is the most; each row says its amount", () => {
    const rows = [{ key: "a", label: "A", gpums: 8n * CREDIT }, { key: "b", label: "B", gpums: 2n * CREDIT, kind: "free" }, { key: "c", label: "C", gpums: -CREDIT }];
    const parts = drawn(Ranked({ caption: "x", head: "y", rows, all: 10n * CREDIT }));
    assert.deepEqual(parts.filter(([name]) => name === "rect").map(([, p]) => [p.class, p.width]), [["plain fill-settled", "100.0%"], ["plain fill-free", "25.0%"], ["plain fill-settled", "0.0%"]]);
    assert.deepEqual(parts.filter(([name, p]) => name === "td" && p.class === "num").map(([, p]) => p.children), ["8.000", "2.000", "−1.000"]);
    assert.deepEqual(rects(WaitBar({ half: 10, ninety: 30, most: 40 })).filter((r) => /fill-(waited|off)/.test(r.class)).map((r) => r.width), ["25.000%", "50.000%"]);
});
