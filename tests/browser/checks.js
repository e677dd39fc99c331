/* What every page must keep, beyond what axe finds. */
import assert from "node:assert/strict";
import AxeBuilder from "@axe-core/playwright";

/** axe, WCAG 2.2 AA. */
export const accessible = async (page, where, rules) => {
    const axe = new AxeBuilder({ page });
    const { violations } = await (rules ? axe.withRules(rules) : axe.withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])).analyze();
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(" | ")}`), [], where);
};
/** One h1, a title that begins with what the page is, landmarks; no sideways scrolling; nothing cut off. */
export const sound = async (page, where) => {
    const found = await page.evaluate(() => ({
        h1: document.querySelectorAll("h1").length, title: document.title, heading: document.querySelector("h1")?.textContent, main: document.querySelectorAll("main").length, language: document.documentElement.lang,
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        /* what sticks out of the page, except inside its own scrolling region */
        out: [...document.querySelectorAll("body *")].filter((e) => !(e instanceof SVGElement && e.tagName !== "svg")).filter((e) => {
            const r = e.getBoundingClientRect();
            return r.width > 0 && r.right > innerWidth + 1 && !e.closest(".table-scroll, .hidden-text, pre, .jws, .skip, svg");
        }).slice(0, 3).map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`),
        small: [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter((e) => {
            const r = e.getBoundingClientRect();
            const inline = getComputedStyle(e).display.startsWith("inline") && e.closest("p, dd, td, li, .second, span, h2, th, nav.crumbs");
            return r.width > 0 && !inline && !e.closest(".hidden-text, label, .check, .choice, td, th, dd, dt") && (r.width < 24 || r.height < 23.5);
        }).slice(0, 3).map((e) => `${e.tagName} ${e.textContent.slice(0, 30)} ${Math.round(e.getBoundingClientRect().height)}`),
    }));
    assert.equal(found.h1, 1, `${where}: one h1`);
    assert.equal(found.main, 1, `${where}: one main`);
    assert.equal(found.language, "en", where);
    assert.match(found.title, /Kontor$/, where);
    assert.ok(found.wide <= 0, `${where}: ${found.wide} px too wide`);
    assert.deepEqual(found.out, [], `${where}: sticks out`);
    assert.deepEqual(found.small, [], `${where}: targets under 24 px`);
};
/** Walk with Tab through the whole page: each stop has a ring, is in sight and not hidden behind something sticky. */
export const walkable = async (page, where, most = 90) => {
    await page.evaluate(() => {
        scrollTo(0, 0);
        document.activeElement?.blur();
    });
    let stops = 0;
    const seen = new Set();
    for (; stops < most; stops++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(() => {
            const e = document.activeElement;
            if (!e || e === document.body || e === document.documentElement) return null;
            e.dataset.walk ??= String(Math.random());
            const r = e.getBoundingClientRect();
            const ringed = (x) => x && getComputedStyle(x).outlineStyle !== "none" && Number.parseFloat(getComputedStyle(x).outlineWidth) >= 2;
            const [x, y] = [Math.min(Math.max(r.left + Math.min(r.width / 2, 8), 0), innerWidth - 1), Math.min(Math.max(r.top + r.height / 2, 0), innerHeight - 1)];
            const top = document.elementFromPoint(x, y);
            return { key: e.dataset.walk, what: `${e.tagName} ${e.getAttribute("aria-label") ?? e.textContent.trim().slice(0, 30)} ${e.name ?? ""}`,
                ring: ringed(e) || ringed(e.closest(".box")) || ringed(e.closest(".choice")), inside: r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth,
                clear: !top || e.contains(top) || top.contains(e) || e.closest("label")?.contains(top) || top.closest?.(".box")?.contains(e) || top.closest?.(".skip") };
        });
        if (!at || seen.has(at.key)) break;
        seen.add(at.key);
        assert.ok(at.ring, `${where}: no ring on ${at.what}`);
        assert.ok(at.inside, `${where}: out of sight: ${at.what}`);
        assert.ok(at.clear, `${where}: hidden behind something: ${at.what}`);
    }
    assert.ok(stops > 2, `${where}: nothing to walk to`);
};
/** What Chromium received on the wire, with headers, since `start` was called. */
export const meter = async (page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    let bytes = 0;
    session.on("Network.loadingFinished", (e) => {
        bytes += e.encodedDataLength;
    });
    return { session, bytes: () => bytes };
};
/** Begin to add up layout shifts; read with shifts(). */
export const watchShifts = (page) => page.addInitScript(() => {
    globalThis.__shift = 0;
    new PerformanceObserver((list) => {
        for (const e of list.getEntries()) if (!e.hadRecentInput) globalThis.__shift += e.value;
    }).observe({ type: "layout-shift", buffered: true });
});
export const shifts = (page) => page.evaluate(() => globalThis.__shift);
