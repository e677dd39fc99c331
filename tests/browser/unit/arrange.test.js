/* A table's rows as its address has them. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { arrange } from "../../../web/lib/arrange.js";

const ROWS = [{ name: "Äpfel", n: 10n, of: { site: "lumi" } }, { name: "zebra", n: 9n, of: { site: "bsc" } }, { name: "Apfel", n: 100n, of: { site: "LUMI" } }];
const KEYS = { name: (r) => r.name, n: (r) => r.n };
const names = (query) => arrange(ROWS, new URLSearchParams(query), KEYS).map((r) => r.name);

test("arrange: as it comes, by a key and the other way round; numbers as numbers, names as the locale has them", () => {
    assert.deepEqual(names(""), ["Äpfel", "zebra", "Apfel"]);
    assert.deepEqual(names("sort=n"), ["zebra", "Äpfel", "Apfel"]);
    assert.deepEqual(names("sort=-n"), ["Apfel", "Äpfel", "zebra"]);
    assert.deepEqual(names("sort=name"), ["Apfel", "Äpfel", "zebra"]);
    for (const none of ["nothing", "__proto__", "-constructor"]) assert.deepEqual(names(`sort=${none}`), names(""), "a key that is none");
    assert.deepEqual(ROWS.map((r) => r.name), ["Äpfel", "zebra", "Apfel"], "the list itself stays");
});
test("arrange: only rows that have all the words, wherever they stand", () => {
    assert.deepEqual(names("q=lumi"), ["Äpfel", "Apfel"]);
    assert.deepEqual(names("q=LUMI 100"), ["Apfel"]);
    assert.deepEqual(names("q=+"), names(""));
    assert.deepEqual(names("q=nowhere"), []);
});
