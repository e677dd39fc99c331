/* Who is here, and in which of their roles. */
import { computed, signal } from "./html.js";
import { del, forget, get, post, setCsrf, whenSignedOut } from "./api.js";
import { learnClock } from "./use.js";
import { go, place, to } from "./router.js";

/** What GET /v1/me says; null: nobody is signed in; undefined: not known yet. */
export const me = signal(undefined);
/** How many notices are not read. */
export const unread = signal(0);
export const askUnread = () => get("/v1/me/notices?limit=1").then((now) => { unread.value = now.unread; }, () => {}); /* the line is cut: others say so */
/** How much needs a person of the programme; null: not counted yet. */
export const waiting = signal(null);
const chosen = signal(0);

/** One seat a role: where it may sit and what its column shows. */
const seatOf = (role) => {
    if (role.role === "owner" || role.role === "member") return { kind: "startup", id: "org:" + role.organisation.id, role: role.role, organisation: role.organisation, home: "/home" };
    if (role.role === "site_operator") return { kind: "site", id: "site:" + role.site, role: role.role, site: role.site, home: `/site/${role.site}` };
    if (role.role === "administrator") return { kind: "admin", id: role.role, role: role.role, home: "/admin" };
    return { kind: "officer", id: role.role, role: role.role, home: "/programme" };
};
export const seats = computed(() => (me.value?.roles ?? []).map(seatOf));
const fits = (seat, path) =>
    path.startsWith("/site/") ? seat.kind === "site" && path.split("/")[2] === seat.site
    : path.startsWith("/programme") ? seat.kind === "officer" || seat.kind === "admin"
    : path.startsWith("/admin") ? seat.kind === "admin"
    : /^\/(home|people|ask|requests|reservations|credits)/.test(path) ? seat.kind === "startup"
    : true;
/** The seat in use: the chosen one if the page belongs to it, else the first that it belongs to. */
export const seat = computed(() => {
    const all = seats.value;
    const now = all[chosen.value];
    return now && fits(now, place.value.path) ? now : all.find((s) => fits(s, place.value.path)) ?? now ?? null;
});
export const sit = (id) => {
    chosen.value = Math.max(0, seats.value.findIndex((s) => s.id === id));
};

const settle = (person) => {
    setCsrf(person?.csrf);
    learnClock(person?.now);
    me.value = person;
    unread.value = person?.unread ?? 0;
    waiting.value = null;
    return person;
};
export const whoAmI = async () => {
    const session = await get("/v1/session");
    learnClock(session.now); /* visitors read "3 s ago" by the journal's clock too */
    return settle(session.person ? session : null);
};
/** What is asked for as a second step, where the person demands one; else nothing. */
export const signIn = async (email, password) => {
    const answer = await post("/v1/session", { email, password });
    if (answer.question) return answer;
    signedIn(answer);
    return null;
};
/** The server has signed somebody in by another call, or given them another role. */
export const signedIn = (person) => {
    forget();
    return settle(person);
};
export const signOut = async () => {
    try {
        await del("/v1/session");
    } finally {
        forget();
        settle(null);
        go(to("/"));
    }
};
whenSignedOut(() => {
    if (!me.value) return;
    forget();
    settle(null);
    go(to("/sign-in", { then: place.value.path + (place.value.query.size ? "?" + place.value.query : "") }), { replace: true });
});
