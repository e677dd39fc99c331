/* market/sweep.h
 * What the janitor should ask the sequencer to do now. Pure, over the state under the read lock. */
#ifndef MARKET_SWEEP_H
#define MARKET_SWEEP_H

#include "market/due.h"
#include "market/state.h"

/* What is due by time, at most max of it. */
size_t sweep_due(const struct state *s, int64_t now_ms, struct due_item *ret, size_t max);
/* Does any site drain, stand still or say nothing, or is more booked anywhere than there is, so that tickets without a permit
 * are to be moved away, or does any recover from a spool that was lost? */
bool sweep_wanted(const struct state *s, int64_t now_ms);
/* What is to be done about those, at most max: DUE_WITHDRAW, DUE_SPOOL, DUE_RECOVERED. Walks all reservations: not for
 * every tick. */
size_t sweep_sites(const struct state *s, int64_t now_ms, struct due_item *ret, size_t max);

#endif
