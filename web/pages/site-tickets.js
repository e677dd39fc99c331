/* /site/{site}/tickets: signed orders, newest first; of one state, or all. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Tickets } from "../parts/site-bits.js";
import { TableTools } from "../parts/table.js";

await more("../messages/LANG.site.json");

const STATES = ["", "issued", "permitted", "running", "open", "cancelling", "ended", "disputed", "settled", "voided"];

const KEYS = { seq: (k) => k.seq, start: (k) => k.window?.start ?? "", used: (k) => k.gpu_seconds ?? -1 };

const pathOf = ({ site }, state, cursor) => `/v1/sites/${site}/tickets?limit=50${state && "&state=" + state}${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`;
export const first = ({ params, query }) => ahead(pathOf(params, query.get("state") ?? "", query.get("cursor")), "/v1/sites");

export default ({ params, query }) => {
    const cursor = query.get("cursor");
    const state = STATES.includes(query.get("state") ?? "") ? query.get("state") ?? "" : "";
    const here = `/site/${params.site}/tickets`;
    const { data, error, reload } = useData(pathOf(params, state, cursor), { every: cursor ? 0 : 10_000 });
    const { sites } = useSites();
    const name = siteName(sites.get(params.site), params.site);
    const head = html`<${Head} title=${t("nav.tickets")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${name}</a> / ${t("nav.tickets")}`} sub=${t("site.tickets.sub")} />
        <nav class="tabs" aria-label=${t("site.tickets.which")}>${STATES.map((s) => html`<a key=${s} href=${to(here, { state: s })} aria-current=${s === state ? "page" : undefined}>${s ? t("state." + s) : t("site.tickets.all")}</a>`)}</nav>`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length && !cursor && !state) return html`${head}<${Empty} title=${t("site.tickets.none")}>${t("site.tickets.none.text")}<//>`;
    return html`
        ${head}
        <${TableTools} query=${query} path=${`/v1/sites/${params.site}/tickets`} filter=${{ state }} pages=${Boolean(cursor || data.next)} columns=${[["seq", t("ticket")], ["start", t("ticket.window")], ["used", t("site.reported")]]} />
        <div class="card">${data.items.length ? html`<${Tickets} items=${arrange(data.items, query, KEYS)} caption=${t("nav.tickets")} />` : html`<p class="second">${t("site.tickets.none-here")}</p>`}
            ${(cursor || data.next) && html`<div class="pager">${cursor && html`<${Button} small href=${to(here, { state })}>${t("newest")}<//>`}${data.next && html`<${Button} small href=${to(here, { state, cursor: data.next })}>${t("older")}<//>`}</div>`}
        </div>`;
};
