/* Is the reason for a "no" one? Blocked times prove that no window of the length asked starts before the end if whatever they
 * leave over is shorter than that. Told by the definition alone, without the calendar or the search that wrote them, as
 * core/certificate.c does in the server. Plain functions; times in ms. */

const SLOT_MS = 900_000, DAY_MS = 86_400_000;

/**
 * @typedef {{gpus: number, length: number, from: number, until: number, blocked: {from: number, to: number, free: number}[], more: number, nights?: {count: number, dusk: number, hours: number}}} Certificate
 *   no window of `length` ms with so many GPUs lies within [from, until); more: how many blocked times are not listed
 *   nights: none at one time of day on so many nights in a row, within the hours that begin `dusk` ms after midnight UTC and last `hours` ms
 */

const timeOfDay = (text) => (Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) * 60_000;
/** What a refusal claims, or null if it has no blocked times, or speaks of nights and these are not known. @returns {Certificate | null} */
export const claimOf = (refusal, from, nights) => {
    const n = refusal.numbers ?? {};
    if (!refusal.certificate?.length || !n.deadline || (refusal.code === "nights" && !nights)) return null;
    const dusk = nights ? timeOfDay(nights.from) : 0;
    return { gpus: n.gpus, length: n.length_s * 1000, from, until: Date.parse(n.deadline), more: refusal.certificate_more ?? 0,
        ...(refusal.code === "nights" && { nights: { count: nights.count, dusk, hours: (timeOfDay(nights.until) - dusk + DAY_MS) % DAY_MS || DAY_MS } }),
        blocked: refusal.certificate.map((b) => ({ from: Date.parse(b.from), to: Date.parse(b.to), free: b.free })) };
};

/** The times between the blocked ones, in order; of what is not listed nothing is said. @param {Certificate} c */
export const gapsOf = ({ from, until, blocked, more }) => {
    const gaps = [];
    let at = from;
    for (const b of blocked) {
        if (b.from > at) gaps.push({ from: at, to: b.from });
        at = Math.max(at, b.to);
    }
    if (!more && until > at) gaps.push({ from: at, to: until });
    return gaps;
};

/**
 * proves: no window is left. part: none up to the last blocked time that is listed. enough: a blocked time has the GPUs.
 * disorder: they are not in order. gap: a window fits between them.
 * @param {Certificate} c @returns {{says: "proves" | "part" | "enough" | "disorder" | "gap", until: number}}
 */
export const check = (c) => {
    let at = -Infinity;
    for (const b of c.blocked) {
        if (!(b.to > b.from) || b.from < at) return { says: "disorder", until: b.from };
        if (b.free >= c.gpus) return { says: "enough", until: b.from };
        at = b.to;
    }
    const wide = gapsOf(c).find((g) => g.to - g.from >= c.length);
    if (wide) return { says: "gap", until: wide.from };
    return { says: c.more ? "part" : "proves", until: c.more ? at : c.until };
};

/**
 * The same of nights: every run of them, at each time of day that their hours allow, has a blocked time in one of its jobs.
 * @param {Certificate} c @returns {{says: "proves" | "part" | "enough" | "disorder" | "gap", until: number}}
 */
export const checkNights = (c) => {
    const { count, dusk, hours } = c.nights ?? { count: 1, dusk: 0, hours: DAY_MS };
    const job = Math.ceil(c.length / SLOT_MS) * SLOT_MS, latest = c.until - c.length;
    let at = -Infinity;
    for (const b of c.blocked) {
        if (!(b.to > b.from) || b.from < at) return { says: "disorder", until: b.from };
        if (b.free >= c.gpus) return { says: "enough", until: b.from };
        at = b.to;
    }
    const known = new Map();
    const blocked = (start) => {
        if (!known.has(start)) known.set(start, c.blocked.some((b) => b.from < start + job && start < b.to));
        return known.get(start);
    };
    for (let night = Math.floor((c.from - dusk) / DAY_MS - 1) * DAY_MS + dusk; night + (count - 1) * DAY_MS <= latest; night += DAY_MS) {
        for (let start = night; start <= night + hours - job && start + (count - 1) * DAY_MS <= latest; start += SLOT_MS) {
            let left = start >= c.from;
            for (let n = 0; left && n < count; n++) left = !blocked(start + n * DAY_MS);
            if (left) return { says: c.more ? "part" : "gap", until: start };
        }
    }
    return { says: "proves", until: c.until };
};

/**
 * How many of the blocked times are as they were said, by the calendar as it is now. Those that are over are left out.
 * @param {Certificate} c @param {{from: number, step: number, most: (number | null)[]}} now most GPUs free in each column
 */
export const compare = (c, now) => {
    let same = 0, other = 0;
    for (const b of c.blocked) {
        const first = Math.floor((b.from - now.from) / now.step), last = Math.ceil((b.to - now.from) / now.step);
        const free = now.most.slice(Math.max(0, first), Math.max(0, last)).filter((n) => n !== null);
        if (!free.length) continue;
        if (Math.max(...free) === Math.max(0, b.free) || (first < 0 && Math.max(...free) < c.gpus)) same++;
        else other++;
    }
    return { same, other };
};

/** The addresses under which the calendar of a place stands, in slots, as far as the blocked times go. @param {Certificate} c */
export const pagesOf = (c, site, most = 3000) => {
    const pages = [];
    const last = Math.min(c.blocked.at(-1).to, c.until);
    for (let from = Math.floor(c.from / SLOT_MS) * SLOT_MS; from < last; from += most * SLOT_MS) {
        const columns = Math.min(most, Math.ceil((last - from) / SLOT_MS));
        pages.push(`/v1/sites/${site}/calendar?from=${new Date(from).toISOString()}&step_s=${SLOT_MS / 1000}&columns=${columns}`);
    }
    return pages;
};
