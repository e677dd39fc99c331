/* The catalogue: no key missing, none unused, every plural has its rest; and how messages are filled in. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { setWords, t } from "../../../web/lib/words.js";
import { LANGUAGES } from "../../../web/lib/languages.js";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));
const read = (name) => JSON.parse(readFileSync(join(WEB, "messages", name), "utf8"));
const names = readdirSync(join(WEB, "messages"));
/* what the shell says without JavaScript is read by scripts/build-web alone */
const parts = names.filter((f) => /^en\.(?!shell)/.test(f)).map((f) => f.slice(3));
const catalogues = parts.map((f) => read("en." + f));
const catalogue = Object.assign({}, ...catalogues);
const text = readdirSync(WEB, { recursive: true }).filter((f) => f.endsWith(".js") && !f.startsWith("vendor") && !f.startsWith("map")).map((f) => readFileSync(join(WEB, f), "utf8")).join("\n");
const wired = ["core/broker_reasons.def", "core/broker_sooner.def"].map((f) => readFileSync(fileURLToPath(new URL("../../../server/" + f, import.meta.url)), "utf8"));

test("words: every key that the pages name is in the catalogue", () => {
    const named = [...text.matchAll(/\bt[x]?\(\s*"([^"]+)"\s*[,)]/g)].map((m) => m[1]);
    assert.deepEqual([...new Set(named)].filter((key) => catalogue[key] === undefined), []);
    const chosen = [...text.matchAll(/\bt[x]?\([^"`()]*\?\s*"([^"]+)"\s*:\s*"([^"]+)"/g)].flatMap((m) => [m[1], m[2]]);
    assert.deepEqual(chosen.filter((key) => catalogue[key] === undefined), []);
});
test("words: no message is there for nobody", () => {
    const whole = new Set([...text.matchAll(/"([A-Za-z0-9=._-]+)"/g)].map((m) => m[1]));
    const begun = [...text.matchAll(/\b(?:t|tx|has)\((?:[^"`()]*\?\s*)?"([a-z.-]+\.)"\s*\+/g), ...text.matchAll(/\b(?:t|tx|has)\(`([a-z.-]+)\$\{/g), ...text.matchAll(/:\s*"(state\.)" \+/g)].map((m) => m[1]);
    assert.deepEqual(Object.keys(catalogue).filter((key) => !whole.has(key) && !begun.some((b) => key.startsWith(b))), []);
});
test("words: every reason of the broker has its words", () => {
    const codes = [...wired[0].matchAll(/^X\(\w+,\s*"([^"]+)"/gm)].map((m) => m[1]).filter((c) => c !== "offered");
    assert.ok(codes.length > 10);
    assert.deepEqual(codes.filter((c) => !catalogue[`reason.short.${c}`]), []);
    assert.deepEqual(codes.filter((c) => !catalogue[`reason.${c}`] && c !== "model"), []);
    const sooner = [...wired[1].matchAll(/^X\(\w+,\s*"([^"]+)"/gm)].map((m) => m[1]);
    assert.deepEqual(sooner.filter((c) => !catalogue[`sooner.${c}`]), []);
});
test("words: every field that an entry's page may show has its name", () => {
    const source = readFileSync(fileURLToPath(new URL("../../../server/api/entry_json.c", import.meta.url)), "utf8");
    const bodies = source.slice(source.indexOf("\nauthority_json("), source.indexOf("\nbody_json("));
    const last = source.slice(source.indexOf("\nbody_json("));
    const fields = [...(bodies + last.slice(0, last.indexOf("\n}\n"))).matchAll(/\b(?:json_\w+|index_json)\(out, "([a-z0-9_]+)"/g)].map((m) => m[1]);
    assert.ok(fields.length > 60, String(fields.length));
    /* "body" is the whole; an amount stands in the panel's own row where it is not one of these */
    assert.deepEqual([...new Set(fields)].filter((f) => f !== "body" && !catalogue["body." + f]), []);
});
test("words: a number chooses its form by the language", () => {
    const days = { "=7": "une semaine", one: "un jour", many: "{n} de jours", other: "{n} jours" };
    setWords({ "test.days": days, "test.items": { one: "{n} objet", many: "{n} d’objets", other: "{n} objets" } }, "fr");
    const said = (key, n) => t(key, { n }).replace(/\s/g, " ");
    assert.deepEqual([0, 1, 2, 7, 1_000_000].map((n) => said("test.days", n)), ["0 jours", "un jour", "2 jours", "une semaine", "1,000,000 de jours"]);
    assert.equal(said("test.items", 0), "0 objet");
    setWords({}, "en");
});
const forms = (message) => (typeof message === "string" ? { other: message } : message);
const everywhere = (check) => {
    const wrong = [];
    for (const language of Object.keys(LANGUAGES)) for (const part of [...parts, "shell.json"]) for (const [key, message] of Object.entries(read(`${language}.${part}`))) {
        const fault = check(message, { language, key, part, english: read("en." + part)[key] });
        if (fault) wrong.push(`${language}.${part} ${key}: ${fault}`);
    }
    assert.deepEqual(wrong, []);
};
test("words: each language has the catalogues of English, with the same keys, in the same order", () => {
    assert.deepEqual([...names].sort(), Object.keys(LANGUAGES).flatMap((language) => [...parts, "shell.json"].map((part) => `${language}.${part}`)).sort());
    for (const language of Object.keys(LANGUAGES)) for (const part of [...parts, "shell.json"]) assert.deepEqual(Object.keys(read(`${language}.${part}`)), Object.keys(read("en." + part)), `${language}.${part}`);
});
test("words: a plural has the categories of its language, and no other", () => everywhere((message, { language, english }) => {
    if (typeof message !== typeof english) return `a ${typeof message}, where English has a ${typeof english}`;
    if (typeof message === "string") return message ? "" : "empty";
    const rules = new Intl.PluralRules(language), known = rules.resolvedOptions().pluralCategories;
    const missing = known.filter((c) => !message[c]), strange = Object.keys(message).filter((c) => !known.includes(c) && !/^=\d+$/.test(c));
    if (missing.length || strange.length) return `without ${missing}, with ${strange}`;
    return "";
}));
test("words: what is filled in, and the tags, are those of English", () => everywhere((message, { english }) => {
    const marks = (text) => [...new Set(text.match(/\{\w+\}|<\/?\w+>/g) ?? [])].sort().join(" ");
    const had = new Set(Object.values(forms(english)).map(marks));
    const all = [...had].reduce((a, b) => (a.length > b.length ? a : b));
    /* a number may be left out of the form that means one, and stand in one where English leaves it out */
    const n = (text) => text.replace(/ ?\{n\}/, "").trim();
    return Object.entries(forms(message)).filter(([, text]) => !had.has(marks(text)) && !(typeof message === "object" && n(marks(text)) === n(all))).map(([form, text]) => `${form} has ${marks(text)}, English ${[...had].join(" or ")}`).join("; ");
}));
test("words: no exclamation marks, no straight dashes as pauses, nothing left in English", () => {
    const left = {};
    everywhere((message, { language, key, english }) => {
        for (const [form, text] of Object.entries(forms(message))) {
            if (/!|\bplease\b|\boops\b| - /i.test(text)) return form;
            const same = forms(english)[form] === text && /\p{L}{4,}.*\s.*\p{L}{4,}/u.test(text.replace(/\{\w+\}|<\/?\w+>/g, ""));
            if (language !== "en" && same && key !== "reservation.access.command") (left[language] ??= []).push(key);
        }
        return "";
    });
    assert.deepEqual(left, {});
});
test("words: the catalogues are sorted, so that two changes meet in one place only, and share no key", () => {
    for (const keys of catalogues.map(Object.keys)) assert.deepEqual(keys, [...keys].sort((a, b) => (a < b ? -1 : 1)));
    assert.equal(Object.keys(catalogue).length, catalogues.reduce((n, c) => n + Object.keys(c).length, 0));
});
test("words: the shell says what it is asked for, and no more", () => {
    const asked = [...readFileSync(join(WEB, "index.html"), "utf8").matchAll(/\{\{t ([\w.-]+)\}\}/g)].map((m) => m[1]);
    assert.deepEqual([...new Set(asked)].sort(), Object.keys(read("en.shell.json")));
});
test("words: what signs out is called as nothing else is, least of all what leaves an organisation", () => {
    for (const language of Object.keys(LANGUAGES)) {
        const all = Object.assign({}, ...parts.map((part) => read(`${language}.${part}`)));
        assert.deepEqual(Object.keys(all).filter((key) => all[key] === all["sign-out"]), ["sign-out"], language);
    }
});

/* docs/glossary.md: where English says a term, each language says its own, known by how the longest word of it begins, as languages
 * decline. OTHERWISE: English says the word there in another sense. */
const OTHERWISE = new Set([
    "aid.by", "aid.cert.law", "aid.declaration.none", "aid.given", "aid.linked.hint", "aid.on", "aid.worth", "body.gge_cents", "body.gge_eur_cents", "certificate.says.disorder", "entry.proof.cannot", "evidence.erase.text",
    "evidence.why.ordered", "floors.do.none", "foot.public", "grant.euro.hint", "order.reason.hint", "outlook.free", "problem.guarded", "problem.rate-limited", "proof.unchecked", "quotes.renew", "reason.cost", "reason.short.floor",
    "reservation.access.command", "verify.own.hint", "site.drain.do", "site.gaps.text", "site.pause.do", "site.tickets.none.text", "site.tickets.sub", "ticket.order",
]);
const GLOSSARY = readFileSync(fileURLToPath(new URL("../../../docs/glossary.md", import.meta.url)), "utf8").split("\n").filter((line) => /^\| .* \|$/.test(line)).map((line) => line.slice(2, -2).split(" | "));
const unmarked = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const terms = (cell) => cell.replace(/\([^)]*\)/g, "").split(/[,;·]/).map((term) => term.trim()).filter(Boolean);
const beginning = (term) => {
    const word = unmarked(term.split(/[\s-]+/).sort((a, b) => b.length - a.length)[0]);
    return word.slice(0, Math.max(Math.min(word.length - 1, 4), Math.ceil(word.length / 2)));
};
test("words: the glossary's term where English says it", () => {
    assert.ok(GLOSSARY.length > 40 && Object.keys(LANGUAGES).every((language) => GLOSSARY[0].includes(language)), "docs/glossary.md is not the table it was");
    const used = new Set();
    everywhere((message, { language, key, english }) => {
        if (language === "en") return "";
        const said = unmarked(Object.values(forms(message)).join(" ")), had = Object.values(forms(english)).join(" ").replace(/\{\w+\}|<\/?\w+>/g, "");
        return GLOSSARY.slice(2).filter(([term]) => !term.includes("sides of an entry")).filter((row) => {
            const asked = new RegExp(`\\b(${terms(row[0]).join("|")})s?\\b`, "i");
            if (!asked.test(had) || terms(row[GLOSSARY[0].indexOf(language)]).some((term) => said.includes(beginning(term)))) return false;
            used.add(key);
            return !OTHERWISE.has(key);
        }).map((row) => `${row[0]} is ${row[GLOSSARY[0].indexOf(language)]}`).join("; ");
    });
    assert.deepEqual([...OTHERWISE].filter((key) => Object.keys(LANGUAGES).length > 1 && !used.has(key)), [], "no exception needed");
});
test("words: no term is tacked on to a sentence, in brackets or behind a colon", () => everywhere((message, { english }) => {
    const had = Object.values(forms(english)).join(" "), said = unmarked(had);
    return Object.values(forms(message)).flatMap((text) => [
        ...[...text.matchAll(/\(([^(){}]*)\)/g)].filter(([, inside]) => !had.includes("(") && !said.includes(unmarked(inside))).map(([all]) => all),
        ...(had.includes(":") ? [] : text.match(/: \p{L}+$/gu) ?? []),
    ]).join("; ");
}));
