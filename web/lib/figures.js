/* Figures of a period, ready to draw. Plain functions; amounts are BigInt. */
import { big } from "./format.js";

/** Thousandths of the whole. */
export const milli = (part, all) => (all > 0n ? Number((part * 1000n) / all) : 0);

/** The months of the UTC calendar from one time to another (not included), as "2026-05". @param {number} from ms @param {number} to ms */
export const monthsBetween = (from, to) => {
    const months = [];
    const d = new Date(from);
    for (let [y, m] = [d.getUTCFullYear(), d.getUTCMonth()]; Date.UTC(y, m, 1) < to; m++) months.push(new Date(Date.UTC(y, m, 1)).toISOString().slice(0, 7));
    return months;
};
/** The whole months up to and with the present one: [from, to] in ms. */
export const lastMonths = (now, n) => {
    const d = new Date(now), y = d.getUTCFullYear(), m = d.getUTCMonth();
    return [Date.UTC(y, m - n + 1, 1), Date.UTC(y, m + 1, 1)];
};
/** Each month with what was paid in it, none left out. @param {{code: string, paid_gpums: string}[]} list @param {string[]} months */
export const monthly = (list, months) => {
    const paid = new Map(list.map((m) => [m.code, big(m.paid_gpums)]));
    return months.map((code) => ({ code, gpums: paid.get(code) ?? 0n }));
};
/** The first few, and the rest of the whole in one. @param {any[]} list the most first @param {number} most @param {bigint} all @param {number} [count] how many there are in all */
export const ranked = (list, most, all, count = list.length) => {
    const shown = count <= most + 1 ? list : list.slice(0, most);
    const rest = all - shown.reduce((sum, g) => sum + big(g.paid_gpums), 0n);
    return { shown, others: count - shown.length, rest };
};

/** What a site's GPU time went to, in the order in which it is drawn: [field, look of its part]. */
export const CAUSES = [["used", "settled"], ["unused", "held"], ["free", "free"], ["maintenance", "off"], ["down", "down"], ["unoffered", "none"]];
/** The same of all sites. @param {any[]} idle */
export const causes = (idle) => Object.fromEntries(["all", ...CAUSES.map(([name]) => name)].map((name) => [name, idle.reduce((sum, i) => sum + big(i[name + "_gpu_ms"]), 0n)]));
/** The cause of most that stood idle though the programme might have had it, and where most of that was; null if nothing did. @param {any[]} idle */
export const worst = (idle) => {
    const sums = causes(idle);
    const lost = ["unused", "free", "maintenance", "down"].map((name) => ({ name, gpuMs: sums[name] }));
    const all = lost.reduce((sum, l) => sum + l.gpuMs, 0n);
    if (all <= 0n) return null;
    const cause = lost.reduce((a, b) => (b.gpuMs > a.gpuMs ? b : a));
    const at = idle.reduce((a, b) => (big(b[cause.name + "_gpu_ms"]) > big(a[cause.name + "_gpu_ms"]) ? b : a));
    return { ...cause, part: milli(cause.gpuMs, all), site: at.site };
};
