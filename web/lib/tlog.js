/* The log's formats, read from their specifications: C2SP signed-note, tlog-checkpoint, tlog-cosignature (v1), tlog-proof;
 * RFC 9162 inclusion. What does not fit is thrown as Wrong: nothing is guessed, nothing repaired. */
import { fromBase64, joined, sha256, signed, toHex, utf8 } from "./bytes.js";

export class Wrong extends Error {}
const need = (fits, why) => {
    if (!fits) throw new Wrong(why);
};
const number = (text) => {
    need(/^(0|[1-9]\d{0,18})$/.test(text), `not a number: ${text}`);
    return BigInt(text);
};
const LOG_KEY = 1, WITNESS_KEY = 4;

/** A key as it is handed round: name+id+base64(type, key). */
export const readKey = async (vkey) => {
    const [name, id, ...rest] = vkey.split("+");
    const raw = fromBase64(rest.join("+"));
    need(name && raw?.length === 33 && (raw[0] === LOG_KEY || raw[0] === WITNESS_KEY), `not a key: ${vkey}`);
    need(toHex((await sha256(utf8(name + "\n"), raw)).subarray(0, 4)) === id, `the key's number is not its hash: ${vkey}`);
    return { name, id, type: raw[0], key: raw.subarray(1) };
};
/** A signed note: its text and its signature lines. */
export const readNote = (note) => {
    const cut = note.lastIndexOf("\n\n");
    need(cut > 0 && note.endsWith("\n") && !/[\0-\x09\x0b-\x1f\ufffd]/.test(note), "not a signed note");
    const lines = note.slice(cut + 2, -1).split("\n").map((line) => {
        const [dash, name, text, ...more] = line.split(" ");
        const blob = fromBase64(text ?? "");
        need(dash === "\u2014" && name && !name.includes("+") && blob && blob.length > 4 && more.length === 0, `not a signature line: ${line}`);
        return { name, id: toHex(blob.subarray(0, 4)), signature: blob.subarray(4) };
    });
    return { text: note.slice(0, cut + 1), lines };
};
export const readCheckpoint = (text) => {
    const [origin, size, root, ...rest] = text.split("\n");
    const hash = fromBase64(root ?? "");
    need(origin && hash?.length === 32 && rest.at(-1) === "" && rest.slice(0, -1).every(Boolean), "not a checkpoint");
    return { origin, size: number(size), root: hash };
};
/** Has this key signed the note? "none": it has not. A witness's key gives the time of its word too (ms).
 * @returns {Promise<{is: "good" | "bad" | "cannot" | "none", time?: number}>} */
export const signedBy = async (note, key) => {
    let found = { is: /** @type {"good" | "bad" | "cannot" | "none"} */ ("none"), time: 0 };
    for (const { name, id, signature } of note.lines) {
        if (name !== key.name || id !== key.id) continue;
        let message = utf8(note.text), bytes = signature, time = 0;
        if (key.type === WITNESS_KEY) {
            if (signature.length !== 72) return { is: "bad" };
            const seconds = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
            time = Number(seconds) * 1000;
            message = joined(utf8(`cosignature/v1\ntime ${seconds}\n`), message);
            bytes = signature.subarray(8);
        }
        const is = bytes.length === 64 ? await signed(key.key, bytes, message) : "bad";
        if (is !== "good") return { is }; /* a known key whose signature fails refuses the note */
        found = { is, time };
    }
    return found;
};

/** A policy (C2SP tlog-policy): its witnesses, and whether those who have cosigned are enough. */
export const readPolicy = async (text) => {
    const witnesses = [], groups = new Map();
    let rule = "none";
    for (const words of text.split("\n").map((line) => line.trim().split(/\s+/)).filter(([word]) => word && !word.startsWith("#"))) {
        const [what, name, ...rest] = words;
        if (what === "witness") witnesses.push({ name, key: await readKey(rest[0] ?? "") });
        else if (what === "group") groups.set(name, { least: rest[0] === "any" ? 1 : rest[0] === "all" ? rest.length - 1 : Number(number(rest[0] ?? "")), of: rest.slice(1) });
        else if (what === "quorum") rule = name;
        else need(what === "log", `not a line of a policy: ${what}`);
    }
    need(rule === "none" || groups.has(rule) || witnesses.some((w) => w.name === rule), `the quorum names nobody: ${rule}`);
    const enough = (name, cosigned) => {
        const group = groups.get(name);
        return group ? group.of.filter((member) => enough(member, cosigned)).length >= group.least : cosigned.has(name);
    };
    const top = groups.get(rule);
    const plain = top && top.of.every((member) => !groups.has(member)) ? { q: top.least, n: top.of.length } : rule === "none" ? null : { q: 1, n: 1 };
    return { witnesses, asked: rule !== "none", plain, met: (/** @type {Set<string>} */ cosigned) => rule === "none" || enough(rule, cosigned) };
};

/** A receipt's head (tlog-proof): which entry, the hashes beside its path, and the entry itself if it stands there. */
export const readPath = (head) => {
    const lines = head.replace(/\n+$/, "").split("\n");
    need(lines.shift() === "c2sp.org/tlog-proof@v1", "not a receipt of version 1");
    const extra = lines[0]?.startsWith("extra ") ? fromBase64(lines.shift().slice(6)) : null;
    const index = /^index (.*)$/.exec(lines.shift() ?? "");
    need(index, "the receipt names no entry");
    const path = lines.map(fromBase64);
    need(path.length < 64 && path.every((hash) => hash?.length === 32), "a hash of the receipt is none");
    return { index: number(index[1]), path, extra };
};
/** A receipt: that, an empty line, and the checkpoint. */
export const readReceipt = (text) => {
    const cut = text.indexOf("\n\n");
    need(cut > 0, "not a receipt");
    return { ...readPath(text.slice(0, cut)), note: readNote(text.slice(cut + 2)) };
};

export const leafOf = (entry) => sha256(new Uint8Array([0]), entry);
const nodeOf = (left, right) => sha256(new Uint8Array([1]), left, right);
/** Where the path from a leaf to the root has its neighbours, from the leaf up: on which side, and of how many entries.
 * @param {bigint} index @param {bigint} size @returns {{right: boolean, count: bigint}[]} */
export const turns = (index, size) => {
    const found = [];
    for (let m = index, n = size; n > 1n;) {
        let k = 1n;
        while (k * 2n < n) k *= 2n; /* the largest power of two below n */
        const right = m < k; /* the neighbour is at the right */
        found.push({ right, count: right ? n - k : k });
        if (right) n = k;
        else [m, n] = [m - k, n - k];
    }
    return found.reverse();
};
/** From a leaf by the given hashes up to a root: each step with what stands beside it and what was worked out.
 * @returns {Promise<{right: boolean, count: bigint, beside: Uint8Array, node: Uint8Array}[]>} */
export const climb = async (leaf, index, size, path) => {
    need(index < size, "the entry is beyond the signed tree");
    const way = turns(index, size);
    need(way.length === path.length, `the path has ${path.length} hashes, a tree of ${size} has ${way.length}`);
    const steps = [];
    let node = leaf;
    for (const [i, turn] of way.entries()) {
        node = turn.right ? await nodeOf(node, path[i]) : await nodeOf(path[i], node);
        steps.push({ ...turn, beside: path[i], node });
    }
    return steps;
};
