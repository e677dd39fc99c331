/* /credits/aid and /programme/organisations/{id}/aid: what aid an undertaking has had, what is left, what it has declared. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { asTyped, compare, country, dateTime, dayYear, euro, list, parseCents } from "../lib/format.js";
import { more } from "../lib/more.js";
import { seat } from "../lib/session.js";
import { useCommand, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Bar, Swatch } from "../parts/bar.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Check, Field, Select, useFocusOnError } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { say } from "../parts/note.js";
import { checks } from "../parts/order.js";

await more("../messages/LANG.aid.json");

/* ---- what there was ---- */
const Sum = ({ sum }) => {
    const had = sum.granted_eur_cents + sum.declared_eur_cents, cap = sum.basis.cap_eur_cents;
    return html`
        <section class="card"><h2>${sum.basis.name}</h2><p class="hint">${sum.basis.reference}</p>
            <p class="figure">${euro(sum.left_eur_cents)}${" "}<span class="of">${t("aid.left", { amount: euro(cap) })}</span></p>
            <div class="gap"><${Bar} height=${14} total=${String(cap)} parts=${[{ kind: "settled", gpums: String(sum.granted_eur_cents) }, { kind: "held", gpums: String(sum.declared_eur_cents) }, { kind: "free", gpums: String(sum.left_eur_cents) }]} /></div>
            <p class="second">${t("aid.sum", { had: euro(had), cap: euro(cap), n: sum.basis.years })}</p>
            <dl class="facts">
                <div><dt><${Swatch} kind="settled" /> ${t("aid.given")}</dt><dd class="num">${euro(sum.granted_eur_cents)}</dd></div>
                <div><dt><${Swatch} kind="held" /> ${t("aid.declared")}</dt><dd class="num">${euro(sum.declared_eur_cents)}</dd></div>
                ${sum.falls.length > 0 && html`<div><dt>${t("aid.falls")}</dt><dd>${sum.falls.map((f, i) => html`<span class="block" key=${i}>${t("aid.falls.text", { amount: euro(f.eur_cents), day: dayYear(f.at) })}</span>`)}</dd></div>`}
            </dl></section>`;
};
const Grants = ({ items, up }) => html`
    <section class="card"><h2>${t("aid.grants")}</h2>
        ${items.length === 0 ? html`<p class="second">${t("aid.grants.none")}</p>` : html`
        <dl class="facts">${items.map((a) => html`<div key=${a.account ?? a.granted}><dt>${dayYear(a.granted)}, ${a.basis.name}<span class="hint block">${a.basis.reference}</span></dt>
            <dd class="num">${euro(a.gge_eur_cents)}${a.account !== undefined && html`<a class="block" href=${to(`${up}/${a.account}/certificate`)}>${t("aid.cert")}</a>`}</dd></div>`)}</dl>`}</section>`;

/* ---- the declaration ---- */
const Declared = ({ body }) => html`
    <dl class="facts">
        <div><dt>${t("aid.number")}</dt><dd>${body.register_number}</dd></div>
        <div><dt>${t("aid.nace")}</dt><dd>${body.nace}</dd></div>
        <div><dt>${t("aid.linked")}</dt><dd>${body.linked.length ? body.linked.map((l, i) => html`<span class="block" key=${i}>${l.name}, ${country(l.country)}, ${l.register_number}</span>`) : t("aid.none")}</dd></div>
        <div><dt>${t("aid.received")}</dt><dd>${body.received.length ? body.received.map((r, i) => html`<span class="block" key=${i}>${dayYear(r.granted)}: ${euro(r.gge_eur_cents)}, ${r.by}</span>`) : t("aid.none")}</dd></div>
    </dl>`;

/** Rows that one adds and removes. fields: [name, label, more]. */
const Rows = ({ name, legend, hint, fields, rows, set, wrong }) => html`
    <fieldset class="fieldset"><legend>${legend}</legend><div><p class="hint">${hint}</p>
        ${rows.map((row, i) => html`<div class="fields gap" key=${i}>${fields.map(([field, label, props]) => html`<${Field} key=${field} name=${`${name}-${i}-${field}`} label=${label} ...${props} value=${row[field]}
                error=${wrong[`${name}-${i}-${field}`]} onInput=${(v) => set(rows.map((old, k) => (k === i ? { ...old, [field]: v } : old)))} />`)}
            <div class="end-of-row"><${Button} small icon="cross" label=${`${t("aid.remove", { n: i + 1 })}: ${legend}`} onClick=${() => set(rows.filter((_, k) => k !== i))}>${t("aid.remove.short")}<//></div></div>`)}
        <div class="gap"><${Button} small icon="plus" label=${`${t("aid.add")}: ${legend}`} onClick=${() => set([...rows, Object.fromEntries(fields.map(([field]) => [field, ""]))])}>${t("aid.add")}<//></div></div></fieldset>`;

const faults = (v) => {
    const bad = {};
    const need = (key, value, check = checks.needed) => {
        const words = check(value);
        if (words) bad[key] = words;
    };
    need("number", v.number);
    need("nace", v.nace, (x) => (/^\d\d(\.\d{1,2})?$/.test(x.trim()) ? undefined : t("aid.nace.bad")));
    v.linked.forEach((l, i) => ["name", "register_number"].forEach((f) => need(`linked-${i}-${f}`, l[f])));
    v.linked.forEach((l, i) => need(`linked-${i}-country`, l.country, (x) => (/^[A-Za-z]{2}$/.test(x.trim()) ? undefined : t("order.needed"))));
    v.received.forEach((r, i) => need(`received-${i}-by`, r.by));
    v.received.forEach((r, i) => need(`received-${i}-granted`, r.granted, checks.day));
    v.received.forEach((r, i) => need(`received-${i}-euro`, r.euro, (x) => (parseCents(x) > 0 ? undefined : t("order.euro"))));
    if (!v.complete) bad.complete = t("aid.complete.needed");
    return bad;
};
const toBody = (v) => ({
    register_number: v.number.trim(), nace: v.nace.trim(), complete: true,
    linked: v.linked.map((l) => ({ name: l.name.trim(), country: l.country.trim().toUpperCase(), register_number: l.register_number.trim() })),
    received: v.received.map((r) => ({ granted: r.granted + "T00:00:00.000Z", gge_eur_cents: parseCents(r.euro), by: r.by.trim() })),
});
const fromBody = (b) => ({
    number: b?.register_number ?? "", nace: b?.nace ?? "", complete: false, linked: b?.linked ?? [],
    received: (b?.received ?? []).map((r) => ({ granted: r.granted.slice(0, 10), euro: asTyped((r.gge_eur_cents / 100).toFixed(2)), by: r.by })),
});
const Form = ({ id, body, onDone }) => {
    const [v, setAll] = useState(fromBody(body)), [wrong, setWrong] = useState({});
    const sending = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : sending.error);
    const set = (name) => (value) => setAll((old) => ({ ...old, [name]: value }));
    const submit = async (event) => {
        event.preventDefault();
        const bad = faults(v);
        setWrong(bad);
        if (Object.keys(bad).length || !(await sending.run(`/v1/organisations/${id}/aid/declarations`, toBody(v)))) return;
        say(t("aid.declaration.done"));
        onDone();
    };
    return html`
        <form class="form" ref=${form} onSubmit=${submit} noValidate>
            <${Field} name="number" label=${t("aid.number")} hint=${t("aid.number.hint")} value=${v.number} onInput=${set("number")} error=${wrong.number} maxlength=${40} />
            <${Field} name="nace" label=${t("aid.nace")} hint=${t("aid.nace.hint")} value=${v.nace} onInput=${set("nace")} error=${wrong.nace} maxlength=${5} />
            <${Rows} name="linked" legend=${t("aid.linked")} hint=${t("aid.linked.hint")} rows=${v.linked} set=${set("linked")} wrong=${wrong}
                fields=${[["name", t("aid.name"), { maxlength: 120 }], ["country", t("aid.country"), { maxlength: 2 }], ["register_number", t("aid.number"), { maxlength: 40 }]]} />
            <${Rows} name="received" legend=${t("aid.received")} hint=${t("aid.received.hint")} rows=${v.received} set=${set("received")} wrong=${wrong}
                fields=${[["granted", t("aid.on"), { type: "date" }], ["euro", t("grant.euro"), { unit: "EUR", inputmode: "decimal" }], ["by", t("aid.by"), { maxlength: 120 }]]} />
            <${Check} name="complete" label=${t("aid.complete")} checked=${v.complete} onInput=${set("complete")} />
            ${wrong.complete && html`<p class="bad" role="alert">${wrong.complete}</p>`}
            <${Refused} error=${sending.error} />
            <div class="deeds"><${Button} kind="primary" submit busy=${sending.busy}>${t("aid.declaration.do")}<//></div>
        </form>`;
};
const Declaration = ({ id, made, owns, onDone }) => {
    const [anew, set] = useState(false);
    const done = () => {
        set(false);
        onDone();
    };
    return html`
        <section class="card"><h2>${t("aid.declaration")}</h2>
            ${made ? html`<p class="second">${t("aid.declaration.made", { name: made.by, time: dateTime(made.made) })}</p><${Declared} body=${made.body} />` : html`<p>${t("aid.declaration.none")}</p>`}
            ${!owns ? !made && html`<p class="second gap">${t("aid.declaration.owner")}</p>`
                : anew || !made ? html`<div class="gap"><${Form} id=${id} body=${made?.body} onDone=${done} /></div>` : html`<div class="deeds gap"><${Button} onClick=${() => set(true)}>${t("aid.declaration.new")}<//></div>`}</section>`;
};

/* ---- who is one undertaking: officers ---- */
const Links = ({ id, onDone }) => {
    const links = useData(`/v1/organisations/${id}/aid/links`), all = useData("/v1/organisations?limit=500");
    const [other, setOther] = useState(""), [reason, setReason] = useState(""), [bad, setBad] = useState("");
    const sending = useCommand();
    const writes = seat.value.role === "officer";
    const send = async (organisation, linked, why) => {
        if (!(await sending.run(`/v1/organisations/${id}/aid/links`, { organisation, linked, reason: why }))) return;
        say(t(linked ? "aid.links.done" : "aid.linked.end.done"));
        setReason("");
        links.reload();
        onDone();
    };
    const items = links.data?.items ?? [];
    const others = (all.data?.items ?? []).filter((o) => o.id !== id && !items.some((l) => l.organisation.id === o.id)).sort((a, b) => compare(a.name, b.name));
    const submit = (event) => {
        event.preventDefault();
        if (!reason.trim()) {
            setBad(t("order.needed"));
            return event.currentTarget.querySelector("[name=reason]").focus();
        }
        return send(other || others[0]?.id, true, reason.trim());
    };
    return html`
        <section class="card"><h2>${t("aid.links")}</h2><p class="second">${t("aid.links.text")}</p>
            ${!links.data ? html`<${Waiting} error=${links.error} retry=${links.reload} rows=${2} />` : items.length === 0 ? html`<p class="gap">${t("aid.linked.none")}</p>` : html`
            <dl class="facts">${items.map((l) => html`<div key=${l.organisation.id}><dt>${l.organisation.name}<span class="hint block">${t("aid.linked.since", { time: dateTime(l.since), name: l.by, reason: l.reason })}</span></dt>
                <dd>${writes && html`<${Button} small busy=${sending.busy} label=${`${t("aid.linked.end")}: ${l.organisation.name}`} onClick=${() => send(l.organisation.id, false, t("aid.linked.end"))}>${t("aid.linked.end")}<//>`}</dd></div>`)}</dl>`}
            <${Refused} error=${sending.error} />
            ${writes && others.length > 0 && html`<form class="form gap" onSubmit=${submit} noValidate>
                <${Select} name="other" label=${t("aid.links.other")} value=${other || others[0].id} onInput=${setOther} options=${others.map((o) => [o.id, o.name])} />
                <${Field} name="reason" label=${t("order.reason")} value=${reason} onInput=${(v) => { setReason(v); setBad(""); }} error=${bad} maxlength=${500} />
                <div><${Button} submit busy=${sending.busy}>${t("aid.links.do")}<//></div></form>`}</section>`;
};

const whose = (params) => {
    const mine = seat.value.kind === "startup", id = mine ? seat.value.organisation.id : params.id;
    return { mine, id, at: `/v1/organisations/${id}/aid` };
};
export const first = ({ params }) => {
    const { mine, at } = whose(params);
    return mine ? ahead(at) : ahead(at, `${at}/links`, "/v1/organisations?limit=500");
};

export default ({ params }) => {
    const { mine, id, at } = whose(params);
    const up = mine ? "/credits" : "/programme/grants";
    const { data, error, reload } = useData(at);
    const name = data?.undertaking.find((u) => u.id === id)?.name ?? "";
    const head = html`<${Head} title=${mine || !name ? t("aid.page") : `${t("aid.page")}: ${name}`} crumbs=${html`<a href=${to(up)}>${t(mine ? "nav.credits" : "nav.grants")}</a>`} sub=${t("aid.sub", { name })} />`;
    if (!data) return html`${head}<${Waiting} error=${error} retry=${reload} rows=${8} />`;
    return html`
        ${head}
        <div class="stack">
            ${data.undertaking.length > 1 && html`<p class="card">${t("aid.together", { names: list(data.undertaking.map((u) => u.name)) })}</p>`}
            <div class="grid halves">${data.sums.map((s) => html`<${Sum} key=${s.basis.code} sum=${s} />`)}<${Grants} items=${data.items} up=${up} /></div>
            <${Declaration} id=${id} made=${data.declaration} owns=${mine && seat.value.role === "owner"} onDone=${reload} />
            ${!mine && html`<${Links} id=${id} onDone=${reload} />`}
        </div>`;
};
