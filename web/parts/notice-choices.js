/* Which kinds of notice one wants, and in which way. Each choice is kept as it is made. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { post } from "../lib/api.js";
import { me } from "../lib/session.js";
import { useData } from "../lib/use.js";
import { Refused, Waiting } from "./broken.js";

/* What each role is told at all. */
const WHO = { "job-ended": ["owner", "member"], "quote-ending": ["owner", "member"], "credits-lapse": ["owner"], dispute: ["owner", "member", "site_operator", "officer"], approval: ["officer", "administrator"], "agent-silent": ["site_operator", "administrator"], maintenance: ["owner", "member"] };

export const NoticeChoices = () => {
    const { data, error, reload } = useData("/v1/me/notice-choices");
    const [state, set] = useState({ busy: "", error: null, items: null });
    const choose = async (choice) => {
        if (state.busy) return;
        set({ ...state, busy: choice.kind, error: null });
        try {
            set({ busy: "", error: null, items: (await post("/v1/me/notice-choices", choice)).items });
        } catch (problem) {
            set({ ...state, busy: "", error: problem });
        }
    };
    const roles = me.value.roles.map((r) => r.role);
    const items = (state.items ?? data?.items ?? []).filter((c) => WHO[c.kind].some((role) => roles.includes(role)));
    return html`
        <section class="card"><h2>${t("choices")}</h2>
            ${!data ? html`<${Waiting} error=${error} rows=${4} retry=${reload} />` : html`
                <p class="second">${t(items.length ? "choices.text" : "choices.none")}</p><${Refused} error=${state.error} />
                ${items.length > 0 && html`<dl class="facts gap">${items.map((c) => html`<div key=${c.kind}><dt id=${"choice-" + c.kind}>${t("notices.kind." + c.kind)}</dt>
                    <dd>${["page", "mail"].map((way) => html`<label class="check" key=${way}><input type="checkbox" aria-describedby=${"choice-" + c.kind} checked=${c[way]} disabled=${state.busy === c.kind}
                        onChange=${(event) => choose({ ...c, [way]: event.target.checked })} /><span>${t("choices." + way)}</span></label>`)}</dd></div>`)}</dl>`}`}
        </section>`;
};
