/* Contrast of every pair of tokens, computed from the CSS file; and that both dark blocks say the same. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../../../web/styles/tokens.css", import.meta.url), "utf8");
const block = (start) => {
    const at = css.indexOf(start);
    assert.ok(at >= 0, start);
    return Object.fromEntries([...css.slice(at, css.indexOf("}", at)).matchAll(/--([\w-]+):\s*(#[0-9A-F]{6})/gi)].map((m) => [m[1], m[2].toUpperCase()]));
};
const light = block(":root {\n    color-scheme: light"), dark = block('[data-theme="dark"] {'), system = block(':root:not([data-theme="light"]) {');
const luminance = (hex) => {
    const [r, g, b] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
};
const TEXT = ["ink", "ink-2", "ink-3", "settled", "verdigris", "brick", "ochre", "slate", "focus"];
const FILL = ["verdigris-fill", "brick-fill", "ochre-fill", "slate-fill", "edge"];
const GROUND = ["paper", "surface", "sunken", "raised"];

for (const [scheme, tokens] of [["light", light], ["dark", dark]]) {
    test(`tokens: text on every ground is at least 4.5 (${scheme})`, () => {
        for (const text of TEXT) for (const ground of GROUND) assert.ok(contrast(tokens[text], tokens[ground]) >= 4.5, `${text} on ${ground}: ${contrast(tokens[text], tokens[ground]).toFixed(2)}`);
    });
    test(`tokens: fills and edges are at least 3.0 (${scheme})`, () => {
        for (const fill of FILL) for (const ground of GROUND.slice(0, 3)) assert.ok(contrast(tokens[fill], tokens[ground]) >= 3, `${fill} on ${ground}: ${contrast(tokens[fill], tokens[ground]).toFixed(2)}`);
    });
    test(`tokens: text on washes, buttons and heat is at least 4.5 (${scheme})`, () => {
        const pairs = [["on-primary", "verdigris"], ...["verdigris", "brick", "ochre", "slate"].flatMap((c) => [[`on-${c}-wash`, `${c}-wash`], ["ink", `${c}-wash`], [c, `${c}-wash`]]), ...[1, 2, 3, 4, 5].map((n) => [`on-heat-${n}`, `heat-${n}`]), ["surface", "settled"]];
        for (const [text, ground] of pairs) assert.ok(contrast(tokens[text], tokens[ground]) >= 4.5, `${text} on ${ground}: ${contrast(tokens[text], tokens[ground]).toFixed(2)}`);
    });
}
test("tokens: the dark scheme by choice and by system are the same", () => assert.deepEqual(system, dark));
test("tokens: nothing is set under 13 px", () => {
    for (const name of ["tokens", "base", "layout", "parts", "pages"]) {
        const text = readFileSync(new URL(`../../../web/styles/${name}.css`, import.meta.url), "utf8");
        for (const [, rem] of text.matchAll(/font(?:-size)?:[^;]*?([\d.]+)rem/g)) assert.ok(Number(rem) * 16 >= 13, `${name}.css: ${rem}rem`);
    }
});
test("tokens: each part of the font is fetched for the letters that it was made with", () => {
    const script = readFileSync(new URL("../../../scripts/vendor-web", import.meta.url), "utf8");
    const made = (name) => new RegExp(`^${name} = \\(?((?:\\s*"[^"]*")+)`, "m").exec(script)[1].replace(/["\s]/g, "");
    const asked = Object.fromEntries([...css.matchAll(/url\("\.\.\/fonts\/([\w-]+)\.woff2"\)[^}]*?unicode-range: ([^;]+);/g)].map((m) => [m[1], m[2].replace(/\s/g, "")]));
    assert.deepEqual(asked, { "source-sans-3": made("BASIC"), "source-sans-3-plain": made("BASIC"), "source-sans-3-latin": made("LATIN"), "source-sans-3-latin-ext": made("LATIN_EXT"), "source-sans-3-greek": made("GREEK") });
});
