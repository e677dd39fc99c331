/* What an offering keeps free of its whole nodes for access modes: shown to who runs it, and set by officers, the site's
 * operators and administrators. */
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { list, parseWhole, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useCommand, useData } from "../lib/use.js";
import { Refused, Waiting } from "./broken.js";
import { Button } from "./button.js";
import { Field, useFocusOnError } from "./field.js";
import { say } from "./note.js";

await more("../messages/LANG.floors.json");

const wholeGpus = (o) => Math.max(0, o.brokered_gpus - o.pool_nodes * o.gpus_per_node);
const sum = (numbers) => numbers.reduce((all, n) => all + n, 0);
const nameOf = (modes, code) => modes?.find((m) => m.code === code)?.name ?? code;
/** Modes whose jobs the offering takes, and those for which something is kept. */
const modesOf = (o, modes) => modes.filter((m) => o.modes.length === 0 || o.modes.includes(m.code) || o.floors.some((f) => f.mode === m.code));

/** In one line: "Fast Lane 64 and Playground 16", or "none". @param {{offering: any}} props */
export const Kept = ({ offering: o }) => {
    const { data } = useData(o.floors.length ? "/v1/policies" : null);
    return o.floors.length ? list(o.floors.map((f) => t("floors.one", { mode: nameOf(data?.items, f.mode), n: f.gpus }))) : t("none");
};

/* What is wrong with the values, by mode: not a number, more than there is, or all together more than there is. */
const faults = (values, most) => {
    const numbers = Object.entries(values).map(([mode, text]) => ({ mode, n: text.trim() ? parseWhole(text) : 0 }));
    const wrong = Object.fromEntries(numbers.filter(({ n }) => n === null || n > most).map(({ mode, n }) => [mode, n === null ? t("floors.number") : t("floors.most", { n: most })]));
    const all = sum(numbers.map(({ n }) => n ?? 0));
    if (Object.keys(wrong).length || all <= most) return wrong;
    const largest = numbers.reduce((a, b) => (b.n > a.n ? b : a));
    return { [largest.mode]: t("floors.together", { all, n: most }) };
};
const Form = ({ offering: o, modes, onDone, onLeave }) => {
    const most = wholeGpus(o);
    const [values, setAll] = useState(() => Object.fromEntries(modes.map((m) => [m.code, String(o.floors.find((f) => f.mode === m.code)?.gpus ?? "")])));
    const [wrong, setWrong] = useState({});
    const sending = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : null);
    const all = sum(Object.values(values).map((text) => parseWhole(text) ?? 0));
    useEffect(() => form.current?.querySelector("input")?.focus(), []);
    const submit = async (event) => {
        event.preventDefault();
        const bad = faults(values, most);
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const floors = modes.map((m) => ({ mode: m.code, gpus: parseWhole(values[m.code]) ?? 0 })).filter((f) => f.gpus > 0);
        if (!(await sending.run(`/v1/offerings/${o.index}/floors`, { floors }))) return;
        say(t(floors.length ? "floors.done" : "floors.done.none"));
        onDone();
    };
    return html`
        <form class="form tight narrow" ref=${form} onSubmit=${submit} noValidate aria-label=${t("floors.change")}>
            <p class="small second">${t("floors.hint", { n: most })}</p>
            <div class="fields keep">${modes.map((m) => html`<${Field} key=${m.code} name=${m.code} label=${m.name} unit=${t("gpus")} inputmode="numeric" value=${values[m.code]} error=${wrong[m.code]}
                onInput=${(v) => { setAll((old) => ({ ...old, [m.code]: v })); setWrong({}); }} />`)}</div>
            <${Refused} error=${sending.error} />
            <div class="deeds"><${Button} kind="primary" submit busy=${sending.busy}>${all > 0 ? t("floors.do", { n: all }) : t("floors.do.none")}<//><${Button} onClick=${onLeave}>${t("floors.leave")}<//></div>
        </form>`;
};

/** @param {{offering: any, may: boolean, onDone: () => void}} props may: the reader may set them */
export const Floors = ({ offering: o, may, onDone }) => {
    const [open, set] = useState(false);
    const policies = useData(open ? "/v1/policies" : null);
    const box = useRef(null), was = useRef(false);
    useEffect(() => { /* the focus goes back to where the form was opened */
        if (was.current && !open) box.current?.querySelector("button")?.focus();
        was.current = open;
    }, [open]);
    if (wholeGpus(o) === 0 && o.floors.length === 0) return null;
    return html`
        <div class="floors" ref=${box} data-floors=${o.index}>
            <div class="row"><dl class="site-facts"><div><dt>${t("floors.kept")}</dt><dd data-figure="floors"><${Kept} offering=${o} /></dd></div>
                ${o.floors.length > 0 && html`<div><dt>${t("floors.others")}</dt><dd>${whole(Math.max(0, wholeGpus(o) - sum(o.floors.map((f) => f.gpus))))}</dd></div>`}</dl>
                ${may && !open && html`<${Button} small onClick=${() => set(true)}>${t("floors.change")}<//>`}</div>
            ${open && (policies.data ? html`<${Form} offering=${o} modes=${modesOf(o, policies.data.items)} onLeave=${() => set(false)} onDone=${() => { set(false); onDone(); }} />`
                : html`<${Waiting} error=${policies.error} retry=${policies.reload} rows=${2} />`)}
        </div>`;
};
