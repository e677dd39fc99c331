/* What a start-up asks for: as the address has it, as the server takes it, and with one thing changed. Plain functions. */
import { asTyped, fromLocalField, parseCredits, parseWhole, toLocalField } from "./format.js";

export const EMPTY = {
    gpus: "8", hours: "24", memory: "", model: "", from: "", by: "", price: "", countries: "", island: "", kind: "batch", prefer: "soonest", move: "", nights: "", dusk: "20:00", dawn: "06:00",
    name: "", template: "single-gpu", command: 'echo "$KONTOR_GPUS GPUs for $KONTOR_WALLTIME_S s on $(uname -n)"', image: "", runtime: "apptainer", entry: "train.py", args: "", secrets: "", grant: "", like: "",
};
const NAMES = Object.keys(EMPTY);

/** The form's state of an address. @param {URLSearchParams} query */
export const read = (query) => {
    const ask = { ...EMPTY };
    for (const name of NAMES) if (query.has(name)) ask[name] = query.get(name);
    return ask;
};
/** Only what differs from an empty form goes into the address. */
export const write = (ask) => Object.fromEntries(NAMES.filter((name) => ask[name] !== EMPTY[name]).map((name) => [name, ask[name]]));

/** Hours typed ("48", "1.5", "0:30") as whole seconds, or null. */
export const secondsOf = (text) => {
    const plain = text.trim().replace(",", ".");
    const clock = /^(\d{1,5}):(\d\d)$/.exec(plain);
    if (clock) return Number(clock[1]) * 3600 + Number(clock[2]) * 60 || null;
    if (!/^\d{1,5}(\.\d{1,3})?$/.test(plain)) return null;
    const [left, right = ""] = plain.split(".");
    const seconds = Number(left) * 3600 + Math.round((Number(right.padEnd(3, "0")) * 3600) / 1000);
    return seconds > 0 ? seconds : null;
};
/** Seconds as the field of hours would have them. */
export const hoursOf = (seconds) => {
    if (seconds % 3600 === 0) return String(seconds / 3600);
    if (seconds % 60 === 0) return `${Math.floor(seconds / 3600)}:${String((seconds % 3600) / 60).padStart(2, "0")}`;
    return String(Math.ceil((seconds / 3600) * 1000) / 1000);
};

/** Refusals worth a line each, and the sites of those that only have another kind of offering: none of these was asked for. */
export const sorted = (refusals) => ({
    said: refusals.filter((r) => r.code !== "kind"),
    others: [...new Set(refusals.filter((r) => r.code === "kind").map((r) => r.site))],
});

/** A time of day on a quarter of an hour, as the server takes it; null if it is none. */
const quarter = (text) => {
    const found = /^(\d{1,2})[:.](00|15|30|45)$/.exec(text.trim());
    return found && Number(found[1]) < 24 ? `${found[1].padStart(2, "0")}:${found[2]}` : null;
};
/** What is wrong with what was typed: field → key of the message. */
export const faults = (ask) => {
    const bad = {};
    if (!(parseWhole(ask.gpus) >= 1)) bad.gpus = "ask.bad.gpus";
    if (secondsOf(ask.hours) === null) bad.hours = "ask.bad.hours";
    if (ask.memory && parseWhole(ask.memory) === null) bad.memory = "ask.bad.memory";
    if (ask.price && parseCredits(ask.price) === null) bad.price = "ask.bad.price";
    if (ask.from && !fromLocalField(ask.from)) bad.from = "ask.bad.time";
    if (ask.by && !fromLocalField(ask.by)) bad.by = "ask.bad.time";
    if (ask.nights && !(parseWhole(ask.nights) >= 1 && parseWhole(ask.nights) <= 31)) bad.nights = "ask.bad.nights";
    if (ask.nights && ask.template === "allocation") bad.nights = "ask.bad.nights.allocation";
    if (ask.nights && !quarter(ask.dusk)) bad.dusk = "ask.bad.quarter";
    if (ask.nights && !quarter(ask.dawn)) bad.dawn = "ask.bad.quarter";
    return bad;
};

/** The wants of a quote, in the server's words; the form must be without faults. */
export const wants = (ask, { organisation, grant }) => ({
    organisation, grant,
    gpus: parseWhole(ask.gpus),
    walltime_s: secondsOf(ask.hours),
    memory_gb: ask.memory ? parseWhole(ask.memory) : 0,
    model: ask.model,
    countries: ask.countries ? ask.countries.split(",") : [],
    one_island: ask.island === "1",
    kind: ask.kind,
    ...(ask.template === "allocation" && { use: "allocation" }),
    ...(ask.from && { earliest_start: fromLocalField(ask.from) }),
    ...(ask.by && { deadline: fromLocalField(ask.by) }),
    ...(ask.nights && { nights: { count: parseWhole(ask.nights), from: quarter(ask.dusk), until: quarter(ask.dawn) } }),
    ...(ask.price && { max_credits: parseCredits(ask.price) }),
    preference: ask.prefer,
    move_freely: ask.move === "1",
});
/** What the site's agent must take for it, in the server's words. @param {boolean} files are any fetched or put? @param {boolean} [secrets] are any sealed? */
export const needsOf = (ask, files, secrets = false) => ask.template === "allocation" ? [] : [...(files ? ["transfer"] : []), ...(ask.template === "container" ? [ask.runtime] : []), ...(secrets ? ["secrets"] : [])];
/** What runs, in the server's words. */
export const work = (ask, script) => {
    const { template } = ask;
    if (template === "allocation") return { template };
    const parameters = template === "single-gpu" ? { command: ask.command }
        : template === "container" ? { image: ask.image, runtime: ask.runtime, command: ask.command }
        : template === "multi-node-pytorch" ? { entry: ask.entry, args: ask.args } : {};
    return { template, ...(template === "script" ? { script } : { parameters }) };
};
/** The form that would have made a request. */
export const fromRequest = (r) => ({
    ...EMPTY,
    gpus: String(r.gpus), hours: hoursOf(r.walltime_s), memory: r.memory_gb ? String(r.memory_gb) : "", model: r.model ?? "",
    from: r.earliest_start ? toLocalField(r.earliest_start) : "", by: r.deadline ? toLocalField(r.deadline) : "",
    price: r.max_credits ? asTyped(r.max_credits) : "", countries: (r.countries ?? []).join(","), island: r.one_island ? "1" : "", kind: r.kind ?? "batch",
    ...(r.nights && { nights: String(r.nights.count), dusk: r.nights.from, dawn: r.nights.until }), prefer: r.preference ?? "soonest", move: r.move_freely ? "1" : "", name: r.name ?? "", template: r.template ?? "script",
    command: r.parameters?.command ?? EMPTY.command, image: r.parameters?.image ?? "", runtime: r.parameters?.runtime ?? "apptainer", entry: r.parameters?.entry ?? EMPTY.entry, args: r.parameters?.args ?? "", secrets: (r.secrets ?? []).join(" "),
    grant: r.grant === undefined || r.grant === null ? "" : String(r.grant), like: r.id ?? "",
});

/** The form that asks for the same again: times that have passed are not asked for. @param {any} r a request @param {number} now ms */
export const again = (r, now) => {
    const ask = fromRequest(r);
    const past = (time) => time && Date.parse(time) <= now;
    return { ...ask, from: past(r.earliest_start) ? "" : ask.from, by: past(r.deadline) ? "" : ask.by };
};

/** The same form with one thing changed, as a refusal's help or a what-if says it. */
export const changed = (ask, { change, to, to_walltime_s }, chosen = ask.countries) => {
    switch (change) {
    case "gpus": return { ...ask, gpus: String(to) };
    case "walltime_s": return { ...ask, hours: hoursOf(Number(to)) };
    case "memory_gb": return { ...ask, memory: Number(to) ? String(to) : "" };
    case "countries": return { ...ask, countries: [...chosen.split(",").filter(Boolean), to].join(",") };
    case "model": return { ...ask, model: String(to) };
    case "one_island": return { ...ask, island: "" };
    case "deadline": return { ...ask, by: toLocalField(to) };
    case "max_credits": return { ...ask, price: asTyped(String(to)) };
    case "nights": return { ...ask, nights: String(to) };
    case "grant": return { ...ask, grant: String(to) };
    case "gpus_and_walltime": return { ...ask, gpus: String(to), hours: hoursOf(to_walltime_s) };
    default: return null;
    }
};
