/* What a reservation's figures mean. Plain functions. */
import { big } from "./format.js";

const OPEN = new Set(["issued", "permitted", "running", "open", "cancelling", "ended", "disputed"]);
export const isOpen = (r) => OPEN.has(r.state);
export const isRunning = (r) => r.state === "running" || r.state === "open" || r.state === "cancelling";
export const isComing = (r) => r.state === "issued" || r.state === "permitted";
export const isEnded = (r) => !isRunning(r) && !isComing(r);
/** The latest time at which a job ends: known from its start, else the end of its window. ms */
export const endOf = (r) => Date.parse(r.next?.find((n) => n.what === "finished")?.by ?? r.window.end);
/** May its holder still cancel it? */
export const mayCancel = (r) => ["issued", "permitted", "running", "open"].includes(r.state);
/** The account of the batch system that an allocation opens at its site. */
export const accountOf = (r) => `kontor-${r.ticket?.jti ?? r.id}`;
/** What stands in the bar: settled, reported but not settled, the rest still held. gpums */
export const costs = (r) => {
    const most = big(r.cost_at_most_gpums), settled = big(r.settled_gpums), held = big(r.held_gpums);
    const reported = big(r.reported?.cost_gpums);
    return { most, settled, held, reported, soFar: reported > settled ? reported : settled, returned: most - settled - held };
};
