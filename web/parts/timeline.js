/* Timeline: what happened (solid), what is now (slate), what is to come (dashed, with the latest time by which). */
import { html } from "../lib/html.js";
import { Icon } from "./icon.js";

/** @param {{steps: {key: string, mode: "done" | "now" | "todo" | "out", icon: string, title: any, when: any, text?: any}[]}} props */
export const Timeline = ({ steps }) => html`
    <ol class="timeline">${steps.map((s, i) => html`
        <li key=${s.key} class=${s.mode + (steps[i + 1]?.mode === "todo" && s.mode === "done" ? " before-todo" : "")} aria-current=${s.mode === "now" ? "step" : undefined}>
            <span class="dot"><${Icon} name=${s.icon} /></span>
            <div class="row"><b>${s.title}</b><span class="when">${s.when}</span></div>
            ${s.text && html`<p>${s.text}</p>`}
        </li>`)}</ol>`;
