/* market/capacity.c: how much of an offering there is, from a time on. What is already promised stays promised: a cut below
 * it blocks new bookings. */
#include "market/market_internal.h"

#include "market/index.h"

/* in.capacity: offering, nodes, brokered GPUs, pool nodes, from_ms (0: now; in the past: now). answer.number: the
 * change's number. ERR_FORBIDDEN, ERR_NOT_FOUND, ERR_FIELD_RANGE. */
enum err
decide_capacity(struct deciding *d, struct command *c)
{
    struct offering_state *o = index_offering(d->state, c->in.capacity.offering);
    bool administrator = c->actor.kind == ACTOR_PERSON && (c->actor.programme_roles & ROLE_ADMINISTRATOR) != 0;
    struct capacity_row row = {
        .offering = c->in.capacity.offering, .nodes = c->in.capacity.nodes,
        .brokered_gpus = c->in.capacity.brokered_gpus, .pool_nodes = c->in.capacity.pool_nodes,
        .from_ms = c->in.capacity.from_ms > d->now_ms ? c->in.capacity.from_ms : d->now_ms, .set_ms = d->now_ms,
        .open_to = c->in.capacity.open_to,
    };
    enum err err;

    if (c->actor.kind != ACTOR_LOCAL && !administrator)
        return err_say(d->detail, ERR_FORBIDDEN, "Capacity is set by administrators.");
    if (o == NULL)
        return err_say(d->detail, ERR_NOT_FOUND, "There is no such offering.");
    if (row.pool_nodes > row.nodes)
        return err_at(d->detail, ERR_FIELD_RANGE, "/pool_nodes", "The pool has more nodes than there are.");
    _Static_assert(sizeof row.modes == sizeof c->in.capacity.modes, "copied whole");
    memcpy(row.modes, c->in.capacity.modes, sizeof row.modes);
    row.number = o->changes + 1;
    err = offering_resize(d->state, o, &row, d->now_ms, d->undo, d->detail);
    if (err)
        return err;
    *(struct capacity_row *)vector_add(&d->batch->capacity, d->undo, 1) = row;
    c->answer.number = row.number;
    c->answer.index = row.offering;
    c->answer.time_ms = d->now_ms;
    return OK;
}
