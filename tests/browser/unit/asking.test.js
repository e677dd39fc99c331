/* The ask form, its address and the server's words for it; forecasts; the map's projection; axes. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { again, EMPTY, changed, faults, fromRequest, hoursOf, needsOf, read, secondsOf, wants, work, write } from "../../../web/lib/asking.js";
import { filesIn, filesOf, linesOf } from "../../../web/lib/files.js";
import { SCRIPT_MAX, STARTS, readScript, toFill } from "../../../web/lib/starts.js";
import { forecast, mainGrant, unspentLine } from "../../../web/lib/credit.js";
import { HEIGHT, WIDTH, project } from "../../../web/lib/geo.js";
import { costs, isComing, isEnded, isRunning, mayCancel } from "../../../web/lib/jobs.js";
import { setLocale } from "../../../web/lib/format.js";
import { axis } from "../../../web/lib/axis.js";
import { match } from "../../../web/lib/match.js";

const C = 3_600_000n;
test("asking: hours typed and shown again", () => {
    for (const [text, seconds] of [["48", 172_800], ["1.5", 5400], ["0:30", 1800], ["0,25", 900], ["0", null], ["", null], ["x", null], ["-1", null], ["1:5", null]]) assert.equal(secondsOf(text), seconds, text);
    for (const [seconds, text] of [[172_800, "48"], [5400, "1:30"], [1800, "0:30"], [60, "0:01"]]) {
        assert.equal(hoursOf(seconds), text);
        assert.equal(secondsOf(hoursOf(seconds)), seconds);
    }
});
test("asking: the address holds what differs, and gives it back", () => {
    const ask = { ...EMPTY, gpus: "128", hours: "48", countries: "ES,IT", island: "1", name: "ct & seg" };
    assert.deepEqual(write(EMPTY), {});
    assert.deepEqual(read(new URLSearchParams(write(ask))), ask);
});
test("asking: nights as typed, as sent, as they come back", () => {
    const ask = { ...EMPTY, hours: "9", nights: "7", dusk: "20:00", dawn: "6:00" };
    assert.deepEqual(faults(ask), {});
    assert.deepEqual(wants(ask, { organisation: "o", grant: 1 }).nights, { count: 7, from: "20:00", until: "06:00" });
    assert.equal(wants({ ...ask, nights: "" }, { organisation: "o", grant: 1 }).nights, undefined);
    for (const [field, text, key] of [["nights", "0", "ask.bad.nights"], ["nights", "32", "ask.bad.nights"], ["dusk", "20:10", "ask.bad.quarter"], ["dawn", "24:00", "ask.bad.quarter"], ["dawn", "x", "ask.bad.quarter"]]) assert.equal(faults({ ...ask, [field]: text })[field], key, text);
    const back = fromRequest({ id: "r", gpus: 8, walltime_s: 32_400, nights: { count: 7, from: "20:00", until: "06:00" } });
    assert.deepEqual([back.nights, back.dusk, back.dawn], ["7", "20:00", "06:00"]);
    assert.equal(fromRequest({ id: "r", gpus: 8, walltime_s: 32_400, nights: null }).nights, "");
    assert.equal(changed(ask, { change: "nights", to: 3 }).nights, "3");
    assert.equal(changed(ask, { change: "grant", to: 42 }).grant, "42");
});
test("asking: faults by field, and none in a plain form", () => {
    assert.deepEqual(faults(EMPTY), {});
    assert.deepEqual(Object.keys(faults({ ...EMPTY, gpus: "0", hours: "x", memory: "lots", price: "1.2345", from: "soon" })).sort(), ["from", "gpus", "hours", "memory", "price"]);
});
test("asking: the server's words", () => {
    const w = wants({ ...EMPTY, gpus: "8", hours: "1.5", memory: "64", price: "12.5", countries: "FI,ES", island: "1", move: "1" }, { organisation: "o", grant: 3 });
    assert.deepEqual(w, { organisation: "o", grant: 3, gpus: 8, walltime_s: 5400, memory_gb: 64, model: "", countries: ["FI", "ES"], one_island: true, kind: "batch", max_credits: "12.500", preference: "soonest", move_freely: true });
    assert.deepEqual(work({ ...EMPTY, template: "script" }, "#!/bin/sh"), { template: "script", script: "#!/bin/sh" });
    assert.deepEqual(work({ ...EMPTY, template: "container", image: "a/b", command: "run" }, ""), { template: "container", parameters: { image: "a/b", runtime: "apptainer", command: "run" } });
    assert.deepEqual(work({ ...EMPTY, template: "multi-node-pytorch", entry: "t.py", args: "-x" }, ""), { template: "multi-node-pytorch", parameters: { entry: "t.py", args: "-x" } });
});
test("asking: files by URL, one a line", () => {
    const hash = "ab".repeat(32), text = `https://a.example/x?s=1 data/x ${hash}\n\n  http://b.example/y   y \n`;
    const files = [{ url: "https://a.example/x?s=1", path: "data/x", sha256: hash }, { url: "http://b.example/y", path: "y" }];
    assert.deepEqual(filesOf(text), files);
    assert.deepEqual(filesOf(linesOf(files)), files);
    assert.deepEqual(filesOf(""), []);
    for (const bad of ["https://a.example/x", "ftp://a.example/x y", "https:// y", "https://a.example/x y nohash", `https://a.example/x y ${hash} z`, "https://a.example/x y\n".repeat(17)]) assert.equal(filesOf(bad), null, bad);
    assert.equal(filesOf(text, false), null, "an output has no hash yet");
    assert.deepEqual(filesIn({ inputs: text, outputs: "https://c.example/z z" }), { inputs: files, outputs: [{ url: "https://c.example/z", path: "z" }] });
    assert.deepEqual(filesIn({ inputs: "", outputs: "" }), {});
    assert.deepEqual(needsOf({ ...EMPTY, template: "container", runtime: "podman" }, true), ["transfer", "podman"]);
    assert.deepEqual(needsOf(EMPTY, false), []);
});
test("asking: an account instead of a job", () => {
    const ask = { ...EMPTY, template: "allocation" };
    assert.equal(wants(ask, { organisation: "o", grant: 1 }).use, "allocation");
    assert.equal(wants(EMPTY, { organisation: "o", grant: 1 }).use, undefined);
    assert.deepEqual(work(ask, "#!/bin/sh"), { template: "allocation" });
    assert.deepEqual(needsOf(ask, true), []);
    assert.equal(faults({ ...ask, nights: "3" }).nights, "ask.bad.nights.allocation");
    assert.equal(fromRequest({ id: "r", gpus: 8, walltime_s: 3600, template: "allocation" }).template, "allocation");
});
test("asking: each change of a refusal or a what-if", () => {
    const ask = fromRequest({ id: "r", gpus: 128, walltime_s: 172_800, memory_gb: 64, countries: ["ES", "IT"], one_island: true, grant: 3, template: "script", name: "n" });
    assert.equal(ask.hours, "48");
    const rows = [[{ change: "gpus", to: 88 }, { gpus: "88" }], [{ change: "walltime_s", to: 151_200 }, { hours: "42" }], [{ change: "memory_gb", to: 40 }, { memory: "40" }], [{ change: "countries", to: "GR" }, { countries: "ES,IT,GR" }],
        [{ change: "one_island", to: false }, { island: "" }], [{ change: "max_credits", to: "99.500" }, { price: "99.5" }], [{ change: "gpus_and_walltime", to: 64, to_walltime_s: 345_600 }, { gpus: "64", hours: "96" }], [{ change: "model", to: "" }, { model: "" }]];
    for (const [change, want] of rows) assert.deepEqual(changed(ask, change), { ...ask, ...want }, change.change);
    assert.equal(changed(ask, { change: "none" }), null);
});

const grant = (more) => ({ start: "2026-05-01T00:00:00Z", end: "2026-05-31T00:00:00Z", granted_gpums: String(1000n * C), free_gpums: String(800n * C), held_gpums: "0", settled_gpums: String(200n * C), clawed_back_gpums: "0", lapsed_gpums: "0", state: "active", ...more });
const settle = (day, credits, kind = "SETTLE") => ({ kind, time: `2026-05-${day}T00:00:00Z`, amount_gpums: String(BigInt(credits) * C) });
test("credit: what lapses at the present pace", () => {
    const f = forecast(grant(), [settle("10", 140), settle("05", 60)], Date.parse("2026-05-21T00:00:00Z"));
    assert.equal(f.pace, 10n * C); /* 140 credits in the last 14 days; the older 60 do not count */
    assert.equal(f.used, 100n * C);
    assert.equal(f.lapsing, 700n * C);
    assert.equal(f.needed, 80n * C);
    assert.ok(f.known);
});
test("credit: with older entries missing, the pace is that of the time covered", () => {
    const f = forecast(grant(), [settle("20", 30), settle("18", 30)], Date.parse("2026-05-21T00:00:00Z"), true);
    assert.equal(f.pace, 20n * C); /* 60 credits in the 3 days since the oldest entry that we have */
});
test("credit: no pace is known on the first day, or before anything was settled", () => {
    assert.equal(forecast(grant(), [], Date.parse("2026-05-21T00:00:00Z")).known, false);
    assert.equal(forecast(grant(), [settle("01", 5)], Date.parse("2026-05-01T12:00:00Z")).known, false);
    assert.equal(forecast(grant(), [], Date.parse("2026-06-21T00:00:00Z")).needed, 0n);
});
test("credit: the line of unspent credits ends at today's figure and begins at what was granted", () => {
    const line = unspentLine(grant(), [settle("10", 140), settle("05", 60)], Date.parse("2026-05-21T00:00:00Z"));
    assert.deepEqual(line.map(([, v]) => v / C), [1000n, 1000n, 940n, 940n, 800n, 800n]);
    assert.equal(line[0][0], Date.parse("2026-05-01T00:00:00Z"));
    assert.ok(line.every(([time], i) => i === 0 || time >= line[i - 1][0]));
});
test("credit: the grant that matters ends first and has something left", () => {
    const early = grant({ end: "2026-05-20T00:00:00Z" }), empty = grant({ end: "2026-05-10T00:00:00Z", free_gpums: "0" }), late = grant();
    assert.equal(mainGrant([late, empty, early]), early);
    assert.equal(mainGrant([]), null);
});
test("geo: sites stand where they belong", () => {
    for (const [lat, lon] of [[64_227, 27_733], [37_714, 24_055], [41_389, 2_116]]) {
        const [x, y] = project(lat, lon);
        assert.ok(x > 0 && x < WIDTH && y > 0 && y < HEIGHT, `${lat} ${lon}`);
    }
    const [x, y] = project(52_000, 10_000);
    assert.ok(Math.abs(x - 1_720_000 / 3600) < 0.01 && Math.abs(y - 2_130_000 / 3600) < 0.01);
    assert.ok(project(60_000, 10_000)[1] < y && project(52_000, 20_000)[0] > x);
});
test("jobs: costs and states", () => {
    const r = { state: "running", cost_at_most_gpums: "100", settled_gpums: "40", held_gpums: "60", reported: { cost_gpums: "55" } };
    assert.deepEqual(costs(r), { most: 100n, settled: 40n, held: 60n, reported: 55n, soFar: 55n, returned: 0n });
    assert.ok(isRunning(r) && !isComing(r) && !isEnded(r) && mayCancel(r));
    assert.ok(isEnded({ state: "settled" }) && !mayCancel({ state: "cancelling" }));
});
test("chart: an axis starts at zero and has at most five round steps", () => {
    for (const [most, want] of [[40_000n, [0n, 10_000n, 20_000n, 30_000n, 40_000n]], [5n, [0n, 2n, 4n, 6n]], [1n, [0n, 1n]], [13n, [0n, 5n, 10n, 15n]]]) assert.deepEqual(axis(most), want);
});
test("router: patterns", () => {
    assert.deepEqual(match("/requests/{id}", "/requests/a%20b"), { id: "a b" });
    assert.deepEqual(match("/", "/"), {});
    assert.deepEqual(match("/home", "/home/"), {});
    assert.equal(match("/requests/{id}", "/requests"), null);
    assert.equal(match("/requests/{id}", "/requests/1/2"), null);
});
test("asking: what is repeated keeps the workload and drops times that have passed", () => {
    const ask = again({ id: "r1", gpus: 8, walltime_s: 3600, template: "script", earliest_start: "2026-11-20T06:00:00Z", deadline: "2026-12-20T06:00:00Z", name: "n" }, Date.parse("2026-11-22T00:00:00Z"));
    assert.equal(ask.from, "");
    assert.notEqual(ask.by, "");
    assert.deepEqual([ask.gpus, ask.hours, ask.template, ask.like, ask.name], ["8", "1", "script", "r1", "n"]);
});
test("starts: each script says what must be filled in, but for the one that runs as it is", () => {
    assert.deepEqual(Object.keys(STARTS), ["shell", "pytorch", "inference"]);
    for (const [name, script] of Object.entries(STARTS)) {
        assert.ok(script.startsWith("#!/bin/sh\n") && script.length < SCRIPT_MAX, name);
        assert.equal(toFill(script).length > 0, name !== "shell", name);
    }
    assert.equal(readScript(new TextEncoder().encode("#!/bin/sh\r\necho 1\r\n").buffer).text, "#!/bin/sh\necho 1\n");
    assert.equal(readScript(new Uint8Array([0xff, 0xfe, 0]).buffer).bad, "ask.file.binary");
    assert.equal(readScript(new Uint8Array(70_000).buffer).bad, "ask.file.large");
    assert.equal(readScript(new TextEncoder().encode(" \n").buffer).bad, "ask.file.empty");
});
test("asking: a price of the server is written as one types it in the page's language", () => {
    setLocale("de-DE");
    assert.equal(changed(EMPTY, { change: "max_credits", to: "1234.500" }).price, "1234,5");
    assert.equal(fromRequest({ gpus: 1, walltime_s: 3600, max_credits: "1234.500" }).price, "1234,5");
    assert.equal(wants({ ...EMPTY, price: "1.234,5" }, { organisation: "o", grant: 1 }).max_credits, "1234.500");
    setLocale("en-IE");
});
