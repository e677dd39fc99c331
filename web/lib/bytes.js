/* Bytes, hexadecimal, base64, SHA-256 and Ed25519 by the browser's own WebCrypto. */
const encoder = new TextEncoder();

export const utf8 = (text) => encoder.encode(text);
export const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
export const toHex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
/** Canonical base64 only; null if it is none. */
export const fromBase64 = (text) => {
    try {
        const raw = atob(text);
        return btoa(raw) === text ? Uint8Array.from(raw, (c) => c.charCodeAt(0)) : null;
    } catch {
        return null;
    }
};
export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
export const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
export const joined = (...parts) => {
    const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
    let at = 0;
    for (const part of parts) {
        all.set(part, at);
        at += part.length;
    }
    return all;
};
export const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {any} */ (joined(...parts))));

/** Does this key's signature stand under these bytes? "cannot": this browser has no Ed25519. Never a silent pass.
 * @returns {Promise<"good" | "bad" | "cannot">} */
export const signed = async (/** @type {any} */ key, /** @type {any} */ signature, /** @type {any} */ message) => {
    let made;
    try {
        made = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    } catch {
        return "cannot";
    }
    return (await crypto.subtle.verify({ name: "Ed25519" }, made, signature, message)) ? "good" : "bad";
};
