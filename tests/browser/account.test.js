/* One's account in Chromium: a token for a program is made, shown once, used, and ended, with what the record says of it; a
 * passkey is made, opens alone and as a second step, recovery codes do, and all of it goes. At 1440 px in light and at 360 px in
 * dark. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { accessible, sound } from "./checks.js";
import { forgetSession, launch, open, settled, signIn } from "./chromium.js";
import { world } from "./world.js";

const LOOKS = [{ width: 1440, height: 900, scheme: "light" }, { width: 360, height: 800, scheme: "dark" }];
let kontor, browser;
before(async () => {
    kontor = await world("--rich");
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await kontor?.stop();
});
const story = (name, run, cope = [], host = "127.0.0.1") => {
    for (const look of LOOKS) {
        test(`account: ${name} (${look.width} px)`, async () => {
            const tab = await open(browser, { base: kontor.base.replace("127.0.0.1", host), cope, ...look });
            tab.page.setDefaultTimeout(45_000);
            try {
                await run(tab.page, look, tab);
                assert.deepEqual(tab.faults, []);
            } finally {
                if (process.env.KONTOR_OUT) await tab.page.screenshot({ path: `${process.env.KONTOR_OUT}/${name.replaceAll(/\W+/g, "-")}-${look.width}.png`, fullPage: true }).catch(() => {});
                await tab.close();
            }
        });
    }
};
const shot = (page, name, look) => process.env.KONTOR_OUT && page.screenshot({ path: `${process.env.KONTOR_OUT}/${name}-${look.width}.png`, fullPage: true });

story("a token for a program, from making to ending", async (page, look) => {
    const name = `reports of ${look.width}`;
    await signIn(page, "ines@brisa.example", kontor.password);
    await page.goto("/en/me");
    await settled(page);
    const button = (words) => page.getByRole("button", { name: words, exact: true });
    await button("Make a token").focus();
    await page.keyboard.press("Enter");
    await button("Make the token").click();
    await page.getByText("Give it a name.").waitFor();
    await page.getByText("Your password is needed for this.").waitFor();
    await page.getByLabel("Name", { exact: true }).fill(name);
    await page.getByLabel("What it may do").selectOption({ index: 1 });
    const card = page.locator("section.card").filter({ hasText: "Tokens for your programs" });
    await card.getByLabel("Present password").fill("not the password");
    await button("Make the token").click();
    await page.getByText("The password is not right.").waitFor();
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name, "what was typed stays");
    await shot(page, "token-form", look);
    await accessible(page, "a token's form");
    await sound(page, "a token's form");
    await card.getByLabel("Present password").fill(kontor.password);
    await button("Make the token").click();
    const token = (await card.locator("pre").innerText()).trim();
    assert.match(token, /^kontor_[\w-]{49}$/);
    await accessible(page, "a token that was made");
    await shot(page, "token-made", look);
    await button("Close").click();
    assert.ok(!(await page.content()).includes(token), "shown once");
    const asks = async () => (await fetch(kontor.base + "/v1/me", { headers: { Authorization: `Bearer ${token}` } })).status;
    assert.equal(await asks(), 200);
    await page.reload();
    await settled(page);
    await page.getByText("last used").first().waitFor();
    await page.getByText(`You made the token ${name}`).waitFor();
    await button(`End the token ${name}`).click();
    await page.getByText(`You ended the token ${name}`).waitFor();
    assert.equal(await asks(), 401);
    await accessible(page, "an ended token");
    await sound(page, "an ended token");
}, [401]);

story("what one was told, and choosing it", async (page, look) => {
    await signIn(page, "ines@brisa.example", kontor.password);
    await page.goto("/en/notices");
    await settled(page);
    await page.getByRole("heading", { level: 1, name: "Notices" }).waitFor();
    await page.locator("ul.notices li").first().waitFor();
    await shot(page, "notices", look);
    await accessible(page, "notices");
    await sound(page, "notices");
    await page.getByRole("link", { name: "The job" }).first().click();
    await page.waitForURL(/\/en\/reservations\//);
    await page.goto("/en/notices");
    await settled(page);
    assert.equal(await page.locator("li.notice.new").count(), 0, "what was seen is read");
    await page.getByRole("link", { name: "Choose what you are told" }).click();
    const card = page.locator("section.card").filter({ hasText: "What you are told" });
    const box = card.getByRole("checkbox").first();
    await box.waitFor();
    const was = await box.isChecked();
    await box.focus();
    await page.keyboard.press("Space");
    await page.locator(`section.card input[type=checkbox]:not(:disabled)${was ? ":not(:checked)" : ":checked"}`).first().waitFor();
    await page.reload();
    await settled(page);
    assert.equal(await card.getByRole("checkbox").first().isChecked(), !was, "the choice is kept");
    await card.getByRole("checkbox").first().click();
    await shot(page, "notice-choices", look);
    await accessible(page, "the choices");
    await sound(page, "the choices");
});

story("a webhook, from making to removing", async (page, look) => {
    const url = `https://127.0.0.1:9/kontor-${look.width}`;
    await signIn(page, "ines@brisa.example", kontor.password);
    await page.goto("/en/people");
    await settled(page);
    await page.getByRole("link", { name: "Webhooks" }).click();
    await page.getByRole("button", { name: "Make a webhook" }).click();
    await page.getByLabel("Address").fill("http://plain.example/");
    await page.getByRole("button", { name: "Make the webhook" }).click();
    await page.getByText("Write an address that begins with https://.").waitFor();
    await shot(page, "webhook-form", look);
    await accessible(page, "a webhook's form");
    await sound(page, "a webhook's form");
    await page.getByLabel("Address").fill(url);
    await page.getByLabel("Present password").fill(kontor.password);
    await page.getByRole("checkbox", { name: "Dispute" }).uncheck();
    await page.getByRole("button", { name: "Make the webhook" }).click();
    const secret = page.locator("pre");
    assert.match((await secret.innerText()).trim(), /^whsec_[\w+/]{43}=$/);
    await page.getByRole("button", { name: "Close", exact: true }).click();
    assert.equal(await secret.count(), 0, "shown once");
    await page.getByRole("button", { name: `Send a test to ${url}` }).click();
    await page.getByText("Its address is not a public one.").first().waitFor();
    await shot(page, "webhooks", look);
    await accessible(page, "webhooks");
    await sound(page, "webhooks");
    await page.getByRole("button", { name: `Remove the webhook ${url}` }).click();
    await page.getByText("The webhook was removed.").first().waitFor();
});

/** The link of a letter that has come after so many, and says this. */
const linkOf = async (had, words) => {
    for (const until = Date.now() + 60_000; Date.now() < until; await new Promise((r) => setTimeout(r, 100))) {
        const found = readdirSync(kontor.letters).filter((name) => parseInt(name, 10) > had).map((name) => readFileSync(`${kontor.letters}/${name}`, "utf8")).find((text) => text.includes(words));
        if (found) return found.match(/http:\S+\/mail#\S+/)[0];
    }
    throw new Error(`no letter says ${words}`);
};
story("notices by e-mail, and a language of one's own", async (page, look) => {
    const email = look.width > 1000 ? "ines@brisa.example" : "elin@nordlys.example", address = `letters-${look.width}@brisa.example`;
    const button = (words) => page.getByRole("button", { name: words, exact: true });
    await signIn(page, email, kontor.password);
    await page.goto("/fi/me");
    await settled(page);
    await button("Valitse kieleksi Suomi").focus();
    await page.keyboard.press("Enter");
    await page.getByText("Ensimmäinen sivusi ja sähköpostisi ovat kielellä Suomi.").waitFor();
    await page.goto("/");
    await page.waitForURL("**/fi/");
    await forgetSession(page);
    await signIn(page, email, kontor.password);
    await page.waitForURL("**/fi/home");
    await page.goto("/en/me");
    await settled(page);
    const card = page.locator("section.card").filter({ has: page.getByRole("heading", { name: "Notices by e-mail", exact: true }) });
    await card.getByRole("button", { name: "Send a link there" }).click();
    await page.getByText("Write an address like name@company.eu.").waitFor();
    await shot(page, "mail-form", look);
    await page.evaluate(() => scrollTo(0, 0)); /* the bar at the top covers what lies under it */
    await accessible(page, "the form of an address");
    await sound(page, "the form of an address");
    const had = readdirSync(kontor.letters).length;
    await card.getByLabel("Present password").fill(kontor.password);
    await card.getByLabel("E-mail address").fill(address);
    await page.keyboard.press("Enter");
    await card.getByText(`A link is on its way to ${address}.`).waitFor();
    const link = await linkOf(had, "Linkki avautuu kerran");
    assert.equal(new URL(link).pathname, "/fi/mail");
    await page.goto("about:blank");
    await page.goto(link.replace("/fi/", "/en/"));
    await settled(page);
    await shot(page, "mail-link", look);
    await button("Confirm").focus();
    await page.keyboard.press("Enter");
    await page.getByText("The address is confirmed.").waitFor();
    await accessible(page, "a confirmed address");
    await page.reload();
    await button("Confirm").click();
    await page.getByText("This link does not open any more.").waitFor();
    await page.goto("/en/me");
    await card.getByText(`They go to ${address}.`).waitFor();
    assert.equal(await page.getByRole("checkbox", { name: "By e-mail" }).first().isChecked(), true);
    await page.evaluate(() => scrollTo(0, 0));
    await accessible(page, "an address");
    await card.getByRole("button", { name: "No more e-mails" }).click();
    await card.getByRole("button", { name: "Send a link there" }).waitFor();
    await button("Choose none").click();
    await page.getByText("Your first page follows your browser").waitFor();
}, [403]);

/** An authenticator of Chromium's own, which says yes at once. */
const authenticator = async (page) => {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send("WebAuthn.enable");
    const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
    return cdp.send("WebAuthn.addVirtualAuthenticator", { options });
};
story("a passkey alone, a second step, recovery codes", async (page, look) => {
    const email = look.width > 1000 ? "ines@brisa.example" : "elin@nordlys.example", name = `Laptop ${look.width}`;
    await authenticator(page);
    await signIn(page, email, kontor.password);
    await page.goto("/en/me");
    await settled(page);
    const button = (words, where = page) => where.getByRole("button", { name: words, exact: true });
    const card = (title) => page.locator("section.card").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
    const prove = async (where, words) => {
        await where.getByLabel("Present password").fill(kontor.password);
        await button(words, where).click();
    };
    await button("Make a passkey").focus();
    await page.keyboard.press("Enter");
    await button("Make the passkey").click();
    await page.getByText("Give it a name.").waitFor();
    await shot(page, "passkey-form", look);
    await accessible(page, "a passkey's form");
    await card("Passkeys").getByLabel("Name", { exact: true }).fill(name);
    await prove(card("Passkeys"), "Make the passkey");
    await page.getByText(`You added the passkey ${name}`).waitFor();
    await button("Make new recovery codes").click();
    await prove(card("Second step"), "Make new recovery codes");
    const codes = (await card("Second step").locator("pre").innerText()).trim().split("\n");
    assert.equal(codes.length, 10);
    await shot(page, "recovery-codes", look);
    await accessible(page, "recovery codes");
    await button("Close", card("Second step")).click();
    assert.ok(!(await page.content()).includes(codes[0]), "shown once");
    await button("Demand a second step").click();
    await prove(card("Second step"), "Demand a second step");
    await page.getByText("You demanded a second step after the password").waitFor();
    await shot(page, "passkeys", look);
    await sound(page, "passkeys");
    const away = async () => {
        await page.context().clearCookies();
        await page.goto("/en/sign-in");
        await settled(page);
    };
    await away();
    await shot(page, "sign-in-passkey", look);
    await accessible(page, "sign-in with a passkey");
    await button("Sign in with a passkey").click();
    await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
    const password = async () => {
        await page.getByLabel("E-mail address").fill(email);
        await page.getByLabel("Password", { exact: true }).fill(kontor.password);
        await button("Sign in with password").click();
        await page.getByText("You demand a second step").waitFor();
    };
    await away();
    await password();
    await shot(page, "second-step", look);
    await accessible(page, "the second step");
    await button("Use a passkey").click();
    await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
    await away();
    await password();
    await button("Sign in with the code").click();
    await page.getByText("Type one of your recovery codes.").waitFor();
    await page.getByLabel("Recovery code").fill("0000 0000 0000 0000");
    await button("Sign in with the code").click();
    await page.getByText("This is none of your recovery codes").waitFor();
    await page.getByLabel("Recovery code").fill(codes[3].toUpperCase());
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
    await page.goto("/en/me");
    await settled(page);
    await page.getByText("9 left").waitFor();
    await button("Demand it no more").click();
    await prove(card("Second step"), "Demand it no more");
    await page.getByText("You ended the second step after the password").waitFor();
    await button(`Rename the passkey ${name}`).click();
    await card("Passkeys").getByLabel("Name", { exact: true }).fill(name + " b");
    await button("Rename", card("Passkeys")).last().click();
    await button(`Remove the passkey ${name} b`).click();
    await prove(card("Passkeys"), "Remove");
    await page.getByText(`You removed the passkey ${name} b`).waitFor();
    await sound(page, "no passkey any more");
}, [401], "localhost"); /* a number is no site that passkeys are made for */

/* The world's officers have no such duty, so that other stories are about something else: here the server's answers say that they do. */
story("an officer makes a second step before anything else", async (page, look) => {
    let due = true;
    await page.route((url) => url.pathname === "/v1/session", async (route) => {
        const reply = await route.fetch();
        await route.fulfill({ response: reply, json: { ...(await reply.json()), second_due: due } });
    });
    const button = (words) => page.getByRole("button", { name: words, exact: true });
    const card = page.locator("section.card").filter({ has: page.getByRole("heading", { name: "Second step", exact: true }) });
    const prove = async (words) => {
        await card.getByLabel("Present password").fill(kontor.password);
        await card.getByRole("button", { name: words, exact: true }).click();
    };
    await signIn(page, "tomas@investai.example", kontor.password);
    await page.waitForURL((url) => url.pathname === "/en/me");
    await page.getByText("You need a second step first.").waitFor();
    await page.goto("/en/programme/funds/new");
    await page.waitForURL((url) => url.pathname === "/en/me");
    await settled(page);
    await accessible(page, "a second step is due");
    await sound(page, "a second step is due");
    await shot(page, "second-step-due", look);
    await button("Make new recovery codes").click();
    await prove("Make new recovery codes");
    await card.locator("pre").waitFor();
    await card.getByRole("button", { name: "Close", exact: true }).click();
    await button("Demand a second step").click();
    due = false;
    await prove("Demand a second step");
    await page.getByText("You need a second step first.").waitFor({ state: "detached" });
    await page.goto("/en/programme");
    await settled(page);
    assert.equal(new URL(page.url()).pathname, "/en/programme");
    await page.goto("/en/me");
    await button("Demand it no more").click();
    await prove("Demand it no more");
    await page.getByText("You ended the second step after the password").first().waitFor();
});
