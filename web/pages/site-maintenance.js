/* /site/{site}/maintenance: what is planned, whom it touches, and planning one more. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { arrange } from "../lib/arrange.js";
import { dateTime, fromLocalField, parseWhole, whole } from "../lib/format.js";
import { HOUR } from "../lib/calendar.js";
import { more } from "../lib/more.js";
import { gpuName, siteName, useSites } from "../lib/sites.js";
import { useCommand, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Field, Select, faultOf, fieldOf } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Note, say } from "../parts/note.js";
import { State } from "../parts/state.js";
import { TableTools } from "../parts/table.js";

await Promise.all([more("../messages/LANG.maintenance.json"), more("../messages/LANG.site.json"), more("../messages/LANG.places.json", "../styles/places.css")]);

const STATES = { planned: "coming", now: "paused", over: "expired", "called-off": "cancelled" };
const EMPTY = { offering: "", from: "", to: "", nodes: "", pool: "", reason: "" };
/** The server's fields and ours. */
const FIELDS = { from: "from", to: "to", nodes: "nodes", pool_nodes: "pool", reason: "reason" };

const faults = (plan) => {
    const bad = {};
    const from = fromLocalField(plan.from), until = fromLocalField(plan.to);
    if (!from) bad.from = t("maintenance.bad.time");
    if (!until) bad.to = t("maintenance.bad.time");
    if (from && until && Date.parse(until) <= Date.parse(from)) bad.to = t("maintenance.bad.order");
    if (plan.nodes && parseWhole(plan.nodes) === null) bad.nodes = t("maintenance.bad.nodes");
    if (plan.pool && parseWhole(plan.pool) === null) bad.pool = t("maintenance.bad.nodes");
    if (!bad.nodes && !bad.pool && !((parseWhole(plan.nodes || "0") ?? 0) + (parseWhole(plan.pool || "0") ?? 0))) bad.nodes = t("maintenance.bad.none");
    if (!plan.reason.trim()) bad.reason = t("order.needed");
    return bad;
};
/** What is booked in that time, and whether what stays is enough for it: of whole nodes, and below. */
const Touched = ({ site, offering, plan }) => {
    const from = Date.parse(fromLocalField(plan.from)), until = Date.parse(fromLocalField(plan.to));
    const columns = Math.max(1, Math.min(3000, Math.ceil((until - from) / HOUR)));
    const { data, error } = useData(`/v1/sites/${site}/calendar?from=${new Date(from).toISOString()}&step_s=3600&columns=${columns}`);
    if (!data) return html`<${Waiting} error=${error} rows=${2} />`;
    const mine = data.reservations.filter((r) => r.offering === offering.index && Date.parse(r.from) < until && Date.parse(r.to) > from);
    const calendar = data.offerings.find((o) => o.offering === offering.index);
    const short = (list, nodes) => nodes > 0 && Math.min(...(list?.free ?? []).filter((n) => n !== null), Infinity) < nodes * offering.gpus_per_node;
    const moves = short(calendar?.whole_nodes, parseWhole(plan.nodes || "0") ?? 0) || short(calendar?.below_node, parseWhole(plan.pool || "0") ?? 0);
    return html`
        <${Note} kind=${moves ? "ochre" : "slate"} icon=${moves ? "warn" : "check"}><p><b>${t("maintenance.touched", { n: mine.length })}</b> ${mine.length > 0 && t(moves ? "maintenance.moves" : "maintenance.fits")}</p><//>
        ${mine.length > 0 && html`<ul class="touched">${mine.slice(0, 12).map((r) => html`<li key=${r.id}><a href=${to(`/reservations/${r.id}`)}>${r.name || r.id}</a> <span class="second">${t("maintenance.touched.one", { who: r.organisation ?? "", n: r.gpus, from: dateTime(r.from), to: dateTime(r.to) })}</span></li>`)}
            ${(mine.length > 12 || data.more) && html`<li class="second">${t("maintenance.touched.more")}</li>`}</ul>`}`;
};
const Plan = ({ site, onDone }) => {
    const [plan, set] = useState({ ...EMPTY, offering: String(site.offerings[0].index) });
    const [bad, setBad] = useState({});
    const [asking, ask] = useState(false);
    const sending = useCommand();
    const edit = (name) => (value) => {
        set((old) => ({ ...old, [name]: value }));
        setBad(({ [name]: _, ...rest }) => rest);
    };
    const offering = site.offerings.find((o) => String(o.index) === plan.offering) ?? site.offerings[0];
    const check = (event) => {
        event.preventDefault();
        const wrong = faults(plan);
        setBad(wrong);
        if (Object.keys(wrong).length) event.currentTarget.querySelector(`[name=${Object.keys(wrong)[0]}]`)?.focus();
        else ask(true);
    };
    const yes = async () => {
        const done = await sending.run(`/v1/offerings/${offering.index}/maintenance`, { from: fromLocalField(plan.from), to: fromLocalField(plan.to), nodes: parseWhole(plan.nodes || "0"), pool_nodes: parseWhole(plan.pool || "0"), reason: plan.reason.trim() });
        if (!done) return;
        ask(false);
        set({ ...EMPTY, offering: plan.offering });
        say(t("maintenance.done"));
        onDone();
    };
    const server = FIELDS[fieldOf(sending.error)];
    const wrong = (name) => bad[name] || (server === name ? faultOf(sending.error) : undefined);
    return html`
        <section class="card"><h2>${t("maintenance.plan")}</h2>
            <form class="form" onSubmit=${check} noValidate>
                ${site.offerings.length > 1 && html`<${Select} name="offering" label=${t("maintenance.offering")} value=${plan.offering} onInput=${edit("offering")} options=${site.offerings.map((o) => [String(o.index), o.kind === "batch" ? gpuName(o) : t("maintenance.experimental", { gpu: gpuName(o) })])} />`}
                <div class="fields times"><${Field} name="from" type="datetime-local" label=${t("maintenance.from")} value=${plan.from} onInput=${edit("from")} error=${wrong("from")} />
                    <${Field} name="to" type="datetime-local" label=${t("maintenance.to")} value=${plan.to} onInput=${edit("to")} error=${wrong("to")} /></div>
                <div class="fields"><${Field} name="nodes" label=${t("maintenance.nodes")} hint=${t("maintenance.nodes.hint", { n: (offering.brokered_gpus - offering.pool_nodes * offering.gpus_per_node) / offering.gpus_per_node, gpus: offering.gpus_per_node })} inputmode="numeric" value=${plan.nodes} onInput=${edit("nodes")} error=${wrong("nodes")} />
                    ${offering.pool_nodes > 0 && html`<${Field} name="pool" label=${t("maintenance.pool")} hint=${t("maintenance.pool.hint", { n: offering.pool_nodes })} inputmode="numeric" value=${plan.pool} onInput=${edit("pool")} error=${wrong("pool")} />`}</div>
                <${Field} name="reason" label=${t("order.reason")} value=${plan.reason} onInput=${edit("reason")} error=${wrong("reason")} maxlength=${159} />
                <div class="deeds"><${Button} kind="primary" submit after="right">${t("maintenance.look")}<//></div>
            </form>
            ${asking && html`<${Dialog} title=${t("maintenance.title", { from: dateTime(fromLocalField(plan.from)), to: dateTime(fromLocalField(plan.to)) })} yes=${t("maintenance.yes")} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => ask(false)}>
                <p>${t("maintenance.text", { n: (parseWhole(plan.nodes || "0") ?? 0) + (parseWhole(plan.pool || "0") ?? 0), gpu: gpuName(offering) })}</p>
                <div class="gap"><${Touched} site=${site.code} offering=${offering} plan=${plan} /></div><//>`}
        </section>`;
};
const End = ({ window: w, onDone }) => {
    const [asking, ask] = useState(false);
    const sending = useCommand();
    const yes = async () => {
        if (!(await sending.run(`/v1/offerings/${w.offering}/maintenance-end`, { number: w.number }))) return;
        ask(false);
        say(t(`maintenance.off.${w.state}.done`));
        onDone();
    };
    return html`
        <${Button} small onClick=${() => ask(true)}>${t("maintenance.off." + w.state)}<//>
        ${asking && html`<${Dialog} title=${t(`maintenance.off.${w.state}.title`)} yes=${t("maintenance.off." + w.state)} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => ask(false)}><p>${t(`maintenance.off.${w.state}.text`, { n: w.gpus })}</p><//>`}`;
};

const KEYS = { from: (w) => w.from, model: (w) => w.model, gpus: (w) => w.gpus, state: (w) => w.state };
export const first = ({ params }) => ahead(`/v1/sites/${params.site}/maintenance`, "/v1/sites");

export default ({ params, query }) => {
    const { data, error, reload } = useData(`/v1/sites/${params.site}/maintenance`, { every: 30_000 });
    const { sites, loaded } = useSites(30_000);
    const site = sites.get(params.site);
    const head = html`<${Head} title=${t("nav.maintenance")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${siteName(site, params.site)}</a> / ${t("nav.maintenance")}`} sub=${t("maintenance.sub")}><${Button} href=${to(`/sites/${params.site}`)}>${t("maintenance.calendar")}<//><//>`;
    if (!data || !loaded || !site) return html`${head}<${Waiting} error=${error} retry=${reload} />`;
    const items = arrange([...data.items].sort((a, b) => Date.parse(b.from) - Date.parse(a.from)), query, KEYS);
    return html`
        ${head}
        <div class="stack">
            <section class="card"><h2>${t("maintenance.windows")}</h2>
                ${data.items.length === 0 ? html`<p class="second">${t("maintenance.none")}</p>` : html`
                <${TableTools} query=${query} path=${`/v1/sites/${params.site}/maintenance`} columns=${[["from", t("maintenance.when")], ["model", t("maintenance.offering")], ["gpus", t("gpus")], ["state", t("state")]]} />
                <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("maintenance.windows")}</caption>
                    <thead><tr><th scope="col">${t("maintenance.when")}</th><th scope="col">${t("maintenance.offering")}</th><th scope="col" class="num">${t("gpus")}</th><th scope="col">${t("order.reason")}</th><th scope="col">${t("state")}</th><th scope="col"><span class="hidden-text">${t("deed")}</span></th></tr></thead>
                    <tbody>${items.map((w) => html`
                        <tr key=${w.offering + "." + w.number}><td class="lead"><b>${dateTime(w.from)}</b><span class="hint">${t("maintenance.until", { time: dateTime(w.to) })}</span></td><td>${w.model}</td><td class="num" data-label=${t("gpus")}>${whole(w.gpus)}</td>
                            <td>${w.told ? t("maintenance.told") : w.reason}</td><td class="end"><${State} name=${STATES[w.state]} words=${t("maintenance.state." + w.state)} /></td><td class="right">${!w.told && (w.state === "planned" || w.state === "now") && html`<${End} window=${w} onDone=${reload} />`}</td></tr>`)}</tbody></table></div>`}
            </section>
            ${site.offerings.length > 0 && html`<${Plan} site=${site} onDone=${reload} />`}
        </div>`;
};
