/* /admin: is everything up, who is late: every site with its agent's last contact; pause and drain. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { country, whole } from "../lib/format.js";
import { ago } from "../lib/ago.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useNow } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Assumed } from "../parts/amount.js";
import { Waiting } from "../parts/broken.js";
import { Head } from "../parts/frame.js";
import { MailOut } from "../parts/mail-out.js";
import { Stop } from "../parts/site-bits.js";
import { State } from "../parts/state.js";
import { TableTools } from "../parts/table.js";

await Promise.all([more("../messages/LANG.site.json"), more("../messages/LANG.mail.json")]);

const sum = (s, name) => s.offerings.reduce((n, o) => n + (o[name] ?? 0), 0);
const KEYS = { site: siteName, state: (s) => s.state, contact: (s) => s.last_contact ?? "", brokered: (s) => sum(s, "brokered_gpus"), free: (s) => sum(s, "free_gpus_now") };
export const first = () => ahead("/v1/sites", "/v1/mail");

export default ({ query }) => {
    const { sites, loaded, error, reload } = useSites(5000);
    const now = useNow(1000);
    const head = html`<${Head} title=${t("nav.sites")} sub=${t("admin.sub")} />`;
    if (!loaded) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    return html`
        ${head}
        <${TableTools} query=${query} path="/v1/sites" columns=${[["site", t("site")], ["state", t("state")], ["contact", t("site.contact")], ["brokered", t("site.brokered")], ["free", t("site.free-now")]]} />
        <div class="stack"><div class="card"><div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("nav.sites")}</caption>
            <thead><tr><th scope="col">${t("site")}</th><th scope="col">${t("state")}</th><th scope="col">${t("site.contact")}</th><th scope="col" class="num">${t("site.brokered")}</th><th scope="col" class="num">${t("site.free-now")}</th><th scope="col"><span class="hidden-text">${t("deed")}</span></th></tr></thead>
            <tbody>${arrange([...sites.values()], query, KEYS).map((s) => html`
                <tr key=${s.code}><td class="lead"><a href=${to(`/site/${s.code}`)}><b>${siteName(s)}</b></a><span class="hint">${t("place", { city: s.city, country: country(s.country) })}</span></td>
                    <td class="end"><${State} name=${s.state} /></td><td data-label=${t("site.contact")}>${s.last_contact ? ago(now - Date.parse(s.last_contact)) : t("site.never")}</td>
                    <td class="num" data-label=${t("site.brokered")}>${whole(sum(s, "brokered_gpus"))}<${Assumed} when=${s.offerings.some((o) => o.assumed)} /></td>
                    <td class="num" data-label=${t("site.free-now")}>${whole(sum(s, "free_gpus_now"))}</td>
                    <td class="right"><span class="deeds row-deeds"><${Stop} site=${s} verb="pause" onDone=${reload} /></span></td></tr>`)}</tbody></table></div></div>
            <${MailOut} /></div>`;
};
