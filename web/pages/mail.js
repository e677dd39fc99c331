/* /mail#confirm.TOKEN and /mail#stop.TOKEN: the links in e-mails. What stands behind the # is sent to nobody but in the call. A
 * button does it, since programs that look through e-mails open links too. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { more } from "../lib/more.js";
import { to } from "../lib/router.js";
import { post } from "../lib/api.js";
import { Refused } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { Head } from "../parts/frame.js";

await more("../messages/LANG.mail.json");

const Plain = ({ title, text }) => html`<div class="sign-in"><div class="card"><${Head} title=${title} sub=${text} /></div></div>`;
const send = { confirm: (token) => post("/v1/mail/confirm", { token }), stop: (token) => post(`/v1/mail/stop?t=${token}`, {}) };

export default () => {
    const [[what, token]] = useState(() => /^#(confirm|stop)\.([\w-]+)$/.exec(location.hash)?.slice(1) ?? []);
    const [state, set] = useState({ busy: false, done: false, error: null });
    const act = async () => {
        if (state.busy) return;
        set({ busy: true, done: false, error: null });
        try {
            await send[what](token);
            set({ busy: false, done: true, error: null });
        } catch (error) {
            set({ busy: false, done: false, error });
        }
    };
    if (!what) return html`<${Plain} title=${t("mail.none")} text=${t("mail.none.text")} />`;
    if ([400, 403].includes(state.error?.status)) return html`<${Plain} title=${t("mail.over")} text=${t("mail.over.text")} />`;
    return html`
        <div class="sign-in"><div class="card"><${Head} title=${t("mail." + what)} sub=${state.done ? "" : t(`mail.${what}.text`)} />
            <div role="status">${state.done && html`<p>${t(`mail.${what}.done`)}</p>`}</div><${Refused} error=${state.error} />
            <div class="gap">${state.done ? html`<a href=${to("/me")}>${t("mail.choose")}</a>` : html`<${Button} kind="primary" wide busy=${state.busy} onClick=${act}>${t(`mail.${what}.do`)}<//>`}</div></div></div>`;
};
