/* Amounts, times and durations as people read them. Plain functions: no page, no server, no clock of their own.
 * Amounts are gpums (GPU-milliseconds of the reference GPU), decimal strings or BigInt; never a floating-point number. */

import { decimalOf } from "./languages.js";

const GPUMS_PER_CREDIT = 3_600_000n;
const GPUMS_PER_MILLI = 3_600n;

let locale = "en-IE", decimal = ".", group = ",";
let zone;
/** @param {string} name @param {string} [timeZone] */
export const setLocale = (name, timeZone) => {
    locale = name;
    zone = timeZone;
    decimal = decimalOf(name);
    group = new Intl.NumberFormat(name, { useGrouping: true }).formatToParts(123456).find((p) => p.type === "group").value;
    made.clear();
};
let units = { d: "d", h: "h", min: "min", s: "s" };
/** The words for days, hours, minutes and seconds. @param {{d: string, h: string, min: string, s: string}} words */
export const setUnits = (words) => {
    units = words;
};
const made = new Map();
const maker = (Kind, options) => {
    const key = Kind.name + JSON.stringify(options);
    if (!made.has(key)) made.set(key, new Kind(locale, options));
    return made.get(key);
};
const dates = (options) => maker(Intl.DateTimeFormat, { timeZone: zone, ...options });

/** @param {string | bigint | number | null | undefined} value */
export const big = (value) => (value === null || value === undefined || value === "" ? 0n : BigInt(value));

/** A whole number with the language's groups. */
export const whole = (value) => maker(Intl.NumberFormat, {}).format(typeof value === "string" ? BigInt(value) : value);

/** Thousandths of a credit, cut toward zero. */
const millis = (gpums) => big(gpums) / GPUMS_PER_MILLI;

/** Credits in three places, as [whole, ".000"]; cut toward zero, like the server's own figure. */
export const creditParts = (gpums) => {
    const m = millis(gpums);
    const size = m < 0n ? -m : m;
    const sign = m < 0n ? "−" : "";
    return [sign + whole(size / 1000n), decimal + String(size % 1000n).padStart(3, "0")];
};
export const credits = (gpums) => creditParts(gpums).join("");
/** Whole credits for sentences and forecasts, rounded to the nearest; above 1,000 forecasts go to tens. */
export const roundCredits = (gpums, step = 1n) => {
    const unit = GPUMS_PER_CREDIT * step;
    const v = big(gpums);
    return ((v + (v < 0n ? -unit : unit) / 2n) / unit) * step;
};
export const wholeCredits = (gpums) => whole(roundCredits(gpums));
/** What a job costs, in a sentence: whole credits, but with their thousandths where these make the difference. */
export const priceCredits = (gpums) => (big(gpums) < 100n * GPUMS_PER_CREDIT ? credits(gpums) : wholeCredits(gpums));
export const aboutCredits = (gpums) => whole(roundCredits(gpums, big(gpums) >= 1000n * GPUMS_PER_CREDIT ? 10n : 1n));

/* A number that a person typed, as its digits before and after the decimal sign, or null. Groups are of three and may be blanks;
 * the other language's sign stands for decimals where it cannot be meant for a group: "1.5" in German, never "1.500". */
const typed = (text) => {
    let plain = text.trim().replace(/(\d)\s(?=\d{3}(?!\d))/g, "$1");
    if (/\S/.test(group)) plain = plain.replace(new RegExp(`^\\d{1,3}(\\${group}\\d{3})+(?![\\d${group}])`), (digits) => digits.replaceAll(group, ""));
    const found = /^(\d+)(?:([.,])(\d+))?$/.exec(plain);
    return found && (!found[2] || found[2] === decimal || found[3].length !== 3) ? [found[1], found[3] ?? ""] : null;
};
/** Credits typed by a person, as thousandths in the wire's form ("1234.500"), or null. */
export const parseCredits = (text) => {
    const [left, right] = typed(text) ?? ["", "0000"];
    return left.length <= 12 && right.length <= 3 ? `${BigInt(left)}.${right.padEnd(3, "0")}` : null;
};
/** Euro typed by a person, as cents, or null. */
export const parseCents = (text) => {
    const [left, right] = typed(text) ?? ["", "000"];
    return left.length <= 12 && right.length <= 2 ? Number(left) * 100 + Number(right.padEnd(2, "0")) : null;
};
/** A whole number typed by a person, or null. */
export const parseWhole = (text) => {
    const [left, right] = typed(text) ?? ["", "0"];
    return right === "" && left.length <= 9 ? Number(left) : null;
};
/** A decimal in the wire's form as one would type it: "12.500" is "12,5" in German. @param {string} wire @param {string} [sign] */
export const asTyped = (wire, sign = decimal) => (wire.includes(".") ? wire.replace(/\.?0*$/, "") : wire).replace(".", sign);
/** GPU-hours of a job in thousandths: gpus x seconds. */
export const gpuHourParts = (gpuSeconds) => creditParts(big(gpuSeconds) * 1000n);

/** Thousands with one decimal: 13,234 as "13.2". */
export const thousands = (n) => fixed(n / 1000, 1);
/** "13.2k", "1.2M": for drawings beside which the whole number stands. */
export const compact = (n) => maker(Intl.NumberFormat, { notation: "compact", maximumFractionDigits: 1 }).format(n).replace("K", "k");
/** With so many decimals: 3.14 as "3.1". */
export const fixed = (n, places) => maker(Intl.NumberFormat, { minimumFractionDigits: places, maximumFractionDigits: places }).format(n);

export const rate = (milli) => fixed(milli / 1000, 3);

/** Thousandths as "31%", below a tenth as "3.1%". @param {number} milli */
export const percent = (milli) => maker(Intl.NumberFormat, { style: "percent", maximumFractionDigits: milli < 100 ? 1 : 0 }).format(milli / 1000);
/** Share of a whole as a number from 0 to 1, for drawings only. */
export const share = (part, total) => {
    const t = big(total);
    if (t <= 0n) return 0;
    const s = Number((big(part) * 1_000_000n) / t) / 1_000_000;
    return s < 0 ? 0 : s > 1 ? 1 : s;
};

const ms = (time) => (typeof time === "number" ? time : Date.parse(time));

/** "Thu 14 May, 06:00"; with the year where it is not that of `now`. Other languages in their own order. */
export const dateTime = (time, now) => {
    const t = ms(time);
    const far = now !== undefined && new Date(t).getFullYear() !== new Date(now).getFullYear();
    const maker = dates({ weekday: "short", day: "numeric", month: "short", ...(far && { year: "numeric" }), hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    if (!locale.startsWith("en")) return maker.format(t);
    const p = Object.fromEntries(maker.formatToParts(t).map((part) => [part.type, part.value]));
    return `${p.weekday} ${p.day} ${p.month}${far ? " " + p.year : ""}, ${p.hour}:${p.minute}`;
};
/** An end at midnight belongs to the day before: "Sun 31 May, 24:00". */
export const endTime = (time, now) => (clockShort(time).startsWith("00") && clockShort(time).endsWith("00") ? dateTime(ms(time) - 1, now).replace(/23(\D)59/, (_, colon) => `24${colon}00`) : dateTime(time, now));
export const lastDay = (time) => day(ms(time) - 1);
export const lastDayYear = (time) => dayYear(ms(time) - 1);
export const day = (time) => dates({ day: "numeric", month: "long" }).format(ms(time));
export const dayYear = (time) => dates({ day: "numeric", month: "long", year: "numeric" }).format(ms(time));
/** A month of the UTC calendar. */
export const month = (time) => maker(Intl.DateTimeFormat, { month: "long", year: "numeric", timeZone: "UTC" }).format(ms(time));
/** "May", or "Jan 27" where a year begins. */
export const monthShort = (time) => maker(Intl.DateTimeFormat, { month: "short", ...(new Date(ms(time)).getUTCMonth() === 0 && { year: "2-digit" }), timeZone: "UTC" }).format(ms(time));
export const dayShort = (time) => dates({ day: "numeric", month: "short" }).format(ms(time));
/** "Thu 14 May" */
export const weekday = (time) => {
    const maker = dates({ weekday: "short", day: "numeric", month: "short" });
    if (!locale.startsWith("en")) return maker.format(ms(time));
    const p = Object.fromEntries(maker.formatToParts(ms(time)).map((part) => [part.type, part.value]));
    return `${p.weekday} ${p.day} ${p.month}`;
};
export const longDay = (time) => dates({ weekday: "long", day: "numeric", month: "long" }).format(ms(time)).replace(locale.startsWith("en") ? "," : "", "");
export const clock = (time) => dates({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms(time));
export const clockShort = (time) => dates({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(ms(time));
/** The same in UTC, which is what nights are asked in: on a reader's clock they would shift with summer time. */
export const clockUtc = (time) => maker(Intl.DateTimeFormat, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" }).format(ms(time));
export const clockMs = (time) => dates({ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" }).format(ms(time));
/** A day's number that changes at local midnight; for grouping only. */
export const dayKey = (time) => dates({ year: "numeric", month: "2-digit", day: "2-digit" }).format(ms(time));
export const zoneName = (now) => {
    /* short names of zones ("CEST") are known to few of the languages' own data: English has them all */
    const name = (style) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: style }).formatToParts(now).find((p) => p.type === "timeZoneName")?.value ?? "";
    const [short, offset] = [name("short"), name("longOffset").replace("GMT", "UTC").replace(/([+-])0?(\d+):00/, "$1$2")];
    return short === "UTC" ? short : short.startsWith("GMT") ? offset : `${short} (${offset})`;
};

/** Seconds as "2 d 4 h", the two largest units that matter. */
export const duration = (seconds) => {
    const s = Math.max(0, Math.round(Number(seconds)));
    /** @type {[number, string][]} */
    const parts = [[Math.floor(s / 86400), units.d], [Math.floor((s % 86400) / 3600), units.h], [Math.floor((s % 3600) / 60), units.min], [s % 60, units.s]];
    const first = parts.findIndex(([n]) => n > 0);
    if (first < 0) return `0\u00a0${units.s}`;
    const shown = s >= 600 ? parts.slice(first, Math.min(first + 2, 3)) : parts.slice(first, first + 2);
    return shown.filter(([n]) => n > 0).map(([n, unit]) => `${n}\u00a0${unit}`).join("\u00a0");
};
/** The length of a job: hours even when they are many, "54 h", "1 h 30 min", "90 s" as "1 min 30 s". */
export const length = (seconds) => {
    const s = Math.max(0, Math.round(Number(seconds)));
    const [h, min, sec] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), s % 60];
    return [h && `${whole(h)}\u00a0${units.h}`, min && `${min}\u00a0${units.min}`, !h && sec && `${sec}\u00a0${units.s}`].filter(Boolean).join("\u00a0") || `0\u00a0${units.s}`;
};
/** "8:41" for a countdown. */
export const countdown = (seconds) => {
    const s = Math.max(0, Math.ceil(seconds));
    const rest = `${String(Math.floor((s % 3600) / 60)).padStart(s >= 3600 ? 2 : 1, "0")}:${String(s % 60).padStart(2, "0")}`;
    return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
};
/** Hours of a walltime for a field or a sentence: "48" or "1.5". */
export const hours = (seconds) => {
    const tenths = Math.round((Number(seconds) / 3600) * 100) / 100;
    return maker(Intl.NumberFormat, { maximumFractionDigits: 2 }).format(tenths);
};
/** The value of a datetime-local field for an instant, in the reader's zone; and back. */
export const toLocalField = (time) => {
    if (!time) return "";
    const parts = Object.fromEntries(
        new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
            .formatToParts(ms(time)).map((p) => [p.type, p.value]));
    return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
};
export const fromLocalField = (text) => {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text)) return null;
    const guess = new Date(text);
    return Number.isNaN(guess.getTime()) ? null : guess.toISOString();
};

/** A country's name in the page's language. */
export const country = (code) => {
    if (!code) return "";
    try {
        return maker(Intl.DisplayNames, { type: "region" }).of(code) ?? code;
    } catch {
        return code;
    }
};
/** Euro cents as an amount of money. */
export const euro = (cents) => maker(Intl.NumberFormat, { style: "currency", currency: "EUR" }).format(cents / 100);
export const list = (words) => maker(Intl.ListFormat, { type: "conjunction" }).format(words);
export const compare = (a, b) => maker(Intl.Collator, {}).compare(a, b);
/** The end of an id, which tells it from its neighbours: "…c41e9a". */
export const tail = (id) => "…" + String(id).slice(-6);
export const shortHash = (hex) => (hex && hex.length > 14 ? `${hex.slice(0, 6)}…${hex.slice(-6)}` : hex ?? "");
