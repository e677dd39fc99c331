/* The first steps of a role: a short list, ticked by what the server knows; skipped for good. Its size is the same before the ticks come. */
import { html } from "../lib/html.js";
import { post } from "../lib/api.js";
import { guideOf, keepGuide } from "../lib/guide.js";
import { more } from "../lib/more.js";
import { t } from "../lib/words.js";
import { seat } from "../lib/session.js";
import { useCommand, useData } from "../lib/use.js";
import { to } from "../lib/router.js";
import { Refused } from "./broken.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";
import { say } from "./note.js";

await more("../messages/LANG.guide.json");

/** By guide: [step, where it is done]. Those of LOOKS are done by going there. */
const STEPS = {
    startup: [["credits", "/credits"], ["ask", "/ask"], ["accept", "/reservations"], ["colleague", "/people"], ["second", "/me"]],
    officer: [["second", "/me"], ["key", "/me"], ["fund", "/programme/funds/new"], ["grant", "/programme/grants/new"], ["attention", "/programme/attention"]],
    auditor: [["journal", "/journal/entries"], ["verify", "/verify"], ["report", "/programme/reports"], ["second", "/me"]],
    site: [["agent", "/site/{site}/keys"], ["place", "/sites/{site}"], ["maintenance", "/site/{site}/maintenance"], ["ticket", "/site/{site}/tickets"], ["second", "/me"]],
    admin: [["second", "/me"], ["agent", "/admin"], ["keys", "/programme/orders"], ["rule", "/programme/orders"], ["mail", "/admin"]],
};
const LOOKS = ["credits", "attention", "journal", "verify", "report", "place", "maintenance"];
const stepsOf = (s, guide) => STEPS[guide].filter(([step]) => step !== "colleague" || s.role === "owner");

export default () => {
    const s = seat.value, guide = guideOf(s);
    const { data } = useData("/v1/me/guides");
    const ending = useCommand();
    const mine = data?.items.find((g) => g.guide === guide && (g.organisation ?? s.organisation?.id) === s.organisation?.id && (g.site ?? s.site) === s.site);
    const steps = stepsOf(s, guide), done = steps.filter(([step]) => mine?.done.includes(step)).length;
    const skip = async () => {
        if (!(await ending.run("/v1/me/guides", { guide, deed: "end" }, { secret: true }))) return;
        say(t("guide.again"));
        keepGuide(guide, false);
    };
    return html`
        <section class="card guide" aria-labelledby="guide">
            <div class="card-head"><h2 id="guide">${t("guide.title")}</h2><span class="end"><span data-guide="count">${mine ? t("guide.count", { n: done, of: steps.length }) : "\u00a0"}</span>
                <${Button} small busy=${ending.busy} onClick=${skip}>${t(done === steps.length ? "guide.close" : "guide.skip")}<//></span></div>
            <${Refused} error=${ending.error} />
            <ol>${steps.map(([step, path]) => {
                const is = mine?.done.includes(step);
                const look = () => LOOKS.includes(step) && !is && post("/v1/me/guides", { guide, deed: step }).catch(() => {}); /* it is not ticked, then */
                return html`<li key=${step} data-step=${step} class=${is ? "done" : undefined}><${Icon} name=${is ? "ok" : "circle"} />
                    <span><a href=${to(path.replace("{site}", s.site ?? ""))} onClick=${look}>${t("guide." + step)}</a>${is && html` <span class="hidden-text">${t("guide.done")}</span>`}</span></li>`;
            })}</ol>
        </section>`;
};
