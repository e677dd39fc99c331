/* /programme/orders/{id}: the order in words, who signed, what my signature does. What is signed is read from its bytes here. */
import { html, useEffect, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { has, t } from "../lib/words.js";
import { credits, dateTime, day, duration, euro, whole, wholeCredits } from "../lib/format.js";
import { fromBase64, fromHex, same, sha256, toBase64, toHex, utf8 } from "../lib/bytes.js";
import { more } from "../lib/more.js";
import { keptKey, signWith } from "../lib/officer-key.js";
import { signWithPasskey } from "../lib/officer-passkey.js";
import { readOrder, saysTheSame } from "../lib/order-bytes.js";
import { passkeysFit } from "../lib/passkey.js";
import { useCommand, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Credits, Folio } from "../parts/amount.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { KINDS } from "../lib/kinds.js";
import { Dialog } from "../parts/dialog.js";
import { Area } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Note, say } from "../parts/note.js";
import { orderSays } from "../parts/order-says.js";
import { OrderState } from "../parts/orders.js";

await more("../messages/LANG.orders.json");

const REASON_MAX = 500;
/** Do the bytes commit to this reason? */
const commits = async (o, read) => read.committed !== null && same(await sha256(fromHex(o.salt), utf8(o.reason)), read.committed);
/** What the bytes say, checked against their hash and against what the server says of them; and the key of this browser, if it is the one.
 * What was read of other bytes, or beside other words, counts no more. */
const judge = async (o, of) => {
    const bytes = fromBase64(o.bytes), read = readOrder(bytes);
    const fits = read && toHex(await sha256(bytes)) === o.sha256 && saysTheSame(read, o) && (!o.reason || (await commits(o, read)));
    return { is: fits ? "fits" : "differs", read, bytes, key: o.you.ed25519 ? await keptKey(o.you.ed25519) : null, of };
};
const ofOrder = (o) => JSON.stringify([o.id, o.bytes, o.sha256, o.salt, o.reason, o.order, o.you.ed25519]);
let early = null; /* what was judged before the page is drawn */
const useBytes = (o) => {
    const reading = { is: "reading", read: null, bytes: null, key: null, of: "" };
    const [state, set] = useState(early ?? reading);
    const of = ofOrder(o);
    useEffect(() => {
        let gone = false;
        early = null;
        if (state.of !== of) judge(o, of).then((found) => gone || set(found));
        return () => {
            gone = true;
        };
    }, [of]);
    return state.of === of ? state : reading;
};
const Account = ({ ref }) => (ref ? html`${ref.label} <span class="second">${t("account", { n: whole(ref.account) })}</span>` : null);
const POLICY = KINDS.indexOf("POLICY"), WORD = 4;
/** The rule of orders that is signed. */
const Rule = ({ says }) => html`<p>${says.cap_gpums === "0" ? t("rule.unlimited") : t("rule.limited", { amount: wholeCredits(says.cap_gpums) })} ${says.eligible & WORD ? t("rule.word") : t("rule.no-word")} ${t("rule.open", { time: duration(says.decide_ms / 1000) })}</p>`;
const Words = ({ o, b }) => {
    const r = b.read, says = r?.says ?? {};
    return html`
        <section class="card"><h2>${orderSays(o.order)}</h2>
            <dl class="facts gap">
                ${o.order.debit && html`<div><dt>${t("orders.from")}</dt><dd><${Account} ref=${o.order.debit} /></dd></div>`}
                ${o.order.credit && html`<div><dt>${t("orders.to")}</dt><dd><${Account} ref=${o.order.credit} /></dd></div>`}
                ${r && r.gpums > 0n && html`<div><dt>${t("credits")}</dt><dd><b><${Credits} gpums=${String(r.gpums)} /></b></dd></div>`}
                ${says.start && html`<div><dt>${t("orders.term")}</dt><dd>${t("orders.from-to", { from: day(new Date(says.start).toISOString()), to: day(new Date(says.end).toISOString()) })}</dd></div>`}
                ${says.start && html`<div><dt>${t("orders.value")}</dt><dd>${euro(says.gge_eur_cents)}</dd></div>`}
                ${says.reference && html`<div><dt>${t("order.reference")}</dt><dd>${says.reference}</dd></div>`}
                ${says.rate_milli !== undefined && html`<div><dt>${t("orders.rate")}</dt><dd>${credits(String(BigInt(says.rate_milli) * 3600n))}</dd></div>`}
                ${says.ed25519 && html`<div><dt>${t("orders.public-key")}</dt><dd class="break">${says.ed25519}</dd></div>`}
            </dl>
            ${r?.kind === POLICY && says.code === "orders" && html`<${Rule} says=${says} />`}
            ${o.reason && html`<h3 class="gap">${t("order.reason")}</h3><p class="pre-line">${o.reason}</p>${b.is === "fits" && html`<p class="small second">${t("orders.reason.fits")}</p>`}`}
            ${b.is === "fits" && html`<p class="small second gap">${t("orders.fits")}</p>`}
            ${b.is === "differs" && html`<${Note} kind="brick" role="alert"><b>${t("orders.differs")}</b> ${t("orders.differs.text")}<//>`}
        </section>`;
};
const Signers = ({ o }) => html`
    <section class="card"><h2>${t("orders.signatures")}</h2>
        <ol class="words tight"><li>${t("orders.proposed", { who: o.proposer.name, time: dateTime(o.created) })}</li>
            ${o.signatures.map((s) => html`<li key=${s.person.id}>${t("orders.signed.class-" + s.class, { who: s.person.name, time: dateTime(s.at) })}${s.class !== 3 && html` <${Folio} entry=${s.key} />`}</li>`)}
            ${o.state === "proposed" && html`<li class="second">${t("orders.missing", { n: o.signers - o.signatures.length, time: dateTime(o.lapses) })}</li>`}
            ${o.ended_by && html`<li>${t("orders.ended." + o.state, { who: o.ended_by, time: dateTime(o.ended) })}<blockquote class="sunken">${o.ended_reason}</blockquote></li>`}
            ${o.entry !== undefined && html`<li>${t("orders.entered", { time: dateTime(o.ended) })} <a href=${to(`/journal/entries/${o.entry}`)}>${t("orders.entry", { n: whole(o.entry) })}</a></li>`}
        </ol></section>`;
/** Withdraw or refuse, with its reason. */
const End = ({ o, onDone }) => {
    const [open, set] = useState(false), [reason, setReason] = useState(""), [bad, setBad] = useState("");
    const sending = useCommand();
    const what = o.you.proposed ? "withdraw" : "refuse";
    const yes = async () => {
        if (!reason.trim()) {
            setBad(t("order.needed"));
            return;
        }
        const done = await sending.run(`/v1/orders/${o.id}/${what}`, { reason: reason.trim() });
        if (!done) return;
        set(false);
        say(t("orders.done." + what));
        onDone();
    };
    return html`<${Button} onClick=${() => set(true)}>${t("orders." + what)}<//>
        ${open && html`<${Dialog} danger title=${t("orders." + what + ".title")} yes=${t("orders." + what)} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => set(false)}>
            <${Area} name="reason" label=${t("order.reason")} rows=${3} value=${reason} error=${bad} onInput=${(v) => { setReason(v.slice(0, REASON_MAX)); setBad(""); }} /><//>`}`;
};
/** What a signature of mine does, and the deed. */
const Sign = ({ o, b, onDone }) => {
    const sending = useCommand();
    const [failed, fail] = useState(/** @type {any} */ (null));
    const last = o.signatures.length + 1 === o.signers;
    const send = async (by) => {
        const done = await sending.run(`/v1/orders/${o.id}/signatures`, { sha256: o.sha256, ...by });
        if (done) say(t(done.state === "in_journal" ? "orders.done.entered" : "orders.done.signed"));
        onDone();
    };
    const sign = async () => send(b.key && { key: o.you.key, signature: toBase64(await signWith(b.key, b.bytes)) });
    const passkeys = o.you.passkeys.filter((p) => passkeysFit(p.site));
    const withPasskey = async () => {
        fail(null);
        try {
            const said = await signWithPasskey(b.bytes, passkeys);
            if (said) await send(said); /* else they have thought better of it */
        } catch (error) {
            fail(error);
        }
    };
    const word = o.you.key === null && o.you.passkeys.length === 0, elsewhere = !word && !b.key && passkeys.length === 0;
    const amount = o.order.amount_gpums === "0" ? "" : credits(o.order.amount_gpums);
    return html`
        <section class="card"><h2>${t("orders.mine")}</h2>
            <p>${last ? t("orders.mine.last") : t("orders.mine.first")} ${b.key ? t("orders.mine.key") : word ? t("orders.mine.word") : ""} ${passkeys.length > 0 ? t("orders.mine.passkey") : ""}</p>
            ${elsewhere && b.is !== "reading" && html`<${Note} kind="ochre">${t("orders.mine.elsewhere")}<//>`}
            <${Refused} error=${failed ?? sending.error} />
            <div class="deeds gap">${(b.key || word) && b.is === "fits" && html`<${Button} kind="primary" busy=${sending.busy} onClick=${sign}>${amount ? t("orders.sign.amount", { amount }) : t("orders.sign")}<//>`}
                ${passkeys.length > 0 && b.is === "fits" && html`<${Button} kind=${b.key ? undefined : "primary"} busy=${sending.busy} onClick=${withPasskey}>${amount ? t("orders.sign.passkey.amount", { amount }) : t("orders.sign.passkey")}<//>`}
                <${End} o=${o} onDone=${onDone} /></div></section>`;
};
const Retry = ({ o, onDone }) => {
    const sending = useCommand();
    const again = async () => {
        const done = await sending.run(`/v1/orders/${o.id}/carry-out`, {});
        if (done) say(t("orders.done.entered"));
        onDone();
    };
    return html`<section class="card"><h2>${t("orders.approved")}</h2><p>${t("orders.approved.text")}</p><${Refused} error=${sending.error} />
        <div class="deeds gap"><${Button} kind="primary" busy=${sending.busy} onClick=${again}>${t("orders.again")}<//><${End} o=${o} onDone=${onDone} /></div></section>`;
};
const Body = ({ o, reload }) => {
    const b = useBytes(o);
    const why = o.you.why_not, open = o.state === "proposed";
    return html`
        <div class="stack">
            <${Words} o=${o} b=${b} />
            <${Signers} o=${o} />
            ${open && o.you.may_sign && html`<${Sign} o=${o} b=${b} onDone=${reload} />`}
            ${o.state === "approved" && why !== "forbidden" && html`<${Retry} o=${o} onDone=${reload} />`}
            ${open && !o.you.may_sign && html`<section class="card"><h2>${t("orders.mine")}</h2><p>${has("orders.why." + why) ? t("orders.why." + why) : t("orders.why.other")}${why === "order-key" && html` <a href=${to("/me")}>${t("orders.make-key")}</a>`}</p>
                ${o.you.proposed && html`<div class="deeds gap"><${End} o=${o} onDone=${reload} /></div>`}</section>`}
        </div>`;
};

export const first = async ({ params: { id } }) => {
    const [o] = await ahead(`/v1/orders/${id}`);
    early = o ? await judge(o, ofOrder(o)).catch(() => null) : null;
};

export default ({ params: { id } }) => {
    const { data, error, reload } = useData(`/v1/orders/${id}`, { every: 15_000 });
    const crumbs = html`<a href=${to("/programme/orders")}>${t("nav.orders")}</a> / ${t("orders.one")}`;
    if (!data) return html`<${Head} title=${t("orders.one")} crumbs=${crumbs} /><${Waiting} error=${error} retry=${reload} rows=${8} />`;
    return html`<${Head} title=${t("orders.one")} crumbs=${crumbs}><${OrderState} state=${data.state} /><//><${Body} o=${data} reload=${reload} />`;
};
