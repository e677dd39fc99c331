/* Fields: label above, hint under it, unit inside, the error beneath and bound to the field. Typing is never lost. */
import { html, useEffect, useId, useRef, useState } from "../lib/html.js";
import { firstFault } from "../lib/focus.js";
import { t } from "../lib/words.js";
import { Icon } from "./icon.js";

/** What is wrong. It is read out where it comes under the very field that one is in; elsewhere the focus goes to the field, which it describes. */
const Fault = ({ id, of, children }) => {
    const [role] = useState(() => (of && document.activeElement?.id === of ? "alert" : undefined));
    return html`<p class="field-error" id=${id} role=${role}><${Icon} name="warn" /><span>${children}</span></p>`;
};
const Wrapped = ({ label, hint, error, light, class: look, children, id }) => html`
    <div class=${["field", light && "light", look].filter(Boolean).join(" ")}>
        <label for=${id}>${label}</label>
        ${hint && html`<span class="hint" id=${id + "-hint"}>${hint}</span>`}
        ${children}
        ${error && html`<${Fault} id=${id + "-error"} of=${id}>${error}<//>`}
    </div>`;
const described = (id, hint, error) => [hint && id + "-hint", error && id + "-error"].filter(Boolean).join(" ") || undefined;

/**
 * A line of text. Numbers are text with inputmode; `onStep` adds − and + as buttons.
 * @param {{label: string, value: string, onInput: (v: string) => void, name?: string, hint?: any, error?: any, unit?: string, type?: string,
 *   inputmode?: string, placeholder?: string, onStep?: (by: number) => void, light?: boolean, autocomplete?: string, required?: boolean, action?: any, class?: string,
 *   stepWords?: [string, string], spellcheck?: boolean, maxlength?: number}} props
 */
export const Field = ({ label, value, onInput, name, hint, error, unit, type = "text", inputmode, placeholder, onStep, light, autocomplete, required, action, class: look, maxlength }) => {
    const id = useId();
    return html`
        <${Wrapped} ...${{ label, hint, error, light, id, class: look }}>
            <div class="box" data-bad=${error ? "" : undefined}>
                <input id=${id} name=${name} type=${type} value=${value} inputmode=${inputmode} placeholder=${placeholder} autocomplete=${autocomplete ?? "off"}
                    aria-invalid=${error ? "true" : undefined} aria-describedby=${described(id, hint, error)} aria-required=${required ? "true" : undefined}
                    maxlength=${maxlength} onInput=${(event) => onInput(event.currentTarget.value)} />
                ${unit && html`<span class="unit" aria-hidden="true">${unit}</span>`}
                ${onStep && html`
                    <button class="step" type="button" aria-label=${t("field.less", { what: label })} onClick=${() => onStep(-1)}>−</button>
                    <button class="step" type="button" aria-label=${t("field.more", { what: label })} onClick=${() => onStep(1)}>+</button>`}
                ${action}
            </div>
        <//>`;
};
/** Many lines, in mono. */
export const Area = ({ label, value, onInput, name, hint, error, rows = 7, light, placeholder }) => {
    const id = useId();
    return html`
        <${Wrapped} ...${{ label, hint, error, light, id }}>
            <div class="box" data-bad=${error ? "" : undefined}>
                <textarea id=${id} name=${name} rows=${rows} spellcheck=${false} placeholder=${placeholder} aria-invalid=${error ? "true" : undefined}
                    aria-describedby=${described(id, hint, error)} value=${value} onInput=${(event) => onInput(event.currentTarget.value)} />
            </div>
        <//>`;
};
/** One of a few. @param {{label: string, value: string, onInput: (v: string) => void, name?: string, options: [string, string][], hint?: any, error?: any, light?: boolean, class?: string}} props */
export const Select = ({ label, value, onInput, name, options, hint, error, light, class: look }) => {
    const id = useId();
    return html`
        <${Wrapped} ...${{ label, hint, error, light, id, class: look }}>
            <div class="box select" data-bad=${error ? "" : undefined}>
                <select id=${id} name=${name} value=${value} aria-invalid=${error ? "true" : undefined} aria-describedby=${described(id, hint, error)}
                    onChange=${(event) => onInput(event.currentTarget.value)}>
                    ${options.map(([v, words]) => html`<option key=${v} value=${v} selected=${v === value}>${words}</option>`)}
                </select>
                <${Icon} name="down" />
            </div>
        <//>`;
};
export const Check = ({ label, hint, checked, onInput, name }) => html`
    <label class="check"><input type="checkbox" name=${name} checked=${checked} onChange=${(event) => onInput(event.currentTarget.checked)} />
        <span>${label}${hint && html` <span class="hint small">${hint}</span>`}</span></label>`;
/** Radio buttons as boxes with a second line. @param {{name: string, value: string, onInput: (v: string) => void, options: {value: string, label: string, hint?: string}[], error?: any}} props */
export const Choices = ({ name, value, onInput, options, error }) => {
    const id = useId();
    return html`
        <div class="choices" data-bad=${error ? "" : undefined}>${options.map((o) => html`
            <label class="choice" key=${o.value}>
                <input type="radio" name=${name} value=${o.value} checked=${value === o.value} aria-describedby=${error ? id : undefined} onChange=${() => onInput(o.value)} />
                <span>${o.label}${o.hint && html`<span class="hint">${o.hint}</span>`}</span>
            </label>`)}</div>
        ${error && html`<${Fault} id=${id}>${error}<//>`}`;
};
export const Fieldset = ({ legend, children }) => html`<fieldset class="fieldset"><legend>${legend}</legend><div>${children}</div></fieldset>`;

/** The server's field of a problem: "/gpus" is "gpus". */
export const fieldOf = (problem) => (problem?.pointer ? problem.pointer.replace(/^\//, "").split("/")[0] : "");
/** What the server says is wrong with it, which is English. */
export const faultOf = (problem) => (problem.detail ? html`<span lang="en">${problem.detail}</span>` : t("problem.field"));
/** Puts the focus on the first field that cannot be right, once for each refusal: while one mends what was found, it stays. @param {any} error a problem, or faults by field */
export const useFocusOnError = (error) => {
    const form = useRef(null);
    const had = useRef({ problem: null, faults: {} });
    useEffect(() => {
        const { problem, faults } = had.current;
        const own = error && !(error instanceof Error) ? error : {};
        had.current = { problem: error instanceof Error ? error : problem, faults: own };
        const names = Object.keys(own);
        const mended = names.length < Object.keys(faults).length && names.every((name) => name in faults);
        if (error && error !== problem && !mended) firstFault(form.current)?.focus();
    }, [error]);
    return form;
};
