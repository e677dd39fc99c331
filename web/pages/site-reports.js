/* /site/{site}/reports */
import { html } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Reports } from "../parts/site-bits.js";

await more({ en: "../messages/en.site.json" });

export default ({ params, query }) => {
    const cursor = query.get("cursor");
    const here = `/site/${params.site}/reports`;
    const { data, error, reload } = useData(`/v1/sites/${params.site}/reports?limit=50${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`, { every: cursor ? 0 : 10_000 });
    const { sites } = useSites();
    const name = siteName(sites.get(params.site), params.site);
    const head = html`<${Head} title=${t("nav.reports")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${name}</a> / ${t("nav.reports")}`} sub=${t("site.reports.sub")} />`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length && !cursor) return html`${head}<${Empty} title=${t("site.reports.none")}>${t("site.reports.none.text")}<//>`;
    return html`
        ${head}
        <div class="card"><${Reports} items=${data.items} caption=${t("nav.reports")} />
            ${(cursor || data.next) && html`<div class="pager">${cursor && html`<${Button} small href=${to(here)}>${t("newest")}<//>`}${data.next && html`<${Button} small href=${to(here, { cursor: data.next })}>${t("older")}<//>`}</div>`}
        </div>`;
};
