/* The catalogue: no key missing, none unused, every plural has its rest; and how messages are filled in. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));
const catalogues = readdirSync(join(WEB, "messages")).map((f) => JSON.parse(readFileSync(join(WEB, "messages", f), "utf8")));
const catalogue = Object.assign({}, ...catalogues);
const text = readdirSync(WEB, { recursive: true }).filter((f) => f.endsWith(".js") && !f.startsWith("vendor") && !f.startsWith("map")).map((f) => readFileSync(join(WEB, f), "utf8")).join("\n");
const wired = ["core/broker_reasons.def", "core/broker_sooner.def"].map((f) => readFileSync(fileURLToPath(new URL("../../../server/" + f, import.meta.url)), "utf8"));

test("words: every key that the pages name is in the catalogue", () => {
    const named = [...text.matchAll(/\bt[x]?\(\s*"([^"]+)"\s*[,)]/g)].map((m) => m[1]);
    assert.deepEqual([...new Set(named)].filter((key) => catalogue[key] === undefined), []);
    const chosen = [...text.matchAll(/\bt[x]?\([^"`()]*\?\s*"([^"]+)"\s*:\s*"([^"]+)"/g)].flatMap((m) => [m[1], m[2]]);
    assert.deepEqual(chosen.filter((key) => catalogue[key] === undefined), []);
});
test("words: no message is there for nobody", () => {
    const whole = new Set([...text.matchAll(/"([A-Za-z0-9=._-]+)"/g)].map((m) => m[1]));
    const begun = [...text.matchAll(/\b(?:t|tx|has)\((?:[^"`()]*\?\s*)?"([a-z.-]+\.)"\s*\+/g), ...text.matchAll(/\b(?:t|tx|has)\(`([a-z.-]+)\$\{/g), ...text.matchAll(/:\s*"(state\.)" \+/g)].map((m) => m[1]);
    assert.deepEqual(Object.keys(catalogue).filter((key) => !whole.has(key) && !begun.some((b) => key.startsWith(b))), []);
});
test("words: every reason of the broker has its words", () => {
    const codes = [...wired[0].matchAll(/^X\(\w+,\s*"([^"]+)"/gm)].map((m) => m[1]).filter((c) => c !== "offered");
    assert.ok(codes.length > 10);
    assert.deepEqual(codes.filter((c) => !catalogue[`reason.short.${c}`]), []);
    assert.deepEqual(codes.filter((c) => !catalogue[`reason.${c}`] && c !== "model"), []);
    const sooner = [...wired[1].matchAll(/^X\(\w+,\s*"([^"]+)"/gm)].map((m) => m[1]);
    assert.deepEqual(sooner.filter((c) => !catalogue[`sooner.${c}`]), []);
});
test("words: plurals have their rest, no exclamation marks, no straight dashes as pauses", () => {
    for (const [key, message] of Object.entries(catalogue)) {
        if (typeof message === "object") assert.ok(message.other, key);
        for (const words of typeof message === "string" ? [message] : Object.values(message)) assert.doesNotMatch(words, /!|\bplease\b|\boops\b| - /i, key);
    }
});
test("words: the catalogues are sorted, so that two changes meet in one place only, and share no key", () => {
    for (const keys of catalogues.map(Object.keys)) assert.deepEqual(keys, [...keys].sort((a, b) => (a < b ? -1 : 1)));
    assert.equal(Object.keys(catalogue).length, catalogues.reduce((n, c) => n + Object.keys(c).length, 0));
});
