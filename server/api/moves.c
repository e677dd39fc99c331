/* api/moves.c: what could not stay at its site: where it went, or that it went nowhere, and why; what cannot stay now; where
 * more is booked than there is. For the programme, and for each site's operators. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/handlers.h"
#include "api/internal.h"
#include "api/reservation_json.h"
#include "base/text.h"
#include "market/displaced.h"
#include "market/index.h"
#include "store/organisations.h"

enum { STANDING_SHOWN = 200, STRETCHES_SHOWN = 20 };

static void
site_json(struct json_out *out, const char *name, const struct state *s, uint64_t index)
{
    const struct site *site = ledger_site(s->ledger, index);

    json_textn(out, name, site ? site->entry.u.site.code : "", site ? strnlen(site->entry.u.site.code, sizeof site->entry.u.site.code) : 0);
}

/* ---- what cannot stay --------------------------------------------------------------------------------------------- */

/* Copied from under the lock: whose it is takes the database. */
struct standing {
    struct reservation r;
    enum displaced why;
};

static bool
is_standing(const struct state *s, const struct reservation *r, uint64_t site, int64_t now_ms, enum displaced *ret)
{
    if ((site != NO_INDEX && r->site != site) || ticket_state_is_end(r->state))
        return false;
    *ret = displaced_why(s, r, now_ms);
    /* what runs at a site that drains is in nobody's way; what was booked beyond what there is, is */
    return *ret == DISPLACED_CUT || (*ret != DISPLACED_NOT && r->state == TICKET_ISSUED);
}

static int
by_start(const void *a, const void *b)
{
    const struct standing *x = a, *y = b;

    if (x->r.window_start_ms != y->r.window_start_ms)
        return x->r.window_start_ms < y->r.window_start_ms ? -1 : 1;
    return x->r.hold < y->r.hold ? -1 : x->r.hold > y->r.hold;
}

static size_t
find_standing(struct call *call, const struct state *s, uint64_t site, struct standing **ret, size_t *ret_all)
{
    struct standing *list = arena_alloc(call->arena, STANDING_SHOWN * sizeof *list);
    size_t it = 0, n = 0;
    enum displaced why;
    void *value;

    *ret_all = 0;
    while (map_next(s->reservations, &it, NULL, &value)) {
        const struct reservation *r = value;

        if (!is_standing(s, r, site, call->now_ms, &why))
            continue;
        ++*ret_all;
        if (n < STANDING_SHOWN)
            list[n++] = (struct standing){ *r, why };
    }
    qsort(list, n, sizeof *list, by_start);
    *ret = list;
    return n;
}

static const char *
decided_by(const struct standing *st)
{
    if (st->r.state != TICKET_ISSUED || st->r.moves >= MOVES_MAX)
        return "site";
    return st->r.move_freely ? "kontor" : "requester";
}

static enum err
standing_json(struct call *call, const struct standing *st)
{
    const struct reservation *r = &st->r;
    struct json_out *out = &call->out;
    const struct organisation *o;
    const struct state *s;
    enum err err = directory_organisation(call->api->directory, call->db, r->org, &o);

    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    json_open(out, NULL);
    json_uuid(out, "reservation", r->id);
    json_text(out, "organisation", o->name);
    site_json(out, "site", s, r->site);
    json_text(out, "why", displaced_wire(st->why));
    json_text(out, "state", ticket_state_name(r->state));
    json_i64(out, "gpus", r->gpus);
    json_time(out, "start", r->window_start_ms);
    json_time(out, "accept_by", r->accept_by_ms);
    json_bool(out, "move_freely", r->move_freely);
    json_text(out, "moved_by", decided_by(st));
    json_shut(out);
    market_read_unlock(call->api->market);
    return OK;
}

/* ---- where more is booked than there is --------------------------------------------------------------------------- */

static void
stretches_json(struct json_out *out, const struct state *s, const struct offering_state *os, const struct calendar *c)
{
    struct calendar_range list[STRETCHES_SHOWN];
    const struct offering *o = ledger_offering(s->ledger, os->offering);
    size_t n = c ? calendar_conflicts(c, list, STRETCHES_SHOWN) : 0;

    for (size_t i = 0; i < n && i < STRETCHES_SHOWN; i++) {
        json_open(out, NULL);
        json_i64(out, "offering", (int64_t)os->offering);
        site_json(out, "site", s, os->site);
        json_textn(out, "model", o->entry.u.offering.model, strnlen(o->entry.u.offering.model, sizeof o->entry.u.offering.model));
        json_bool(out, "pool", c == os->pool);
        json_time(out, "from", list[i].start_slot * CALENDAR_SLOT_MS);
        json_time(out, "to", (list[i].start_slot + list[i].slots) * CALENDAR_SLOT_MS);
        json_i64(out, "gpus_too_many", -(int64_t)list[i].gpus);
        json_shut(out);
    }
}

static void
overbooked_json(struct json_out *out, const struct state *s, uint64_t site)
{
    const struct offering *o;

    json_open_array(out, "overbooked");
    for (size_t it = 0; (o = ledger_next_offering(s->ledger, &it)) != NULL;) {
        const struct offering_state *os = index_offering(s, o->index);

        if (!os || (site != NO_INDEX && os->site != site) || !displaced_overbooked(os))
            continue;
        stretches_json(out, s, os, os->calendar);
        stretches_json(out, s, os, os->pool);
    }
    json_shut_array(out);
}

/* ---- what went elsewhere ------------------------------------------------------------------------------------------ */

/* Why it left: its outcome. */
static const char *
why_of(const struct reservation_row *r)
{
    switch ((enum ticket_outcome)r->outcome) {
    case OUTCOME_FAILED_SITE:
        return "site-failed";
    case OUTCOME_LAPSED:
        return "not-accepted";
    case OUTCOME_WITHDRAWN:
        return "withdrawn";
    default:
        return ticket_outcome_name((enum ticket_outcome)r->outcome);
    }
}

static void
place_json(struct json_out *out, const char *name, const struct state *s, const struct reservation_row *r)
{
    json_open(out, name);
    json_uuid(out, "reservation", r->id);
    site_json(out, "site", s, r->site);
    json_time(out, "start", r->window_start_ms);
    json_amount(out, "cost_at_most", r->cost_gpums);
    json_text(out, "state", reservation_state_name(r->state));
    json_shut(out);
}

static enum err
move_json(struct call *call, const struct reservation_row *r)
{
    struct json_out *out = &call->out;
    struct reservation_row to = { 0 };
    const struct organisation *o;
    const struct state *s;
    bool moved = !uuid_is_zero(r->moved_to);
    enum err err = directory_organisation(call->api->directory, call->db, r->org, &o);

    if (!err && moved) { /* at a site, whose operators may not see where it went, that there is another place is all */
        err = reservations_find(call->db, r->moved_to, &to);
        if (err == ERR_NOT_FOUND)
            err = OK;
    }
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    json_open(out, NULL);
    json_text(out, "organisation", o->name);
    json_i64(out, "gpus", r->gpus);
    json_i64(out, "walltime_s", r->walltime_s);
    json_text(out, "why", why_of(r));
    json_time(out, "time", r->changed_ms);
    json_i64(out, "entry", (int64_t)r->void_entry);
    place_json(out, "from", s, r);
    json_bool(out, "moved", moved);
    if (uuid_is_zero(to.id))
        json_none(out, "to");
    else
        place_json(out, "to", s, &to);
    json_shut(out);
    market_read_unlock(call->api->market);
    return OK;
}

/* ---- together ----------------------------------------------------------------------------------------------------- */

static enum err
read_page(struct call *call, int *ret_limit, int64_t *ret_before)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    const char *cursor;
    enum err err = call_query_only(call, NAMES);

    *ret_before = INT64_MAX;
    if (!err)
        err = call_query_page(call, ret_limit, &cursor);
    if (!err && cursor && !text_to_i64(cursor, 0, INT64_MAX, ret_before))
        err = ERR_QUERY_INVALID;
    return err;
}

static void
moves(struct call *call, uint64_t site)
{
    struct json_out *out = &call->out;
    struct reservation_row *rows;
    struct standing *standing;
    const struct state *s;
    const char *next = NULL;
    int64_t before;
    size_t n = 0, standing_n, all;
    int limit = 0;
    enum err err = read_page(call, &limit, &before);

    if (!err)
        err = reservations_displaced(call->db, site, before, limit + 1, call->arena, &rows, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    standing_n = find_standing(call, s, site, &standing, &all);
    json_open(out, NULL);
    overbooked_json(out, s, site);
    call_state_done(call);
    json_i64(out, "standing_total", (int64_t)all);
    json_open_array(out, "standing");
    for (size_t i = 0; !err && i < standing_n; i++)
        err = standing_json(call, &standing[i]);
    json_shut_array(out);
    json_open_array(out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++)
        err = move_json(call, &rows[i]);
    json_shut_array(out);
    if (!err && n > (size_t)limit)
        next = arena_printf(call->arena, "%" PRIu64, rows[limit - 1].void_entry);
    call_next(call, next);
    json_time(out, "as_of", call->now_ms);
    json_shut(out);
    call_end(call, err, 200);
}

/* GET /v1/programme/moves */
void
programme_moves(struct call *call)
{
    moves(call, NO_INDEX);
}

/* GET /v1/sites/{code}/moves. Security: the site's operators and administrators (site_of_path). */
void
sites_moves(struct call *call)
{
    uint64_t site = 0;
    enum err err = site_of_path(call, &site);

    if (err)
        call_fail(call, err);
    else
        moves(call, site);
}
