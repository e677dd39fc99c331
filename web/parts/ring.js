/* Countdown ring: steps once a second; what is left is said at two minutes and at thirty seconds. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { clock, countdown } from "../lib/format.js";
import { useNow } from "../lib/use.js";
import { Say } from "./note.js";

const R = 19, ROUND = 2 * Math.PI * R;
/** @param {{until: string, total?: number, onEnd?: () => void}} props total: seconds of a full ring */
export const Ring = ({ until, total = 600, onEnd }) => {
    const now = useNow(1000);
    const left = Math.min(total, Math.max(0, (Date.parse(until) - now) / 1000));
    const [said, say] = useState("");
    const ended = useRef(false);
    const before = useRef(left);
    useEffect(() => {
        if (left <= 30 && left > 0 && before.current > 30) say(t("ring.half"));
        else if (left <= 120 && left > 30 && before.current > 120) say(t("ring.two"));
        before.current = left;
        if (left === 0 && !ended.current) {
            ended.current = true;
            say(t("ring.over"));
            onEnd?.();
        }
        if (left > 0) ended.current = false;
    }, [Math.ceil(left)]);
    return html`
        <div class=${left < 60 ? "ring card late" : "ring card"}>
            <svg viewBox="0 0 44 44" aria-hidden="true"><circle class="track" cx="22" cy="22" r=${R} />
                <circle class="left" cx="22" cy="22" r=${R} stroke-dasharray=${`${(Math.min(1, left / total) * ROUND).toFixed(1)} ${ROUND.toFixed(1)}`} transform="rotate(-90 22 22)" /></svg>
            <div><b role="timer" aria-live="off">${countdown(left)}</b><span class="hint">${left > 0 ? t("ring.until", { time: clock(until) }) : t("ring.ended")}</span></div>
            <${Say}>${said}<//>
        </div>`;
};
