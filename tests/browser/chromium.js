/* Debian's Chromium for the tests, with what every page of ours must keep: no console message, no error, no third party. */
import { chromium } from "playwright-core";
import { words } from "./words.js";

export const SCHEMES = ["light", "dark"];
/* as people have it; bare: the same without its own windows (Debian's chromium-headless-shell), for half the processor, where hundreds of pages are opened */
export const launch = ({ bare = false } = {}) => chromium.launch({ executablePath: process.env.CHROMIUM ?? (bare ? "/usr/bin/chromium-headless-shell" : "/usr/bin/chromium"), args: ["--lang=en-IE", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])], env: { ...process.env, LANGUAGE: "en_IE" } });

/* Chromium itself notes each reply above 399; a page that must cope with one names it */
const refusal = (text, cope) => cope.includes(Number(/^Failed to load resource: the server responded with a status of (\d+)/.exec(text)?.[1]));

/**
 * A page of its own context that notes what it must not do. `cope`: statuses of replies that the page is here to cope with.
 * `beside`: the one other origin that it may go to, and what is said there is not ours.
 * @returns {Promise<{page: any, faults: string[], requests: any[], context: any, close: () => Promise<void>}>}
 */
export const open = async (browser, { width = 1440, height = 900, scheme = "light", base, beside = "", cope = [], ...more } = {}) => {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale: "en-IE", timezoneId: "Europe/Madrid", reducedMotion: "reduce", baseURL: base, ...more });
    const page = await context.newPage();
    const faults = [], requests = [];
    page.on("console", (m) => {
        if (!refusal(m.text(), cope) && !(beside && m.location().url.startsWith(beside))) faults.push(`console ${m.type()}: ${m.text()} ${m.location().url}`);
    });
    page.on("pageerror", (e) => faults.push("error: " + e.message));
    page.on("request", (r) => {
        requests.push(r);
        if (base && !r.url().startsWith(base) && !(beside && r.url().startsWith(beside)) && !/^(blob|data):/.test(r.url())) faults.push("third party: " + r.url());
    });
    return { page, faults, requests, context, close: () => context.close() };
};
export const signIn = async (page, email, password, language = "en") => {
    const say = words(language);
    await page.goto(`/${language}/sign-in`);
    await page.getByLabel(say("sign-in.email")).fill(email);
    await page.getByLabel(say("sign-in.password"), { exact: true }).fill(password);
    await page.getByRole("button", { name: say("sign-in.do") }).click();
    await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
};
/** As if the browser were another one. The page is left first: one that still reads would ask without its session. */
export const forgetSession = async (page) => {
    await page.goto("about:blank");
    await page.context().clearCookies();
};
/** Wait until nothing is loading. */
export const settled = async (page) => {
    await page.waitForSelector("h1");
    await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
    await page.evaluate(() => document.fonts.ready);
};
