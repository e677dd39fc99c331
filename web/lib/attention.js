/* What needs a person, from what the server tells of each kind. Plain functions; amounts are BigInt. */
import { big } from "./format.js";

const DAY = 86_400_000;
/** From so many thousandths of a cap on an organisation's aid is near it. */
export const NEAR_MILLI = 800;

/** What of a grant lapses at the pace since its start; null: it is not known yet, or nothing. @param {any} grant @param {number} now ms */
export const lapsing = (grant, now) => {
    const start = Date.parse(grant.start), end = Date.parse(grant.end), free = big(grant.free_gpums);
    if (grant.state !== "active" || now - start < DAY || end <= now || free <= 0n) return null;
    const ahead = (big(grant.settled_gpums) * BigInt(end - now)) / BigInt(now - start);
    return ahead < free ? free - ahead : null;
};
/** Is there more than was read? Each list as it was answered, or null. @param {...any} lists */
export const partly = (...lists) => lists.some((list) => Boolean(list?.next || list?.more));
const since = (time) => (time ? Date.parse(time) : null);

/**
 * All of it: what waits longest first, of equals the larger; then what is to come, the largest first.
 * @param {{disputed: any[], orders: any[], sites: any[], keys: any[], mail?: any[], grants: any[], aid: any[], now: number, days?: number}} from  mail: letters that were given up
 * A dispute over what was paid holds nothing: it has no sum here, rather than 0.
 * @returns {{kind: "dispute" | "order" | "silent" | "key" | "mail" | "lapse" | "aid", of: any, gpums: bigint | null, since: number | null}[]}
 */
export const attention = ({ disputed, orders, sites, keys, mail = [], grants, aid, now, days = 30 }) => {
    const soon = grants.map((g) => ({ grant: g, gpums: lapsing(g, now) })).filter((g) => g.gpums !== null && Date.parse(g.grant.end) - now < days * DAY).sort((a, b) => (b.gpums > a.gpums ? 1 : -1));
    /** @type {any[]} */
    const all = [
        ...disputed.map((d) => ({ kind: "dispute", of: d, gpums: big(d.held_gpums) || null, since: since(d.since) })),
        ...orders.filter((o) => Date.parse(o.lapses) > now).map((o) => ({ kind: "order", of: o, gpums: big(o.order.amount_gpums) || null, since: since(o.created) })),
        ...sites.filter((s) => s.state === "silent").map((s) => ({ kind: "silent", of: s, gpums: null, since: since(s.last_contact) })),
        ...keys.map((k) => ({ kind: "key", of: k, gpums: null, since: since(k.asked) })),
        ...(mail.length ? [{ kind: "mail", of: { n: mail.length, newest: mail[0] }, gpums: null, since: Math.min(...mail.map((m) => Date.parse(m.created))) }] : []),
        ...(soon.length ? [{ kind: "lapse", of: { n: soon.length, days, largest: soon[0] }, gpums: soon.reduce((sum, g) => sum + g.gpums, 0n), since: null }] : []),
        ...aid.filter((a) => (a.granted_eur_cents + a.declared_eur_cents) * 1000 >= NEAR_MILLI * a.basis.cap_eur_cents).map((a) => ({ kind: "aid", of: a, gpums: null, since: null })),
    ];
    const larger = (a, b) => ((b.gpums ?? 0n) > (a.gpums ?? 0n) ? 1 : (b.gpums ?? 0n) < (a.gpums ?? 0n) ? -1 : 0);
    return all.sort((a, b) => (a.since ?? Infinity) === (b.since ?? Infinity) ? larger(a, b) : (a.since ?? Infinity) - (b.since ?? Infinity));
};
