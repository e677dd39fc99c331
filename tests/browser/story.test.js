/* The stories, on a real kontord with its agents, in Chromium: a start-up spends credits and sees its job run; an officer
 * funds and reads the books; a site operator pauses a site; anyone changes a password. At 1440 px in light and at 360 px
 * in dark, there by keyboard alone; with nothing on the console. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { accessible, sound } from "./checks.js";
import { forgetSession, launch, open, settled, signIn } from "./chromium.js";
import { byKeys } from "./keys.js";
import { begin, words } from "./words.js";
import { world } from "./world.js";

const S = "ines@brisa.example", E = "elin@nordlys.example", O = "maren@investai.example", O2 = "tomas@investai.example", L = "aino@lumi.example", A = "jonas@kontor.example";
const LOOKS = [{ width: 1440, height: 900, scheme: "light" }, { width: 360, height: 800, scheme: "dark", keys: true }];
let kontor, browser, passwordOfElin;
before(async () => {
    kontor = await world();
    passwordOfElin = kontor.password;
    browser = await launch({ bare: true });
});
after(async () => {
    await browser?.close();
    await kontor?.stop();
});
/* cope: the statuses of refusals that the story is about; Chromium notes each on the console */
const story = (name, run, cope = []) => {
    for (const look of LOOKS) {
        test(`story: ${name} (${look.width} px, ${look.scheme})`, async () => {
            const tab = await open(browser, { base: kontor.base, acceptDownloads: true, cope, ...look });
            tab.page.setDefaultTimeout(45_000);
            try {
                await run(look.keys ? byKeys(tab.page) : tab.page, look, tab);
                assert.deepEqual(tab.faults, []);
            } catch (error) { /* what a person would see now */
                error.message += `\n${tab.page.url()} ${JSON.stringify(tab.faults)}\n${await tab.page.locator("main").innerText({ timeout: 1000 }).catch(() => "")}`;
                throw error;
            } finally {
                if (process.env.KONTOR_OUT) await tab.page.screenshot({ path: `${process.env.KONTOR_OUT}/${name.replaceAll(/\W+/g, "-")}-${look.width}.png`, fullPage: true }).catch(() => {});
                await tab.close();
            }
        });
    }
};
const text = (page, selector) => page.locator(selector).first().innerText();
const plain = (words) => words.replace(/\s+/g, " ").trim();
/** What is on the screen now, without scrolling. */
const atOnce = (page, words) => page.evaluate((wanted) => wanted.filter((w) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT);
    for (let e = walker.nextNode(); e; e = walker.nextNode()) {
        if (e.children.length > 3 || !e.textContent.replace(/\s+/g, " ").includes(w)) continue;
        const r = e.getBoundingClientRect();
        if (r.width && r.top >= 0 && r.bottom <= innerHeight) return false;
    }
    return true;
}), words);
const openPage = async (page, look, name, say = words("en")) => {
    if (look.width < 960) await page.getByRole("button", { name: say("menu") }).click();
    await page.getByRole("navigation", { name: say("nav.pages") }).filter({ visible: true }).getByRole("link", { name, exact: true }).click();
    await settled(page);
};

story("a start-up asks, compares, accepts, watches, reads the output", async (page, look) => {
    await page.goto("/en/");
    await page.getByRole("link", { name: "Sign in to ask for GPUs" }).click();
    await page.getByLabel("E-mail address").fill(S);
    await page.getByLabel("Password", { exact: true }).fill(kontor.password);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/en/home");
    await settled(page);
    const free = await text(page, "[data-figure=free]");
    assert.match(plain(free), /^[\d,]+\.\d{3} credits free$/);
    if (look.width > 1000) assert.deepEqual(await atOnce(page, ["credits free", "Unspent credits lapse on", "Next step", "Running and coming"]), []);

    await page.getByRole("link", { name: "Ask for GPUs" }).filter({ visible: true }).first().click();
    await settled(page);
    await page.getByLabel("GPUs", { exact: true }).fill("16");
    await page.getByLabel("Hours", { exact: true }).fill("0:30");
    await page.getByLabel("Job name").fill(`story at ${look.width}`);
    await page.getByLabel("Template").selectOption("script");
    await page.getByLabel("Your script").fill("#!/bin/sh\necho loss 0.7\necho loss 0.3\nsleep 2\necho model saved\n");
    await page.getByLabel("Memory per GPU").fill("64");
    await page.getByText("Needs 64 GB per GPU, has 40.").waitFor();
    assert.match(new URL(page.url()).search, /gpus=16/);
    assert.match(await text(page, ".places"), /MeluXina\s+Needs 64 GB per GPU, has 40\./);
    assert.match(plain(await text(page, "[role=status]:has-text('places can')")), /credits; \d of \d places can\./);
    /* cheaper comes first when that matters most */
    await page.getByLabel("Cheapest").check();
    await page.waitForFunction(() => !document.querySelector(".ask-answer[aria-busy]") && /Cheapest of/.test(document.querySelector(".ask-answer")?.textContent));
    assert.match(await text(page, "[data-answer=where]"), /^Leonardo Booster,/);

    await page.getByRole("button", { name: "Get binding quotes" }).click();
    await page.waitForURL("**/en/requests/*");
    await settled(page);
    await page.waitForSelector(".options .best");
    if (look.width > 1000) assert.deepEqual(await atOnce(page, ["Leonardo Booster", "Cost at most", "binding until"]), []);
    assert.match(plain(await text(page, "h1")), /^\d places can run 16 GPUs for 30 min$/);
    assert.match(await text(page, ".ring"), /9:\d\d|10:00/);
    assert.match(plain(await text(page, ".options .best")), /Booked for you until the ring is empty/);
    assert.match(await text(page, ".reasons"), /Needs 64 GB per GPU, has 40\./);
    const button = page.locator(".options .best").getByRole("button", { name: /^Accept for/ });
    const sum = (await button.innerText()).replace(/^Accept for | credits$/g, "");
    assert.equal(plain(await text(page, ".options .best .sum dd")), sum);
    await button.click();
    await page.waitForURL("**/en/reservations/*");
    await settled(page);
    await page.locator(".head .state", { hasText: "Settled" }).waitFor();
    assert.match(plain(await text(page, ".timeline")), /Accepted by you.*Ticket issued.*Delivered to the agent.*Accepted by the site.*Running.*Finished.*Settled/);
    await page.getByText("model saved").waitFor();
    assert.match(plain(await text(page, ".head p")), /^16 × A100 64 GB at Leonardo Booster, Bologna\. Finished/, "its hardware is published: not marked as assumed");
    assert.match(await text(page, "pre.output"), /loss 0\.7\nloss 0\.3\nmodel saved/);
    await page.getByText("Signature good").waitFor();
    assert.match(await text(page, ".jws"), /^eyJ/);
    await page.locator(".timeline").getByRole("link", { name: /^Entry \d/ }).first().click();
    await page.locator("[data-check=good]").waitFor();
    assert.match(await text(page, ".entry-panel"), /HOLD/);
    await page.goBack();
    await page.locator(".head .state", { hasText: "Settled" }).waitFor();

    await openPage(page, look, "Reservations");
    await page.getByRole("link", { name: `story at ${look.width}` }).waitFor();
    await openPage(page, look, "Credits");
    await page.locator("ul.grants a").first().click();
    await page.getByRole("heading", { name: "Every entry of this account" }).waitFor();
    await page.locator(".entries").waitFor();
    await settled(page); /* a list that may be old says that it is being asked for anew */
    assert.match(await text(page, ".entries"), /SETTLE/);
});

/* The same in other languages, one a look: by what the catalogue says, with what is typed as one types it there. */
const LANGUAGES = (process.env.KONTOR_LANGUAGE ?? "el,fi").split(",");
story("a start-up spends its credits in another language", async (page, look) => {
    const code = LANGUAGES[LOOKS.indexOf(look) % LANGUAGES.length], say = words(code);
    const button = (key, params) => page.getByRole("button", { name: begin(say(key, params)) });
    await page.goto(`/${code}/`);
    assert.equal(await page.getAttribute("html", "lang"), code);
    await page.getByRole("link", { name: say("front.sign-in"), exact: true }).click();
    await page.getByLabel(say("sign-in.email"), { exact: true }).fill(S);
    await page.getByLabel(say("sign-in.password"), { exact: true }).fill(kontor.password);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/${code}/home`);
    await settled(page);
    assert.match(plain(await text(page, "[data-figure=free]")), /^[\d.\u00a0 ]+,\d{3} /, "decimals behind a comma");

    await page.goto(`/${code}/ask?gpus=16&hours=0:30&name=${code}+at+${look.width}&price=1234,5`);
    await settled(page);
    await page.getByLabel(say("ask.memory"), { exact: true }).fill("64");
    await page.getByText(say("reason.memory", { needs: 64, has: 40 })).first().waitFor();
    await sound(page, `ask in ${code} at ${look.width} px`);
    /* the same page in English: what was typed goes along, the price as one types it there */
    const other = new URL(await page.locator(".languages a[hreflang=en]").first().getAttribute("href"), kontor.base);
    assert.equal(other.pathname, "/en/ask");
    assert.deepEqual([other.searchParams.get("price"), other.searchParams.get("gpus"), other.searchParams.get("memory")], ["1234.5", "16", "64"]);
    assert.equal(await page.locator(`link[rel=alternate][hreflang=${code}]`).getAttribute("href"), `/${code}/ask`);

    await button("ask.bind").click();
    await page.waitForURL(`**/${code}/requests/*`);
    await settled(page);
    await page.waitForSelector(".options .best");
    await sound(page, `quotes in ${code} at ${look.width} px`);
    await page.locator(".options .best").locator("button.primary").click();
    await page.waitForURL(`**/${code}/reservations/*`);
    await page.locator(".head .state", { hasText: say("state.settled") }).waitFor();
    await settled(page);
    await sound(page, `a reservation in ${code} at ${look.width} px`);
    assert.match(plain(await text(page, ".timeline")), new RegExp(["state.settled"].map((key) => say(key)).join(".*")));
    await openPage(page, look, say("nav.credits"), say);
    await page.locator("ul.grants a").first().waitFor();
    assert.match(await page.title(), new RegExp(`^${say("nav.credits")}, .*Kontor$`));
});

story("a start-up cancels what has not begun, and its credits return", async (page, look) => {
    await signIn(page, S, kontor.password);
    await settled(page);
    const before = await text(page, "[data-figure=free]");
    const later = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 16);
    await page.goto(`/en/ask?gpus=8&hours=2&name=later&from=${later}`);
    await settled(page);
    await page.waitForSelector("[data-answer=where]");
    await page.getByRole("button", { name: "Get binding quotes" }).click();
    await page.waitForURL("**/en/requests/*");
    await page.locator(".options .best").getByRole("button", { name: /^Accept for/ }).click();
    await page.waitForURL("**/en/reservations/*");
    await page.getByRole("button", { name: "Cancel this job" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Keep it", "the focus is on the harmless choice");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Cancel this job", "the focus comes back");
    await page.getByRole("button", { name: "Cancel this job" }).click();
    await dialog.getByRole("button", { name: "Cancel this job" }).click();
    await page.locator(".head .state", { hasText: "Cancelled" }).waitFor();
    await page.getByText("Cancelled. What was not used returns to your grant.").waitFor();
    await openPage(page, look, "Home");
    await page.waitForFunction((was) => document.querySelector("[data-figure=free]")?.innerText === was, before);
});

story("a start-up finds a place on the map, its calendar, and checks why another cannot", async (page, look) => {
    const day = 86_400_000, begin = Math.floor(Date.now() / day) * day + (look.width > 1000 ? 3 : 6) * day + 12 * 3_600_000;
    const iso = (ms) => new Date(ms).toISOString();
    await page.goto("/en/");
    await page.getByRole("link", { name: "Sites", exact: true }).click();
    await settled(page);
    assert.match(plain(await text(page, ".sites-map table")), /HammerHAI\s*Stuttgart, Germany/);
    await page.getByRole("group", { name: /^Map of the sites/ }).getByRole("link", { name: /^HammerHAI/ }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/en/sites/hlrs");
    await settled(page);
    assert.equal(await text(page, "h1"), "HammerHAI");
    assert.match(plain(await text(page, ".calendar")), /Jobs of whole nodes, 4 GPUs each (All|At least|There are)/);
    assert.equal(await page.getByRole("heading", { name: "Yours here" }).count(), 0, "a stranger sees what is free, and no more");
    await signIn(page, S, kontor.password);
    await page.waitForURL("**/en/home");
    /* all of HammerHAI for two hours of one day, so that the next question meets a blocked time there */
    const name = `blocks ${look.width}`;
    await page.evaluate(async ({ organisation, grant, name, from }) => {
        const me = await (await fetch("/v1/me")).json();
        let n = 0;
        const post = async (path, body) => {
            const reply = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": me.csrf, "Idempotency-Key": `${name.replaceAll(" ", "-")}-${n++}` }, body: JSON.stringify(body) });
            if (!reply.ok) throw new Error(await reply.text());
            return reply.json();
        };
        const request = await post("/v1/requests", { organisation, grant, name, gpus: 80, walltime_s: 7200, countries: ["DE"], earliest_start: from, template: "single-gpu", parameters: { command: "true" } });
        const quote = await post(`/v1/requests/${request.id}/quotes`, { hold: true });
        await post(`/v1/quotes/${quote.id}/accept`, { option: 0 });
    }, { organisation: kontor.organisations.brisa, grant: kontor.grants.brisa, name, from: iso(begin) });
    await page.goto("/en/sites/hlrs");
    await settled(page);
    await page.getByRole("heading", { name: "Yours here" }).waitFor();
    assert.match(plain(await text(page, "main")), new RegExp(`${name}.*80 × H100 80 GB`));
    assert.ok(await page.locator(".calendar-drawing .own").count() > 0);
    await page.locator(".calendar summary").first().click();
    assert.match(plain(await text(page, ".calendar table")), /Day \(UTC\) Offered Free at least Free at most .* 80 0 80/);

    await page.goto(`/en/ask?gpus=80&hours=20&memory=80&name=asked+anew&from=${iso(begin - 8 * 3_600_000).slice(0, 16)}&by=${iso(begin + 22 * 3_600_000).slice(0, 16)}`);
    await settled(page);
    const answer = () => page.waitForFunction(() => !document.querySelector(".ask-answer")?.getAttribute("aria-busy") && document.querySelector("[data-answer=where]")?.textContent);
    const first = await (await answer()).jsonValue();
    /* one click, one change, asked anew */
    await page.locator(".changes li", { hasText: "64 GB per GPU will do" }).getByRole("link").click();
    await page.waitForURL((url) => url.searchParams.get("memory") === "64");
    await page.waitForFunction(() => /Memory per GPU/.test(document.body.textContent) && !document.querySelector(".ask-answer")?.getAttribute("aria-busy") && ![...document.querySelectorAll(".changes b")].some((b) => b.textContent.startsWith("64 GB")));
    await page.goBack();
    await page.waitForFunction((was) => document.querySelector("[data-answer=where]")?.textContent === was, first);

    await page.getByRole("button", { name: "Get binding quotes" }).click();
    await page.waitForURL("**/en/requests/*");
    await settled(page);
    const hammer = page.locator(".reasons > li", { hasText: "HammerHAI" });
    assert.match(plain(await hammer.innerText()), /No gap of .* for 80 GPUs ends by/);
    await hammer.getByText("Certificate: the blocked time").click();
    await hammer.getByText(/^Checked here: from .* the blocked times leave no .* for 80 GPUs\.$/).waitFor();
    await hammer.getByRole("button", { name: "Compare with the calendar now" }).click();
    await hammer.getByText(/the calendar has the blocked time as it was said\.$/).waitFor();
    await accessible(page, "certificate");
    await sound(page, "certificate");
    await page.getByRole("button", { name: "Let this place go" }).click();
    await page.waitForURL("**/en/ask*");
});

story("a start-up books the same hours on several nights, and cancels what is left of them", async (page) => {
    await signIn(page, S, kontor.password);
    await page.goto("/en/ask?gpus=8&hours=24&name=nightly");
    await settled(page);
    await page.getByLabel("On several nights, the same hours").check();
    assert.equal(await page.getByLabel("Nights in a row", { exact: true }).inputValue(), "7");
    await page.getByLabel("Nights in a row", { exact: true }).fill("3");
    await page.getByLabel("From (UTC)").fill("20:10");
    await page.getByText("Say a time on a quarter of an hour").waitFor();
    /* some hours from now: the first of them does not begin meanwhile */
    const [dusk, dawn] = [8, 18].map((later) => `${String((new Date().getUTCHours() + later) % 24).padStart(2, "0")}:00`);
    await page.getByLabel("Until (UTC)").fill(dawn); /* while the other is at fault nothing is asked: from dusk to the dawn that stood there may be too short */
    await page.getByLabel("From (UTC)").fill(dusk);
    await page.locator("[data-answer=nights]", { hasText: `3 nights, ${dusk} to ${dawn} UTC each` }).waitFor();
    await page.getByRole("button", { name: "Get binding quotes" }).click();
    await page.waitForURL("**/en/requests/*");
    const asked = page.url();
    assert.match(await text(page, ".options .best .facts"), /3 nights/);
    await page.locator(".options .best").getByRole("button", { name: /^Accept for/ }).click();
    await page.waitForURL("**/en/reservations/*");
    await page.getByRole("link", { name: "night 1 of 3" }).click();
    await page.waitForURL(asked);
    await page.getByRole("heading", { name: "Each night" }).waitFor();
    assert.equal(await page.getByRole("link", { name: /^\d\. \w{3} \d/ }).count(), 3);
    assert.match(plain(await text(page, ".card-head .end")), /^3 of 3 left$/);
    await page.getByRole("button", { name: "Cancel all nights that are left" }).click();
    assert.match(plain(await text(page, "dialog")), /Cancel the 3 nights that are left\? \d.* credits are held for what is left\. None of it has started/);
    assert.equal(await page.evaluate(() => document.activeElement.textContent.trim()), "Keep them", "the focus is on the harmless choice");
    await page.getByRole("button", { name: "Cancel 3 nights" }).click();
    await page.getByText("The nights that were left are cancelled.").waitFor();
    await page.getByRole("button", { name: "Cancel all nights that are left" }).waitFor({ state: "detached" });
});

story("a start-up sees at the field what cannot be right, and keeps what it typed", async (page) => {
    await signIn(page, S, kontor.password);
    await page.goto("/en/ask?gpus=8&hours=1&name=kept");
    await settled(page);
    await page.getByLabel("GPUs", { exact: true }).fill("0");
    await page.getByRole("alert").filter({ hasText: "Ask for at least 1 GPU." }).waitFor(); /* read out, where one is */
    assert.equal(await page.getByLabel("GPUs", { exact: true }).getAttribute("aria-invalid"), "true");
    await page.getByLabel("GPUs", { exact: true }).fill("9000000");
    await page.locator(".field-error").waitFor();
    assert.equal(await page.getByLabel("Job name").inputValue(), "kept");
    await page.reload();
    await settled(page);
    assert.equal(await page.getByLabel("Job name").inputValue(), "kept");
}, [422]);

story("a start-up may not see what is another's", async (page) => {
    await signIn(page, E, passwordOfElin);
    await page.goto(`/en/credits/${kontor.grants.brisa}`);
    await page.getByRole("heading", { name: "There is no such page" }).waitFor();
    await page.goto("/en/programme");
    await page.getByRole("heading", { name: "This page is for another role" }).waitFor();
}, [404]);

story("a start-up sees what it has used of what accrued to it, the officer sees all", async (page, look) => {
    await signIn(page, S, kontor.password);
    await openPage(page, look, "Credits");
    await page.locator("ul.grants a").first().click();
    await page.locator("[data-figure=share]").waitFor();
    assert.match(plain(await text(page, "[data-figure=share]")), /^You have used [\d,.]+% of what has accrued to you\./);
    await page.getByText("How it is counted").click();
    assert.match(plain(await text(page, "[data-share]")), /Accrued so far.*Held or paid.*count half after 30 days each/);
    await forgetSession(page);
    await signIn(page, O, kontor.password);
    await openPage(page, look, "Shares");
    assert.match(plain(await text(page, "main table")), /Brisa Imaging S\.L\..*%/);
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV", exact: true }).click()]);
    assert.match(readFileSync(await file.path(), "utf8"), /^"# programme_shares","checkpoint",.*\r\naccount,organisation\.id,organisation\.name,.*\r\n\d+,"[0-9a-f-]{36}","Brisa Imaging S\.L\."/);
});

story("a start-up takes its grant's statement on sheets of A4, and as a file", async (page) => {
    await signIn(page, S, kontor.password);
    await page.goto(`/en/credits/${kontor.grants.brisa}`);
    await page.locator("main table.entries tbody tr").first().waitFor();
    const shown = await page.locator("main table.entries tbody tr").count();
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize({ width: 688, height: 1000 }); /* A4 less its margins, in pixels of print */
    assert.equal(await page.getByRole("navigation", { name: "Pages" }).filter({ visible: true }).count(), 0, "no menu on paper");
    assert.equal(await page.locator("main .deeds").filter({ visible: true }).count(), 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is cut off");
    assert.ok(await page.locator("main table.entries thead").isVisible(), "a table stays one");
    assert.match((await page.pdf({ format: "A4" })).subarray(0, 5).toString(), /^%PDF-/);
    await page.emulateMedia({ media: "screen" });
    await page.setViewportSize({ width: 1440, height: 900 });
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV", exact: true }).click()]);
    const lines = readFileSync(await file.path(), "utf8").trimEnd().split("\r\n");
    assert.match(lines[0], /^"# grants_entries","checkpoint","/);
    assert.match(lines[1], /^index,time,kind,/);
    assert.ok(lines.length > 2 && lines.length - 2 <= shown, `${lines.length} lines, ${shown} entries`); /* the newest may not be covered yet */
});

story("an officer narrows a table, sorts it, finds it so again, and takes the whole list with its checkpoint", async (page, look) => {
    await signIn(page, O, kontor.password);
    await openPage(page, look, "Funds and grants");
    const names = () => page.locator("main tbody td.lead b").allTextContents();
    await page.locator("main tbody tr").first().waitFor();
    const all = await names();
    await page.getByLabel("Sort by").selectOption({ label: "Organisation, falling" });
    const falling = await names();
    assert.deepEqual(falling, [...all].sort((a, b) => b.localeCompare(a, "en")), "by its key, the other way round");
    await page.getByLabel("Only rows with").fill("nowhere at all");
    await page.locator("main tbody tr").first().waitFor({ state: "detached" });
    await page.getByLabel("Only rows with").fill("brisa");
    await page.locator("main tbody tr").first().waitFor();
    assert.ok((await names()).every((name) => name.startsWith("Brisa")), String(await names()));
    assert.match(page.url(), /q=brisa/);
    assert.match(page.url(), /sort=-who/);
    await page.reload(); /* what was asked for stands in the address */
    await page.locator("main tbody tr").first().waitFor();
    assert.ok((await names()).every((name) => name.startsWith("Brisa")));
    assert.equal(await page.getByLabel("Sort by").inputValue(), "-who");
    const address = page.url();
    await page.goto(address.replace("sort=-who", "sort=-nothing"));
    await page.locator("main tbody tr").first().waitFor();
    assert.equal(await page.getByLabel("Sort by").inputValue(), "", "an order that is none");
    await page.goto(address);
    await page.locator("main tbody tr").first().waitFor();
    const [lines] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "JSONL" }).click()]);
    const [head, ...rows] = readFileSync(await lines.path(), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(head.checkpoint.size > 0 && head.list === "grants_list" && rows.length === all.length, "the whole list");
});

story("lists of sites and people are narrowed and sorted by their address, and taken whole as files", async (page) => {
    const first = async (path) => {
        await page.goto(path);
        await settled(page);
        return (await page.locator("main table tbody tr .lead b").allInnerTexts()).map(plain);
    };
    const file = async (which) => page.evaluate(async (href) => (await (await fetch(href)).text()).split("\r\n"), await page.getByRole("link", { name: which, exact: true }).first().getAttribute("href"));
    const rising = await first("/en/sites?sort=site");
    assert.equal(rising.length, 7);
    assert.deepEqual(await first("/en/sites?sort=-site"), [...rising].reverse());
    assert.deepEqual(await first("/en/sites?q=kajaani"), ["LUMI-G"]);
    await page.getByLabel("Only rows with").fill("kajaani lumi");
    await page.waitForFunction(() => new URLSearchParams(location.search).get("q") === "kajaani lumi");
    assert.match((await file("CSV"))[0], /checkpoint/);
    /* how long jobs waited: nothing of too few organisations, else a sentence, a table, a drawing */
    assert.match(plain(await text(page, "[data-waits] tr[data-site=lumi]")), /too few to say/);
    const none = { started: null, half_ms: null, ninety_ms: null, waiting: null, waiting_gpus: null };
    await page.route("**/v1/sites/waits", (route) => route.fulfill({ json: { least_organisations: 5, items: [{ site: "lumi", started: 40, half_ms: 540_000, ninety_ms: 7_200_000, waiting: 7, waiting_gpus: 96 }, { site: "bsc", ...none }] } }));
    await first("/en/sites");
    assert.match(plain(await text(page, "[data-waits]")), /Longest at LUMI-G: half of the jobs began within 9 min, nine of ten within 2 h.* 7 jobs, 96 GPUs/);
    await accessible(page, "how long jobs waited");
    await sound(page, "how long jobs waited");
    await signIn(page, A, kontor.password);
    assert.equal((await first("/en/admin")).length, 7);
    assert.equal((await first("/en/admin?q=kajaani")).length, 1);
    assert.equal((await file("CSV")).length, 1 + 1 + 7 + 1);
    await forgetSession(page);
    await signIn(page, S, kontor.password);
    assert.deepEqual(await first("/en/people?q=ines"), ["Inés Ferrer"]);
    assert.deepEqual(await first("/en/people?q=nobody-of-that-name"), []);
    const people = await file("CSV");
    assert.deepEqual([people[1], people.some((line) => /"?Inés Ferrer"?,"?ines@brisa.example"?,"?owner"?$/.test(line))], ["id,name,email,role", true]);
    /* what webhooks were not told is said where its owner looks */
    await page.route("**/v1/organisations/*/webhooks", (route) => route.fulfill({ json: { items: [{ given_up: 2 }, { given_up: 1 }], next: null } }));
    await page.goto("/en/people");
    await page.getByText("Deliveries to webhooks that were given up: 3.").waitFor();
});

story("a site drains: what may not move freely is offered the next best place, takes it, and all see it", async (page, look) => {
    const api = (path, body) => page.evaluate(async ({ path, body }) => {
        const me = await (await fetch("/v1/me")).json();
        const reply = await fetch(path, body && { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": me.csrf, "Idempotency-Key": crypto.randomUUID() }, body: JSON.stringify(body) });
        return reply.json();
    }, { path, body });
    const as = async (who) => {
        await forgetSession(page);
        await signIn(page, who, kontor.password);
    };
    await as(S);
    const start = new Date(Date.now() + (look.width > 1000 ? 5 : 6) * 86_400_000).toISOString();
    const request = await api("/v1/requests", { organisation: kontor.organisations.brisa, grant: kontor.grants.brisa, name: `drained at ${look.width}`, gpus: 8, walltime_s: 3600, earliest_start: start, template: "script", script: "#!/bin/sh\n" });
    const quote = await api(`/v1/requests/${request.id}/quotes`, { hold: true });
    const option = quote.options.findIndex((o) => o.site === "lumi");
    const job = await api(`/v1/quotes/${quote.id}/accept`, { option, move_freely: false });
    await as(L);
    await api("/v1/sites/lumi/drain", { draining: true, reason: "Cooling is renewed" });
    try {
        await openPage(page, look, "Moves");
        assert.match(plain(await text(page, "main")), /cannot stay and ha(s|ve) not moved.*Brisa Imaging S\.L\..*The site drains.*the start-up/);
        await as(S);
        await page.goto(`/en/reservations/${job.id}`);
        await page.locator("[data-elsewhere]").waitFor();
        assert.match(plain(await text(page, "[data-outlook]")), /When it starts.*but as things stand the site would not start it.*is being drained and starts nothing new\. You decide.*The next best place at no higher price: .+, at most [\d.,]+ credits/);
        if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/outlook-${look.width}.png`, fullPage: true });
        /* were the site out of touch and the job free to move, it would move by itself once the site could ask for its permit */
        await page.route(/\/outlook$/, async (route) => {
            const response = await route.fetch(), told = await response.json();
            await route.fulfill({ response, json: { ...told, displaced: { ...told.displaced, why: "site-silent", moved_by: "kontor" } } });
        });
        await page.reload();
        await page.getByText(/LUMI-G has not been in touch\. If it is still out of touch at .*, the job moves as soon as another place takes it at no higher price\. You may move it now\./).waitFor();
        await page.unrouteAll();
        await page.reload();
        await page.getByRole("button", { name: /^Move to .* for at most/ }).click();
        await page.waitForURL((url) => !url.pathname.endsWith(job.id));
        await page.getByText("This job was brokered anew.").waitFor();
        await page.locator("[data-figure=expected]").waitFor();
        assert.match(plain(await text(page, "[data-outlook]")), /Expected start .*, as booked; at the latest .*Why not sooner: It starts as soon as you asked\./);
        await as(O);
        await openPage(page, look, "Moves");
        assert.match(plain(await text(page, "main table")), /Brisa Imaging S\.L\. 8 GPUs for 1 h ?The site drained or was paused ?LUMI-G/);
    } finally {
        await as(L);
        await api("/v1/sites/lumi/drain", { draining: false, reason: "" });
        await as(O);
        await openPage(page, look, "Moves");
    }
});

story("an officer keeps GPUs free for an access mode, the site's operator sees and ends it, a start-up is told", async (page, look) => {
    const as = async (who, path) => {
        await forgetSession(page);
        await signIn(page, who, kontor.password);
        await page.goto(path);
        await settled(page);
    };
    const kept = page.locator("[data-figure=floors]").first();
    await as(O, "/en/sites/lumi");
    assert.equal(plain(await kept.innerText()), "none");
    const change = page.getByRole("button", { name: "Change what is kept free" }).first();
    await change.click();
    const field = page.getByLabel("Playground", { exact: true }), other = page.getByLabel("Fast Lane", { exact: true });
    await page.waitForFunction(() => document.activeElement?.matches("[data-floors] input")); /* where one types */
    const save = (words) => page.locator("[data-floors]").getByRole("button", { name: words, exact: true }).click();
    for (const [first, second, deed, words] of [["4.5", "", "Keep nothing free", "Write a whole number of GPUs, or nothing."], ["5,861", "", "Keep 5,861 GPUs free", "There are only 5,860 GPUs in whole nodes."],
        ["5,000", "861", "Keep 5,861 GPUs free", "Together 5,861, but there are only 5,860 GPUs in whole nodes."]]) {
        await field.fill(first);
        await other.fill(second);
        await save(deed);
        await page.locator(".field-error", { hasText: words }).waitFor();
        assert.equal(await field.getAttribute("aria-invalid"), "true", words);
    }
    await accessible(page, "floors, what is wrong");
    await sound(page, "floors, what is wrong");
    await field.fill("5,800");
    await other.fill("");
    if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/floors-${look.width}.png`, fullPage: true });
    await save("Keep 5,800 GPUs free");
    await page.getByText("From now on so many GPUs stay free.").first().waitFor();
    await page.waitForFunction(() => /Playground 5,800/.test(document.querySelector("[data-figure=floors]")?.textContent));
    await page.waitForFunction(() => document.activeElement?.textContent === "Change what is kept free"); /* where it was */
    await sound(page, "floors, kept");

    await as(S, "/en/ask?gpus=128&hours=2&memory=128&countries=FI");
    await page.getByText("Keeps 5,800 of its 5,860 GPUs free for other access modes").first().waitFor();
    await page.goto("/en/sites/lumi");
    await settled(page);
    assert.equal(await page.locator("[data-floors]").count(), 0, "it is told where a place is refused for it");
    await as(L, "/en/site/lumi");
    await page.waitForFunction(() => /Playground 5,800/.test(document.querySelector("[data-figure=floors]")?.textContent));
    await page.goto("/en/sites/lumi");
    await settled(page);
    await change.click();
    assert.equal(await field.inputValue(), "5800");
    await field.fill("");
    await field.press("Enter");
    await page.getByText("Nothing is kept free any more.").first().waitFor();
    await page.waitForFunction(() => document.querySelector("[data-figure=floors]")?.textContent === "none");
    await page.goto("/en/sites/bsc");
    await settled(page);
    assert.equal(await page.locator("[data-floors]").count(), 0, "another site's is not theirs to set");
});

story("an officer gives a grant, reads every entry, takes the report, and what it rests on is verified", async (page, look) => {
    const code = look.keys ? "es" : "en", say = words(code), amount = (n, places = 0) => new Intl.NumberFormat(code, { minimumFractionDigits: places, maximumFractionDigits: places }).format(n);
    const field = (key) => page.getByLabel(say(key), { exact: true });
    await signIn(page, O, kontor.password);
    await page.goto(`/${code}/programme`);
    await settled(page);
    if (look.width > 1000) assert.deepEqual(await atOnce(page, ["Nothing needs a person", "Books agree", "of 6,000,000 credits granted"]), []);
    assert.ok(plain(await text(page, "[data-figure=granted]")).endsWith(plain(say("programme.of-granted", { amount: amount(6000000) }))), await text(page, "[data-figure=granted]"));
    await page.getByRole("link", { name: say("grant.new"), exact: true }).first().click();
    await settled(page);
    await page.getByRole("button", { name: say("grant.new"), exact: true }).click();
    assert.equal(await page.locator(".field-error").count() > 1, true, "what is missing is said at its fields");
    await page.waitForFunction(() => document.activeElement.getAttribute("aria-invalid") === "true"); /* the first of them has the focus */
    const who = page.getByRole("combobox", { name: say("grant.who") });
    await who.selectOption(await who.locator("option", { hasText: "Nordlys Språk AB" }).getAttribute("value"));
    await field("mode").selectOption("fast-lane");
    await field("credits").fill(amount(12500.5, 1));
    await field("grant.euro").fill("18000");
    await field("grant.basis").selectOption("gber");
    await field("order.reference").fill(`FL-${look.width}`);
    await field("order.reason").fill("Speech models");
    await page.getByRole("button", { name: say("grant.do", { amount: amount(12500) }), exact: true }).click();
    await page.waitForURL(`**/${code}/programme/grants/*`);
    await page.getByRole("heading", { name: "Nordlys Språk AB" }).waitFor();
    assert.ok(plain(await text(page, ".figure")).startsWith(amount(12500.5, 3)));
    await openPage(page, look, say("nav.grants"), say);
    assert.match(await text(page, "table"), /Nordlys Språk AB/);

    await openPage(page, look, say("nav.journal"), say);
    await field("kind").selectOption("GRANT");
    await page.waitForURL("**/journal/entries?kind=GRANT");
    await page.waitForFunction(() => [...document.querySelectorAll(".entries tbody tr")].length > 0 && [...document.querySelectorAll(".entries tbody tr")].every((r) => r.textContent.includes("GRANT")));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: say("list.csv"), exact: true }).click()]);
    const [made, ...lines] = readFileSync(await download.path(), "utf8").trim().split(/\r?\n/);
    assert.match(made, /^"# journal_entries","checkpoint",/);
    assert.match(lines[0], /index/);
    assert.ok(lines.length > 1 && lines.slice(1).every((l) => l.includes("GRANT")), "the CSV keeps the filter");
    await page.locator(".entries a").first().click();
    await page.locator("[data-check=good]").waitFor();
    assert.ok((await text(page, ".entry-panel")).includes(amount(12500.5, 3)));
    await page.goBack();
    assert.match(page.url(), /kind=GRANT/);

    await openPage(page, look, say("nav.reports"), say);
    await page.getByRole("link", { name: say("report.period.year"), exact: true }).click();
    await settled(page);
    await page.locator(".report tbody tr", { hasText: "Nordlys Språk AB" }).waitFor();
    assert.match(plain(await text(page, "[data-figure=granted] dd")), /^\d/);
    const [taken] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: say("report.package"), exact: true }).click()]);
    const said = execFileSync("kontor-audit", ["package", await taken.path()], { encoding: "utf8", env: { ...process.env, PATH: `${process.env.KONTOR_BUILD}:${process.env.PATH}` } });
    assert.match(said, /No fault found/);
});

story("anyone reads the journal's page, and its three commands work as they stand", async (page) => {
    await page.goto("/en/");
    await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Journal" }).click();
    await page.locator("[data-check=good]").waitFor();
    assert.match(await text(page, "[data-checkpoint]"), /^kontor\.example\/test\n\d+\n/);
    assert.deepEqual(await atOnce(page, ["Newest checkpoint", "Signature good, checked here", "entries, signed"]), []);
    await page.waitForFunction(() => document.querySelectorAll("[data-witness].good").length === 7);
    assert.match(await text(page, ".growth + .as-table"), /As a table/);
    /* an unusual word is explained where it stands */
    const ask = page.getByRole("button", { name: "What is this? Newest checkpoint" });
    await ask.click();
    await page.locator(".word-says", { hasText: "A signed statement of how long the journal is" }).waitFor();
    assert.equal(await ask.getAttribute("aria-expanded"), "true");
    await page.keyboard.press("Escape");
    await page.locator(".word-says", { hasText: "A signed statement" }).waitFor({ state: "detached" });
    const folder = mkdtempSync(`${tmpdir()}/kontor-yourself.`);
    try {
        const lines = await page.locator("[data-command]").allInnerTexts();
        assert.equal(lines.length, 3);
        const said = lines.map((line) => execFileSync("bash", ["-ec", line], { cwd: folder, encoding: "utf8", env: { ...process.env, PATH: `${process.env.KONTOR_BUILD}:${process.env.PATH}` } })).join("");
        assert.match(said, /The entry is number 0 of this journal/);
        assert.match(said, /signed by its log/);
    } finally {
        rmSync(folder, { recursive: true });
    }
    /* where a policy asks for five of the seven, the pages say so, and what a second history would need */
    const names = (await page.evaluate(async () => (await (await fetch("/v1/journal/witnesses")).json()).witnesses.filter((w) => w.role === "witness").map((w) => w.vkey))).map((vkey, i) => `witness w${i} ${vkey}\n`);
    const policy = (least) => `${names.join("")}group sites ${least} ${names.map((_, i) => "w" + i).join(" ")}\nquorum sites\n`;
    await page.route("**/v1/journal/witnesses", async (route) => route.fulfill({ body: JSON.stringify({ ...await (await route.fetch()).json(), quorum: { asked: true, rule: "5 of sites", cosigned: 7, of: 7, met: true, policy: null, since: null } }) }));
    await page.route("**/v1/journal/policy", (route) => route.fulfill({ body: policy(5) }));
    await page.reload();
    await page.locator("[data-check=good]").waitFor();
    await page.waitForFunction(() => document.querySelector("[data-command='1']")?.textContent.includes("/v1/journal/policy"));
    await page.goto("/en/journal/entries/0");
    await page.locator("[data-check=good]").waitFor();
    assert.match(plain(await text(page, "[data-not-proved]")), /it would need Kontor's key and 3 witnesses who cosign both, as 5 of 7 must cosign/);
    /* the log's key signs its own entry: it is nobody's else */
    const [log] = await page.evaluate(async () => (await (await fetch("/v1/journal")).json()).log_keys);
    await page.goto(`/en/journal/entries/${log.key}`);
    await page.locator("[data-check=good]").waitFor();
    assert.match(plain(await text(page, "main")), /The log's own key .{0,40}, which signs its checkpoints\./);
});

story("an entry's page works out its proof, and refuses what is forged, naming the step", async (page) => {
    const at = "/v1/journal/entries/5", flip = (hex, i) => hex.slice(0, i) + (hex[i] === "0" ? "1" : "0") + hex.slice(i + 1);
    const open5 = async (is) => {
        await page.goto("/en/journal/entries/5");
        await page.locator(`[data-check=${is}]`).waitFor();
        return plain(await text(page, "[data-check]"));
    };
    const forge = (path, change) => page.route((url) => url.pathname === path, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: change(await response.text()) });
    });
    const step = async (name, is) => assert.equal(await page.locator(`[data-step=${name}]`).getAttribute("data-is"), is, name);

    assert.equal(await open5("good"), "Verified in this browser");
    for (const name of ["bytes", "leaf", "path", "log", "witnesses", "genesis", "signers"]) await step(name, "good");
    assert.match(plain(await text(page, "[data-proved]")), /Proved: this entry is number 5 of the \d+ under a root that kontor\.example\/test signed/);
    assert.match(plain(await text(page, "[data-not-proved]")), /Not proved: that nobody else is shown another history/);
    assert.ok(Number(await page.locator("[data-path]").getAttribute("data-path")) >= 5);

    /* a byte of the body, and the leaf hash to it: only the path can tell */
    await forge(at, (reply) => {
        const entry = JSON.parse(reply), bytes = flip(entry.bytes, 240);
        return JSON.stringify({ ...entry, bytes, leaf_hash: createHash("sha256").update(Buffer.from("00" + bytes, "hex")).digest("hex") });
    });
    assert.match(await open5("bad"), /Does not verify: step 3, The leaf leads to the root/);
    await step("log", "unchecked");
    assert.match(plain(await text(page, ".entry-proof .note")), /This does not verify/);
    await page.unrouteAll();
    await forge(at, (reply) => JSON.stringify({ ...JSON.parse(reply), amount_gpums: "3600000" }));
    assert.match(await open5("bad"), /step 1, The bytes have the header that this page shows/);
    await page.unrouteAll();
    await forge(at + "/receipt", (receipt) => receipt.replace(/\n(.)([A-Za-z0-9+/]{42}=)/, (_, first, rest) => "\n" + (first === "A" ? "B" : "A") + rest));
    assert.match(await open5("bad"), /step 3/);
    await page.unrouteAll();
    await page.route(/\/receipt$/, async (route) => { /* one bit of the log's signature, in every receipt alike */
        const response = await route.fetch();
        await route.fulfill({ response, body: (await response.text()).replace(/(\u2014 kontor\.example\/test .{40})(.)/, (_, line, letter) => line + (letter === "A" ? "B" : "A")) });
    });
    assert.match(await open5("bad"), /step 4, The log signed the root/);
    await page.unrouteAll();
    /* a browser without Ed25519 says so, and proves what hashes alone can */
    await page.addInitScript(() => {
        const { importKey } = SubtleCrypto.prototype;
        SubtleCrypto.prototype.importKey = function (form, key, kind, ...more) {
            return kind.name === "Ed25519" ? Promise.reject(new DOMException("", "NotSupportedError")) : importKey.call(this, form, key, kind, ...more);
        };
    });
    assert.equal(await open5("cannot"), "Cannot be checked here");
    await step("path", "good");
    await step("log", "cannot");
    assert.match(plain(await text(page, ".entry-proof .note")), /this browser has no Ed25519/);
});

story("an officer reads the reason of a grant and erases it", async (page, look) => {
    await signIn(page, O, kontor.password);
    const reason = `Asked for by Ms Tester ${look.width}`;
    await page.goto("/en/programme/funds/new");
    await settled(page);
    await page.getByLabel("Name").fill(`Erasure ${look.width}`);
    await page.getByLabel("Decision's number").fill(`E-${look.width}`);
    await page.getByLabel("Credits", { exact: true }).fill("1");
    await page.getByLabel("Reason").fill(reason);
    await page.getByRole("button", { name: "Open the fund with 1 credit" }).click();
    await page.waitForURL("**/en/programme");
    await page.goto("/en/journal/entries?kind=FUND");
    await page.locator(".entries a").first().click();
    await page.locator("[data-evidence=kept]").waitFor();
    assert.equal(plain(await text(page, "[data-evidence=kept]")), reason);
    await page.locator("[data-evidence-check=good]").waitFor();
    await page.locator("[data-check=good]").waitFor();
    await page.getByRole("button", { name: "Erase" }).click();
    await page.getByRole("dialog").getByLabel("Why").selectOption("kept-long-enough");
    await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await page.locator("[data-evidence=erased]").waitFor();
    assert.match(plain(await text(page, "[data-evidence=erased]")), /^Erased on .*The entry still commits to it/);
    await page.reload();
    await page.locator("[data-check=good]").waitFor();
    await page.locator("[data-evidence=erased] a").click();
    await page.getByRole("heading", { name: /NOTICE/ }).waitFor();
    await page.locator("[data-check=good]").waitFor();
});

/* in German where it is done by keyboard */
story("an officer opens a fund and splits it", async (page, look) => {
    const code = look.keys ? "de" : "en", say = words(code), thousands = (n) => new Intl.NumberFormat(code).format(n);
    const field = (key) => page.getByLabel(say(key), { exact: true });
    const deed = (key, n) => page.getByRole("button", { name: say(key, { amount: thousands(n) }), exact: true });
    await signIn(page, O, kontor.password);
    await page.goto(`/${code}/programme/funds/new`);
    await settled(page);
    await field("fund.name").fill(`Digital ${look.width}`);
    await field("order.reference").fill(`D-${look.width}`);
    await field("credits").fill("1000");
    await field("order.reason").fill("Decision of the programme");
    await deed("fund.do", 1000).click();
    await page.waitForURL(`**/${code}/programme`);
    await page.getByText(`Digital ${look.width}`).first().waitFor();
    await page.goto(`/${code}/programme/tranches/new`);
    await settled(page);
    const fund = page.getByRole("combobox", { name: say("fund") });
    await fund.selectOption(await fund.locator("option", { hasText: `Digital ${look.width}` }).getAttribute("value"));
    await field("tranche.name").fill("Pilots");
    await field("order.reference").fill(`D-${look.width}/1`);
    await field("credits").fill("2000");
    await field("order.reason").fill("Pilots");
    await deed("tranche.do", 2000).click();
    await page.getByText(say("problem.insufficient-credits"), { exact: true }).waitFor();
    await field("credits").fill("400");
    await deed("tranche.do", 400).click();
    await page.waitForURL(`**/${code}/programme`);
    await page.getByRole("link", { name: "Pilots" }).first().waitFor();
}, [409]);

/* in French where it is done by keyboard, and so is what a site and a start-up say in a dispute */
story("a site operator sees the agent, tickets and reports, and pauses the site", async (page, look) => {
    const code = look.keys ? "fr" : "en", say = words(code), exact = true;
    const button = (key, within = page) => within.getByRole("button", { name: say(key) });
    const field = (key, within = page) => within.getByLabel(say(key), { exact });
    await signIn(page, L, kontor.password, code);
    await page.waitForURL(`**/${code}/site/lumi`);
    await page.getByRole("heading", { name: say("site.in-touch", { site: "LUMI-G" }) }).waitFor();
    if (look.width > 1000) assert.deepEqual(await atOnce(page, ["site.contact", "site.unconfirmed", "site.by-state"].map((key) => say(key))), []);
    await openPage(page, look, say("nav.reports"), say);
    await page.getByText(say("report.inventory")).waitFor();
    await page.getByText(new RegExp(`^${say("site.no-gaps", { from: 1, to: "\\d+" })}$`)).waitFor();
    await field("site.find").fill("1");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/reports?cursor=2");
    await page.locator("tbody tr").filter({ hasText: say("report.inventory") }).waitFor();
    await openPage(page, look, say("nav.tickets"), say);
    await page.getByRole("link", { name: say("state.disputed"), exact }).click();
    await page.waitForURL("**/tickets?state=disputed");
    await openPage(page, look, say("nav.maintenance"), say);
    await button("maintenance.look").click();
    await page.getByText(say("maintenance.bad.none")).waitFor();
    /* a day to come, whenever this runs; the row is found by its reason */
    const day = new Date(Date.now() + (look.width > 1000 ? 40 : 41) * 86_400_000).toISOString().slice(0, 10), reason = `Cooling loop ${look.width}`;
    await field("maintenance.from").fill(`${day}T06:00`);
    await field("maintenance.to").fill(`${day}T14:00`);
    await field("maintenance.nodes").fill("100");
    await field("order.reason").fill(reason);
    await page.keyboard.press("Enter");
    await page.getByText(say("maintenance.touched", { n: 0 })).waitFor();
    await button("maintenance.yes").click();
    const row = page.locator("tbody tr", { hasText: reason });
    await row.getByText(say("maintenance.state.planned"), { exact }).waitFor();
    await accessible(page, "maintenance");
    await sound(page, `maintenance in ${code}`);
    await button("maintenance.off.planned", row).click();
    const dialog = page.getByRole("dialog");
    await button("maintenance.off.planned", dialog).click();
    await row.getByText(say("maintenance.state.called-off"), { exact }).waitFor();
    await openPage(page, look, say("nav.given"), say);
    assert.match(plain(await text(page, "[data-figure=idle]")), /^\d+/);
    assert.match(plain(await text(page, "[data-figure=given]")), new RegExp(`^[\\d, .]+ ${plain(say("given.of", { amount: "[\\d, .]+", share: "" }))}`));
    const [sheet] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: say("list.csv") }).click()]);
    assert.match(readFileSync(await sheet.path(), "utf8"), /^"# sites_share","checkpoint",.*\r\nfrom,to,offering,model,kind,promised_gpu_seconds/);
    await openPage(page, look, say("nav.keys"), say);
    await button("keys.enrol").click();
    await button("keys.enrol.yes").click();
    await page.getByText(begin(say("keys.token.text"))).waitFor();
    assert.match(await text(page, "pre"), /^[\w-]{43}$/);
    await button("keys.token.done").click();
    assert.equal(await page.locator("pre").count(), 0);
    await openPage(page, look, say("nav.agent"), say);
    await button("site.pause.do").click();
    await button("site.pause.do", dialog).click();
    await dialog.getByText(say("order.needed")).waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "reason"); /* where it says so */
    await field("order.reason", dialog).fill("Power work");
    await button("site.pause.do", dialog).click();
    await page.locator(".head .state", { hasText: say("state.paused") }).waitFor();
    await sound(page, `a site in ${code}`);
    await button("site.pause.end").click();
    await field("order.reason", dialog).fill("Power is back");
    await button("site.pause.end", dialog).click();
    await page.locator(".head .state", { hasText: say("state.active") }).waitFor();
    assert.equal(await page.goto(`/${code}/site/bsc`).then((r) => r.status()), 200);
    await page.getByRole("heading", { name: say("nowhere.forbidden.title") }).waitFor();
});

story("an administrator sees every site", async (page) => {
    await signIn(page, A, kontor.password);
    await page.waitForURL("**/en/admin");
    await page.locator("table").waitFor();
    assert.equal(await page.locator("tbody tr").count(), 7);
});

story("an administrator sees what needs a person, letters too, and how much of it in the column of every page", async (page, look) => {
    const letter = (id, days) => ({ id, person: "Aino Laine", state: "given-up", tries: 1, status: 550, why: "No such user", created: new Date(Date.now() - days * 86_400_000).toISOString() });
    await page.route("**/v1/mail", (route) => route.fulfill({ json: { offered: true, waiting: 0, given_up: 2, items: [letter("1", 1), letter("2", 3)], next: null } }));
    await signIn(page, A, kontor.password);
    await page.goto("/en/programme/attention");
    const row = page.locator("tr[data-kind=mail]");
    assert.match(plain(await row.innerText()), /E-mails that did not go out: 2 The newest, to Aino Laine: No such user/);
    assert.equal(await row.getByRole("link").getAttribute("href"), "/en/admin");
    const n = await page.locator("tr[data-kind]").count();
    const counted = async () => {
        if (look.width < 960) await page.getByRole("button", { name: "Menu" }).click();
        return page.locator("nav.pages .count").filter({ visible: true }).innerText();
    };
    assert.equal(await counted(), String(n));
    await page.goto("/en/programme/reports"); /* where nothing of it is asked: it is counted by itself */
    await settled(page);
    assert.equal(await counted(), String(n));
});

story("a person changes the password and signs in with it", async (page, look) => {
    await signIn(page, E, passwordOfElin);
    await page.goto("/en/me");
    await settled(page);
    await page.locator("input[name=old]").fill("not this one");
    await page.getByLabel("New password", { exact: true }).fill("a new and longer one");
    await page.getByLabel("New password again").fill("a new and longer one");
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("This is not your present password.").waitFor();
    const next = `a new and longer one ${look.width}`;
    await page.locator("input[name=old]").fill(passwordOfElin);
    await page.getByLabel("New password", { exact: true }).fill(next);
    await page.getByLabel("New password again").fill(next);
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByText("Your password is changed.").first().waitFor();
    await page.getByText("Chrome on Linux").first().waitFor();
    await page.getByRole("button", { name: "Sign out everywhere else" }).waitFor({ state: "hidden" }); /* a changed password has */
    const old = passwordOfElin;
    passwordOfElin = next;
    if (look.width < 960) await page.getByRole("button", { name: "Menu" }).click();
    await page.getByRole("button", { name: "Sign out", exact: true }).filter({ visible: true }).click();
    await page.waitForURL("**/en/");
    await page.goto("/en/sign-in");
    await page.getByLabel("E-mail address").fill(E);
    await page.getByLabel("Password", { exact: true }).fill(old);
    await page.getByRole("button", { name: "Sign in with password" }).click();
    await page.getByText("The address or the password is not right.", { exact: true }).waitFor();
    await page.getByLabel("Password", { exact: true }).fill(next);
    await page.getByRole("button", { name: "Sign in with password" }).click();
    await page.waitForURL("**/en/home");
}, [401]);

/* in Italian where it is done by keyboard: the link that she makes leads to the page that she reads */
story("an owner brings a colleague in by a link, makes her an owner, and removes her; all of it is told", async (page, look) => {
    const code = look.keys ? "it" : "en", say = words(code), start = (key, params) => begin(say(key, params));
    const button = (key, params) => page.getByRole("button", { name: say(key, params), exact: true }), of = (key, who) => page.getByRole("button", { name: `${say(key)}: ${who}` });
    const organisation = "Nordlys Språk AB";
    const address = `petra${look.width}@nordlys.example`, name = `Petra Lind ${look.width}`;
    await signIn(page, E, passwordOfElin);
    await page.goto(`/${code}/people`);
    await settled(page);
    await page.getByLabel(say("people.invite.note")).fill("Petra");
    await button("people.invite.do").click();
    const link = await page.getByRole("region", { name: say("people.invite.link") }).textContent();
    await page.getByText(start("people.invite.text")).waitFor();
    await sound(page, `${name}: a link made`);
    assert.equal(new URL(link).pathname, `/${code}/join`);
    const mine = await page.context().cookies();
    await forgetSession(page);
    await page.goto(new URL(link).pathname + new URL(link).hash);
    await page.getByText(say("join.invited", { name: "Elin Dahl", organisation, role: say("role.member") })).waitFor();
    await accessible(page, "join");
    await sound(page, "join");
    await button("join.do", { organisation }).click();
    await page.getByText(say("join.bad.name")).waitFor();
    await page.getByLabel(say("join.name")).fill(name);
    await page.getByLabel(say("join.email")).fill(address);
    await page.getByLabel(say("join.password"), { exact: true }).fill("a long and plain sentence");
    await button("join.do", { organisation }).click();
    await page.waitForURL(`**/${code}/home`);
    await page.goto(`/${code}/people`);
    await of("people.leave", name).waitFor();
    assert.equal(await button("people.invite.do").count(), 0, "members invite nobody");
    await forgetSession(page);
    await page.goto(new URL(link).pathname + new URL(link).hash);
    await page.getByText(say("join.over")).waitFor();
    await page.context().addCookies(mine);
    await page.goto(`/${code}/people`);
    await of("people.to.owner", name).click();
    await button("people.to.owner").click();
    await page.getByText(say("order.needed")).first().waitFor();
    await page.getByLabel(say("people.reason")).fill("She signs from now on.");
    await button("people.to.owner").click();
    await page.getByText(say("people.changed", { name, role: say("role.owner") })).first().waitFor();
    await of("people.remove", name).click();
    await page.getByLabel(say("people.reason")).fill("She has left the company.");
    await button("people.remove").click();
    await page.getByText(say("people.removed", { name, organisation })).first().waitFor();
    await page.getByText("She signs from now on.").first().waitFor();
    await page.getByText(say("people.invited-by", { name: "Elin Dahl" })).first().waitFor();
    await page.getByText(say("people.account-made")).first().waitFor();
    await of("people.leave", "Elin Dahl").click();
    await button("people.leave").click();
    await page.getByText(say("problem.last-owner")).first().waitFor();
    await button("not-yet").click();
    await accessible(page, "people");
    await sound(page, "people");
}, [403, 409]);

story("a person is led through their first steps, skips them for good, and is led again from the help", async (page, look) => {
    await signIn(page, E, passwordOfElin);
    await page.goto("/en/home");
    await settled(page);
    assert.equal(await page.locator(".guide").count(), 0);
    await page.goto("/en/help");
    await page.getByRole("button", { name: "Lead me through the first steps again" }).click();
    await page.waitForURL("**/en/home");
    const steps = page.getByRole("region", { name: "First steps" });
    await steps.getByText(/^\d of 5 done$/).waitFor();
    assert.equal(await steps.getByRole("listitem").count(), 5);
    await accessible(page, "first steps");
    await sound(page, "first steps");
    await steps.getByRole("link", { name: "Look at your credits" }).click();
    await page.waitForURL("**/en/credits");
    await settled(page);
    await page.goBack();
    await page.waitForURL("**/en/home");
    await page.locator(".guide [data-step=credits].done").waitFor();
    if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/first-steps-${look.width}.png`, fullPage: true });
    await steps.getByRole("button", { name: "Skip" }).click();
    await page.getByText("Help shows the first steps again.").waitFor();
    assert.equal(await page.locator(".guide").count(), 0);
    await page.reload();
    await settled(page);
    assert.equal(await page.locator(".guide").count(), 0);
});

story("who is not signed in is asked to, and comes back to the page", async (page) => {
    await page.goto("/en/reservations?state=running");
    await page.waitForURL("**/en/sign-in?then=*");
    await page.getByLabel("E-mail address").fill(S);
    await page.getByLabel("Password", { exact: true }).fill(kontor.password);
    await page.getByRole("button", { name: "Sign in with password" }).click();
    await page.waitForURL("**/en/reservations?state=running");
});

story("the scheme is kept, and follows the system until it is chosen", async (page, look) => {
    await page.goto("/en/");
    await settled(page);
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    assert.equal(await background(), look.scheme === "dark" ? "rgb(15, 21, 19)" : "rgb(244, 246, 244)");
    await page.getByRole("button", { name: look.scheme === "dark" ? "Light" : "Dark" }).click();
    await page.reload();
    await settled(page);
    assert.equal(await background(), look.scheme === "dark" ? "rgb(244, 246, 244)" : "rgb(15, 21, 19)");
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), ["scheme"]);
});

story("state aid is declared, granted below its cap, and certified", async (page, look) => {
    await signIn(page, E, passwordOfElin);
    await openPage(page, look, "Credits");
    await page.goto("/en/credits/aid");
    await settled(page);
    if (await page.getByRole("button", { name: "Declare anew" }).count()) await page.getByRole("button", { name: "Declare anew" }).click();
    await page.getByRole("button", { name: "Declare", exact: true }).click();
    assert.ok(await page.locator(".field-error").count() >= 1 || await page.locator("[role=alert]").count() >= 1, "what is missing is said");
    await page.getByLabel("Register number").first().fill("SE556000-0000");
    await page.getByLabel("Sector (NACE code)").fill("62.10");
    for (const remove of await page.getByRole("button", { name: /^Remove row/ }).all()) await remove.click();
    await page.getByRole("button", { name: "Add a row: De minimis aid received from others" }).click();
    await page.getByLabel("Granted on").fill("2026-01-15");
    await page.getByLabel("Value in euro").fill("50000");
    await page.getByLabel("Granted by").fill("Region Västerbotten");
    await page.getByLabel("This is complete and true.").check();
    await page.getByRole("button", { name: "Declare", exact: true }).click();
    await page.getByRole("button", { name: "Declare anew" }).waitFor();
    const left = look.width > 1000 ? "250,000.00" : "150,000.00";
    await page.waitForFunction((words) => document.querySelector(".figure")?.textContent.includes(words), left);
    await accessible(page, `state aid at ${look.width}`);
    await forgetSession(page);
    await signIn(page, O, kontor.password);
    await page.goto("/en/programme/grants/new");
    await settled(page);
    await page.getByRole("combobox", { name: "Organisation" }).selectOption({ label: "Nordlys Språk AB, Sweden" });
    await page.getByLabel("Access mode").selectOption("fast-lane");
    await page.getByLabel("Credits", { exact: true }).fill("100");
    await page.getByLabel("Value in euro").fill("260000");
    await page.getByLabel("Legal basis").selectOption("de-minimis");
    await page.getByText(`€${left} of €300,000.00 are left`).waitFor();
    await page.getByLabel("Decision's number").fill(`DM-${look.width}`);
    await page.getByLabel("Reason").fill("First steps");
    await page.getByRole("button", { name: "Give 100 credits" }).click();
    await page.locator(".field-error", { hasText: "It fits from" }).waitFor();
    await page.getByLabel("Value in euro").fill("100000");
    await page.getByRole("button", { name: "Give 100 credits" }).click();
    await page.waitForURL("**/en/programme/grants/*");
    await page.getByRole("link", { name: "Certificate of aid" }).click();
    await page.getByText("Nordlys Språk AB was granted GPU-hours worth €100,000.00").waitFor();
    await accessible(page, `a certificate at ${look.width}`);
}, [409]);

story("a start-up uploads a script, repeats the job, contests it; the site says its side", async (page, look) => {
    const code = look.keys ? "fr" : "en", say = words(code), exact = true;
    const button = (key) => page.getByRole("button", { name: begin(say(key)) });
    const field = (key) => page.getByLabel(begin(say(key)), { exact: !say(key).includes("{") });
    const contest = page.getByRole("button", { name: new RegExp(`^${begin(say("contest.yes"))} \\d`) });
    await signIn(page, S, kontor.password, code);
    await page.goto(`/${code}/ask?gpus=8&hours=1&countries=FI&template=script&name=` + encodeURIComponent(`upload at ${look.width}`));
    await page.waitForSelector("[data-answer=where]");
    await button("start.pytorch").click();
    await page.getByText("your training script and its data, as paths at the site.").waitFor();
    await page.locator("input[type=file]").setInputFiles({ name: "photo.png", mimeType: "image/png", buffer: Buffer.from([0x89, 0x50, 0xff, 0]) });
    await page.getByText(say("ask.file.binary", { name: "photo.png" })).waitFor();
    assert.match(await field("ask.script").inputValue(), /torchrun/, "what was there stays");
    await page.locator("input[type=file]").setInputFiles({ name: "job.sh", mimeType: "text/x-sh", buffer: Buffer.from("#!/bin/sh\necho disk full\nsleep 2\nexit 3\n") });
    await page.getByText(say("ask.file.taken", { name: "job.sh" })).waitFor();
    assert.equal(await page.getByText(say("ask.fill")).count(), 0);
    await accessible(page, "ask with a script");
    await sound(page, `ask with a script in ${code}`);
    await button("ask.bind").click();
    await page.waitForURL(`**/${code}/requests/*`);
    await button("accept-for").first().click();
    await page.waitForURL(`**/${code}/reservations/*`);
    const path = new URL(page.url()).pathname;
    await page.locator(".head .state", { hasText: say("state.failed-job") }).waitFor();
    await page.getByText("disk full", { exact }).waitFor();
    assert.ok(plain(await text(page, "section:has(pre.output)")).includes(say("site.exit", { n: 3 })));

    /* one click asks for the same, workload and all */
    await button("repeat").click();
    await page.waitForURL(`**/${code}/ask?*`);
    await page.waitForFunction(() => /disk full/.test(/** @type {HTMLTextAreaElement} */ (document.querySelector("textarea[name=script]"))?.value));
    assert.equal(await field("ask.name").inputValue(), `upload at ${look.width}`);
    await page.goBack();

    await page.getByRole("button", { name: say("contest"), exact }).click();
    await contest.click();
    await page.getByText(say("order.needed")).waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "reason"); /* where it says so */
    await field("contest.reason").fill("The disk of the node was full.");
    await contest.click();
    await page.waitForURL("**/dispute");
    await page.getByText(say("dispute.why.contest")).waitFor();
    await forgetSession(page);

    await signIn(page, L, kontor.password, code);
    await openPage(page, look, say("nav.disputes"), say);
    await page.getByRole("link", { name: `upload at ${look.width}` }).click();
    await page.waitForURL("**/dispute");
    await page.getByText("The disk of the node was full.").waitFor();
    const [accepted, started, finished, failed] = ["accepted", "started", "finished", "failed"].map((kind) => say("report." + kind));
    assert.match(plain(await text(page, "section:has(table)")), new RegExp(`${accepted}.*${started}.*(${finished}|${failed})`));
    await button("dispute.speak.do").click();
    await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "text"); /* what is missing takes the focus */
    await field("dispute.speak").fill("It was the quota of the project.");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("It was the quota of the project.").waitFor();
    await settled(page);
    await accessible(page, "dispute");
    await sound(page, look);
    await forgetSession(page);

    await signIn(page, S, kontor.password, code);
    await page.goto(path);
    await page.getByRole("link", { name: say("dispute.see") }).click();
    await page.getByText("It was the quota of the project.").waitFor();
    assert.equal(await button("decide.do").count(), 0, "that is the officers'");
    await forgetSession(page);

    /* two officers end it: the one who is signed in, and another beside them */
    await signIn(page, O, kontor.password, code);
    await page.goto(path + "/dispute");
    const right = look.width > 960, why = right ? "The node's disk was full." : "It was their quota.";
    await button("decide.do").click();
    assert.equal(await page.getByText(say("order.needed")).count(), 5);
    await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "what"); /* the first of them */
    await page.getByLabel(say(right ? "decide.correct" : "decide.dismiss")).check();
    await field("order.reason").fill(why);
    await field("decide.password").fill(kontor.password);
    await field("decide.email").fill(O);
    await field("decide.second").fill(kontor.password);
    await button("decide.do").click();
    await page.locator(".field-error [lang=en]", { hasText: "Two signers are two persons." }).waitFor();
    await field("decide.email").fill(O2);
    await accessible(page, "deciding a dispute");
    await sound(page, look);
    await button("decide.do").click();
    await page.getByText(right ? new RegExp(`^${say("dispute.ended")} ${begin(say("dispute.end.corrected"))}`) : say("dispute.end.closed")).waitFor();
    await page.getByText(why).waitFor();
    assert.equal(await button("decide.do").count(), 0);
}, [403]);

story("a start-up seals secrets to the site that it chooses; the job has them, nobody between has", async (page, look, tab) => {
    const token = `hf_${look.width}${"x9Q".repeat(8)}`, pem = `-----BEGIN KEY-----\nMC4CAQ${look.width}AwBQYDK2VwBCIEI\n-----END KEY-----\n`;
    const values = { HF_TOKEN: token, DEPLOY_KEY: pem }, digest = (value) => createHash("sha256").update(value).digest("hex");
    await page.addInitScript(() => { /* as a browser without the curve; only where the story says so */
        if (!window.name.includes("lacks")) return;
        const { generateKey } = SubtleCrypto.prototype;
        SubtleCrypto.prototype.generateKey = function (kind, ...more) {
            return kind === "X25519" ? Promise.reject(new DOMException("", "NotSupportedError")) : generateKey.call(this, kind, ...more);
        };
    });
    await signIn(page, S, kontor.password);
    await page.goto("/en/ask?gpus=8&hours=0:30&template=script&name=" + encodeURIComponent(`sealed at ${look.width}`));
    await page.getByLabel("Your script").fill('#!/bin/sh\nprintf %s "$HF_TOKEN" | sha256sum\nprintf %s "$DEPLOY_KEY" | sha256sum\n');
    await page.getByRole("button", { name: "Secrets that only the site can read" }).click();
    const names = page.getByLabel("Secrets that only the site can read");
    for (const [typed, words] of [["1A", "1A cannot be a name"], ["PATH", "PATH is used by the system"], ["A A", "A is there twice"]]) {
        await names.fill(typed);
        await page.locator(".field-error", { hasText: words }).waitFor();
    }
    await names.fill("HF_TOKEN DEPLOY_KEY");
    await page.getByText("Does not take this: sealed secrets.").first().waitFor();
    await page.waitForFunction(() => /of 2 |2 places|^.*2/.test(document.querySelector(".ask-answer .second")?.textContent ?? ""));
    await accessible(page, "ask with secrets");
    await sound(page, "ask with secrets");
    if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/secrets-ask-${look.width}.png`, fullPage: true });
    await page.getByRole("button", { name: "Get binding quotes" }).click();
    await page.waitForURL("**/en/requests/*");
    const key = page.locator("[data-seal]").first(), button = page.locator(".options .best").getByRole("button", { name: /^Accept for/ });
    const give = page.getByRole("button", { name: "Give their values" });
    await give.click(); /* what seals, and proves whose key it is, is fetched only now */
    await page.waitForFunction(() => document.activeElement?.matches(".secrets input[type=password]"));
    await page.locator("[data-seal=cineca][data-is=good]").waitFor();
    await page.locator("[data-seal=lumi][data-is=good]").waitFor();

    /* a browser that cannot, and a key that the agent did not sign: said, and nothing is sent */
    await page.evaluate(() => { window.name = "lacks"; });
    await page.reload();
    await give.click();
    await page.getByText("This browser cannot seal secrets.").first().waitFor();
    assert.equal(await button.getAttribute("aria-disabled"), "true");
    await accessible(page, "secrets, a browser that cannot");
    await page.evaluate(() => { window.name = ""; });
    await page.route("**/v1/sites", async (route) => {
        const response = await route.fetch(), told = await response.json();
        for (const site of told.items) if (site.seal) site.seal.signature = site.seal.signature.replace(/^./, (c) => (c === "A" ? "B" : "A"));
        await route.fulfill({ response, json: told });
    });
    await page.reload();
    await give.click();
    await page.locator("[data-seal=cineca][data-is=bad]").waitFor();
    assert.match(plain(await text(page, ".options .best")), /This site's key does not verify: nothing is sealed to it\./);
    await page.unroute("**/v1/sites");
    await page.reload();
    await button.click(); /* who accepts before, is asked for them: nothing is sent */
    await page.locator("[data-seal=cineca][data-is=good]").waitFor();

    await button.click();
    assert.equal(await page.getByText("A value is needed.").count(), 2);
    await page.waitForFunction(() => document.activeElement?.matches(".secrets input[type=password]"));
    const field = (name) => page.getByLabel(name, { exact: true });
    await field("HF_TOKEN").fill(token);
    await field("DEPLOY_KEY").evaluate((input, text) => {
        const clipboardData = new DataTransfer();
        clipboardData.setData("text/plain", text);
        input.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    }, pem.replaceAll("\n", "\r\n"));
    await page.getByText("4 lines, hidden. Show them to change them.").waitFor();
    await page.getByRole("button", { name: "Show DEPLOY_KEY" }).click();
    assert.equal(await field("DEPLOY_KEY").inputValue(), pem);
    await accessible(page, "secrets");
    await sound(page, "secrets");
    await page.getByRole("button", { name: "Hide DEPLOY_KEY" }).click();
    if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/secrets-quotes-${look.width}.png`, fullPage: true });
    const fingerprint = await key.locator(".fingerprint").innerText();
    assert.match(plain(await text(page, ".secrets")), /Proved: each key marked so was signed by its site's agent.*Not proved: that nobody but the site has the key's other half/);

    /* refused: what was typed stays. Then the answer is lost on its way: the same goes out again, to the bit, and acts once */
    const sent = [];
    await page.route("**/accept", async (route) => {
        sent.push([route.request().headers()["idempotency-key"], route.request().postData()]);
        if (sent.length === 1) return route.fulfill({ status: 409, contentType: "application/problem+json", json: { type: "/errors/seal-key", title: "The secrets are sealed to another key than the site's present one.", status: 409, code: "seal-key" } });
        const response = await route.fetch();
        return sent.length === 2 ? route.fulfill({ status: 503, contentType: "application/problem+json", json: { type: "/errors/busy", title: "Busy", status: 503, code: "busy" } }) : route.fulfill({ response });
    });
    await button.click();
    await page.getByText("The site has changed its key meanwhile.").waitFor();
    assert.equal(await field("HF_TOKEN").inputValue(), token);
    await button.click();
    await page.getByText("The server has too much to do.").waitFor();
    await button.click();
    await page.waitForURL("**/en/reservations/*");
    assert.deepEqual([sent.length, sent[2]], [3, sent[1]]);
    await page.locator(".head .state", { hasText: "Settled" }).waitFor();
    for (const value of Object.values(values)) await page.getByText(digest(value)).waitFor();
    await page.locator("[data-sealed]").waitFor();
    assert.match(plain(await text(page, "[data-sealed]")), new RegExp(`HF_TOKEN DEPLOY_KEY.*(${fingerprint}|thrown away with them)`));
    await accessible(page, "reservation with secrets");
    await sound(page, "reservation with secrets");
    if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/secrets-reservation-${look.width}.png`, fullPage: true });

    const dump = execFileSync("pg_dump", ["--dbname", kontor.database], { encoding: "latin1", maxBuffer: 1 << 28 });
    const kept = await page.evaluate(() => JSON.stringify([location.href, history.state, { ...localStorage }, { ...sessionStorage }]));
    for (const needle of [token, pem.split("\n")[1]]) {
        for (const form of [needle, Buffer.from(needle).toString("base64").slice(0, -4), Buffer.from(needle).toString("hex")]) {
            assert.ok(!dump.includes(form) && !kept.includes(form), "it lies in the clear");
            for (const r of tab.requests) assert.ok(!r.url().includes(form) && !(r.postData() ?? "").includes(form), r.url());
        }
    }
    /* the same again: the names are carried, the values are asked for anew */
    await page.getByRole("button", { name: "Repeat" }).click();
    await page.waitForURL("**/en/ask?*");
    await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector("input[name=secrets]"))?.value === "HF_TOKEN DEPLOY_KEY");
}, [409, 503]);
