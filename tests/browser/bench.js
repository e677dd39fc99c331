/* tests/bench/pages: how much each page is to load and how soon it can be used; how long a step in a long journal takes. */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { launch, open } from "./chromium.js";
import { meter, shifts, watchShifts } from "./checks.js";
import { O, PAGES, STORIED, prepare } from "./pages.js";
import { world } from "./world.js";

const { values: options } = parseArgs({ options: { only: { type: "string" }, pages: { type: "string", default: "" }, rounds: { type: "string", default: "3" } } });
const LANGUAGES = ["en", "el"], SLOWER = 4, USABLE_MS = 1000, LIMIT_KB = 100, STEP_MS = 100, STILL = 0.00005; /* nothing moves, to the four places that are printed */
const WHOLE_MS = 20_000, LOOK_MS = 50;
const ENTRIES = 1_000_000, FIRST = 2 ** 24; /* the filled ones stand far behind those that kontord writes meanwhile */

/**
 * When the page was last not there yet: without its heading, or with something still loading. Asked from outside, now and then, by no more than a word:
 * what waits in the page itself (Playwright's own code, a twelfth of a second at this speed) would be measured with it.
 */
const watchUse = (page) => page.addInitScript(() => {
    let since = null;
    const look = () => {
        const there = document.querySelector("h1") && !document.querySelector("[aria-busy=true]");
        if (!there) since = null;
        else since ??= performance.now();
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ["aria-busy"] });
    globalThis.__usable = () => since;
});
const load = async (browser, kontor, cookies, path) => {
    const tab = await open(browser, { base: kontor.base });
    try {
        if (cookies) await tab.context.addCookies(cookies);
        const wire = await meter(tab.page);
        await watchShifts(tab.page);
        await watchUse(tab.page);
        await wire.session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
        await wire.session.send("Page.navigate", { url: kontor.base + path });
        const usable = async () => (await wire.session.send("Runtime.evaluate", { expression: "globalThis.__usable?.() ?? 0" })).result.value;
        let ms = 0;
        for (const until = performance.now() + WHOLE_MS; ;) {
            await new Promise((done) => setTimeout(done, LOOK_MS));
            await wire.quiet();
            const now = await usable();
            if (now && now === ms && wire.idle()) break; /* twice the same, and nothing asked for since */
            if (performance.now() > until) throw new Error(`${path}: not whole within ${WHOLE_MS} ms`);
            ms = now;
        }
        const { sum, list } = await shifts(tab.page);
        return { kb: wire.bytes() / 1000, ms, shift: sum, moves: list, faults: tab.faults };
    } finally {
        await tab.close();
    }
};
const firstLoad = async (browser, kontor) => {
    const { cookies, at } = await prepare(browser, kontor, { storied: true });
    const worst = { kb: 0, ms: 0, shift: 0, faults: 0 };
    await load(browser, kontor, null, "/en/"); /* the browser's own first page of all */
    console.log("page                               language      kB   usable ms   moved   errors");
    for (const [name, who, path] of [...PAGES, ...STORIED].filter(([name]) => name.includes(options.pages))) {
        for (const language of LANGUAGES) {
            const address = `/${language}${typeof path === "function" ? path(at) : path}`;
            let found = null;
            for (let round = 0; round < Number(options.rounds) && !(found?.ms <= USABLE_MS); round++) {
                const one = await load(browser, kontor, cookies.get(who), address);
                found = { kb: Math.max(found?.kb ?? 0, one.kb), ms: Math.min(found?.ms ?? Infinity, one.ms), shift: Math.max(found?.shift ?? 0, one.shift), moves: one.moves, faults: [...(found?.faults ?? []), ...one.faults] };
            }
            const ok = found.kb < LIMIT_KB && found.ms <= USABLE_MS && found.shift < STILL && !found.faults.length;
            console.log(`${name.padEnd(34)} ${language.padEnd(8)} ${found.kb.toFixed(1).padStart(7)} ${String(Math.round(found.ms)).padStart(11)} ${found.shift.toFixed(4).padStart(7)} ${String(found.faults.length).padStart(8)}  ${ok ? "ok" : "not ok"}`);
            for (const { value, what } of found.moves.filter((m) => m.value >= STILL)) console.log(`  moved by ${value.toFixed(4)}: ${what.join(", ")}`);
            for (const fault of found.faults) console.log(`  ${fault}`);
            worst.kb = Math.max(worst.kb, found.kb);
            worst.ms = Math.max(worst.ms, found.ms);
            worst.shift = Math.max(worst.shift, found.shift);
            worst.faults += found.faults.length;
        }
    }
    console.log(`mark pages-first-load ${worst.kb.toFixed(1)} kB (goal < ${LIMIT_KB})`);
    console.log(`mark pages-usable ${Math.round(worst.ms)} ms (goal <= ${USABLE_MS})`);
    console.log(`mark pages-moved ${worst.shift.toFixed(4)} shift (goal < ${STILL})`);
    console.log(`mark pages-console ${worst.faults} errors (goal <= 0)`);
};

/* A million holds of one grant, each with its links to the one before: what an account's page walks along. */
const fill = (kontor) => {
    const sql = `
        CREATE TEMP TABLE like_this AS SELECT * FROM entry WHERE kind = 8 ORDER BY index LIMIT 1;
        CREATE TEMP TABLE ends AS SELECT (SELECT last_index FROM account WHERE index = debit) AS debit_last, (SELECT last_index FROM account WHERE index = credit) AS credit_last FROM like_this;
        INSERT INTO entry (version, kind, index, time_ms, group_first, group_len, group_pos, debit, credit, amount, prev_debit, prev_credit, body, leaf_hash)
            SELECT version, kind, i, time_ms, i, 1, 0, debit, credit, amount, pd, pc, body,
                leaf_hash_v1(entry_bytes_v1(version, kind, i, time_ms, i, 1::smallint, 0::smallint, debit, credit, amount, pd, pc, body))
            FROM like_this, ends, generate_series(${FIRST}::bigint, ${FIRST + ENTRIES - 1}) i,
                LATERAL (SELECT CASE i WHEN ${FIRST} THEN debit_last ELSE i - 1 END AS pd, CASE i WHEN ${FIRST} THEN credit_last ELSE i - 1 END AS pc) p;
        UPDATE account SET last_index = ${FIRST + ENTRIES - 1} WHERE index IN (SELECT debit FROM like_this UNION SELECT credit FROM like_this);
        VACUUM ANALYZE entry; VACUUM ANALYZE account;
        SELECT debit FROM like_this;`;
    return execFileSync("psql", ["-qXAt", "-v", "ON_ERROR_STOP=1", "-d", kontor.database], { encoding: "utf8", input: sql }).trim();
};
/** From a change of the address until the rows that it asks for are drawn. */
const step = (page, address) => page.evaluate((to) => new Promise((done, failed) => {
    setTimeout(() => failed(new Error(`${to}: ${document.querySelector("main").innerText}`)), 20_000);
    const begun = performance.now(), was = document.querySelector(".pager > span, .empty h2");
    const text = was?.textContent;
    const look = () => {
        const now = document.querySelector(".pager > span, .empty h2");
        if (now && (now !== was || now.textContent !== text) && !document.querySelector("main [aria-busy=true]")) requestAnimationFrame(() => done(performance.now() - begun));
        else requestAnimationFrame(look);
    };
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent("popstate"));
    look();
}), address);
const journal = async (browser, kontor) => {
    const { cookies } = await prepare(browser, kontor);
    const begun = performance.now(), account = fill(kontor), last = FIRST + ENTRIES - 1, middle = FIRST + ENTRIES / 2;
    console.log(`${ENTRIES} entries filled in ${((performance.now() - begun) / 1000).toFixed(0)} s; account ${account} has all of them`);
    const { page, context, faults, close } = await open(browser, { base: kontor.base });
    await context.addCookies(cookies.get(O));
    await page.goto("/en/journal/entries");
    await page.locator(".pager").waitFor();
    const steps = [["older", `before=${last - 49}`], ["older again", `before=${last - 99}`], ["the middle", `before=${middle}`], ["a kind that is rare and old", "kind=FUND"], ["a frequent kind", "kind=HOLD"], ["a kind that there is none of", "kind=CLAWBACK"], ["an account", `account=${account}`],
        ["an account, older", `account=${account}&before=${last - 49}`], ["an account, its middle", `account=${account}&before=${middle}`], ["an account and a kind it has once, at its beginning", `account=${account}&kind=GRANT`], ["newest", ""]];
    let worst = 0;
    for (const [name, query] of steps) {
        const took = [];
        for (let i = 0; i < 3; i++) {
            await page.evaluate(() => document.querySelector("nav a[aria-current]")?.focus());
            await step(page, "/en/journal/entries?kind=TRANCHE" + "&before=" + (FIRST + i + took.length));
            took.push(await step(page, `/en/journal/entries?${query}`));
        }
        const best = Math.min(...took);
        console.log(`${name.padEnd(54)} ${best.toFixed(0).padStart(6)} ms  ${best < STEP_MS ? "ok" : "not ok"}`);
        worst = Math.max(worst, best);
    }
    for (const fault of faults) console.log(`  ${fault}`);
    console.log(`mark journal-step ${worst.toFixed(0)} ms (goal < ${STEP_MS})`);
    await close();
};

const PARTS = { "first-load": firstLoad, journal };
if (options.only && !PARTS[options.only]) throw new Error(`--only takes ${Object.keys(PARTS).join(" or ")}`);
const browser = await launch();
try {
    for (const name of options.only ? [options.only] : Object.keys(PARTS)) {
        const kontor = await world("--rich");
        try {
            await PARTS[name](browser, kontor);
        } finally {
            await kontor.stop();
        }
    }
} finally {
    await browser.close();
}
