/* Start: the language's messages, who is here, and then the page of the address. */
import { ahead } from "./lib/api.js";
import { html, render, useEffect, useRef, useState } from "./lib/html.js";
import { keepFocus } from "./lib/focus.js";
import { setLocale, setUnits } from "./lib/format.js";
import { LANGUAGES } from "./lib/languages.js";
import { more } from "./lib/more.js";
import { t } from "./lib/words.js";
import { ROUTES } from "./lib/routes.js";
import { Steps, leads } from "./lib/guide.js";
import { match } from "./lib/match.js";
import { go, language, place, to } from "./lib/router.js";
import { me, seat, whoAmI } from "./lib/session.js";
import { Framed, Public } from "./parts/frame.js";
import { Broken, Loading, Nowhere } from "./parts/broken.js";

const BLANK_MS = 300; /* before anything is drawn: what is drawn twice comes later than what waits */
const LONGEST_MS = 2000; /* for which a page waits for what it shows first */
const find = (path) => {
    for (const route of ROUTES) {
        const params = match(route.path, path);
        if (params) return { route, params };
    }
    return null;
};
const markOf = (found, path) => (found?.route.nav ? found.route.nav : found ? path.replace(/^(\/journal\/entries|\/reservations)\/.*/, "$1") : path);

const maySee = ({ route, params }) => {
    const own = !params.site || seat.value?.kind !== "site" || seat.value.site === params.site;
    return !route.who || (route.who.includes(seat.value?.kind ?? "none") && own);
};
const pause = (ms) => new Promise((done) => setTimeout(() => done(null), ms));
/** A route's code. */
const take = (route) => route.load().then((module) => ({ Page: module.default, first: module.first, error: null }), (error) => ({ Page: null, first: null, error }));
/** Who must have a second step makes it first, on their account's page. */
const mustSecond = ({ route }) => route.who && me.value.second_due && route.path !== "/me";
/** What a page shows first comes while nothing of it is drawn, so that all is drawn once, and nothing moves. */
const fill = async (found, { first }) => {
    if (!first || (found.route.who && !(me.value && maySee(found) && !mustSecond(found)))) return;
    try {
        await Promise.race([first({ params: found.params, query: place.value.query }), pause(LONGEST_MS)]);
    } catch {
        /* the page itself says what is wrong */
    }
};
/** A role's first steps come with the page whose they are. */
const fetchSteps = async (path) => {
    if (!leads(path)) return;
    const [part] = await Promise.all([Steps.value ? null : import("./parts/guide.js").catch(() => null), ahead("/v1/me/guides")]);
    if (part) Steps.value = part.default;
};
const arrive = async (found, code = take(found.route)) => {
    await Promise.all([code.then((known) => fill(found, known)), fetchSteps(place.value.path)]);
    return code;
};

const COUNT_FIRST_MS = 5000, COUNT_MS = 60_000;
/** What needs a person is counted while an officer is on any page, once that page is there. */
const count = () => document.visibilityState === "visible" && import("./parts/attention.js").then((part) => part.default()).catch(() => {}); /* it is counted again */

const App = ({ begun }) => {
    const { path, moved } = place.value;
    const found = find(path);
    const [loaded, set] = useState(begun);
    const first = useRef(true);
    useEffect(() => {
        if (!found || loaded.path === path) return undefined;
        let wanted = true; /* until the reader goes on to another page */
        arrive(found).then((code) => wanted && set({ path, ...code }));
        return () => {
            wanted = false;
        };
    }, [path]);
    const ready = loaded.path === path;
    /* a new page: its top, and its title for who cannot see it; a deep link keeps the browser's own place */
    useEffect(() => {
        if (!ready || !moved || first.current) {
            first.current = false;
            return;
        }
        scrollTo(0, 0);
        document.querySelector("h1")?.focus({ preventScroll: true });
    }, [path, ready]);

    useEffect(() => {
        if (!["officer", "admin"].includes(seat.value?.kind ?? "")) return undefined;
        const first = setTimeout(count, COUNT_FIRST_MS), timer = setInterval(count, COUNT_MS);
        return () => {
            clearTimeout(first);
            clearInterval(timer);
        };
    }, [seat.value?.id]);

    if (found?.route.who && me.value === null) {
        queueMicrotask(() => go(to("/sign-in", { then: path + location.search }), { replace: true }));
        return null;
    }
    if (found && mustSecond(found)) {
        queueMicrotask(() => go(to("/me"), { replace: true }));
        return null;
    }
    const page = !found ? html`<${Nowhere} status=${404} />`
        : !maySee(found) ? html`<${Nowhere} status=${403} />`
        : !ready ? html`<${Loading} />`
        : loaded.error ? html`<${Broken} error=${{ message: t("broken.code") }} retry=${() => location.reload()} />`
        : html`<${loaded.Page} key=${path} params=${found.params} query=${place.value.query} />`;
    if (!me.value || !seat.value || found?.route.bare) return html`<${Public} bare=${path === "/sign-in"}>${page}<//>`;
    return html`<${Framed} current=${markOf(found, path)}>${page}<//>`;
};

/** The letters that a language's pages have from the start; others come when they are met. */
const letters = () => document.fonts.load(`16px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`, language === "el" ? "aα" : "aé").catch(() => {});
const start = async () => {
    const { path } = place.value, found = find(path);
    const coming = found && take(found.route); /* the page's code comes while we ask who is here */
    const drawn = letters();
    const person = whoAmI().catch(() => {
        me.value = null;
    });
    await more("./messages/LANG.json");
    setLocale(LANGUAGES[language][1]);
    setUnits({ d: t("unit.d"), h: t("unit.h"), min: t("unit.min"), s: t("unit.s") });
    await person;
    /* drawn once, with the page in it and in its own letters; if that is slow, the frame comes first */
    const frame = me.value && seat.value && !found?.route.bare && ahead("/v1/journal");
    const whole = Promise.all([found && arrive(found, coming), drawn, frame]);
    const [code] = (await Promise.race([whole, pause(BLANK_MS)])) ?? [null];
    const app = document.getElementById("app");
    keepFocus(app);
    render(html`<${App} begun=${code ? { path, ...code } : {}} />`, app);
};
start();
