/* api/use.h: the parts of the programme's use of a period: what GPUs' time went to and how long jobs waited (idle.c) beside what
 * was paid (use.c). */
#ifndef API_USE_H
#define API_USE_H

#include "api/call.h"
#include "core/idle.h"
#include "store/given.h"
#include "store/use.h"

struct use {
    int64_t from_ms, to_ms;
    const char *site, *mode, *country; /* codes; NULL: all */
    struct use_move *moves;
    struct capacity_step *steps;
    struct capacity_change *changes;
    struct use_booked *booked;
    struct use_run *runs;
    struct use_wait *waits;
    size_t moves_n, steps_n, changes_n, booked_n, runs_n, waits_n;
};

/* What the time of a site's GPUs went to: sum.booked is used and not used. */
struct use_idle {
    char code[17];
    struct idle sum;
    int64_t used;
};
/* By site, in the ledger's order, of [from_ms, to_ms), up to now; from a. s under its lock. */
size_t use_idle(struct arena *a, const struct use *u, const struct state *s, int64_t now_ms, struct use_idle **ret);

/* The arrays "idle" and "waits", a row a site. s under its lock. */
void use_idle_json(struct call *call, const struct use *u, const struct state *s);
void use_waits_json(struct call *call, const struct use *u, const struct state *s);

#endif
