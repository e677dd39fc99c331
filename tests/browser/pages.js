/* THE list of pages as tests and measurements open them: who sits there, and at which address. */
import { open, signIn } from "./chromium.js";

export const S = "ines@brisa.example", E = "elin@nordlys.example", O = "maren@investai.example", L = "aino@lumi.example", A = "jonas@kontor.example";
/** [name, who, path]: a path may need what prepare() found. @type {[string, string | null, string | ((at: any) => string)][]} */
export const PAGES = [
    ["front", null, "/"], ["sign-in", null, "/sign-in"], ["public capacity", null, "/capacity"], ["public journal", null, "/journal"], ["sites", null, "/sites"], ["missing", null, "/nothing-here"], ["join, without its link", null, "/join"], ["a letter's link", null, "/mail#stop.x"], ["public entry", null, "/journal/entries/5"], ["verify", null, "/verify"], ["help", null, "/help"], ["a role's help", S, "/help/start-up"], ["accessibility", null, "/accessibility"], ["privacy", null, "/privacy"],
    ["home", S, "/home"], ["ask", S, "/ask"], ["ask, nothing fits", S, "/ask?gpus=9000&memory=512"], ["quotes", S, (at) => `/requests/${at.request}`], ["quotes with secrets", S, (at) => `/requests/${at.sealed}`], ["reservations", S, "/reservations"], ["reservation", S, (at) => `/reservations/${at.job}`],
    ["credits", S, "/credits"], ["grant", S, (at) => `/credits/${at.grants.brisa}`], ["state aid", S, "/credits/aid"], ["a grant's certificate", S, (at) => `/credits/${at.grants.brisa}/certificate`], ["account", S, "/me"], ["notices", S, "/notices"], ["webhooks", S, "/people/webhooks"], ["people", S, "/people"], ["another role's page", S, "/programme"], ["entry", S, (at) => `/journal/entries/${at.hold}`], ["a site, with one's own", S, "/sites/lumi"],
    ["home without a grant", E, "/home"], ["no reservations", E, "/reservations"],
    ["programme", O, "/programme"], ["orders", O, "/programme/orders"], ["orders and keys", A, "/programme/orders"], ["what needs a person", O, "/programme/attention"], ["state aid of all", O, "/programme/state-aid"], ["use", O, "/programme/use"], ["a fund", O, (at) => `/programme/funds/${at.fund}`], ["use of a site where nothing was paid", O, "/programme/use?months=3&site=lumi"], ["shares", O, "/programme/shares"], ["moves", O, "/programme/moves"], ["report", O, "/programme/reports"], ["grants", O, "/programme/grants"], ["grant of another", O, (at) => `/programme/grants/${at.grants.brisa}`], ["new grant", O, "/programme/grants/new"], ["an organisation's aid", O, (at) => `/programme/organisations/${at.organisations.brisa}/aid`], ["new fund", O, "/programme/funds/new"], ["new tranche", O, "/programme/tranches/new"],
    ["journal", O, "/journal/entries"], ["journal, no entry", O, "/journal/entries?kind=CLAWBACK"], ["an officer's entry", O, "/journal/entries/44"],
    ["site", L, "/site/lumi"], ["tickets", L, "/site/lumi/tickets"], ["reports", L, "/site/lumi/reports"], ["share given", L, "/site/lumi/share"], ["keys", L, "/site/lumi/keys"], ["moves from a site", L, "/site/lumi/moves"], ["a site, with all that is booked", L, "/sites/lumi?weeks=12"], ["administration", A, "/admin"],
];
/** The rest of the map, which the stories walk through: what is measured, and shown with something on it, but not looked at four times more. @type {typeof PAGES} */
export const STORIED = [
    ["an open dispute", S, (at) => `/reservations/${at.contested}/dispute`], ["disputes", L, "/site/lumi/disputes"], ["an order", A, (at) => `/programme/orders/${at.order}`], ["maintenance", L, "/site/lumi/maintenance"], ["certificate of another", O, (at) => `/programme/grants/${at.grants.brisa}/certificate`],
];

/**
 * Signs each person in, and makes a request with a binding quote.
 * @param {any} browser @param {any} kontor what world() gives
 * @param {{storied?: boolean}} [more] storied: with a dispute and an order that waits, as STORIED needs them
 * @returns {Promise<{cookies: Map<string, any[]>, at: any}>} one session a person serves all; `at`: what paths need
 */
export const prepare = async (browser, kontor, { storied = false } = {}) => {
    const cookies = new Map(), at = { grants: kontor.grants, organisations: kontor.organisations };
    for (const who of [S, E, O, L, A]) {
        const { page, context, close } = await open(browser, { base: kontor.base });
        await signIn(page, who, kontor.password);
        cookies.set(who, await context.cookies());
        if (who === O) at.fund = await page.evaluate(async () => (await (await fetch("/v1/funds")).json()).items[0].account);
        if (who === A && storied) at.order = await page.evaluate(propose);
        if (who === S && storied) at.contested = await page.evaluate(contest);
        if (who === S) Object.assign(at, await page.evaluate(ask, { organisation: kontor.organisations.brisa, grant: kontor.grants.brisa }));
        await close();
    }
    return { cookies, at };
};
/** In the page: something is changed. */
const post = `async (path, body) => {
    const { csrf } = await (await fetch("/v1/session")).json();
    const reply = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf, "Idempotency-Key": crypto.randomUUID() }, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(path + ": " + (await reply.text()));
    return reply.json();
}`;
/** As an administrator: another rate, which two must sign. */
const propose = `(async () => {
    const post = ${post};
    await post("/v1/order-rule", { signed_by: ["key", "passkey", "word"], alone_credits: "1000" });
    const [offering] = (await (await fetch("/v1/offerings")).json()).items;
    return (await post("/v1/offerings/" + offering.index + "/rates", { rate_milli: 3000, assumed: true })).id;
})()`;
/** As the start-up: what was paid for a job that has ended is contested. */
const contest = `(async () => {
    const post = ${post};
    const [job] = (await (await fetch("/v1/reservations?state=settled")).json()).items;
    await post("/v1/reservations/" + job.id + "/contest", { reason: "The node's disk was full." });
    return job.id;
})()`;
/** In the page, as the start-up. */
const ask = async ({ organisation, grant }) => {
    const read = async (path) => (await fetch(path)).json();
    const me = await read("/v1/me");
    const post = async (path, body) => (await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": me.csrf, "Idempotency-Key": crypto.randomUUID() }, body: JSON.stringify(body) })).json();
    const quoted = async (more) => {
        const made = await post("/v1/requests", { organisation, grant, name: "ct-seg-v5 pretrain", gpus: 128, walltime_s: 172_800, memory_gb: 64, one_island: true, countries: ["ES", "IT", "FI", "LU", "SE", "DE"], template: "single-gpu", parameters: { command: "python train.py" }, ...more });
        await post(`/v1/requests/${made.id}/quotes`, { hold: true });
        return made.id;
    };
    return {
        job: (await read("/v1/reservations?state=running")).items[0].id,
        hold: (await read(`/v1/grants/${grant}/entries?limit=100`)).items.find((e) => e.kind === "HOLD").index,
        request: await quoted({}),
        sealed: await quoted({ name: "with secrets", gpus: 16, walltime_s: 3600, countries: ["FI", "IT"], memory_gb: 40, one_island: false, template: "script", parameters: undefined, script: "#!/bin/sh\n", secrets: ["HF_TOKEN"] }),
    };
};
