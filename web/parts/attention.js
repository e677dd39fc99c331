/* What needs a person: each thing with what it is about, how long it waits, and the deed. */
import { html, useEffect } from "../lib/html.js";
import { ahead, get } from "../lib/api.js";
import { attention, partly } from "../lib/attention.js";
import { t } from "../lib/words.js";
import { aboutCredits, dateTime, duration, euro, lastDayYear, tail } from "../lib/format.js";
import { more } from "../lib/more.js";
import { me, seat, waiting } from "../lib/session.js";
import { nowMs, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { siteName, useSites } from "../lib/sites.js";
import { Credits } from "./amount.js";
import { Button } from "./button.js";
import { orderSays } from "./order-says.js";
import { State } from "./state.js";

await more("../messages/LANG.attention.json");

const toConfirm = (keys) => (keys?.items ?? []).filter((k) => k.state === "asked" && k.person.id !== me.value.person.id);
const givenUp = (mail) => (mail?.items ?? []).filter((m) => m.state === "given-up");
const PROGRAMME = "/v1/programme", ORDERS = "/v1/orders?open=true&limit=100", GRANTS = "/v1/grants?limit=500", AID = "/v1/aid/sums", SITES = "/v1/sites", KEYS = "/v1/officer-keys", MAIL = "/v1/mail";
const asks = () => [PROGRAMME, ORDERS, GRANTS, AID, SITES, ...(seat.value?.kind === "admin" ? [KEYS, MAIL] : [])];
/** What useAttention() asks, and what it needs besides. */
export const attentionAhead = () => ahead(...asks());
/** How much it is, for the column of other pages. What cannot be asked now leaves what is known. */
export default async () => {
    const asked = seat.value;
    const [programme, orders, grants, aid, sites, keys, mail] = await Promise.all(asks().map((path) => get(path)));
    if (seat.value?.id === asked?.id)
        waiting.value = attention({ disputed: programme.disputed, orders: orders.items, sites: sites.items, keys: toConfirm(keys), mail: givenUp(mail), grants: grants.items, aid: aid.items, now: nowMs() }).length;
};

/** All that needs a person now. `known`: everything was asked. */
export const useAttention = (disputed) => {
    const admin = seat.value?.kind === "admin";
    const orders = useData(ORDERS, { every: 15_000 });
    const keys = useData(admin ? KEYS : null);
    const grants = useData(GRANTS, { every: 60_000 });
    const aid = useData(AID, { every: 60_000 });
    const mail = useData(admin ? MAIL : null, { every: 60_000 });
    const { sites, loaded } = useSites(15_000);
    const answered = (asked) => asked.data !== null || asked.error;
    const items = attention({ disputed: disputed ?? [], orders: orders.data?.items ?? [], sites: [...sites.values()], keys: toConfirm(keys.data), mail: givenUp(mail.data),
        grants: grants.data?.items ?? [], aid: aid.data?.items ?? [], now: nowMs() });
    const known = Boolean(disputed && loaded && answered(orders) && answered(grants) && answered(aid) && (!admin || (answered(keys) && answered(mail))));
    useEffect(() => {
        if (known) waiting.value = items.length;
    }, [known, items.length]);
    return { items, sites, known, more: partly(orders.data, grants.data, aid.data), error: orders.error ?? grants.error ?? aid.error ?? keys.error ?? mail.error };
};
/* [look of its state, what, hint, where it leads] */
const ROWS = {
    dispute: (d, sites) => ["disputed", t("job.unnamed", { id: tail(d.reservation) }), t("programme.dispute.text", { site: siteName(sites.get(d.site), d.site) }), `/reservations/${d.reservation}/dispute`],
    order: (o) => ["coming", orderSays(o.order), t("programme.order.text", { n: o.signatures.length, of: o.signers, who: o.proposer.name }), `/programme/orders/${o.id}`],
    silent: (s) => ["silent", t("programme.silent.text", { site: siteName(s), city: s.city }), s.last_contact ? t("programme.silent.since", { time: dateTime(s.last_contact) }) : t("programme.silent.never"), `/sites/${s.code}`],
    key: (k) => ["coming", t("attention.key.what", { who: k.person.name }), t("attention.key.text"), "/programme/orders"],
    mail: (m) => ["lost", t("attention.mail.what", { n: m.n }), t("attention.mail.text", { name: m.newest.person, why: m.newest.why }), "/admin"],
    lapse: (l) => ["expired", t("attention.lapse.what", { n: l.n, days: l.days }), t("attention.lapse.text", { name: l.largest.grant.organisation.name, amount: aboutCredits(l.largest.gpums), day: lastDayYear(l.largest.grant.end) }), "/programme/grants?state=active"],
    aid: (a) => ["coming", t("attention.aid.what", { name: a.organisation.name, left: euro(a.left_eur_cents) }), t("attention.aid.text", { basis: a.basis.name, had: euro(a.granted_eur_cents + a.declared_eur_cents), cap: euro(a.basis.cap_eur_cents) }), `/programme/organisations/${a.organisation.id}/aid`],
};
const idOf = ({ kind, of }) => kind + (of.reservation ?? of.id ?? of.code ?? of.organisation?.id ?? "");
const Row = ({ item, sites }) => {
    const [look, what, hint, path] = ROWS[item.kind](item.of, sites);
    return html`<tr data-kind=${item.kind}><td class="lead"><${State} name=${look} words=${t("attention.kind." + item.kind)} /></td>
        <td>${what}<span class="hint">${hint}</span></td>
        <td class="num" data-label=${item.gpums === null ? undefined : t("credits")}>${item.gpums === null ? "" : item.kind === "lapse" ? html`<span class="about">${t("attention.about", { amount: aboutCredits(item.gpums) })}</span>` : html`<${Credits} gpums=${item.gpums} />`}</td>
        <td class="num" data-label=${item.since === null ? undefined : t("waiting")}>${item.since === null ? "" : duration((nowMs() - item.since) / 1000)}</td>
        <td class="right"><${Button} small href=${to(path)} label=${t("attention.do.of", { deed: t("attention.do." + item.kind), what })}>${t("attention.do." + item.kind)}<//></td></tr>`;
};
/** @param {{items: any[], sites: Map<string, any>}} props */
export const AttentionTable = ({ items, sites }) => html`
    <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("programme.attention", { n: items.length })}</caption>
        <thead><tr><th scope="col">${t("kind")}</th><th scope="col">${t("what")}</th><th scope="col" class="num">${t("credits")}</th><th scope="col" class="num">${t("waiting")}</th><th scope="col"><span class="hidden-text">${t("deed")}</span></th></tr></thead>
        <tbody>${items.map((item) => html`<${Row} key=${idOf(item)} item=${item} sites=${sites} />`)}</tbody></table></div>`;
