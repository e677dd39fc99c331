/* "3 s ago", "in 2 d 4 h": for live parts. */
import { t } from "./words.js";
import { duration } from "./format.js";

/** @param {number} milliseconds since then */
export const ago = (milliseconds) => {
    const s = Math.max(0, Math.round(milliseconds / 1000));
    if (s < 60) return t("ago.s", { n: s });
    if (s < 3600) return t("ago.min", { n: Math.floor(s / 60) });
    return s < 86_400 ? t("ago.h", { n: Math.floor(s / 3600) }) : t("ago.d", { n: Math.floor(s / 86_400) });
};
/** @param {number} seconds until then */
export const inTime = (seconds) => (seconds < 60 ? t("now") : t("in", { time: duration(seconds) }));
