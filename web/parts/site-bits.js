/* What the pages of a site share: its head's tabs, rows of tickets and of reports, pause and drain. */
import { html, useState } from "../lib/html.js";
import { has, t } from "../lib/words.js";
import { clock, dateTime, length, tail, whole, weekday } from "../lib/format.js";
import { to } from "../lib/router.js";
import { useCommand } from "../lib/use.js";
import { GpuHours } from "./amount.js";
import { Button } from "./button.js";
import { Refused } from "./broken.js";
import { Dialog } from "./dialog.js";
import { Field } from "./field.js";
import { say } from "./note.js";
import { State, stateOf } from "./state.js";

const windowOf = (ticket) => ticket.window ?? (ticket.reservation?.window ? ticket.reservation.window : null);
const startOf = (w) => (Array.isArray(w) ? w[0] : w?.start);
/** @param {{items: any[], caption: string}} props */
export const Tickets = ({ items, caption }) => html`
    <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${caption}</caption>
        <thead><tr><th scope="col">${t("ticket")}</th><th scope="col">${t("ticket.order")}</th><th scope="col">${t("ticket.window")}</th><th scope="col">${t("state")}</th><th scope="col" class="num">${t("site.reported")}</th></tr></thead>
        <tbody>${items.map((k) => {
            const w = windowOf(k);
            const id = typeof k.reservation === "string" ? k.reservation : k.reservation?.id;
            const state = stateOf(k);
            return html`
                <tr key=${k.seq}><td class="lead">${id ? html`<a href=${to(`/reservations/${id}`)}><b>${whole(k.seq)}</b></a>` : html`<b>${whole(k.seq)}</b>`}</td>
                    <td>${k.do === "cancel" ? t("ticket.do.cancel") : k.gpus ? t("site.run", { n: k.gpus, model: k.model ?? "" }) : t("ticket.do." + (k.do ?? "run"))}<span class="hint">${k.fence !== undefined && t("site.fence", { n: k.fence })}${k.jti && `, ${tail(k.jti)}`}</span></td>
                    <td>${w ? dateTime(startOf(w)) : ""}<span class="hint">${k.walltime_s ? t("job.for", { length: length(k.walltime_s) }) : ""}</span></td>
                    <td class="end"><${State} name=${state === "issued" && k.confirmed ? "delivered" : state} /></td>
                    <td class="num" data-label=${t("site.reported")}>${k.gpu_seconds === null || k.gpu_seconds === undefined ? html`<span class="hint inline">${t("none")}</span>` : html`<${GpuHours} seconds=${k.gpu_seconds} />`}</td></tr>`;
        })}</tbody></table></div>`;
const Gap = ({ gap }) => html`<tr class="gap-row"><td class="lead" colspan="5"><${State} name="lost" words=${t(gap.from === gap.to ? "site.gap.one" : "site.gap", { from: whole(gap.from), to: whole(gap.to) })} /></td></tr>`;
/** @param {{items: any[], caption: string, missing?: {from: number, to: number}[]}} props */
export const Reports = ({ items, caption, missing = [] }) => html`
    <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${caption}</caption>
        <thead><tr><th scope="col">${t("report")}</th><th scope="col">${t("site.sent")}</th><th scope="col">${t("site.says")}</th><th scope="col" class="num">${t("site.gpu-hours")}</th><th scope="col" class="num">${t("site.receipt")}</th></tr></thead>
        <tbody>${items.map((r) => html`
            ${missing.filter((g) => g.from === r.number + 1).map((gap) => html`<${Gap} key=${"gap" + gap.from} gap=${gap} />`)}
            <tr key=${r.number}><td class="lead"><b>${whole(r.number)}</b></td>
                <td>${clock(r.time)}<span class="hint">${weekday(r.time)}</span></td>
                <td>${has("report." + r.kind) ? t("report." + r.kind) : r.kind}<span class="hint">${[r.seq && t("site.of-ticket", { n: r.seq }), !r.seq && r.jti && tail(r.jti), r.kind === "finished" && r.exit_code !== undefined && r.exit_code !== null && t("site.exit", { n: r.exit_code }), r.reason && r.reason !== "none" && r.reason, r.fault].filter(Boolean).join(", ")}</span></td>
                <td class="num" data-label=${t("site.gpu-hours")}>${r.gpu_seconds && r.kind !== "inventory" ? html`<${GpuHours} seconds=${r.gpu_seconds} />` : html`<span class="hint inline">${t("none")}</span>`}</td>
                <td class="num end">${r.permit ? html`<${State} name=${r.permit === "granted" ? "granted" : "refused"} words=${t("site.permit." + r.permit)} />` : html`<${State} name="granted" words=${t("site.receipted")} />`}</td></tr>`)}</tbody></table></div>`;

/** Pause or drain a site, with the reason that stands beside it. @param {{site: any, verb: "pause" | "drain", onDone: () => void}} props */
export const Stop = ({ site, verb, onDone }) => {
    const [asking, ask] = useState(false);
    const [reason, setReason] = useState("");
    const [bad, setBad] = useState("");
    const sending = useCommand();
    const on = site.state === (verb === "pause" ? "paused" : "draining");
    const yes = async () => {
        if (!reason.trim()) {
            setBad(t("order.needed"));
            return;
        }
        const done = await sending.run(`/v1/sites/${site.code}/${verb}`, { [verb === "pause" ? "paused" : "draining"]: !on, reason: reason.trim() });
        if (!done) return;
        ask(false);
        setReason("");
        say(t(`site.${verb}.${on ? "ended" : "done"}`));
        onDone();
    };
    return html`
        <${Button} kind=${on || verb === "pause" ? "plain" : "danger"} onClick=${() => ask(true)}>${t(`site.${verb}.${on ? "end" : "do"}`)}<//>
        ${asking && html`<${Dialog} danger=${!on} title=${t(`site.${verb}.${on ? "end" : "do"}`)} yes=${t(`site.${verb}.${on ? "end" : "do"}`)} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => ask(false)}>
            <p>${t(`site.${verb}.${on ? "end.text" : "text"}`)}</p><div class="gap"><${Field} name="reason" label=${t("order.reason")} value=${reason} onInput=${(v) => { setReason(v); setBad(""); }} error=${bad} /></div><//>`}`;
};
