/* /journal/entries/{index}: what the entry says, where it stands in the journal, and the proof of it, worked out here. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { has, t } from "../lib/words.js";
import { clockMs, credits, dayYear, shortHash, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { me } from "../lib/session.js";
import { Credits, Folio } from "../parts/amount.js";
import { Nowhere, Waiting } from "../parts/broken.js";
import { Entries } from "../parts/entries.js";
import { Evidence } from "../parts/evidence.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { Proof, ProofState, useProof, Verdict } from "../parts/proof.js";

await more("../messages/LANG.journal.json", "../styles/journal.css");
const FOLIOS = new Set(["hold", "rate", "offering", "site", "policy", "grant", "entry", "first", "previous", "ref", "key"]);
const words = (name) => (has("body." + name) ? t("body." + name) : name.replaceAll("_", " "));
/* an authority slot or a report in one line; long hashes and signatures are cut, the bytes below have them whole */
const flat = (value) => Object.entries(value).filter(([name, v]) => v !== null && !name.endsWith("_credits")).map(([name, v]) => `${name === "kind" ? t("kind") : words(name)} ${typeof v === "string" && v.length > 40 ? shortHash(v) : v}`).join(", ");
/* a link to an account or an entry, an amount, a list of authority slots, or plain text */
const Value = ({ name, value }) => {
    if (value === null || value === undefined || value === "") return html`<span class="hint">${t("none")}</span>`;
    if (FOLIOS.has(name) && Number.isInteger(value)) return html`<${Folio} entry=${value} />`;
    if (typeof value === "boolean") return t(value ? "yes" : "no");
    if (Array.isArray(value)) return value.length ? value.map((v, i) => html`<span class="block small" key=${i}>${typeof v === "object" ? flat(v) : v}</span>`) : html`<span class="hint">${t("none")}</span>`;
    if (typeof value === "object") return html`<span class="small">${flat(value)}</span>`;
    if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return `${dayYear(value)}, ${clockMs(value)}`;
    if (typeof value === "string" && value.length > 24) return html`<span class="mono small">${value}</span>`;
    return typeof value === "number" ? whole(value) : value;
};
const Body = ({ body }) => Object.entries(body ?? {}).filter(([name]) => !name.endsWith("_credits")).map(([name, value]) => html`
    <div key=${name}><dt>${words(name.replace(/_gpums$/, ""))}</dt><dd>${name.endsWith("_gpums") ? html`<${Credits} gpums=${value} />` : html`<${Value} name=${name} value=${value} />`}</dd></div>`);
const Account = ({ account }) => account ? html`<a href=${to("/journal/entries", { account: account.account })}>${account.label ?? t("account", { n: account.account })}</a>` : html`<span class="hint">${t("none")}</span>`;

const before = (index) => (index === null || index === undefined ? html`<span class="hint">${t("none")}</span>` : html`<${Folio} entry=${index} />`);

const Panel = ({ e, proof }) => html`
    <section class="card entry-panel">
        <div class="card-head"><h2>${t("entry.title", { n: e.index })} <code>${e.kind}</code></h2><span class="end"><time datetime=${e.time}>${dayYear(e.time)}, ${clockMs(e.time)}</time></span></div>
        <p><${ProofState} proof=${proof} /></p>
        <p class="gap" lang="en">${e.summary}</p>
        <dl class="facts gap">
            <div><dt>${t("debit")}</dt><dd><${Account} account=${e.debit} /></dd></div>
            <div><dt>${t("credit")}</dt><dd><${Account} account=${e.credit} /></dd></div>
            <div class="sum"><dt>${t("amount")}</dt><dd><span class="total"><${Credits} gpums=${e.amount_gpums} /></span> <span class="hint block small">${t("gpums", { n: whole(e.amount_gpums) })}</span></dd></div>
            <${Body} body=${e.body} />
            <div><dt>${t("entry.prev-debit")}</dt><dd>${before(e.prev_debit)}</dd></div>
            <div><dt>${t("entry.prev-credit")}</dt><dd>${before(e.prev_credit)}</dd></div>
            <div><dt>${t("entry.group")}</dt><dd>${t("entry.group.of", { pos: e.group.pos + 1, len: e.group.len })}</dd></div>
            <div><dt>${t("entry.leaf")}</dt><dd class="mono small wrap-anywhere">${e.leaf_hash}</dd></div>
        </dl>
        ${e.body?.commitment && e.body.type !== "erasure" && html`<${Evidence} entry=${e} />`}
        <details class="entry-raw small"><summary>${t("entry.raw")}</summary><pre class="sunken wrap-anywhere">${e.bytes}</pre></details>
    </section>`;
const Place = ({ e, proof }) => html`
    <section class="card entry-proof">
        <div class="card-head"><h2>${t("entry.proof.title")}</h2><span class="end"><a href=${`/v1/journal/entries/${e.index}/receipt?with=entry`} download=${`kontor-${e.index}.receipt`}><${Icon} name="download" size=${14} />${t("entry.receipt")}</a></span></div>
        <${Verdict} proof=${proof} index=${e.index} />
        <${Proof} proof=${proof} />
    </section>`;
/** The entries beside it, fetched when the reader comes to them. */
const Near = ({ index }) => {
    const [seen, set] = useState(false);
    const box = useRef(null);
    const near = useData(seen ? `/v1/journal/entries?before=${index + 5}&limit=9` : null);
    useEffect(() => {
        const watch = new IntersectionObserver((marks) => marks.some((m) => m.isIntersecting) && set(true));
        watch.observe(box.current);
        return () => watch.disconnect();
    }, []);
    return html`
        <div class="card flush neighbours" ref=${box}><div class="card-head padded"><h2>${t("entry.near")}</h2></div>${near.data ? html`<${Entries} entries=${near.data.items} selected=${index} caption=${t("entry.near")} />` : html`<div class="padded later">${seen && html`<${Waiting} error=${near.error} rows=${8} />`}</div>`}</div>`;
};
const Whole = ({ e }) => {
    const proof = useProof(e);
    return html`
        <div class="grid entry-grid">
            <${Panel} e=${e} proof=${proof} />
            <${Place} e=${e} proof=${proof} />
            <${Near} index=${e.index} />
        </div>`;
};

const pathOf = (index) => `/v1/journal/entries/${index}`;
export const first = async ({ params }) => {
    if (!/^\d+$/.test(params.index)) return;
    const [[e]] = await Promise.all([ahead(pathOf(Number(params.index))), ahead("/v1/journal", "/v1/journal/witnesses")]);
    if (e?.body?.commitment) await ahead(`/v1/journal/entries/${e.index}/evidence`);
};

export default ({ params }) => {
    const index = Number(params.index);
    const { data: e, error, reload } = useData(/^\d+$/.test(params.index) ? pathOf(index) : null);
    if (!/^\d+$/.test(params.index)) return html`<${Nowhere} status=${404} />`;
    if (!e) return html`<${Head} title=${t("entry.title", { n: index })} crumbs=${html`<a href=${to(me.value ? "/journal/entries" : "/journal")}>${t("nav.journal")}</a> / ${whole(index)}`} sub="" /><${Waiting} error=${error} retry=${reload} rows=${8} />`;
    return html`
        <${Head} title=${t("entry.title", { n: index })} crumbs=${html`<a href=${to(me.value ? "/journal/entries" : "/journal")}>${t("nav.journal")}</a> / ${whole(index)}`} sub=${e.amount_gpums !== "0" ? t("entry.sub", { kind: e.kind, amount: credits(e.amount_gpums) }) : e.kind} />
        <${Whole} e=${e} />`;
};
