/* /site/{site}/reports: by number, newest first; a number that is missing stands as a gap. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { parseWhole, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { gaps } from "../lib/reports.js";
import { siteName, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Field } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Note } from "../parts/note.js";
import { Reports } from "../parts/site-bits.js";
import { Files } from "../parts/list-files.js";

await Promise.all([more("../messages/LANG.site.json"), more("../messages/LANG.places.json", "../styles/places.css")]);

/** To a number, which then stands first. */
const Find = ({ here, newest }) => {
    const [number, set] = useState("");
    const [bad, setBad] = useState("");
    const find = (event) => {
        event.preventDefault();
        const n = parseWhole(number);
        if (n === null || n < 1) {
            setBad(t("site.find.bad"));
            event.currentTarget.querySelector("[name=number]").focus();
        } else go(to(here, { cursor: Math.min(n, newest ?? n) + 1 }));
    };
    return html`
        <form class="find" onSubmit=${find} noValidate><${Field} light name="number" label=${t("site.find")} inputmode="numeric" value=${number} error=${bad} onInput=${(v) => { set(v); setBad(""); }} />
            <${Button} submit small icon="search">${t("site.find.do")}<//></form>`;
};

const pathOf = ({ site }, cursor) => `/v1/sites/${site}/reports?limit=50${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`;
export const first = ({ params, query }) => ahead(pathOf(params, query.get("cursor")), `/v1/sites/${params.site}/agent`, "/v1/sites");

export default ({ params, query }) => {
    const cursor = query.get("cursor");
    const here = `/site/${params.site}/reports`;
    const { data, error, reload } = useData(pathOf(params, cursor), { every: cursor ? 0 : 10_000 });
    const agent = useData(`/v1/sites/${params.site}/agent`, { every: 10_000 });
    const { sites } = useSites();
    const name = siteName(sites.get(params.site), params.site);
    const head = html`<${Head} title=${t("nav.reports")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${name}</a> / ${t("nav.reports")}`} sub=${t("site.reports.sub")}><${Files} path=${`/v1/sites/${params.site}/reports`} /><//>`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    if (!data.items.length && !cursor) return html`${head}<${Empty} title=${t("site.reports.none")}>${t("site.reports.none.text")}<//>`;
    const missing = gaps(data.items, cursor ? null : agent.data?.last_report ?? null);
    return html`
        ${head}
        <div class="stack">
            <div class="between"><${Find} here=${here} newest=${agent.data?.last_report} />
                ${missing.length === 0 && data.items.length > 0 && html`<p class="small second">${t("site.no-gaps", { from: whole(data.items.at(-1).number), to: whole(data.items[0].number) })}</p>`}</div>
            ${missing.length > 0 && html`<${Note} kind="brick"><p><b>${t("site.gaps")}</b> ${t("site.gaps.text")}</p><//>`}
            <div class="card"><${Reports} items=${data.items} caption=${t("nav.reports")} missing=${missing} />
                ${(cursor || data.next) && html`<div class="pager">${cursor && html`<${Button} small href=${to(here)}>${t("newest")}<//>`}${data.next && html`<${Button} small href=${to(here, { cursor: data.next })}>${t("older")}<//>`}</div>`}
            </div>
        </div>`;
};
