/* E-mails to people that wait or did not go out, for administrators. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { dateTime } from "../lib/format.js";
import { post } from "../lib/api.js";
import { useData } from "../lib/use.js";
import { Button } from "./button.js";
import { Refused, Waiting } from "./broken.js";
import { say } from "./note.js";

export const MailOut = () => {
    const { data, error, reload } = useData("/v1/mail", { every: 10_000 });
    const [state, set] = useState({ busy: false, error: null });
    const again = async () => {
        if (state.busy) return;
        set({ busy: true, error: null });
        try {
            const { again: n } = await post("/v1/mail/again", {});
            set({ busy: false, error: null });
            say(t("mail.again.done", { n }));
        } catch (problem) {
            set({ busy: false, error: problem });
        }
        reload();
    };
    if (!data) return html`<section class="card"><h2>${t("mail.out")}</h2><${Waiting} error=${error} rows=${2} retry=${reload} /></section>`;
    return html`
        <section class="card"><h2>${t("mail.out")}</h2>
            <p class="second">${data.offered ? t("mail.out.state", { waiting: data.waiting, gone: data.given_up }) : t("mail.not-here")}${data.oldest && html` ${t("mail.out.oldest", { time: dateTime(data.oldest) })}`}</p><${Refused} error=${state.error} />
            ${data.items.length > 0 ? html`<dl class="facts gap">${data.items.map((i) => html`<div key=${i.id}><dt>${i.person}<span class="hint block">${t("mail.out." + i.state, { tries: i.tries, time: dateTime(i.next ?? i.created) })}</span></dt>
                <dd lang="en" class="wrap-anywhere">${i.why}</dd></div>`)}</dl>` : data.offered && html`<p>${t("mail.out.none")}</p>`}
            ${data.items.some((i) => i.state === "given-up") && html`<div class="gap"><${Button} small busy=${state.busy} onClick=${again}>${t("mail.again")}<//></div>`}
        </section>`;
};
