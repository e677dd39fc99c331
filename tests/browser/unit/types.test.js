/* TypeScript reads the pages' modules with their JSDoc types. What is vendored is not ours to type. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const check = (...more) => spawnSync(process.execPath, [tsc, ...more], { cwd: fileURLToPath(new URL("..", import.meta.url)), encoding: "utf8" }).stdout.split("\n");

test("types: what the modules say of their types holds", () => {
    const lines = check("-p", ".", "--pretty", "false", "--listFiles");
    assert.ok(lines.filter((l) => /web\/(pages|parts|lib)\/.*\.js$/.test(l)).length > 60, "the modules were read");
    assert.deepEqual(lines.filter((l) => /error TS/.test(l) && !/^(\.\.\/)*web\/vendor\//.test(l)), []);
});
