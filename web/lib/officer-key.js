/* A key that signs orders, made in this browser and never leaving it: WebCrypto lets it sign and nobody read it. It is kept in this browser's
 * own store (IndexedDB), by its public half; whoever clears that store asks for a new one. */
import { fromHex, joined, sha256, toHex, utf8 } from "./bytes.js";

const STORE = "officer-keys";
/** @returns {Promise<IDBDatabase>} */
const opened = () => new Promise((done, failed) => {
    const asked = indexedDB.open("kontor", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE);
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
});
/** @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest} act */
const inStore = async (mode, act) => {
    const db = await opened();
    try {
        return await new Promise((done, failed) => {
            const asked = act(db.transaction(STORE, mode).objectStore(STORE));
            asked.onsuccess = () => done(asked.result);
            asked.onerror = () => failed(asked.error);
        });
    } finally {
        db.close();
    }
};
const bytesOfUuid = (id) => fromHex(id.replaceAll("-", ""));

/** A new key, kept here; its public half, and the proof that this browser has the other. null: this browser has no Ed25519.
 * @param {string} genesis @param {string} person */
export const makeKey = async (genesis, person) => {
    /** @type {any} */
    let pair;
    try {
        pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    } catch {
        return null;
    }
    const key = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    await inStore("readwrite", (store) => store.put(pair.privateKey, toHex(key)));
    const statement = joined(utf8("kontor-officer-key/v1\0"), fromHex(genesis), bytesOfUuid(person), key);
    return { key, proof: new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, statement)) };
};
/** The private half of this public key (hexadecimal), if this browser has it. */
export const keptKey = async (hex) => (await inStore("readonly", (store) => store.get(hex)).catch(() => null)) ?? null;
/** A passkey whose key was seen here, by what the journal has of it. */
export const rememberKey = (hex) => inStore("readwrite", (store) => store.put({ passkey: true }, hex));
/** Of what the journal has of a key: the first half of its SHA-256, in groups of four. @param {string} hex */
export const fingerprintOf = async (hex) => toHex((await sha256(fromHex(hex))).subarray(0, 16)).replace(/(.{4})(?=.)/g, "$1 ");
/** @param {CryptoKey} key @param {Uint8Array} bytes */
export const signWith = async (key, bytes) => new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, key, /** @type {any} */ (bytes)));
