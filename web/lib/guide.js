/* The first steps of a role, on its own first page: main.js fetches them, only where they are not ended. */
import { signal } from "./html.js";
import { me, seat } from "./session.js";

/** What draws them; null: they have not come. */
export const Steps = signal(null);
/** Whose first steps are this seat's. */
export const guideOf = (s) => (s.role === "auditor" ? "auditor" : s.kind);
/** Does this page lead through them? */
export const leads = (path) => Boolean(seat.value && path === seat.value.home && me.value.guides.includes(guideOf(seat.value)));
/** They are ended, or begin again, on all devices. */
export const keepGuide = (guide, open) => {
    me.value = { ...me.value, guides: [...me.value.guides.filter((g) => g !== guide), ...(open ? [guide] : [])] };
};
