/* Certificates checked by the definition; a site's calendar as numbers to draw. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { check, checkNights, claimOf, compare, gapsOf, pagesOf } from "../../../web/lib/certificate.js";
import { days, lanes, outline, since, stretches } from "../../../web/lib/calendar.js";

const H = 3_600_000;
const claim = (blocked, more = {}) => ({ gpus: 128, length: 48 * H, from: 0, until: 200 * H, more: 0, blocked: blocked.map(([from, to, free]) => ({ from: from * H, to: to * H, free })), ...more });

test("certificate: every window is ruled out, or it proves nothing", () => {
    const rows = [
        ["gaps of 40, 47 and 40 hours", [[40, 50, 96], [97, 160, 0]], {}, "proves", 200],
        ["a gap at the beginning", [[48, 160, 0]], {}, "gap", 0],
        ["a gap in the middle", [[10, 20, 0], [68, 160, 0]], {}, "gap", 20],
        ["a gap at the end", [[10, 20, 0], [60, 152, 0]], {}, "gap", 152],
        ["a hair less at each", [[47.99, 60, 0], [107.99, 152.01, 0]], {}, "proves", 200],
        ["it begins before what was asked", [[-3, 30, 0], [70, 160, 0]], {}, "proves", 200],
        ["a blocked time that has enough", [[40, 50, 128], [97, 160, 0]], {}, "enough", 40],
        ["they overlap", [[40, 50, 0], [49, 160, 0]], {}, "disorder", 49],
        ["an empty one", [[40, 40, 0]], {}, "disorder", 40],
        ["more than are listed", [[40, 50, 0], [97, 120, 0]], { more: 3 }, "part", 120],
        ["more than are listed, and a gap before", [[49, 50, 0]], { more: 3 }, "gap", 0],
        ["none at all", [], {}, "gap", 0],
    ];
    for (const [why, blocked, more, says, until] of rows) assert.deepEqual(check(claim(blocked, more)), { says, until: until * H }, why);
});
test("certificate: what is left between, and what a refusal claims", () => {
    assert.deepEqual(gapsOf(claim([[0, 10, 0], [40, 50, 0]])).map((g) => [g.from / H, g.to / H]), [[10, 40], [50, 200]]);
    assert.deepEqual(gapsOf(claim([[0, 10, 0], [40, 50, 0]], { more: 1 })).map((g) => [g.from / H, g.to / H]), [[10, 40]]);
    const refusal = { code: "no-gap", numbers: { gpus: 4, length_s: 7200, deadline: "1970-01-02T00:00:00.000Z" }, certificate_more: 2, certificate: [{ from: "1970-01-01T03:00:00.000Z", to: "1970-01-01T05:00:00.000Z", free: 3 }] };
    assert.deepEqual(claimOf(refusal, H), { gpus: 4, length: 2 * H, from: H, until: 24 * H, more: 2, blocked: [{ from: 3 * H, to: 5 * H, free: 3 }] });
    assert.equal(claimOf({ ...refusal, certificate: [] }, H), null);
    assert.equal(claimOf({ ...refusal, code: "nights" }, H), null, "of nights it must be known which");
    assert.deepEqual(claimOf({ ...refusal, code: "nights" }, H, { count: 3, from: "20:00", until: "06:15" }).nights, { count: 3, dusk: 20 * H, hours: 10.25 * H });
    assert.deepEqual(claimOf({ ...refusal, code: "nights" }, H, { count: 3, from: "20:15", until: "20:15" }).nights.hours, 24 * H);
    assert.equal(claimOf({ code: "memory", numbers: { needs: 80, has: 40 } }, H), null);
});
test("certificate: of nights every run is ruled out, or it proves nothing", () => {
    const nights = { count: 2, dusk: 20 * H, hours: 10 * H };
    const rows = [ /* 96 hours from midnight on; nights begin at 20, 44 and 68 */
        ["the middle night", 10, [[44, 45, 0]], 0, "proves", 96],
        ["nothing", 10, [], 0, "gap", 20],
        ["the first night", 10, [[29, 30, 0]], 0, "gap", 44],
        ["at another time of day", 5, [[44, 45, 0]], 0, "gap", 0],
        ["at no time of day", 5, [[24, 27, 0], [44, 46, 0], [49, 54, 0]], 0, "proves", 96],
        ["more than are listed", 10, [[29, 30, 0]], 4, "part", 44],
        ["enough", 10, [[44, 45, 128]], 0, "enough", 44],
        ["out of order", 10, [[44, 45, 0], [44, 46, 0]], 0, "disorder", 44],
    ];
    for (const [why, hours, blocked, more, says, until] of rows)
        assert.deepEqual(checkNights(claim(blocked, { length: hours * H, until: 96 * H, more, nights })), { says, until: until * H }, why);
});
test("certificate: compared with the calendar as it is now", () => {
    const most = Array(200).fill(300); /* by the hour */
    most.fill(96, 40, 50);
    most.fill(0, 97, 160);
    const now = { from: 0, step: H, most };
    const c = claim([[40, 50, 96], [97, 160, 0]]);
    assert.deepEqual(compare(c, now), { same: 2, other: 0 });
    assert.deepEqual(compare(c, { ...now, most: most.with?.(45, 97) ?? Object.assign([...most], { 45: 97 }) }), { same: 1, other: 1 });
    assert.deepEqual(compare(claim([[97, 160, -4]]), now), { same: 1, other: 0 }, "after a cut nothing is free, not less");
    assert.deepEqual(compare(c, { from: 60 * H, step: H, most: most.slice(60) }), { same: 1, other: 0 }, "what is over is left out");
    assert.deepEqual(pagesOf(c, "lumi").map((p) => new URL(p, "http://x").searchParams.get("columns")), ["640"]);
    const long = pagesOf(claim([[0, 1000, 0]], { until: 2000 * H }), "lumi");
    assert.deepEqual(long.map((p) => [new URL(p, "http://x").searchParams.get("from"), new URL(p, "http://x").searchParams.get("columns")]), [["1970-01-01T00:00:00.000Z", "3000"], ["1970-02-01T06:00:00.000Z", "1000"]]);
});
test("calendar: stretches, what stands out, days, lanes", () => {
    const c = { capacity: [null, 64, 64, 16, 16, 64], free: [null, 64, 40, 16, 16, 30], most_free: [null, 64, 64, 16, 16, 50] };
    assert.deepEqual(stretches(c), [{ at: 1, n: 1, capacity: 64, free: 64 }, { at: 2, n: 1, capacity: 64, free: 40 }, { at: 3, n: 2, capacity: 16, free: 16 }, { at: 5, n: 1, capacity: 64, free: 30 }]);
    assert.deepEqual(outline(c), { most: 64, least: 16, leastAt: 3, cut: { from: 3, to: 5, least: 16 } });
    assert.deepEqual(outline(since(c, 5)), { most: 64, least: 30, leastAt: 5, cut: null }, "what is over is not told");
    assert.deepEqual(outline({ capacity: [null], free: [null] }), { most: 0, least: 0, leastAt: 0, cut: null });
    assert.deepEqual(days(c, 2), [{ at: 0, capacity: 64, free: 64, most: 64 }, { at: 2, capacity: 16, free: 16, most: 64 }, { at: 4, capacity: 16, free: 16, most: 50 }]);
    const rows = (most) => lanes([{ from: 0, to: 5 }, { from: 3, to: 8 }, { from: 5, to: 9 }, { from: 6, to: 7 }], most).map((b) => b.row);
    assert.deepEqual(rows(8), [0, 1, 0, 2]);
    assert.deepEqual(rows(2), [0, 1, 0]);
});
