/* api/inventory.c: the calendar follows what a site's agent says of its machines: nodes that are down, drained or in maintenance
 * are counted out, and in again when they are back. */
#include "api/inventory.h"

#include <stdlib.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "base/num.h"
#include "base/text.h"
#include "core/told.h"
#include "market/index.h"

enum { CHANGES_MAX = TOLD_RUNS_MAX + TOLD_STEPS_MAX, TRIES_MAX = 4 };

#define TOLD_REASON "Told by the site's agent"

/* What goes from the check of an inventory to its following. */
struct inventory {
    struct told told;
    char model[64];
    uint64_t offering; /* NO_INDEX: it moves nothing */
    uint64_t number;   /* of its report */
    struct told_change changes[CHANGES_MAX];
    int tries;
};

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* Of the site's own members nothing is asked: there may be any. */
static enum err
read_window(struct json_in *in, size_t i, struct told_window *ret)
{
    struct json_in item = json_in_array_object(in, "maintenance", i);

    json_in_loose(&item);
    ret->from_ms = json_in_time(&item, "start");
    ret->until_ms = json_in_time(&item, "end");
    ret->nodes = json_in_i64(&item, "nodes_count", 0, TOLD_NODES_MAX);
    return json_in_close(&item);
}

static enum err
read_told(struct json_in *in, struct inventory *ret)
{
    enum err err = OK;

    text_format(ret->model, sizeof ret->model, "%s", json_in_text(in, "model", 1, sizeof ret->model - 1));
    ret->told.nodes = json_in_i64(in, "nodes", 0, TOLD_NODES_MAX);
    ret->told.nodes_up = json_in_i64(in, "nodes_up", 0, TOLD_NODES_MAX);
    ret->told.nodes_in_maintenance = json_in_i64_or(in, "nodes_in_maintenance", 0, TOLD_NODES_MAX, 0);
    if (json_in_has(in, "maintenance"))
        ret->told.windows_n = json_in_array(in, "maintenance", TOLD_WINDOWS_MAX);
    for (size_t i = 0; i < ret->told.windows_n && !err; i++)
        err = read_window(in, i, &ret->told.windows[i]);
    return err;
}

/* ERR_NOT_FOUND: it speaks of no class of the marketplace, or knows nothing for now. ERR_INVENTORY_RANGE. */
static enum err
read_inventory(const char *json, size_t len, struct inventory *ret)
{
    struct err_detail unsaid = { 0 };
    struct json_in in = json_in_open(BYTES(json, len), &unsaid);
    bool speaks = json_in_has(&in, "model") && (!json_in_has(&in, "known") || json_in_bool(&in, "known"));
    enum err err, closed;

    json_in_loose(&in);
    err = speaks ? read_told(&in, ret) : OK;
    closed = json_in_close(&in);
    return err || closed ? ERR_INVENTORY_RANGE : speaks ? OK : ERR_NOT_FOUND;
}

/* ---- before it is decided ------------------------------------------------------------------------------------------- */

/* The one class of that model which the site offers. */
static enum err
class_of(struct call *call, struct inventory *inv)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct offering_state *os = NULL;
    const struct offering *o;
    size_t it = 0, found = 0;
    enum err err;

    if (!s)
        return ERR_NOT_LEADER;
    while ((o = ledger_next_offering(s->ledger, &it)) != NULL)
        if (o->entry.u.offering.site == call->actor.sites[0] && strncmp(o->entry.u.offering.model, inv->model, sizeof o->entry.u.offering.model) == 0) {
            os = index_offering(s, o->index);
            found++;
        }
    err = found == 1 && os ? told_check(&inv->told, os->nodes) : ERR_INVENTORY_CLASS;
    if (!err)
        inv->offering = os->offering;
    market_read_unlock(call->api->market);
    return err;
}

enum err
inventory_check(struct call *call, const char *json, size_t len)
{
    struct command *c = call->command;
    struct uuid mark = c->in.report.report.jti;
    struct inventory *inv;
    enum err err;

    if (uuid_is_zero(mark)) /* an agent's that signs none: it is shown */
        return OK;
    if (!json || !uuid_equal(mark, told_mark(BYTES(json, len))))
        return err_at(&call->detail, ERR_INVENTORY_OTHER, "/inventory", "The statement names another inventory.");
    inv = arena_alloc(call->arena, sizeof *inv);
    *inv = (struct inventory){ .offering = NO_INDEX, .number = c->in.report.report.number };
    call->user = inv;
    err = read_inventory(json, len, inv);
    if (!err)
        err = class_of(call, inv);
    if (err == ERR_NOT_LEADER)
        return err;
    c->in.report.inventory_fault = err == ERR_NOT_FOUND ? OK : err;
    return OK;
}

/* ---- windows that stand ------------------------------------------------------------------------------------------------ */

size_t
maintenance_windows(const struct capacity_change *rows, size_t n, size_t at, struct maintenance_window *ret, size_t *ret_n, uint32_t *ret_changes)
{
    size_t first = at;

    *ret_n = 0;
    for (; at < n && rows[at].offering == rows[first].offering; at++) {
        const struct capacity_change *r = &rows[at];

        *ret_changes = r->number;
        if (r->window == r->number)
            ret[(*ret_n)++] = (struct maintenance_window){ .set = *r, .until_ms = r->until_ms };
        for (size_t i = 0; i < *ret_n; i++) {
            bool over = r->window == 0 || (r->until_ms > 0 && r->window == ret[i].set.number && r->number != r->window);

            if (over && r->from_ms < ret[i].until_ms) {
                ret[i].until_ms = max_i64(r->from_ms, ret[i].set.from_ms);
                ret[i].ended = true;
            }
        }
    }
    return at;
}

/* ---- what follows ---------------------------------------------------------------------------------------------------- */

/* What of a window is still to come, in slots. */
static struct told_run
rest_of(const struct maintenance_window *w, int64_t now_ms)
{
    return (struct told_run){
        .from_slot = calendar_slot_of(max_i64(w->set.from_ms, now_ms)),
        .to_slot = calendar_slot_after(w->until_ms),
        .less_whole = w->set.less_nodes,
        .less_pool = w->set.less_pool_nodes,
    };
}

static bool
stands(const struct maintenance_window *w, int64_t now_ms)
{
    struct told_run rest = rest_of(w, now_ms);

    return w->set.told && !w->ended && rest.to_slot > rest.from_slot;
}

/* What people have planned: what there is, and what was told away from it. False: more steps than there is room for. */
static bool
planned(const struct offering_state *o, int64_t per_node, const struct maintenance_window *w, size_t n, int64_t now_ms, struct told_step *ret, size_t *ret_n)
{
    *ret_n = 0;
    for (int64_t slot = calendar_slot_of(now_ms), next; slot != INT64_MAX; slot = next) {
        struct told_step step = { .slot = slot, .whole = calendar_capacity(o->calendar, slot) / per_node };

        next = calendar_capacity_next(o->calendar, slot);
        if (o->pool) {
            step.pool = calendar_capacity(o->pool, slot) / per_node;
            next = min_i64(next, calendar_capacity_next(o->pool, slot));
        }
        for (size_t i = 0; i < n; i++) {
            struct told_run rest = rest_of(&w[i], now_ms);

            if (stands(&w[i], now_ms) && rest.from_slot <= slot && slot < rest.to_slot) {
                step.whole += rest.less_whole;
                step.pool += rest.less_pool;
            }
        }
        if (*ret_n == TOLD_STEPS_MAX)
            return false;
        ret[(*ret_n)++] = step;
    }
    return true;
}

static bool
same_run(const struct told_run *a, const struct told_run *b)
{
    return a->from_slot == b->from_slot && a->to_slot == b->to_slot && a->less_whole == b->less_whole && a->less_pool == b->less_pool;
}

/* What stands and is told no more ends; what is told and does not stand begins. How many changes. */
static size_t
differences(const struct maintenance_window *w, size_t n, const struct told_run *runs, size_t runs_n, int64_t now_ms, struct told_change *ret)
{
    bool there[TOLD_RUNS_MAX] = { false };
    size_t changes = 0;

    for (size_t i = 0; i < n && changes < CHANGES_MAX - TOLD_RUNS_MAX; i++) {
        struct told_run rest = rest_of(&w[i], now_ms);
        bool told = false;

        for (size_t k = 0; k < runs_n && stands(&w[i], now_ms) && !told; k++)
            if (!there[k] && same_run(&runs[k], &rest))
                told = there[k] = true;
        if (stands(&w[i], now_ms) && !told)
            ret[changes++] = (struct told_change){
                .window = w[i].set.number, .from_ms = w[i].set.from_ms, .until_ms = w[i].until_ms,
                .less_nodes = -w[i].set.less_nodes, .less_pool_nodes = -w[i].set.less_pool_nodes,
            };
    }
    for (size_t k = 0; k < runs_n; k++)
        if (!there[k])
            ret[changes++] = (struct told_change){
                .from_ms = runs[k].from_slot * CALENDAR_SLOT_MS, .until_ms = runs[k].to_slot * CALENDAR_SLOT_MS,
                .less_nodes = runs[k].less_whole, .less_pool_nodes = runs[k].less_pool,
            };
    return changes;
}

/* Under the market's lock. ERR_CONFLICT: the rows that were read are not the newest; ERR_FIELD_RANGE: more changes than there is room
 * for. *ret_n 0: all stands as it is told. */
static enum err
changes_for(const struct state *s, struct inventory *inv, const struct maintenance_window *w, size_t n, uint32_t changes, int64_t now_ms, size_t *ret_n)
{
    const struct offering_state *o = index_offering(s, inv->offering);
    const struct site_state *site = o ? index_site(s, o->site) : NULL;
    struct told_step steps[TOLD_STEPS_MAX];
    struct told_run runs[TOLD_RUNS_MAX];
    size_t steps_n;
    int runs_n;

    *ret_n = 0;
    if (!site || site->last_report != inv->number) /* a newer report has come: if that is an inventory, it is followed */
        return OK;
    if (o->changes != changes)
        return ERR_CONFLICT;
    if (!planned(o, ledger_offering(s->ledger, o->offering)->entry.u.offering.gpus_per_node, w, n, now_ms, steps, &steps_n))
        return ERR_FIELD_RANGE;
    runs_n = told_runs(&inv->told, steps, steps_n, now_ms, runs);
    if (runs_n < 0)
        return ERR_FIELD_RANGE;
    *ret_n = differences(w, n, runs, (size_t)runs_n, now_ms, inv->changes);
    return OK;
}

static enum err
look(struct call *call, uint32_t *ret_changes, size_t *ret_n)
{
    struct inventory *inv = call->user;
    struct capacity_change *rows;
    struct maintenance_window *windows;
    const struct state *s;
    size_t n = 0, found = 0;
    enum err err = capacity_changes(call->db, inv->offering, call->arena, &rows, &n);

    if (err)
        return err;
    windows = arena_alloc(call->arena, (n + 1) * sizeof *windows);
    *ret_changes = 0;
    if (n > 0)
        maintenance_windows(rows, n, 0, windows, &found, ret_changes);
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    err = changes_for(s, inv, windows, found, *ret_changes, market_now(call->api->market), ret_n);
    market_read_unlock(call->api->market);
    return err;
}

/* Trouble of the server's own passes: without a receipt the agent sends the report again. What cannot be followed as it is waits for
 * the next inventory. */
static void
not_followed(struct call *call, enum err err, const char *text)
{
    const struct inventory *inv = call->user;

    if (err_status(err) == 503 || err_status(err) == 429 || err_status(err) == 507) {
        call_fail(call, err);
        return;
    }
    log_warning(call->api->log, "inventory-not-followed", LOG_I64("offering", (int64_t)inv->offering), LOG_TEXT("error", err_wire(err)),
                LOG_TEXT("text", text));
    call_reply(call, 200);
}

static void
followed(struct call *call)
{
    struct inventory *inv = call->user;
    struct command *c = call->command;

    if (c->err == ERR_CONFLICT && ++inv->tries < TRIES_MAX) {
        inventory_follow(call);
    } else if (c->err) {
        not_followed(call, c->err, c->detail.text);
    } else {
        log_info(call->api->log, "inventory-followed", LOG_I64("offering", (int64_t)inv->offering), LOG_I64("changes", (int64_t)c->in.capacity.told.n));
        call_reply(call, 200);
    }
}

void
inventory_follow(struct call *call)
{
    struct inventory *inv = call->user;
    struct command *c = call->command;
    uint32_t changes = 0;
    size_t n = 0;
    enum err err = OK;

    if (!inv || inv->offering == NO_INDEX || (inv->tries == 0 && (enum err)c->answer.index != OK)) {
        call_reply(call, 200);
        return;
    }
    err = look(call, &changes, &n);
    while (err == ERR_CONFLICT && ++inv->tries < TRIES_MAX)
        err = look(call, &changes, &n);
    if (err) {
        not_followed(call, err, "");
        return;
    }
    if (n == 0) {
        call_reply(call, 200);
        return;
    }
    *c = (struct command){ .kind = COMMAND_CAPACITY };
    c->in.capacity.offering = inv->offering;
    c->in.capacity.expected = changes;
    c->in.capacity.told = (struct told_changes){ .n = n, .list = inv->changes };
    text_format(c->in.capacity.reason, sizeof c->in.capacity.reason, TOLD_REASON);
    call_send_any(call, followed);
}
