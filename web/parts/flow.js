/* The flow of a fund's credits: a drawing in which ink is final and pencil is not, the sentence, and the table that says the same. */
import { html } from "../lib/html.js";
import { NODE_WIDTH, WIDTH, aside, first, layout, went } from "../lib/flow.js";
import { t } from "../lib/words.js";
import { percent, priceCredits, wholeCredits } from "../lib/format.js";
import { milli } from "../lib/figures.js";
import { siteName } from "../lib/sites.js";
import { Credits } from "./amount.js";
import { Swatch } from "./bar.js";

const LOOK = { settled: "settled", held: "held", free: "free", lapsed: "lapsing", "clawed-back": "off" };
const HOW = { granted: "granted", settled: "settled", held: "held", free: "free", lapsed: "lapsed" };
const howWords = (how) => (HOW[how] ? t(HOW[how]) : t("flow.how." + how));
/* what a node is called */
const nameOf = (node, sites) => (node.kind === "site" ? siteName(sites.get(node.name), node.name) : node.kind === "end" ? t("flow.end." + node.name) : node.kind === "others" ? t("flow.others", { n: node.grants }) : node.name);
const short = (name) => (name.length > 24 ? name.slice(0, 23) + "…" : name);

/* A name and its amount, in two lines where there is room: to the right, but of grants to the left, where the bands are calm. */
const Label = ({ n, name }) => {
    const left = n.layer === 2, x = left ? n.x - 8 : n.x + NODE_WIDTH + 8, tall = n.h > 40;
    return html`<text x=${x} y=${(n.y + n.h / 2 + (tall ? -3 : 4.5)).toFixed(1)} text-anchor=${left ? "end" : "start"}><tspan class="strong">${name}</tspan><tspan ...${tall ? { x, dy: 17 } : { dx: 8 }}>${priceCredits(n.gpums)}</tspan></text>`;
};
const Drawing = ({ flow, sites }) => {
    const { height, nodes, bands } = layout(flow);
    return html`
        <div class="table-scroll" tabindex="0" role="region" aria-label=${t("flow.title")}><svg class="flow" viewBox=${`0 -4 ${WIDTH} ${height + 8}`} aria-hidden="true">
            ${bands.map((b, i) => html`<path key=${i} class=${"band " + (LOOK[b.how] ? "fill-" + LOOK[b.how] : "through")} d=${b.d} />`)}
            ${nodes.map((n) => html`<g key=${n.id}>
                <rect class=${"node" + (n.kind === "end" ? " fill-" + LOOK[n.name] : "")} x=${n.x} y=${n.y.toFixed(1)} width=${NODE_WIDTH} height=${Math.max(n.h, 1).toFixed(1)} />
                <${Label} n=${n} name=${short(nameOf(n, sites))} /></g>`)}
        </svg></div>`;
};
const Table = ({ flow, sites }) => {
    const named = new Map(flow.nodes.map((n) => [n.id, n]));
    const name = (id) => nameOf(named.get(id) ?? (id.startsWith("site-") ? { kind: "site", name: id.slice(5) } : { kind: "end", name: id }), sites);
    return html`
        <details class="as-table"><summary>${t("as-table")}</summary><div class="table-scroll" tabindex="0" role="region" aria-label=${t("flow.table")}><table><caption class="hidden-text">${t("flow.table")}</caption>
            <thead><tr><th scope="col">${t("flow.from")}</th><th scope="col">${t("flow.to")}</th><th scope="col">${t("flow.how")}</th><th scope="col" class="num">${t("credits")}</th></tr></thead>
            <tbody>${flow.links.map((l, i) => html`<tr key=${i}><th scope="row">${name(l.from)}</th><td>${name(l.to)}</td><td>${howWords(l.how)}</td><td class="num"><${Credits} gpums=${l.moved_gpums} /></td></tr>`)}</tbody></table></div></details>`;
};
/** @param {{flow: any, sites: Map<string, any>}} props */
export const Flow = ({ flow, sites }) => {
    const granted = went(flow, "granted"), most = first(flow), rest = aside(flow);
    const legend = Object.keys(LOOK).map((how) => [how, went(flow, how)]).filter(([, gpums]) => gpums > 0n);
    return html`
        <section class="card sheet" data-flow=""><h2>${t("flow.title")}</h2>
            ${granted === 0n ? html`<p class="second">${t("flow.none")}</p>` : html`
            <p>${most ? t("flow.text", { granted: wholeCredits(granted), settled: priceCredits(went(flow, "settled")), site: siteName(sites.get(most.site), most.site), part: percent(milli(most.gpums, went(flow, "settled"))) }) : t("flow.text.none", { granted: wholeCredits(granted) })}</p>
            <${Drawing} flow=${flow} sites=${sites} />
            <ul class="legend">${legend.map(([how, gpums]) => html`<li key=${how}><${Swatch} kind=${LOOK[how]} /><span>${howWords(how)} <b>${priceCredits(gpums)}</b></span></li>`)}</ul>
            <p class="chart-note">${t("flow.rest", { loose: wholeCredits(rest.loose), ungranted: wholeCredits(rest["not-granted"]), reserve: wholeCredits(rest.reserve) })}</p>
            <${Table} flow=${flow} sites=${sites} />`}
        </section>`;
};
