/* Amounts, times and durations: plain functions, no browser. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { gaps } from "../../../web/lib/reports.js";
import { LANGUAGES } from "../../../web/lib/languages.js";
import * as f from "../../../web/lib/format.js";

f.setLocale("en-IE", "Europe/Madrid");
const table = (name, call, rows) => test(`format: ${name}`, () => {
    for (const [input, want] of rows) assert.deepEqual(call(...(Array.isArray(input) ? input : [input])), want, `${name}(${input})`);
});
const C = 3_600_000n;

table("credits are cut toward zero at three places", f.credits, [["0", "0.000"], ["3599", "0.000"], ["3600", "0.001"], [String(23570n * C), "23,570.000"], ["3599999", "0.999"], [String(-C / 2n), "−0.500"],
    ["9223372036854775807", "2,562,047,788,015.215"], [null, "0.000"]]);
table("credits beyond 2^53 stay exact", f.credits, [[String(2n ** 62n), "1,281,023,894,007.607"], [String(9007199254740993n * 3600n), "9,007,199,254,740.993"]]);
table("whole credits round to the nearest", f.wholeCredits, [[String(C / 2n), "1"], [String(C / 2n - 1n), "0"], [String(15_850n * C + 1n), "15,850"]]);
table("forecasts above a thousand go to tens", f.aboutCredits, [[String(15_846n * C), "15,850"], [String(512n * C), "512"]]);
table("a price keeps its thousandths where they make the difference", f.priceCredits, [[String((C * 6n) / 5n), "1.200"], [String(C * 100n - 1n), "99.999"], [String(7_680n * C + 1n), "7,680"], ["0", "0.000"]]);
table("credits typed", f.parseCredits, [["1,234.5", "1234.500"], ["7680", "7680.000"], ["0.001", "0.001"], ["1.2345", null], ["-1", null], ["", null], ["1e3", null], ["007", "7.000"], ["1,5", "1.500"], ["1,500", "1500.000"], ["1,23,4", null], ["12,34.5", null]]);
table("numbers typed", f.parseWhole, [["128", 128], ["1 024", 1024], ["1,024", 1024], ["0", 0], ["1.5", null], ["-3", null], ["x", null], ["9999999999", null]]);
table("rate", f.rate, [[1250, "1.250"], [1000, "1.000"], [900, "0.900"], [1, "0.001"]]);
table("share", f.share, [[["1", "4"], 0.25], [["5", "4"], 1], [["0", "0"], 0], [["-1", "4"], 0]]);
table("duration", (s) => f.duration(s).replaceAll("\u00a0", " "), [[0, "0 s"], [59, "59 s"], [90, "1 min 30 s"], [1588, "26 min"], [3600, "1 h"], [86_400 + 15 * 3600 + 60, "1 d 15 h"], [-5, "0 s"]]);
table("length of a job in hours", (s) => f.length(s).replaceAll("\u00a0", " "), [[54 * 3600, "54 h"], [5400, "1 h 30 min"], [90, "1 min 30 s"], [0, "0 s"], [3601, "1 h"]]);
table("countdown", f.countdown, [[521, "8:41"], [59.2, "1:00"], [0, "0:00"], [-3, "0:00"], [3725, "1:02:05"]]);
table("date and time", f.dateTime, [["2026-05-14T04:00:00Z", "Thu 14 May, 06:00"], [["2027-01-01T00:00:00Z", Date.parse("2026-05-01")], "Fri 1 Jan 2027, 01:00"]]);
table("a day of the week", f.weekday, [["2026-05-14T04:00:00Z", "Thu 14 May"]]);
table("an end at midnight belongs to the day before", f.endTime, [["2026-05-31T22:00:00Z", "Sun 31 May, 24:00"], ["2026-05-31T21:00:00Z", "Sun 31 May, 23:00"], ["2026-05-31T22:30:00Z", "Mon 1 Jun, 00:30"]]);
table("last day", f.lastDayYear, [["2026-05-31T22:00:00Z", "31 May 2026"]]);
table("clock", f.clockMs, [["2026-05-10T14:20:04.118Z", "16:20:04.118"]]);
table("time zone", f.zoneName, [[Date.parse("2026-05-12T12:00:00Z"), "CEST (UTC+2)"], [Date.parse("2026-01-12T12:00:00Z"), "CET (UTC+1)"]]);
table("country", f.country, [["FI", "Finland"], ["", ""], ["ZZZZ", "ZZZZ"]]);
table("tail of an id", f.tail, [["0196c4d1-7a52-7c1e-9d0f-3b6a41c41e9a", "…c41e9a"]]);
table("hours of a walltime", f.hours, [[172_800, "48"], [5400, "1.5"]]);
table("a decimal as one types it", f.asTyped, [["12.500", "12.5"], ["100.000", "100"], ["500", "500"], ["0.001", "0.001"], [["1234.500", ","], "1234,5"]]);
table("euro typed", f.parseCents, [["12500", 1250000], ["99.5", 9950], ["1,234.56", 123456], ["", null], ["1.234", null], ["x", null]]);

/* Every language with its own signs. Blanks of every kind are shown as one here. */
const plain = (text) => text.replace(/\s/g, " ");
const LOCALES = {
    "fr-FR": { credits: "23 570,500", percent: "31 %", date: "jeu. 14 mai, 06:00", end: "dim. 31 mai, 24:00", typed: ["1 234,5", "1234,5", "1234.5"], bad: ["1.234", "1234.500", "1,2345", "12,34,5"], whole: ["1 024", "1024"], country: "Finlande", sorted: ["cote", "Côte d’Or", "étage", "zone"] },
    "de-DE": { credits: "23.570,500", percent: "31 %", date: "Do., 14. Mai, 06:00", end: "So., 31. Mai, 24:00", typed: ["1.234,5", "1234,5", "1234.5"], bad: ["1234.500", "1.23.4", "1,234,5"], whole: ["1.024", "1 024"], country: "Finnland", sorted: ["Ärger", "Bonn", "Öl", "Zug"] },
    "es-ES": { credits: "23.570,500", percent: "31 %", date: "jue, 14 may, 06:00", end: "dom, 31 may, 24:00", typed: ["1.234,5", "1234,5"], bad: ["1234.500"], whole: ["1.024", "1024"], country: "Finlandia", sorted: ["caña", "carro", "nube", "ñandú", "oso"] },
    "it-IT": { credits: "23.570,500", percent: "31%", date: "gio 14 mag, 06:00", end: "dom 31 mag, 24:00", typed: ["1.234,5", "1234,5"], bad: ["1234.500"], whole: ["1.024", "1024"], country: "Finlandia", sorted: ["città", "cittadino", "zona"] },
    "fi-FI": { credits: "23 570,500", percent: "31 %", date: "to 14.5. klo 06.00", end: "su 31.5. klo 24.00", typed: ["1 234,5", "1234,5"], bad: ["1.234"], whole: ["1 024", "1024"], country: "Suomi", sorted: ["Oulu", "Turku", "Zürich", "Åbo", "Äänekoski", "Öja"] },
    "sv-SE": { credits: "23 570,500", percent: "31 %", date: "tors 14 maj 06:00", end: "sön 31 maj 24:00", typed: ["1 234,5", "1234,5"], bad: ["1.234"], whole: ["1 024", "1024"], country: "Finland", sorted: ["Oslo", "Zürich", "Åbo", "Ängelholm", "Örebro"] },
    "el-GR": { credits: "23.570,500", percent: "31%", date: "Πέμ 14 Μαΐ, 06:00", end: "Κυρ 31 Μαΐ, 24:00", typed: ["1.234,5", "1234,5"], bad: ["1234.500"], whole: ["1.024", "1024"], country: "Φινλανδία", sorted: ["Αθήνα", "Άρτα", "Βόλος", "Έδεσσα", "Ωρωπός"] },
};
for (const [locale, want] of Object.entries(LOCALES)) {
    test(`format: ${locale}: amounts, dates, names and what is typed`, () => {
        f.setLocale(locale, "Europe/Madrid");
        try {
            assert.deepEqual({ credits: plain(f.credits(String(235705n * (C / 10n)))), percent: plain(f.percent(310)), date: plain(f.dateTime("2026-05-14T04:00:00Z")), end: plain(f.endTime("2026-05-31T22:00:00Z")), country: f.country("FI") },
                { credits: want.credits, percent: want.percent, date: want.date, end: want.end, country: want.country });
            for (const text of want.typed) assert.equal(f.parseCredits(text), "1234.500", text);
            for (const text of want.bad) assert.equal(f.parseCredits(text), null, text);
            for (const text of want.whole) assert.equal(f.parseWhole(text), 1024, text);
            assert.equal(f.parseCredits(f.credits(String(235705n * (C / 10n)))), "23570.500", "what is shown can be typed");
            assert.equal(f.parseCredits(f.asTyped("1234.500")), "1234.500");
            assert.deepEqual([...want.sorted].reverse().sort(f.compare), want.sorted);
            assert.match(f.dateTime("2027-01-01T00:00:00Z", Date.parse("2026-05-01")), /2027/);
        } finally {
            f.setLocale("en-IE", "Europe/Madrid");
        }
    });
}
test("format: every language of the pages is among these", () => {
    assert.deepEqual(Object.values(LANGUAGES).map(([, locale]) => locale).filter((locale) => locale !== "en-IE" && !LOCALES[locale]), []);
});
test("format: a time zone's name in UTC", () => {
    f.setLocale("en-IE", "UTC");
    assert.equal(f.zoneName(Date.parse("2026-01-12T12:00:00Z")), "UTC");
    f.setLocale("en-IE", "Europe/Madrid");
});
test("format: local fields come back as the same instant", () => {
    f.setLocale("en-IE");
    assert.equal(f.fromLocalField(f.toLocalField("2026-05-14T04:00:00.000Z")), "2026-05-14T04:00:00.000Z");
    assert.equal(f.fromLocalField("soon"), null);
    f.setLocale("en-IE", "Europe/Madrid");
});
test("reports: a number that is missing is a gap, between two or before the newest", () => {
    const page = (...numbers) => numbers.map((number) => ({ number }));
    assert.deepEqual(gaps(page(5, 4, 3)), []);
    assert.deepEqual(gaps(page(9, 8, 5, 3), 9), [{ from: 6, to: 7 }, { from: 4, to: 4 }]);
    assert.deepEqual(gaps(page(7, 6), 9), [{ from: 8, to: 9 }]);
    assert.deepEqual(gaps([]), []);
});
