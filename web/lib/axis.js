/* Round steps for axes. Plain function. */
const STEPS = [1n, 2n, 5n];
/** Round steps for an axis from zero: at most five of them. @param {bigint} most whole credits */
export const axis = (most) => {
    let unit = 1n;
    for (;;) {
        for (const s of STEPS) if (most <= s * unit * 4n) return Array.from({ length: Number((most + s * unit - 1n) / (s * unit)) + 1 }, (_, i) => BigInt(i) * s * unit);
        unit *= 10n;
    }
};
