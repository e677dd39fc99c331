/* api/given.c: the share that a site has given against the one that it promised, by offering and month. Promised is what its
 * capacity offered over time; given is what jobs that ended there used, by the site's own reports. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "market/view.h"
#include "store/given.h"

enum { MONTHS_MAX = 36 };

struct share_given {
    int64_t month0, months;              /* the first; how many */
    int64_t bound_ms[MONTHS_MAX + 1];    /* where each begins; the last one ends now */
    struct capacity_step *steps;
    struct month_use *uses;
    size_t steps_n, uses_n;
};

static int64_t
month_of(int64_t ms)
{
    char text[TIME_TEXT];

    time_text(ms, text);
    return strtol(text, NULL, 10) * 12 + strtol(text + 5, NULL, 10) - 1;
}

static int64_t
begin_of(int64_t month)
{
    char text[TIME_TEXT];
    int64_t ms = 0;

    text_format(text, sizeof text, "%04" PRId64 "-%02" PRId64 "-01T00:00:00Z", month / 12, month % 12 + 1);
    if (!time_parse(text, &ms))
        return 0;
    return ms;
}

/* GPU-seconds that were offered from one time to another. */
static int64_t
promised(const struct capacity_step *steps, size_t n, int64_t from_ms, int64_t to_ms)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t from = max_i64(steps[i].from_ms, from_ms);
        int64_t to = i + 1 < n ? min_i64(steps[i + 1].from_ms, to_ms) : to_ms;

        if (to > from)
            sum += steps[i].brokered_gpus * ((to - from) / 1000);
    }
    return sum;
}

static const struct month_use *
use_of(const struct share_given *g, uint64_t offering, int64_t month)
{
    static const struct month_use none;

    for (size_t i = 0; i < g->uses_n; i++)
        if (g->uses[i].offering == offering && g->uses[i].month == month)
            return &g->uses[i];
    return &none;
}

/* Security: the site's operators and administrators (site_of_path). */
static enum err
read_given(struct call *call, struct share_given *g, uint64_t *ret_site)
{
    static const char *const NAMES[] = { "months", NULL };
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "months", 1, MONTHS_MAX, 12, &g->months);
    if (!err)
        err = site_of_path(call, ret_site);
    if (err)
        return err;
    g->month0 = month_of(call->now_ms) - g->months + 1;
    for (int64_t i = 0; i < g->months; i++)
        g->bound_ms[i] = begin_of(g->month0 + i);
    g->bound_ms[g->months] = call->now_ms;
    err = capacity_steps(call->db, call->arena, &g->steps, &g->steps_n);
    if (!err)
        err = month_uses(call->db, *ret_site, g->bound_ms[0], call->arena, &g->uses, &g->uses_n);
    return err;
}

/* Each offering of the site, newest month first, from the month in which it was first offered. s under its lock. */
static void
each_given(struct call *call, const struct share_given *g, const struct state *s, uint64_t site,
           void (*take)(struct call *call, const struct share_given *g, const struct offering *o, int64_t i, int64_t promised, const struct month_use *use))
{
    struct capacity_step *steps = arena_alloc(call->arena, (g->steps_n + 1) * sizeof *steps);
    const struct offering *o;

    for (int64_t i = g->months - 1; i >= 0; i--)
        for (size_t it = 0; (o = ledger_next_offering(s->ledger, &it)) != NULL;) {
            size_t n = o->entry.u.offering.site == site ? capacity_in_force(g->steps, g->steps_n, o->index, steps) : 0;

            if (n > 0 && steps[0].from_ms < g->bound_ms[i + 1])
                take(call, g, o, i, promised(steps, n, g->bound_ms[i], g->bound_ms[i + 1]), use_of(g, o->index, g->month0 + i));
        }
}

static void
given_json(struct call *call, const struct share_given *g, const struct offering *o, int64_t i, int64_t promised_s, const struct month_use *use)
{
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_time(out, "from", g->bound_ms[i]);
    json_time(out, "to", g->bound_ms[i + 1]);
    json_i64(out, "offering", (int64_t)o->index);
    json_textn(out, "model", o->entry.u.offering.model, strnlen(o->entry.u.offering.model, sizeof o->entry.u.offering.model));
    json_text(out, "kind", o->entry.u.offering.kind == OFFERING_BATCH ? "batch" : "experimental-platform");
    json_i64(out, "promised_gpu_seconds", promised_s);
    json_i64(out, "given_gpu_seconds", use->gpu_seconds);
    json_i64(out, "idle_gpu_seconds", use->idle_gpu_seconds);
    json_i64(out, "jobs", use->jobs);
    json_amount(out, "settled", use->settled_gpums);
    json_shut(out);
}

/* What both formats begin with. NULL: it is answered. */
static const struct state *
begin(struct call *call, struct share_given *g, uint64_t *site)
{
    enum err err = read_given(call, g, site);

    if (!err)
        return call_state(call);
    call_fail(call, err);
    return NULL;
}

/* GET /v1/sites/{code}/share */
void
sites_share(struct call *call)
{
    struct share_given g = { .months = 0 };
    uint64_t site = 0;
    const struct state *s = begin(call, &g, &site);

    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    each_given(call, &g, s, site, given_json);
    call_state_done(call);
    json_shut_array(&call->out);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_reply(call, 200);
}
