/* api/package_idle.c: idle.csv of a package: what the time of each site's GPUs went to in its period. */
#include <inttypes.h>
#include <string.h>

#include "api/internal.h"
#include "api/package.h"
#include "api/use.h"
#include "base/csv.h"
#include "base/num.h"

#define PIECE_MS (INT64_C(366) * 86400000) /* so much of what was booked is looked at at a time */

struct idle_table {
    struct use_idle *sites; /* in the ledger's order: none ever leaves, and what joins meanwhile has no past */
    size_t n;
};

static void
add(struct idle_table *t, const struct use_idle *piece, size_t n, struct arena *a)
{
    if (!t->sites) {
        t->n = n;
        t->sites = arena_alloc(a, (n + 1) * sizeof *t->sites);
    }
    for (size_t i = 0; i < n && i < t->n; i++) {
        struct idle *sum = &t->sites[i].sum;
        const struct idle *one = &piece[i].sum;

        memcpy(t->sites[i].code, piece[i].code, sizeof piece[i].code);
        t->sites[i].used += piece[i].used;
        *sum = (struct idle){ sum->all + one->all, sum->booked + one->booked, sum->free + one->free, sum->down + one->down,
                              sum->maintenance + one->maintenance, sum->unoffered + one->unoffered };
    }
}

static enum err
add_piece(struct call *call, struct use *u, struct arena *piece, struct idle_table *t)
{
    struct use_idle *sites;
    const struct state *s;
    size_t n;
    enum err err = use_booked(call->db, u->from_ms, u->to_ms, piece, &u->booked, &u->booked_n);

    if (!err)
        err = use_runs(call->db, u->from_ms, u->to_ms, piece, &u->runs, &u->runs_n);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    n = use_idle(piece, u, s, call->now_ms, &sites);
    market_read_unlock(call->api->market);
    add(t, sites, n, call->arena);
    return OK;
}

/* Since the first capacity that there was: before it there was nothing. */
static int64_t
begin(const struct use *u, int64_t from_ms)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < u->steps_n; i++)
        first = min_i64(first, u->steps[i].from_ms);
    return max_i64(from_ms, first);
}

static void
write_table(const struct idle_table *t, struct json_out *out)
{
    csv_printf(out, "site,all_gpu_ms,used_gpu_ms,unused_gpu_ms,free_gpu_ms,down_gpu_ms,maintenance_gpu_ms,unoffered_gpu_ms\r\n");
    for (size_t i = 0; i < t->n; i++) {
        const struct idle *sum = &t->sites[i].sum;

        csv_field(out, t->sites[i].code);
        csv_printf(out, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "\r\n", sum->all, t->sites[i].used,
                   sum->booked - t->sites[i].used, sum->free, sum->down, sum->maintenance, sum->unoffered);
    }
}

enum err
package_idle(struct call *call, const struct package *p, struct json_out *out)
{
    struct use u = { .to_ms = 0 };
    struct idle_table t = { .n = 0 };
    int64_t to_ms = min_i64(p->to_ms, call->now_ms);
    enum err err = capacity_steps(call->db, call->arena, &u.steps, &u.steps_n);

    if (!err)
        err = capacity_changes(call->db, 0, call->arena, &u.changes, &u.changes_n);
    for (u.from_ms = begin(&u, p->from_ms); !err && u.from_ms < to_ms; u.from_ms = u.to_ms) {
        struct arena *piece = arena_new();

        u.to_ms = u.from_ms < to_ms - PIECE_MS ? u.from_ms + PIECE_MS : to_ms;
        err = add_piece(call, &u, piece, &t);
        arena_delete(piece);
    }
    if (!err)
        write_table(&t, out);
    return err;
}
