/* api/free.c: the calendars as columns, for drawing: of all offerings, and of one site with what the caller may see there. */
#include <string.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "api/reservation_json.h"
#include "base/text.h"
#include "core/calendar.h"
#include "market/index.h"
#include "store/organisations.h"

enum { COLUMNS_MAX = 400, STEP_MAX_S = 7 * 86400, SITE_COLUMNS_MAX = 3000, RESERVATIONS_MAX = 300 };

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
free_query(struct call *call, int64_t most, int64_t *ret_from_slot, int64_t *ret_step_s, int64_t *ret_columns)
{
    static const char *const NAMES[] = { "from", "step_s", "columns", NULL };
    int64_t from_ms = 0, step_s = 0;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "columns", 1, most, 28, ret_columns);
    if (!err)
        err = call_query_time(call, "from", call->now_ms, &from_ms);
    if (!err)
        err = call_query_i64(call, "step_s", CALENDAR_SLOT_MS / 1000, STEP_MAX_S, 21600, &step_s);
    if (err)
        return err;
    if (step_s % (CALENDAR_SLOT_MS / 1000))
        return err_say(&call->detail, ERR_QUERY_INVALID, "step_s is a multiple of 900.");
    if (from_ms < 0)
        return err_say(&call->detail, ERR_QUERY_INVALID, "from is before 1970.");
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
    enum err err = free_query(call, COLUMNS_MAX, &from, &step_s, &columns);

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

/* ---- one site ----------------------------------------------------------------------------------------------------- */

struct span {
    int64_t from, step, columns; /* in slots, but for the last */
};

/* One calendar; none where such jobs are not taken. In columns that are over, or beyond the horizon, nothing is said. */
static void
calendar_json(struct call *call, const char *name, const struct calendar *c, const struct span *s)
{
    struct calendar_bin *bins = arena_alloc(call->arena, (size_t)s->columns * sizeof *bins);
    struct json_out *out = &call->out;
    const char *const names[] = { "capacity", "free", "most_free" };

    if (!c) {
        json_none(out, name);
        return;
    }
    calendar_summary(c, s->from, s->step, (size_t)s->columns, bins);
    json_open(out, name);
    for (int what = 0; what < 3; what++) {
        json_open_array(out, names[what]);
        for (int64_t i = 0; i < s->columns; i++) {
            int64_t slot = s->from + i * s->step;
            int64_t n = what == 0 ? calendar_capacity_least(c, slot, s->step) : what == 1 ? bins[i].least : bins[i].most;

            if (slot + s->step <= calendar_first(c) || slot >= calendar_end(c))
                json_none(out, NULL);
            else
                json_i64(out, NULL, n > 0 ? n : 0);
        }
        json_shut_array(out);
    }
    json_shut(out);
}

static void
offering_calendar(struct call *call, const struct state *s, const struct offering *o, const struct span *span)
{
    const struct offering_state *os = index_offering(s, o->index);
    const char *model = o->entry.u.offering.model;
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_i64(out, "offering", (int64_t)o->index);
    json_textn(out, "model", model, strnlen(model, sizeof o->entry.u.offering.model));
    json_i64(out, "memory_gb", o->entry.u.offering.memory_gb);
    json_i64(out, "gpus_per_node", o->entry.u.offering.gpus_per_node);
    json_text(out, "kind", o->entry.u.offering.kind == OFFERING_BATCH ? "batch" : "experimental-platform");
    calendar_json(call, "whole_nodes", os ? os->calendar : NULL, span);
    calendar_json(call, "below_node", os && os->pool_nodes ? os->pool : NULL, span);
    json_shut(out);
}

/* What is booked there and not over, as far as it is the caller's to see: its organisation's own, all of them for the programme
 * and the site's operators, nothing for others. Row security says the same.
 * Security: may_see_reservation() judges each row. */
static enum err
reservations_there(struct call *call, uint64_t site, struct reservation_row **ret, size_t *ret_n)
{
    const struct actor *a = &call->actor;
    const struct reservation nobodys = { .site = site };
    bool all = may_see_reservation(a, &nobodys);
    struct uuid before, organisation = { { 0 } };
    const char *words = ",";

    *ret = NULL;
    *ret_n = 0;
    if (!all && (a->kind != ACTOR_PERSON || a->orgs_n == 0))
        return OK;
    for (int i = 0; i < TICKET_STATES; i++)
        if (!ticket_state_is_end((enum ticket_state)i))
            words = arena_printf(call->arena, "%s%s,", words, ticket_state_word((enum ticket_state)i));
    memset(before.b, 0xff, sizeof before.b);
    if (!all)
        organisation = a->orgs[0].id;
    return reservations_list(call->db, organisation, all ? site : NO_INDEX, words, before, RESERVATIONS_MAX + 1, call->arena, ret,
                             ret_n);
}

static void
reservation_there(struct call *call, const struct reservation_row *r)
{
    const struct organisation *o;
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_uuid(out, "id", r->id);
    json_text(out, "name", r->name);
    if (directory_organisation(call->api->directory, call->db, r->org, &o) == OK)
        json_text(out, "organisation", o->name);
    else
        json_none(out, "organisation");
    json_i64(out, "offering", (int64_t)r->offering);
    json_i64(out, "gpus", r->gpus);
    json_i64(out, "nodes", r->nodes);
    json_time(out, "from", r->window_start_ms);
    json_time(out, "to", r->window_end_ms);
    json_text(out, "state", reservation_state_name(r->state));
    json_shut(out);
}

/* The rows of this site within the columns. */
static void
reservations_json(struct call *call, uint64_t site, const struct span *span, const struct reservation_row *rows, size_t n)
{
    int64_t from_ms = span->from * CALENDAR_SLOT_MS, to_ms = (span->from + span->columns * span->step) * CALENDAR_SLOT_MS;

    json_open_array(&call->out, "reservations");
    for (size_t i = 0; i < n && i < RESERVATIONS_MAX; i++) {
        const struct reservation as = { .org = rows[i].org, .site = rows[i].site };

        if (rows[i].site == site && rows[i].window_start_ms < to_ms && rows[i].window_end_ms > from_ms &&
            may_see_reservation(&call->actor, &as))
            reservation_there(call, &rows[i]);
    }
    json_shut_array(&call->out);
    json_bool(&call->out, "more", n > RESERVATIONS_MAX);
}

/* The site in the path; its calendars into the reply, under the lock. */
static enum err
site_calendars(struct call *call, const struct span *span, uint64_t *ret_site)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct offering *o;
    const struct site *site;

    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site_by_code(s->ledger, call->path_text);
    *ret_site = site ? site->index : NO_INDEX;
    json_open_array(&call->out, "offerings");
    for (size_t it = 0; site && (o = ledger_next_offering(s->ledger, &it)) != NULL;)
        if (o->entry.u.offering.site == site->index)
            offering_calendar(call, s, o, span);
    json_shut_array(&call->out);
    market_read_unlock(call->api->market);
    return site ? OK : ERR_NOT_FOUND;
}

/* GET /v1/sites/{code}/calendar: what is free there when, of what; and what the caller may see of who has the rest. */
void
sites_calendar(struct call *call)
{
    struct json_out *out = &call->out;
    struct reservation_row *rows = NULL;
    struct span span = { 0 };
    int64_t step_s = 0;
    uint64_t site = NO_INDEX;
    size_t n = 0;
    enum err err = free_query(call, SITE_COLUMNS_MAX, &span.from, &step_s, &span.columns);

    span.step = step_s * 1000 / CALENDAR_SLOT_MS;
    json_open(out, NULL);
    json_text(out, "site", call->path_text);
    json_time(out, "from", span.from * CALENDAR_SLOT_MS);
    json_i64(out, "step_s", step_s);
    json_time(out, "as_of", call->now_ms);
    if (!err)
        err = site_calendars(call, &span, &site);
    if (!err)
        err = reservations_there(call, site, &rows, &n);
    if (!err)
        reservations_json(call, site, &span, rows, n);
    json_shut(out);
    call_end(call, err, 200);
}
