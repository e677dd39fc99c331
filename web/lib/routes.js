/* THE table of pages: path, who may sit there, module. A role's code is fetched when its page is opened. */
const startup = ["startup"], programme = ["officer", "admin"], site = ["site", "admin"];

export const ROUTES = [
    { path: "/", load: () => import("../pages/front.js"), bare: true },
    { path: "/sign-in", load: () => import("../pages/sign-in.js"), bare: true },
    { path: "/capacity", load: () => import("../pages/capacity.js") },
    { path: "/journal", load: () => import("../pages/journal-head.js") },
    { path: "/journal/entries", load: () => import("../pages/journal.js"), who: ["officer", "admin", "startup", "site"] },
    { path: "/journal/entries/{index}", load: () => import("../pages/entry.js") },
    { path: "/home", load: () => import("../pages/home.js"), who: startup },
    { path: "/ask", load: () => import("../pages/ask.js"), who: startup },
    { path: "/requests/{id}", load: () => import("../pages/quotes.js"), who: startup, nav: "/ask" },
    { path: "/reservations", load: () => import("../pages/reservations.js"), who: startup },
    { path: "/reservations/{id}", load: () => import("../pages/reservation.js"), who: ["startup", "officer", "admin", "site"] },
    { path: "/credits", load: () => import("../pages/credits.js"), who: startup },
    { path: "/credits/{grant}", load: () => import("../pages/grant.js"), who: startup, nav: "/credits" },
    { path: "/me", load: () => import("../pages/me.js"), who: ["startup", "officer", "site", "admin"] },
    { path: "/programme", load: () => import("../pages/programme.js"), who: programme },
    { path: "/programme/grants", load: () => import("../pages/grants.js"), who: programme },
    { path: "/programme/grants/new", load: () => import("../pages/grant-new.js"), who: programme, nav: "/programme/grants" },
    { path: "/programme/funds/new", load: () => import("../pages/fund-new.js"), who: programme, nav: "/programme/grants" },
    { path: "/programme/tranches/new", load: () => import("../pages/tranche-new.js"), who: programme, nav: "/programme/grants" },
    { path: "/programme/grants/{grant}", load: () => import("../pages/grant.js"), who: programme, nav: "/programme/grants" },
    { path: "/site/{site}", load: () => import("../pages/site.js"), who: site },
    { path: "/site/{site}/tickets", load: () => import("../pages/site-tickets.js"), who: site },
    { path: "/site/{site}/reports", load: () => import("../pages/site-reports.js"), who: site },
    { path: "/admin", load: () => import("../pages/admin.js"), who: ["admin"] },
];
