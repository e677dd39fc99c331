/* What a page reads in an order's bytes: built here from the golden vectors, whose commitments and hashes of what is signed these have. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { fromHex, joined, toHex, utf8 } from "../../../web/lib/bytes.js";
import { readOrder } from "../../../web/lib/order-bytes.js";

const VECTORS = JSON.parse(readFileSync(fileURLToPath(new URL("../../../schema/journal/vectors.json", import.meta.url)), "utf8")).entries;
const sha = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const HEADER = 72, AUTHORITY = 146;

test("an order's bytes: kind, accounts, amount, and what the reason is committed to", () => {
    const genesis = sha(fromHex(VECTORS[0].hex)), seen = new Set();
    for (const { kind, fields, hex, signed_sha256 } of VECTORS) {
        if (!fields.commitment || !signed_sha256) continue;
        const entry = fromHex(hex);
        const bytes = joined(utf8("kontor-order/v1\0"), genesis, entry.subarray(2, 4), entry.subarray(32, 56), entry.subarray(HEADER, -AUTHORITY));
        if (toHex(sha(bytes)) !== signed_sha256) continue; // it rests on a site's report
        const read = readOrder(bytes);
        assert.equal(toHex(read.committed), fields.commitment, kind);
        assert.equal(String(read.gpums), fields.amount, kind);
        assert.equal(readOrder(bytes.subarray(1)), null);
        seen.add(kind);
    }
    assert.deepEqual([...seen].sort(), ["CLAWBACK", "CLOSE", "CORRECT", "FUND", "GRANT", "NOTICE", "RESOLVE", "TRANCHE", "VOID"]);
});
