/* Is this entry where the log says? Worked out in this browser, step by step, from the entry's bytes, receipts (the hashes
 * beside the path, the signed checkpoint) and keys; no verdict of the server's is taken. The first step that does not hold
 * ends it. */
import { fromHex, same, sha256, signed, toHex } from "./bytes.js";
import { headerOf, keyIn, onReport, signedBytes, signersOf } from "./entry-bytes.js";
import { Wrong, climb, leafOf, readCheckpoint, readKey, readPath, readPolicy, readReceipt, signedBy } from "./tlog.js";

export const STEPS = ["bytes", "leaf", "path", "log", "witnesses", "genesis", "signers"];
const OF_RECEIPT = STEPS.slice(0, 5); /* what needs no other entry */
const need = (fits, why) => {
    if (!fits) throw new Wrong(why);
};
const numberOf = (index) => (index === null || index === undefined ? null : BigInt(index));

/* what is not there is for a step to tell; a cut line is none of the proof's */
const absent = (error) => {
    if (error.status !== 404) throw error;
    return null;
};
/** Do the bytes say what the page shows? */
const compare = (bytes, shown, kinds) => {
    const h = headerOf(bytes);
    need(h, "the bytes are no entry");
    const pairs = [["index", h.index, BigInt(shown.index)], ["kind", kinds[h.kind], shown.kind], ["time", h.time, BigInt(Date.parse(shown.time))], ["amount", h.amount, BigInt(shown.amount_gpums)],
        ["debit", h.debit, numberOf(shown.debit?.account)], ["credit", h.credit, numberOf(shown.credit?.account)], ["group", h.first, BigInt(shown.group.first)],
        ["entry before it on the debit account", h.prevDebit, numberOf(shown.prev_debit)], ["entry before it on the credit account", h.prevCredit, numberOf(shown.prev_credit)]];
    for (const [name, said, page] of pairs) need(said === page, `${name}: the bytes say ${said}, the page shows ${page}`);
};
/** The root that a leaf and its receipt come to must be the checkpoint's. */
const underRoot = async (leaf, index, receipt, checkpoint) => {
    need(receipt, `there is no path of entry ${index}`);
    need(receipt.index === BigInt(index), `the receipt is of entry ${receipt.index}`);
    const steps = await climb(leaf, BigInt(index), checkpoint.size, receipt.path);
    const root = steps.at(-1)?.node ?? leaf;
    need(same(root, checkpoint.root), `the path from entry ${index} leads to ${toHex(root).slice(0, 16)}…, the checkpoint's root is ${toHex(checkpoint.root).slice(0, 16)}…`);
    return steps;
};
/** Who has cosigned: of the policy's witnesses where there is one, else of those that the server knows; and is it enough? */
const cosigned = async (note, journal) => {
    const policy = journal.policy === null ? null : await readPolicy(journal.policy);
    const known = policy ? policy.witnesses : await Promise.all(journal.witnesses.map(async ({ name, vkey }) => ({ name, key: await readKey(vkey) })));
    const list = [];
    for (const w of known) {
        const says = await signedBy(note, w.key);
        need(says.is !== "bad", `the cosignature of ${w.name} does not verify`);
        list.push({ name: w.name, is: says.is, time: says.time });
    }
    const met = policy?.met(new Set(list.filter((w) => w.is === "good").map((w) => w.name))) ?? true;
    need(met || list.some((w) => w.is === "cannot"), "the witnesses who cosigned are not the quorum that the policy asks for");
    return { list, quorum: policy?.asked ? { plain: policy.plain } : null };
};
/** What a passkey said, by its hash; and what it takes to verify it, fetched where there is one. */
const saidOf = async (signer, assertions) => {
    const [all, { wrongWith }] = await Promise.all([assertions(), import("./assertion.js")]);
    for (const blob of all) if (same(await sha256(blob), signer.signature.subarray(0, 32))) return { blob, wrongWith };
    return { blob: null, wrongWith };
};
/** Each signature in the entry, by a key that an entry under the same root makes known. */
const checkSigners = async (bytes, genesis, entries, assertions) => {
    const found = [];
    for (const s of signersOf(bytes)) {
        const known = entries.get(s.key) && keyIn(entries.get(s.key));
        need(known, `entry ${s.key} makes no key known`);
        if (s.class === 2) {
            const { blob, wrongWith } = await saidOf(s, assertions);
            need(known.use === "officer", `the key of entry ${s.key} is no officer's`);
            need(blob, `what the passkey of entry ${s.key} said is missing`);
            const wrong = await wrongWith(blob, known.key, signedBytes(bytes, genesis));
            need(!wrong, `what the passkey of entry ${s.key} said: ${wrong}`);
            found.push({ ...s, use: known.use, site: known.site, is: "good" });
            continue;
        }
        const is = await signed(known.key, s.signature, signedBytes(bytes, genesis));
        need(is !== "bad", `the signature by the key of entry ${s.key} is not one of these bytes`);
        need(s.class !== 3 || known.use === "server", `the key of entry ${s.key} is not the server's`);
        need(s.class !== 1 || known.use !== "server", `the key of entry ${s.key} is the server's, and nobody's own`);
        need(!onReport(bytes) || known.use === "site", `the key of entry ${s.key} is no site's`);
        found.push({ ...s, use: known.use, site: known.site, is });
    }
    return found;
};
/* ---- what both ways of proving have in common ---------------------------------------------------------------------------- */
const begin = (all) => {
    const began = performance.now();
    const found = { all, steps: [], path: [], leaf: null, checkpoint: null, log: "", witnesses: [], quorum: null, signers: [], onReport: false, ms: 0, is: "" };
    const step = async (name, run) => {
        if (found.steps.some((s) => s.is === "bad")) return;
        try {
            found.steps.push({ name, is: "good", why: "", ...(await run()) });
        } catch (error) {
            if (!(error instanceof Wrong)) throw error;
            found.steps.push({ name, is: "bad", why: error.message });
        }
    };
    const end = () => {
        found.ms = performance.now() - began;
        found.is = found.steps.some((s) => s.is === "bad") ? "bad" : together(found.steps);
        return found;
    };
    return { found, step, end };
};
const onPath = async (found, index, receipt) => {
    found.checkpoint = readCheckpoint(receipt.note.text);
    found.path = await underRoot(found.leaf, index, receipt, found.checkpoint);
};
const byLog = async (found, note, journal) => {
    const key = await readKey(journal.vkey);
    const says = await signedBy(note, key);
    found.log = key.name;
    need(key.name === found.checkpoint.origin, `the checkpoint is of another log, ${found.checkpoint.origin}`);
    need(says.is !== "none", `${key.name} has not signed the checkpoint`);
    need(says.is !== "bad", `the signature of ${key.name} on the checkpoint does not verify`);
    return { is: says.is };
};
const byWitnesses = async (found, note, journal) => {
    const by = await cosigned(note, journal);
    Object.assign(found, { witnesses: by.list, quorum: by.quorum });
    return { is: by.list.length ? together(found.witnesses) : "none" };
};
const together = (list) => (list.some((one) => one.is === "cannot") ? "cannot" : "good");

/**
 * @param {number} index @param {any} shown the entry as the page shows it
 * @param {{bytes: (i: bigint) => Promise<Uint8Array>, path: (i: bigint, size: bigint) => Promise<string>, receipt: (i: bigint) => Promise<string>, kinds: string[],
 *   assertions: (i: bigint) => Promise<Uint8Array[]>, journal: () => Promise<{vkey: string, genesis: string, policy: string | null, witnesses: {name: string, vkey: string}[]}>}} read
 */
export const prove = async (index, shown, read) => {
    const { found, step, end } = begin(STEPS);
    const bytes = fromHex(shown.bytes), entries = new Map([[BigInt(index), /** @type {Uint8Array} */ (bytes)]]);
    const journal = await read.journal();
    let note, genesis, others = [];
    const paths = new Map();
    /* entry 0, which every signature names, and those that make the signers' keys known, under the same checkpoint */
    const readOthers = async () => {
        const signers = signersOf(bytes).map((s) => s.key);
        others = signers.length ? [...new Set([0n, ...signers])].filter((i) => i !== BigInt(index)) : [];
        await Promise.all(others.flatMap((i) => [
            read.bytes(i).then((found) => entries.set(i, found)).catch(absent),
            read.path(i, found.checkpoint.size).then((text) => paths.set(i, readPath(text))).catch(absent)]));
    };

    await step("bytes", async () => compare(bytes, shown, read.kinds));
    await step("leaf", async () => {
        found.leaf = await leafOf(bytes);
        need(toHex(found.leaf) === shown.leaf_hash, `the bytes hash to ${toHex(found.leaf).slice(0, 16)}…, the server says ${shown.leaf_hash.slice(0, 16)}…`);
    });
    await step("path", async () => {
        const receipt = readReceipt(await read.receipt(BigInt(index)));
        note = receipt.note;
        await onPath(found, index, receipt);
    });
    await step("log", () => byLog(found, note, journal));
    await step("witnesses", () => byWitnesses(found, note, journal));
    await step("genesis", async () => {
        await readOthers();
        const first = entries.get(0n);
        if (!others.length && index !== 0) return { is: "none" };
        need(first, "there is no entry 0");
        genesis = await sha256(first);
        if (index !== 0) await underRoot(await leafOf(first), 0, paths.get(0n), found.checkpoint);
        need(toHex(genesis) === journal.genesis, "entry 0 is another one than the server names");
        return {};
    });
    await step("signers", async () => {
        for (const i of others) if (i !== 0n && entries.has(i)) await underRoot(await leafOf(entries.get(i)), i, paths.get(i), found.checkpoint);
        found.signers = await checkSigners(bytes, genesis, entries, () => read.assertions(BigInt(index)));
        found.onReport = onReport(bytes);
        return { is: found.signers.length ? together(found.signers) : "none" };
    });
    return end();
};

/**
 * The same of a receipt in hand, without a server: what it needs of the journal (keys, policy) is given. Who answers for the entry is not looked at.
 * @param {string} text the receipt @param {Uint8Array | null} entry its bytes, if they do not stand in it
 * @param {{vkey: string, policy: string | null, witnesses: {name: string, vkey: string}[]}} journal
 */
export const proveReceipt = async (text, entry, journal) => {
    const { found, step, end } = begin(OF_RECEIPT);
    let receipt, bytes, header;
    await step("bytes", async () => {
        receipt = readReceipt(text);
        bytes = entry ?? receipt.extra;
        need(bytes, "the entry does not stand in this receipt: give its bytes too");
        header = headerOf(bytes);
        need(header && header.version === 1, "the bytes are no entry");
        need(header.index === receipt.index, `the receipt is of entry ${receipt.index}, the bytes are of entry ${header.index}`);
    });
    await step("leaf", async () => {
        found.leaf = await leafOf(bytes);
    });
    await step("path", () => onPath(found, Number(receipt.index), receipt));
    await step("log", () => byLog(found, receipt.note, journal));
    await step("witnesses", () => byWitnesses(found, receipt.note, journal));
    return { ...end(), header };
};
