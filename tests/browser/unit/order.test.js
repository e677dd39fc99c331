/* What a page reads in an order's bytes: built here from the golden vectors, whose commitments and hashes of what is signed these have. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { fromHex, joined, toHex, utf8 } from "../../../web/lib/bytes.js";
import { readOrder, saysTheSame } from "../../../web/lib/order-bytes.js";

const VECTORS = JSON.parse(readFileSync(fileURLToPath(new URL("../../../schema/journal/vectors.json", import.meta.url)), "utf8")).entries;
const sha = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const HEADER = 72, AUTHORITY = 146;

const NONE = "18446744073709551615", WORDS = { use: ["none", "server", "site", "officer", "witness", "log"], status: ["none", "active", "retired", "compromised"], kind: ["", "batch"], type: ["", "", "", "dispute-closed", "erasure", "witnesses", "rollback", "said"] };
const INDEX = new Set(["first", "account", "policy", "grant", "hold", "entry", "site", "offering", "ref"]);
const TEXT = new Set(["reference", "code", "name", "system", "city", "country", "model", "ed25519", "x25519", "cap_gpums"]);
/** The order as the API has it, by the vector's fields. */
const asApi = (kind, fields) => {
    const number = (v) => (v === NONE ? null : Number(v));
    const value = (name, v) => {
        if (name in WORDS) return WORDS[name][v];
        if (name === "assumed" || name === "of_hold") return v === "1";
        if (name === "start" || name === "end" || name === "valid_from") return new Date(Number(v)).toISOString();
        return TEXT.has(name) ? v : INDEX.has(name) ? number(v) : Number(v);
    };
    const renamed = { gge_cents: "gge_eur_cents", start_ms: "start", end_ms: "end", valid_from_ms: "valid_from", offering_kind: "kind" };
    const { kind: _, order, debit, credit, amount, ...rest } = fields;
    const side = (index) => (index === NONE ? null : { account: Number(index) });
    return { id: order.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"), order: { kind, amount_gpums: amount, debit: side(debit), credit: side(credit),
        body: Object.fromEntries(Object.entries(rest).map(([k, v]) => [renamed[k] ?? k, value(renamed[k] ?? k, v)])) } };
};

/** The words fit the bytes, and no member of them may be another: what is shown is what is signed. */
const checkWords = (read, o) => {
    assert.ok(saysTheSame(read, o), JSON.stringify([read.says, o], (_, v) => (typeof v === "bigint" ? String(v) : v)));
    for (const member of Object.keys(read.says)) {
        const v = o.order.body[member];
        const other = typeof v === "boolean" ? !v : typeof v === "number" ? v + 1 : v === null ? 7 : member in { start: 1, end: 1, valid_from: 1 } ? "2030-01-01T00:00:00Z" : v + "1";
        assert.ok(!saysTheSame(read, { ...o, order: { ...o.order, body: { ...o.order.body, [member]: other } } }), `${o.order.kind}: ${member}`);
    }
    assert.ok(!saysTheSame(read, { ...o, id: "00000000-0000-0000-0000-000000000000" }), "another order's bytes");
};

test("an order's bytes: kind, accounts, amount, and what the reason is committed to", () => {
    const genesis = sha(fromHex(VECTORS[0].hex)), seen = new Set();
    for (const { kind, fields, hex, signed_sha256 } of VECTORS) {
        if (!fields.order || !signed_sha256) continue;
        const entry = fromHex(hex);
        const bytes = joined(utf8("kontor-order/v1\0"), genesis, entry.subarray(2, 4), entry.subarray(32, 56), entry.subarray(HEADER, -AUTHORITY));
        if (toHex(sha(bytes)) !== signed_sha256) continue; // it rests on a site's report
        const read = readOrder(bytes);
        checkWords(read, asApi(kind, fields));
        assert.equal(read.committed && toHex(read.committed), fields.commitment ?? null, kind);
        assert.equal(String(read.gpums), fields.amount, kind);
        assert.equal(readOrder(bytes.subarray(1)), null);
        seen.add(kind);
    }
    assert.deepEqual([...seen].sort(), ["CLAWBACK", "CLOSE", "CORRECT", "FUND", "GRANT", "KEY", "NOTICE", "OFFERING", "POLICY", "RATE", "RESOLVE", "SITE", "TRANCHE", "VOID"]);
});
