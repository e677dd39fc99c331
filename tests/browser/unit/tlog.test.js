/* What the browser works out by itself: the golden vectors' leaves, root and signatures; notes, cosignatures and receipts made
 * here; and every bit of them changed is refused. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createHash, generateKeyPairSync, sign, webcrypto } from "node:crypto";
import { fileURLToPath } from "node:url";
import { fromHex, toHex } from "../../../web/lib/bytes.js";
import { headerOf, keyIn } from "../../../web/lib/entry-bytes.js";
import { prove, STEPS } from "../../../web/lib/prove.js";
import { checkSeal } from "../../../web/lib/seal.js";
import { climb, leafOf, readCheckpoint, readKey, readNote, readReceipt, signedBy, turns, Wrong } from "../../../web/lib/tlog.js";
import { places } from "../../../web/lib/place.js";

globalThis.crypto ??= webcrypto; // Debian 12's Node has none of its own
const VECTORS = JSON.parse(readFileSync(fileURLToPath(new URL("../../../schema/journal/vectors.json", import.meta.url)), "utf8")).entries;
const KINDS = ["GENESIS", "OPEN", "CLOSE", "FUND", "TRANCHE", "GRANT", "CLAWBACK", "LAPSE", "HOLD", "SETTLE", "VOID", "EXPIRE", "RESOLVE", "CORRECT", "SITE", "OFFERING", "RATE", "POLICY", "KEY", "NOTICE"];
const ORIGIN = "kontor.example/test";
const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((p) => Buffer.from(p)))).digest();
/* RFC 9162 2.1 word by word, to compare with */
const rootOf = (leaves) => {
    if (leaves.length === 1) return leaves[0];
    let k = 1;
    while (k * 2 < leaves.length) k *= 2;
    return sha([1], rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
};
const pathOf = (m, leaves) => {
    if (leaves.length === 1) return [];
    let k = 1;
    while (k * 2 < leaves.length) k *= 2;
    return m < k ? [...pathOf(m, leaves.slice(0, k)), rootOf(leaves.slice(k))] : [...pathOf(m - k, leaves.slice(k)), rootOf(leaves.slice(0, k))];
};
const keyPair = (name, type) => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const raw = Buffer.concat([Buffer.from([type]), publicKey.export({ format: "der", type: "spki" }).subarray(-32)]);
    const id = sha(name + "\n", raw).subarray(0, 4);
    return { name, vkey: `${name}+${id.toString("hex")}+${raw.toString("base64")}`, privateKey, id };
};
const LOG = keyPair(ORIGIN, 1), WITNESSES = ["a.example/w", "b.example/w", "c.example/w"].map((n) => keyPair(n, 4));
const line = (key, blob) => `\u2014 ${key.name} ${Buffer.concat([key.id, blob]).toString("base64")}\n`;
const cosign = (key, text, seconds) => {
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(seconds));
    return line(key, Buffer.concat([time, sign(null, Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`), key.privateKey)]));
};
const noteOf = (leaves, cosigners = []) => {
    const text = `${ORIGIN}\n${leaves.length}\n${rootOf(leaves).toString("base64")}\n`;
    return `${text}\n${line(LOG, sign(null, Buffer.from(text), LOG.privateKey))}${cosigners.map((w) => cosign(w, text, 1800000000)).join("")}`;
};
const headOf = (m, leaves) => `c2sp.org/tlog-proof@v1\nindex ${m}\n${pathOf(m, leaves).map((h) => h.toString("base64") + "\n").join("")}`;
const receiptOf = (m, leaves, note) => `${headOf(m, leaves)}\n${note}`;

test("tlog: every path of every tree up to 70 leads to the root, and says how many entries each neighbour stands for", async () => {
    for (let size = 1; size <= 70; size += size < 20 ? 1 : 7) {
        const leaves = Array.from({ length: size }, (_, i) => sha([0], [i]));
        for (let m = 0; m < size; m++) {
            const steps = await climb(leaves[m], BigInt(m), BigInt(size), pathOf(m, leaves));
            assert.equal(toHex(steps.at(-1)?.node ?? leaves[m]), rootOf(leaves).toString("hex"));
            assert.equal(steps.reduce((n, s) => n + s.count, 1n), BigInt(size));
        }
    }
    assert.equal(turns(481207n, 482930n).length, 17);
    await assert.rejects(climb(sha([0]), 5n, 5n, []), Wrong);
    await assert.rejects(climb(sha([0]), 0n, 5n, [sha([1])]), Wrong);
});
test("tlog: the golden vectors' bytes hash to their leaves, their headers say what they are", async () => {
    for (const [i, v] of VECTORS.entries()) {
        const bytes = fromHex(v.hex);
        assert.equal(toHex(await leafOf(bytes)), v.leaf_hash);
        assert.equal(headerOf(bytes).index, BigInt(i));
    }
    assert.equal(keyIn(fromHex(VECTORS[0].hex)).use, "server");
    assert.equal(keyIn(fromHex(VECTORS[1].hex)), null);
});
test("tlog: a signed note is one, and no longer when any bit of it is changed", async () => {
    const leaves = VECTORS.map((v) => Buffer.from(v.leaf_hash, "hex"));
    const note = noteOf(leaves, WITNESSES.slice(0, 2)), key = await readKey(LOG.vkey);
    assert.deepEqual(await signedBy(readNote(note), key), { is: "good", time: 0 });
    assert.deepEqual(await signedBy(readNote(note), await readKey(WITNESSES[0].vkey)), { is: "good", time: 1800000000000 });
    assert.deepEqual((await signedBy(readNote(note), await readKey(WITNESSES[2].vkey))).is, "none");
    const end = note.indexOf("\n", note.indexOf("\u2014")); /* of the log's own line: what follows is others' */
    for (let i = 0; i < end; i++) {
        const changed = note.slice(0, i) + String.fromCharCode(note.charCodeAt(i) ^ 1) + note.slice(i + 1);
        let says = "refused";
        try {
            const read = readNote(changed);
            readCheckpoint(read.text);
            says = (await signedBy(read, key)).is;
        } catch (error) {
            assert.ok(error instanceof Wrong, error.stack);
        }
        assert.notEqual(says, "good", `byte ${i}`);
    }
    for (const bad of ["", "x", "a\n\nb\n", note.slice(0, -1), note.replace("\u2014", "-"), note.replace(ORIGIN, ORIGIN + "\0")]) assert.throws(() => readNote(bad), Wrong);
    for (const bad of ["a", "a+b+c", LOG.vkey.replace(ORIGIN, "other.example/x"), LOG.vkey.slice(0, -2)]) await assert.rejects(readKey(bad), Wrong);
});
test("tlog: a receipt that is none is refused", () => {
    const leaves = VECTORS.map((v) => Buffer.from(v.leaf_hash, "hex"));
    const good = receiptOf(7, leaves, noteOf(leaves));
    assert.equal(readReceipt(good).index, 7n);
    for (const bad of ["", good.replace("@v1", "@v2"), good.replace("index 7", "index 07"), good.replace("index 7", "index -1"), good.replace("index 7\n", ""), good.replace("\n\n", "\n"), good.replace(/=\n/, "\n")]) assert.throws(() => readReceipt(bad), Wrong);
});

/* A whole journal, the vectors, as a server would show it: what `prove` reads of it. */
const shownOf = (i) => {
    const bytes = fromHex(VECTORS[i].hex), h = headerOf(bytes);
    const side = (n) => (n === null ? null : { account: Number(n) });
    return { index: i, kind: KINDS[h.kind], time: new Date(Number(h.time)).toISOString(), amount_gpums: String(h.amount), debit: side(h.debit), credit: side(h.credit), group: { first: Number(h.first) },
        prev_debit: h.prevDebit === null ? null : Number(h.prevDebit), prev_credit: h.prevCredit === null ? null : Number(h.prevCredit), leaf_hash: VECTORS[i].leaf_hash, bytes: VECTORS[i].hex };
};
const policyOf = (least) => `# so many\nlog ${LOG.vkey}\n${WITNESSES.map((w) => `witness ${w.name[0]} ${w.vkey}\n`).join("")}group three ${least} a b c\nquorum three\n`;
const there = (i) => {
    if (i >= VECTORS.length) throw Object.assign(new Error("not there"), { status: 404 });
    return true;
};
const journalOf = (leaves, change = {}) => {
    const note = noteOf(leaves, WITNESSES.slice(0, 2));
    return { kinds: KINDS, bytes: async (i) => there(i) && fromHex(VECTORS[Number(i)].hex), path: async (i, size) => there(i) && headOf(Number(i), leaves.slice(0, Number(size))), receipt: async (i) => there(i) && receiptOf(Number(i), leaves, note),
        journal: async () => ({ vkey: LOG.vkey, genesis: sha(fromHex(VECTORS[0].hex)).toString("hex"), policy: policyOf("2"), witnesses: [] }), ...change };
};
const LEAVES = VECTORS.map((v) => Buffer.from(v.leaf_hash, "hex"));

test("prove: each entry of the vectors verifies, signatures of people and sites too", async () => {
    const seen = new Set();
    for (let i = 0; i < VECTORS.length; i++) {
        const found = await prove(i, shownOf(i), journalOf(LEAVES));
        assert.equal(found.is, "good", `entry ${i}: ${JSON.stringify(found.steps.filter((s) => s.is === "bad"))}`);
        assert.deepEqual(found.steps.map((s) => s.name), STEPS);
        assert.deepEqual(found.witnesses.map((w) => w.is), ["good", "good", "none"]);
        for (const s of found.signers) seen.add(`${s.class} ${s.use} ${s.is}`);
    }
    assert.ok(seen.has("1 site good") && seen.has("1 officer good") && seen.has("3 server good"), [...seen].join());
});
test("prove: a changed bit of an entry's bytes is refused, wherever it stands, and the step is named", async () => {
    const steps = new Set();
    for (const i of [3, VECTORS.findIndex((v) => fromHex(v.hex)[3] === 9)]) {
        const hex = VECTORS[i].hex;
        for (let at = 0; at < hex.length / 2; at += 3) {
            const bytes = fromHex(hex);
            bytes[at] ^= 1;
            const bad = { ...shownOf(i), bytes: toHex(bytes) };
            const plain = await prove(i, bad, journalOf(LEAVES));
            assert.equal(plain.is, "bad", `entry ${i}, byte ${at}`);
            /* a server that lies in step: another leaf hash and another tree, but not another signature of the log's */
            const forged = { ...bad, leaf_hash: sha([0], bytes).toString("hex") };
            const told = await prove(i, forged, journalOf(LEAVES));
            assert.equal(told.is, "bad");
            steps.add(told.steps.find((s) => s.is === "bad").name);
        }
    }
    assert.ok(steps.has("bytes") && steps.has("path"), [...steps].join());
});
test("prove: a forged tree, another log's key, another beginning, a false signer: each ends at its step", async () => {
    const i = VECTORS.findIndex((v) => fromHex(v.hex)[3] === 9), step = async (change, shown = shownOf(i)) => (await prove(i, shown, journalOf(LEAVES, change))).steps.find((s) => s.is === "bad")?.name;
    const TWO = WITNESSES.slice(0, 2), other = [...LEAVES];
    other[1] = sha("another");
    assert.equal(await step({ receipt: async (n) => receiptOf(Number(n), other, noteOf(LEAVES, TWO)) }), "path");
    assert.equal(await step({ receipt: async (n) => receiptOf(Number(n), LEAVES, noteOf(LEAVES, TWO).replace(/(\u2014 \S+ \S{20})(.)/, (_, a, letter) => a + (letter === "A" ? "B" : "A"))) }), "log");
    assert.equal(await step({ receipt: async (n) => receiptOf(Number(n) + 1, LEAVES, noteOf(LEAVES, TWO)) }), "path");
    const journal = await journalOf(LEAVES).journal();
    assert.equal(await step({ journal: async () => ({ ...journal, vkey: keyPair(ORIGIN, 1).vkey }) }), "log");
    assert.equal(await step({ journal: async () => ({ ...journal, vkey: keyPair("other.example/log", 1).vkey }) }), "log");
    assert.equal(await step({ journal: async () => ({ ...journal, genesis: "00".repeat(32) }) }), "genesis");
    assert.equal(await step({ journal: async () => ({ ...journal, policy: policyOf("all") }) }), "witnesses", "two of three, and all are asked for");
    assert.equal(await step({ journal: async () => ({ ...journal, policy: policyOf("any") }) }), undefined);
    assert.equal(await step({ journal: async () => ({ ...journal, policy: "quorum nobody\n" }) }), "witnesses");
    assert.equal(await step({ journal: async () => ({ ...journal, policy: "log x\nquorum none\n" }) }), undefined);
    assert.equal(await step({ journal: async () => ({ ...journal, policy: null, witnesses: WITNESSES }) }), undefined);
    const w = WITNESSES[0];
    const broken = noteOf(LEAVES, [{ ...w, privateKey: WITNESSES[1].privateKey }]);
    assert.equal(await step({ receipt: async (n) => receiptOf(Number(n), LEAVES, broken) }), "witnesses");
    /* the log itself logs and signs an entry whose site did not sign it: only the signers' step can tell */
    const bytes = fromHex(VECTORS[i].hex);
    bytes[162 + 7] ^= 1; /* GPU-seconds of the report */
    const lied = [...LEAVES];
    lied[i] = sha([0], bytes);
    const shown = { ...shownOf(i), bytes: toHex(bytes), leaf_hash: lied[i].toString("hex") };
    assert.equal(await step({ receipt: async (n) => receiptOf(Number(n), lied, noteOf(lied, TWO)), path: async (n) => headOf(Number(n), lied) }, shown), "signers");
    /* what the server's key signed for a person, logged as signed by a key of their own */
    const worded = fromHex(VECTORS[3].hex), own = [...LEAVES];
    assert.equal(worded[worded.length - 146], 3);
    worded[worded.length - 146] = 1;
    own[3] = sha([0], worded);
    const byOwn = await prove(3, { ...shownOf(3), bytes: toHex(worded), leaf_hash: own[3].toString("hex") }, journalOf(own));
    assert.equal(byOwn.steps.find((s) => s.is === "bad")?.name, "signers");
    const bytesOf = async (n) => fromHex(VECTORS[Number(n)].hex).map((b, at) => (n > 0n && at === 130 ? b ^ 1 : b));
    assert.equal(await step({ bytes: bytesOf }), "signers", "a key of another than the logged KEY entry");
    assert.equal(await step({ bytes: async (n) => fromHex(VECTORS[Number(n)].hex).map((b, at) => (n === 0n && at === 80 ? b ^ 1 : b)) }), "genesis");
    assert.equal(await step({ path: async (n) => headOf(Number(n), other) }), "genesis");
});
test("seal: a site's key is whose the journal says, and whatever else is said is refused", async () => {
    const i = VECTORS.findIndex((v) => v.kind === "KEY" && keyIn(fromHex(v.hex)).use === "site"), agent = generateKeyPairSync("ed25519");
    const entry = fromHex(VECTORS[i].hex), site = Number(keyIn(entry).site), x25519 = Buffer.alloc(32, 9);
    entry.set(agent.publicKey.export({ format: "der", type: "spki" }).subarray(-32), 128);
    entry.fill(0, entry.length - 146); /* nobody signs it: what makes it known is not the matter here */
    const leaves = [...LEAVES], genesis = sha(fromHex(VECTORS[0].hex));
    leaves[i] = sha([0], entry);
    const shown = { ...shownOf(i), bytes: toHex(entry), leaf_hash: leaves[i].toString("hex") };
    const read = journalOf(leaves), index = Buffer.alloc(8);
    index.writeBigUInt64BE(BigInt(site));
    const sealOf = (more = {}, by = agent.privateKey, what = [genesis, index, x25519]) => ({ index: site, seal: { key: sha(x25519).toString("hex"), x25519: x25519.toString("base64"), by: i, genesis: genesis.toString("hex"),
        ed25519: Buffer.from(entry.subarray(128, 160)).toString("base64"), signature: sign(null, Buffer.concat([Buffer.from("kontor-seal/v1\0"), ...what]), by).toString("base64"), ...more } });
    const good = await checkSeal(sealOf(), shown, read);
    assert.deepEqual([good.is, good.why], ["good", ""]);
    assert.equal(good.found.witnesses.length, 3);
    const other = generateKeyPairSync("ed25519");
    for (const [told, why] of [
        [sealOf({ key: sha("x").toString("hex") }), /the fingerprint/], [sealOf({ x25519: "AAAA" }), /the fingerprint/], [sealOf({ x25519: Buffer.alloc(32, 8).toString("base64") }), /the fingerprint/],
        [sealOf({ ed25519: other.publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64") }), /another key known/], [sealOf({ genesis: "00".repeat(32) }), /entry 0/],
        [sealOf({}, other.privateKey), /signature/], [sealOf({ signature: "AAAA" }), /signature/], [sealOf({}, agent.privateKey, [sha("y"), index, x25519]), /signature/], [sealOf({}, agent.privateKey, [genesis, Buffer.alloc(8), x25519]), /signature/],
        [{ ...sealOf(), index: site + 1 }, /no key of this site/]]) {
        const said = await checkSeal(told, shown, read);
        assert.equal(said.is, "bad");
        assert.match(said.why, why);
    }
    assert.match((await checkSeal(sealOf(), { ...shown, bytes: VECTORS[i].hex }, read)).why, /does not verify/, "an entry that the journal has not");
    assert.match((await checkSeal({ ...sealOf(), seal: { ...sealOf().seal, by: 1 } }, shownOf(1), read)).why, /no key of this site/);
});
test("prove: the drawing has room for its words at every width", async () => {
    const far = (await climb(LEAVES[3], 3n, BigInt(LEAVES.length), pathOf(3, LEAVES))).map((s, i) => ({ ...s, count: 1n << BigInt(i * 3), right: i % 3 === 0 }));
    for (const width of [240, 288, 340, 440]) {
        const at = places(far, LEAVES[3], width);
        assert.equal(at.nodes.length, far.length + 1);
        for (const n of at.nodes) assert.ok(n.x >= 8 && n.x <= width - 20, `${width}: ${n.x}`);
        for (const b of at.beside) assert.ok(b.right ? b.x + 8 + at.letters * 7.9 <= width + 60 : b.x - 8 - at.letters * 7.9 >= 0, `${width}: ${b.x}`);
    }
});
