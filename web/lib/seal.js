/* Sealing to a site's key: HPKE (RFC 9180), mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, by the browser's
 * own WebCrypto, and whether that key is the site's (docs/security.md, docs/site-protocol.md). What cannot be done here is
 * said, never done in another way. */
import { fromBase64, fromHex, joined, same, sha256, signed, toBase64, toHex, utf8 } from "./bytes.js";
import { keyIn } from "./entry-bytes.js";
import { prove } from "./prove.js";
import { Wrong } from "./tlog.js";

const KEM = joined(utf8("KEM"), new Uint8Array([0, 0x20])), SUITE = joined(utf8("HPKE"), new Uint8Array([0, 0x20, 0, 1, 0, 2]));
const PAD = 64;
const EMPTY = new Uint8Array(0);

/* ---- HPKE ---- */

const labelled = (suite, label, ikm) => joined(utf8("HPKE-v1"), suite, utf8(label), ikm);
const lengthed = (suite, label, info, length) => joined(new Uint8Array([length >> 8, length & 255]), labelled(suite, label, info));
/** Extract and expand in one, as WebCrypto has it. */
const derive = async (salt, ikm, info, length) => {
    const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, 8 * length));
};
/** Extract alone, with the empty salt: HMAC fills its key up with zeros. */
const extract = async (label, ikm) => {
    const key = await crypto.subtle.importKey("raw", new Uint8Array(32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, /** @type {any} */ (labelled(SUITE, label, ikm))));
};
/**
 * One sealing. `once`: the pair of keys that is used for this only; a test brings its own.
 * @param {Uint8Array} to public key @param {Uint8Array} info @param {Uint8Array} text @param {{aad?: Uint8Array, once?: CryptoKeyPair}} [more]
 */
export const seal = async (to, info, text, { aad = EMPTY, once } = {}) => {
    const pair = once ?? /** @type {CryptoKeyPair} */ (await crypto.subtle.generateKey("X25519", false, ["deriveBits"]));
    const enc = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    const theirs = await crypto.subtle.importKey("raw", /** @type {any} */ (to), "X25519", true, []);
    const dh = new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: theirs }, pair.privateKey, 256));
    if (dh.every((b) => b === 0)) throw new Wrong("nothing can be sealed to this key");
    const shared = await derive(EMPTY, labelled(KEM, "eae_prk", dh), lengthed(KEM, "shared_secret", joined(enc, to), 32), 32);
    const context = joined(new Uint8Array([0]), await extract("psk_id_hash", EMPTY), await extract("info_hash", info));
    const secret = labelled(SUITE, "secret", EMPTY);
    const raw = await derive(shared, secret, lengthed(SUITE, "key", context, 32), 32), iv = await derive(shared, secret, lengthed(SUITE, "base_nonce", context, 12), 12);
    const key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt"]);
    return { enc, ciphertext: new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: /** @type {any} */ (aad) }, key, /** @type {any} */ (text))) };
};

/* ---- Kontor's ---- */

/** What a secret is bound to: the organisation, whose user at the site runs it, the request, the SHA-256 of the script that may read it, its name. */
export const infoOf = (organisation, request, workload, name) => joined(utf8("kontor-secret/v1\0"), ...[organisation, request].map((id) => fromHex(id.replaceAll("-", ""))), workload, utf8(name));
/** A value, filled up with zeros so that its length does not tell much. @param {string} value */
export const filled = (value) => {
    const bytes = utf8(value);
    return joined(bytes, new Uint8Array(bytes.length % PAD || !bytes.length ? PAD - (bytes.length % PAD) : 0));
};
/**
 * The body of an acceptance's `secrets`. The script's hash is worked out here, of the script that is shown: Wrong if the server's is another.
 * @param {{key: string, x25519: string}} to @param {{id: string, organisation: {id: string}, script: string, script_sha256: string}} request @param {[string, string][]} values by name
 */
export const sealAll = async (to, request, values) => {
    const workload = await sha256(utf8(request.script));
    if (toHex(workload) !== request.script_sha256) throw new Wrong("the script is not the one that the server names");
    const sealed = [];
    for (const [name, value] of values) {
        const one = await seal(fromBase64(to.x25519), infoOf(request.organisation.id, request.id, workload, name), filled(value));
        sealed.push({ name, enc: toBase64(one.enc), ciphertext: toBase64(one.ciphertext) });
    }
    return { key: to.key, sealed };
};

const need = (fits, why) => {
    if (!fits) throw new Wrong(why);
};
/**
 * Is this the site's key? Its own agent signed it, with the key that an entry KEY of the journal makes known, for this site and
 * this journal. No verdict of the server's is taken.
 * @param {any} site as GET /v1/sites has it, with a `seal` @param {any} shown the entry `seal.by`, as the server shows it @param {any} read as prove() takes it
 * @returns {Promise<{is: "good" | "bad" | "cannot", why: string, found: any}>} found: what prove() found of the entry
 */
export const checkSeal = async (site, shown, read) => {
    const { key, x25519, signature, by, ed25519, genesis } = site.seal;
    const open = fromBase64(x25519);
    let found = null;
    try {
        need(open?.length === 32 && toHex(await sha256(open)) === key, "the fingerprint is another key's");
        found = await prove(by, shown, read);
        need(found.is !== "bad", `entry ${by} does not verify: ${found.steps.find((s) => s.is === "bad")?.why}`);
        const known = keyIn(fromHex(shown.bytes));
        need(known?.use === "site" && known.site === BigInt(site.index), `entry ${by} makes no key of this site known`);
        need(same(known.key, fromBase64(ed25519) ?? EMPTY), `entry ${by} makes another key known`);
        const first = await sha256(await read.bytes(0n));
        need(toHex(first) === genesis, "entry 0 is another one");
        const number = new Uint8Array(8);
        new DataView(number.buffer).setBigUint64(0, BigInt(site.index));
        const is = await signed(known.key, fromBase64(signature) ?? EMPTY, joined(utf8("kontor-seal/v1\0"), first, number, open));
        need(is !== "bad", "the agent's signature is not one of this key");
        return { is: is === "good" && found.is === "good" ? "good" : "cannot", why: "", found };
    } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        return { is: "bad", why: error.message, found };
    }
};
