/* Passkeys, by what the browser has: bytes go in and out in base64. */
import { fromBase64, sha256, toBase64, utf8 } from "./bytes.js";
import { Problem } from "./api.js";

/** Can one be used on this page? @param {string | null | undefined} site for which they are made, as the server says */
export const passkeysFit = (site) => Boolean(site && globalThis.PublicKeyCredential && (location.hostname === site || location.hostname.endsWith("." + site)));

const text = (buffer) => toBase64(new Uint8Array(buffer));
const listed = (ids) => ids.map((id) => ({ type: /** @type {const} */ ("public-key"), id: fromBase64(id) }));
/* before the server's challenge, so that none it could choose is an order's hash: a sign-in never signs an order */
const QUESTION = utf8("kontor-question/v1\0");
const WAIT_MS = 240_000, ALGORITHMS = [-7, -8, -257];

/* null: the person has thought better of it */
const asked = async (run) => {
    try {
        return await run();
    } catch (error) {
        if (error.name === "NotAllowedError" || error.name === "AbortError") return null;
        throw new Problem(0, { code: error.name === "InvalidStateError" ? "passkey-taken" : "passkey-browser", detail: error.message }, null);
    }
};
/** @param {any} wish what the server asks for */
export const makePasskey = (wish) => asked(async () => {
    const made = /** @type {any} */ (await navigator.credentials.create({ publicKey: {
        challenge: fromBase64(wish.challenge), rp: { id: wish.site, name: "Kontor" }, timeout: WAIT_MS, attestation: "none",
        user: { id: fromBase64(wish.user.handle), name: wish.user.name, displayName: wish.user.display },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })), excludeCredentials: listed(wish.known),
        authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
    } }));
    return { question: wish.question, client: text(made.response.clientDataJSON), object: text(made.response.attestationObject) };
});
/** Asked to sign these bytes, always with a PIN, a finger or a face. @param {Uint8Array} bytes @param {string} site @param {string[]} credentials */
export const usePasskeyFor = (bytes, site, credentials) => asked(async () => {
    const said = /** @type {any} */ (await navigator.credentials.get({ publicKey: {
        challenge: /** @type {any} */ (await sha256(bytes)), rpId: site, timeout: WAIT_MS, allowCredentials: listed(credentials), userVerification: "required",
    } }));
    const { clientDataJSON, authenticatorData, signature } = said.response;
    return { credential: text(said.rawId), client: text(clientDataJSON), data: text(authenticatorData), signature: text(signature) };
});
/** @param {any} question the server's; with `known`, of one whose password was right */
export const usePasskey = (question) => asked(async () => {
    const said = /** @type {any} */ (await navigator.credentials.get({ publicKey: {
        challenge: /** @type {any} */ (await sha256(QUESTION, fromBase64(question.challenge))), rpId: question.site, timeout: WAIT_MS,
        allowCredentials: listed(question.known ?? []), userVerification: question.known ? "preferred" : "required",
    } }));
    const { clientDataJSON, authenticatorData, signature, userHandle } = said.response;
    return { question: question.question, credential: text(said.rawId), client: text(clientDataJSON), data: text(authenticatorData), signature: text(signature), ...(userHandle?.byteLength && { handle: text(userHandle) }) };
});
