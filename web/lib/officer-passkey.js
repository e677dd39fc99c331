/* Passkeys that sign orders (schema/journal/assertion.md). That a passkey has the key which the server names is verified here, by a signature of
 * its own, before its fingerprint is read out to anybody: a server cannot put another in its place. */
import { journalKey, signedBy } from "./assertion.js";
import { fromBase64, fromHex, joined, sha256, toHex, utf8 } from "./bytes.js";
import { rememberKey } from "./officer-key.js";
import { usePasskeyFor } from "./passkey.js";

/** Ask for this passkey as a key: what the server wants to have; null: the person has thought better of it; "differs": the passkey has not the
 * key that the server names. @param {any} p one of one's own, as the server has it @param {{site: string, genesis: string, person: string}} of */
export const askWith = async (p, { site, genesis, person }) => {
    const cose = fromBase64(p.cose), key = await journalKey(site, cose);
    const said = await usePasskeyFor(joined(utf8("kontor-officer-key/v1\0"), fromHex(genesis), fromHex(person.replaceAll("-", "")), key), site, [p.credential]);
    if (!said) return null;
    const data = fromBase64(said.data);
    if (!(await signedBy(cose, fromBase64(said.signature), joined(data, await sha256(fromBase64(said.client)))).catch(() => false))) return "differs";
    await rememberKey(toHex(key));
    return { passkey: p.id, client: said.client, data: said.data, signature: said.signature };
};
/** Sign an order with one of these: its key's number and what it says. @param {Uint8Array} bytes @param {any[]} passkeys `you.passkeys` of the order */
export const signWithPasskey = async (bytes, passkeys) => {
    const said = await usePasskeyFor(bytes, passkeys[0].site, passkeys.map((p) => p.credential));
    const used = said && passkeys.find((p) => p.credential === said.credential);
    return used ? { key: used.key, client: said.client, data: said.data, signature: said.signature } : null;
};
