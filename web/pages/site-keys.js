/* /site/{site}/keys: the site's agent (its key, instance, contact, clock, version) and enrolling one. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t, tx } from "../lib/words.js";
import { clock, dateTime, shortHash, whole } from "../lib/format.js";
import { ago } from "../lib/ago.js";
import { more } from "../lib/more.js";
import { siteName, useSites } from "../lib/sites.js";
import { useCommand, useData, useNow } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Folio } from "../parts/amount.js";
import { Refused, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Check, Field } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Note, say } from "../parts/note.js";
import { State } from "../parts/state.js";

await more("../messages/LANG.site.json");

/** Beyond this a clock is named: the server's own bound (journal.md). */
const APART_MS = 5000;
const clockText = (ms) => (ms === null || ms === undefined ? t("keys.clock.unknown") : Math.abs(ms) < 1 ? t("keys.clock.same") : t(ms > 0 ? "keys.clock.ahead" : "keys.clock.behind", { n: whole(Math.abs(ms)) }));

/** A secret that is shown once. */
const Token = ({ site, token, expires, onClose }) => {
    const copy = () => navigator.clipboard?.writeText(token).then(() => say(t("copied")));
    return html`
        <section class="card" role="status"><h2>${t("keys.token")}</h2>
            <p>${tx("keys.token.text", { time: html`<b>${dateTime(expires)}</b>` })}</p>
            <pre class="sunken gap" tabindex="0" role="region" aria-label=${t("keys.token")}>${token}</pre>
            <p class="small second gap">${t("keys.token.use")}</p>
            <pre class="sunken gap" tabindex="0" role="region" aria-label=${t("keys.token.commands")}>${`install -m 600 /dev/stdin token   # paste it, then end the line with Ctrl-D
kontor-agent enrol --site=${site} --token-file=token
kontor-agent check && rm token`}</pre>
            <div class="deeds gap"><${Button} icon="copy" onClick=${copy}>${t("copy")}<//><${Button} onClick=${onClose}>${t("keys.token.done")}<//></div>
        </section>`;
};
const Enrol = ({ site, agent, onToken }) => {
    const [asking, ask] = useState(false);
    const sending = useCommand();
    const yes = async () => {
        const made = await sending.run(`/v1/sites/${site}/agent-tokens`, {}, { secret: true });
        if (!made) return;
        ask(false);
        onToken(made);
    };
    return html`
        <${Button} kind=${agent.key ? "plain" : "primary"} icon="key" onClick=${() => (agent.key ? ask(true) : yes())} busy=${sending.busy}>${t("keys.enrol")}<//>
        ${asking && html`<${Dialog} title=${t("keys.enrol.title")} yes=${t("keys.enrol.yes")} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => ask(false)}>
            <p>${t("keys.enrol.text")}</p><//>`}`;
};

const KEY_STATE = { "in-force": ["active", "keys.state.in-force"], ending: ["draining", "keys.state.ending"], over: ["expired", "keys.state.over"], revoked: ["refused", "keys.state.revoked"] };
/** A key is over at once; what it signed since a time is told. */
const Revoke = ({ index, onDone }) => {
    const [asking, ask] = useState(false);
    const [reason, setReason] = useState("");
    const [stolen, setStolen] = useState(false);
    const [bad, setBad] = useState("");
    const sending = useCommand();
    const yes = async () => {
        if (!reason.trim()) {
            setBad(t("order.needed"));
            return;
        }
        const done = await sending.run(`/v1/keys/${index}/revoke`, { compromised: stolen, reason: reason.trim() });
        if (!done) return;
        ask(false);
        say(t("keys.revoked", { n: index }));
        onDone();
    };
    return html`
        <${Button} kind="danger" small onClick=${() => ask(true)}>${t("keys.revoke")}<//>
        ${asking && html`<${Dialog} danger title=${t("keys.revoke.title", { n: index })} yes=${t("keys.revoke")} no=${t("not-yet")} busy=${sending.busy} error=${html`<${Refused} error=${sending.error} />`} onYes=${yes} onNo=${() => ask(false)}>
            <p>${t("keys.revoke.text")}</p>
            <div class="gap"><${Check} name="compromised" label=${t("keys.revoke.stolen")} checked=${stolen} onInput=${setStolen} /></div>
            <div class="gap"><${Field} name="reason" label=${t("order.reason")} value=${reason} onInput=${(v) => { setReason(v); setBad(""); }} error=${bad} maxlength=${160} /></div><//>`}`;
};
const Keys = ({ keys, onDone }) => html`
    <section class="card"><h2>${t("keys.all")}</h2>
        <div class="table-scroll"><table class="blocks"><caption class="hidden-text">${t("keys.all")}</caption>
            <thead><tr><th scope="col">${t("site.key.entry")}</th><th scope="col">${t("site.key.since")}</th><th scope="col">${t("keys.until")}</th><th scope="col">${t("state")}</th><th scope="col"><span class="hidden-text">${t("deed")}</span></th></tr></thead>
            <tbody>${[...keys].reverse().map((k) => {
                const [wash, words] = KEY_STATE[k.state] ?? KEY_STATE.over;
                return html`<tr key=${k.index}><td class="lead"><${Folio} entry=${k.index} /></td><td data-label=${t("site.key.since")}>${dateTime(k.since)}</td><td data-label=${t("keys.until")}>${k.until ? dateTime(k.until) : t("none")}</td>
                    <td class="end"><${State} name=${wash} words=${t(words)} /></td><td class="right">${(k.state === "in-force" || k.state === "ending") && html`<${Revoke} index=${k.index} onDone=${onDone} />`}</td></tr>`;
            })}</tbody></table></div></section>`;

export const first = ({ params }) => ahead(`/v1/sites/${params.site}/agent`, "/v1/sites");

export default ({ params }) => {
    const { data: agent, error, reload } = useData(`/v1/sites/${params.site}/agent`, { every: 5000 });
    const [token, setToken] = useState(null);
    const { sites } = useSites();
    const now = useNow(1000);
    const name = siteName(sites.get(params.site), params.site);
    const head = (deed) => html`<${Head} title=${t("nav.keys")} crumbs=${html`<a href=${to(`/site/${params.site}`)}>${name}</a> / ${t("nav.keys")}`} sub=${t("keys.sub")}>${deed}<//>`;
    if (!agent) return html`${head(null)}<${Waiting} error=${error} retry=${reload} />`;
    const apart = agent.clock_ahead_ms !== null && Math.abs(agent.clock_ahead_ms) > APART_MS;
    return html`
        ${head(html`<${Enrol} site=${params.site} agent=${agent} onToken=${setToken} />`)}
        <div class="stack">
            ${token && html`<${Token} site=${params.site} token=${token.token} expires=${token.expires} onClose=${() => setToken(null)} />`}
            ${apart && html`<${Note} kind="brick"><p><b>${t("keys.apart")}</b> ${t("keys.apart.text")}</p><//>`}
            <div class="grid halves">
                <section class="card"><div class="card-head"><h2>${t("nav.agent")}</h2><span class="end"><${State} name=${agent.key ? agent.state : "expired"} words=${agent.key ? undefined : t("site.key.none")} /></span></div>
                    <dl class="facts">
                        <div><dt>${t("site.contact")}</dt><dd>${agent.last_contact ? html`${ago(now - Date.parse(agent.last_contact))}<span class="block small second">${clock(agent.last_contact)}</span>` : t("site.never")}</dd></div>
                        <div><dt>${t("keys.instance")}</dt><dd>${agent.instance ? html`${whole(agent.instance)}<span class="block small second">${agent.since ? t("keys.instance.since", { time: dateTime(agent.since) }) : ""}</span>` : t("none")}</dd></div>
                        <div><dt>${t("keys.clock")}</dt><dd>${clockText(agent.clock_ahead_ms)}</dd></div>
                        <div><dt>${t("keys.version")}</dt><dd>${agent.inventory?.agent ?? t("keys.unknown")}</dd></div>
                        <div><dt>${t("keys.backend")}</dt><dd>${agent.inventory?.backend ?? t("keys.unknown")}</dd></div>
                        <div><dt>${t("site.unconfirmed")}</dt><dd>${whole(agent.last_seq - agent.confirmed_seq)}</dd></div>
                        <div><dt>${t("site.reports")}</dt><dd>${whole(agent.last_report)}</dd></div>
                    </dl></section>
                <section class="card"><h2>${t("site.key")}</h2>
                    ${agent.key ? html`<dl class="facts">
                        <div><dt>${t("site.key.entry")}</dt><dd><${Folio} entry=${agent.key.index} /></dd></div>
                        <div><dt>${t("site.key.since")}</dt><dd>${dateTime(agent.key.since)}</dd></div>
                        <div><dt>${t("keys.signs")}</dt><dd class="mono small">${shortHash(agent.key.ed25519)}</dd></div>
                        <div><dt>${t("keys.seals")}</dt><dd class="mono small">${shortHash(agent.key.x25519)}</dd></div></dl>
                        <p class="chart-note">${t("keys.where")}</p>` : html`<p class="second">${t("keys.none.text")}</p>`}
                </section>
            </div>
            ${agent.keys.length > 0 && html`<${Keys} keys=${agent.keys} onDone=${reload} />`}
            ${agent.inventory && html`<section class="card"><h2>${t("keys.inventory")}</h2><p class="small second">${t("keys.inventory.text")}</p>
                <dl class="facts columns">${Object.entries(agent.inventory).filter(([, v]) => typeof v !== "object").map(([k, v]) => html`<div key=${k}><dt>${k.replaceAll("_", " ")}</dt><dd>${String(v)}</dd></div>`)}</dl></section>`}
        </div>`;
};
