/* What each role finds in its column. */
/** The pages in the column, by kind of seat: [path, icon, key of its name]. */
export const COLUMN = {
    startup: [["/home", "home", "nav.home"], ["/ask", "plus", "nav.ask"], ["/reservations", "lines", "nav.reservations"], ["/credits", "book", "nav.credits"], ["/people", "people", "nav.people"], ["/capacity", "grid", "nav.capacity"]],
    officer: [["/programme", "home", "nav.overview"], ["/programme/orders", "check", "nav.orders"], ["/programme/grants", "book", "nav.grants"], ["/programme/use", "globe", "nav.use"], ["/programme/shares", "pulse", "nav.shares"], ["/programme/moves", "right", "nav.moves"], ["/programme/reports", "page", "nav.reports"], ["/journal/entries", "lines", "nav.journal"], ["/capacity", "grid", "nav.capacity"]],
    site: [["/site/{site}", "pulse", "nav.agent"], ["/site/{site}/tickets", "send", "nav.tickets"], ["/site/{site}/reports", "lines", "nav.reports"], ["/site/{site}/maintenance", "clock", "nav.maintenance"], ["/site/{site}/disputes", "scales", "nav.disputes"], ["/site/{site}/share", "book", "nav.given"], ["/site/{site}/keys", "key", "nav.keys"], ["/site/{site}/moves", "right", "nav.moves"], ["/capacity", "grid", "nav.capacity"]],
    admin: [["/admin", "pulse", "nav.sites"], ["/programme", "home", "nav.overview"], ["/programme/orders", "check", "nav.orders"], ["/programme/grants", "book", "nav.grants"], ["/programme/use", "globe", "nav.use"], ["/programme/shares", "pulse", "nav.shares"], ["/journal/entries", "lines", "nav.journal"], ["/capacity", "grid", "nav.capacity"]],
};
