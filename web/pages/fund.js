/* /programme/funds/{fund}: how much of it is granted, settled, held, free; its tranches; and where the credits went. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { useSites } from "../lib/sites.js";
import { Nowhere, Waiting } from "../parts/broken.js";
import { Flow } from "../parts/flow.js";
import { Head } from "../parts/frame.js";
import { Fund } from "../parts/fund.js";

await Promise.all([more("../messages/LANG.programme.json"), more("../messages/LANG.flow.json", "../styles/use.css")]);

export const first = ({ params }) => ahead("/v1/programme", `/v1/funds/${params.fund}/flow`, "/v1/sites");

export default ({ params }) => {
    const { data, error, reload } = useData("/v1/programme", { every: 30_000 });
    const flow = useData(`/v1/funds/${params.fund}/flow`, { every: 60_000 });
    const { sites, loaded } = useSites(60_000);
    const fund = data?.funds.find((f) => String(f.account) === params.fund);
    const crumbs = html`<a href=${to("/programme/grants")}>${t("nav.grants")}</a>`;
    if (data && !fund) return html`<${Nowhere} status=${404} />`;
    if (!fund || !loaded || (!flow.data && !flow.error)) return html`<${Head} title=${fund?.name ?? ""} name="…" crumbs=${crumbs} sub="" /><${Waiting} error=${error} retry=${reload} rows=${12} />`;
    return html`
        <${Head} title=${fund.name} crumbs=${crumbs} sub=${flow.data ? t("fund.sub", { time: dateTime(flow.data.as_of), n: flow.data.journal_size - 1 }) : ""} />
        <div class="stack report">
            <${Fund} fund=${fund} agree=${data.conserved ? data.journal : null} />
            ${flow.data ? html`<${Flow} flow=${flow.data} sites=${sites} />` : html`<${Waiting} error=${flow.error} retry=${flow.reload} />`}
        </div>`;
};
