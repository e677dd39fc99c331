/* /journal/entries/{index}: what the entry says, and what this browser could work out of it by itself. */
import { html, useEffect, useState } from "../lib/html.js";
import { has, t, tx } from "../lib/words.js";
import { clockMs, credits, dayYear, shortHash, whole } from "../lib/format.js";
import { headerOf, leafHash } from "../lib/leaf.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits, Folio } from "../parts/amount.js";
import { Nowhere, Waiting } from "../parts/broken.js";
import { Entries, KINDS } from "../parts/entries.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { Note } from "../parts/note.js";

/** Is the entry's hash what the server says, and do its bytes say the same as its JSON? */
const useCheck = (entry) => {
    const [state, set] = useState("checking");
    useEffect(() => {
        if (!entry?.bytes) return;
        if (!crypto.subtle) {
            set("cannot");
            return;
        }
        leafHash(entry.bytes).then((hash) => {
            const h = headerOf(entry.bytes);
            const same = hash === entry.leaf_hash && h.index === BigInt(entry.index) && KINDS[h.kind] === entry.kind && h.amount === BigInt(entry.amount_gpums) && h.time === BigInt(Date.parse(entry.time));
            set(same ? "good" : "bad");
        }, () => set("cannot"));
    }, [entry?.bytes]);
    return state;
};
const LOOK = { checking: ["plain", "circle"], good: ["wash-verdigris", "ok"], bad: ["wash-brick", "warn"], cannot: ["plain", "circle"] };
const FOLIOS = new Set(["hold", "rate", "offering", "site", "policy", "grant", "entry", "first", "prev_open", "ref", "key"]);
const words = (name) => (has("body." + name) ? t("body." + name) : name.replaceAll("_", " "));
/* an authority slot or a report in one line; long hashes and signatures are cut, the bytes below have them whole */
const flat = (value) => Object.entries(value).filter(([name, v]) => v !== null && !name.endsWith("_credits")).map(([name, v]) => `${words(name)} ${typeof v === "string" && v.length > 40 ? shortHash(v) : v}`).join(", ");
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

const Panel = ({ e }) => {
    const state = useCheck(e);
    const [wash, icon] = LOOK[state];
    return html`
        <section class="card entry-panel">
            <div class="card-head"><h2>${t("entry.title", { n: e.index })} <code>${e.kind}</code></h2><span class="end"><time datetime=${e.time}>${dayYear(e.time)}, ${clockMs(e.time)}</time></span></div>
            <p><span class=${"state " + wash} role="status" data-check=${state}><${Icon} name=${icon} />${t("entry." + state)}</span></p>
            <p class="gap">${e.summary}</p>
            <dl class="facts gap">
                <div><dt>${t("debit")}</dt><dd><${Account} account=${e.debit} /></dd></div>
                <div><dt>${t("credit")}</dt><dd><${Account} account=${e.credit} /></dd></div>
                <div class="sum"><dt>${t("amount")}</dt><dd><span class="total"><${Credits} gpums=${e.amount_gpums} /></span> <span class="hint block small">${t("gpums", { n: whole(e.amount_gpums) })}</span></dd></div>
                <${Body} body=${e.body} />
                <div><dt>${t("entry.prev-debit")}</dt><dd>${e.prev_debit === null || e.prev_debit === undefined ? html`<span class="hint">${t("none")}</span>` : html`<${Folio} entry=${e.prev_debit} />`}</dd></div>
                <div><dt>${t("entry.prev-credit")}</dt><dd>${e.prev_credit === null || e.prev_credit === undefined ? html`<span class="hint">${t("none")}</span>` : html`<${Folio} entry=${e.prev_credit} />`}</dd></div>
                <div><dt>${t("entry.group")}</dt><dd>${t("entry.group.of", { pos: e.group.pos + 1, len: e.group.len })}</dd></div>
                <div><dt>${t("entry.leaf")}</dt><dd class="mono small wrap-anywhere">${e.leaf_hash}</dd></div>
            </dl>
            <${Note} kind=${state === "bad" ? "brick" : state === "good" ? "verdigris" : "slate"}>${tx(state === "bad" ? "entry.proof.bad" : "entry.proof", { audit: html`<code>kontor-audit</code>` })}<//>
            <details class="entry-raw small"><summary>${t("entry.raw")}</summary><pre class="sunken wrap-anywhere">${e.bytes}</pre></details>
        </section>`;
};

export default ({ params }) => {
    const index = Number(params.index);
    const { data: e, error, reload } = useData(/^\d+$/.test(params.index) ? `/v1/journal/entries/${index}` : null);
    const near = useData(e ? `/v1/journal/entries?before=${index + 8}&limit=15` : null);
    if (!/^\d+$/.test(params.index)) return html`<${Nowhere} status=${404} />`;
    if (!e) return html`<${Head} title=${t("entry.title", { n: index })} crumbs=${html`<a href=${to("/journal/entries")}>${t("nav.journal")}</a> / ${whole(index)}`} sub="" /><${Waiting} error=${error} retry=${reload} rows=${8} />`;
    return html`
        <${Head} title=${t("entry.title", { n: index })} crumbs=${html`<a href=${to("/journal/entries")}>${t("nav.journal")}</a> / ${whole(index)}`} sub=${e.amount_gpums !== "0" ? t("entry.sub", { kind: e.kind, amount: credits(e.amount_gpums) }) : e.kind} />
        <div class="grid entry-grid">
            <${Panel} e=${e} />
            <div class="card flush neighbours"><div class="card-head padded"><h2>${t("entry.near")}</h2></div>${near.data ? html`<${Entries} entries=${near.data.items} selected=${index} caption=${t("entry.near")} />` : html`<div class="padded"><${Waiting} error=${near.error} rows=${8} /></div>`}</div>
        </div>`;
};
