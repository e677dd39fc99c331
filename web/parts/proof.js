/* Proof: not checked, checking, verified in this browser, does not verify (and which step), cannot be checked here. Always
 * followed by what was proved, by whom, and what was not. */
import { html, useEffect, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { clock, dayYear, fixed, list, whole } from "../lib/format.js";
import { prove, STEPS } from "../lib/prove.js";
import { READ, readJournal } from "../lib/read.js";
import { to } from "../lib/router.js";
import { Folio } from "./amount.js";
import { Icon } from "./icon.js";
import { Note } from "./note.js";
import { Path } from "./path.js";

const AGAIN_MS = 3000;
/** The keys, policy and witnesses by which receipts are judged, fetched once a head is there: null until then. */
export const useJournal = (head) => {
    const [found, set] = useState(null);
    useEffect(() => {
        if (head && !found) readJournal().then(set, () => 0); /* a cut line: the head is fetched anew, and with it this */
    }, [head]);
    return found;
};

/** The proof of an entry: {is: "checking" | "later" | "cannot" | "broken" | "bad" | "good", found, error}. */
export const useProof = (entry) => {
    const [state, set] = useState({ is: "checking", found: null, error: null });
    useEffect(() => {
        if (!entry?.bytes) return undefined;
        if (!globalThis.crypto?.subtle) {
            set({ is: "cannot", found: null, error: null });
            return undefined;
        }
        let wanted = true, timer = 0;
        const run = () => prove(entry.index, entry, READ).then(
            (found) => wanted && set({ is: found.is, found, error: null }),
            (error) => {
                if (!wanted) return;
                const early = error.code === "too-early";
                set({ is: early ? "later" : "broken", found: null, error });
                if (early) timer = setTimeout(run, AGAIN_MS);
            });
        run();
        return () => {
            wanted = false;
            clearTimeout(timer);
        };
    }, [entry?.bytes]);
    return state;
};

const LOOK = { checking: ["plain", "circle"], later: ["wash-ochre", "clock"], cannot: ["wash-ochre", "circle"], broken: ["plain", "circle"], bad: ["wash-brick", "warn"], good: ["wash-verdigris", "ok"] };
/** One word on the whole. */
export const ProofState = ({ proof }) => {
    const [wash, icon] = LOOK[proof.is];
    const failed = proof.found?.steps.find((s) => s.is === "bad");
    return html`<span class=${"state wide-state " + wash} role="status" data-check=${proof.is}><${Icon} name=${icon} />${failed ? t("proof.bad", { step: STEPS.indexOf(failed.name) + 1, name: t("proof.step." + failed.name) }) : t("entry." + proof.is)}</span>
        ${proof.found && proof.is === "good" && html` <span class="hint inline">${t("proof.ms", { ms: proof.found.ms < 10 ? fixed(proof.found.ms, 1) : Math.round(proof.found.ms) })}</span>`}`;
};

const ICONS = { good: "ok", bad: "warn", cannot: "circle", none: "circle", unchecked: "circle" };
const BY_USE = { "": "proof.by.unknown", server: "proof.by.own", site: "proof.by.site", officer: "proof.by.officer", witness: "proof.by.witness", log: "proof.by.log" };
const wordOf = (signer) => tx(signer.class === 3 ? "proof.by.server" : signer.class === 2 ? "proof.by.passkey" : BY_USE[signer.use], { key: html`<${Folio} entry=${Number(signer.key)} />` });
/** What a step came to, in words. */
const said = (found, step) => {
    if (step.is === "bad") return step.why;
    if (step.is === "unchecked") return t("proof.unchecked");
    if (step.is === "cannot") return t("proof.no-ed25519");
    switch (step.name) {
    case "path": return t("proof.path", { n: found.path.length, size: whole(found.checkpoint.size) });
    case "log": return t("proof.log", { name: found.log });
    case "witnesses": return found.witnesses.length ? t("proof.witnesses", { n: found.witnesses.filter((w) => w.is === "good").length, all: found.witnesses.length }) : t("proof.no-witness");
    case "signers": return found.signers.length ? found.signers.map((s, i) => html`<span class="block" key=${i}>${wordOf(s)}</span>`) : t("proof.by.rules");
    default: return t("proof.done." + step.name);
    }
};
/** The steps, each with what was worked out. */
const Steps = ({ found }) => html`
    <ol class="proof-steps">${found.all.map((name) => {
        const step = found.steps.find((s) => s.name === name) ?? { name, is: "unchecked" };
        return html`<li key=${name} data-step=${name} data-is=${step.is} class=${step.is}><${Icon} name=${ICONS[step.is]} /><div><b>${t("proof.step." + name)}</b><span class="block small second">${said(found, step)}</span></div></li>`;
    })}</ol>`;

const cosigners = (found) => found.witnesses.filter((w) => w.is === "good");
/** Whose word it is, for the sentence of what was proved. */
const byWhom = (found) => {
    const uses = [...new Set(found.signers.map((s) => (s.class === 3 ? "server" : s.class === 2 ? "passkey" : s.use === "server" ? "own" : s.use)))];
    return uses.length ? t("proof.whose", { who: list(uses.map((u) => t("proof.whose." + u))) }) : t("proof.whose.rules");
};
/** What of a second history the witnesses exclude. */
export const quorumOf = (found) => {
    const n = cosigners(found).length, all = found.witnesses.length;
    if (!n) return t("proof.not.nobody");
    if (!found.quorum) return t("proof.not.unasked", { n, all });
    const { q, n: of } = found.quorum.plain ?? {};
    return q && 2 * q > of ? t("proof.not.quorum", { n: 2 * q - of, q, all: of }) : t("proof.not.rule");
};
/** What the checking came to: proved, by whom, what not. */
export const Verdict = ({ proof, index }) => {
    const { found, is } = proof;
    const audit = html`<a href=${to("/journal") + "#yourself"}><code>kontor-audit</code></a>`;
    if (is === "bad") return html`<${Note} kind="brick">${tx("entry.proof.bad", { audit })}<//>`;
    if (is === "later") return html`<${Note} kind="ochre">${t("entry.proof.later")}<//>`;
    if (is === "checking" || is === "broken") return html`<${Note} kind="slate">${t("entry.proof.none")}${is === "broken" && html`<span class="block small">${proof.error.detail || proof.error.message}</span>`}<//>`;
    if (!found) return html`<${Note} kind="ochre">${tx("entry.proof.insecure", { audit })}<//>`;
    const n = cosigners(found).length;
    return html`<${Note} kind=${is === "good" ? "verdigris" : "ochre"}>
        <p data-proved="">${is === "cannot" ? tx("entry.proof.cannot", { audit }) : tx("entry.proof", { n: index, size: whole(found.checkpoint.size), log: found.log, whose: byWhom(found), witnesses: n ? t("proof.cosigned", { n, all: found.witnesses.length }) : "" })}</p>
        <p class="gap" data-not-proved="">${tx("entry.proof.not", { quorum: quorumOf(found), audit })}</p><//>`;
};

/** The entry's place in the journal, the steps, who cosigned. */
export const Proof = ({ proof }) => {
    const { found } = proof;
    if (!found) return null;
    const reached = found.path.length > 0 || found.checkpoint?.size === 1n;
    const pathStep = found.steps.find((s) => s.name === "path");
    return html`
        ${reached && html`<h3 class="gap">${t("path.title")}</h3><p class="small second">${t("path.text", { n: found.path.length })}</p>
            <${Path} path=${found.path} leaf=${found.leaf} size=${found.checkpoint.size} good=${pathStep?.is === "good"} />`}
        <h3 class="gap">${t("proof.title")}</h3><${Steps} found=${found} />
        ${found.witnesses.length > 0 && html`<h3 class="gap">${t("proof.cosigners", { n: cosigners(found).length, all: found.witnesses.length })}</h3>
            <ul class="cosigners">${found.witnesses.map((w) => html`<li key=${w.name} class=${w.is}><${Icon} name=${w.is === "good" ? "ok" : "lost"} /><span><b>${w.name.startsWith(found.log + "/") ? w.name.split("/").at(-1) : w.name}</b> <span class="hint inline">${w.is === "good" ? `${dayYear(w.time)}, ${clock(w.time)}` : t("proof.silent")}</span></span></li>`)}</ul>`}`;
};
