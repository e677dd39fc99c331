/* market/displaced.h
 * Reservations that cannot stay where they are: their site drains, stands still or is out of touch, or its capacity was cut
 * below what is booked. What has no permit yet is placed elsewhere, never at a higher price: by the janitor where the
 * start-up allowed it (move_freely), by the start-up itself (COMMAND_MOVE) where not. From a site that is out of touch the
 * janitor takes only what may ask for its permit already: the site may be back before it is needed. Where no such place is
 * found the reservation stays: it ends when its site asks for the permit or lets accept-by pass, and its site may come back
 * before. */
#ifndef MARKET_DISPLACED_H
#define MARKET_DISPLACED_H

#include "market/batch.h"

enum displaced { DISPLACED_NOT, DISPLACED_PAUSED, DISPLACED_DRAINING, DISPLACED_CUT, DISPLACED_SILENT };

#define MOVES_MAX 5 /* of one request */

const char *displaced_wire(enum displaced why);

/* Why it cannot stay; DISPLACED_NOT also if it has ended. Its state is the caller's to look at: one with a permit stays. */
enum displaced displaced_why(const struct state *s, const struct reservation *r, int64_t now_ms);
/* The same without its capacity, which costs most. */
enum displaced displaced_by_site(const struct state *s, uint64_t site, int64_t now_ms);
/* Is more booked of this offering, whole nodes or pool, than there is, at any time? */
bool displaced_overbooked(const struct offering_state *o);
/* Is more booked than there is at any time of its window? */
bool displaced_is_cut(const struct state *s, const struct reservation *r);
/* Will the janitor ask for it (DUE_WITHDRAW)? Nobody else moves what may not move freely. */
bool displaced_moves(const struct state *s, const struct reservation *r, int64_t now_ms);

/* The question to ask for the next best place: the one that was asked (`asked`, or the reservation's own), without sites
 * that turned it down, at no higher price. False: it may not be asked again. */
bool displaced_ask(const struct state *s, const struct reservation *r, enum displaced why, const struct broker_ask *asked,
                   int64_t now_ms, struct broker_ask *ret);

/* The janitor's DUE_WITHDRAW. */
enum err displaced_withdraw(struct deciding *d, struct command *c) MUST_USE;

#endif
