/* api/use.h: the parts of the programme's use of a period: what GPUs' time went to and how long jobs waited (idle.c) beside what
 * was paid (use.c). */
#ifndef API_USE_H
#define API_USE_H

#include "api/call.h"
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

/* The arrays "idle" and "waits", a row a site. s under its lock. */
void use_idle_json(struct call *call, const struct use *u, const struct state *s);
void use_waits_json(struct call *call, const struct use *u, const struct state *s);

#endif
