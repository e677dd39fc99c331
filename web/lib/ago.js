/* "3 s ago": for live parts. */
import { t } from "./words.js";

/** @param {number} milliseconds since then */
export const ago = (milliseconds) => {
    const s = Math.max(0, Math.round(milliseconds / 1000));
    if (s < 60) return t("ago.s", { n: s });
    if (s < 3600) return t("ago.min", { n: Math.floor(s / 60) });
    return s < 86_400 ? t("ago.h", { n: Math.floor(s / 3600) }) : t("ago.d", { n: Math.floor(s / 86_400) });
};
