/* Orders in Chromium: an officer makes a key in the browser, an administrator confirms it by its fingerprint; a fund above the limit is proposed,
 * signed with that key, signed by a second officer, and stands in the journal. Then with a passkey: asked for, confirmed, used; not with another's key
 * in its place, and not without a PIN, a finger or a face. At 1440 px in light and at 360 px in dark, by keyboard alone. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { accessible, sound } from "./checks.js";
import { launch, open, settled, signIn } from "./chromium.js";
import { byKeys } from "./keys.js";
import { world } from "./world.js";

const LOOKS = [{ width: 1440, height: 900, scheme: "light" }, { width: 360, height: 800, scheme: "dark", keys: true }];
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
const button = (page, words) => page.getByRole("button", { name: words, exact: true });

/* one person after the other, each in a browser of their own */
for (const look of LOOKS) {
    test(`orders: a key made in the browser, an order signed by two (${look.width} px)`, async () => {
        const tabs = [];
        const tab = async (email) => {
            const one = await open(browser, { base: kontor.base, cope: [422], ...look });
            tabs.push(one);
            one.page.setDefaultTimeout(45_000);
            await signIn(one.page, email, kontor.password);
            return look.keys ? byKeys(one.page) : one.page;
        };
        try {
            const officer = await tab("maren@investai.example"), admin = await tab("jonas@kontor.example"), second = await tab("tomas@investai.example");
            await officer.goto("/en/me");
            await settled(officer);
            await button(officer, "Make a key").click();
            const card = officer.locator("section.card").filter({ hasText: "Keys for orders" });
            await card.getByLabel("Name", { exact: true }).fill(`laptop ${look.width}`);
            await card.getByLabel("Your password").fill(kontor.password);
            await button(officer, "Make the key").click();
            await officer.getByText("to be confirmed").waitFor();
            const print = (await card.locator("code").first().innerText()).trim();
            assert.match(print, /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
            await shot(officer, "a-key-asked-for", look);
            await admin.goto("/en/programme/orders");
            await admin.getByLabel("The fingerprint, as you hear it").fill("0000");
            await button(admin, "Confirm").click();
            await admin.getByText("This is not the fingerprint of that key.").waitFor();
            await shot(admin, "keys-to-confirm", look);
            await admin.getByLabel("The fingerprint, as you hear it").fill(print);
            await button(admin, "Confirm").click();
            await admin.getByText("Nobody has asked for one.").waitFor();
            const [status] = await call(admin, "/v1/order-rule", { signed_by: ["key", "passkey", "word"], alone_credits: "1000" });
            assert.ok(status === 201 || status === 202, String(status));
            await officer.goto("/en/programme/funds/new");
            await officer.getByLabel("Name").fill(`Signed ${look.width}`);
            await officer.getByLabel("Credits", { exact: true }).fill("2000");
            await officer.getByLabel("Decision's number").fill(`S-${look.width}`);
            await officer.getByLabel("Reason").fill("Two sign it");
            await officer.locator("form button[type=submit]").click();
            await officer.getByText("2 signatures are missing", { exact: false }).waitFor();
            await officer.getByText("Read in this browser from the bytes that are signed.").waitFor();
            await shot(officer, "an-order-to-sign", look);
            await officer.getByText("These are the words that the order commits to.").waitFor();
            await officer.getByRole("heading", { name: `2,000.000 credits are created for the fund Signed ${look.width}.` }).waitFor();
            const at = officer.url(), other = at.replace("/en/", "/de/");
            await second.route("**/v1/orders/*", async (route) => {
                const reply = await route.fetch();
                await route.fulfill({ response: reply, json: { ...(await reply.json()), reason: "One signs it" } });
            });
            await second.goto(at);
            await second.getByText("The bytes are not what the words say.").waitFor();
            assert.equal(await button(second, "Sign for 2,000.000").count(), 0, "what is not committed to is not signed");
            await second.unroute("**/v1/orders/*");
            await second.goto(other);
            await second.getByRole("heading", { name: `2.000,000 Credits werden für den Fonds Signed ${look.width} geschaffen.` }).waitFor();
            const offering = await second.evaluate(async () => (await (await fetch("/v1/offerings")).json()).items[0].index);
            const [waiting, rate] = await call(admin, `/v1/offerings/${offering}/rates`, { rate_milli: 3000, assumed: true });
            assert.equal(waiting, 202, "above no limit, but two sign rates");
            const rates = at.replace(/[^/]+$/, rate.id), fits = second.getByText("Read in this browser from the bytes that are signed.");
            await second.goto(rates);
            await fits.waitFor();
            await second.route("**/v1/orders/*", async (route) => {
                const reply = await route.fetch(), o = await reply.json();
                await route.fulfill({ response: reply, json: { ...o, order: { ...o.order, body: { ...o.order.body, rate_milli: 300 } } } });
            });
            await second.goto(rates);
            await second.getByText("The bytes are not what the words say.").waitFor();
            assert.equal(await button(second, "Sign").count(), 0, "a rate is signed as it is shown");
            await second.unroute("**/v1/orders/*");
            await call(admin, `/v1/orders/${rate.id}/withdraw`, { reason: "Test" });
            await button(officer, "Sign for 2,000.000").click();
            await officer.getByText("You have signed it. Another person signs it now.").waitFor();
            await second.goto("/en/programme");
            await second.getByText("1 of 2 signatures", { exact: false }).first().waitFor();
            await shot(second, "an-order-needs-a-person", look);
            await second.goto(at);
            await second.getByText("With it the order is carried out at once, and cannot be taken back.", { exact: false }).waitFor();
            await button(second, "Sign for 2,000.000").click();
            await second.getByText("It was carried out", { exact: false }).waitFor();
            await shot(second, "an-order-carried-out", look);
            const entry = await second.getByRole("link", { name: /^entry / }).getAttribute("href");
            const classes = await second.evaluate(async (index) => (await (await fetch(`/v1/journal/entries/${index}`)).json()).body.authority.map((a) => a.class), entry.split("/").pop());
            assert.deepEqual(classes, [1, 3], "the first by the key of the browser, the second on the server's word");
            await second.goto("/en/programme/orders");
            await second.getByText("in the journal").first().waitFor();
            await shot(second, "orders", look);
            await officer.goto("/en/me");
            await button(officer, `End the key laptop ${look.width}`).click();
            await officer.getByText("over", { exact: true }).first().waitFor();
            const [waits, rule] = await call(admin, "/v1/order-rule", { signed_by: ["key", "passkey", "word"], alone_credits: "0" });
            assert.equal(waits, 202, "a rule takes two while there is a limit");
            await second.goto(at.replace(/[^/]+$/, rule.id));
            await fits.waitFor();
            await second.getByText("One officer's signature is enough, but where a dispute or a clawback takes two.", { exact: false }).waitFor();
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
        const tabs = [], name = `Key ring ${look.width}`, base = kontor.base.replace("127.0.0.1", "localhost"); /* a number is no site that passkeys are made for */
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
            const card = (title) => officer.locator("section.card").filter({ has: officer.getByRole("heading", { name: title, exact: true }) }), keys = card("Keys for orders");
            await officer.goto("/en/me");
            await settled(officer);
            assert.equal(await button(officer, "Use a passkey").count(), 0, "there is none yet");
            await button(officer, "Make a passkey").click();
            await card("Passkeys").getByLabel("Name", { exact: true }).fill(name);
            await card("Passkeys").getByLabel("Present password").fill(kontor.password);
            await button(card("Passkeys"), "Make the passkey").click();
            await officer.getByText(`You added the passkey ${name}`).waitFor();
            /* a server that would put a key of its own in the passkey's place: another point of the curve, its generator */
            await officer.route("**/v1/me/passkeys", async (route) => {
                const reply = await route.fetch(), own = await reply.json();
                const cose = Buffer.from("a5010203262001215820" + "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" + "225820" + "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5", "hex").toString("base64");
                await route.fulfill({ response: reply, json: { ...own, items: own.items.map((p) => ({ ...p, cose })) } });
            });
            await officer.reload();
            await settled(officer);
            const askFor = async () => {
                await button(officer, "Use a passkey").click();
                await keys.getByLabel("Your password").fill(kontor.password);
                await button(officer, "Ask for it").click();
            };
            await askFor();
            await keys.getByText("This passkey has not the key that the server names.", { exact: false }).waitFor();
            await shot(officer, "a-passkey-that-is-another", look);
            await officer.unroute("**/v1/me/passkeys");
            await officer.reload();
            await settled(officer);
            await askFor();
            await keys.getByText("to be confirmed").waitFor();
            const print = (await keys.locator("code").first().innerText()).trim();
            assert.match(print, /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
            await shot(officer, "a-passkey-asked-for", look);
            await admin.goto("/en/programme/orders");
            await admin.getByText("A passkey.", { exact: false }).waitFor();
            await admin.getByLabel("The fingerprint, as you hear it").fill(print);
            await button(admin, "Confirm").click();
            await admin.getByText("Nobody has asked for one.").waitFor();
            await officer.goto("/en/programme/funds/new");
            await officer.getByLabel("Name").fill(`By passkey ${look.width}`);
            await officer.getByLabel("Credits", { exact: true }).fill("2000");
            await officer.getByLabel("Decision's number").fill(`P-${look.width}`);
            await officer.getByLabel("Reason").fill("A passkey signs it");
            await officer.locator("form button[type=submit]").click();
            await officer.getByText("Your passkey asks for a PIN, a finger or a face.", { exact: false }).waitFor();
            const sign = button(officer, "Sign for 2,000.000 with a passkey");
            await sign.waitFor();
            assert.equal(await button(officer, "Sign for 2,000.000").count(), 0, "neither with a key nor on the server's word");
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
            await officer.getByText("It was carried out", { exact: false }).waitFor();
            await officer.getByText("signed with a passkey", { exact: false }).waitFor();
            await shot(officer, "an-order-signed-with-a-passkey", look);
            const entry = await officer.getByRole("link", { name: /^entry / }).getAttribute("href");
            const authority = await officer.evaluate(async (index) => (await (await fetch(`/v1/journal/entries/${index}`)).json()).body.authority, entry.split("/").pop());
            assert.deepEqual(authority.map((a) => a.class), [2]);
            await officer.goto(entry);
            await officer.getByText("An officer's passkey", { exact: false }).waitFor();
            await officer.locator("[data-check=good]").first().waitFor();
            await officer.goto("/en/me");
            await button(officer, `End the key ${name}`).click();
            await keys.getByText("over", { exact: true }).first().waitFor();
            await button(officer, `Remove the passkey ${name}`).click();
            await card("Passkeys").getByLabel("Present password").fill(kontor.password);
            await button(card("Passkeys"), "Remove").click();
            await officer.getByText(`You removed the passkey ${name}`).waitFor();
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
