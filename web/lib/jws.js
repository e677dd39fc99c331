/* Check a compact JWS with Ed25519 in this browser. Never a silent pass: the answer is "good", "bad" or "cannot". */
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
export const header = (jws) => JSON.parse(new TextDecoder().decode(bytes(jws.split(".")[0])));
export const claims = (jws) => JSON.parse(new TextDecoder().decode(bytes(jws.split(".")[1])));

/** @param {string} jws @param {{keys: any[]}} jwks @returns {Promise<"good" | "bad" | "cannot">} */
export const verify = async (jws, jwks) => {
    const [head, body, signature] = jws.split(".");
    const { alg, kid } = header(jws);
    const key = jwks.keys.find((k) => String(k.kid) === String(kid) && k.kty === "OKP" && k.crv === "Ed25519");
    if (alg !== "EdDSA" || !key) return "bad";
    let made;
    try {
        made = await crypto.subtle.importKey("jwk", { kty: "OKP", crv: "Ed25519", x: key.x }, { name: "Ed25519" }, false, ["verify"]);
    } catch {
        return "cannot"; /* no Ed25519 in this browser, or no secure context */
    }
    return (await crypto.subtle.verify({ name: "Ed25519" }, made, bytes(signature), new TextEncoder().encode(`${head}.${body}`))) ? "good" : "bad";
};
