/* market/sweep.h
 * What the janitor should ask the sequencer to do now. Pure, over the state under the read lock. */
#ifndef MARKET_SWEEP_H
#define MARKET_SWEEP_H

#include "market/due.h"
#include "market/state.h"

/* What is due by time, at most max of it. */
size_t sweep_due(const struct state *s, int64_t now_ms, struct due_item *ret, size_t max);
/* Does any site drain or stand still, so that tickets without a permit are to be withdrawn there? */
bool sweep_wanted(const struct state *s);
/* Those tickets' reservations, at most max. Walks all reservations: not for every tick. */
size_t sweep_withdrawals(const struct state *s, struct due_item *ret, size_t max);

#endif
