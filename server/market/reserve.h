/* market/reserve.h
 * A reservation comes into being: its hold, what it books, its ticket, in one group and batch. Shared by accept and by
 * brokering anew. */
#ifndef MARKET_RESERVE_H
#define MARKET_RESERVE_H

#include "market/batch.h"
#include "market/group.h"

/* One option, as a quote booked or listed it. */
struct option {
    uint64_t site, offering, rate;
    uint32_t gpus, nodes, rate_milli;
    int64_t start_slot, slots, start_ms, start_by_ms, end_ms; /* of the first night */
    int64_t cost_gpums;                                       /* of all nights */
    uint8_t nights;                                           /* 0: once */
};
/* One night of it, from 0, as an option of its own. */
struct option reserve_night(const struct option *o, int night);
struct option reserve_option(const struct broker_line *line);
/* Its site takes work, its rate is in force, its time is not over, its GPUs are free. ERR_SITE_PAUSED,
 * ERR_OPTION_GONE. */
enum err reserve_possible(const struct deciding *d, const struct option *o) MUST_USE;

/* A reservation on these terms, with the request's next fence, the site's next ticket number: not yet in the state.
 * The caller has set what it takes over (request, org, grant, quote, name, workload …) in *from. */
struct reservation *reserve_make(struct deciding *d, const struct reservation *from, const struct option *o,
                                 const struct broker_ask *ask, struct uuid id);
/* Fills its HOLD; or adds it to a group. */
void reserve_hold_entry(const struct deciding *d, const struct reservation *r, struct entry *e);
void reserve_hold(const struct deciding *d, const struct reservation *r, struct group *g);
/* Its HOLD is in the ledger under this index: put it into the state, on the batch's list, and issue its ticket. */
void reserve_issue(struct deciding *d, struct reservation *r, uint64_t hold);
/* A cancel ticket for it. It is on the batch's list already. */
void reserve_cancel_ticket(struct deciding *d, struct reservation *r);
/* Its run ticket once more, under the site's next number: the spool that had it is lost. It is on the batch's list. */
void reserve_deliver_again(struct deciding *d, struct reservation *r);

#endif
