/* The statement on privacy, held against what the server sets and keeps. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

const top = new URL("../../../", import.meta.url);
const read = (path) => readFileSync(new URL(path, top), "utf8");
const said = JSON.parse(read("web/messages/en.privacy.json"));
const table = (name) => new RegExp(`CREATE TABLE public\\.${name} \\(([^;]*)\\);`).exec(read("schema/database.sql"))[1];

test("privacy: each cookie that is set is one that is named", () => {
    const set = readdirSync(new URL("server/api/", top)).filter((f) => f.endsWith(".c")).flatMap((f) => [...read(`server/api/${f}`).matchAll(/"([^"=]+)=%s; Path=/g)].map((m) => m[1]));
    assert.deepEqual(set.sort(), ["%s", "%s", "kontor-language"], "two of signing in, one of the language");
    assert.match(said["privacy.who"], /cookies are those of your sign-in and of the language/);
});
test("privacy: what stands beside hashes and keys is named", () => {
    for (const [name, column, words] of [["session", "program", /what your browser calls itself/], ["security_event", "client", /part of the network address/], ["api_token", "used_from", /part of the network address/], ["person", "password_hash", /password/]]) {
        assert.ok(table(name).includes(`    ${column} text`), `${name}.${column}`);
        assert.match(said["privacy.ways"], words);
    }
    assert.ok(table("mail_address").includes("address text") && table("person_language").includes("language text"));
    assert.match(said["privacy.person"], /address and language of your e-mails/);
});
