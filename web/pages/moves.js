/* /programme/moves: what did not stay at its site, and why. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { Head } from "../parts/frame.js";
import { Moves, movesAhead } from "../parts/moves.js";

export const first = ({ query }) => movesAhead("/v1/programme/moves", query);

export default ({ query }) => html`<${Moves} path="/v1/programme/moves" here="/programme/moves" query=${query} head=${html`<${Head} title=${t("nav.moves")} sub=${t("moves.sub")} />`} />`;
