/* What needs a person, and in which order. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { attention, lapsing, partly } from "../../../web/lib/attention.js";

const DAY = 86_400_000, NOW = Date.UTC(2026, 4, 12);
const at = (days) => new Date(NOW + days * DAY).toISOString();
const grant = (more) => ({ state: "active", start: at(-10), end: at(10), free_gpums: "1000", settled_gpums: "400", organisation: { name: "Brisa" }, ...more });
const nothing = { disputed: [], orders: [], sites: [], keys: [], grants: [], aid: [], now: NOW };

test("attention: what lapses at the pace since the start", () => {
    const rows = [["half", {}, 600n], ["all", { settled_gpums: "0" }, 1000n], ["nothing, at that pace", { settled_gpums: "1000" }, null], ["faster than that", { settled_gpums: "9007199254740993" }, null], ["too young to know", { start: at(-0.5) }, null],
        ["over", { end: at(-1) }, null], ["not begun", { state: "coming" }, null], ["nothing is free", { free_gpums: "0" }, null]];
    for (const [why, more, want] of rows) assert.equal(lapsing(grant(more), NOW), want, why);
});
test("attention: what waits longest first, of equals the larger, what is to come last", () => {
    const order = (id, days, n, more) => ({ id, created: at(-days), lapses: at(14 - days), order: { amount_gpums: n }, ...more });
    const all = attention({ ...nothing, disputed: [{ reservation: "r", held_gpums: "5", since: at(-3) }], orders: [order("small", 3, "1"), order("old", 9, "2"), order("lapsed", 15, "9"), order("key", 1, "0")],
        sites: [{ code: "lumi", state: "silent", last_contact: at(-2) }, { code: "bsc", state: "active", last_contact: at(0) }, { code: "new", state: "silent", last_contact: null }], keys: [{ id: "k", asked: at(-4) }],
        grants: [grant({}), grant({ settled_gpums: "0", organisation: { name: "Nordlys" } }), grant({ end: at(40) })],
        aid: [{ organisation: { id: "near" }, granted_eur_cents: 10, declared_eur_cents: 70, basis: { cap_eur_cents: 100 } }, { organisation: { id: "far" }, granted_eur_cents: 79, declared_eur_cents: 0, basis: { cap_eur_cents: 100 } }] });
    assert.deepEqual(all.map((i) => [i.kind, i.of.reservation ?? i.of.id ?? i.of.code ?? i.of.organisation?.id ?? i.of.n]),
        [["order", "old"], ["key", "k"], ["dispute", "r"], ["order", "small"], ["silent", "lumi"], ["order", "key"], ["lapse", 2], ["silent", "new"], ["aid", "near"]]);
    const lapse = all.find((i) => i.kind === "lapse");
    assert.deepEqual([lapse.gpums, lapse.of.largest.grant.organisation.name], [1600n, "Nordlys"], "in one, with the largest named");
    assert.equal(all.find((i) => i.of.id === "key").gpums, null, "an order that moves nothing");
    assert.deepEqual(attention(nothing), []);
    const letters = attention({ ...nothing, mail: [{ created: at(-1), person: "Aino" }, { created: at(-5), person: "Elin" }] });
    assert.deepEqual(letters.map((i) => [i.kind, i.of.n, i.of.newest.person, i.since]), [["mail", 2, "Aino", NOW - 5 * DAY]], "all in one, since the oldest");
});
test("attention: who reads a part of a list says so", () => {
    assert.equal(partly({ items: [], next: null }, null, { items: [], more: false }), false);
    assert.equal(partly({ items: [], next: null }, { items: [], next: "x" }, null), true);
    assert.equal(partly(null, { items: [], more: true }), true);
});
test("attention: a dispute over what was paid already has no sum, rather than none at stake", () => {
    const disputed = [{ reservation: "held", held_gpums: "5", since: at(-3) }, { reservation: "paid", held_gpums: "0", since: at(-2) }];
    assert.deepEqual(attention({ ...nothing, disputed }).map((a) => [a.of.reservation, a.gpums]), [["held", 5n], ["paid", null]]);
});
