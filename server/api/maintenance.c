/* api/maintenance.c: a site's maintenance: planned, ended early, listed. What capacity loses by it, and gets back, are dated steps
 * of it (market/maintenance.c); the windows are read back from these. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/fields.h"
#include "api/internal.h"
#include "api/inventory.h"
#include "base/num.h"
#include "base/text.h"
#include "market/index.h"
#include "store/given.h"

enum { AHEAD_DAYS_MAX = 366, NODES_MAX = 1000000 };

static void
window_json(struct call *call, const struct maintenance_window *w, const struct offering *o)
{
    struct json_out *out = &call->out;
    bool begun = w->set.from_ms <= call->now_ms, over = w->until_ms <= call->now_ms;

    json_open(out, NULL);
    json_i64(out, "number", w->set.number);
    json_i64(out, "offering", (int64_t)o->index);
    json_textn(out, "model", o->entry.u.offering.model, strnlen(o->entry.u.offering.model, sizeof o->entry.u.offering.model));
    json_time(out, "from", w->set.from_ms);
    json_time(out, "to", w->until_ms);
    json_i64(out, "nodes", w->set.less_nodes);
    json_i64(out, "pool_nodes", w->set.less_pool_nodes);
    json_i64(out, "gpus", (int64_t)(w->set.less_nodes + w->set.less_pool_nodes) * o->entry.u.offering.gpus_per_node);
    json_text(out, "reason", w->set.reason);
    json_bool(out, "told", w->set.told);
    json_text(out, "state", w->ended && w->until_ms <= w->set.from_ms ? "called-off" : over ? "over" : begun ? "now" : "planned");
    json_bool(out, "ended_early", w->ended);
    json_time(out, "planned", w->set.set_ms);
    json_shut(out);
}

/* GET /v1/sites/{code}/maintenance: newest window first, by offering. Security: the site's operators and administrators. */
void
sites_maintenance(struct call *call)
{
    static const char *const NO_NAMES[] = { NULL };
    struct capacity_change *rows;
    const struct state *s;
    struct maintenance_window *windows;
    uint64_t site = 0;
    uint32_t changes;
    size_t n = 0;
    enum err err = call_query_only(call, NO_NAMES);

    if (!err)
        err = site_of_path(call, &site);
    if (!err)
        err = capacity_changes(call->db, 0, call->arena, &rows, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    windows = arena_alloc(call->arena, (n + 1) * sizeof *windows);
    s = call_state(call);
    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t at = 0; at < n;) {
        const struct offering *o = ledger_offering(s->ledger, rows[at].offering);
        size_t found;

        at = maintenance_windows(rows, n, at, windows, &found, &changes);
        for (size_t i = found; o && o->entry.u.offering.site == site && i > 0; i--)
            window_json(call, &windows[i - 1], o);
    }
    call_state_done(call);
    json_shut_array(&call->out);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_reply(call, 200);
}

/* ---- commands ------------------------------------------------------------------------------------------------------- */

static void
done(struct call *call)
{
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_i64(out, "offering", (int64_t)call->command->answer.index);
    json_i64(out, "number", (int64_t)call->command->answer.number);
    json_shut(out);
    call_reply(call, 201);
}

/* Whose offering it is: its site's operators', or administrators'. ERR_NOT_FOUND. */
static enum err
check_offering(struct call *call)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct offering_state *o;
    enum err err;

    if (!s)
        return ERR_NOT_LEADER;
    o = index_offering(s, call->path_index);
    err = o && may_see_site(&call->actor, o->site) ? OK : ERR_NOT_FOUND;
    market_read_unlock(call->api->market);
    return err;
}

/* POST /v1/offerings/{index}/maintenance. Security: decide_capacity() asks again. */
void
maintenance_plan(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    const char *reason;
    enum err err;

    c->kind = COMMAND_CAPACITY;
    c->in.capacity.offering = call->path_index;
    c->in.capacity.from_ms = json_in_time(&in, "from");
    c->in.capacity.until_ms = json_in_time(&in, "to");
    c->in.capacity.less_nodes = (int32_t)json_in_i64(&in, "nodes", 0, NODES_MAX);
    c->in.capacity.less_pool_nodes = (int32_t)json_in_i64_or(&in, "pool_nodes", 0, NODES_MAX, 0);
    reason = in_line(&in, "reason", sizeof c->in.capacity.reason - 1, call->arena);
    text_format(c->in.capacity.reason, sizeof c->in.capacity.reason, "%s", reason);
    err = json_in_close(&in);
    if (!err)
        err = check_offering(call);
    if (!err && c->in.capacity.less_nodes == 0 && c->in.capacity.less_pool_nodes == 0)
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/nodes", "A maintenance takes at least one node.");
    if (!err && (c->in.capacity.until_ms <= c->in.capacity.from_ms || c->in.capacity.until_ms <= 0))
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/to", "It ends before it begins.");
    if (!err && c->in.capacity.until_ms > call->now_ms + AHEAD_DAYS_MAX * INT64_C(86400000))
        err = err_at(&call->detail, ERR_FIELD_RANGE, "/to", "A maintenance is planned at most %d days ahead.", AHEAD_DAYS_MAX);
    if (err)
        call_fail(call, err);
    else
        call_send(call, done);
}

/* What is left of the window is given back. */
static enum err
rest_of(struct call *call, uint32_t number)
{
    struct command *c = call->command;
    struct capacity_change *rows;
    struct maintenance_window *windows;
    uint32_t changes = 0;
    size_t n = 0, found = 0;
    enum err err = capacity_changes(call->db, call->path_index, call->arena, &rows, &n);

    if (err)
        return err;
    windows = arena_alloc(call->arena, (n + 1) * sizeof *windows);
    if (n > 0)
        maintenance_windows(rows, n, 0, windows, &found, &changes);
    for (size_t i = 0; i < found; i++) {
        const struct maintenance_window *w = &windows[i];

        if (w->set.number != number)
            continue;
        if (w->until_ms <= call->now_ms || w->ended)
            return err_say(&call->detail, ERR_CONFLICT, "It is over, or was ended before.");
        if (w->set.told)
            return err_say(&call->detail, ERR_CONFLICT, "The site's agent tells it: it ends as soon as the batch system has the nodes again.");
        c->in.capacity.from_ms = w->set.from_ms;
        c->in.capacity.until_ms = w->until_ms;
        c->in.capacity.less_nodes = -w->set.less_nodes;
        c->in.capacity.less_pool_nodes = -w->set.less_pool_nodes;
        c->in.capacity.window = number;
        c->in.capacity.expected = changes;
        return OK;
    }
    return err_say(&call->detail, ERR_NOT_FOUND, "The offering has no such maintenance.");
}

/* POST /v1/offerings/{index}/maintenance-end. Security: decide_capacity() asks again. */
void
maintenance_end(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    uint32_t number = (uint32_t)json_in_i64(&in, "number", 1, UINT32_MAX);
    struct command *c = call->command;
    enum err err = json_in_close(&in);

    c->kind = COMMAND_CAPACITY;
    c->in.capacity.offering = call->path_index;
    if (!err)
        err = check_offering(call);
    if (!err)
        err = rest_of(call, number);
    if (err == ERR_CONFLICT && market_key_maybe_known(call->api->market, &c->idem.scope)) {
        c->in.capacity.until_ms = call->now_ms; /* carried out before: it is answered by its key; else this is refused */
        c->in.capacity.window = number;
        c->in.capacity.expected = UINT32_MAX;
        err = OK;
    }
    if (err)
        call_fail(call, err);
    else
        call_send(call, done);
}
