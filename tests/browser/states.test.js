/* States that a real server shows only when something is wrong, with the mock: a quote that ran out, a cut line. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, open, settled, signIn } from "./chromium.js";
import { accessible, listen, sound } from "./checks.js";
import { PASSWORD, serve } from "./mock.js";
import { words } from "./words.js";

let mock, browser, base;
before(async () => {
    mock = await serve(`${process.env.KONTOR_BUILD ?? "../../build"}/webroot`);
    base = `http://127.0.0.1:${mock.port}`;
    browser = await launch({ bare: true });
});
after(async () => {
    await browser?.close();
    mock?.close();
});
const say = words("en");
const REQUEST = "/en/requests/0196c4d1-7a52-7c1e-9d0f-000000000090";
const tab = async (more) => {
    mock.state.person = null;
    mock.state.expires = 0;
    const t = await open(browser, { base, ...more });
    await signIn(t.page, "ines.ferrer@brisa.example", PASSWORD);
    return t;
};

for (const width of [1440, 360]) {
    test(`states: a quote that ran out says so, and offers the next at once (${width} px)`, async () => {
        const { page, faults, close } = await tab({ width, cope: [409] });
        mock.state.refuse = true;
        await page.goto(REQUEST);
        await settled(page);
        await page.locator(".options .best").getByRole("button", { name: /^Accept for/ }).click();
        await page.getByText("Nothing was held and nothing was paid.").first().waitFor();
        await page.getByText("the same offer stands").waitFor();
        assert.match(await page.locator(".again").innerText(), /unchanged/);
        await accessible(page, "ran out");
        await sound(page, "ran out");
        mock.state.refuse = false;
        await page.locator(".again").getByRole("button", { name: /^Accept for/ }).click();
        await page.waitForURL("**/reservations/*");
        assert.deepEqual(faults, []);
        await close();
    });
}
test("states: the quote's end is said at two minutes and at thirty seconds", async () => {
    const { page, close } = await tab();
    await page.clock.install();
    await page.goto(REQUEST);
    await page.waitForSelector(".ring");
    await page.clock.runFor(400_000);
    for (let i = 0; i < 5; i++) await page.clock.runFor(1000);
    await page.getByText("Two minutes left of the quote.").waitFor({ state: "attached" });
    for (let i = 0; i < 9; i++) await page.clock.runFor(10_000);
    await page.getByText("Thirty seconds left of the quote.").waitFor({ state: "attached" });
    for (let i = 0; i < 4; i++) await page.clock.runFor(10_000);
    await page.getByText("These quotes no longer bind.").waitFor();
    await close();
});
test("states: an answer, a cut line and its end are said once each; older figures stay, and what is typed is kept", async () => {
    const { page, context, close } = await tab();
    await page.goto("/en/ask?gpus=128&hours=48&name=kept");
    await settled(page);
    await page.waitForSelector("[data-answer=where]");
    /* who does not see the note is told of it: the region stands there empty, and takes the words when they come */
    const heard = await listen(page, say("loading"));
    const once = (n, what) => page.waitForFunction(([most, words]) => globalThis.__heard.filter((h) => h.includes(words)).length >= most, [n, what]);
    const answer = /^\S.*, \w+day \d+ \w+ \d\d:\d\d, [\d,.]+ credits; \d of \d places can\.$/;
    await page.getByLabel("GPUs", { exact: true }).fill("96");
    await once(1, "places can.");
    assert.match((await heard()).join("|"), answer);
    const refused = page.waitForEvent("requestfailed", (r) => r.url().endsWith("/v1/quotes"));
    const region = await page.evaluateHandle(() => document.querySelector("main").previousElementSibling);
    assert.equal(await region.evaluate((e) => `${e.getAttribute("role")}: ${e.textContent}`), "status: ");
    await context.setOffline(true);
    await page.getByLabel("GPUs", { exact: true }).fill("64");
    await page.getByText(/No contact since/).waitFor();
    assert.match(await region.evaluate((e) => (e.isConnected ? e.textContent : "")), /^\s*No contact since/);
    assert.equal(await page.getByLabel("GPUs", { exact: true }).inputValue(), "64");
    await refused; /* or it would be answered when the line is back */
    await page.locator(".ask-answer:not([aria-busy])").waitFor();
    assert.match((await heard()).slice(1).join("|"), /^No contact since [^|]*Try now$/, "and nothing that stood before is said again");
    await page.locator("[data-answer=where]").waitFor();
    await context.setOffline(false);
    await page.getByLabel("GPUs", { exact: true }).fill("32");
    await page.getByText(/No contact since/).waitFor({ state: "detached" });
    await once(2, "places can.");
    await once(1, say("cut.over"));
    const since = (await heard()).slice(2);
    assert.deepEqual(since.map((words) => words.replace(answer, "answer")).sort(), [say("cut.over"), "answer"]);
    await close();
});
test("states: a double click accepts once", async () => {
    const { page, requests, close } = await tab();
    await page.goto(REQUEST);
    await settled(page);
    await page.locator(".options .best").getByRole("button", { name: /^Accept for/ }).dblclick();
    await page.waitForURL("**/reservations/*");
    const accepts = requests.filter((r) => r.method() === "POST" && r.url().endsWith("/accept"));
    assert.equal(accepts.length, 1);
    assert.ok(accepts[0].headers()["idempotency-key"]);
    await close();
});
test("states: two tabs share one event stream, and the second leads when the first closes; a job's new state is said once", async () => {
    const { page, context, close } = await tab();
    const job = "/en/reservations/0196c4d1-7a52-7c1e-9d0f-000000000000";
    let streams = 0;
    context.on("request", (r) => {
        if (r.url().endsWith("/events")) streams++;
    });
    await page.goto(job);
    await page.locator(".live:not(.cut)").waitFor();
    const second = await context.newPage();
    await second.goto(job);
    await second.waitForSelector("h1:has-text('ct-seg-v4')");
    assert.equal(streams, 1);
    await page.close();
    await second.locator(".live:not(.cut)").waitFor();
    assert.equal(streams, 2);
    await second.waitForFunction((checking) => ![checking, undefined].includes(document.querySelector(".state[role=status]")?.textContent), say("ticket.checking"));
    const heard = await listen(second, say("loading"));
    const now = await second.evaluate((path) => fetch(path).then((reply) => reply.json()), job.replace("/en", "/v1"));
    /* it ends, reports something that is no new state, is settled */
    for (const state of ["ended", "ended", "settled"]) {
        mock.change({ ...now, state });
        await second.locator(".head .state", { hasText: say("state." + state) }).waitFor();
    }
    assert.deepEqual(await heard(), ["state.ended", "state.settled"].map((key) => say("reservation.said", { state: say(key) })));
    mock.state.jobs.clear();
    await close();
});
