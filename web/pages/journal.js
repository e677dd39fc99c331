/* /journal/entries: newest entries, what moved; filters in the address; CSV of the same filters. */
import { html, useState } from "../lib/html.js";
import { ahead } from "../lib/api.js";
import { t } from "../lib/words.js";
import { clock, parseWhole, whole } from "../lib/format.js";
import { more } from "../lib/more.js";
import { useData } from "../lib/use.js";
import { go, to } from "../lib/router.js";
import { Empty, Waiting } from "../parts/broken.js";
import { Button } from "../parts/button.js";
import { KINDS } from "../lib/kinds.js";
import { Entries } from "../parts/entries.js";
import { Field, Select } from "../parts/field.js";
import { Head } from "../parts/frame.js";
import { Files } from "../parts/list-files.js";

await Promise.all([more("../messages/LANG.journal.json", "../styles/journal.css"), more("../messages/LANG.entries.json")]);

const NAMES = ["kind", "account", "grant", "before"];
/** The filters of an address as the server takes them. */
const filterOf = (query) => Object.fromEntries(NAMES.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));

const pathOf = (filter) => `/v1/journal/entries?${new URLSearchParams({ ...filter, limit: "50" })}`;
export const first = ({ query }) => ahead(pathOf(filterOf(query)), "/v1/journal");

export default ({ query }) => {
    const filter = filterOf(query);
    const { data, error, reload } = useData(pathOf(filter), { every: filter.before ? 0 : 15_000 });
    const journal = useData("/v1/journal");
    const [account, setAccount] = useState(filter.account ?? "");
    const [number, setNumber] = useState("");
    const [bad, setBad] = useState({});
    const set = (change) => go(to("/journal/entries", { ...filter, before: "", ...change }));
    const submit = (event) => {
        event.preventDefault();
        const index = number ? parseWhole(number) : null;
        const wrong = { ...(number && index === null && { number: t("journal.bad.number") }), ...(account && parseWhole(account) === null && { account: t("journal.bad.number") }) };
        setBad(wrong);
        if (Object.keys(wrong).length) return;
        if (index !== null) go(to(`/journal/entries/${index}`));
        else set({ account: account ? parseWhole(account) : "" });
    };
    const items = data?.items ?? [];
    const last = items.at(-1);
    return html`
        <${Head} title=${t("nav.journal")} sub=${journal.data ? t("journal.entries.sub", { n: journal.data.size, time: clock(journal.data.time) }) : ""} />
        <form class="filters" role="search" onSubmit=${submit} noValidate>
            <${Field} name="number" label=${t("journal.number")} inputmode="numeric" placeholder=${t("journal.goto")} value=${number} onInput=${setNumber} error=${bad.number} />
            <${Select} name="kind" label=${t("kind")} value=${filter.kind ?? ""} onInput=${(v) => set({ kind: v })} options=${[["", t("journal.all-kinds", { n: KINDS.length })], ...KINDS.map((k) => [k, k])]} />
            <${Field} name="account" label=${t("journal.account")} inputmode="numeric" placeholder=${t("any")} value=${account} onInput=${setAccount} error=${bad.account} />
            <${Button} submit>${t("journal.apply")}<//>
            ${Object.keys(filter).length > 0 && html`<a class="small" href=${to("/journal/entries")}>${t("journal.clear")}</a>`}
            <div class="deeds"><${Files} path="/v1/journal/entries" filter=${{ ...filter, before: "" }} /></div>
        </form>
        ${!data ? html`<${Waiting} error=${error} retry=${reload} rows=${10} />`
        : !items.length ? html`<${Empty} title=${t("journal.none")} deeds=${html`<${Button} href=${to("/journal/entries")}>${t("journal.clear")}<//>`}>${t("journal.none.text")}<//>`
        : html`
            <div class="card flush"><${Entries} entries=${items} caption=${t("journal.caption")} />
                <div class="pager">
                    ${filter.before && html`<${Button} small href=${to("/journal/entries", { ...filter, before: "" })}>${t("newest")}<//>`}
                    ${data.next && html`<${Button} small href=${to("/journal/entries", { ...filter, before: last.index })}>${t("older")}<//>`}
                    <span>${t("journal.range", { from: whole(items[0].index), to: whole(last.index) })}</span>
                </div></div>`}`;
};
