/* /site/{site}/moves: what this site did not keep, what cannot stay here now, and why. */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { siteName, useSites } from "../lib/sites.js";
import { to } from "../lib/router.js";
import { Head } from "../parts/frame.js";
import { Moves, movesAhead } from "../parts/moves.js";

export const first = ({ params, query }) => movesAhead(`/v1/sites/${params.site}/moves`, query);

export default ({ params, query }) => {
    const { sites } = useSites();
    const head = html`<${Head} title=${t("nav.moves")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${siteName(sites.get(params.site), params.site)}</a> / ${t("nav.moves")}`} sub=${t("moves.sub.site")} />`;
    return html`<${Moves} path=${`/v1/sites/${params.site}/moves`} here=${`/site/${params.site}/moves`} query=${query} head=${head} />`;
};
