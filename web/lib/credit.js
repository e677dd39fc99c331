/* What a grant's figures mean for its holder: pace, what will lapse, the line of unspent credits. Plain functions. */
import { big } from "./format.js";

const DAY = 86_400_000;
const WINDOW_DAYS = 14;

/**
 * The forecast of a grant at its present pace.
 * @param {any} grant @param {any[]} entries its newest entries, newest first @param {number} now ms @param {boolean} more older ones are missing:
 *   then the pace is that of the time which they cover
 * @returns {{pace: bigint, lapsing: bigint, used: bigint, needed: bigint, daysLeft: number, known: boolean}} gpums; pace and needed a day
 */
export const forecast = (grant, entries, now, more = false) => {
    const start = Date.parse(grant.start), end = Date.parse(grant.end);
    const free = big(grant.free_gpums);
    const daysLeft = Math.max(0, (end - now) / DAY);
    const covered = more && entries.length ? now - Date.parse(entries.at(-1).time) : Infinity;
    const span = Math.min(WINDOW_DAYS * DAY, now - start, covered);
    const settled = entries.filter((e) => Date.parse(e.time) > now - WINDOW_DAYS * DAY)
        .reduce((sum, e) => sum + (e.kind === "SETTLE" ? big(e.amount_gpums) : e.kind === "CORRECT" ? -big(e.amount_gpums) : 0n), 0n);
    const known = now - start >= DAY && span > 0 && settled > 0n;
    const pace = known ? (settled * BigInt(DAY)) / BigInt(Math.round(span)) : 0n;
    const ahead = (pace * BigInt(Math.round(daysLeft * 1000))) / 1000n;
    const used = known ? (ahead < free ? ahead : free) : free;
    const needed = daysLeft > 0 ? (free * 1000n) / BigInt(Math.max(1, Math.round(daysLeft * 1000))) : 0n;
    return { pace, lapsing: free - used, used, needed, daysLeft, known };
};

/**
 * Unspent credits over time, backwards from today's figure: [ms, gpums] in order.
 * @param {any} grant @param {any[]} entries newest first, whole or the newest part @param {boolean} more older ones are missing
 */
export const unspentLine = (grant, entries, now, more = false) => {
    let unspent = big(grant.granted_gpums) - big(grant.settled_gpums) - big(grant.clawed_back_gpums) - big(grant.lapsed_gpums);
    const points = [[now, unspent]];
    for (const e of entries) {
        const at = Date.parse(e.time);
        const amount = big(e.amount_gpums);
        if (e.kind === "SETTLE" || e.kind === "CLAWBACK" || e.kind === "LAPSE") {
            points.push([at, unspent]);
            unspent += amount;
            points.push([at, unspent]);
        } else if (e.kind === "CORRECT") {
            points.push([at, unspent]);
            unspent -= amount;
            points.push([at, unspent]);
        }
    }
    if (!more) points.push([Math.min(Date.parse(grant.start), points.at(-1)[0]), unspent]);
    return points.reverse();
};

/** The grant that matters most now: active, the one that ends first with anything left; else the newest. */
export const mainGrant = (grants) => {
    const active = grants.filter((g) => g.state === "active");
    const left = active.filter((g) => big(g.free_gpums) + big(g.held_gpums) > 0n);
    return [...(left.length ? left : active)].sort((a, b) => Date.parse(a.end) - Date.parse(b.end))[0] ?? grants[0] ?? null;
};
