/* State: icon and word on a wash. One table, from the reservation's states and ways out. */
import { html } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { Icon } from "./icon.js";

/** name: [icon, wash]; words are in the catalogue under state.NAME */
const STATES = {
    quoted: ["circle", "plain"], issued: ["send", "ochre"], delivered: ["check", "plain"], permitted: ["clock", "ochre"], running: ["play", "slate"], open: ["play", "slate"],
    ended: ["flag", "plain"], settled: ["ok", "verdigris"], cancelling: ["cross", "plain"], cancelled: ["cross", "plain"], voided: ["cross", "plain"],
    withdrawn: ["right", "plain"], rejected: ["cross", "brick"], "failed-job": ["warn", "brick"], "failed-site": ["warn", "brick"], disputed: ["warn", "brick"],
    "never-started": ["cross", "plain"], lost: ["lost", "brick"], expired: ["clock", "plain"], lapsed: ["clock", "plain"], resolved: ["scales", "plain"], moved: ["right", "plain"], "capacity-cut": ["right", "plain"], "site-silent": ["right", "plain"],
    active: ["pulse", "verdigris"], draining: ["right", "ochre"], paused: ["pause", "ochre"], silent: ["lost", "brick"], coming: ["clock", "ochre"],
    granted: ["ok", "verdigris"], refused: ["cross", "brick"],
};
/** @param {{name: string, words?: string}} props */
export const State = ({ name, words }) => {
    const [icon, wash] = STATES[name] ?? ["circle", "plain"];
    return html`<span class=${`state ${wash === "plain" ? "plain" : "wash-" + wash}`}><${Icon} name=${icon} />${words ?? (has("state." + name) ? t("state." + name) : name)}</span>`;
};
/** What a reservation is called: how it went out tells more than that it ended. */
export const stateOf = (reservation) => {
    const { state, outcome } = reservation;
    if (outcome && outcome !== "finished" && (state === "settled" || state === "voided" || state === "ended")) return outcome;
    return state;
};
