/* market/clock_guard.h
 * Is the clock to be trusted with what is due by time? It stops timed commands where the real clock is more than 5 s
 * apart from PostgreSQL's, or from what most of the sites' agents say (market/site_clocks.h), or where it has moved by
 * more than 5 s against the time since boot. Stopped, it stays so until an operator confirms that the real clock is
 * right. What was apart then may stay apart as much: only a further change of more than 5 s stops it again. All in real
 * ms. */
#ifndef MARKET_CLOCK_GUARD_H
#define MARKET_CLOCK_GUARD_H

#include <stdint.h>

#include "base/err.h"

#define CLOCK_GUARD_MS 5000

enum clock_other { CLOCK_DATABASE, CLOCK_SITES, CLOCK_OTHERS };

/* A reading of the clocks. ahead_ms: by how much the others are ahead of the real clock (behind it, if negative). */
struct clock_reading {
    int64_t real_ms, boot_ms;
    struct {
        bool known;
        int64_t ahead_ms;
    } other[CLOCK_OTHERS];
};

struct clock_guard {
    int64_t offset_ms;               /* real − boot, when last confirmed */
    int64_t confirmed[CLOCK_OTHERS]; /* by how much they were ahead when an operator confirmed */
    struct clock_reading newest;     /* others: when last known */
    bool begun, stopped;
    char why[160]; /* while stopped */
};

/* True if timed commands may go on. */
bool clock_guard_check(struct clock_guard *g, const struct clock_reading *now);
/* The operator says that the real clock is right now. */
void clock_guard_confirm(struct clock_guard *g);

#endif
