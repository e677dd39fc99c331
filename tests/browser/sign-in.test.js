/* Signing in by a provider, through Chromium and a real provider (npm oidc-provider): a stranger, who waits for a role; one who
 * links what the provider knows them by, comes in by it, and unlinks it; one who declines; a provider that is gone. At 1440 px
 * in light and at 360 px in dark. */
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { accessible, sound } from "./checks.js";
import { forgetSession, launch, open, settled, signIn } from "./chromium.js";
import { serve } from "./mock.js";
import { world } from "./world.js";

const LOOKS = [{ width: 1440, height: 900, scheme: "light" }, { width: 360, height: 800, scheme: "dark" }];
let kontor, browser;
before(async () => {
    kontor = await world();
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await kontor?.stop();
});
const story = (name, run, cope = []) => {
    for (const look of LOOKS) {
        test(`sign-in: ${name} (${look.width} px)`, async () => {
            const tab = await open(browser, { base: kontor.base, beside: kontor.issuer, cope, ...look });
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
/** Says a name at the provider, by keyboard. */
const sayName = async (page, name) => {
    await page.waitForURL(kontor.issuer + "/**");
    await page.getByLabel("Name").fill(name);
    await page.keyboard.press("Enter");
};

story("a stranger comes by a provider, and waits for a role", async (page, look) => {
    await page.goto("/en/sign-in");
    await settled(page);
    await page.getByRole("button", { name: "Continue with Home" }).waitFor();
    await accessible(page, "sign-in with a provider");
    await sound(page, "sign-in with a provider");
    await page.getByRole("button", { name: "Continue with Home" }).focus();
    await page.keyboard.press("Enter");
    await sayName(page, `stranger at ${look.width === 360 ? "night" : "day"}`);
    await page.waitForURL("**/en/me");
    await settled(page);
    assert.match(await page.locator("main").innerText(), /Stranger At (Night|Day)/);
    await page.getByText("Your account has no role yet.").waitFor();
    assert.equal(await page.getByLabel("Present password").count(), 0, "there is none to change");
    await accessible(page, "no role yet");
    await sound(page, "no role yet");
    await page.getByRole("button", { name: "Unlink Home" }).click();
    await page.getByText("It is the only way into this account. Make another one first.").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/en/");
}, [409]);

story("one links a provider, comes in by it to the page that was asked for, and unlinks it", async (page, look) => {
    const name = look.width === 360 ? "ines by night" : "ines by day";
    await signIn(page, "ines@brisa.example", kontor.password);
    await page.goto("/en/me");
    await settled(page);
    await page.getByRole("button", { name: "Link Home" }).click();
    const password = page.locator("input[name=link-password]");
    await password.fill("not this one at all");
    await page.getByRole("button", { name: "Link Home" }).click();
    await page.getByText("The password is not right.").waitFor();
    await accessible(page, "linking takes one's password");
    await password.fill(kontor.password);
    await page.getByRole("button", { name: "Link Home" }).click();
    await sayName(page, name);
    await page.waitForURL("**/en/me");
    await settled(page);
    await page.getByRole("button", { name: "Unlink Home" }).waitFor();
    await accessible(page, "linked");
    await sound(page, "linked");
    await forgetSession(page);
    await page.goto("/en/reservations?state=running");
    await page.waitForURL("**/en/sign-in?then=*");
    await page.getByRole("button", { name: "Continue with Home" }).click();
    await sayName(page, name);
    await page.waitForURL("**/en/reservations?state=running");
    await page.goto("/en/me");
    await page.getByRole("button", { name: "Unlink Home" }).click();
    await password.fill(kontor.password);
    await accessible(page, "unlinking takes one's password");
    await page.getByRole("button", { name: "Unlink", exact: true }).click();
    await page.getByText("Home is unlinked.").first().waitFor();
    await page.getByRole("button", { name: "Link Home" }).waitFor();
}, [401]);

story("one who declines is told so, and may go on with a password", async (page) => {
    await page.goto("/en/sign-in?then=%2Fcredits");
    await page.getByRole("button", { name: "Continue with Home" }).click();
    await page.waitForURL(kontor.issuer + "/**");
    await page.getByRole("button", { name: "Decline" }).click();
    await page.waitForURL("**/en/sign-in?then=%2Fcredits&failed=sign-in-declined*");
    await page.getByText("The sign-in was declined there. Nothing has changed here.").waitFor();
    await accessible(page, "declined");
    await page.getByLabel("E-mail address").fill("ines@brisa.example");
    await page.getByLabel("Password", { exact: true }).fill(kontor.password);
    await page.getByRole("button", { name: "Sign in with password" }).click();
    await page.waitForURL("**/en/credits");
});

test("sign-in: the way back is taken once; and two providers stand in the design's order", async () => {
    const tab = await open(browser, { base: kontor.base, beside: kontor.issuer });
    const backs = [];
    tab.page.on("request", (r) => r.url().includes("/callback?") && backs.push(r.url()));
    await tab.page.goto("/en/sign-in");
    await tab.page.getByRole("button", { name: "Continue with Home" }).click();
    await sayName(tab.page, "once only");
    await tab.page.waitForURL("**/en/me");
    await settled(tab.page);
    await tab.page.goto("about:blank");
    await tab.page.context().clearCookies({ name: "kontor" });
    await tab.page.goto(backs[0]);
    await tab.page.waitForURL("**/en/sign-in?failed=sign-in-stale*");
    await tab.page.getByText("This sign-in was not begun in this browser").waitFor();
    assert.deepEqual(tab.faults, []);
    await tab.close();
    const mock = await serve(`${process.env.KONTOR_BUILD ?? "../../build"}/webroot`);
    const two = await open(browser, { base: `http://127.0.0.1:${mock.port}` });
    await two.page.goto("/en/sign-in");
    await settled(two.page);
    assert.deepEqual(await two.page.locator("main .card button.wide").allInnerTexts(), ["Continue with MyAccessID", "Continue with EU Login", "Sign in with password"]);
    assert.equal(await two.page.locator("main .card button.primary").innerText(), "Continue with MyAccessID", "one is the first choice");
    await accessible(two.page, "two providers");
    if (process.env.KONTOR_OUT) await two.page.screenshot({ path: `${process.env.KONTOR_OUT}/two-providers.png` });
    await two.close();
    mock.close();
});
