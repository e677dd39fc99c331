/* market/clock_guard.h
 * Is the clock to be trusted with what is due by time? It stops timed commands where the real clock and PostgreSQL's
 * are
 * more than 5 s apart, or where the real clock has moved by more than 5 s against the time since boot. Stopped, it
 * stays so
 * until an operator confirms. All in real ms. */
#ifndef MARKET_CLOCK_GUARD_H
#define MARKET_CLOCK_GUARD_H

#include <stdint.h>

#include "base/err.h"

#define CLOCK_GUARD_MS 5000

struct clock_guard {
    int64_t offset_ms; /* real − boot, when last confirmed */
    bool begun, stopped;
    char why[160]; /* while stopped */
};

/* A reading of the clocks; other_ms is PostgreSQL's (0: not asked). True if timed commands may go on. */
bool clock_guard_check(struct clock_guard *g, int64_t real_ms, int64_t boot_ms, int64_t other_ms);
/* The operator says that the real clock is right now. */
void clock_guard_confirm(struct clock_guard *g);

#endif
