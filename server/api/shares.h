/* api/shares.h
 * What each grant has used of what has accrued to it, and who waits before whom: worked out over the whole memory in one
 * pass (core/share.h) and kept for a second, so that pages cost the sequencer nothing. As all that is read from memory it
 * may be ahead of the database by what is being committed; it says as of when it is. */
#ifndef API_SHARES_H
#define API_SHARES_H

#include "api/call.h"
#include "core/share.h"
#include "market/state.h"

#define SHARE_DAY_MS INT64_C(86400000)

struct grant_class {
    char model[33];
    struct share_class use;
    int32_t share_milli;
};

/* The earliest booked start of what a grant has waiting, and how many reservations of others wait for the same GPUs at the
 * same site with an earlier start. These were accepted before, or start where this one did not fit: a booked start does not
 * move because of them. */
struct grant_next {
    struct uuid reservation;
    uint64_t offering, site;
    int64_t start_ms;
    uint32_t ahead;
};

struct grant_share {
    struct account account;
    char mode[17], mode_name[33];
    struct share_terms terms;
    struct share share;
    struct grant_class *classes; /* only those in which anything is committed */
    size_t classes_n;
    uint32_t waiting; /* reservations that have not started */
    struct grant_next next; /* if waiting > 0 */
};

struct shares_cache;
struct shares_cache *shares_cache_new(int64_t half_life_days); /* of what was used, and of what accrued */
void shares_cache_delete(struct shares_cache *c);

/* All grants that have begun and are not closed, the largest dominant share first; with ended: those that are over too.
 * In the call's arena. ERR_NOT_LEADER. */
enum err shares_list(struct call *call, bool ended, struct grant_share **ret, size_t *ret_n, int64_t *ret_as_of_ms) MUST_USE;
/* One grant's. ERR_NOT_FOUND: no such grant. ERR_NOT_LEADER. */
enum err shares_find(struct call *call, uint64_t account, struct grant_share *ret, int64_t *ret_as_of_ms) MUST_USE;
/* How many of others are ahead of this reservation. ERR_NOT_FOUND: it does not wait (or has come within the last second). */
enum err shares_ahead(struct call *call, struct uuid reservation, uint32_t *ret) MUST_USE;

/* How long after their booked starts jobs of a site have started, of those in memory (a week's or more). n 0: none has. */
struct start_delays {
    size_t n;
    int64_t median_ms, most_ms;
};
enum err shares_delays(struct call *call, uint64_t site, struct start_delays *ret) MUST_USE;

/* Does it wait for its start? */
bool shares_waits(const struct reservation *r);

#endif
