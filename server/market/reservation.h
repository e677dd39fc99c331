/* market/reservation.h
 * Orders that touch a hold or a grant, for order.c: what the state table says of them, what must follow them in their
 * group, and bringing the reservations in step afterwards.
 *     err = reservation_check_entry(d, &entries[0]);
 *     err = reservation_check_version(d, &entries[0], version);
 *     n = reservation_follow(d, entries, 1);
 *     err = batch_group(d, entries, n);
 *     for each: reservation_on_entry(d, &entries[i]); */
#ifndef MARKET_RESERVATION_H
#define MARKET_RESERVATION_H

#include "market/batch.h"

#define RESERVATION_FOLLOW_MAX 2 /* entries that reservation_follow() may add */

/* Would the state table allow what this order's entry does to its reservation? OK if it touches none. ERR_STATE with the
 * reason; also for a CORRECT or a new dispute about one that has left the memory, whose row is never written again. */
enum err reservation_check_entry(struct deciding *d, const struct entry *e) MUST_USE;
/* Is its reservation still the one that the caller has looked at? 0: no matter. ERR_BUSY: it may look again. */
enum err reservation_check_version(struct deciding *d, const struct entry *e, uint64_t version) MUST_USE;
/* What must follow n entries of one group that is about to be applied: the end of the dispute after a CORRECT, a LAPSE
 * where credits come back to a grant past its end. Returns the new n; entries has room for RESERVATION_FOLLOW_MAX
 * more. */
size_t reservation_follow(const struct deciding *d, struct entry *entries, size_t n);
/* After batch_group(): bring the reservation (RESOLVE, VOID, CORRECT, dispute NOTICEs) or the time of the grant's end
 * (GRANT, CLOSE) in step with an entry that was applied. Any other entry changes nothing. */
void reservation_on_entry(struct deciding *d, const struct entry *e);

#endif
