/* api/requests.c: what start-ups want. A plain write: neither credits nor capacity move. */
#include "api/handlers.h"

#include "api/ask.h"
#include "api/fields.h"
#include "api/internal.h"
#include "api/quote_json.h"
#include "api/reservation_json.h"
#include "api/workload.h"
#include "base/hash.h"
#include "core/needs.h"
#include "core/secret.h"
#include "store/blobs.h"
#include "store/evidence.h"
#include "store/organisations.h"
#include "store/reservations.h"

enum { QUOTES_SHOWN = 5 };

struct new_request {
    struct request_row row;
    struct bytes script;
    struct idem idem;
};

static enum err
store_request(struct db *db, void *ctx)
{
    struct new_request *n = ctx;
    enum err err = blobs_add(db, n->row.workload, n->script, n->row.created_ms);

    if (!err)
        err = requests_add(db, &n->row);
    return err ? err : call_answers_add(db, n->idem.scope, n->idem.request, n->row.id, n->row.created_ms);
}

/* A request that the caller may see; by the id of any of its nights. ERR_NOT_FOUND. */
enum err
request_find(struct call *call, struct uuid id, struct request_row *ret)
{
    struct uuid first = uuid_row(id, 0);
    enum err err = requests_find(call->db, id, call->arena, ret);

    if (err == ERR_NOT_FOUND && !uuid_equal(first, id)) {
        err = requests_find(call->db, first, call->arena, ret);
        if (!err && id.b[15] - first.b[15] >= ret->nights)
            err = ERR_NOT_FOUND;
    }
    return !err && !may_see_organisation(&call->actor, ret->organisation) ? ERR_NOT_FOUND : err;
}

static void
countries_json(struct json_out *out, const char *countries)
{
    json_open_array(out, "countries");
    for (const char *c = countries; *c; c += c[2] ? 3 : 2)
        json_textn(out, NULL, c, 2);
    json_shut_array(out);
}

static void
time_json(struct json_out *out, const char *name, int64_t ms)
{
    if (ms)
        json_time(out, name, ms);
    else
        json_none(out, name);
}

static enum err
reservation_of(struct call *call, struct uuid request)
{
    struct uuid id;
    enum err err = reservations_of_request(call->db, request, &id);

    if (err == ERR_NOT_FOUND)
        json_none(&call->out, "reservation");
    else if (!err)
        json_uuid(&call->out, "reservation", id);
    return err == ERR_NOT_FOUND ? OK : err;
}

static void
nights_json(struct call *call, const struct request_row *r)
{
    struct json_out *out = &call->out;

    if (r->nights == 0) {
        json_none(out, "nights");
        return;
    }
    json_open(out, "nights");
    json_i64(out, "count", r->nights);
    json_text(out, "from", arena_printf(call->arena, "%02d:%02d", r->night_from / 60, r->night_from % 60));
    json_text(out, "until", arena_printf(call->arena, "%02d:%02d", r->night_until / 60, r->night_until % 60));
    json_shut(out);
}

/* One of a request's reservations: where, when, how it stands or how it went. */
static void
night_json(const struct state *s, const struct reservation_row *r, struct json_out *out)
{
    const char *outcome = ticket_outcome_name((enum ticket_outcome)r->outcome);
    const struct site *site = ledger_site(s->ledger, r->site);

    json_open(out, NULL);
    json_uuid(out, "id", r->id);
    json_i64(out, "night", r->night);
    json_textn(out, "site", site ? site->entry.u.site.code : "", site ? strnlen(site->entry.u.site.code, sizeof site->entry.u.site.code) : 0);
    json_time(out, "start", r->window_start_ms);
    json_time(out, "end", r->window_end_ms);
    json_text(out, "state", reservation_state_name(r->state));
    json_text(out, "outcome", outcome[0] ? outcome : NULL);
    json_amount(out, "cost_at_most", r->cost_gpums);
    json_amount(out, "settled", r->settled_gpums);
    json_shut(out);
}

/* What each night has come to; of a request for once, its one reservation. */
static enum err
reservations_json(struct call *call, const struct request_row *r)
{
    struct json_out *out = &call->out;
    struct reservation_row *rows = NULL;
    size_t n = 0;
    enum err err = reservations_of_nights(call->db, r->id, r->nights ? uuid_row(r->id, UUID_ROW - 1) : r->id, call->arena,
                                          &rows, &n);

    const struct state *s;

    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    json_open_array(out, "reservations");
    for (size_t i = 0; i < n; i++)
        night_json(s, &rows[i], out);
    json_shut_array(out);
    market_read_unlock(call->api->market);
    return OK;
}

/* Members of a request but for its reservation; the object stays open. */
static enum err
request_members(struct call *call, const struct request_row *r)
{
    struct json_out *out = &call->out;
    const struct organisation *o;
    enum err err = directory_organisation(call->api->directory, call->db, r->organisation, &o);

    if (err)
        return err;
    json_open(out, NULL);
    json_uuid(out, "id", r->id);
    json_open(out, "organisation");
    json_uuid(out, "id", o->id);
    json_text(out, "name", o->name);
    json_shut(out);
    json_i64(out, "grant", (int64_t)r->grant);
    json_text(out, "name", r->name);
    json_i64(out, "gpus", r->gpus);
    json_i64(out, "walltime_s", r->walltime_s);
    json_i64(out, "memory_gb", r->memory_gb);
    json_text(out, "model", r->model);
    countries_json(out, r->countries);
    json_bool(out, "one_island", r->one_island);
    json_text(out, "kind", offering_kind_name(r->kind));
    json_text(out, "use", use_name(r->needs));
    time_json(out, "earliest_start", r->earliest_ms);
    time_json(out, "deadline", r->deadline_ms);
    nights_json(call, r);
    if (r->max_gpums)
        json_text(out, "max_credits",
                  arena_printf(call->arena, "%lld.%03d", (long long)(r->max_gpums / 3600000),
                               (int)(r->max_gpums / 3600 % 1000)));
    else
        json_none(out, "max_credits");
    json_text(out, "preference", preference_name(r->preference));
    json_bool(out, "move_freely", r->move_freely);
    json_text(out, "template", r->template);
    if (may_act_for(&call->actor, r->organisation))
        json_raw(out, "parameters", r->parameters, strlen(r->parameters));
    else
        json_none(out, "parameters");
    json_i64(out, "script_len", r->workload_len);
    json_hex(out, "script_sha256", BYTES(r->workload.b, 32));
    secret_names_json(out, "secrets", r->secrets);
    json_time(out, "created", r->created_ms);
    json_open(out, "created_by");
    json_uuid(out, "id", r->created_by);
    json_text(out, "name", r->created_by_name ? r->created_by_name : call->name);
    json_shut(out);
    return OK;
}

static enum err
request_details(struct call *call, const struct request_row *r)
{
    struct json_out *out = &call->out;
    struct quote_row *quotes;
    struct bytes script = BYTES("", 0);
    bool own = may_act_for(&call->actor, r->organisation);
    size_t n = 0;
    enum err err = request_members(call, r);

    if (!err)
        err = reservation_of(call, r->id);
    if (!err)
        err = reservations_json(call, r);
    if (!err && own)
        err = blobs_find(call->db, r->workload, call->arena, &script);
    if (!err)
        err = quotes_of_request(call->db, r->id, QUOTES_SHOWN, call->arena, &quotes, &n);
    if (err)
        return err;
    if (own) /* what it computes is nobody else's business */
        json_textn(out, "script", (const char *)script.data, script.len);
    else
        json_none(out, "script");
    json_open_array(out, "quotes");
    for (size_t i = 0; !err && i < n; i++)
        err = quote_row_json(call, &quotes[i]);
    json_shut_array(out);
    json_shut(out);
    return err;
}

/* What request_details would say of a request that was made a moment ago, without asking the database. */
static enum err
new_request_details(struct call *call, const struct new_request *n)
{
    struct json_out *out = &call->out;
    enum err err = request_members(call, &n->row);

    if (err)
        return err;
    json_none(out, "reservation");
    json_open_array(out, "reservations");
    json_shut_array(out);
    json_textn(out, "script", (const char *)n->script.data, n->script.len);
    json_open_array(out, "quotes");
    json_shut_array(out);
    json_shut(out);
    return OK;
}

static void
reply_request(struct call *call, struct uuid id, int status)
{
    struct request_row r;
    enum err err = request_find(call, id, &r);

    if (!err)
        err = request_details(call, &r);
    call_end(call, err, status);
}

/* The grant is the organisation's. Whether it is in force and has enough is asked when it is quoted. */
static enum err
check_grant(struct call *call, const struct request_row *r)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct account *a;
    bool good;

    if (!s)
        return ERR_NOT_LEADER;
    a = ledger_account(s->ledger, r->grant);
    good = a && a->class == ACCOUNT_GRANT && a->grant_entry != NO_INDEX && uuid_equal(a->owner_org, r->organisation);
    market_read_unlock(call->api->market);
    return good ? OK : err_at(&call->detail, ERR_FIELD_INVALID, "/grant", "The organisation has no such grant.");
}

void
requests_create(struct call *call)
{
    struct new_request *n = arena_alloc(call->arena, sizeof *n);
    struct request_row *r = &n->row;
    struct json_in in = json_in_open(call->body, &call->detail);
    const char *script = "";
    struct uuid known;
    enum err err;

    r->id = call_new_id(call);
    r->created_ms = call->now_ms;
    r->created_by = call->actor.person;
    ask_read(&in, r, call->now_ms, call->arena);
    r->name = in_line(&in, "name", 63, call->arena);
    secret_names_read(&in, r, call->arena);
    err = workload_read(&in, r, call->arena, &script);
    if (json_in_close(&in) || err) {
        call_fail(call, in.err ? in.err : err);
        return;
    }
    if (!may_act_for(&call->actor, r->organisation)) {
        call_fail(call, err_at(&call->detail, ERR_FORBIDDEN, "/organisation", "You do not act for this organisation."));
        return;
    }
    if (r->nights)
        r->id = uuid_row(r->id, 0);
    err = check_grant(call, r);
    n->idem = call->command->idem;
    n->script = BYTES_TEXT(script);
    r->workload = sha256(n->script);
    r->workload_len = (uint32_t)n->script.len;
    if (!err)
        err = key_known(call, &known);
    if (!err) {
        reply_request(call, known, 201);
        return;
    }
    if (err == ERR_NOT_FOUND) {
        seen_add(call->api->seen, n->idem.scope);
        known = r->id;
        err = key_made_meanwhile(call, db_tx(call->db, store_request, n), &known);
    }
    if (err)
        call_fail(call, err);
    else if (uuid_equal(known, r->id))
        call_end(call, new_request_details(call, n), 201);
    else
        reply_request(call, known, 201);
}

void
requests_get(struct call *call)
{
    reply_request(call, call->path_id, 200);
}

void
requests_list_get(struct call *call)
{
    static const char *const NAMES[] = { "organisation", "limit", "cursor", NULL };
    struct uuid organisation, before;
    struct request_row *rows;
    size_t n = 0;
    const char *cursor;
    char next[UUID_TEXT];
    int limit;
    bool more;
    enum err err = call_query_only(call, NAMES);

    memset(before.b, 0xff, sizeof before.b);
    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err)
        err = call_query_uuid(call, "organisation", &organisation);
    if (!err && cursor && !uuid_parse(cursor, &before))
        err = ERR_QUERY_INVALID;
    if (!err && !uuid_is_zero(organisation) && !may_see_organisation(&call->actor, organisation))
        err = ERR_NOT_FOUND;
    if (!err) /* of all: of those that row security shows */
        err = requests_list(call->db, organisation, before, limit + 1, call->arena, &rows, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    more = n > (size_t)limit;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++) {
        err = request_members(call, &rows[i]);
        if (!err)
            err = reservation_of(call, rows[i].id);
        json_shut(&call->out);
    }
    json_shut_array(&call->out);
    if (more)
        uuid_text(rows[limit - 1].id, next);
    call_next(call, more ? next : NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

static void
cancelled(struct call *call)
{
    enum err err = call->command->err;
    struct request_row r;

    if (err == ERR_STATE || err == ERR_NOT_FOUND) { /* the market knows what is reserved only: is there such a request? */
        enum err found = request_find(call, call->path_id, &r);

        if (!found && !may_act_for(&call->actor, r.organisation))
            found = ERR_NOT_FOUND;
        if (found) { /* another's, or none: in the same words */
            call->detail = (struct err_detail){ .retry_after_s = 0 };
            call_fail(call, found);
            return;
        }
    }
    if (!err) {
        reply_request(call, call->path_id, 200);
        return;
    }
    call->detail = call->command->detail;
    call_fail(call, err);
}

/* All nights that are not over, in one command.
 * Security: decide_cancel() checks that the actor may spend for each reservation's organisation. */
void
requests_cancel(struct call *call)
{
    call->command->in.cancel.request = call->path_id;
    send_cancel(call, cancelled);
}
