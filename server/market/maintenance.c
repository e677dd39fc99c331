/* market/maintenance.c: less of an offering from one time to another, as dated steps of its capacity: one where it begins, one
 * where it ends, and again each step that was planned between or after, since a later row outdoes an earlier one from its time
 * on. Ending it early is the same with the sign turned, over what is left of it. */
#include "market/market_internal.h"

#include "base/num.h"
#include "base/text.h"
#include "market/actor.h"
#include "market/index.h"

enum { STEPS_MAX = 256 }; /* dated changes of one offering that are planned at once */

struct planned {
    int64_t slot;
    int64_t whole, pool; /* GPUs */
};

static int64_t
next_change(const struct offering_state *o, int64_t slot)
{
    int64_t next = calendar_capacity_next(o->calendar, slot);

    return o->pool == NULL ? next : min_i64(next, calendar_capacity_next(o->pool, slot));
}

/* The steps from `from` on, less in the window by so much. Returns how many; 0: more than there is room for. */
static size_t
plan(const struct offering_state *o, int64_t from, int64_t to, int64_t less_whole, int64_t less_pool, struct planned ret[STEPS_MAX])
{
    size_t n = 0;

    for (int64_t slot = from; slot != INT64_MAX;) {
        int64_t next = next_change(o, slot);
        bool inside = slot < to;

        if (n == STEPS_MAX)
            return 0;
        ret[n++] = (struct planned){
            .slot = slot,
            .whole = calendar_capacity(o->calendar, slot) - (inside ? less_whole : 0),
            .pool = (o->pool != NULL ? calendar_capacity(o->pool, slot) : 0) - (inside ? less_pool : 0),
        };
        slot = inside ? min_i64(next, to) : next;
    }
    return n;
}

/* A window that begins, or ends early: what of it there is. */
struct change {
    int64_t from_ms, until_ms;
    int32_t less_nodes, less_pool_nodes;
    uint32_t window; /* the one that it ends; 0: a new one */
    const char *reason;
    bool told;
};

/* All rows of a window, or of its early end. */
static enum err
set_steps(struct deciding *d, const struct change *c, struct offering_state *o, const struct planned *steps, size_t n)
{
    int64_t per_node = ledger_offering(d->state->ledger, o->offering)->entry.u.offering.gpus_per_node;
    uint32_t window = c->window > 0 ? c->window : o->changes + 1;

    for (size_t i = 0; i < n; i++) {
        struct capacity_row row = {
            .offering = o->offering, .number = o->changes + 1, .nodes = o->nodes,
            .brokered_gpus = (uint32_t)(steps[i].whole + steps[i].pool), .pool_nodes = (uint32_t)(steps[i].pool / per_node),
            .from_ms = max_i64(steps[i].slot * CALENDAR_SLOT_MS, d->now_ms), .set_ms = d->now_ms,
            .open_to = o->open_to, .window = window, .told = c->told,
        };
        enum err err;

        memcpy(row.modes, o->modes, sizeof row.modes);
        memcpy(row.floors, o->floors, sizeof row.floors);
        if (i == 0) {
            row.until_ms = c->until_ms;
            row.less_nodes = c->less_nodes;
            row.less_pool_nodes = c->less_pool_nodes;
            text_format(row.reason, sizeof row.reason, "%s", c->reason);
        }
        err = offering_resize(d->state, o, &row, d->now_ms, d->undo, d->detail);
        if (err)
            return err;
        *(struct capacity_row *)vector_add(&d->batch->capacity, d->undo, 1) = row;
    }
    return OK;
}

static enum err
change(struct deciding *d, struct offering_state *o, const struct change *c)
{
    int64_t per_node = ledger_offering(d->state->ledger, o->offering)->entry.u.offering.gpus_per_node;
    int64_t from = calendar_slot_of(max_i64(c->from_ms, d->now_ms)), to = calendar_slot_after(c->until_ms);
    struct planned steps[STEPS_MAX];
    size_t n;

    if (to <= from || c->until_ms <= d->now_ms) /* whole slots: the one that it ended in may still go on */
        return err_at(d->detail, ERR_FIELD_RANGE, "/to", "It ends before it begins, or is over.");
    n = plan(o, from, to, c->less_nodes * per_node, c->less_pool_nodes * per_node, steps);
    if (n == 0)
        return err_say(d->detail, ERR_CONFLICT, "More changes are planned after that than can be; end one first.");
    for (size_t i = 0; i < n; i++) {
        if (steps[i].whole < 0)
            return err_at(d->detail, ERR_FIELD_RANGE, "/nodes", "So many nodes are not offered all that time.");
        if (steps[i].pool < 0)
            return err_at(d->detail, ERR_FIELD_RANGE, "/pool_nodes", "So many nodes are not offered below a node all that time.");
    }
    return set_steps(d, c, o, steps, n);
}

/* in.capacity: offering, from_ms (in the past: now), until_ms, less nodes of either kind, reason; window: the one that it ends, as
 * it stood at change number `expected`; 0: a new one. answer.number: the window's.
 * Security: the caller has checked that the actor runs the site. ERR_FIELD_RANGE; ERR_CONFLICT: changed meanwhile. */
enum err
decide_maintenance(struct deciding *d, struct command *c, struct offering_state *o)
{
    struct change one = {
        .from_ms = c->in.capacity.from_ms, .until_ms = c->in.capacity.until_ms, .less_nodes = c->in.capacity.less_nodes,
        .less_pool_nodes = c->in.capacity.less_pool_nodes, .window = c->in.capacity.window, .reason = c->in.capacity.reason,
    };
    uint32_t window = one.window > 0 ? one.window : o->changes + 1;
    enum err err;

    if (one.window > 0 && c->in.capacity.expected != o->changes)
        return err_say(d->detail, ERR_CONFLICT, "The capacity was changed meanwhile; look again.");
    err = change(d, o, &one);
    if (err)
        return err;
    c->answer.number = window;
    c->answer.index = o->offering;
    c->answer.time_ms = d->now_ms;
    return OK;
}

/* in.capacity: offering, told, reason, expected: all changes of it or none. answer.number: the newest change's.
 * Security: the caller has checked that the actor is the site's agent. As decide_maintenance(). */
enum err
decide_told(struct deciding *d, struct command *c, struct offering_state *o)
{
    if (c->in.capacity.expected != o->changes)
        return err_say(d->detail, ERR_CONFLICT, "The capacity was changed meanwhile; look again.");
    for (size_t i = 0; i < c->in.capacity.told.n; i++) {
        const struct told_change *t = &c->in.capacity.told.list[i];
        struct change one = {
            .from_ms = t->from_ms, .until_ms = t->until_ms, .less_nodes = t->less_nodes, .less_pool_nodes = t->less_pool_nodes,
            .window = t->window, .reason = t->window ? "" : c->in.capacity.reason, .told = true,
        };
        enum err err = change(d, o, &one);

        if (err)
            return err;
    }
    c->answer.number = o->changes;
    c->answer.index = o->offering;
    c->answer.time_ms = d->now_ms;
    return OK;
}
