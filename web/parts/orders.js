/* What pages of orders share. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { State } from "./state.js";

const LOOKS = { proposed: "coming", approved: "coming", in_journal: "granted", withdrawn: "cancelled", refused: "refused", lapsed: "lapsed" };
/** @param {{state: string}} props */
export const OrderState = ({ state }) => html`<${State} name=${LOOKS[state]} words=${t("orders.state." + state)} />`;
