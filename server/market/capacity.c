/* market/capacity.c: how much of an offering there is, from a time on. What is already promised stays promised: a cut below
 * it blocks new bookings. */
#include "market/market_internal.h"

#include "market/actor.h"
#include "market/index.h"

static struct capacity_row
whole_row(const struct deciding *d, const struct command *c, const struct offering_state *o)
{
    struct capacity_row row = {
        .offering = c->in.capacity.offering, .nodes = c->in.capacity.nodes,
        .brokered_gpus = c->in.capacity.brokered_gpus, .pool_nodes = c->in.capacity.pool_nodes,
        .from_ms = c->in.capacity.from_ms > d->now_ms ? c->in.capacity.from_ms : d->now_ms,
        .open_to = c->in.capacity.open_to,
    };

    _Static_assert(sizeof row.modes == sizeof c->in.capacity.modes, "copied whole");
    memcpy(row.modes, c->in.capacity.modes, sizeof row.modes);
    memcpy(row.floors, o->floors, sizeof row.floors);
    return row;
}

/* All else as the newest row has it, and from when it has it: set again, it changes no calendar. */
static struct capacity_row
floors_row(const struct command *c, const struct offering_state *o)
{
    struct capacity_row row = {
        .offering = o->offering, .nodes = o->nodes, .brokered_gpus = o->brokered_gpus, .pool_nodes = o->pool_nodes,
        .from_ms = o->from_ms, .open_to = o->open_to,
    };

    memcpy(row.modes, o->modes, sizeof row.modes);
    _Static_assert(sizeof row.floors == sizeof c->in.capacity.floors, "copied whole");
    memcpy(row.floors, c->in.capacity.floors, sizeof row.floors);
    return row;
}

/* More than stands in whole nodes: nobody could ever be given what is kept. */
static bool
keeps_too_much(struct deciding *d, const struct command *c, const struct offering_state *o)
{
    const struct offering *offering = ledger_offering(d->state->ledger, o->offering);
    int64_t whole = (int64_t)o->brokered_gpus - (int64_t)o->pool_nodes * offering->entry.u.offering.gpus_per_node;
    int64_t kept = broker_floor(c->in.capacity.floors, ":"); /* no mode is called so: all that is kept, for whichever */

    return kept > 0 && kept > whole;
}

/* Security: capacity is the administrators'; what is told is the agent's; maintenance also the site's operators'; floors also the site's operators' and the officers'. */
static bool
may_set(const struct command *c, const struct offering_state *o)
{
    const struct actor *a = &c->actor;

    if (c->in.capacity.told.n > 0)
        return o != NULL && actor_is_agent_of(a, o->site);
    if (a->kind == ACTOR_LOCAL || (a->kind == ACTOR_PERSON && (a->programme_roles & ROLE_ADMINISTRATOR) != 0))
        return true;
    if (c->in.capacity.until_ms > 0)
        return o != NULL && actor_runs_site(a, o->site);
    return c->in.capacity.only_floors && o != NULL &&
           (actor_runs_site(a, o->site) || (a->kind == ACTOR_PERSON && (a->programme_roles & ROLE_OFFICER) != 0));
}

/* in.capacity: offering, nodes, brokered GPUs, pool nodes, from_ms (0: now; in the past: now); or floors alone.
 * answer.number: the change's number. ERR_FORBIDDEN, ERR_NOT_FOUND, ERR_FIELD_RANGE. */
enum err
decide_capacity(struct deciding *d, struct command *c)
{
    struct offering_state *o = index_offering(d->state, c->in.capacity.offering);
    struct capacity_row row;
    enum err err;

    if (!may_set(c, o))
        return err_say(d->detail, ERR_FORBIDDEN, "Capacity is set by administrators.");
    if (o == NULL)
        return err_say(d->detail, ERR_NOT_FOUND, "There is no such offering.");
    if (c->in.capacity.told.n > 0)
        return decide_told(d, c, o);
    if (c->in.capacity.until_ms > 0)
        return decide_maintenance(d, c, o);
    if (c->in.capacity.only_floors && keeps_too_much(d, c, o))
        return err_at(d->detail, ERR_FIELD_RANGE, "/floors", "More than the offering has in whole nodes cannot stay free.");
    row = c->in.capacity.only_floors ? floors_row(c, o) : whole_row(d, c, o);
    if (row.pool_nodes > row.nodes)
        return err_at(d->detail, ERR_FIELD_RANGE, "/pool_nodes", "The pool has more nodes than there are.");
    row.set_ms = d->now_ms;
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
