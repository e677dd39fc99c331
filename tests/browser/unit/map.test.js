/* The map: every page is opened by the tests or the measurements; and every page that asks the server for something says so ahead. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { PAGES, STORIED } from "../pages.js";
import { match } from "../../../web/lib/match.js";
import { ROUTES } from "../../../web/lib/routes.js";

const WEB = new URL("../../../web/", import.meta.url);
/** Whatever prepare() may have found. */
const at = new Proxy({}, { get: (_, name) => (["grants", "organisations"].includes(String(name)) ? at : "7") });

test("map: each page of the map is opened somewhere", () => {
    const opened = [...PAGES, ...STORIED].map(([, , path]) => (typeof path === "function" ? path(at) : path).split(/[?#]/)[0]);
    const first = (path) => ROUTES.find((route) => match(route.path, path));
    const seen = new Set(opened.map(first));
    assert.deepEqual(ROUTES.filter((route) => !seen.has(route)).map((route) => route.path), []);
});
test("map: what a page shows first is read ahead, so that it is drawn once", () => {
    const files = [...new Set(ROUTES.map((route) => /pages\/[\w-]+\.js/.exec(String(route.load))[0]))];
    const asks = (text) => /\b(useData|useLive|useSites)\(/.test(text);
    assert.deepEqual(files.filter((file) => {
        const text = readFileSync(new URL(file, WEB), "utf8");
        return asks(text) && !/^export const first = /m.test(text);
    }), []);
});
test("map: no page draws Europe so that places are cut off where the words beside it are longer", () => {
    const files = ["parts/map.js", ...new Set(ROUTES.map((route) => /pages\/[\w-]+\.js/.exec(String(route.load))[0]))];
    const drawn = files.filter((file) => readFileSync(new URL(file, WEB), "utf8").includes("EuropeMap"));
    assert.ok(drawn.length > 3, String(drawn));
    assert.deepEqual(drawn.filter((file) => /(preserveAspectRatio|crop)\s*=\s*"[^"]*slice/.test(readFileSync(new URL(file, WEB), "utf8"))), []);
});
