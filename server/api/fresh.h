/* api/fresh.h: a site's tickets of one commit, copied out of the sequencer's memory in the moment of the commit, so that
 * an agent that waits gets them without a query. */
#ifndef API_FRESH_H
#define API_FRESH_H

#include "market/market.h"
#include "store/site_records.h"

struct fresh {
    struct arena *arena;
    struct ticket_record *tickets; /* in order of their numbers, without a gap; time and reservation are not set */
    size_t n;
};

/* The site's tickets among the events of a commit, at most max. NULL if there is none, or if one is to be looked up.
 * On the sequencer's thread. */
struct fresh *fresh_new(const struct market_event *events, size_t n, uint64_t site, size_t max);
void fresh_delete(struct fresh *f);
/* Is this all that there is above the number? f may be NULL. */
bool fresh_covers(const struct fresh *f, uint64_t after);

#endif
