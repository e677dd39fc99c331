/* A stand-in for kontord with the story of the design's pictures: for looking at pages while writing them
 * (node tests/browser/mock.js WEBROOT [PORT]) and for states that a real server shows only when something is wrong.
 * The tests of the story never use it: they run against a real kontord. */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { pathToFileURL } from "node:url";

const NOW = Date.parse("2026-05-12T12:47:11.000Z");
const iso = (ms) => new Date(ms).toISOString();
const at = (text) => iso(Date.parse(text));
const HOUR = 3_600_000;
const amount = (name, credits) => {
    const milli = BigInt(Math.round(credits * 1000));
    return { [name + "_gpums"]: String(milli * 3600n), [name + "_credits"]: `${milli / 1000n}.${String(milli % 1000n).padStart(3, "0")}` };
};
const id = (n) => `0196c4d1-7a52-7c1e-9d0f-${String(n).padStart(12, "0")}`;

const SITES = [
    ["bsc", "BSC AI Factory", "MareNostrum 5", "Barcelona", "ES", 41389, 2116, "H100", 64, 512, 1850, true, true],
    ["cineca", "IT4LIA", "Leonardo", "Bologna", "IT", 44494, 11343, "A100", 64, 400, 1000, false, false],
    ["lumi", "LUMI AI Factory", "LUMI", "Kajaani", "FI", 64227, 27733, "MI250X", 128, 640, 1250, true, false],
    ["lxp", "L-AI Factory", "MeluXina", "Bissen", "LU", 49792, 6069, "A100", 40, 200, 900, true, false],
    ["mimer", "MIMER", "Mimer", "Linköping", "SE", 58410, 15621, "80 GB", 80, 128, 1400, true, true],
    ["hlrs", "HammerHAI", "HammerHAI", "Stuttgart", "DE", 48740, 9097, "80 GB", 80, 96, 1400, true, true],
    ["grnet", "Pharos", "DAEDALUS", "Lavrio", "GR", 37714, 24055, "80 GB", 80, 160, 1100, true, true],
].map(([code, name, system, city, country, lat_milli, lon_milli, model, memory_gb, brokered_gpus, rate_milli, rateAssumed, assumed], i) => ({
    code, name, system, city, country, lat_milli, lon_milli, assumed, state: code === "grnet" ? "silent" : "active", last_contact: iso(NOW - (code === "grnet" ? 26 * 60_000 : 3000)), index: 10 + i,
    offerings: [{ index: 30 + i, site: code, model, memory_gb, gpus_per_node: 4, max_gpus_one_island: 512, kind: "batch", assumed, rate: { index: 50 + i, rate_milli, assumed: rateAssumed, valid_from: at("2026-01-12T00:00:00Z") },
        nodes: brokered_gpus / 4, brokered_gpus, pool_nodes: 0, modes: [], floors: [], free_gpus_now: Math.round(brokered_gpus * (0.1 + 0.07 * i)) }],
}));
const site = (code) => SITES.find((s) => s.code === code);
const WEEK0 = Date.parse("2026-05-11T00:00:00Z");
const WEEKS = { lumi: [9400, 13200, 18800, 22100, 24600, 31000, 33400, 34200], cineca: [6100, 11700, 14900, 19300, 25200, 27800, 30100, 33000], bsc: [3800, 6400, 9900, 14000, 16800, 20400, 26200, 28900], lxp: [12600, 14400, 17000, 21800, 22300, 24900, 25200, 26000],
    mimer: [2200, 4000, 6300, 8100, 11400, 12600, 13900, 14400], hlrs: [1900, 2700, 3600, 6200, 8800, 10100, 12000, 12400], grnet: [1400, 1100, 8400, 10900, 12200, 13600, 14100, 14800] };
const BRISA = { id: id(1), name: "Brisa Imaging S.L.", country: "ES", city: "Valencia", lat_milli: 39470, lon_milli: -376 };
const FELDSPAT = { id: id(2), name: "Feldspat KI GmbH", country: "DE", city: "Leipzig", lat_milli: 51340, lon_milli: 12375 };
const PEOPLE = {
    "ines.ferrer@brisa.example": { name: "Inés Ferrer", roles: [{ role: "owner", organisation: BRISA }] },
    "jonas.weber@feldspat.example": { name: "Jonas Weber", roles: [{ role: "member", organisation: FELDSPAT }] },
    "marek.nowak@investai.example": { name: "Marek Nowak", roles: [{ role: "officer" }] },
    "giulia.serra@cineca.example": { name: "Giulia Serra", roles: [{ role: "site_operator", site: "cineca" }] },
    "admin@kontor.example": { name: "Ada Operator", roles: [{ role: "administrator" }, { role: "officer" }] },
};
const PASSWORD = "correct horse battery";
const grant = (account, organisation, mode, granted, settled, held, start, end, more = {}) => ({
    account, organisation: { id: organisation.id, name: organisation.name }, mode, tranche: 104, start: at(start), end: at(end), ...amount("granted", granted), ...amount("settled", settled), ...amount("held", held),
    ...amount("free", granted - settled - held), ...amount("reported", 0), ...amount("lapsed", 0), ...amount("clawed_back", 0), entry: 311408, last_entry: 482911, as_of: at("2026-05-12T12:45:00Z"), state: "active", ...more,
});
const FAST = { code: "fast-lane", name: "Fast Lane" }, PLAY = { code: "playground", name: "Playground" };
const GRANTS = [grant(311, BRISA, FAST, 40000, 14228.4, 2201.6, "2026-03-02T00:00:00Z", "2026-05-31T22:00:00Z"), grant(280, BRISA, PLAY, 5000, 4998.2, 0, "2025-11-03T00:00:00Z", "2026-02-03T00:00:00Z", { state: "ended", ...amount("free", 0), ...amount("lapsed", 1.8) }),
    grant(340, FELDSPAT, PLAY, 5000, 0, 0, "2026-05-11T00:00:00Z", "2026-08-10T00:00:00Z")];
const reservation = (n, name, code, gpus, hours, state, start, more) => {
    const s = site(code), o = s.offerings[0];
    const cost = (gpus * hours * o.rate.rate_milli) / 1000;
    const from = Date.parse(start);
    return {
        id: id(n), request: id(n + 50), name, organisation: { id: BRISA.id, name: BRISA.name }, grant: 311, site: { code, name: s.name, city: s.city, country: s.country }, offering: o, gpus, nodes: gpus / 4, walltime_s: hours * 3600,
        window: { start: iso(from), end: iso(from + hours * HOUR) }, start_by: iso(from + 2 * HOUR), accept_by: iso(from - HOUR), permit_from: iso(from - HOUR), state, outcome: null, ...amount("cost_at_most", cost), ...amount("held", cost), ...amount("settled", 0),
        reported: { gpu_seconds: 0, ...amount("cost", 0), as_of: null }, exit_code: null, hold_entry: 481207 + n, settle_entries: [], void_entry: null, ticket: { jti: id(n + 70), seq: 2214 + n, fence: 1 }, instance: 4,
        timeline: [], next: [], move_freely: true, moved_from: null, moved_to: null, ...more,
    };
};
const shareOf = (g, used, model, ahead) => ({ account: g.account, organisation: g.organisation, mode: g.mode, start: g.start, end: g.end, state: "active", ...amount("accrued", 31000), ...amount("committed", used), used_milli: Math.ceil(used / 31), dominant: used ? { model, share_milli: Math.ceil(used / 28) } : null,
    classes: used ? [{ model, gpu_seconds: used * 3600, ...amount("committed", used), share_milli: Math.ceil(used / 28) }] : [], half_life_days: 30, waiting: used ? 2 : 0, next: used ? { reservation: id(1), site: "lumi", model, start: at("2026-05-14T18:00:00Z"), ahead } : null, text: "", as_of: iso(NOW) });
const SHARES = [shareOf(GRANTS[0], 16430, "A100", 3), shareOf(GRANTS[2], 0, "", 0)];
const ACCEPTED = Date.parse("2026-05-10T14:20:04.118Z");
const RUNNING = reservation(0, "ct-seg-v4 pretrain", "cineca", 64, 54, "running", "2026-05-11T06:00:00Z", {
    ...amount("held", 1488), ...amount("settled", 1968), reported: { gpu_seconds: 7084800, ...amount("cost", 1968), as_of: at("2026-05-12T12:45:00Z") }, settle_entries: [482911],
    timeline: [{ what: "accepted", time: iso(ACCEPTED), by: "requester", detail: "", entry: 481207, report: null }, { what: "ticket-issued", time: iso(ACCEPTED + 3), by: "kontor", detail: "", entry: null, report: null },
        { what: "delivered", time: iso(ACCEPTED + 21), by: "cineca", detail: "", entry: null, report: null }, { what: "permitted", time: iso(ACCEPTED + 1784), by: "kontor", detail: "", entry: null, report: 9288 },
        { what: "started", time: at("2026-05-11T06:00:11Z"), by: "cineca", detail: "", entry: null, report: null }],
    next: [{ what: "finished", by: at("2026-05-13T12:00:00Z") }, { what: "settled", by: at("2026-05-13T12:15:00Z") }],
});
const coming = (steps) => ({ timeline: steps.map((what, i) => ({ what, time: iso(ACCEPTED + i * 19), by: i ? "kontor" : "requester", detail: "", entry: i ? null : 481300, report: null })), next: [{ what: "started", by: at("2026-05-14T20:00:00Z") }, { what: "finished", by: at("2026-05-15T08:00:00Z") }, { what: "settled", by: at("2026-05-15T08:00:00Z") }] });
const ended = (what, outcome) => ({ outcome, ...amount("held", 0), ...coming(["accepted", "ticket-issued", "delivered", "permitted", "started", what, "settled"]), next: [] });
const RESERVATIONS = [RUNNING, reservation(1, "ct-seg-v4 evaluation", "lumi", 16, 12, "permitted", "2026-05-14T18:00:00Z", coming(["accepted", "ticket-issued", "delivered", "permitted"])),
    reservation(2, "denoise sweep", "bsc", 32, 8, "issued", "2026-05-16T04:00:00Z", coming(["accepted", "ticket-issued"])),
    reservation(3, "denoise first try", "lxp", 8, 6, "settled", "2026-05-04T04:00:00Z", { ...ended("finished", "finished"), ...amount("settled", 31.4) }),
    reservation(4, "augmentation test with a rather long name that must wrap somewhere", "hlrs", 4, 2, "settled", "2026-05-02T04:00:00Z", { ...ended("failed", "failed-job"), ...amount("settled", 2.1) }),
    reservation(5, "old baseline", "mimer", 16, 2, "voided", "2026-05-01T04:00:00Z", { ...ended("withdrawn", "withdrawn"), ...amount("settled", 0) })];

const KEYS = generateKeyPairSync("ed25519");
const JWK = { ...KEYS.publicKey.export({ format: "jwk" }), kid: "0", use: "sig", alg: "EdDSA" };
const b64 = (v) => Buffer.from(typeof v === "string" ? v : JSON.stringify(v)).toString("base64url");
const CLAIMS = { iss: "kontor.example/demo", aud: "cineca", jti: id(70), iat: 1, nbf: 1, exp: 2, seq: 2214, fence: 1, do: "run", request: id(50), reservation: id(0), organisation: BRISA.id, offering: 31, model: "A100", gpus: 64, nodes: 16,
    window: [Date.parse(RUNNING.window.start), Date.parse(RUNNING.window.end)], permit_from: 1, accept_by: 1, start_by: 1, walltime_s: 194400, rate_milli: 1000, max_gpums: RUNNING.cost_at_most_gpums, workload: { sha256: "9c41e2" + "0".repeat(52) + "d807be", len: 400 }, hold: 481207 };
const signed = `${b64({ alg: "EdDSA", typ: "kontor-ticket+jwt", kid: "0" })}.${b64(CLAIMS)}`;
const JWS = `${signed}.${sign(null, Buffer.from(signed), KEYS.privateKey).toString("base64url")}`;

const free = (code, columns) => Array.from({ length: columns }, (_, i) => {
    const s = site(code).offerings[0].brokered_gpus;
    const wave = Math.abs(Math.sin(i * 0.35 + code.length * 2.1 + code.charCodeAt(0)) * Math.cos(i * 0.11 + code.charCodeAt(1)));
    return code === "grnet" && i > 20 && i < 29 ? null : Math.round(s * (0.08 + 0.5 * wave));
});
const QUOTE = (wants) => {
    const gpus = wants.gpus, hours = wants.walltime_s / 3600;
    const option = (code, start, km, why) => {
        const o = site(code).offerings[0];
        return { site: code, offering: o.index, model: o.model, memory_gb: o.memory_gb, gpus, nodes: Math.ceil(gpus / 4), start: at(start), end: iso(Date.parse(start) + hours * HOUR), start_by: at(start), rate: o.rate.index, rate_milli: o.rate.rate_milli,
            ...amount("cost", (gpus * hours * o.rate.rate_milli) / 1000), distance_km: km, booked: code === "lumi", not_sooner: why };
    };
    const options = [option("lumi", "2026-05-14T04:00:00Z", 3304, { code: "busy", text: "", numbers: { most_free: 88, brokered: 640, from: at("2026-05-13T06:00:00Z"), to: at("2026-05-14T04:00:00Z"), gpus } }),
        option("cineca", "2026-05-16T16:00:00Z", 1116, { code: "gap", text: "", numbers: { longest_s: 42 * 3600, length_s: hours * 3600, from: at("2026-05-14T10:00:00Z"), to: at("2026-05-16T04:00:00Z"), gpus } }),
        option("bsc", "2026-05-18T04:00:00Z", 300, { code: "busy", text: "", numbers: { most_free: 116, brokered: 512, from: at("2026-05-13T06:00:00Z"), to: at("2026-05-18T04:00:00Z"), gpus } })];
    if (wants.preference === "cheapest") options.unshift(options.splice(1, 1)[0]);
    options.forEach((o, i) => Object.assign(o, { rank: i, booked: i === 0 }));
    const refusal = (code, reason, numbers, help) => ({ site: code, offering: site(code).offerings[0].index, model: site(code).offerings[0].model, code: reason, text: "", numbers, certificate: reason === "no-gap" ? [{ from: at("2026-05-13T00:00:00Z"), to: at("2026-05-22T00:00:00Z"), free: 96 }] : [], certificate_more: 0, help });
    const what = (change, to, code, start, credits, sooner, cheaper, more) => ({ change, to, text: "", site: code, offering: site(code).offerings[0].index, start: at(start), end: at(start), ...amount("cost", credits), sooner_s: sooner, ...amount("cheaper", cheaper), ...more });
    return { grant: wants.grant, renewed: false, created: iso(NOW), now: iso(NOW), options: gpus > 5000 ? [] : options,
        refusals: [refusal("lxp", "memory", { needs: 64, has: 40 }, { change: "memory_gb", to: 40, start: at("2026-05-13T07:30:00Z"), ...amount("cost", 5529.6) }),
            refusal("mimer", "no-gap", { length_s: hours * 3600, gpus, deadline: at("2026-05-29T16:00:00Z"), longest_s: 12 * 3600, most_throughout: 96, earliest: at("2026-06-02T02:15:00Z") }, null), refusal("hlrs", "too-large", { asked: gpus, brokered: 96 }, { change: "gpus", to: 96, start: at("2026-05-19T07:30:00Z"), ...amount("cost", 6451.2) }),
            refusal("grnet", "country", { country: "GR", chosen: 6 }, { change: "countries", to: "GR", start: at("2026-05-26T04:00:00Z"), ...amount("cost", 6758.4) })],
        what_if: [what("gpus", 88, "lumi", "2026-05-13T06:00:00Z", 5280, 79200, 2400), what("memory_gb", 40, "lxp", "2026-05-13T07:30:00Z", 5529.6, 73800, 2150), what("walltime_s", 42 * 3600, "cineca", "2026-05-14T10:00:00Z", 5376, -21600, 2304), what("gpus_and_walltime", 64, "lumi", "2026-05-13T06:00:00Z", 7680, 79200, 0, { to_walltime_s: 96 * 3600 })] };
};
const KINDS = ["VOID", "SETTLE", "SETTLE", "GRANT", "RATE", "EXPIRE", "SETTLE", "HOLD", "SETTLE", "SETTLE", "CORRECT", "LAPSE", "KEY", "HOLD", "SETTLE"];
const entry = (index) => {
    const kind = KINDS[(481214 - index + 1500) % 15] ?? "SETTLE";
    const none = kind === "RATE" || kind === "KEY";
    const bytes = Buffer.alloc(160);
    const time = Date.parse("2026-05-10T14:21:12.904Z") - (481214 - index) * 9871;
    const gpums = none ? 0n : index === 481207 ? 12441600000n : BigInt((index * 37) % 900000) * 3600n * 40n;
    bytes.writeUInt16BE(1, 0);
    bytes.writeUInt16BE({ VOID: 10, SETTLE: 9, GRANT: 5, RATE: 16, EXPIRE: 11, HOLD: 8, CORRECT: 13, LAPSE: 7, KEY: 18 }[kind], 2);
    bytes.writeBigUInt64BE(BigInt(index), 4);
    bytes.writeBigUInt64BE(BigInt(time), 12);
    bytes.writeBigUInt64BE(gpums, 48);
    const leaf = createHash("sha256").update(Buffer.concat([Buffer.from([0]), bytes])).digest("hex");
    const account = (n, label, c) => ({ account: n, label, class: c });
    return { index, kind, time: iso(time), group: { first: index, len: 1, pos: 0 }, debit: none ? null : account(311, "Fast Lane grant of Brisa Imaging S.L.", "grant"), credit: none ? null : account(31, ["lumi", "cineca", "lxp"][index % 3], "site"),
        amount_gpums: String(gpums), amount_credits: "0.000", prev_debit: none ? null : index - 552, prev_credit: none ? null : index - 4, leaf_hash: leaf, summary: none ? "lxp A100 40 GB costs 0.900 from now on." : "64 GPUs for 54 h held for a job at cineca.",
        body: kind === "HOLD" ? { request: id(50), reservation: id(0), offering: 31, rate: 51, gpus: 64, walltime_s: 194400, window_start: RUNNING.window.start, window_end: RUNNING.window.end, start_by: RUNNING.start_by, expiry: at("2026-05-27T18:00:00Z"), fence: 1 } : {}, bytes: bytes.toString("hex") };
};
const settles = () => Array.from({ length: 40 }, (_, i) => ({ ...entry(482911 - i * 40), kind: i % 9 === 5 ? "HOLD" : "SETTLE", time: iso(NOW - i * 1.7 * 24 * HOUR - 1000), ...amount("amount", i < 9 ? 14228.4 / 18 : (14228.4 / 2) / 31) }));
const REQUEST = { id: id(90), organisation: { id: BRISA.id, name: BRISA.name }, grant: 311, name: "ct-seg-v5 pretrain", gpus: 128, walltime_s: 48 * 3600, memory_gb: 64, model: "", countries: ["ES", "IT", "FI", "LU", "SE", "DE"], one_island: true, kind: "batch", earliest_start: at("2026-05-13T06:00:00Z"), deadline: at("2026-05-29T16:00:00Z"),
    max_credits: null, preference: "soonest", move_freely: true, template: "script", parameters: {}, script: "#!/bin/sh\npython train.py\n", created: iso(NOW), reservation: null };

const OUTPUT = ["14:46:21  step 18400  loss 0.2151  lr 1.8e-04  412 vol/s  64 ranks", "14:46:33  step 18410  loss 0.2147  lr 1.8e-04  413 vol/s  64 ranks", "14:46:45  step 18420  loss 0.2143  lr 1.8e-04  411 vol/s  64 ranks", "14:46:46  val dice liver 0.941  spleen 0.918  pancreas 0.803", "14:46:58  checkpoint saved: ct-seg-v4/step-18420 (2.7 GB, 9.1 s)", "14:47:09  step 18430  loss 0.2140  lr 1.8e-04  409 vol/s  64 ranks"].join("\n");
const tranche = (account, name, received, granted, settled, held, lapsed) => ({ account, fund: 100, name, reference: name.toUpperCase(), ...amount("received", received), ...amount("granted", granted), ...amount("settled", settled), ...amount("held", held), ...amount("free", received - granted), ...amount("lapsed", lapsed), entry: account });

const routes = (state) => {
    const real = Date.now();
    const now = () => NOW + (Date.now() - real);
    const list = (items) => ({ items, next: null });
    const openQuote = () => ({ ...QUOTE({ ...REQUEST, grant: 311 }), id: id(91), request: id(90), state: "open", expires: iso((state.expires ||= now() + 521_000)) });
    return [
        ["GET", /^\/v1\/session$/, () => ({ person: state.person ? { id: id(7), name: state.person.name, email: state.email } : null, csrf: state.person ? "token" : "", roles: state.person?.roles ?? [], guides: [], simulation: true, now: iso(now()) })],
        ["POST", /^\/v1\/session$/, (_, body) => {
            state.email = body.email;
            state.person = body.password === PASSWORD ? PEOPLE[body.email] : null;
            return state.person ? { person: { id: id(7), name: state.person.name, email: body.email }, csrf: "token", roles: state.person.roles, guides: [], simulation: true, now: iso(now()) } : [401, "credentials"];
        }],
        ["DELETE", /^\/v1\/session$/, () => {
            state.person = null;
            return {};
        }],
        ["POST", /^\/v1\/me\/password$/, () => ({})],
        ["GET", /^\/v1\/sites$/, () => list(SITES)],
        ["GET", /^\/v1\/offerings$/, () => list(SITES.map((s) => ({ ...s.offerings[0], weeks: WEEKS[s.code].map((h, i) => ({ from: iso(WEEK0 + i * 7 * 24 * HOUR), gpus_free_min: 8, gpu_hours_free: h })) })))],
        ["GET", /^\/v1\/offerings\/free$/, (_, __, query) => ({ from: query.get("from"), step_s: 21600, as_of: iso(now()), items: SITES.map((s) => ({ offering: s.offerings[0].index, site: s.code, free: free(s.code, Number(query.get("columns"))), free_below_node: [] })) })],
        ["GET", /^\/v1\/policies$/, () => list([{ code: "playground", name: "Playground", cap_gpums: String(5000n * 3600000n), longest_ms: 92 * 86400000 }, { code: "fast-lane", name: "Fast Lane", cap_gpums: String(50000n * 3600000n), longest_ms: 92 * 86400000 }])],
        ["GET", /^\/v1\/journal$/, () => ({ size: 482930, root: "907cd2d6".repeat(8), time: iso(NOW), term: 3, simulation: true, origin: "kontor.example/demo", genesis: "6068c246".repeat(8) })],
        ["GET", /^\/\.well-known\/jwks\.json$/, () => ({ keys: [JWK] })],
        ["GET", /^\/v1\/organisations\/(.+)$/, () => BRISA],
        ["GET", /^\/v1\/organisations$/, () => list([BRISA, FELDSPAT])],
        ["GET", /^\/v1\/grants$/, (_, __, query) => list(GRANTS.filter((g) => !query.get("organisation") || g.organisation.id === query.get("organisation")))],
        ["GET", /^\/v1\/grants\/(\d+)$/, (m) => GRANTS.find((g) => g.account === Number(m[1])) ?? [404, "not-found"]],
        ["GET", /^\/v1\/grants\/(\d+)\/entries$/, (m) => list(m[1] === "311" ? settles() : [])],
        ["POST", /^\/v1\/grants$/, () => GRANTS[0]],
        ["POST", /^\/v1\/quotes$/, (_, body) => ({ ...QUOTE(body), id: null, request: null, state: "look-only", expires: null })],
        ["GET", /^\/v1\/requests$/, (_, __, query) => list(query.get("organisation") === BRISA.id ? [REQUEST] : [])],
        ["POST", /^\/v1\/requests$/, () => REQUEST],
        ["GET", /^\/v1\/requests\/(.+)$/, () => ({ ...REQUEST, quotes: [openQuote()] })],
        ["POST", /^\/v1\/requests\/(.+)\/quotes$/, () => {
            state.expires = now() + 600_000;
            return openQuote();
        }],
        ["POST", /^\/v1\/quotes\/(.+)\/accept$/, () => (state.refuse ? [409, "quote-expired"] : RUNNING)],
        ["POST", /^\/v1\/quotes\/(.+)\/(renew|release)$/, () => openQuote()],
        ["GET", /^\/v1\/reservations$/, (_, __, query) => list(query.get("organisation") === FELDSPAT.id ? [] : RESERVATIONS)],
        ["GET", /^\/v1\/reservations\/([^/]+)\/output$/, () => ({ output: OUTPUT, truncated: true, received: at("2026-05-12T12:47:09Z"), note: "what the site sent" })],
        ["GET", /^\/v1\/reservations\/([^/]+)\/ticket$/, () => ({ jws: JWS, claims: CLAIMS })],
        ["GET", /^\/v1\/reservations\/([^/]+)\/events$/, "events"],
        ["POST", /^\/v1\/reservations\/([^/]+)\/cancel$/, () => RUNNING],
        ["GET", /^\/v1\/reservations\/([^/]+)$/, (m) => state.jobs.get(m[1]) ?? RESERVATIONS.find((r) => r.id === m[1]) ?? [404, "not-found"]],
        ["GET", /^\/v1\/reservations\/([\w-]+)\/outlook$/, (m) => {
            const r = RESERVATIONS.find((x) => x.id === m[1]);
            if (!r) return [404, "not-found"];
            const waits = r.state === "issued" || r.state === "permitted";
            return { reservation: r.id, waits, expected: waits ? { booked: r.window.start, start: r.window.start, latest: r.start_by, code: "booked" } : null, usual: waits ? { jobs: 12, median_s: 40, most_s: 180 } : null, ahead: waits ? 3 : null, displaced: null, elsewhere: null, as_of: iso(NOW),
                here: waits ? { options: [{ start: r.window.start, not_sooner: { code: "busy", text: "", numbers: { most_free: 8, brokered: 640, from: iso(NOW), to: r.window.start, gpus: r.gpus } } }], refusals: [], what_if: [] } : null };
        }],
        ["GET", /^\/v1\/(programme|sites\/\w+)\/moves$/, () => ({ overbooked: [], standing_total: 0, standing: [], next: null, as_of: iso(NOW), items: [{ organisation: BRISA.name, gpus: 32, walltime_s: 8 * 3600, why: "withdrawn", time: iso(NOW - 3 * HOUR), entry: 481800, moved: true,
            from: { reservation: id(5), site: "mimer", start: at("2026-05-14T18:00:00Z"), ...amount("cost_at_most", 256), state: "voided" }, to: { reservation: id(2), site: "bsc", start: at("2026-05-16T04:00:00Z"), ...amount("cost_at_most", 250), state: "issued" } }] })],
        ["GET", /^\/v1\/grants\/(\d+)\/share$/, (m) => SHARES.find((s) => s.account === Number(m[1])) ?? [404, "not-found"]],
        ["GET", /^\/v1\/providers$/, () => ({ items: [{ code: "myaccessid", label: "MyAccessID" }, { code: "eu-login", label: "EU Login" }], next: null, passkeys: null })],
        ["GET", /^\/v1\/me\/sessions$/, () => ({ items: [{ id: id(91), this: true, program: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", created: at("2026-05-12T08:12:00Z"), used: at("2026-05-12T12:40:00Z"), expires: at("2026-05-12T20:12:00Z") }], next: null })],
        ["GET", /^\/v1\/me\/tokens$/, () => ({ items: [{ id: id(92), name: "nightly training", scope: "write", organisation: { id: id(1), name: "Brisa Robotics" }, created: at("2026-04-02T09:00:00Z"), expires: at("2026-07-01T09:00:00Z"), used: at("2026-05-12T03:00:00Z"), used_from: "198.51.100.0/24" }], next: null })],
        ["GET", /^\/v1\/me\/notices$/, () => ({ unread: 0, items: [], next: null })],
        ["GET", /^\/v1\/me\/notice-choices$/, () => ({ items: ["job-ended", "quote-ending", "credits-lapse", "dispute", "approval", "agent-silent", "maintenance"].map((kind) => ({ kind, page: true, mail: true })) })],
        ["GET", /^\/v1\/me\/mail$/, () => ({ offered: true, address: "ines.ferrer@brisa.example", wanted: "", fault: "" })],
        ["GET", /^\/v1\/mail$/, () => ({ offered: true, waiting: 0, given_up: 0, items: [], next: null })],
        ["GET", /^\/v1\/me\/passkeys$/, () => ({ items: [{ id: id(95), name: "Phone", alone: true, backed_up: true, created: at("2026-04-02T09:00:00Z"), used: at("2026-05-12T08:12:00Z") }, { id: id(96), name: "Key on the ring", alone: false, backed_up: false, created: at("2026-04-02T09:00:00Z"), used: at("2026-04-02T09:00:00Z") }], next: null })],
        ["GET", /^\/v1\/me\/second-step$/, () => ({ demanded: true, codes: 8 })],
        ["GET", /^\/v1\/me\/security$/, () => ({ items: [{ id: id(93), at: at("2026-05-12T03:00:04Z"), what: "token_acted", name: "nightly training", detail: "requests_create", from: "198.51.100.0/24", by: "" }, { id: id(94), at: at("2026-04-02T09:00:00Z"), what: "token_made", name: "nightly training", detail: "write", from: "203.0.113.0/24", by: "" }], next: null })],
        ["GET", /^\/v1\/me\/identities$/, () => ({ items: [{ id: id(90), provider: "myaccessid", label: "MyAccessID", issuer: "https://proxy.myaccessid.example", subject: "a1b2", name: "Inés Ferrer", email: "ines.ferrer@brisa.example", linked: at("2026-03-02T09:00:00Z"), used: at("2026-05-12T08:12:00Z") }], next: null })],
        ["GET", /^\/v1\/programme\/shares$/, () => ({ items: SHARES, next: null, as_of: iso(NOW) })],
        ["GET", /^\/v1\/programme$/, () => ({ funds: [{ account: 100, name: "InvestAI", reference: "C(2026) 187", ...amount("minted", 6000000), ...amount("free", 440000), entry: 3, tranches: [tranche(104, "Playground", 400000, 312000, 148220.4, 12480, 0), tranche(105, "Fast Lane", 2100000, 1486000, 702614.25, 88931.2, 1204), tranche(106, "Large Scale", 3000000, 2240000, 811905.6, 301440, 0)] }],
            reserve: { ...amount("received", 60000), ...amount("free", 60000) }, organisations: 412, running: 63, disputed: [{ reservation: id(4), organisation: FELDSPAT.id, site: "hlrs", ...amount("held", 28.5), since: iso(NOW - 52 * HOUR) }], journal: { size: 482930, time: iso(NOW) }, conserved: true, as_of: iso(NOW) })],
        ["GET", /^\/v1\/journal\/entries$/, (_, __, query) => ({ items: Array.from({ length: Number(query.get("limit") ?? 50) }, (_, i) => entry(Math.min(Number(query.get("before") ?? 481215), 482930) - 1 - i)), next: "c" })],
        ["GET", /^\/v1\/journal\/entries\/(\d+)$/, (m) => (Number(m[1]) < 482930 ? entry(Number(m[1])) : [404, "not-found"])],
        ["GET", /^\/v1\/sites\/(\w+)\/agent$/, (m) => (m[1] === "cineca" || state.person?.roles[0].role === "administrator" ? { instance: 4, since: at("2026-05-09T06:00:00Z"), last_contact: iso(now() - 3000), last_seq: 2231, confirmed_seq: 2231, last_report: 9411, key: { index: 311502, ed25519: "ab".repeat(32) }, inventory: {}, state: "active" } : [403, "forbidden"])],
        ["GET", /^\/v1\/sites\/(\w+)\/tickets$/, () => list([["delivered", 16, 6, "2026-05-12T16:00:00Z", null], ["running", 64, 54, "2026-05-11T06:00:00Z", 7084800], ["running", 32, 20, "2026-05-11T20:00:00Z", 1929600], ["ended", 8, 8, "2026-05-12T04:00:00Z", 220320], ["settled", 8, 8, "2026-05-10T04:00:00Z", 220320]].map(([state, gpus, hours, start, seconds], i) => ({ seq: 2231 - i * 9, jti: id(200 + i), do: "run", fence: 1, gpus, model: "A100", walltime_s: hours * 3600, window: { start: at(start), end: at(start) }, state: state === "delivered" ? "issued" : state, confirmed: true, reservation: id(0), gpu_seconds: seconds, outcome: null })))],
        ["GET", /^\/v1\/sites\/(\w+)\/reports$/, () => list([["usage", 7084800, "2026-05-12T12:45:00Z"], ["usage", 1929600, "2026-05-12T12:45:00Z"], ["finished", 220320, "2026-05-12T12:41:37Z"], ["accepted", 0, "2026-05-12T12:40:02Z"]].map(([kind, gpu_seconds, time], i) => ({ number: 9411 - i, kind, time: at(time), received: at(time), gpu_seconds, seq: 2214, jti: id(70), exit_code: kind === "finished" ? 0 : null, permit: kind === "accepted" ? "granted" : null })))],
        ["POST", /^\/v1\/sites\/(\w+)\/(pause|drain)$/, (m, body) => {
            site(m[1]).state = body.paused ? "paused" : body.draining ? "draining" : "active";
            return {};
        }],
    ];
};

/** Serves what scripts/build-web made, and the story. @returns {Promise<{port: number, close: () => void, state: any, change: (job: any) => void}>} */
export const serve = (webroot, port = 0) => {
    const files = new Map(), shells = [];
    for (const line of readFileSync(`${webroot}/manifest`, "utf8").trim().split("\n")) {
        const [path, file, type, , rule, encodings] = line.split("\t");
        if (rule === "shell") shells.push([path, file, type]);
        else if (rule === "immutable") files.set(path, [file, type, encodings]);
    }
    const policy = readFileSync(new URL("../../server/api/pages.c", import.meta.url), "utf8").match(/POLICY\[\] =\n([^;]*;[^\n]*\n[^\n]*\n[^\n]*)/)[0].match(/"([^"]*)"/g).map((s) => s.slice(1, -1)).join("");
    const state = { jobs: new Map(), streams: new Set() };
    /* a job has changed: so it is answered from now on, and told to who watches */
    const change = (job) => {
        state.jobs.set(job.id, job);
        for (const stream of state.streams) stream.write(`event: reservation\ndata: ${JSON.stringify(job)}\n\n`);
    };
    const table = routes(state);
    const server = createServer((request, response) => {
        const url = new URL(request.url, "http://x");
        const chunks = [];
        request.on("data", (c) => chunks.push(c)).on("end", () => {
            const file = files.get(url.pathname);
            if (file) {
                const zipped = file[2].includes("br");
                response.writeHead(200, { "Content-Type": file[1], "Cache-Control": "max-age=31536000, immutable", ...(zipped && { "Content-Encoding": "br" }) });
                response.end(readFileSync(`${webroot}/${file[0]}${zipped ? ".br" : ""}`));
                return;
            }
            const shell = shells.find(([path]) => url.pathname.startsWith(path));
            if (shell) {
                response.writeHead(200, { "Content-Type": shell[2], "Cache-Control": "no-cache", "Content-Security-Policy": policy });
                response.end(readFileSync(`${webroot}/${shell[1]}`));
                return;
            }
            const route = table.find(([method, pattern]) => method === request.method && pattern.test(url.pathname));
            if (route?.[2] === "events") {
                response.writeHead(200, { "Content-Type": "text/event-stream" });
                response.write(": here\n\n");
                state.streams.add(response.on("close", () => state.streams.delete(response)));
                return;
            }
            const text = Buffer.concat(chunks).toString();
            const answer = route ? route[2](route[1].exec(url.pathname), text ? JSON.parse(text) : null, url.searchParams) : [404, "not-found"];
            const [status, body] = Array.isArray(answer) ? [answer[0], { type: "/errors/" + answer[1], title: answer[1], status: answer[0], detail: "", code: answer[1], instance: "urn:uuid:" + id(99) }] : [200, answer];
            response.writeHead(status, { "Content-Type": "application/json" });
            response.end(JSON.stringify(body));
        });
    });
    return new Promise((done) => server.listen(port, "127.0.0.1", () => done({ port: server.address().port, state, change, close: () => server.close() || server.closeAllConnections() })));
};
export { PASSWORD, PEOPLE, NOW };

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
    const { port } = await serve(process.argv[2] ?? "webroot", Number(process.argv[3] ?? 8099));
    console.log(`http://127.0.0.1:${port}/en/  sign in as ${Object.keys(PEOPLE).join(", ")} with "${PASSWORD}"`);
}
