/* core/told.h
 * What a site's agent tells of its machines in an inventory, and how much less of an offering's capacity there is by it. The
 * calendar never offers more nodes than can be used by what was told: those that are up now, less those that a maintenance will
 * take. What people have planned stands beside it: of two reasons for the same node's absence one counts. Nobody gets more by it
 * than people have set. Pure.
 *
 * Nodes that are down or drained come back nobody knows when: they are counted out until half a day to a day from now. */
#ifndef CORE_TOLD_H
#define CORE_TOLD_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/uuid.h"
#include "core/calendar.h"

#define TOLD_WINDOWS_MAX 32
#define TOLD_STEPS_MAX   256 /* of what people have planned */
#define TOLD_RUNS_MAX    64
#define TOLD_NODES_MAX   1000000
#define TOLD_OPEN_SLOTS  48  /* half a day */
#define TOLD_AHEAD_SLOTS (366 * CALENDAR_DAY_SLOTS) /* runs end so long after that at the latest */

struct told_window {
    int64_t from_ms, until_ms, nodes;
};

struct told {
    int64_t nodes, nodes_up, nodes_in_maintenance;
    size_t windows_n;
    struct told_window windows[TOLD_WINDOWS_MAX]; /* maintenance, begun or to come; in any order */
};

/* Nodes of an offering that people have planned, from a slot on until the next step's. The first is of now, the last holds for ever. */
struct told_step {
    int64_t slot, whole, pool;
};

/* So many nodes fewer from a slot on, up to another. */
struct told_run {
    int64_t from_slot, to_slot;
    int32_t less_whole, less_pool;
};

/* The mark by which a report's statement binds its inventory: the first 16 bytes of the SHA-256 of the inventory's text in
 * canonical form (members in order of their names, no blanks). It stands where other reports have their jti. */
struct uuid told_mark(struct bytes inventory);

/* ERR_INVENTORY_RANGE: it contradicts itself. ERR_INVENTORY_TOO_MUCH: more nodes than the offering has. */
enum err told_check(const struct told *t, int64_t nodes_of_offering) MUST_USE;

/* The runs, in order, none beside another that is equal. t has passed told_check(). Returns how many; -1: more than there is room for. */
int told_runs(const struct told *t, const struct told_step *steps, size_t steps_n, int64_t now_ms, struct told_run ret[TOLD_RUNS_MAX]);
#endif
