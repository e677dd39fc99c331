/* A site's calendar as numbers to draw and to tell: plain functions of what /v1/sites/{code}/calendar answers. */

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** The same with nothing said of the first columns. @param {{capacity: (number|null)[], free: (number|null)[]}} c @param {number} first */
export const since = ({ capacity, free }, first) => {
    const late = (list) => list.map((n, i) => (i < first ? null : n));
    return { capacity: late(capacity), free: late(free) };
};

/** Stretches of equal columns. @param {{capacity: (number|null)[], free: (number|null)[]}} c @returns {{at: number, n: number, capacity: number, free: number}[]} */
export const stretches = ({ capacity, free }) => {
    const list = [];
    capacity.forEach((cap, i) => {
        if (cap === null) return;
        const last = list.at(-1);
        const can = Math.min(cap, free[i]);
        if (last && last.at + last.n === i && last.capacity === cap && last.free === can) last.n++;
        else list.push({ at: i, n: 1, capacity: cap, free: can });
    });
    return list;
};

/** What stands out: the most that is offered, the least that is free and in which column, and where less is offered than else. */
export const outline = ({ capacity, free }) => {
    const known = capacity.map((cap, i) => ({ cap, free: free[i], i })).filter((c) => c.cap !== null);
    const most = Math.max(0, ...known.map((c) => c.cap));
    const least = known.reduce((a, c) => (!a || c.free < a.free ? c : a), null);
    const cut = known.filter((c) => c.cap < most);
    return { most, least: least?.free ?? 0, leastAt: least?.i ?? 0, cut: cut.length ? { from: cut[0].i, to: cut.at(-1).i + 1, least: Math.min(...cut.map((c) => c.cap)) } : null };
};

/** Days of the columns: what is offered at least, and free at least and at most. @returns {{at: number, capacity: number, free: number, most: number}[]} */
export const days = ({ capacity, free, most_free: most }, perDay) => {
    const list = [];
    for (let at = 0; at < capacity.length; at += perDay) {
        const known = Array.from({ length: perDay }, (_, k) => at + k).filter((i) => i < capacity.length && capacity[i] !== null);
        if (known.length) list.push({ at, capacity: Math.min(...known.map((i) => capacity[i])), free: Math.min(...known.map((i) => free[i])), most: Math.max(...known.map((i) => most[i])) });
    }
    return list;
};

/**
 * Rows in which bars do not meet, at most so many; what finds no row is left to the table.
 * @param {{from: number, to: number, id?: string}[]} bars
 * @param {number} most
 */
export const lanes = (bars, most) => {
    const ends = [];
    return [...bars].sort((a, b) => a.from - b.from).flatMap((bar) => {
        let row = ends.findIndex((end) => end <= bar.from);
        if (row < 0) row = ends.length;
        if (row >= most) return [];
        ends[row] = bar.to;
        return [{ ...bar, row }];
    });
};
