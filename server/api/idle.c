/* api/idle.c: what each site's GPUs' time went to in a period, by cause, and how long jobs waited there. The time that is to come is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/internal.h"
#include "api/inventory.h"
#include "api/use.h"
#include "base/num.h"
#include "base/text.h"

/* What changed of one offering; room for all there is. */
struct timeline {
    struct idle_change *list;
    size_t n;
    struct capacity_step *steps;
    struct maintenance_window *windows;
};

static void
changed(struct timeline *t, int64_t at_ms, enum idle_what what, int64_t gpus)
{
    if (gpus != 0)
        t->list[t->n++] = (struct idle_change){ at_ms, what, gpus };
}

static void
add_steps(struct timeline *t, const struct use *u, const struct offering *o)
{
    size_t n = capacity_in_force(u->steps, u->steps_n, o->index, t->steps);
    int64_t per_node = o->entry.u.offering.gpus_per_node, nodes = 0, offered = 0;

    for (size_t i = 0; i < n; i++) {
        changed(t, t->steps[i].from_ms, IDLE_ALL, (t->steps[i].nodes - nodes) * per_node);
        changed(t, t->steps[i].from_ms, IDLE_OFFERED, t->steps[i].brokered_gpus - offered);
        nodes = t->steps[i].nodes;
        offered = t->steps[i].brokered_gpus;
    }
}

static void
add_windows(struct timeline *t, const struct use *u, const struct offering *o)
{
    size_t at = 0, n = 0;
    uint32_t changes;

    while (at < u->changes_n && u->changes[at].offering != o->index)
        at++;
    if (at < u->changes_n)
        maintenance_windows(u->changes, u->changes_n, at, t->windows, &n, &changes);
    for (size_t i = 0; i < n; i++) {
        const struct maintenance_window *w = &t->windows[i];
        int64_t gpus = (int64_t)(w->set.less_nodes + w->set.less_pool_nodes) * o->entry.u.offering.gpus_per_node;
        enum idle_what what = w->set.told ? IDLE_DOWN : IDLE_MAINTENANCE;

        if (w->until_ms <= w->set.from_ms)
            continue;
        changed(t, w->set.from_ms, what, gpus);
        changed(t, w->until_ms, what, -gpus);
    }
}

static void
add_booked(struct timeline *t, const struct use *u, const struct offering *o)
{
    for (size_t i = 0; i < u->booked_n; i++)
        if (u->booked[i].offering == o->index)
            changed(t, u->booked[i].at_ms, IDLE_BOOKED, u->booked[i].gpus);
}

static int64_t
used_of(const struct use *u, uint64_t offering)
{
    for (size_t i = 0; i < u->runs_n; i++)
        if (u->runs[i].offering == offering)
            return u->runs[i].gpu_ms;
    return 0;
}

static void
gpu_ms(struct json_out *out, const char *name, int64_t value)
{
    char text[TEXT_I64];

    json_textn(out, name, text, text_i64(value, text));
}

static void
sum_site(const struct use *u, const struct state *s, const struct site *site, int64_t now_ms, struct timeline *t, struct use_idle *ret)
{
    const struct offering *o;

    snprintf(ret->code, sizeof ret->code, "%.16s", site->entry.u.site.code);
    for (size_t it = 0; (o = ledger_next_offering(s->ledger, &it)) != NULL;) {
        struct idle one = { 0 }, sum = ret->sum;

        if (o->entry.u.offering.site != site->index)
            continue;
        t->n = 0;
        add_steps(t, u, o);
        add_windows(t, u, o);
        add_booked(t, u, o);
        idle_sum(t->list, t->n, u->from_ms, min_i64(u->to_ms, now_ms), &one);
        ret->used += min_i64(used_of(u, o->index), one.booked);
        ret->sum = (struct idle){ sum.all + one.all, sum.booked + one.booked, sum.free + one.free, sum.down + one.down,
                                  sum.maintenance + one.maintenance, sum.unoffered + one.unoffered };
    }
}

static bool
wanted(const struct use *u, const struct site *site)
{
    return !u->site || strncmp(u->site, site->entry.u.site.code, sizeof site->entry.u.site.code) == 0;
}

size_t
use_idle(struct arena *a, const struct use *u, const struct state *s, int64_t now_ms, struct use_idle **ret)
{
    struct timeline t = {
        .list = arena_alloc(a, (2 * u->steps_n + 2 * u->changes_n + u->booked_n + 1) * sizeof *t.list),
        .steps = arena_alloc(a, (u->steps_n + 1) * sizeof *t.steps),
        .windows = arena_alloc(a, (u->changes_n + 1) * sizeof *t.windows),
    };
    const struct site *site;
    size_t n = 0;

    for (size_t it = 0; ledger_next_site(s->ledger, &it) != NULL;)
        n++;
    *ret = arena_alloc(a, (n + 1) * sizeof **ret);
    n = 0;
    for (size_t it = 0; (site = ledger_next_site(s->ledger, &it)) != NULL;)
        if (wanted(u, site))
            sum_site(u, s, site, now_ms, &t, &(*ret)[n++]);
    return n;
}

void
use_idle_json(struct call *call, const struct use *u, const struct state *s)
{
    struct use_idle *sites;
    size_t n = use_idle(call->arena, u, s, call->now_ms, &sites);

    json_open_array(&call->out, "idle");
    for (size_t i = 0; i < n; i++) {
        const struct idle *sum = &sites[i].sum;

        json_open(&call->out, NULL);
        json_text(&call->out, "site", sites[i].code);
        gpu_ms(&call->out, "all_gpu_ms", sum->all);
        gpu_ms(&call->out, "used_gpu_ms", sites[i].used);
        gpu_ms(&call->out, "unused_gpu_ms", sum->booked - sites[i].used);
        gpu_ms(&call->out, "free_gpu_ms", sum->free);
        gpu_ms(&call->out, "down_gpu_ms", sum->down);
        gpu_ms(&call->out, "maintenance_gpu_ms", sum->maintenance);
        gpu_ms(&call->out, "unoffered_gpu_ms", sum->unoffered);
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
}

void
use_waits_json(struct call *call, const struct use *u, const struct state *s)
{
    struct json_out *out = &call->out;

    json_open_array(out, "waits");
    for (size_t i = 0; i < u->waits_n; i++) {
        const struct use_wait *w = &u->waits[i];
        const struct site *site = ledger_site(s->ledger, w->site);

        if (!site || !wanted(u, site))
            continue;
        json_open(out, NULL);
        json_textn(out, "site", site->entry.u.site.code, strnlen(site->entry.u.site.code, sizeof site->entry.u.site.code));
        json_i64(out, "started", w->started);
        json_i64(out, "half_ms", w->half_ms);
        json_i64(out, "ninety_ms", w->ninety_ms);
        json_i64(out, "most_ms", w->most_ms);
        json_i64(out, "waiting", w->waiting);
        json_i64(out, "waiting_gpus", w->waiting_gpus);
        json_i64(out, "due", w->due);
        json_shut(out);
    }
    json_shut_array(out);
}
