/* /ask: for what is typed: where, when, how much, and who cannot. Each change asks for a look-only quote. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { big, compare, country, dateTime, dayShort, hours, length, longDay, clockShort, clockUtc, list, parseWhole, priceCredits, rate, wholeCredits } from "../lib/format.js";
import { inTime } from "../lib/ago.js";
import { ahead, answered, ask as question, askAhead, get } from "../lib/api.js";
import { faults, needsOf, read, secondsOf, sorted, wants, work, write } from "../lib/asking.js";
import { mainGrant } from "../lib/credit.js";
import { more } from "../lib/more.js";
import { otherKinds, reasonText } from "../lib/reasons.js";
import { gpuName, siteName, siteTown, useSites } from "../lib/sites.js";
import { seat } from "../lib/session.js";
import { nowMs, useCommand, useData } from "../lib/use.js";
import { go, place, setQuery, to } from "../lib/router.js";
import { Assumed, Credits } from "../parts/amount.js";
import { Check, Choices, Field, Fieldset, Select, faultOf, fieldOf } from "../parts/field.js";
import { Broken, Loading, Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Changes } from "../parts/changes.js";
import { FreeStrips, freePath } from "../parts/free.js";
import { Head } from "../parts/frame.js";
import { Icon } from "../parts/icon.js";
import { EuropeMap } from "../parts/map.js";
import { Note, Say } from "../parts/note.js";

await more("../messages/LANG.buying.json", "../styles/buying.css");

const DELAY_MS = 150;
const FIELDS = { nights: "nights", gpus: "gpus", walltime_s: "hours", memory_gb: "memory", earliest_start: "from", deadline: "by", max_credits: "price", countries: "countries", script: "script", inputs: "inputs", outputs: "outputs", parameters: "command", secrets: "secrets", name: "name" };
/* A script is not put into the address; it stays here while the reader walks about. */
let keptScript = "";
let keptFiles = { inputs: "", outputs: "" }; /* addresses may be signed: they stay here, too */

/** The look-only quote of what is typed, asked again 150 ms after the last key; the older answer stays meanwhile. */
const useLook = (body) => {
    const text = body ? JSON.stringify(body) : "";
    const begins = useRef(true);
    const [state, set] = useState(() => {
        const quote = (body && answered("/v1/quotes", body)) ?? null;
        return { quote, error: null, asking: !quote };
    });
    useEffect(() => {
        if (!text) return undefined;
        const [first, known] = [begins.current, state.quote];
        begins.current = false;
        if (first && known) return undefined;
        const stop = new AbortController();
        const timer = setTimeout(() => {
            set((s) => ({ ...s, asking: true }));
            question("/v1/quotes", JSON.parse(text), { signal: stop.signal }).then(
                (quote) => set({ quote, error: null, asking: false }),
                (error) => stop.signal.aborted || set((s) => ({ quote: error.status === 0 ? s.quote : null, error, asking: false })));
        }, first ? 0 : DELAY_MS);
        return () => {
            clearTimeout(timer);
            stop.abort();
        };
    }, [text]);
    return state;
};

const Countries = ({ sites, value, onInput }) => {
    const all = [...new Set([...sites.values()].map((s) => s.country))].sort((a, b) => compare(country(a), country(b)));
    const chosen = value ? value.split(",") : all;
    const without = all.filter((c) => !chosen.includes(c));
    const words = !without.length ? t("ask.countries.all", { n: all.length }) : without.length === 1 ? t("ask.countries.without", { n: chosen.length, all: all.length, country: country(without[0]) })
        : chosen.length <= 2 ? list(chosen.map(country)) : t("ask.countries.some", { n: chosen.length, all: all.length });
    const flip = (code, on) => {
        const next = all.filter((c) => (c === code ? on : chosen.includes(c)));
        onInput(next.length === all.length || !next.length ? "" : next.join(","));
    };
    return html`
        <div class="field light"><span class="label light">${t("ask.countries")}</span>
            <details class="drop"><summary class="box"><span>${words}</span><${Icon} name="down" size=${14} /></summary>
                <div class="drop-list">${all.map((code) => html`<${Check} key=${code} name="countries" label=${country(code)} checked=${chosen.includes(code)} onInput=${(on) => flip(code, on)} />`)}</div>
            </details></div>`;
};
const step = (text, by, least = 1) => String(Math.max(least, (parseWhole(text) ?? 0) + by));
const stepHours = (text, by) => (/^\d+$/.test(text.trim()) ? step(text, by) : String(Math.max(1, Math.round((secondsOf(text) ?? 3600) / 3600) + by)));

const Form = ({ ask, edit, bad, sites, quote, script, setScript, files, setFiles, parts, want }) => {
    const set = (name) => (value) => edit({ [name]: value });
    const seconds = secondsOf(ask.hours), gpus = parseWhole(ask.gpus);
    const options = quote?.options ?? [];
    const soonest = options.reduce((a, o) => (!a || Date.parse(o.start) < Date.parse(a.start) ? o : a), null);
    const cheapest = options.reduce((a, o) => (!a || big(o.cost_gpums) < big(a.cost_gpums) ? o : a), null);
    const nearest = options.filter((o) => o.distance_km !== null).reduce((a, o) => (!a || o.distance_km < a.distance_km ? o : a), null);
    return html`
        <${Fieldset} legend=${t("ask.size")}>
            <div class="fields">
                <${Field} name="gpus" label=${t("ask.gpus")} value=${ask.gpus} onInput=${set("gpus")} inputmode="numeric" error=${bad.gpus} onStep=${(by) => edit({ gpus: step(ask.gpus, by) })} />
                <${Field} name="hours" label=${t("ask.hours")} value=${ask.hours} onInput=${set("hours")} inputmode="decimal" error=${bad.hours} onStep=${(by) => edit({ hours: stepHours(ask.hours, by) })} />
            </div>
            ${seconds && gpus ? html`<p class="small hint under-fields">${t(ask.nights ? "ask.gpu-hours.nights" : "ask.gpu-hours", { amount: hours(seconds * gpus * (parseWhole(ask.nights) ?? 1)), n: gpus, length: length(seconds), nights: ask.nights })}</p>` : null}
        <//>
        <${Fieldset} legend=${t("ask.when")}>
            <div class="fields one">
                <${Field} name="from" type="datetime-local" label=${t("ask.from")} value=${ask.from} onInput=${set("from")} error=${bad.from} />
                <${Field} name="by" type="datetime-local" label=${t("ask.by")} value=${ask.by} onInput=${set("by")} error=${bad.by} />
            </div>
            <div class="gap"><${Check} name="nightly" label=${t("ask.nightly")} checked=${ask.nights !== ""} onInput=${(on) => edit(on ? { nights: "7", hours: "9" } : { nights: "" })} /></div>
            ${ask.nights !== "" && html`<div class="fields one gap">
                <${Field} name="nights" label=${t("ask.nights")} hint=${t("ask.nights.hint")} value=${ask.nights} onInput=${(v) => edit({ nights: v || "0" })} inputmode="numeric" error=${bad.nights} onStep=${(by) => edit({ nights: step(ask.nights, by) })} />
                <${Field} name="dusk" label=${t("ask.dusk")} value=${ask.dusk} onInput=${set("dusk")} error=${bad.dusk} />
                <${Field} name="dawn" label=${t("ask.dawn")} value=${ask.dawn} onInput=${set("dawn")} error=${bad.dawn} />
            </div>`}
        <//>
        <${Fieldset} legend=${t("ask.must")}>
            <div class="fields">
                <${Field} name="memory" label=${t("ask.memory")} value=${ask.memory} onInput=${set("memory")} inputmode="numeric" unit=${t("ask.memory.unit")} error=${bad.memory} placeholder=${t("ask.any")} />
                <${Field} name="price" label=${t("ask.price")} value=${ask.price} onInput=${set("price")} inputmode="decimal" unit=${t("ask.price.unit")} error=${bad.price} placeholder=${t("ask.no-limit")} />
            </div>
            <div class="gap"><${Countries} sites=${sites} value=${ask.countries} onInput=${set("countries")} /></div>
            <div class="gap">
                <${Check} name="island" label=${t("ask.island")} checked=${ask.island === "1"} onInput=${(on) => edit({ island: on ? "1" : "" })} />
                <${Check} name="move" label=${t("ask.move")} checked=${ask.move === "1"} onInput=${(on) => edit({ move: on ? "1" : "" })} />
                <${Check} name="kind" label=${t("ask.experimental")} checked=${ask.kind === "experimental-platform"} onInput=${(on) => edit({ kind: on ? "experimental-platform" : "batch" })} />
            </div>
        <//>
        <${Fieldset} legend=${t("ask.prefer")}>
            <${Choices} name="prefer" value=${ask.prefer} onInput=${set("prefer")} options=${[
                { value: "soonest", label: t("prefer.soonest"), hint: soonest && dateTime(soonest.start) },
                { value: "cheapest", label: t("prefer.cheapest"), hint: cheapest && t("n-credits", { amount: priceCredits(cheapest.cost_gpums) }) },
                { value: "nearest", label: t("prefer.nearest"), hint: nearest && t("ask.km", { site: siteName(sites.get(nearest.site), nearest.site), n: nearest.distance_km }) },
                { value: "balanced", label: t("prefer.balanced"), hint: t("prefer.balanced.hint") }]} />
        <//>
        <${Fieldset} legend=${t("ask.runs")}>
            <div class="form tight">
                <${Field} light name="name" label=${t("ask.name")} value=${ask.name} onInput=${set("name")} error=${bad.name} maxlength=${80} />
                <${Select} light name="template" label=${t("ask.template")} value=${ask.template} onInput=${set("template")} options=${["single-gpu", "multi-node-pytorch", "container", "script", "allocation"].map((v) => [v, t("template." + v)])} />
                ${ask.template === "allocation" && html`<p class="small hint">${t("ask.allocation.hint")}</p>`}
                ${ask.template === "script" && parts.Script && html`<${parts.Script} script=${script} onInput=${setScript} error=${bad.script} />`}
                ${ask.template === "container" && html`<${Field} light name="image" label=${t("ask.image")} hint=${t("ask.image.hint")} value=${ask.image} onInput=${set("image")} error=${bad.image} />
                    <${Select} light name="runtime" label=${t("ask.runtime")} value=${ask.runtime} onInput=${set("runtime")} options=${[["apptainer", "Apptainer"], ["podman", "Podman"]]} />`}
                ${(ask.template === "container" || ask.template === "single-gpu") && html`<${Field} light name="command" label=${t("ask.command")} value=${ask.command} onInput=${set("command")} error=${bad.command} />`}
                ${ask.template === "multi-node-pytorch" && html`<${Field} light name="entry" label=${t("ask.entry")} value=${ask.entry} onInput=${set("entry")} error=${bad.command} />
                    <${Field} light name="args" label=${t("ask.args")} value=${ask.args} onInput=${set("args")} />`}
                ${ask.template !== "allocation" && (parts.Files ? html`<${parts.Files} files=${files} onInput=${setFiles} bad=${bad} />` : html`<p><${Button} small icon="page" onClick=${() => want("files")}>${t("ask.files")}<//></p>`)}
                ${ask.template !== "allocation" && (parts.SecretNames ? html`<${parts.SecretNames} ask=${ask} onInput=${set("secrets")} error=${bad.secrets} />` : html`<p><${Button} small icon="key" onClick=${() => want("secrets")}>${t("ask.secrets")}<//></p>`)}
            </div>
        <//>`;
};

const Answer = ({ quote, ask, grant, sites, asking, held, off }) => {
    const best = quote.options[0];
    const site = best && sites.get(best.site);
    const offering = site?.offerings.find((o) => o.index === best.offering);
    return html`
        <section class="card ask-answer" aria-label=${t("ask.answer")} aria-busy=${asking ? "true" : undefined}>
            ${best ? html`
                <div>
                    <p class="small second">${t("ask.of-sites." + ask.prefer, { n: quote.options.length })}</p>
                    <h2 data-answer="where">${t("ask.where", { site: siteName(site, best.site), day: longDay(best.start), time: clockShort(best.start) })}</h2>
                    ${best.nights?.length > 0 && html`<p data-answer="nights">${t("ask.nights.each", { n: best.nights.length, from: clockUtc(best.nights[0].start), until: clockUtc(best.nights[0].end) })}</p>`}
                    <p>${tx("ask.until", { time: dateTime(best.end), amount: html`<b class="about"><${Credits} gpums=${best.cost_gpums} /> ${t("credits-word")}</b>`, rest: html`<${Credits} gpums=${big(grant.free_gpums) - big(best.cost_gpums)} />` })}
                        ${" "}<span class="nowrap">${t("rate", { rate: rate(best.rate_milli) })}<${Assumed} when=${offering?.rate?.assumed} /></span></p>
                </div>
                <div class="end"><${Button} kind="primary" after="right" submit busy=${held} off=${off}>${t("ask.bind")}<//>${!off && html`<p class="small hint">${t("ask.bind.hint")}</p>`}</div>`
            : html`<div><p class="small second">${t("ask.none.small", { n: quote.refusals.length })}</p><h2>${t("ask.none")}</h2><p>${t("ask.none.text")}</p></div>`}
        </section>`;
};
const announced = (quote, sites) => {
    const best = quote?.options[0];
    if (!quote) return "";
    return best ? t("ask.said", { site: siteName(sites.get(best.site), best.site), day: longDay(best.start), time: clockShort(best.start), amount: priceCredits(best.cost_gpums), n: quote.options.length, all: quote.options.length + sorted(quote.refusals).said.length }) : t("ask.none");
};
const Places = ({ quote, sites, now, home }) => {
    const seen = new Set();
    const marks = [];
    for (const [i, o] of quote.options.entries()) {
        const s = sites.get(o.site);
        if (s && !seen.has(o.site)) marks.push({ ...s, name: siteName(s), second: `${dayShort(o.start)} ${clockShort(o.start)}`, kind: "rank", rank: i + 1 });
        seen.add(o.site);
    }
    const { said, others } = sorted(quote.refusals);
    for (const r of said) {
        const s = sites.get(r.site);
        if (s && !seen.has(r.site)) marks.push({ ...s, name: siteName(s), kind: "no" });
        seen.add(r.site);
    }
    if (home?.lat_milli !== undefined && home.lat_milli !== null) marks.push({ ...home, name: home.city, kind: "home" });
    return html`
        <section class="card flush ask-places" aria-label=${t("ask.places")}>
            <div class="drawing"><${EuropeMap} places=${marks} crop="xMidYMin meet" /></div>
            <ul class="places">
                ${quote.options.map((o, i) => {
                    const s = sites.get(o.site);
                    return html`<li key=${o.offering}><span class="rank">${i + 1}</span>
                        <span><b>${siteName(s, o.site)}</b> <span class="second inline">${siteTown(s)}</span><span class="block">${dateTime(o.start)} <span class="hint">${inTime((Date.parse(o.start) - now) / 1000)}</span></span></span>
                        <b class="about">${priceCredits(o.cost_gpums)}</b></li>`;
                })}
                ${said.map((r) => {
                    const s = sites.get(r.site);
                    const offering = s?.offerings.find((o) => o.index === r.offering);
                    return html`<li key=${r.offering}><span class="no-mark"><${Icon} name="cross" /></span><span class="span2"><b>${siteName(s, r.site)}</b> ${offering && s.offerings.length > 1 ? html`<span class="hint">${gpuName(offering)}</span> ` : null}${reasonText(r, s)}<${Assumed} when=${offering?.assumed} /></span></li>`;
                })}
                ${others.length > 0 && html`<li class="second"><span class="span2">${otherKinds(others, sites)}</span></li>`}
            </ul>
        </section>`;
};

/** Fill the form from an older request, script and all. */
const useLike = (ask, setScript, setFiles) => {
    useEffect(() => {
        if (!ask.like) return;
        get(`/v1/requests/${ask.like}`).then((r) => {
            const { inputs, outputs, script: typed } = r.parameters ?? {};
            if (r.template === "script" && (typed ?? r.script)) setScript(typed ?? r.script);
            if (inputs || outputs) import("../lib/files.js").then(({ linesOf }) => setFiles({ inputs: linesOf(inputs), outputs: linesOf(outputs) }));
        }, () => {});
    }, [ask.like]);
};

const grantOf = (grants, ask) => grants.find((g) => String(g.account) === ask.grant) ?? mainGrant(grants);
export const first = async ({ query }) => {
    const { id } = seat.value.organisation, ask = read(query);
    const [grants] = await ahead(`/v1/grants?organisation=${id}`, `/v1/organisations/${id}`, "/v1/sites");
    const grant = grants && grantOf(grants.items, ask);
    if (!grant || ask.secrets || keptFiles.inputs || keptFiles.outputs || Object.keys(faults(ask)).length) return;
    const body = wants(ask, { organisation: id, grant: grant.account }), needs = needsOf(ask, false);
    await Promise.all([askAhead("/v1/quotes", needs.length ? { ...body, needs } : body), ahead(freePath(body))]);
};

export default ({ query }) => {
    const organisation = seat.value.organisation;
    const grants = useData(`/v1/grants?organisation=${organisation.id}`);
    const home = useData(`/v1/organisations/${organisation.id}`);
    const { sites, loaded } = useSites(60_000);
    const [ask, set] = useState(() => read(query));
    const [script, keepScript] = useState(keptScript);
    const [files, keepFiles] = useState(keptFiles);
    /* parts of the form that few need come when they are wanted */
    const [parts, take] = useState(/** @type {any} */ ({}));
    const want = (name) => (name === "files" ? import("../parts/files.js") : name === "secrets" ? import("../parts/secret-names.js") : import("../parts/script.js")).then((module) => take((had) => ({ ...had, ...module.default })));
    useEffect(() => {
        if (ask.template === "script" && !parts.Script) want("script");
    }, [ask.template]);
    useEffect(() => {
        if ((files.inputs || files.outputs) && !parts.Files) want("files");
    }, [files]);
    useEffect(() => {
        if (ask.secrets && !parts.SecretNames) want("secrets");
    }, [ask.secrets]);
    const filing = useCommand();
    const holding = useCommand();
    const [tried, setTried] = useState(false);
    const form = useRef(null);
    /* a link or the browser's Back changed the address; what is being typed here did not */
    useEffect(() => {
        if (!place.value.own) set(read(query));
    }, [query.toString()]);
    const edit = (change) => set((old) => {
        const next = { ...old, ...change };
        setQuery(write(next));
        return next;
    });
    const setScript = (text) => {
        keptScript = text;
        keepScript(text);
    };
    const setFiles = (next) => {
        keptFiles = next;
        keepFiles(next);
    };
    useLike(ask, setScript, setFiles);
    const grant = grants.data ? grantOf(grants.data.items, ask) : null;
    const wrong = faults(ask);
    const hasFiles = Boolean(files.inputs.trim() || files.outputs.trim()) && ask.template !== "allocation";
    if (hasFiles && !(parts.filesOf?.(files.inputs) && parts.filesOf(files.outputs, false))) wrong.files = "problem.field";
    const hasSecrets = Boolean(ask.secrets.trim()) && ask.template !== "allocation";
    if (hasSecrets && (!parts.namesFault || parts.namesFault(ask))) wrong.secret = "problem.field"; /* the field says which */
    const body = grant && !Object.keys(wrong).length ? wants(ask, { organisation: organisation.id, grant: grant.account }) : null;
    const needs = needsOf(ask, hasFiles, hasSecrets);
    const look = useLook(body && needs.length ? { ...body, needs } : body);
    const bad = Object.fromEntries(Object.entries(wrong).map(([name, key]) => [name, t(key)]));
    for (const error of [look.error, filing.error]) {
        const field = FIELDS[fieldOf(error)];
        if (field && !bad[field]) bad[field] = faultOf(error);
    }
    const off = !body ? t("ask.off") : undefined;
    const hold = async (event) => {
        event.preventDefault();
        setTried(true);
        if (!body) {
            form.current.querySelector("[aria-invalid=true]")?.focus();
            return;
        }
        const { move_freely, ...rest } = body;
        const request = await filing.run("/v1/requests", { ...rest, move_freely, name: ask.name.trim() || t("ask.default-name", { gpus: body.gpus }), ...work(ask, script), ...(hasFiles && parts.filesIn(files)), ...(hasSecrets && { secrets: parts.namesIn(ask.secrets) }) });
        if (!request) return;
        await holding.run(`/v1/requests/${request.id}/quotes`, { hold: true, preference: ask.prefer });
        go(to(`/requests/${request.id}`));
    };
    const head = html`<${Head} title=${t("nav.ask")} sub=${t("ask.sub")}>${grant && html`<p class="right"><b class="figure-row"><${Credits} gpums=${grant.free_gpums} /></b><span class="block small second">${t("ask.free-of", { mode: grant.mode.name })}</span></p>`}<//>`;
    if (!grants.data || !loaded) return html`${head}<${Waiting} error=${grants.error} retry=${grants.reload} rows=${8} />`;
    if (!grant) return html`${head}<${Note} kind="slate">${t("home.no-grant.text")}<//>`;
    /* of a cut line the page's own note tells, where there is an answer to go on with */
    const generic = look.error && !FIELDS[fieldOf(look.error)] && !(look.error.status === 0 && look.quote) ? look.error : null;
    return html`
        ${head}
        <form ref=${form} class="grid form-left" onSubmit=${hold} noValidate>
            <div class="card form-card">
                ${grants.data.items.filter((g) => g.state === "active").length > 1 && html`<div class="gap-after"><${Select} name="grant" label=${t("ask.grant")} value=${String(grant.account)} onInput=${(v) => edit({ grant: v })}
                    options=${grants.data.items.filter((g) => g.state === "active").map((g) => [String(g.account), t("ask.grant.option", { mode: g.mode.name, amount: wholeCredits(g.free_gpums) })])} /></div>`}
                <${Form} ask=${ask} edit=${edit} bad=${bad} sites=${sites} quote=${look.quote} script=${script} setScript=${setScript} files=${files} setFiles=${setFiles} parts=${parts} want=${want} />
            </div>
            <div class="stack answer-side">
                <${Say}>${look.asking || look.error ? "" : announced(look.quote, sites)}<//>
                ${generic && html`<${Broken} error=${generic} credits=${t("credits-unchanged")} />`}
                ${look.quote ? html`<${Answer} quote=${look.quote} ask=${ask} grant=${grant} sites=${sites} asking=${look.asking} held=${filing.busy || holding.busy} off=${off} />`
                    : !look.error && body ? html`<${Loading} title=${false} rows=${3} />` : !generic ? html`<${Note} kind="ochre">${t("ask.off")}<//>` : null}
                ${tried && (filing.error || holding.error) && html`<${Refused} error=${filing.error ?? holding.error} />`}
                ${look.quote && html`<${Places} quote=${look.quote} sites=${sites} now=${nowMs()} home=${home.data} />
                    <${Changes} quote=${look.quote} ask=${{ ...ask, seconds: secondsOf(ask.hours) ?? 0 }} sites=${sites} best=${look.quote.options.length > 0} />
                    <${FreeStrips} quote=${look.quote} ask=${body} sites=${sites} />`}
            </div>
        </form>`;
};
