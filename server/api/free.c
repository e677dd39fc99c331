/* api/free.c: the calendars as columns, for drawing. */
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "core/calendar.h"
#include "market/index.h"

enum { COLUMNS_MAX = 400, STEP_MAX_S = 7 * 86400 };

/* Columns of free GPUs in one calendar: the least that is free throughout each; none where nothing is offered. */
static void
columns_json(struct json_out *out, const char *name, const struct calendar *c, int64_t from, int64_t step, int64_t n)
{
    struct calendar_bin bins[COLUMNS_MAX] = { { 0 } };

    json_open_array(out, name);
    if (c)
        calendar_summary(c, from, step, (size_t)n, bins);
    for (int64_t i = 0; c && i < n; i++) {
        int64_t slot = from + i * step;

        if (slot >= calendar_first(c) && slot < calendar_end(c) && calendar_capacity(c, slot) == 0)
            json_none(out, NULL);
        else
            json_i64(out, NULL, bins[i].least > 0 ? bins[i].least : 0);
    }
    json_shut_array(out);
}

static enum err
free_query(struct call *call, int64_t *ret_from_slot, int64_t *ret_step_s, int64_t *ret_columns)
{
    static const char *const NAMES[] = { "from", "step_s", "columns", NULL };
    const char *from = call_query(call, "from");
    int64_t from_ms = call->now_ms, step_s = 0;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "columns", 1, COLUMNS_MAX, 28, ret_columns);
    if (!err)
        err = call_query_i64(call, "step_s", CALENDAR_SLOT_MS / 1000, STEP_MAX_S, 21600, &step_s);
    if (err)
        return err;
    if (step_s % (CALENDAR_SLOT_MS / 1000))
        return err_say(&call->detail, ERR_QUERY_INVALID, "step_s is a multiple of 900.");
    if (from && (!time_parse(from, &from_ms) || from_ms < 0))
        return err_say(&call->detail, ERR_QUERY_INVALID, "from is a time as 2026-05-12T06:00:00Z.");
    *ret_from_slot = calendar_slot_of(from_ms);
    *ret_step_s = step_s;
    return OK;
}

/* GET /v1/offerings/free: the calendars as columns, for drawing: jobs of whole nodes, and those below a node. */
void
offerings_free(struct call *call)
{
    struct json_out *out = &call->out;
    int64_t from = 0, step_s = 0, columns = 0;
    const struct offering *o;
    const struct state *s;
    enum err err = free_query(call, &from, &step_s, &columns);

    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    json_open(out, NULL);
    json_time(out, "from", from * CALENDAR_SLOT_MS);
    json_i64(out, "step_s", step_s);
    json_time(out, "as_of", call->now_ms);
    json_open_array(out, "items");
    for (size_t it = 0; (o = ledger_next_offering(s->ledger, &it)) != NULL;) {
        const struct offering_state *os = index_offering(s, o->index);
        const struct site *site = ledger_site(s->ledger, o->entry.u.offering.site);
        int64_t step = step_s * 1000 / CALENDAR_SLOT_MS;

        json_open(out, NULL);
        json_i64(out, "offering", (int64_t)o->index);
        json_textn(out, "site", site ? site->entry.u.site.code : "",
                   site ? strnlen(site->entry.u.site.code, sizeof site->entry.u.site.code) : 0);
        columns_json(out, "free", os ? os->calendar : NULL, from, step, columns);
        columns_json(out, "free_below_node", os ? os->pool : NULL, from, step, columns);
        json_shut(out);
    }
    call_state_done(call);
    json_shut_array(out);
    json_shut(out);
    call_reply(call, 200);
}
