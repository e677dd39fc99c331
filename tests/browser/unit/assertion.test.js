/* What the page says of orders signed by passkeys, against schema/journal/assertion.json: good where an auditor says so, and only there. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fromHex } from "../../../web/lib/bytes.js";
import { wrongWith } from "../../../web/lib/assertion.js";

const { vectors } = JSON.parse(readFileSync(new URL("../../../schema/journal/assertion.json", import.meta.url), "utf8"));

test("assertions: each vector is what it is said to be", async () => {
    assert.ok(vectors.length > 40);
    for (const v of vectors) {
        const wrong = await wrongWith(fromHex(v.assertion), fromHex(v.key), fromHex(v.signed));
        assert.equal(wrong === "", v.says === "ok", `${v.name}: ${wrong}`);
    }
});
test("assertions: a byte changed anywhere is told", async () => {
    for (const v of vectors.slice(0, 2)) {
        const blob = fromHex(v.assertion);
        for (let i = 0; i < blob.length; i++) {
            blob[i] ^= 1;
            assert.notEqual(await wrongWith(blob, fromHex(v.key), fromHex(v.signed)), "", `${v.name}, byte ${i}`);
            blob[i] ^= 1;
        }
        for (let length = 0; length < blob.length; length += 7) assert.notEqual(await wrongWith(blob.subarray(0, length), fromHex(v.key), fromHex(v.signed)), "");
    }
});
