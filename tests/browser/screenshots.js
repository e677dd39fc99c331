/* scripts/screenshots: a picture of each page, on a kontord of its own. */
import { SCHEMES, launch, open, settled, signIn } from "./chromium.js";
import { world } from "./world.js";

const [, , folder, only = ""] = process.argv; /* only: pages whose names it fits */
const kontor = await world("--rich");
const browser = await launch();
const S = "ines@brisa.example", E = "elin@nordlys.example", O = "maren@investai.example", L = "aino@lumi.example", A = "jonas@kontor.example";
const job = async (page) => `/reservations/${await page.evaluate(async () => (await (await fetch("/v1/reservations?state=running")).json()).items[0].id)}`;
const fund = async (page) => `/programme/funds/${await page.evaluate(async () => (await (await fetch("/v1/funds")).json()).items[0].account)}`;
const quotes = async (page) => {
    await page.goto("/en/ask?gpus=128&hours=48&memory=64&island=1&name=ct-seg-v5+pretrain");
    await page.waitForSelector("[data-answer=where]");
    await page.getByRole("button", { name: "Get binding quotes" }).click();
    await page.waitForURL("**/requests/*");
    return new URL(page.url()).pathname.slice(3);
};
const PAGES = [["front", null, "/"], ["sign-in", null, "/sign-in"], ["sites", null, "/sites"], ["help", null, "/help"], ["accessibility", null, "/accessibility"], ["privacy", null, "/privacy"], ["place", S, "/sites/hlrs"], ["home", S, "/home"], ["ask", S, "/ask?gpus=128&hours=48&memory=64&island=1"], ["quotes", S, quotes], ["reservation", S, job], ["reservations", S, "/reservations"], ["credits", S, "/credits"], ["me", S, "/me"], ["notices", S, "/notices"], ["people", S, "/people"], ["mail", null, "/mail#stop.x"], ["first-steps", E, "/home"],
    ["programme", O, "/programme"], ["attention", O, "/programme/attention"], ["fund", O, fund], ["use", O, "/programme/use"], ["state-aid", O, "/programme/state-aid"], ["shares", O, "/programme/shares"], ["report", O, "/programme/reports"], ["orders", O, "/programme/orders"], ["grants", O, "/programme/grants"], ["grant-new", O, "/programme/grants/new"], ["journal", O, "/journal/entries"], ["entry", O, "/journal/entries/44"], ["site", L, "/site/lumi"], ["maintenance", L, "/site/lumi/maintenance"], ["share", L, "/site/lumi/share"], ["admin", A, "/admin"]];
let asked = null; /* one request serves all looks: open quotes are few */
try {
    for (const [width, height] of [[1440, 900], [360, 800]]) {
        for (const scheme of SCHEMES) {
            const tabs = new Map();
            for (const [name, who, path] of PAGES.filter(([n]) => new RegExp(only).test(n))) {
                if (!tabs.has(who)) {
                    tabs.set(who, await open(browser, { base: kontor.base, width, height, scheme }));
                    if (who) await signIn(tabs.get(who).page, who, kontor.password);
                }
                const { page } = tabs.get(who);
                const to = path === quotes ? (asked ??= await quotes(page)) : typeof path === "function" ? await path(page) : path;
                await page.goto("/en" + to);
                await settled(page);
                await page.screenshot({ path: `${folder}/${name}${width < 1000 ? "-mobile" : ""}${scheme === "dark" ? "-dark" : ""}.png`, fullPage: true });
            }
            for (const tab of tabs.values()) await tab.close();
        }
    }
} finally {
    await browser.close();
    await kontor.stop();
}
