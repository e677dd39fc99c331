/* core/told.c */
#include "core/told.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/num.h"

struct uuid
told_mark(struct bytes inventory)
{
    struct hash h = sha256(inventory);
    struct uuid ret;

    memcpy(ret.b, h.b, sizeof ret.b);
    return ret;
}

enum err
told_check(const struct told *t, int64_t nodes_of_offering)
{
    if (t->nodes < 0 || t->nodes > TOLD_NODES_MAX || t->nodes_up < 0 || t->nodes_in_maintenance < 0 ||
        t->nodes_up + t->nodes_in_maintenance > t->nodes || t->windows_n > TOLD_WINDOWS_MAX)
        return ERR_INVENTORY_RANGE;
    for (size_t i = 0; i < t->windows_n; i++)
        if (t->windows[i].nodes < 0 || t->windows[i].nodes > t->nodes || t->windows[i].until_ms <= t->windows[i].from_ms)
            return ERR_INVENTORY_RANGE;
    return t->nodes > nodes_of_offering ? ERR_INVENTORY_TOO_MUCH : OK;
}

/* Nodes that maintenance has in a slot, as far as its windows say. */
static int64_t
maintained(const struct told *t, int64_t slot)
{
    int64_t sum = 0;

    for (size_t i = 0; i < t->windows_n; i++)
        if (calendar_slot_of(max_i64(t->windows[i].from_ms, 0)) <= slot && slot < calendar_slot_after(max_i64(t->windows[i].until_ms, 0)))
            sum += t->windows[i].nodes;
    return sum;
}

/* Up to which slot nodes count as away that are so now: the same for half a day, so that what is told hourly changes nothing. */
static int64_t
open_until(int64_t now_slot)
{
    return (now_slot / TOLD_OPEN_SLOTS + 2) * TOLD_OPEN_SLOTS;
}

/* Nodes that can be used in a slot. */
static int64_t
usable(const struct told *t, int64_t slot, int64_t now_slot)
{
    int64_t planned = maintained(t, now_slot), away = t->nodes - t->nodes_up - t->nodes_in_maintenance;

    away += max_i64(t->nodes_in_maintenance - planned, 0); /* nobody knows until when */
    return max_i64(t->nodes - maintained(t, slot) - (slot < open_until(now_slot) ? away : 0), 0);
}

/* The next slot after which anything may be otherwise; INT64_MAX: none. */
static int64_t
next_edge(const struct told *t, const struct told_step *steps, size_t steps_n, int64_t slot, int64_t now_slot)
{
    int64_t next = slot < open_until(now_slot) ? open_until(now_slot) : INT64_MAX;

    for (size_t i = 0; i < steps_n; i++)
        if (steps[i].slot > slot)
            next = min_i64(next, steps[i].slot);
    for (size_t i = 0; i < t->windows_n; i++) {
        int64_t from = calendar_slot_of(max_i64(t->windows[i].from_ms, 0)), to = calendar_slot_after(max_i64(t->windows[i].until_ms, 0));

        if (from > slot)
            next = min_i64(next, from);
        if (to > slot)
            next = min_i64(next, to);
    }
    return next;
}

static const struct told_step *
step_at(const struct told_step *steps, size_t steps_n, int64_t slot)
{
    const struct told_step *ret = &steps[0];

    for (size_t i = 1; i < steps_n; i++)
        if (steps[i].slot <= slot)
            ret = &steps[i];
    return ret;
}

int
told_runs(const struct told *t, const struct told_step *steps, size_t steps_n, int64_t now_ms, struct told_run ret[TOLD_RUNS_MAX])
{
    int64_t now_slot = calendar_slot_of(now_ms);
    int n = 0;

    assert(steps_n > 0);
    for (int64_t slot = now_slot, next; slot != INT64_MAX; slot = next) {
        const struct told_step *s = step_at(steps, steps_n, slot);
        int64_t less = max_i64(s->whole + s->pool - usable(t, slot, now_slot), 0), whole = min_i64(less, s->whole);
        struct told_run run = { .from_slot = slot, .less_whole = (int32_t)whole, .less_pool = (int32_t)(less - whole) };

        next = next_edge(t, steps, steps_n, slot, now_slot);
        run.to_slot = min_i64(next, open_until(now_slot) + TOLD_AHEAD_SLOTS);
        if (run.to_slot <= slot)
            break;
        if (less == 0)
            continue;
        if (n > 0 && ret[n - 1].to_slot == slot && ret[n - 1].less_whole == run.less_whole && ret[n - 1].less_pool == run.less_pool) {
            ret[n - 1].to_slot = run.to_slot;
            continue;
        }
        if (n == TOLD_RUNS_MAX)
            return -1;
        ret[n++] = run;
    }
    return n;
}
