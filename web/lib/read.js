/* What is read from the server to prove an entry: bytes, paths, receipts, keys. */
import { Problem, get, lately, remembered } from "./api.js";
import { fromHex } from "./bytes.js";
import { KINDS } from "./kinds.js";

const text = async (path) => {
    const reply = await fetch(path, { cache: "no-store", credentials: "same-origin" });
    if (reply.ok) return reply.text();
    const problem = await reply.json().catch(() => null);
    throw new Problem(reply.status, problem, { method: "GET", path });
};
/** What the journal says of itself: keys, policy, witnesses. Those who attest are the same sites once more. */
export const readJournal = async () => {
    const [head, watching] = await Promise.all([remembered("/v1/journal")?.data ?? lately("/v1/journal"), lately("/v1/journal/witnesses")]);
    return { ...head, policy: watching.quorum.asked ? await text("/v1/journal/policy") : null, witnesses: watching.witnesses.filter((w) => w.role !== "attest") };
};
const bytes = async (path) => {
    const reply = await fetch(path, { credentials: "same-origin" });
    if (!reply.ok) throw new Problem(reply.status, null, { method: "GET", path });
    return new Uint8Array(await reply.arrayBuffer());
};
/** What the browser reads to prove an entry. */
export const READ = { bytes: (i) => bytes(`/v1/journal/entries/${i}/bytes`), path: (i, size) => text(`/v1/journal/entries/${i}/receipt?size=${size}`), receipt: (i) => text(`/v1/journal/entries/${i}/receipt`), journal: readJournal, kinds: KINDS,
    assertions: async (i) => (await get(`/v1/journal/entries/${i}/evidence`)).assertions.map((a) => fromHex(a.assertion ?? "")) };
