/* Start: the language's messages, who is here, and then the page of the address. */
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

const QUIET_MS = 150; /* before grey bars are drawn */
const find = (path) => {
    for (const route of ROUTES) {
        const params = match(route.path, path);
        if (params) return { route, params };
    }
    return null;
};
const markOf = (found, path) => (found?.route.nav ? found.route.nav : found ? path.replace(/^(\/journal\/entries|\/reservations)\/.*/, "$1") : path);

/** What a route shows, once its code has come. */
const take = (route) => route.load().then((module) => ({ route, Page: module.default, error: null }), (error) => ({ route, Page: null, error }));
/** A role's first steps come with the page whose they are: it is drawn once. */
const fetchSteps = async (path) => {
    if (!Steps.value && leads(path)) Steps.value = await import("./parts/guide.js").then((part) => part.default, () => null);
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
        if (!found || loaded.route === found.route) return undefined;
        let wanted = true; /* until the reader goes on to another page */
        Promise.all([take(found.route), fetchSteps(path)]).then(([state]) => wanted && set(state));
        return () => {
            wanted = false;
        };
    }, [found?.route]);
    const ready = loaded.route === found?.route;
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
    /* who must have a second step makes it first, on their account's page */
    if (found?.route.who && me.value.second_due && path !== "/me") {
        queueMicrotask(() => go(to("/me"), { replace: true }));
        return null;
    }
    const own = !found?.params.site || seat.value?.kind !== "site" || seat.value.site === found.params.site;
    const allowed = !found?.route.who || (found.route.who.includes(seat.value?.kind ?? "none") && own);
    const page = !found ? html`<${Nowhere} status=${404} />`
        : !allowed ? html`<${Nowhere} status=${403} />`
        : !ready ? html`<${Loading} />`
        : loaded.error ? html`<${Broken} error=${{ message: t("broken.code") }} retry=${() => location.reload()} />`
        : html`<${loaded.Page} key=${path} params=${found.params} query=${place.value.query} />`;
    if (!me.value || !seat.value || found?.route.bare) return html`<${Public} bare=${path === "/sign-in"}>${page}<//>`;
    return html`<${Framed} current=${markOf(found, path)}>${page}<//>`;
};

const start = async () => {
    const found = find(place.value.path);
    const coming = found && take(found.route); /* the page's code comes while we ask who is here */
    const person = whoAmI().catch(() => {
        me.value = null;
    });
    await more("./messages/LANG.json");
    setLocale(LANGUAGES[language][1]);
    setUnits({ d: t("unit.d"), h: t("unit.h"), min: t("unit.min"), s: t("unit.s") });
    await person;
    await fetchSteps(place.value.path);
    /* drawn once, with the page in it; if that is slow, the frame comes first */
    const late = new Promise((done) => setTimeout(() => done(null), QUIET_MS));
    const begun = (await Promise.race([coming, late])) ?? { route: null, Page: null, error: null };
    const app = document.getElementById("app");
    keepFocus(app);
    render(html`<${App} begun=${begun} />`, app);
};
start();
