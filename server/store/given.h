/* store/given.h: what a site has promised and given: the dated steps of its capacity, and the use of its jobs by month. */
#ifndef STORE_GIVEN_H
#define STORE_GIVEN_H

#include "base/arena.h"
#include "store/db.h"

/* From from_ms on, until a step with a later number and the same or an earlier time outdoes it. */
struct capacity_step {
    uint64_t offering;
    int64_t from_ms, brokered_gpus, nodes;
};
/* Of all offerings, by offering and number. */
enum err capacity_steps(struct db *db, struct arena *a, struct capacity_step **ret, size_t *ret_n) MUST_USE;
/* The steps of one offering that hold at last: each outdoes those before it from its own time on. ret has room for n of them;
 * returns how many. */
size_t capacity_in_force(const struct capacity_step *steps, size_t n, uint64_t offering, struct capacity_step *ret);

/* A change of an offering's capacity, as far as maintenance has to do with it. */
struct capacity_change {
    uint64_t offering;
    uint32_t number, window; /* window: the number of the maintenance's first row; 0: of none */
    int64_t from_ms, until_ms, set_ms;
    int32_t less_nodes, less_pool_nodes;
    const char *reason;
    bool told; /* by the site's agent */
};
/* By offering and number; offering 0: of all. */
enum err capacity_changes(struct db *db, uint64_t offering, struct arena *a, struct capacity_change **ret, size_t *ret_n) MUST_USE;

/* Jobs of an offering that ended in a month (year × 12 + month − 1, UTC), by the site's own reports. */
struct month_use {
    uint64_t offering;
    int64_t month, jobs, gpu_seconds, settled_gpums, idle_gpu_seconds; /* idle: reserved for them, and not used */
};
/* Those that ended at since_ms or later. Row security: the site's operators and the programme see all, others their own. */
enum err month_uses(struct db *db, uint64_t site, int64_t since_ms, struct arena *a, struct month_use **ret, size_t *ret_n) MUST_USE;

#endif
