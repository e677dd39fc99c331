/* A page that is used by keyboard alone: what a story clicks, checks, chooses or fills is walked to with Tab, and done with Enter, Space, arrows
 * and typing. After each deed the focus must still be somewhere: who cannot see where it went begins again at the page's top. */
import assert from "node:assert/strict";

const MOST = 200, PATIENCE_MS = 10_000;
const NEXT = new Set(["locator", "first", "last", "nth", "filter", "and", "or", "getByRole", "getByLabel", "getByText", "getByPlaceholder", "getByTitle", "getByAltText", "getByTestId"]);

/** Where the focus is, seen from an element: on it, before or after it in the page, nowhere; or on another of its group of radio buttons. */
const place = (element) => {
    const at = document.activeElement;
    if (at === element) return "on";
    if (element.type === "radio" && at?.type === "radio" && at.name === element.name && at.form === element.form) return "group";
    if (!at || at === document.body) return "none";
    return at.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING ? "after" : "before";
};
const lost = () => !document.activeElement || document.activeElement === document.body || !document.activeElement.isConnected;

const walk = async (page, locator) => {
    await locator.waitFor();
    const what = String(locator);
    /* a click on what stands in a button or a label is one on these */
    const target = await locator.evaluateHandle((e) => {
        const own = e.closest("a[href], button, summary, input, select, textarea, [tabindex]");
        return e.matches("a[href], button, summary, input, select, textarea") ? e : e.closest("label")?.control ?? own ?? e;
    });
    for (let n = 0; n < MOST; n++) {
        const is = await target.evaluate(place);
        if (is === "on" || is === "group") return { target, is };
        await page.keyboard.press(is === "after" ? "Shift+Tab" : "Tab");
    }
    throw new Error(`by keyboard, ${what} is not reached with ${MOST} steps`);
};
const kept = async (page, was, what) => {
    const until = performance.now() + PATIENCE_MS;
    const gone = () => page.evaluate(lost).catch(() => true); /* on its way to another page */
    while (await gone()) {
        if (page.url() !== was) return; /* another address: its heading takes the focus as soon as it is there */
        assert.ok(performance.now() < until, `the focus is lost after ${what}`);
        await page.waitForTimeout(50);
    }
};
/** Enter on what has the focus. @returns {Promise<boolean>} whether it was that which took it */
const enter = async (page, target) => {
    await target.evaluate((e) => {
        globalThis.__taken = false;
        e.addEventListener("click", () => (globalThis.__taken = true), { once: true });
    });
    await page.keyboard.press("Enter");
    return page.evaluate(() => globalThis.__taken !== false).catch(() => true); /* another document by now */
};
const press = (page, locator) => async () => {
    const was = page.url(), what = String(locator);
    for (let n = 0; n < 3; n++) { /* a page that arrives just then takes the focus to its heading: one walks and presses again */
        const { target, is } = await walk(page, locator);
        const kind = await target.evaluate((e) => (e.matches("input[type=checkbox]") ? "box" : e.matches("input[type=radio]") ? "radio" : "other"));
        if (kind === "radio") await choose(page, target, is);
        else if (kind === "box") await page.keyboard.press("Space");
        else if (!(await enter(page, target))) continue;
        break;
    }
    await kept(page, was, what);
};
const choose = async (page, target, is) => {
    for (let n = 0; is !== "on" && n < MOST; n++) {
        await page.keyboard.press("ArrowDown");
        is = await target.evaluate(place);
    }
    assert.equal(is, "on", "a choice that arrows do not reach");
    if (!(await target.isChecked())) await page.keyboard.press("Space");
};
const check = (page, locator) => async () => {
    if (!(await locator.isChecked())) await press(page, locator)();
    assert.ok(await locator.isChecked(), `not checked: ${locator}`);
};
/** An option, by arrows: as many steps as it stands away. */
const select = (page, locator) => async (wanted) => {
    const { target } = await walk(page, locator);
    const steps = await target.evaluate((e, w) => {
        const to = [...e.options].findIndex((o) => (typeof w === "string" ? o.value === w || o.label === w : o.label === w.label));
        return to < 0 ? null : to - e.selectedIndex;
    }, wanted);
    assert.notEqual(steps, null, `no option ${JSON.stringify(wanted)}`);
    for (let n = 0; n < Math.abs(steps); n++) await page.keyboard.press(steps > 0 ? "ArrowDown" : "ArrowUp");
};
const fill = (page, locator) => async (text) => {
    const { target } = await walk(page, locator);
    if (await target.evaluate((e) => /date|time/.test(e.type))) { /* typed part by part, in the order of the browser's own language */
        await locator.fill(text);
        return;
    }
    await page.keyboard.press("Control+a");
    if (text) await page.keyboard.insertText(text);
    else await page.keyboard.press("Delete");
};
const DEEDS = { click: press, check, selectOption: select, fill };

/** The same page or part of it, with deeds done by keys. @param {any} page @param {any} [thing] @returns {any} */
export const byKeys = (page, thing = page) => new Proxy(thing, {
    get: (_, name) => {
        if (name in DEEDS && thing !== page) return DEEDS[name](page, thing);
        const value = Reflect.get(thing, name, thing);
        if (typeof value !== "function") return value;
        return NEXT.has(String(name)) ? (...args) => byKeys(page, value.apply(thing, args)) : value.bind(thing);
    },
});
