/* Orders signed by passkeys, as they lie beside the journal (schema/journal/assertion.md): the same checks as `kontor-audit`, by WebCrypto. */
import { joined, same, sha256, signed, toBase64, utf8 } from "./bytes.js";

const start = (cose, ...head) => same(cose.subarray(0, head.length), head);
const url64 = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
/** The two numbers of a signature of ES256 in DER, 32 bytes each, neither negative nor longer than it need be; null: it is none.
 * @param {Uint8Array} der */
const fromDer = (der) => {
    const number = (at) => {
        const length = der[at + 1], raw = der.subarray(at + 2, at + 2 + length), from = Math.max(0, length - 32);
        const shortest = raw[0] < 128 && (length === 1 || raw[0] > 0 || raw[1] >= 128);
        return der[at] === 2 && raw.length === length && shortest && raw.subarray(0, from).every((b) => b === 0) ? joined(new Uint8Array(Math.max(0, 32 - length)), raw.subarray(from)) : null;
    };
    if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
    const r = number(2), s = r && number(4 + der[3]);
    return r && s && 6 + der[3] + der[5 + der[3]] === der.length ? joined(r, s) : null;
};
/** @param {any} algorithm @param {any} format @param {any} key @param {any} signature @param {any} message */
const verified = async (algorithm, format, key, signature, message) => crypto.subtle.verify(algorithm, await crypto.subtle.importKey(format, key, algorithm, false, ["verify"]), signature, message);
/** Does the key sign the message? A COSE_Key has one form of each kind. @param {Uint8Array} cose @param {Uint8Array} signature @param {Uint8Array} message */
export const signedBy = async (cose, signature, message) => {
    if (cose.length === 77 && start(cose, 0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20)) {
        const numbers = fromDer(signature);
        return Boolean(numbers) && verified({ name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }, "raw", joined([4], cose.subarray(10, 42), cose.subarray(45)), numbers, message);
    }
    if (cose.length === 42 && start(cose, 0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20)) return (await signed(cose.subarray(10), signature, message)) === "good";
    if (cose.length === 272 && start(cose, 0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, 1, 0)) {
        return verified({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, "jwk", { kty: "RSA", n: url64(cose.subarray(11, 267)), e: "AQAB" }, signature, message);
    }
    return false;
};
/** What the journal has for it. @param {string} site @param {Uint8Array} cose */
export const journalKey = async (site, cose) => sha256(utf8("kontor-passkey/v1\0"), await sha256(utf8(site)), cose);

const TITLE = utf8("kontor-assertion/v1\0"), PARTS = 5, MOST = 4096, PRESENT = 1, VERIFIED = 4, MAY_BACK_UP = 8, BACKED_UP = 16, ATTESTED = 64, EXTENDED = 128, HEAD = 37;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** @param {Uint8Array} blob @returns {Uint8Array[] | null} */
const partsOf = (blob) => {
    const parts = [];
    let at = TITLE.length;
    if (blob.length > MOST || !same(blob.subarray(0, at), TITLE)) return null;
    while (parts.length < PARTS && at + 2 <= blob.length) {
        const length = blob[at] * 256 + blob[at + 1];
        parts.push(blob.subarray(at + 2, at + 2 + length));
        at += 2 + length;
    }
    return at === blob.length && parts.length === PARTS && parts.every((p) => p.length > 0) ? parts : null;
};
/** A page of the site or of a name below it, over TLS or on this machine. */
const pageIsOf = (site, origin) => {
    const found = /^(https?):\/\/([a-z0-9.-]+)(:[0-9]+)?$/.exec(origin);
    return Boolean(found) && ("." + found[2]).endsWith("." + site) && (found[1] === "https" || ("." + found[2]).endsWith(".localhost")) && !found[2].startsWith(".");
};
/** Does each name stand once? Where one stands twice, readers differ in which they take. @param {string} json that is an object */
const namedOnce = (json) => {
    const names = [];
    let depth = 0;
    for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
        if (token[0] !== "\"") depth += "{[".includes(token) ? 1 : -1;
        else if (depth === 1 && token.endsWith(":")) names.push(JSON.parse(token.slice(0, -1)));
    }
    return new Set(names).size === names.length;
};
const clientIsGood = async (client, site, message) => {
    const json = decoder.decode(client), said = JSON.parse(json);
    return namedOnce(json) && said.type === "webauthn.get" && said.challenge === url64(await sha256(message)) && (said.crossOrigin ?? false) === false && (said.topOrigin ?? null) === null && pageIsOf(site, said.origin);
};
/** A person was there, and the passkey made sure who; it attests no key, and there is nothing behind. */
const saysWho = (data) => (data[32] & (PRESENT | VERIFIED | ATTESTED)) === (PRESENT | VERIFIED) && (data[32] & (MAY_BACK_UP | BACKED_UP)) !== BACKED_UP && (data.length > HEAD) === Boolean(data[32] & EXTENDED);
/** What is wrong with it, in a few words; "": the passkey that the journal has signed these bytes.
 * @param {Uint8Array} blob @param {Uint8Array} key what the KEY entry has @param {Uint8Array} message */
export const wrongWith = async (blob, key, message) => {
    const parts = partsOf(blob);
    if (!parts) return "it cannot be read";
    const [name, cose, data, client, signature] = parts;
    try {
        const site = decoder.decode(name);
        if (!/^[a-z0-9-]([a-z0-9.-]*[a-z0-9-])?$/.test(site) || !same(await journalKey(site, cose), key)) return "it is by another passkey";
        if (!(await clientIsGood(client, site, message))) return "the passkey signed something else, or for another page";
        if (data.length < HEAD || !same(data.subarray(0, 32), await sha256(name)) || !saysWho(data)) return "the passkey did not make sure who it was, or is for another site";
        return (await signedBy(cose, signature, joined(data, await sha256(client)))) ? "" : "it does not verify";
    } catch {
        return "it cannot be read";
    }
};
