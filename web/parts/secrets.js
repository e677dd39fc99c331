/* The values of a job's secrets, sealed in this browser to the key of the site whose quote is accepted; and whose key that is.
 * Values live in this part's memory alone: in no address, no storage, no request. */
import { html, useEffect, useId, useRef, useState } from "../lib/html.js";
import { t, tx } from "../lib/words.js";
import { whole } from "../lib/format.js";
import { get } from "../lib/api.js";
import { more } from "../lib/more.js";
import { READ } from "../lib/read.js";
import { checkSeal, sealAll } from "../lib/seal.js";
import { canSeal, valueFault } from "../lib/secrets.js";
import { siteName } from "../lib/sites.js";
import { Folio } from "./amount.js";
import { Icon } from "./icon.js";
import { Note } from "./note.js";

await more("../messages/LANG.secrets.json");

const AGAIN_MS = 3000, STATUS = "kontor-agent status";
const LOOKS = { checking: ["plain", "circle"], good: ["wash-verdigris", "ok"], bad: ["wash-brick", "warn"], cannot: ["plain", "circle"], none: ["plain", "circle"], broken: ["plain", "circle"] };
const idOf = (site) => (site?.seal ? `${site.code} ${site.seal.key} ${site.seal.by} ${site.seal.signature}` : "");

/** Hidden it is a password field, shown an area: only that can hold several lines, and neither is to be kept or filled in by the browser. */
const Value = ({ name, value, onInput, error }) => {
    const id = useId();
    const [shown, show] = useState(false);
    const lines = value.split("\n").length;
    const hint = !shown && lines > 1 && t("secrets.lines", { n: lines });
    const props = { id, value, autocomplete: "one-time-code", spellcheck: false, autocapitalize: "off", "aria-invalid": error ? "true" : undefined, "aria-required": "true",
        "aria-describedby": [hint && id + "-hint", error && id + "-error"].filter(Boolean).join(" ") || undefined, onInput: (event) => onInput(event.currentTarget.value) };
    /* a field of one line would silently join what is pasted of several */
    const take = (event) => {
        const text = (event.clipboardData ?? event.dataTransfer)?.getData("text/plain").replaceAll("\r\n", "\n") ?? "";
        if (!text.trim().includes("\n")) return;
        event.preventDefault();
        onInput(text);
    };
    return html`
        <div class="field light">
            <label for=${id}><span class="mono">${name}</span></label>
            ${hint && html`<span class="hint" id=${id + "-hint"}>${hint}</span>`}
            <div class="box" data-bad=${error ? "" : undefined}>
                ${shown ? html`<textarea ...${props} rows=${Math.min(8, Math.max(2, lines))}></textarea>` : html`<input ...${props} type="password" readOnly=${lines > 1} onPaste=${take} onDrop=${take} />`}
                <button type="button" class="linkish" aria-label=${t(shown ? "secrets.hide.what" : "secrets.show.what", { name })} onClick=${() => show(!shown)}>${t(shown ? "secrets.hide" : "secrets.show")}</button>
            </div>
            ${error && html`<p class="field-error" id=${id + "-error"}><${Icon} name="warn" /><span>${error}</span></p>`}
        </div>`;
};

/** What has been found of each site's key, by idOf(); asked for when a site or its key is new. */
const useChecks = (sites) => {
    const [found, set] = useState(/** @type {Record<string, any>} */ ({}));
    const asked = useRef(new Map());
    const check = (site) => {
        const id = idOf(site);
        if (!asked.current.has(id)) {
            asked.current.set(id, get(`/v1/journal/entries/${site.seal.by}`).then((shown) => checkSeal(site, shown, READ)).catch((error) => {
                setTimeout(() => asked.current.delete(id), AGAIN_MS); /* a cut line, or no checkpoint over the entry yet */
                return { is: "broken", why: error.detail || error.message, found: null };
            }).then((is) => {
                set((old) => ({ ...old, [id]: is }));
                return is;
            }));
        }
        return asked.current.get(id);
    };
    const ids = sites.map(idOf).join();
    useEffect(() => {
        sites.reduce((before, site) => before.then(() => site.seal && check(site)), Promise.resolve()); /* one after another: what the first has read, the next need not */
    }, [ids]);
    return { found, check };
};
const SiteKey = ({ site, is, why }) => {
    const [wash, icon] = LOOKS[is];
    return html`
        <li data-seal=${site.code} data-is=${is}>
            <p><b>${siteName(site)}</b> <span class=${"state " + wash}><${Icon} name=${icon} />${t("secrets.key." + is)}</span>${site.seal && html` <${Folio} entry=${site.seal.by} />`}</p>
            ${site.seal ? html`<p><code class="fingerprint">${site.seal.key}</code></p>` : html`<p class="small second">${t("secrets.key.none.text")}</p>`}
            ${why && html`<p class="small second">${why}</p>`}
        </li>`;
};
const Proved = ({ found }) => {
    const n = found.witnesses.filter((w) => w.is === "good").length;
    return html`<p class="small second" data-proved="">${t("secrets.proved", { log: found.log, size: whole(found.checkpoint.size), witnesses: n ? t("secrets.cosigned", { n, all: found.witnesses.length }) : "" })}</p>`;
};

/**
 * @param {{request: any, options: any[], sites: Map<string, any>, error: any, reload: () => void, seal: {current: any}, tell: (off: Record<string, string>) => void}} props
 *   error: of the acceptance; reload: the sites; seal.current becomes (option) → what to send, or null where something is missing, which then has the focus;
 *   tell: sites that nothing can be sealed to, and why
 */
const Secrets = ({ request, options, sites, error, reload, seal, tell }) => {
    const [values, set] = useState(() => Object.fromEntries(request.secrets.map((name) => [name, ""])));
    const [tried, setTried] = useState(false);
    const [can, setCan] = useState(true);
    const [wrong, setWrong] = useState("");
    const made = useRef({ of: "", bundle: null });
    const card = useRef(null);
    const asked = [...new Set(options.map((o) => o.site))].map((code) => sites.get(code)).filter(Boolean);
    const { found, check } = useChecks(asked);
    const isOf = (site) => (site.seal ? found[idOf(site)]?.is ?? "checking" : "none");
    const off = Object.fromEntries(asked.filter((site) => !can || ["bad", "cannot", "none"].includes(isOf(site))).map((site) => [site.code, t(can ? "secrets.off." + isOf(site) : "secrets.off.browser")]));
    const told = JSON.stringify(off);
    useEffect(() => {
        canSeal().then(setCan);
        card.current.querySelector("input")?.focus();
    }, []);
    useEffect(() => tell(off), [told]);
    useEffect(() => {
        if (error?.code === "seal-key") reload();
    }, [error]);

    seal.current = async (option) => {
        const site = sites.get(option.site);
        setTried(true);
        setWrong("");
        if (request.secrets.some((name) => valueFault(values[name]))) {
            setTimeout(() => card.current?.querySelector("[aria-invalid=true]")?.focus());
            return null;
        }
        if (!can || !site?.seal || (await check(site)).is !== "good") {
            setTimeout(() => card.current?.querySelector(`[data-seal="${option.site}"]`)?.scrollIntoView({ block: "nearest" }));
            return null;
        }
        /* sent again after a cut line, it must be the same to the bit: it is sealed anew only for another key or other values */
        const of = JSON.stringify([idOf(site), values]);
        try {
            if (made.current.of !== of) made.current = { of, bundle: await sealAll(site.seal, request, request.secrets.map((name) => [name, values[name]])) };
        } catch (fault) {
            setWrong(fault.message);
            return null;
        }
        return made.current.bundle;
    };
    const first = asked.map((site) => found[idOf(site)]).find((c) => c?.is === "good");
    return html`
        <section class="card secrets" ref=${card} aria-labelledby="secrets-title"><h2 id="secrets-title">${t("secrets.title")}</h2>
            <p class="second">${t("secrets.text")}</p>
            ${!can && html`<div class="gap"><${Note} kind="ochre"><p><b>${t("secrets.cannot")}</b> ${t("secrets.cannot.text")}</p><//></div>`}
            ${wrong && html`<div class="gap"><${Note} kind="brick" role="alert"><p><b>${t("secrets.wrong")}</b> ${wrong}</p><//></div>`}
            <div class="grid halves gap">
                <form class="form tight" autocomplete="off" onSubmit=${(event) => event.preventDefault()}>${request.secrets.map((name) => {
                    const fault = tried && valueFault(values[name]);
                    return html`<${Value} key=${name} name=${name} value=${values[name]} onInput=${(value) => set((old) => ({ ...old, [name]: value }))} error=${fault ? t(fault.key, fault.params) : undefined} />`;
                })}</form>
                <div><h3>${t("secrets.keys")}</h3>
                    <ul class="seal-keys">${asked.map((site) => html`<${SiteKey} key=${site.code} site=${site} is=${isOf(site)} why=${found[idOf(site)]?.why} />`)}</ul>
                </div>
                ${first ? html`<${Proved} found=${first.found} />` : html`<p class="small second">${t("secrets.unproved")}</p>`}
                <p class="small second" data-not-proved="">${tx("secrets.not", { status: html`<code>${STATUS}</code>` })}</p>
            </div>
            <details class="small"><summary>${t("secrets.script")}</summary><pre class="sunken" tabindex="0" role="region" aria-label=${t("secrets.script")}>${request.script}</pre></details>
        </section>`;
};
export default { Secrets };
