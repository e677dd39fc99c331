/* /verify, for everybody: is this receipt good, and what does that mean? The keys come with the page, or from the reader's own
 * policy; from then on nothing is asked of the server, and it works when there is none any more. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { clockMs, dayYear, whole } from "../lib/format.js";
import { fromHex } from "../lib/bytes.js";
import { more } from "../lib/more.js";
import { proveReceipt } from "../lib/prove.js";
import { to } from "../lib/router.js";
import { useData } from "../lib/use.js";
import { Credits } from "../parts/amount.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { KINDS } from "../lib/kinds.js";
import { Area } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Note } from "../parts/note.js";
import { Proof, ProofState, quorumOf, useJournal } from "../parts/proof.js";

await Promise.all([more("../messages/LANG.journal.json", "../styles/journal.css"), more("../messages/LANG.verify.json")]);

const FILE_MAX = 1 << 20;
const isReceipt = (text) => text.startsWith("c2sp.org/tlog-proof@");
/** The bytes of an entry in a file: as they are, in hexadecimal, or in the server's JSON. */
const entryIn = (raw, text) => {
    const plain = text.trim();
    if (/^[0-9a-f]+$/i.test(plain) && plain.length % 2 === 0) return fromHex(plain.toLowerCase());
    try {
        const { bytes } = JSON.parse(plain);
        if (typeof bytes === "string") return fromHex(bytes);
    } catch {
        /* then it is the bytes as they are */
    }
    return raw;
};
/** What was dropped, chosen or typed: a receipt, or an entry's bytes. */
const sorted = async (files) => {
    const found = { receipt: null, entry: null, name: "" };
    for (const file of files) {
        const raw = new Uint8Array(await file.slice(0, FILE_MAX).arrayBuffer()), text = new TextDecoder().decode(raw);
        if (isReceipt(text)) Object.assign(found, { receipt: text, name: file.name });
        else found.entry = entryIn(raw, text);
    }
    return found;
};
/** The reader's own policy, if there is one, else what came with the page. */
const judgeBy = (own, journal) => {
    const log = /^\s*log\s+(\S+)/m.exec(own);
    return own.trim() ? { vkey: log?.[1] ?? journal.vkey, policy: own, witnesses: [] } : journal;
};
const useVerdict = (given, own, journal) => {
    const [state, set] = useState(null);
    useEffect(() => {
        if (!given.receipt || !journal) return set(null);
        let wanted = true;
        if (!globalThis.crypto?.subtle) return set({ is: "cannot", found: null, error: null });
        proveReceipt(given.receipt, given.entry, judgeBy(own, journal)).then((found) => wanted && set({ is: found.is, found, error: null }), (error) => wanted && set({ is: "bad", found: null, error }));
        return () => {
            wanted = false;
        };
    }, [given, own, journal]);
    return state;
};

const Give = ({ given, give }) => {
    const file = useRef(null);
    const [over, set] = useState(false);
    const take = async (files) => files.length && give({ ...given, ...Object.fromEntries(Object.entries(await sorted([...files])).filter(([, v]) => v)) });
    return html`
        <section class=${"card drop-file" + (over ? " over" : "")} onDragOver=${(e) => { e.preventDefault(); set(true); }} onDragLeave=${() => set(false)}
            onDrop=${(e) => { e.preventDefault(); set(false); take(e.dataTransfer.files); }}>
            <h2>${t("verify.give")}</h2>
            <p class="second gap">${t("verify.give.text")}</p>
            <p class="gap"><${Button} look="primary" onClick=${() => file.current.click()}>${t("verify.choose")}<//> ${given.name && html`<span class="mono small">${given.name}</span>`}</p>
            <input ref=${file} type="file" multiple hidden aria-label=${t("verify.choose")} onChange=${(e) => take(e.currentTarget.files)} />
            <div class="gap"><${Area} label=${t("verify.paste")} name="receipt" rows=${6} value=${given.receipt ?? ""} onInput=${(text) => give({ ...given, receipt: text.trim() ? text.replace(/\r\n/g, "\n").trimStart() : null, name: "" })} /></div>
        </section>`;
};
const Facts = ({ header }) => html`
    <dl class="facts gap" data-entry=${header.index.toString()}>
        <div><dt>${t("entry")}</dt><dd><span class="total">${whole(header.index)}</span> <code>${KINDS[header.kind] ?? header.kind}</code></dd></div>
        <div><dt>${t("time")}</dt><dd>${dayYear(Number(header.time))}, ${clockMs(Number(header.time))}</dd></div>
        ${header.debit !== null && header.credit !== null && html`
            <div><dt>${t("debit-credit")}</dt><dd>${t("account", { n: header.debit.toString() })} → ${t("account", { n: header.credit.toString() })}</dd></div>
            <div class="sum"><dt>${t("amount")}</dt><dd><span class="total"><${Credits} gpums=${header.amount.toString()} /></span></dd></div>`}
    </dl>`;
const Result = ({ proof }) => {
    const { found, is, error } = proof, audit = html`<code>kontor-audit</code>`;
    if (!found) return html`<${Note} kind=${is === "bad" ? "brick" : "ochre"}>${is === "bad" ? error.message : tx("entry.proof.insecure", { audit })}<//>`;
    const n = found.witnesses.filter((w) => w.is === "good").length;
    return html`
        <p><${ProofState} proof=${proof} /></p>
        <div class="gap">${is === "bad" ? html`<${Note} kind="brick">${tx("verify.bad", { why: found.steps.find((s) => s.is === "bad").why, audit })}<//>`
        : html`<${Note} kind=${is === "good" ? "verdigris" : "ochre"}>
            <p data-proved="">${is === "cannot" ? tx("entry.proof.cannot", { audit }) : tx("verify.good", { n: whole(found.header.index), size: whole(found.checkpoint.size), log: found.log, witnesses: n ? t("proof.cosigned", { n, all: found.witnesses.length }) : "" })}</p>
            <p class="gap" data-not-proved="">${tx("verify.not", { quorum: quorumOf(found), audit })}</p><//>`}</div>
        ${found.header && html`<${Facts} header=${found.header} />`}
        <${Proof} proof=${proof} />`;
};

export const first = () => ahead("/v1/journal", "/v1/journal/witnesses");

export default () => {
    const { data: head, error, reload } = useData("/v1/journal");
    const journal = useJournal(head);
    const [given, give] = useState({ receipt: null, entry: null, name: "" });
    const [own, setOwn] = useState("");
    const proof = useVerdict(given, own, journal);
    return html`
        <${Head} title=${t("verify.title")} crumbs=${html`<a href=${to("/journal")}>${t("nav.journal")}</a>`} sub=${t("verify.sub")} />
        <div class="grid halves verify">
            <${Give} given=${given} give=${give} />
            <section class="card verdict" aria-live="polite" data-verdict=${proof?.is ?? "none"}><h2>${t("verify.verdict")}</h2>
                ${proof ? html`<${Result} proof=${proof} />` : html`<p class="second gap">${t("verify.none")}</p>`}
            </section>
            <section class="card"><h2>${t("verify.by")}</h2>
                ${head ? html`<p class="gap">${tx("verify.by.page", { origin: head.origin })}</p><p class="sunken mono wrap-anywhere small gap" data-vkey="">${head.vkey}</p>` : html`<${Waiting} error=${error} retry=${reload} rows=${3} />`}
                <details class="gap"><summary>${t("verify.own")}</summary><div class="gap"><${Area} label=${t("verify.own.label")} hint=${t("verify.own.hint")} name="policy" rows=${5} value=${own} onInput=${setOwn} /></div></details>
                <p class="chart-note" role="status" data-ready=${journal ? "" : undefined}>${t(journal ? "verify.ready" : "verify.loading")}</p>
            </section>
        </div>`;
};
