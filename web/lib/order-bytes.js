/* What an order's bytes say (schema/journal/layout.md, Authority): read here from what is signed, and not taken from the server's words. */
import { same, utf8 } from "./bytes.js";

const PREFIX = utf8("kontor-order/v1\0"), GENESIS = 32, AT = PREFIX.length + GENESIS, BODY = AT + 26;
const NONE = 2n ** 64n - 1n;
/* where in the body the commitment to the reason stands */
const COMMITTED = { 2: 64, 3: 48, 4: 48, 5: 80, 6: 88, 10: 120, 12: 32, 13: 120, 19: 72 };
const MOVES = { 3: "FUND", 4: "TRANCHE", 5: "GRANT", 6: "CLAWBACK" };

/** @param {Uint8Array | null} bytes @returns {any} null: they are no order's */
export const readOrder = (bytes) => {
    if (!bytes || bytes.length < BODY || !same(bytes.subarray(0, PREFIX.length), PREFIX)) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const account = (at) => (view.getBigUint64(at) === NONE ? null : Number(view.getBigUint64(at)));
    const kind = view.getUint16(AT), at = BODY + COMMITTED[kind];
    const order = { kind, debit: account(AT + 2), credit: account(AT + 10), gpums: view.getBigUint64(AT + 18), committed: COMMITTED[kind] ? bytes.subarray(at, at + 32) : null };
    if (!MOVES[order.kind]) return order;
    const reference = new TextDecoder().decode(bytes.subarray(BODY + 16, BODY + 48)).replace(/\0+$/, "");
    if (order.kind !== 5) return { ...order, reference };
    return { ...order, reference, start: Number(view.getBigInt64(BODY + 56)), end: Number(view.getBigInt64(BODY + 64)), cents: Number(view.getBigInt64(BODY + 72)) };
};
