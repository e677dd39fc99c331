/* /requests/{id}: quotes compared: best place, start and cost; how long it binds; why not the others. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { has, t, tx } from "../lib/words.js";
import { big, clock, clockUtc, credits, dateTime, length, rate } from "../lib/format.js";
import { inTime } from "../lib/ago.js";
import { changed, fromRequest, sorted, write } from "../lib/asking.js";
import { more } from "../lib/more.js";
import { gpuName, siteName, siteTown, useSites } from "../lib/sites.js";
import { useCommand, useData, nowMs } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Assumed, Credits, Total } from "../parts/amount.js";
import { Broken, Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Changes } from "../parts/changes.js";
import { Head } from "../parts/frame.js";
import { Note, say } from "../parts/note.js";
import { Reasons } from "../parts/reasons.js";
import { Ring } from "../parts/ring.js";
import { Word } from "../parts/word.js";

await Promise.all([more("../messages/LANG.buying.json", "../styles/buying.css"), more("../messages/LANG.places.json", "../styles/places.css")]);

const AGAIN = new Set(["quote-expired", "quote-used", "option-gone"]);

/** Why a card is there: what it is the best at, in the order of what was asked. */
const titles = (options, preference) => {
    const least = (value) => options.reduce((a, o, i) => (value(o) !== null && (a < 0 || value(o) < value(options[a])) ? i : a), -1);
    const best = { soonest: least((o) => Date.parse(o.start)), cheapest: least((o) => Number(big(o.cost_gpums) / 1000n)), nearest: least((o) => o.distance_km) };
    return options.map((o, i) => {
        const what = Object.keys(best).filter((name) => best[name] === i && (i > 0 || name !== preference));
        if (i === 0) return [t("quotes.as-asked", { what: t("prefer." + preference) }), ...what.map((name) => t("quotes.too." + name))].join(", ");
        return what.length ? what.map((name) => t("prefer." + name)).join(", ") : t("quotes.also");
    });
};
const notSooner = ({ not_sooner: why }) => {
    const n = why?.numbers ?? {};
    if (!why) return "";
    return has("sooner." + why.code) ? t("sooner." + why.code, { most: n.most_free, brokered: n.brokered, from: n.from ? dateTime(n.from) : "", to: n.to ? dateTime(n.to) : "", asked: n.gpus, kept: n.kept, without: n.without ? dateTime(n.without) : "", nights: n.nights, run: n.longest_nights, longest: length(n.longest_s ?? 0), length: length(n.length_s ?? 0) }) : why.text;
};

const Option = ({ option, index, title, site, free, now, from, open, accept, busy, primary, cannot }) => {
    const offering = site?.offerings.find((o) => o.index === option.offering);
    const cost = big(option.cost_gpums);
    const short = cost > free;
    return html`
        <li class=${index === 0 ? "best" : ""} data-option=${option.site}>
            <p class="small second"><b>${title}</b></p>
            <h2>${siteName(site, option.site)}</h2><p class="small second">${siteTown(site)}</p>
            <p class="start">${dateTime(option.start)}</p>
            <p class="small second">${tx("quotes.until", { time: dateTime(option.end), wait: html`<b>${inTime((Date.parse(option.start) - now) / 1000)}</b>` })}</p>
            <dl class="facts">
                ${option.nights?.length > 0 && html`<div><dt>${t("quotes.nights")}</dt><dd>${t("ask.nights.each", { n: option.nights.length, from: clockUtc(option.nights[0].start), until: clockUtc(option.nights[0].end) })}</dd></div>`}
                <div><dt>${t("gpus")}</dt><dd>${t("quotes.gpus", { n: option.gpus, gpu: gpuName(option) })}<${Assumed} when=${offering?.assumed} /></dd></div>
                <div><dt>${t("rate-word")}</dt><dd>${rate(option.rate_milli)}<${Assumed} when=${offering?.rate?.assumed} /></dd></div>
                ${option.distance_km !== null && option.distance_km !== undefined && html`<div><dt>${t("quotes.from", { city: from || t("quotes.home") })}</dt><dd>${t("km", { n: option.distance_km })}</dd></div>`}
                <div class="sum"><dt>${t("cost-at-most")}</dt><dd><${Total} gpums=${cost} /></dd></div>
                <div><dt>${t("quotes.after")}</dt><dd><${Credits} gpums=${free - cost} /></dd></div>
            </dl>
            <p class="why">${option.not_sooner?.code === "at-once" ? t("sooner.at-once") : tx("quotes.not-sooner", { why: notSooner(option) })}</p>
            <div class="foot-of">
                <${Button} wide kind=${primary ? "primary" : "plain"} busy=${busy} off=${short ? t("quotes.short") : open ? cannot : t("quotes.ended")} onClick=${() => accept(option, index)}>${t("accept-for", { amount: credits(cost) })}<//>
                <p class="small hint">${option.booked ? t("quotes.booked") : t("quotes.likely")}</p>
            </div>
        </li>`;
};
/** The quote ran out or its place went while the user decided: nothing was spent, and the next best is shown. */
const Gone = ({ error, asked, quote, before, accept, busy, sites, ask }) => {
    const best = quote?.options[0];
    const same = best && before && best.offering === before.offering && best.start === before.start;
    return html`
        <div class="stack"><${Broken} error=${error} title=${t(error.code === "option-gone" ? "quotes.gone.taken" : "quotes.gone.title", { at: clock(asked), until: clock(before?.expires ?? asked) })} credits=${t("credits-unchanged")}>
            ${best ? html`<p>${t(same ? "quotes.gone.same" : "quotes.gone.next")}</p>
                <div class="again"><div><b>${siteName(sites.get(best.site), best.site)}</b><span class="block small second">${t("quotes.gpus", { n: best.gpus, gpu: gpuName(best) })}</span></div>
                    <div><b>${dateTime(best.start)}</b><span class="block small second">${before && t(best.start === before.start ? "unchanged" : "changed")}</span></div>
                    <div><${Credits} gpums=${best.cost_gpums} /><span class="block small second">${before && t(best.cost_gpums === before.cost_gpums ? "unchanged" : "changed")}</span></div>
                    <${Button} kind="primary" busy=${busy} onClick=${() => accept(best, 0)}>${t("accept-for", { amount: credits(best.cost_gpums) })}<//></div>`
                : html`<p>${t("quotes.gone.asking")}</p>`}
            <div class="links"><a href=${to("/ask", write(ask))}>${t("quotes.change-ask")}</a></div>
        <//></div>`;
};

const known = ({ data, error }) => data || error;
export const first = async ({ params }) => {
    const [[request]] = await Promise.all([ahead(`/v1/requests/${params.id}`), ahead("/v1/sites")]);
    if (request) await ahead(`/v1/grants/${request.grant}`, `/v1/organisations/${request.organisation?.id ?? request.organisation}`);
};

export default ({ params }) => {
    const { data: request, error, reload } = useData(`/v1/requests/${params.id}`);
    const { sites, loaded, reload: askSites } = useSites();
    const grant = useData(request ? `/v1/grants/${request.grant}` : null);
    const home = useData(request ? `/v1/organisations/${request.organisation?.id ?? request.organisation}` : null);
    const accepting = useCommand(), holding = useCommand(), looking = useCommand(), renewing = useCommand();
    const [mine, setQuote] = useState(null);
    const [ended, end] = useState(false);
    const [gone, setGone] = useState(null);
    const asked = useRef(false);
    /* what few requests need comes with them: what seals secrets, what shows nights */
    const [parts, take] = useState(/** @type {any} */ (null));
    const [giving, give] = useState(false); /* secrets: what seals them and proves whose key it is */
    const [cannot, tell] = useState(/** @type {Record<string, string>} */ ({}));
    const seal = useRef(/** @type {any} */ (null));
    const secret = request?.secrets?.length > 0;
    const nightly = Boolean(request?.nights && request.reservation);
    useEffect(() => {
        if (giving || nightly) (giving ? import("../parts/secrets.js") : import("../parts/nights.js")).then((module) => take((had) => ({ ...had, ...module.default })));
    }, [giving, nightly]);
    const newest = request?.quotes?.[0] ?? null;
    const quote = mine ?? newest;
    const open = quote?.state === "open" && !ended && Date.parse(quote.expires) > nowMs();

    const hold = async () => {
        const answer = await holding.run(`/v1/requests/${params.id}/quotes`, { hold: true, preference: request.preference });
        if (answer) {
            end(false);
            setQuote(answer);
        }
        return answer;
    };
    /* no quote yet, or the last one is over: what would be offered now, without holding anything */
    useEffect(() => {
        if (!request || request.reservation || asked.current || (newest?.state === "open" && Date.parse(newest.expires) > nowMs())) return;
        asked.current = true;
        looking.run(`/v1/requests/${params.id}/quotes`, { hold: false, preference: request.preference }).then((answer) => answer && setQuote(answer));
    }, [request]);

    const refused = accepting.error;
    useEffect(() => {
        if (!refused || !AGAIN.has(refused.code)) return;
        setGone({ error: refused, at: nowMs(), before: { ...quote.options[0], expires: quote.expires } });
        hold();
    }, [refused]);

    if (!request || !loaded || !known(grant) || !known(home) || (nightly && !parts?.Nights)) return html`<${Head} title=${t("quotes.title-loading")} crumbs=${html`<a href=${to("/ask")}>${t("nav.ask")}</a>`} sub="" /><${Waiting} error=${error} retry=${reload} rows=${8} />`;
    const not = sorted(quote?.refusals ?? []).said;
    const ask = { ...fromRequest(request), seconds: request.walltime_s };
    const from = Math.max(Date.parse(quote?.created ?? request.created ?? 0), Date.parse(request.earliest_start ?? 0)) || 0;
    const crumbs = html`<a href=${to("/ask", write(ask))}>${t("nav.ask")}</a> / ${request.name}`;
    const accept = async (option, index) => {
        const quoteId = quote.id;
        if (secret && !parts?.Secrets) {
            give(true); /* nothing is accepted before a value is given, and the key proved */
            return;
        }
        const sealed = secret ? await seal.current(option) : undefined;
        if (secret && !sealed) return;
        const answer = await accepting.run(`/v1/quotes/${quoteId}/accept`, { option: index, move_freely: Boolean(request.move_freely), ...(sealed && { secrets: sealed }) });
        if (answer) {
            say(t("accepted", { site: siteName(sites.get(option.site), option.site), amount: credits(option.cost_gpums) }));
            go(to(`/reservations/${answer.id}`));
        }
    };
    if (request.reservation) {
        return html`<${Head} title=${request.name} crumbs=${crumbs} sub=${request.nights ? t("quotes.done-nights", { n: request.gpus, length: length(request.walltime_s), nights: t("ask.nights.each", { n: request.nights.count, ...request.nights }) }) : t("quotes.done")}>
                ${!request.nights && html`<${Button} kind="primary" href=${to(`/reservations/${request.reservation}`)}>${t("quotes.see")}<//>`}<//>
            <div class="stack">${request.nights && html`<${parts.Nights} request=${request} sites=${sites} reload=${reload} />`}
            ${not.length > 0 && html`<section class="card"><h2>${t("quotes.why-not", { n: not.length })}</h2><${Reasons} refusals=${quote.refusals} sites=${sites} from=${from} nights=${request.nights} link=${() => null} /></section>`}</div>`;
    }
    const free = big(grant.data?.free_gpums);
    const n = quote?.options.length ?? 0;
    const title = !quote ? request.name : n ? t("quotes.title", { n, gpus: request.gpus, time: length(request.walltime_s) }) : t("quotes.title-none", { gpus: request.gpus, time: length(request.walltime_s) });
    const wishes = [request.nights && t("ask.nights.each", { n: request.nights.count, ...request.nights }), request.memory_gb > 0 && t("wish.memory", { n: request.memory_gb }), request.one_island && t("wish.island"), request.deadline && t("wish.by", { time: dateTime(request.deadline) }),
        request.countries?.length > 0 && t("wish.countries", { n: request.countries.length }), request.max_credits && t("wish.price", { amount: request.max_credits })].filter(Boolean);
    return html`
        <${Head} ring title=${title} crumbs=${crumbs} sub=${html`${wishes.length > 0 && wishes.join(", ") + ". "}<a href=${to("/ask", write(ask))}>${t("quotes.change-ask")}</a>`}>
            ${quote?.state === "open" ? html`<${Ring} until=${quote.expires} total=${quote.created ? (Date.parse(quote.expires) - Date.parse(quote.created)) / 1000 : 600} onEnd=${() => end(true)} />`
                : quote && n > 0 && html`<${Button} kind="primary" busy=${holding.busy} onClick=${hold}>${t("ask.bind")}<//>`}
        <//>
        <div class="stack">
            ${gone ? html`<${Gone} error=${gone.error} asked=${gone.at} before=${gone.before} quote=${mine} accept=${accept} busy=${accepting.busy} sites=${sites} ask=${ask} />` : refused && html`<${Broken} error=${refused} credits=${t("credits-unchanged")} />`}
            ${holding.error && html`<${Refused} error=${holding.error} />`}
            ${looking.error && html`<${Broken} error=${looking.error} credits=${t("credits-unchanged")} />`}
            ${ended && quote?.state === "open" && html`<${Note} kind="ochre" icon="clock"><p><b>${t("quotes.over")}</b> ${t("quotes.over.text")}</p><p><button type="button" class="linkish" onClick=${hold}>${t("quotes.again")}</button></p><//>`}
            ${!quote && !looking.error && html`<${Waiting} rows=${6} />`}
            ${secret && !parts?.Secrets && html`<section class="card secrets"><h2>${t("secrets.title")}</h2><p class="second">${t("secrets.text")}</p><p><b>${request.secrets.join(", ")}</b></p>
                <div class="deeds gap"><${Button} busy=${giving} onClick=${() => give(true)}>${t("secrets.open")}<//></div></section>`}
            ${parts?.Secrets && html`<${parts.Secrets} request=${request} options=${quote?.options ?? []} sites=${sites} error=${refused} reload=${askSites} seal=${seal} tell=${tell} />`}
            ${n > 0 && html`
                <div>
                    <ol class="options">${quote.options.map((option, i) => html`<${Option} key=${option.offering} option=${option} index=${i} title=${titles(quote.options, request.preference)[i]} site=${sites.get(option.site)} free=${free}
                        now=${nowMs()} from=${home.data?.city} open=${open} accept=${accept} busy=${accepting.busy} primary=${i === 0 && open} cannot=${cannot[option.site]} />`)}</ol>
                    <p class="under">${t("quotes.under")} <${Word} name="quote" about=${t("ask.bind")} /></p><p class="under-deeds">${open && !quote.renewed && html` <button type="button" class="linkish" aria-busy=${renewing.busy ? "true" : undefined} onClick=${async () => {
                        const answer = await renewing.run(`/v1/quotes/${quote.id}/renew`, {});
                        if (answer) setQuote(answer);
                    }}>${t("quotes.renew")}</button>`}${open && html` <button type="button" class="linkish" onClick=${async () => {
                        if (await renewing.run(`/v1/quotes/${quote.id}/release`, {})) {
                            say(t("quotes.released"));
                            go(to("/ask", write(ask)));
                        }
                    }}>${t("quotes.release")}</button>`}</p>
                    <${Refused} error=${renewing.error} />
                </div>`}
            ${quote && html`
                <div class=${quote.what_if?.length && not.length ? "grid side-wide" : "grid"}>
                    ${not.length > 0 && html`<section class="card"><h2>${n ? t("quotes.why-not", { n: not.length }) : t("quotes.why-none")}</h2>
                        <${Reasons} refusals=${quote.refusals} sites=${sites} from=${from} nights=${request.nights} link=${(change) => {
                            const next = changed(ask, change, request.countries?.join(",") ?? "");
                            return next && to("/ask", write(next));
                        }} /></section>`}
                    <${Changes} quote=${quote} ask=${ask} sites=${sites} best=${n > 0} />
                </div>`}
        </div>`;
};
