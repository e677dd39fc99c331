/* The modules as text: what is imported exists and is used, no cycle, no mark-up from strings, no string outside the catalogue. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));
const files = readdirSync(WEB, { recursive: true }).filter((f) => f.endsWith(".js") && !f.startsWith("vendor") && !f.startsWith("map"));
const source = Object.fromEntries(files.map((f) => [f, readFileSync(join(WEB, f), "utf8")]));
const bare = (text) => text.replace(/\/\*[\s\S]*?\*\//g, "");
const imports = (file) => [...source[file].matchAll(/^(?:import|export)\s+(?:(\w+)\s*,?\s*)?(?:\{([^}]*)\})?\s*from\s+"([^"]+)"/gm)].map(([, whole, names, from]) => ({
    whole, names: (names ?? "").split(",").map((n) => n.trim()).filter(Boolean), from: relative(WEB, join(WEB, dirname(file), from)),
}));
const exported = (file) => {
    const text = source[file] ?? readFileSync(join(WEB, file), "utf8");
    const names = new Set([...text.matchAll(/export (?:const|let|class|async function|function)\s+(\w+)/g)].map((m) => m[1]));
    for (const [, list] of text.matchAll(/export\s*\{([^}]*)\}/g)) for (const n of list.split(",")) names.add(n.trim().split(/\s+as\s+/).at(-1));
    if (/export default/.test(text)) names.add("default");
    return names;
};

test("modules: each name imported is exported there, and used", () => {
    const wrong = [];
    for (const file of files) {
        for (const { whole, names, from } of imports(file)) {
            const there = exported(from);
            if (whole) if (!there.has("default")) wrong.push(`${file}: ${from} has no default`);
            for (const name of names) {
                const [theirs, mine = theirs] = name.split(/\s+as\s+/);
                if (!there.has(theirs)) wrong.push(`${file}: ${from} does not export ${theirs}`);
                if (file !== "lib/html.js" && bare(source[file]).split(new RegExp(`(?<!\\w|[^.]\\.)${mine}(?!\\w)`)).length <= 2) wrong.push(`${file}: ${mine} is imported and not used`);
            }
        }
    }
    assert.deepEqual(wrong, []);
});
test("modules: names used as tags and hooks are imported or made here", () => {
    for (const file of files) {
        const text = bare(source[file]);
        for (const [, name] of text.matchAll(/<\$\{(\w+)\}/g)) assert.ok(new RegExp(`(?:const|import[^;]*[{,\\s])\\s*${name}\\b`).test(text), `${file}: ${name} is not known`);
    }
});
test("modules: what is not used outside is not exported", () => {
    const used = new Set(files.flatMap((f) => imports(f).flatMap((i) => [...i.names.map((n) => `${i.from}:${n.split(/\s+as\s+/)[0]}`)])));
    const tests = readdirSync(fileURLToPath(new URL("..", import.meta.url)), { recursive: true }).filter((f) => f.endsWith(".js") && !f.includes("node_modules")).map((f) => readFileSync(fileURLToPath(new URL("../" + f, import.meta.url)), "utf8")).join("\n");
    const idle = files.flatMap((file) => [...exported(file)].filter((name) => name !== "default" && file !== "lib/html.js" && !used.has(`${file}:${name}`) && !new RegExp(`\\b${name}\\b`).test(tests)).map((name) => `${file}: ${name}`));
    assert.deepEqual(idle, []);
});
test("modules: no mark-up from strings, no eval, no inline style", () => {
    for (const file of files) assert.doesNotMatch(bare(source[file]), /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|\beval\(|new Function|document\.write|style=/, file);
});
/* Where the string or template that begins at i ends, or the code in braces that begins there. */
const end = (text, i) => {
    const open = text[i++];
    for (; i < text.length; i++) {
        if (text[i] === "\\") i++;
        else if (open === "{" && text[i] === "}" || open !== "{" && text[i] === open) return i + 1;
        else if (open === "`" && text[i] === "$" && text[i + 1] === "{") i = end(text, i + 1) - 1;
        else if (open === "{" && "{\"'`".includes(text[i])) i = end(text, i) - 1;
    }
    return i;
};
/* What stands in a template itself, without the code in it. */
const words = (text, i) => {
    let own = "";
    for (i++; i < text.length && text[i] !== "`"; i++) {
        if (text[i] === "$" && text[i + 1] === "{") i = end(text, i + 1) - 1;
        else own += text[i];
    }
    return own.replace(/<[^>]*>/g, "|").match(/[A-Za-z]{3,}/g) ?? [];
};
test("modules: text on the page comes from the catalogue", () => {
    for (const file of files) {
        const text = bare(source[file]);
        for (const { index } of text.matchAll(/html`/g))
            assert.deepEqual(words(text, index + 4).filter((w) => !/^(Kontor|sha|kontor|audit|Ed25519|EUR)$/.test(w)), [], `${file}: words in a template`);
    }
});
test("modules: nor do sentences stand in code, nor words in what a part is given to show", () => {
    const wrong = [];
    for (const file of files.filter((f) => f !== "lib/starts.js")) { /* programs */
        const text = bare(source[file]).replace(/new Error\([^)]*\)/g, "");
        for (const [found] of text.matchAll(/"[A-Z][a-z]+[^"\n]*? [A-Za-z]{2,}[^"\n]*"/g)) wrong.push(`${file}: ${found}`);
        for (const [found, , value] of text.matchAll(/\b(label|title|hint|placeholder|alt|aria-label|unit|sub|words|credits)="([^"$]*)"/g)) if (/\p{L}{2,}/u.test(value) && value !== "EUR") wrong.push(`${file}: ${found}`);
        for (const [found] of text.matchAll(/\.(toLocale\w+|localeCompare)\(|new Intl\.(?!NumberFormat\((locale|name)|PluralRules\((?:language|"en")|DateTimeFormat\("en-GB")\w+/g)) wrong.push(`${file}: ${found} beside lib/format.js`);
    }
    assert.deepEqual(wrong, []);
});
