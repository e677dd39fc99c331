/* Sealing in the browser: the vectors of schema/hpke.json, what is bound; and names and values as core/secret.c has them. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createHash, webcrypto } from "node:crypto";
import { fileURLToPath } from "node:url";
import { fromBase64, fromHex, toBase64, toHex } from "../../../web/lib/bytes.js";
import { filled, infoOf, seal, sealAll } from "../../../web/lib/seal.js";
import { TAKEN, canSeal, namesFault, namesIn, valueFault } from "../../../web/lib/secrets.js";
import { EMPTY } from "../../../web/lib/asking.js";

globalThis.crypto ??= webcrypto; // Debian 12's Node has none of its own
const there = (path) => readFileSync(fileURLToPath(new URL("../../../" + path, import.meta.url)), "utf8");
const HPKE = JSON.parse(there("schema/hpke.json"));
const { subtle } = globalThis.crypto;
const PKCS8 = "302e020100300506032b656e04220420"; // what stands before the 32 bytes of an X25519 key
const pairOf = async ({ skEm, pkEm }) => ({ privateKey: await subtle.importKey("pkcs8", fromHex(PKCS8 + skEm), "X25519", false, ["deriveBits"]), publicKey: await subtle.importKey("raw", fromHex(pkEm), "X25519", true, []) });

test("seal: the vectors of schema/hpke.json, RFC 9180's own among them", async () => {
    assert.ok(await canSeal());
    assert.equal(HPKE.vectors.length, 2);
    for (const v of HPKE.vectors) {
        const made = await seal(fromHex(v.pkRm), fromHex(v.info), fromHex(v.pt), { aad: fromHex(v.aad), once: await pairOf(v) });
        assert.deepEqual([toHex(made.enc), toHex(made.ciphertext)], [v.pkEm, v.ct], v.name);
    }
});
test("seal: what a secret is bound to, and how it is filled up", () => {
    const { organisation, request, workload, name, value } = HPKE.secret, v = HPKE.vectors[1];
    assert.equal(toHex(infoOf(organisation, request, fromHex(workload), name)), v.info);
    assert.equal(toHex(filled(value)), v.pt);
    for (const [length, want] of [[0, 64], [1, 64], [63, 64], [64, 64], [65, 128], [4096, 4096]]) assert.equal(filled("x".repeat(length)).length, want, String(length));
    assert.equal(fromBase64(toBase64(fromHex("00ff10"))).length, 3);
});
test("seal: as an acceptance has it, each time another, for the script that is shown and no other", async () => {
    const script = "#!/bin/sh\necho é\n", request = { id: HPKE.secret.request, organisation: { id: HPKE.secret.organisation }, script, script_sha256: createHash("sha256").update(script).digest("hex") };
    const to = { key: HPKE.secret.key, x25519: toBase64(fromHex(HPKE.vectors[0].pkRm)) };
    const [a, b] = [await sealAll(to, request, [["A", "1"], ["B", "é"]]), await sealAll(to, request, [["A", "1"], ["B", "é"]])];
    assert.deepEqual([a.key, a.sealed.map((s) => s.name), a.sealed.map((s) => fromBase64(s.enc).length), a.sealed.map((s) => fromBase64(s.ciphertext).length)], [to.key, ["A", "B"], [32, 32], [80, 80]]);
    assert.notEqual(a.sealed[0].ciphertext, b.sealed[0].ciphertext);
    await assert.rejects(sealAll(to, { ...request, script: script + "env\n" }, [["A", "1"]]), /not the one that the server names/);
    await assert.rejects(sealAll({ ...to, x25519: toBase64(new Uint8Array(32)) }, request, [["A", "1"]]), "a key of low order");
});
test("seal: a browser without either curve says so", async () => {
    for (const lacks of ["X25519", "Ed25519"]) {
        const { generateKey } = subtle;
        subtle.generateKey = function (kind, ...more) {
            return kind === lacks ? Promise.reject(new DOMException("", "NotSupportedError")) : generateKey.call(this, kind, ...more);
        };
        assert.equal(await canSeal(), false, lacks);
        delete subtle.generateKey;
    }
});
test("secrets: names as typed, and what is wrong with them", () => {
    assert.deepEqual(namesIn(" HF_TOKEN, B\nc "), ["HF_TOKEN", "B", "c"]);
    const fault = (secrets, more = {}) => namesFault({ ...EMPTY, secrets, ...more })?.key ?? null;
    for (const [text, key] of [["", null], ["HF_TOKEN B c_1", null], ["1A", "name"], ["A-B", "name"], ["A".repeat(65), "name"], ["A".repeat(64), null], ["PATH", "taken"], ["LD_PRELOAD", "taken"], ["A B A", "twice"], ["a b c d e f g h", null], ["a b c d e f g h i", "many"]])
        assert.equal(fault(text), key && "ask.bad.secrets." + key, text);
    assert.equal(fault("A", { nights: "3" }), "ask.bad.secrets.nights");
    assert.equal(fault("A", { move: "1" }), "ask.bad.secrets.move");
    assert.equal(fault("", { move: "1", nights: "3" }), null);
});
test("secrets: the names that are taken are those of core/secret.c", () => {
    const list = /TAKEN\[\] = \{[^\n]*\n([\s\S]*?)\};/.exec(there("server/core/secret.c"))[1];
    assert.deepEqual(TAKEN, [...list.matchAll(/"([^"]+)"/g)].map((m) => m[1]));
});
test("secrets: values", () => {
    assert.equal(valueFault("x"), null);
    for (const [value, key] of [["", "none"], ["a\0b", "zero"], ["x".repeat(4096), null], ["x".repeat(4097), "long"], ["é".repeat(2049), "long"], [" ", null]]) assert.equal(valueFault(value)?.key ?? null, key && "secrets.bad." + key, value.slice(0, 9));
});
