/* What the officer's forms share: a form that checks itself, sends one order, and shows a refusal at its field. */
import { html, useState } from "../lib/html.js";
import { t } from "../lib/words.js";
import { parseCents, parseCredits } from "../lib/format.js";
import { useCommand } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Button } from "./button.js";
import { Refused } from "./broken.js";
import { faultOf, fieldOf, useFocusOnError } from "./field.js";
import { say } from "./note.js";

/** Checks of a value: what is missing or cannot be read. */
export const checks = {
    needed: (v) => (v.trim() ? undefined : t("order.needed")),
    credits: (v) => (parseCredits(v) && BigInt(parseCredits(v).replace(".", "")) > 0n ? undefined : t("order.credits")),
    euro: (v) => (!v.trim() || parseCents(v) !== null ? undefined : t("order.euro")),
    day: (v) => (/^\d{4}-\d\d-\d\d$/.test(v) ? undefined : t("order.day")),
};

/**
 * @param {{start: Record<string, string>, rules: Record<string, (v: string, all: any) => string | undefined>, path: string, body: (values: any) => any, done: (answer: any) => [string, string],
 *   names?: Record<string, string>, words: (values: any) => any, draw: (values: any, set: (name: string) => (v: string) => void, fault: (name: string) => string | undefined) => any}} props
 *   names: the server's field names where they differ from the form's
 */
export const Order = ({ start, rules, path, body, done, names = {}, words, draw }) => {
    const [values, setAll] = useState(start);
    const [wrong, setWrong] = useState({});
    const sending = useCommand();
    const form = useFocusOnError(Object.keys(wrong).length ? wrong : sending.error);
    const set = (name) => (v) => {
        setAll((old) => ({ ...old, [name]: v }));
        if (wrong[name]) setWrong(({ [name]: _, ...rest }) => rest);
    };
    const at = fieldOf(sending.error);
    const field = names[at] ?? at;
    const fault = (name) => wrong[name] ?? (field === name ? faultOf(sending.error) : undefined);
    const submit = async (event) => {
        event.preventDefault();
        const bad = Object.fromEntries(Object.entries(rules).map(([name, rule]) => [name, rule(values[name], values)]).filter(([, words]) => words));
        setWrong(bad);
        if (Object.keys(bad).length) return;
        const answer = await sending.run(path, body(values));
        if (!answer) return;
        const [said, next] = answer.signers ? [t("order.waits"), to(`/programme/orders/${answer.id}`)] : done(answer);
        say(said);
        go(next);
    };
    return html`
        <form class="card form narrow" ref=${form} onSubmit=${submit} noValidate>
            ${draw(values, set, fault)}
            ${!(field in values) && html`<${Refused} error=${sending.error} />`}
            <div class="deeds"><${Button} kind="primary" submit busy=${sending.busy}>${words(values)}<//></div>
        </form>`;
};
