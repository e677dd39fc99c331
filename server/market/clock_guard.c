/* market/clock_guard.c */
#include "market/clock_guard.h"

#include <stdlib.h>

#include "base/text.h"

static void
stop(struct clock_guard *g, const char *what, int64_t by_ms)
{
    g->stopped = true;
    text_format(g->why, sizeof g->why, "%s by %lld ms: timed commands wait until an operator confirms the time.", what,
                (long long)by_ms);
}

bool
clock_guard_check(struct clock_guard *g, int64_t real_ms, int64_t boot_ms, int64_t other_ms)
{
    int64_t moved_ms;

    if (!g->begun) {
        g->offset_ms = real_ms - boot_ms;
        g->begun = true;
    }
    if (g->stopped)
        return false;
    moved_ms = real_ms - boot_ms - g->offset_ms;
    if (llabs(moved_ms) > CLOCK_GUARD_MS)
        stop(g, "The clock has moved", moved_ms);
    else if (other_ms != 0 && llabs(real_ms - other_ms) > CLOCK_GUARD_MS)
        stop(g, "The clock and PostgreSQL's disagree", real_ms - other_ms);
    return !g->stopped;
}

void
clock_guard_confirm(struct clock_guard *g)
{
    *g = (struct clock_guard){ 0 };
}
