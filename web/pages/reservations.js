/* /reservations: what runs, what comes, what went wrong. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { big, lastDayYear, wholeCredits } from "../lib/format.js";
import { mainGrant } from "../lib/credit.js";
import { isComing, isEnded, isRunning } from "../lib/jobs.js";
import { useSites } from "../lib/sites.js";
import { seat } from "../lib/session.js";
import { useData, useNow } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Button } from "../parts/button.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { Jobs } from "../parts/jobs.js";
import { TableTools } from "../parts/table.js";

const KEYS = { name: (r) => r.name, start: (r) => r.window.start, settled: (r) => big(r.settled_gpums) };
const TABS = [["", () => true], ["running", isRunning], ["coming", isComing], ["ended", isEnded]];

const jobsOf = (organisation, cursor) => `/v1/reservations?organisation=${organisation}&limit=50${cursor ? "&cursor=" + encodeURIComponent(cursor) : ""}`;
const grantsOf = (organisation) => `/v1/grants?organisation=${organisation}`;
export const first = ({ query }) => ahead(jobsOf(seat.value.organisation.id, query.get("cursor")), grantsOf(seat.value.organisation.id), "/v1/sites");

export default ({ query }) => {
    const organisation = seat.value.organisation.id;
    const cursor = query.get("cursor");
    const jobs = useData(jobsOf(organisation, cursor), { every: 10_000 });
    const grants = useData(grantsOf(organisation));
    const { sites } = useSites();
    const now = useNow(15_000);
    const tab = TABS.find(([name]) => name === (query.get("state") ?? "")) ?? TABS[0];
    const grant = grants.data && mainGrant(grants.data.items);
    const head = html`<${Head} title=${t("nav.reservations")} sub=${grant ? t("reservations.sub", { mode: grant.mode.name, n: wholeCredits(grant.free_gpums), to: lastDayYear(grant.end) }) : ""}>
        <${Button} kind="primary" icon="plus" href=${to("/ask")}>${t("nav.ask")}<//><//>`;
    if (!jobs.data) return html`${head}<${Waiting} error=${jobs.error} retry=${jobs.reload} />`;
    const items = jobs.data.items;
    const shown = arrange(items.filter(tab[1]), query, KEYS);
    return html`
        ${head}
        <nav class="tabs" aria-label=${t("reservations.which")}>${TABS.map(([name, fits]) => html`
            <a key=${name} href=${to("/reservations", { state: name, cursor })} aria-current=${name === tab[0] ? "page" : undefined}>${t("reservations.tab." + (name || "all"), { n: items.filter(fits).length })}</a>`)}</nav>
        ${items.length === 0 && !cursor ? html`
            <${Empty} title=${t("reservations.none")} deeds=${html`<${Button} href=${to("/capacity")}>${t("see-capacity")}<//>`}><p>${t("reservations.none.text")}</p><//>`
        : html`
            <${TableTools} query=${query} path="/v1/reservations" filter=${{ organisation }} pages=${Boolean(cursor || jobs.data.next)} columns=${[["name", t("job.and-place")], ["start", t("job.start")], ["settled", t("settled")]]} />
            <div class="card">${shown.length ? html`<${Jobs} items=${shown} sites=${sites} now=${now} caption=${t("nav.reservations")} />` : html`<p class="second">${t("reservations.none-here")}</p>`}
                ${(cursor || jobs.data.next) && html`<div class="pager">
                    ${cursor && html`<${Button} small href=${to("/reservations", { state: tab[0] })}>${t("newest")}<//>`}
                    ${jobs.data.next && html`<${Button} small href=${to("/reservations", { state: tab[0], cursor: jobs.data.next })}>${t("older")}<//>`}</div>`}
            </div>`}`;
};
