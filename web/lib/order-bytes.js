/* What an order's bytes say (schema/journal/layout.md, Authority): read here from what is signed, and not taken from the server's words. */
import { same, toHex, utf8 } from "./bytes.js";
import { KINDS } from "./kinds.js";

const PREFIX = utf8("kontor-order/v1\0"), GENESIS = 32, AT = PREFIX.length + GENESIS, BODY = AT + 26;
const NONE = 2n ** 64n - 1n;
/* where in the body the commitment to the reason stands */
const COMMITTED = { 2: 64, 3: 48, 4: 48, 5: 80, 6: 88, 10: 120, 12: 32, 13: 120, 19: 72 };
const ORDER_OF_MOVE = 0, ORDER_OF_REGISTRY = 8;
const TERMS = { policy: [48, "index"], start: [56, "time"], end: [64, "time"], gge_eur_cents: [72, "u64"] }, REFERENCE = { reference: [16, 32] };
/* By kind: each member of the entry's body in the API, with its place and how it is written there (a number: a text so long). */
const BODIES = {
    CLOSE: { account: [0, "index"] },
    FUND: REFERENCE,
    TRANCHE: REFERENCE,
    GRANT: { ...REFERENCE, ...TERMS },
    CLAWBACK: { ...REFERENCE, ...TERMS, grant: [80, "index"] },
    VOID: { hold: [0, "index"] },
    RESOLVE: { hold: [0, "index"], share_milli: [8, "u32"] },
    CORRECT: { entry: [0, "index"], of_hold: [8, "flag"], reason: [10, "u16"] },
    SITE: { first: [0, "index"], code: [24, 16], name: [40, 48], system: [88, 32], city: [120, 32], country: [152, 2], assumed: [154, "flag"], lat_milli: [160, "i32"], lon_milli: [164, "i32"], valid_from: [168, "time"] },
    OFFERING: { site: [0, "index"], model: [24, 32], memory_gb: [56, "u32"], gpus_per_node: [60, "u32"], max_gpus_one_island: [64, "u32"], kind: [68, ["", "batch", "experimental-platform"]], assumed: [69, "flag"], valid_from: [72, "time"] },
    RATE: { offering: [0, "index"], rate_milli: [24, "u32"], assumed: [28, "flag"], valid_from: [32, "time"] },
    POLICY: { first: [0, "index"], code: [24, 16], name: [40, 32], eligible: [72, "u16"], valid_from: [80, "time"], cap_gpums: [88, "amount"], longest_ms: [96, "u64"], decide_ms: [104, "u64"] },
    KEY: { first: [0, "index"], use: [24, ["none", "server", "site", "officer", "witness", "log"]], status: [25, ["none", "active", "retired", "compromised"]], site: [32, "index"], ed25519: [56, "key"], x25519: [88, "key"], valid_from: [120, "time"] },
    NOTICE: { type: [0, ["none", "state", "dispute-opened", "dispute-closed", "erasure", "witnesses", "rollback", "said"]], reason: [2, "u16"], ref: [8, "index"] },
};
const WIDE = new Set(["NOTICE"]); /* a word of theirs is a u16 */

/** @param {Uint8Array | null} bytes @returns {any} null: they are no order's; says: its body as the API has it */
export const readOrder = (bytes) => {
    if (!bytes || bytes.length < BODY || !same(bytes.subarray(0, PREFIX.length), PREFIX)) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const index = (at) => (view.getBigUint64(at) === NONE ? null : Number(view.getBigUint64(at)));
    const kind = view.getUint16(AT), name = KINDS[kind], committed = COMMITTED[kind], layout = BODIES[name];
    if (!layout) return null;
    const read = (at, how) => {
        if (typeof how === "number") return new TextDecoder().decode(bytes.subarray(at, at + how)).replace(/\0+$/, "");
        if (Array.isArray(how)) return how[WIDE.has(name) ? view.getUint16(at) : bytes[at]] ?? "?";
        switch (how) {
        case "index": return index(at);
        case "flag": return bytes[at] === 1;
        case "time": return Number(view.getBigInt64(at));
        case "amount": return String(view.getBigInt64(at));
        case "u64": return Number(view.getBigUint64(at));
        case "u32": return view.getUint32(at);
        case "i32": return view.getInt32(at);
        case "u16": return view.getUint16(at);
        default: return toHex(bytes.subarray(at, at + 32));
        }
    };
    const id = BODY + (committed === undefined ? ORDER_OF_REGISTRY : name in { FUND: 1, TRANCHE: 1, GRANT: 1, CLAWBACK: 1 } ? ORDER_OF_MOVE : committed - 16);
    try {
        return { kind, id: toHex(bytes.subarray(id, id + 16)), debit: index(AT + 2), credit: index(AT + 10), gpums: view.getBigUint64(AT + 18),
            committed: committed === undefined ? null : bytes.subarray(BODY + committed, BODY + committed + 32),
            says: Object.fromEntries(Object.entries(layout).map(([member, [at, how]]) => [member, read(BODY + at, how)])) };
    } catch {
        return null; /* they end too soon */
    }
};
/** Does what the server says of an order (`GET /v1/orders/{id}`) say the same?
 * @param {any} read @param {any} o */
export const saysTheSame = (read, o) => {
    const e = o.order, times = new Set(["start", "end", "valid_from"]);
    return read.id === o.id.replaceAll("-", "") && KINDS[read.kind] === e.kind && String(read.gpums) === e.amount_gpums && read.debit === (e.debit?.account ?? null) && read.credit === (e.credit?.account ?? null)
        && Object.entries(read.says).every(([member, value]) => (times.has(member) ? Date.parse(e.body[member]) : e.body[member] ?? null) === value);
};
