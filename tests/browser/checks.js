/* What every page must keep, beyond what axe finds. Each check throws with what is wrong and where. */
import assert from "node:assert/strict";
import axe from "axe-core";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** axe, WCAG 2.2 AA, or only some of its rules. It is put into the page once; our pages have no frames. */
export const accessible = async (page, where, rules) => {
    if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
    const wrong = await page.evaluate(async (runOnly) => {
        const { violations } = await globalThis.axe.run(document, { runOnly, resultTypes: ["violations"], preload: false });
        return violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ")).join(" | ")}`);
    }, rules ? { type: "rule", values: rules } : { type: "tag", values: TAGS });
    assert.deepEqual(wrong, [], where);
};
/** The window at another size, once the page has it. */
export const resize = async (page, width, height) => {
    await page.setViewportSize({ width, height });
    await page.waitForFunction((w) => innerWidth === w, width);
};
/** What reaches furthest to the right, whatever it is in: for a page that is too wide and nobody sticks out of it. */
const widest = (page) => page.evaluate(() => [...document.querySelectorAll("body *")].map((e) => ({ e, right: e.getBoundingClientRect().right }))
    .filter(({ right }) => right > document.documentElement.clientWidth).sort((a, b) => b.right - a.right).slice(0, 5)
    .map(({ e, right }) => `${e.tagName} ${e.getAttribute("class")} ${Math.round(right)} ${e.textContent.trim().slice(0, 30)}`).join(" | "));
/** One h1, a title that begins with what the page is, landmarks; no sideways scrolling; nothing cut off. */
export const sound = async (page, where) => {
    const found = await page.evaluate(() => {
        const say = (e) => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 40)}`;
        const all = [...document.querySelectorAll("body *")].filter((e) => !(e instanceof SVGElement && e.tagName !== "svg"));
        return {
            h1: document.querySelectorAll("h1").length, title: document.title, main: document.querySelectorAll("main").length, language: document.documentElement.lang, path: location.pathname,
            wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
            /* what sticks out of the page, except inside its own scrolling region */
            out: all.filter((e) => {
                const r = e.getBoundingClientRect();
                return r.width > 0 && r.right > innerWidth + 1 && !e.closest(".table-scroll, .hidden-text, pre, .jws, .skip, svg");
            }).slice(0, 3).map(say),
            /* words that an element hides because it is too small for them; fields scroll, a ticket's end may go */
            cut: all.filter((e) => {
                const style = getComputedStyle(e);
                return /hidden|clip/.test(style.overflowX + style.overflowY) && !e.matches(".jws, .whose, .hidden-text, svg, html, body, input, textarea, select") && !e.closest(".hidden-text, legend") && e.clientWidth > 1
                    && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
            }).slice(0, 3).map(say),
            small: [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter((e) => {
                const r = e.getBoundingClientRect();
                const inline = getComputedStyle(e).display.startsWith("inline") && e.closest("p, dd, td, li, .second, span, h2, th, nav.crumbs");
                return r.width > 0 && !inline && !e.closest(".hidden-text, label, .check, .choice, td, th, dd, dt") && (r.width < 24 || r.height < 23.5);
            }).slice(0, 3).map((e) => `${e.tagName} ${e.textContent.slice(0, 30)} ${Math.round(e.getBoundingClientRect().height)}`),
        };
    });
    assert.equal(found.h1, 1, `${where}: one h1`);
    assert.equal(found.main, 1, `${where}: one main`);
    assert.equal(found.language, found.path.split("/")[1], where);
    assert.match(found.title, /Kontor$/, where);
    assert.ok(found.wide <= 0, `${where}: ${found.wide} px too wide: ${found.out.join(" | ") || await widest(page)}`);
    assert.deepEqual(found.out, [], `${where}: sticks out`);
    assert.deepEqual(found.cut, [], `${where}: cut off`);
    assert.deepEqual(found.small, [], `${where}: targets under 24 px`);
};
/** The same with a sheet that the reader lays over ours. */
const under = async (sheet, page, where) => {
    await page.evaluate((text) => {
        const own = new CSSStyleSheet();
        own.replaceSync(text);
        document.adoptedStyleSheets = [own];
    }, sheet);
    await sound(page, where);
    await page.evaluate(() => {
        document.adoptedStyleSheets = [];
    });
};
/** With the spacing of WCAG 1.4.12. */
export const spaced = (page, where) => under("* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }", page, where);
/** With text of twice the size (WCAG 1.4.4), as a browser has it that enlarges text only. */
export const enlarged = (page, where) => under("html { font-size: 200% !important; }", page, where);
/**
 * What axe does not ask: each drawing has its sentence or table outside of it; a control's name has the words that are seen on it (WCAG 2.5.3); a state
 * is said by a word and a sign, not by its colour; a region where deeds are told is there before there is anything to tell.
 */
export const told = async (page, where) => {
    const wrong = await page.evaluate(() => {
        const plain = (text) => text.replace(/[\s\u00a0]+/g, " ").trim().toLowerCase();
        const say = (e) => `${e.tagName} ${e.getAttribute("class")} ${plain(e.textContent).slice(0, 40)}`;
        const shown = (e) => e.getClientRects().length > 0;
        const seen = (e) => {
            const copy = e.cloneNode(true);
            for (const hidden of copy.querySelectorAll(".hidden-text, svg")) hidden.remove();
            return plain(copy.textContent);
        };
        const named = [...document.querySelectorAll("a[aria-label], button[aria-label], summary[aria-label], [role=button][aria-label]")].filter(shown);
        return [
            ...[...document.querySelectorAll("svg.chart, svg.calendar-drawing")].filter((e) => e.getAttribute("aria-hidden") !== "true" || !e.closest("section, .card, main").querySelector("table")).map((e) => `a drawing without its table: ${say(e)}`),
            ...named.filter((e) => /\p{L}|\d/u.test(seen(e)) && !plain(e.getAttribute("aria-label")).includes(seen(e))).map((e) => `called "${e.getAttribute("aria-label")}", but it reads: ${seen(e)}`),
            ...[...document.querySelectorAll(".state")].filter((e) => shown(e) && !(e.querySelector("svg") && seen(e))).map((e) => `a state without its sign or word: ${say(e)}`),
            ...(document.querySelectorAll(".toasts[aria-live=polite]").length === 1 ? [] : ["nowhere to tell what was done"]),
        ];
    });
    assert.deepEqual(wrong, [], where);
};
/**
 * What a screen reader says from now on: the words of live regions that are there now, when they change, and of alerts that come. A region that comes
 * with its words is not read out. @returns {Promise<() => Promise<string[]>>} what was said so far, without "loading"
 */
export const listen = async (page, loading) => {
    await page.evaluate(() => {
        const REGIONS = "[aria-live=polite], [aria-live=assertive], [role=status], [role=alert]";
        const said = (e) => e.textContent.replace(/\s+/g, " ").trim();
        const known = new Map([...document.querySelectorAll(REGIONS)].map((e) => [e, said(e)]));
        const heard = [];
        new MutationObserver(() => {
            for (const [e, was] of known) {
                const is = said(e);
                known.set(e, is);
                if (e.isConnected && is !== was && is) heard.push(is);
            }
            for (const e of document.querySelectorAll(REGIONS)) {
                if (known.has(e)) continue;
                known.set(e, said(e));
                if (e.matches("[role=alert]")) heard.push(said(e));
            }
        }).observe(document.body, { childList: true, subtree: true, characterData: true });
        globalThis.__heard = heard;
    });
    return () => page.evaluate((not) => globalThis.__heard.filter((words) => words !== not), loading);
};
/** Walk with Tab through the whole page, or backwards: each stop has a ring, is in sight and not hidden behind something sticky. */
export const walkable = async (page, where, { most = 90, backwards = false } = {}) => {
    /* where one sets out is lost if the page draws itself anew just then: once more */
    const stops = (await walk(page, where, most, backwards)) || (await walk(page, where, most, backwards));
    assert.ok(stops > 2, `${where}: nothing to walk to`);
};
/** @returns {Promise<number>} the stops; 0 if there were hardly any */
const walk = async (page, where, most, backwards) => {
    await page.evaluate((end) => {
        scrollTo(0, end ? document.documentElement.scrollHeight : 0);
        document.activeElement?.blur();
        if (end) getSelection().collapse(document.body, document.body.childNodes.length); /* from where Shift+Tab sets out */
    }, backwards);
    let stops = 0;
    const seen = new Set();
    for (; stops < most; stops++) {
        await page.keyboard.press(backwards ? "Shift+Tab" : "Tab");
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
    return stops > 2 ? stops : 0;
};
/** With forced colours, states keep a border, bars a frame, and the present page in the column its mark. */
export const forced = async (page, where) => {
    await page.emulateMedia({ forcedColors: "active" });
    const bad = await page.evaluate(() => [
        ...[...document.querySelectorAll(".state")].filter((e) => Number.parseFloat(getComputedStyle(e).borderTopWidth) < 1).map((e) => `no border: ${e.textContent}`),
        ...[...document.querySelectorAll(".bar .frame")].filter((e) => getComputedStyle(e).stroke === "none").map(() => "a bar without a frame"),
        ...[...document.querySelectorAll(".column .pages a[aria-current]")].filter((e) => getComputedStyle(e, "::before").borderLeftStyle === "none").map((e) => `no mark: ${e.textContent}`),
    ]);
    await page.emulateMedia({ forcedColors: "none" });
    assert.deepEqual(bad, [], where);
};
/** Nothing moves for who asked for that; for others only opacity and colours, for 120 ms at most. */
export const still = async (page, where) => {
    const moving = () => page.evaluate(() => [...document.querySelectorAll("*")].flatMap((e) => {
        const s = getComputedStyle(e);
        const long = Math.max(...s.transitionDuration.split(",").map(Number.parseFloat), ...s.animationDuration.split(",").map((d) => Number.parseFloat(d) || 0));
        return long > 0 ? [{ long, what: s.transitionProperty, who: `${e.tagName} ${e.className}` }] : [];
    }));
    assert.deepEqual(await moving(), [], `${where}: moves though less motion was asked for`);
    await page.emulateMedia({ reducedMotion: "no-preference" });
    const some = await moving();
    await page.emulateMedia({ reducedMotion: "reduce" });
    assert.deepEqual(some.filter((m) => m.long > 0.12 || !m.what.split(", ").every((p) => p === "opacity" || p.endsWith("color"))), [], `${where}: motion of more than colour`);
};
/** What Chromium receives on the wire from now on, with headers; quiet() waits until nothing is under way but event streams. */
export const meter = async (page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    const open = new Set();
    let bytes = 0, wake = () => {};
    const done = (e) => {
        open.delete(e.requestId);
        if (!open.size) wake();
    };
    session.on("Network.requestWillBeSent", (e) => e.type !== "EventSource" && !e.request.url.startsWith("data:") && open.add(e.requestId));
    session.on("Network.loadingFailed", done);
    session.on("Network.loadingFinished", (e) => {
        bytes += e.encodedDataLength;
        done(e);
    });
    const quiet = () => (open.size ? new Promise((r) => (wake = r)) : Promise.resolve());
    return { session, bytes: () => bytes, quiet, idle: () => open.size === 0 };
};
/** Begin to note layout shifts; read with shifts(). */
export const watchShifts = (page) => page.addInitScript(() => {
    const name = (node) => (node?.nodeType === 1 ? `${node.tagName}.${node.className?.baseVal ?? node.className}` : node?.parentElement ? `text in ${node.parentElement.tagName}.${node.parentElement.className}` : "?");
    const where = ({ x, y, width }) => `${Math.round(x)},${Math.round(y)} ${Math.round(width)} wide`;
    const list = [];
    const take = (entries) => list.push(...entries.filter((e) => !e.hadRecentInput).map((e) => ({ value: e.value, at: Math.round(e.startTime),
        what: e.sources.slice(0, 3).map((s) => `${name(s.node)} ${where(s.previousRect)}→${where(s.currentRect)}`) })));
    const observer = new PerformanceObserver((l) => take(l.getEntries()));
    observer.observe({ type: "layout-shift", buffered: true });
    globalThis.__shifts = () => {
        take(observer.takeRecords());
        return { sum: list.reduce((sum, e) => sum + e.value, 0), list };
    };
});
/** @returns {Promise<{sum: number, list: {value: number, at: number, what: string[]}[]}>} once what came last is drawn */
export const shifts = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(globalThis.__shifts())))));
