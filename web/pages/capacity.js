/* /capacity: where and when much is free. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { clock, rate, whole } from "../lib/format.js";
import { gpuName, siteName, siteTown, useSites } from "../lib/sites.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Assumed } from "../parts/amount.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Capacity, WEEKS, inThousands } from "../parts/capacity.js";
import { Head } from "../parts/frame.js";
import { State } from "../parts/state.js";

export const first = () => ahead(`/v1/offerings?weeks=${WEEKS}`, "/v1/sites");
export default () => {
    const { data, error, at, reload } = useData(`/v1/offerings?weeks=${WEEKS}`, { every: 30_000 });
    const { sites, loaded } = useSites(30_000);
    const head = html`<${Head} title=${t("nav.capacity")} sub=${t("capacity.sub")}><${Button} href=${to("/sites")}>${t("capacity.map")}<//><//>`;
    if (!data || !loaded) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${8} />`;
    return html`
        ${head}
        <div class="stack">
            <section class="card"><div class="card-head"><h2>${t("capacity.title")}</h2><span class="end">${t(inThousands(data.items) ? "capacity.unit.k" : "capacity.unit", { time: clock(data.as_of ?? at) })}</span></div><${Capacity} offerings=${data.items} sites=${sites} /></section>
            <section class="card"><h2>${t("capacity.sites")}</h2><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("capacity.sites")}</caption>
                <thead><tr><th scope="col">${t("site")}</th><th scope="col">${t("gpu-word")}</th><th scope="col" class="num">${t("capacity.node")}</th><th scope="col" class="num">${t("site.brokered")}</th><th scope="col" class="num">${t("site.free-now")}</th><th scope="col" class="num">${t("rate-word")}</th><th scope="col">${t("state")}</th></tr></thead>
                <tbody>${[...sites.values()].flatMap((s) => s.offerings.map((o) => html`
                    <tr key=${o.index}><td class="lead"><a href=${to(`/sites/${s.code}`)}><b>${siteName(s)}</b></a><span class="hint">${siteTown(s)}, ${s.name}</span></td><td>${gpuName(o)}<${Assumed} when=${o.assumed} />${o.kind === "experimental-platform" && html`<span class="hint">${t("capacity.experimental")}</span>`}</td>
                        <td class="num" data-label=${t("capacity.node")}>${whole(o.gpus_per_node)}</td><td class="num" data-label=${t("site.brokered")}>${whole(o.brokered_gpus)}</td><td class="num" data-label=${t("site.free-now")}>${whole(o.free_gpus_now)}</td>
                        <td class="num" data-label=${t("rate-word")}>${o.rate ? rate(o.rate.rate_milli) : t("none")}<${Assumed} when=${o.rate?.assumed} /></td><td class="end"><${State} name=${s.state} /></td></tr>`))}</tbody></table></div>
                <p class="chart-note">${t("capacity.rate")}</p></section>
        </div>`;
};
