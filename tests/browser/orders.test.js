/* Orders in Chromium: an officer makes a key in the browser, an administrator confirms it by its fingerprint; a fund above the limit is proposed,
 * signed with that key, signed by a second officer, and stands in the journal. Then with a passkey: asked for, confirmed, used; not with another's key
 * in its place, and not without a PIN, a finger or a face. At 1440 px in light and English, at 360 px in dark and Swedish, by keyboard alone. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { accessible, sound } from "./checks.js";
import { launch, open, settled, signIn } from "./chromium.js";
import { byKeys } from "./keys.js";
import { begin, words } from "./words.js";
import { world } from "./world.js";

const LOOKS = [{ width: 1440, height: 900, scheme: "light", code: "en" }, { width: 360, height: 800, scheme: "dark", keys: true, code: "sv" }];
let kontor, browser;
before(async () => {
    kontor = await world();
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await kontor?.stop();
});
const shot = async (page, name, look) => {
    await settled(page);
    await accessible(page, name);
    await sound(page, name);
    if (process.env.KONTOR_OUT) await page.screenshot({ path: `${process.env.KONTOR_OUT}/${name}-${look.width}.png`, fullPage: true });
};
const call = (page, path, body) => page.evaluate(async ([where, what]) => {
    const { csrf } = await (await fetch("/v1/session")).json();
    const reply = await fetch(where, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf, "Idempotency-Key": crypto.randomUUID() }, body: JSON.stringify(what) });
    return [reply.status, await reply.json()];
}, [path, body]);
const button = (page, name) => page.getByRole("button", { name, exact: true });
const cardOf = (page, name) => page.locator("section.card").filter({ has: page.getByRole("heading", { name, exact: true }) });
/** What the pages say in the look's language: of a key, up to what is filled in last, and of credits with their thousandths. */
const speech = ({ code }) => {
    const say = words(code);
    return { code, say, start: (key, params) => begin(say(key, params)), credits: (n) => new Intl.NumberFormat(code, { minimumFractionDigits: 3 }).format(n) };
};

/* one person after the other, each in a browser of their own */
for (const look of LOOKS) {
    test(`orders: a key made in the browser, an order signed by two (${look.width} px)`, async () => {
        const tabs = [], { code, say, start, credits } = speech(look);
        const tab = async (email) => {
            const one = await open(browser, { base: kontor.base, cope: [422], ...look });
            tabs.push(one);
            one.page.setDefaultTimeout(45_000);
            await signIn(one.page, email, kontor.password);
            return look.keys ? byKeys(one.page) : one.page;
        };
        try {
            const officer = await tab("maren@investai.example"), admin = await tab("jonas@kontor.example"), second = await tab("tomas@investai.example");
            await officer.goto(`/${code}/me`);
            await settled(officer);
            await button(officer, say("keys.new")).click();
            const card = cardOf(officer, say("keys"));
            await card.getByLabel(say("keys.name"), { exact: true }).fill(`laptop ${look.width}`);
            await card.getByLabel(say("keys.password")).fill(kontor.password);
            await button(officer, say("keys.make")).click();
            await card.getByText(say("keys.state.asked"), { exact: true }).waitFor();
            const print = (await card.locator("code").first().innerText()).trim();
            assert.match(print, /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
            await shot(officer, "a-key-asked-for", look);
            await admin.goto(`/${code}/programme/orders`);
            await admin.getByLabel(say("keys.fingerprint.said")).fill("0000");
            await button(admin, say("keys.confirm")).click();
            await admin.getByText(say("keys.fingerprint.other")).waitFor();
            await shot(admin, "keys-to-confirm", look);
            await admin.getByLabel(say("keys.fingerprint.said")).fill(print);
            await button(admin, say("keys.confirm")).click();
            await admin.getByText(say("keys.waiting.none")).waitFor();
            const [status] = await call(admin, "/v1/order-rule", { signed_by: ["key", "passkey", "word"], alone_credits: "1000" });
            assert.ok(status === 201 || status === 202, String(status));
            await officer.goto(`/${code}/programme/funds/new`);
            await officer.getByLabel(say("fund.name"), { exact: true }).fill(`Signed ${look.width}`);
            await officer.getByLabel(say("credits"), { exact: true }).fill("2000");
            await officer.getByLabel(say("order.reference")).fill(`S-${look.width}`);
            await officer.getByLabel(say("order.reason")).fill("Two sign it");
            await officer.locator("form button[type=submit]").click();
            await officer.getByText(start("orders.missing", { n: 2 }), { exact: false }).waitFor();
            await officer.getByText(say("orders.fits")).waitFor();
            await shot(officer, "an-order-to-sign", look);
            await officer.getByText(say("orders.reason.fits")).waitFor();
            await officer.getByRole("heading", { name: say("says.fund", { amount: credits(2000), to: `Signed ${look.width}` }) }).waitFor();
            const at = officer.url(), other = at.replace(`/${code}/`, "/de/");
            await second.route("**/v1/orders/*", async (route) => {
                const reply = await route.fetch();
                await route.fulfill({ response: reply, json: { ...(await reply.json()), reason: "One signs it" } });
            });
            await second.goto(at);
            await second.getByText(say("orders.differs")).waitFor();
            assert.equal(await button(second, say("orders.sign.amount", { amount: credits(2000) })).count(), 0, "what is not committed to is not signed");
            await second.unroute("**/v1/orders/*");
            await second.goto(other);
            await second.getByRole("heading", { name: words("de")("says.fund", { amount: "2.000,000", to: `Signed ${look.width}` }) }).waitFor();
            const offering = await second.evaluate(async () => (await (await fetch("/v1/offerings")).json()).items[0].index);
            const [waiting, rate] = await call(admin, `/v1/offerings/${offering}/rates`, { rate_milli: 3000, assumed: true });
            assert.equal(waiting, 202, "above no limit, but two sign rates");
            const rates = at.replace(/[^/]+$/, rate.id), fits = second.getByText(say("orders.fits"));
            await second.goto(rates);
            await fits.waitFor();
            await second.route("**/v1/orders/*", async (route) => {
                const reply = await route.fetch(), o = await reply.json();
                await route.fulfill({ response: reply, json: { ...o, order: { ...o.order, body: { ...o.order.body, rate_milli: 300 } } } });
            });
            await second.goto(rates);
            await second.getByText(say("orders.differs")).waitFor();
            assert.equal(await button(second, say("orders.sign")).count(), 0, "a rate is signed as it is shown");
            await second.unroute("**/v1/orders/*");
            await call(admin, `/v1/orders/${rate.id}/withdraw`, { reason: "Test" });
            await button(officer, say("orders.sign.amount", { amount: credits(2000) })).click();
            await officer.getByText(say("orders.why.order-signed")).waitFor();
            await second.goto(`/${code}/programme`);
            await second.getByText(start("programme.order.text", { n: 1, of: 2 }), { exact: false }).first().waitFor();
            await shot(second, "an-order-needs-a-person", look);
            await second.goto(at);
            await second.getByText(say("orders.mine.last"), { exact: false }).waitFor();
            await button(second, say("orders.sign.amount", { amount: credits(2000) })).click();
            await second.getByText(start("orders.entered"), { exact: false }).waitFor();
            await shot(second, "an-order-carried-out", look);
            const entry = await second.getByRole("link", { name: new RegExp(`^${start("orders.entry")} `) }).getAttribute("href");
            const classes = await second.evaluate(async (index) => (await (await fetch(`/v1/journal/entries/${index}`)).json()).body.authority.map((a) => a.class), entry.split("/").pop());
            assert.deepEqual(classes, [1, 3], "the first by the key of the browser, the second on the server's word");
            await second.goto(`/${code}/programme/orders`);
            await second.getByText(say("orders.state.in_journal"), { exact: true }).first().waitFor();
            await shot(second, "orders", look);
            await officer.goto(`/${code}/me`);
            await button(officer, say("keys.end.of", { name: `laptop ${look.width}` })).click();
            await officer.getByText(say("keys.state.ended"), { exact: true }).first().waitFor();
            const [waits, rule] = await call(admin, "/v1/order-rule", { signed_by: ["key", "passkey", "word"], alone_credits: "0" });
            assert.equal(waits, 202, "a rule takes two while there is a limit");
            await second.goto(at.replace(/[^/]+$/, rule.id));
            await fits.waitFor();
            await second.getByText(say("rule.unlimited"), { exact: false }).waitFor();
            await call(admin, `/v1/orders/${rule.id}/signatures`, { sha256: rule.sha256 });
            assert.equal((await call(second, `/v1/orders/${rule.id}/signatures`, { sha256: rule.sha256 }))[1].state, "in_journal");
            for (const one of tabs) assert.deepEqual(one.faults, []);
        } catch (error) {
            for (const [i, one] of tabs.entries()) if (process.env.KONTOR_OUT) await one.page.screenshot({ path: `${process.env.KONTOR_OUT}/failed-${i}-${look.width}.png`, fullPage: true });
            console.error(tabs.map((one) => one.faults));
            throw error;
        } finally {
            for (const one of tabs) await one.close();
        }
    });
}

/** An authenticator of Chromium's own; and what the page is told by it when it says no. */
const authenticator = async (page) => {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
    return (isUserVerified) => cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified });
};
const listenForNo = (page) => page.evaluate(() => {
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (asked) => get(asked).catch((error) => {
        document.documentElement.dataset.no = error.name;
        throw error;
    });
});

for (const look of LOOKS) {
    test(`orders: signed with a passkey (${look.width} px)`, async () => {
        const tabs = [], name = `Key ring ${look.width}`, { code, say, start, credits } = speech(look), base = kontor.base.replace("127.0.0.1", "localhost"); /* a number is no site that passkeys are made for */
        const tab = async (email) => {
            const one = await open(browser, { base, ...look });
            tabs.push(one);
            one.page.setDefaultTimeout(45_000);
            const ask = await authenticator(one.page);
            await signIn(one.page, email, kontor.password);
            return { page: look.keys ? byKeys(one.page) : one.page, ask };
        };
        try {
            const { page: officer, ask } = await tab("maren@investai.example"), { page: admin } = await tab("jonas@kontor.example");
            const passkeys = cardOf(officer, say("passkeys")), keys = cardOf(officer, say("keys"));
            await officer.goto(`/${code}/me`);
            await settled(officer);
            assert.equal(await button(officer, say("keys.passkey")).count(), 0, "there is none yet");
            await button(officer, say("passkeys.new")).click();
            await passkeys.getByLabel(say("tokens.name"), { exact: true }).fill(name);
            await passkeys.getByLabel(say("me.old")).fill(kontor.password);
            await button(passkeys, say("passkeys.make")).click();
            await officer.getByText(say("security.passkey_added", { name })).waitFor();
            /* a server that would put a key of its own in the passkey's place: another point of the curve, its generator */
            await officer.route("**/v1/me/passkeys", async (route) => {
                const reply = await route.fetch(), own = await reply.json();
                const cose = Buffer.from("a5010203262001215820" + "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" + "225820" + "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5", "hex").toString("base64");
                await route.fulfill({ response: reply, json: { ...own, items: own.items.map((p) => ({ ...p, cose })) } });
            });
            await officer.reload();
            await settled(officer);
            const askFor = async () => {
                await button(officer, say("keys.passkey")).click();
                await keys.getByLabel(say("keys.password")).fill(kontor.password);
                await button(officer, say("keys.passkey.ask")).click();
            };
            await askFor();
            await keys.getByText(say("keys.passkey.differs"), { exact: false }).waitFor();
            await shot(officer, "a-passkey-that-is-another", look);
            await officer.unroute("**/v1/me/passkeys");
            await officer.reload();
            await settled(officer);
            await askFor();
            await keys.getByText(say("keys.state.asked"), { exact: true }).waitFor();
            const print = (await keys.locator("code").first().innerText()).trim();
            assert.match(print, /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
            await shot(officer, "a-passkey-asked-for", look);
            await admin.goto(`/${code}/programme/orders`);
            await admin.getByText(say("keys.is-passkey"), { exact: false }).waitFor();
            await admin.getByLabel(say("keys.fingerprint.said")).fill(print);
            await button(admin, say("keys.confirm")).click();
            await admin.getByText(say("keys.waiting.none")).waitFor();
            await officer.goto(`/${code}/programme/funds/new`);
            await officer.getByLabel(say("fund.name"), { exact: true }).fill(`By passkey ${look.width}`);
            await officer.getByLabel(say("credits"), { exact: true }).fill("2000");
            await officer.getByLabel(say("order.reference")).fill(`P-${look.width}`);
            await officer.getByLabel(say("order.reason")).fill("A passkey signs it");
            await officer.locator("form button[type=submit]").click();
            await officer.getByText(say("orders.mine.passkey"), { exact: false }).waitFor();
            const sign = button(officer, say("orders.sign.passkey.amount", { amount: credits(2000) }));
            await sign.waitFor();
            assert.equal(await button(officer, say("orders.sign.amount", { amount: credits(2000) })).count(), 0, "neither with a key nor on the server's word");
            await shot(officer, "an-order-for-a-passkey", look);
            await listenForNo(officer);
            await ask(false);
            await sign.click();
            await officer.locator("html[data-no=NotAllowedError]").waitFor({ state: "attached" });
            const at = officer.url(), id = at.split("/").pop();
            const state = () => officer.evaluate(async (order) => (await (await fetch(`/v1/orders/${order}`)).json()).state, id);
            assert.equal(await state(), "proposed", "a device that does not ask who is there signs nothing");
            await ask(true);
            await sign.click();
            await officer.getByText(start("orders.entered"), { exact: false }).waitFor();
            await officer.getByText(start("orders.signed.class-2", { who: "Maren Voss" }), { exact: false }).waitFor();
            await shot(officer, "an-order-signed-with-a-passkey", look);
            const entry = await officer.getByRole("link", { name: new RegExp(`^${start("orders.entry")} `) }).getAttribute("href");
            const authority = await officer.evaluate(async (index) => (await (await fetch(`/v1/journal/entries/${index}`)).json()).body.authority, entry.split("/").pop());
            assert.deepEqual(authority.map((a) => a.class), [2]);
            await officer.goto(entry);
            await officer.getByText(start("proof.by.passkey"), { exact: false }).waitFor();
            await officer.locator("[data-check=good]").first().waitFor();
            await officer.goto(`/${code}/me`);
            await button(officer, say("keys.end.of", { name })).click();
            await keys.getByText(say("keys.state.ended"), { exact: true }).first().waitFor();
            await button(officer, say("passkeys.remove.of", { name })).click();
            await passkeys.getByLabel(say("me.old")).fill(kontor.password);
            await button(passkeys, say("passkeys.remove")).click();
            await officer.getByText(say("security.passkey_removed", { name })).waitFor();
            for (const one of tabs) assert.deepEqual(one.faults, []);
        } catch (error) {
            for (const [i, one] of tabs.entries()) if (process.env.KONTOR_OUT) await one.page.screenshot({ path: `${process.env.KONTOR_OUT}/failed-p${i}-${look.width}.png`, fullPage: true });
            console.error(tabs.map((one) => one.faults));
            throw error;
        } finally {
            for (const one of tabs) await one.close();
        }
    });
}
