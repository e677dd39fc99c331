/* The languages of the pages: code → its own name, and the locale of its numbers and dates. Their words: messages/CODE.*.json. */
export const LANGUAGES = {
    en: ["English", "en-IE"],
    fr: ["Français", "fr-FR"],
    de: ["Deutsch", "de-DE"],
    es: ["Español", "es-ES"],
    it: ["Italiano", "it-IT"],
    fi: ["Suomi", "fi-FI"],
    sv: ["Svenska", "sv-SE"],
    el: ["Ελληνικά", "el-GR"],
};
/** What a locale writes between whole numbers and decimals. @param {string} locale */
export const decimalOf = (locale) => new Intl.NumberFormat(locale).formatToParts(0.5).find((p) => p.type === "decimal").value;
