/* /journal, for everybody: the newest checkpoint and who signed it, how the journal grew, who watches it and what they last
 * said, how to check it oneself, and what all this is for, in plain words. */
import { html, useEffect, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { clock, dateTime, dayYear, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { me } from "../lib/session.js";
import { readKey, readNote, signedBy } from "../lib/tlog.js";
import { useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";
import { Growth } from "../parts/growth.js";
import { Icon } from "../parts/icon.js";
import { Note } from "../parts/note.js";
import { Word } from "../parts/word.js";

await more("../messages/LANG.log.json", "../styles/journal.css");

const EVERY_MS = 5000;
/** The checkpoint as it is when the page comes: null until then. */
const readCheckpoint = () => fetch("/checkpoint", { cache: "no-store" }).then((reply) => (reply.ok ? reply.text() : "")).catch(() => "");
const judge = async (note, vkey) => (!globalThis.crypto?.subtle ? "cannot" : (await signedBy(readNote(note), await readKey(vkey))).is);
let early = null; /* what was read and judged before the page is drawn */
const useFirst = () => {
    const [begun, set] = useState(early);
    useEffect(() => {
        early = null;
        if (!begun) readCheckpoint().then((note) => set({ note, is: "checking" }));
    }, []);
    return begun;
};
/** The newest checkpoint's text, and whether the log's key signed it, worked out here. */
const useCheckpoint = (vkey, size, begun) => {
    const [state, set] = useState(begun);
    useEffect(() => {
        if (!vkey || !size) return undefined;
        let wanted = true;
        const look = async () => {
            const note = await (await fetch("/checkpoint", { cache: "no-store" })).text();
            const is = await judge(note, vkey);
            if (wanted) set({ note, is });
        };
        look().catch(() => wanted && set((s) => ({ ...s, is: "bad" })));
        return () => {
            wanted = false;
        };
    }, [vkey, size]);
    return state;
};
const LOOK = { checking: ["plain", "circle"], good: ["wash-verdigris", "ok"], none: ["wash-brick", "warn"], bad: ["wash-brick", "warn"], cannot: ["wash-ochre", "circle"] };
const Checkpoint = ({ data, watching, begun }) => {
    const { note, is } = useCheckpoint(data.vkey, watching?.shown?.size, begun);
    const [wash, icon] = LOOK[is];
    return html`
        <section class="card newest"><div class="card-head"><h2>${t("journal.newest-checkpoint")}</h2>${note && html`<span class=${"state " + wash} role="status" data-check=${is}><${Icon} name=${icon} />${t("journal.signature." + is)}</span>`}</div>
            <p class="small"><${Word} name="checkpoint" about=${t("journal.newest-checkpoint")} /></p>
            ${watching && !watching.shown ? html`<p>${t("journal.unsigned")}</p>` : html`
                <p class="signed-line">${watching && tx("journal.signed", { n: whole(watching.shown.size), time: html`<time datetime=${watching.shown.time}>${dayYear(watching.shown.time)}, ${clock(watching.shown.time)}</time>` })}</p>
                <pre class="sunken note-text wrap-anywhere" data-checkpoint="" tabindex="0" role="region" aria-label=${t("journal.newest-checkpoint")}>${note}</pre>`}
            <dl class="facts gap">
                <div class="sum"><dt>${t("journal.size")}</dt><dd><span class="total">${whole(data.size)}</span></dd></div>
                <div><dt>${t("journal.newest")}</dt><dd><time datetime=${data.time}>${dateTime(data.time)} (${clock(data.time)})</time></dd></div>
                <div><dt>${t("journal.origin")}</dt><dd class="mono">${data.origin}</dd></div>
                ${data.simulation && html`<div><dt>${t("journal.simulation")}</dt><dd>${t("yes")}</dd></div>`}
            </dl>
            <details class="small gap"><summary>${t("journal.more")}</summary>
                <p class="second gap">${t("journal.root")}</p><p class="sunken mono wrap-anywhere" data-root="">${data.root}</p>
                <p class="second gap">${t("journal.genesis")}</p><p class="sunken mono wrap-anywhere">${data.genesis}</p>
                <p class="second gap">${t("journal.vkey")}</p><p class="sunken mono wrap-anywhere">${data.vkey}</p></details>
        </section>`;
};
/* the site's code says enough where the name is the journal's own */
const nameOf = (w) => w.known_as ?? w.site ?? w.name;
const Witness = ({ w }) => html`
    <li class=${w.refused ? "bad" : w.size ? "good" : "none"} data-witness=${nameOf(w)}><${Icon} name=${w.refused ? "warn" : w.size && !w.behind ? "ok" : "lost"} />
        <div><b>${nameOf(w)}</b>${w.counts && html` <span class="hint inline">${t("watch.counts")}</span>`}
            <span class="block small second">${w.refused ? t("watch.refused", { text: w.refused.text }) : w.size ? t(w.behind ? "watch.behind" : "watch.cosigned", { n: whole(w.size), time: `${dayYear(w.time)}, ${clock(w.time)}` }) : t("watch.silent")}</span>
            ${w.claimed && !w.refused && html`<span class="block small second">${t("watch.claimed", { n: whole(w.claimed.size) })}</span>`}</div></li>`;
const Watchers = ({ watching, origin }) => {
    const list = watching.witnesses.filter((w) => w.role !== "attest"), attest = watching.witnesses.filter((w) => w.role === "attest" && w.size);
    const { quorum } = watching;
    const fresh = list.filter((w) => w.size && !w.behind).length;
    return html`
        <section class="card" data-ready=""><h2>${t("watch.title")}</h2>
            <p class="small"><${Word} name="witness" about=${t("watch.title")} /></p>
            <p>${!list.length ? t("watch.nobody") : quorum.asked ? t("watch.quorum", { n: quorum.cosigned, all: quorum.of, rule: quorum.rule }) : t("watch.unasked", { n: fresh, all: list.length })}</p>
            ${quorum.asked && watching.shown && !quorum.met && html`<p>${t("watch.unmet")}</p>`}
            ${quorum.policy && quorum.since !== null && html`<p class="small second">${t("watch.since", { n: whole(quorum.since) })}</p>`}
            ${list.some((w) => w.refused) && html`<div class="gap"><${Note} kind="brick">${t("watch.alarm")}<//></div>`}
            ${list.length > 0 && html`<ul class="cosigners wide">${list.map((w) => html`<${Witness} key=${w.vkey} w=${w} />`)}</ul>`}
            ${attest.length > 0 && html`<p class="chart-note">${t("watch.attest", { n: attest.length, fresh: attest.filter((w) => !w.behind).length })}</p>`}
            <p class="chart-note">${tx("watch.what", { origin })}</p>
        </section>`;
};
/** Three commands that work as they stand. The key is the one thing that should come from elsewhere. */
const commands = (base, data, asked) => [
    asked ? `{ echo 'log ${data.vkey}'; curl -sS ${base}/v1/journal/policy | grep -v '^log '; } > policy` : `printf 'log ${data.vkey}\\nquorum none\\n' > policy`,
    `curl -sS '${base}/v1/journal/entries/0/{receipt,bytes}' -o '#1'`,
    "kontor-audit receipt --policy=policy receipt bytes",
];
const Yourself = ({ data, asked }) => html`
    <section class="card" id="yourself"><h2>${t("yourself.title")}</h2><p>${t("yourself.text")}</p>
        <ol class="commands gap">${commands(location.origin, data, asked).map((line, i) => html`<li key=${i}><span class="small second">${t("yourself." + (i + 1))}</span><pre class="sunken wrap-anywhere" data-command=${i + 1}>${line}</pre></li>`)}</ol>
        <p class="gap"><a href=${to("/verify")}>${t("verify.link")}</a></p><p class="chart-note">${t("yourself.whole")}</p><p class="chart-note">${t("journal.check.not")}</p>
    </section>`;

export const first = async () => {
    const [note, [head, watching]] = await Promise.all([readCheckpoint(), ahead("/v1/journal", "/v1/journal/witnesses", "/v1/journal/growth")]);
    early = { note, is: note && head && watching?.shown ? await judge(note, head.vkey).catch(() => "bad") : "checking" };
};

export default () => {
    const { data, error, reload } = useData("/v1/journal", { every: EVERY_MS });
    const watching = useData("/v1/journal/witnesses", { every: EVERY_MS }).data;
    const begun = useFirst();
    const growth = useData("/v1/journal/growth", { every: 12 * EVERY_MS });
    if (!data || begun === null) return html`<${Head} title=${t("nav.journal")} sub="" /><${Waiting} error=${error} retry=${reload} />`;
    return html`
        <${Head} title=${t("nav.journal")} sub=${t("journal.sub", { n: data.size, time: dateTime(data.time) })}>${me.value && html`<${Button} href=${to("/journal/entries")}>${t("journal.all")}<//>`}<//>
        ${data.guarded && html`<${Note} kind="brick"><b>${t("problem.guarded")}</b> ${data.guarded}<//>`}
        <p class="plain-words">${t("journal.plain")}</p>
        <div class="grid halves">
            <div class="stack">
                <${Checkpoint} begun=${begun} data=${data} watching=${watching} />
                <section class="card"><h2>${t("growth.title")}</h2>${!growth.data ? html`<${Waiting} error=${growth.error} retry=${growth.reload} rows=${5} />` : growth.data.points.length ? html`<${Growth} points=${growth.data.points} />` : html`<p>${t("journal.unsigned")}</p>`}</section>
            </div>
            <div class="stack">
                ${watching ? html`<${Watchers} watching=${watching} origin=${data.origin} />` : html`<section class="card"><${Waiting} rows=${5} /></section>`}
                <${Yourself} data=${data} asked=${watching?.quorum.asked} />
            </div>
        </div>`;
};
