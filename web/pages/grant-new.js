/* /programme/grants/new: a tranche gives credits to one organisation, for one access mode, with a start and an end. */
import { html } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { compare, country, duration, euro, parseCents, parseCredits, whole, wholeCredits } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData, nowMs } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Waiting } from "../parts/broken.js";
import { Field, Select } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Order, checks } from "../parts/order.js";

await more("../messages/LANG.programme.json");

const dayText = (ms) => new Date(ms).toISOString().slice(0, 10);
const DAY = 86_400_000;

/** On which legal basis, with what is left under its cap. */
const Basis = ({ organisation, rules, value, onInput, error }) => {
    const rule = rules.find((r) => r.code === value);
    const aid = useData(organisation && rule?.cap_eur_cents ? `/v1/organisations/${organisation}/aid` : null);
    const sum = aid.data?.sums.find((s) => s.basis.code === value);
    const hint = !sum ? rule?.reference : rule.needs_declaration && !aid.data.declaration ? t("grant.basis.declare") : t("grant.basis.cap", { left: euro(sum.left_eur_cents), cap: euro(rule.cap_eur_cents) });
    return html`<${Select} name="legal_basis" label=${t("grant.basis")} hint=${hint} value=${value} onInput=${onInput} error=${error} options=${rules.map((r) => [r.code, r.name])} />`;
};

export const first = () => ahead("/v1/organisations?limit=500", "/v1/programme", "/v1/policies", "/v1/aid/rules");

export default ({ query }) => {
    const organisations = useData("/v1/organisations?limit=500"), programme = useData("/v1/programme"), policies = useData("/v1/policies"), bases = useData("/v1/aid/rules");
    const head = html`<${Head} title=${t("grant.new")} crumbs=${html`<a href=${to("/programme/grants")}>${t("nav.grants")}</a> / ${t("grant.new")}`} sub=${t("grant.new.sub")} />`;
    const broken = [organisations, programme, policies, bases].find((d) => d.error && !d.data);
    if (broken || !organisations.data || !programme.data || !policies.data || !bases.data) return html`${head}<${Waiting} error=${broken?.error} retry=${broken?.reload} rows=${8} />`;
    const tranches = programme.data.funds.flatMap((f) => (f.tranches ?? []).map((tr) => [String(tr.account), t("tranche.option", { fund: f.name, name: tr.name ?? tr.reference, amount: wholeCredits(tr.free_gpums) })]));
    const modes = policies.data.items;
    const capOf = (code) => {
        const mode = modes.find((m) => m.code === code);
        if (!mode) return "";
        const cap = BigInt(mode.cap_gpums ?? 0), longest = Number(mode.longest_ms ?? 0);
        return [cap > 0n && t("grant.cap", { amount: wholeCredits(cap) }), longest > 0 && t("grant.longest", { time: duration(longest / 1000) })].filter(Boolean).join(", ");
    };
    const rules = bases.data.items.filter((r) => Date.parse(r.valid_from) <= nowMs() && r.code !== "carried-over"); /* a new origin's orders are not a form's */
    const all = [...organisations.data.items].sort((a, b) => compare(a.name, b.name));
    return html`
        ${head}
        <${Order} path="/v1/grants" names=${{ gge_eur_cents: "euro" }}
            start=${{ organisation: query.get("organisation") ?? all[0]?.id ?? "", tranche: tranches[0]?.[0] ?? "", mode: modes[0]?.code ?? "", credits: "", start: dayText(nowMs()), end: dayText(nowMs() + 90 * DAY), reference: "", euro: "", legal_basis: rules[0]?.code ?? "", reason: "" }}
            rules=${{ organisation: checks.needed, tranche: checks.needed, mode: checks.needed, credits: checks.credits, start: checks.day, end: (v, values) => checks.day(v) ?? (v > values.start ? undefined : t("grant.bad.end")), reference: checks.needed, euro: checks.euro, reason: checks.needed }}
            body=${(v) => ({ organisation: v.organisation, tranche: Number(v.tranche), mode: v.mode, credits: parseCredits(v.credits), start: v.start + "T00:00:00.000Z", end: v.end + "T00:00:00.000Z", reference: v.reference.trim(), gge_eur_cents: parseCents(v.euro) ?? 0, legal_basis: v.legal_basis, reason: v.reason.trim() })}
            words=${(v) => (parseCredits(v.credits) ? t("grant.do", { amount: whole(parseCredits(v.credits).split(".")[0]) }) : t("grant.new"))}
            done=${(answer) => [t("grant.done"), to(`/programme/grants/${answer.account}`)]}
            draw=${(v, set, fault) => html`
                <${Select} name="organisation" label=${t("grant.who")} value=${v.organisation} onInput=${set("organisation")} error=${fault("organisation")} options=${all.map((o) => [o.id, o.country ? `${o.name}, ${country(o.country)}` : o.name])} />
                <${Select} name="tranche" label=${t("tranche")} value=${v.tranche} onInput=${set("tranche")} error=${fault("tranche")} options=${tranches} />
                <${Select} name="mode" label=${t("mode")} hint=${capOf(v.mode)} value=${v.mode} onInput=${set("mode")} error=${fault("mode")} options=${modes.map((m) => [m.code, m.name])} />
                <${Field} name="credits" label=${t("credits")} unit=${t("credits-word")} inputmode="decimal" value=${v.credits} onInput=${set("credits")} error=${fault("credits")} />
                <div class="fields keep">
                    <${Field} name="start" type="date" label=${t("grant.start")} value=${v.start} onInput=${set("start")} error=${fault("start")} />
                    <${Field} name="end" type="date" label=${t("grant.end")} value=${v.end} onInput=${set("end")} error=${fault("end")} />
                </div>
                <p class="small hint">${t("grant.utc")}</p>
                <${Field} name="euro" label=${t("grant.euro")} hint=${t("grant.euro.hint")} unit="EUR" inputmode="decimal" value=${v.euro} onInput=${set("euro")} error=${fault("euro")} />
                <${Basis} organisation=${v.organisation} rules=${rules} value=${v.legal_basis} onInput=${set("legal_basis")} error=${fault("legal_basis")} />
                <${Field} name="reference" label=${t("order.reference")} hint=${t("order.reference.hint")} value=${v.reference} onInput=${set("reference")} error=${fault("reference")} maxlength=${32} />
                <${Field} name="reason" label=${t("order.reason")} hint=${t("order.reason.hint")} value=${v.reason} onInput=${set("reason")} error=${fault("reason")} />`} />`;
};
