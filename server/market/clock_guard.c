/* market/clock_guard.c */
#include "market/clock_guard.h"

#include <stdlib.h>

#include "base/text.h"

static const char *const OTHERS[CLOCK_OTHERS] = { "PostgreSQL's clock is", "Most agents' clocks are" };

static bool
is_far(int64_t ms)
{
    return llabs(ms) > CLOCK_GUARD_MS;
}

static void
stop(struct clock_guard *g, const char *what, int64_t by_ms, const char *less, const char *more)
{
    g->stopped = true;
    text_format(g->why, sizeof g->why, "%s %lld ms %s: what is due by time waits until an operator confirms the clock.",
                what, llabs(by_ms), by_ms < 0 ? less : more);
}

bool
clock_guard_check(struct clock_guard *g, const struct clock_reading *now)
{
    int64_t moved_ms;

    if (!g->begun) {
        g->offset_ms = now->real_ms - now->boot_ms;
        g->begun = true;
    }
    g->newest.real_ms = now->real_ms;
    g->newest.boot_ms = now->boot_ms;
    for (int i = 0; i < CLOCK_OTHERS; i++)
        if (now->other[i].known)
            g->newest.other[i] = now->other[i];
    if (g->stopped)
        return false;
    moved_ms = now->real_ms - now->boot_ms - g->offset_ms;
    if (is_far(moved_ms))
        stop(g, "The clock has moved", moved_ms, "back", "forward");
    for (int i = 0; i < CLOCK_OTHERS && !g->stopped; i++) {
        int64_t ahead_ms = now->other[i].ahead_ms;

        if (now->other[i].known && is_far(ahead_ms) && is_far(ahead_ms - g->confirmed[i]))
            stop(g, OTHERS[i], ahead_ms, "behind ours", "ahead of ours");
    }
    return !g->stopped;
}

void
clock_guard_confirm(struct clock_guard *g)
{
    g->offset_ms = g->newest.real_ms - g->newest.boot_ms;
    for (int i = 0; i < CLOCK_OTHERS; i++)
        g->confirmed[i] = g->newest.other[i].known ? g->newest.other[i].ahead_ms : 0;
    g->stopped = false;
    g->why[0] = '\0';
}
