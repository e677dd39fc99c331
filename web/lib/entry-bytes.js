/* What an entry's own bytes say (schema/journal/layout.md): read here and not taken from the server's JSON. */
import { joined, utf8 } from "./bytes.js";

const HEADER = 72, AUTHORITY = 146, SLOT = 73, REPORT = 88, REPORT_KIND = 112, REPORT_END = 176;
const NONE = 2n ** 64n - 1n;
const KIND_SETTLE = 9, KIND_KEY = 18;
const REST_ON_RULES = new Set([0, 1, 7, 8, 11]); /* GENESIS, OPEN, LAPSE, HOLD, EXPIRE: nobody answers for them */
const MAY_REST_ON_REPORT = new Set([KIND_SETTLE, 10, 13]);

const u64 = (view, at) => {
    const n = view.getBigUint64(at);
    return n === NONE ? null : n;
};
const looking = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** @param {Uint8Array} bytes */
export const headerOf = (bytes) => {
    const view = looking(bytes);
    if (bytes.length < HEADER) return null;
    return { version: view.getUint16(0), kind: view.getUint16(2), index: view.getBigUint64(4), time: view.getBigUint64(12), first: view.getBigUint64(20), len: view.getUint16(28), pos: view.getUint16(30),
        debit: u64(view, 32), credit: u64(view, 40), amount: view.getBigUint64(48), prevDebit: u64(view, 56), prevCredit: u64(view, 64) };
};
/** Who answers for it: class, the KEY's entry, the 64 bytes. */
export const signersOf = (bytes) => {
    const view = looking(bytes);
    if (bytes.length < HEADER + AUTHORITY || REST_ON_RULES.has(view.getUint16(2))) return [];
    return [0, 1].map((i) => bytes.length - AUTHORITY + i * SLOT).map((at) => ({ class: bytes[at], key: view.getBigUint64(at + 1), signature: bytes.slice(at + 9, at + SLOT) })).filter((s) => s.class !== 0);
};
export const onReport = (bytes) => {
    const view = looking(bytes), kind = view.getUint16(2);
    return MAY_REST_ON_REPORT.has(kind) && bytes.length >= REPORT_END && (kind === KIND_SETTLE || view.getUint16(REPORT_KIND) !== 0);
};
/** The bytes that its signers signed: an order, or the report that it rests on; both name the hash of entry 0. */
export const signedBytes = (bytes, genesis) => onReport(bytes)
    ? joined(utf8("kontor-report/v1\0"), genesis, bytes.subarray(REPORT, REPORT_END))
    : joined(utf8("kontor-order/v1\0"), genesis, bytes.subarray(2, 4), bytes.subarray(32, 56), bytes.subarray(HEADER, bytes.length - AUTHORITY));
/** The public key that a KEY entry, or entry 0, makes known. */
export const keyIn = (bytes) => {
    const kind = looking(bytes).getUint16(2);
    if (kind === KIND_KEY && bytes.length >= 160) return { key: bytes.slice(128, 160), use: ["", "server", "site", "officer", "witness", "log"][bytes[96]] ?? "", site: u64(looking(bytes), 104) };
    return kind === 0 && bytes.length >= 176 ? { key: bytes.slice(144, 176), use: "server", site: null } : null;
};
