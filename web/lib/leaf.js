/* What this browser can work out of an entry by itself: the hash of its leaf, SHA-256(0x00 ‖ entry). */
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const toHex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");

/** @param {string} hex the entry's bytes @returns {Promise<string>} hex */
export const leafHash = async (hex) => {
    const entry = fromHex(hex);
    const leaf = new Uint8Array(entry.length + 1);
    leaf.set(entry, 1);
    return toHex(await crypto.subtle.digest("SHA-256", leaf));
};
/** The header's own words in those bytes: index and amount, read here and not taken from the server's JSON. */
export const headerOf = (hex) => {
    const view = new DataView(fromHex(hex).buffer);
    return { version: view.getUint16(0), kind: view.getUint16(2), index: view.getBigUint64(4), time: view.getBigUint64(12), amount: view.getBigUint64(48) };
};
