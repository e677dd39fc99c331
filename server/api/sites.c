/* api/sites.c: sites and what they offer, as everybody sees them; and each site's agent, tickets and reports, as its
 * operators do. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/fields.h"
#include "api/internal.h"
#include "api/reservation_json.h"
#include "base/text.h"
#include "core/needs.h"
#include "core/calendar.h"
#include "market/index.h"
#include "market/view.h"
#include "store/agents.h"
#include "store/site_records.h"

#define WEEK_SLOTS (7 * 96)
#define TOKEN_MS   (INT64_C(15) * 60000)
enum { WEEKS_MAX = 26 };

static const char *
text_of(struct call *call, const char *field, size_t size)
{
    return arena_printf(call->arena, "%.*s", (int)strnlen(field, size), field);
}
#define FIELD(call, f) text_of((call), (f), sizeof(f))

static int32_t
free_at(const struct calendar *c, int64_t slot)
{
    return c && slot >= calendar_first(c) && slot < calendar_end(c) ? calendar_free(c, slot) : 0;
}

static void
weeks_json(struct json_out *out, const struct offering_state *os, int64_t now_ms, int64_t weeks)
{
    struct calendar_bin whole[WEEKS_MAX] = { { 0 } }, pool[WEEKS_MAX] = { { 0 } };
    int64_t from = calendar_slot_of(now_ms);

    if (os && os->calendar)
        calendar_summary(os->calendar, from, WEEK_SLOTS, (size_t)weeks, whole);
    if (os && os->pool)
        calendar_summary(os->pool, from, WEEK_SLOTS, (size_t)weeks, pool);
    json_open_array(out, "weeks");
    for (int64_t i = 0; i < weeks; i++) {
        int64_t least = (int64_t)whole[i].least + pool[i].least;

        json_open(out, NULL);
        json_time(out, "from", (from + i * WEEK_SLOTS) * CALENDAR_SLOT_MS);
        json_i64(out, "gpus_free_min", least > 0 ? least : 0);
        json_i64(out, "gpu_hours_free", (whole[i].sum + pool[i].sum) / 4);
        json_shut(out);
    }
    json_shut_array(out);
}

/* Codes with blanks between; none: all modes are served. */
static void
modes_json(struct json_out *out, const char *modes)
{
    json_open_array(out, "modes");
    for (size_t len; *modes; modes += len + (modes[len] == ' ')) {
        len = strcspn(modes, " ");
        json_textn(out, NULL, modes, len);
    }
    json_shut_array(out);
}

/* "code:gpus", with blanks between; none: nothing is kept free. */
static void
floors_json(struct json_out *out, const char *floors)
{
    json_open_array(out, "floors");
    while (*floors) {
        size_t code = strcspn(floors, ":"), all = strcspn(floors, " ");

        json_open(out, NULL);
        json_textn(out, "mode", floors, code);
        json_i64(out, "gpus", strtol(floors + code + 1, NULL, 10));
        json_shut(out);
        floors += all + (floors[all] == ' ');
    }
    json_shut_array(out);
}

static void
offering_json(struct call *call, const struct state *s, const struct offering *o, int64_t weeks)
{
    const struct offering_state *os = index_offering(s, o->index);
    const struct site *site = ledger_site(s->ledger, o->entry.u.offering.site);
    const struct rate *rate = ledger_rate(s->ledger, o->rate);
    struct json_out *out = &call->out;
    int64_t slot = calendar_slot_of(call->now_ms);
    int32_t now_free;

    json_open(out, NULL);
    json_i64(out, "index", (int64_t)o->index);
    json_text(out, "site", site ? FIELD(call, site->entry.u.site.code) : "");
    json_text(out, "model", FIELD(call, o->entry.u.offering.model));
    json_i64(out, "memory_gb", o->entry.u.offering.memory_gb);
    json_i64(out, "gpus_per_node", o->entry.u.offering.gpus_per_node);
    json_i64(out, "max_gpus_one_island", o->entry.u.offering.max_gpus_one_island);
    json_text(out, "kind", o->entry.u.offering.kind == OFFERING_BATCH ? "batch" : "experimental-platform");
    json_bool(out, "assumed", o->entry.u.offering.assumed);
    if (rate) {
        json_open(out, "rate");
        json_i64(out, "index", (int64_t)rate->index);
        json_i64(out, "rate_milli", rate->entry.u.rate.rate_milli);
        json_bool(out, "assumed", rate->entry.u.rate.assumed);
        json_time(out, "valid_from", rate->entry.u.rate.valid_from_ms);
        json_shut(out);
    } else {
        json_none(out, "rate");
    }
    json_i64(out, "nodes", os ? os->nodes : 0);
    json_i64(out, "brokered_gpus", os ? os->brokered_gpus : 0);
    json_i64(out, "pool_nodes", os ? os->pool_nodes : 0);
    modes_json(out, os ? os->modes : "");
    classes_json(out, "open_to", os ? os->open_to : 0);
    needs_json(out, "takes", view_takes(s, o->entry.u.offering.site, call->now_ms));
    floors_json(out, os ? os->floors : "");
    now_free = os ? free_at(os->calendar, slot) + free_at(os->pool, slot) : 0;
    json_i64(out, "free_gpus_now", now_free > 0 ? now_free : 0);
    if (weeks > 0)
        weeks_json(out, os, call->now_ms, weeks);
    json_shut(out);
}

static const char *
site_state(struct call *call, const struct state *s, uint64_t site, int64_t contact_ms)
{
    const struct site_state *ss = index_site(s, site);

    if (ss && ss->paused)
        return "paused";
    if (ss && ss->draining)
        return "draining";
    return contact_ms == 0 || view_silent(s, site, call->now_ms) ? "silent" : "active";
}

/* What opens what is sealed to the site, as its agent told it, and who signed for it. */
static void
seal_json(struct json_out *out, const struct state *s, uint64_t site, int64_t now_ms)
{
    const struct site_state *ss = index_site(s, site);
    const struct key *by = ss ? ledger_key(s->ledger, ss->instance_key) : NULL;
    struct hash id, genesis = ledger_genesis(s->ledger);

    if (!by || !(view_takes(s, site, now_ms) & NEED_BIT(NEED_SECRETS))) {
        json_none(out, "seal");
        return;
    }
    id = sha256(BYTES(ss->seal_key.b, sizeof ss->seal_key.b));
    json_open(out, "seal");
    json_hex(out, "key", BYTES(id.b, sizeof id.b));
    json_base64(out, "x25519", BYTES(ss->seal_key.b, sizeof ss->seal_key.b));
    json_base64(out, "signature", BYTES(ss->seal_signature, sizeof ss->seal_signature));
    json_i64(out, "by", (int64_t)by->index);
    json_base64(out, "ed25519", BYTES(by->entry.u.key.ed25519, 32));
    json_hex(out, "genesis", BYTES(genesis.b, sizeof genesis.b));
    json_shut(out);
}

static void
site_json(struct call *call, const struct state *s, const struct site *site)
{
    const struct entry *e = &site->entry;
    int64_t contact_ms = directory_contact(call->api->directory, site->index);
    const struct offering *o;
    struct json_out *out = &call->out;

    json_open(out, NULL);
    json_text(out, "code", FIELD(call, e->u.site.code));
    json_text(out, "name", FIELD(call, e->u.site.name));
    json_text(out, "system", FIELD(call, e->u.site.system));
    json_text(out, "city", FIELD(call, e->u.site.city));
    json_text(out, "country", FIELD(call, e->u.site.country));
    json_i64(out, "lat_milli", e->u.site.lat_milli);
    json_i64(out, "lon_milli", e->u.site.lon_milli);
    json_bool(out, "assumed", e->u.site.assumed);
    json_text(out, "state", site_state(call, s, site->index, contact_ms));
    if (contact_ms)
        json_time(out, "last_contact", contact_ms);
    else
        json_none(out, "last_contact");
    json_i64(out, "index", (int64_t)site->index);
    seal_json(out, s, site->index, call->now_ms);
    json_open_array(out, "offerings");
    for (size_t it = 0; (o = ledger_next_offering(s->ledger, &it)) != NULL;)
        if (o->entry.u.offering.site == site->index)
            offering_json(call, s, o, 0);
    json_shut_array(out);
    json_shut(out);
}

void
sites_list(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    const struct state *s;
    const struct site *site;
    const char *cursor;
    char next[24] = "";
    int64_t after = -1;
    int limit, n = 0;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_page(call, &limit, &cursor);
    if (!err && cursor && !text_to_i64(cursor, 0, INT64_MAX, &after))
        err = ERR_QUERY_INVALID;
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t it = 0; (site = ledger_next_site(s->ledger, &it)) != NULL && n <= limit;) {
        if ((int64_t)site->index <= after)
            continue;
        if (n++ < limit) {
            site_json(call, s, site);
            if (n == limit)
                snprintf(next, sizeof next, "%" PRIu64, site->index);
        }
    }
    call_state_done(call);
    json_shut_array(&call->out);
    call_next(call, n > limit ? next : NULL);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_reply(call, 200);
}

void
offerings_list(struct call *call)
{
    static const char *const NAMES[] = { "weeks", NULL };
    const struct offering *o;
    const struct state *s;
    int64_t weeks;
    enum err err = call_query_only(call, NAMES);

    if (!err)
        err = call_query_i64(call, "weeks", 0, WEEKS_MAX, 0, &weeks);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t it = 0; (o = ledger_next_offering(s->ledger, &it)) != NULL;)
        offering_json(call, s, o, weeks);
    call_state_done(call);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_time(&call->out, "as_of", call->now_ms);
    json_shut(&call->out);
    call_reply(call, 200);
}

/* One site or offering after an order. */
void
reply_site(struct call *call, const char *code)
{
    const struct state *s = call_state(call);
    const struct site *site;

    if (!s)
        return;
    site = ledger_site_by_code(s->ledger, code);
    if (site)
        site_json(call, s, site);
    call_state_done(call);
    call_end(call, site ? OK : ERR_NOT_FOUND, 201);
}

void
reply_offering(struct call *call, uint64_t index)
{
    const struct state *s = call_state(call);
    const struct offering *o;

    if (!s)
        return;
    o = ledger_offering(s->ledger, index);
    if (o)
        offering_json(call, s, o, 0);
    call_state_done(call);
    call_end(call, o ? OK : ERR_NOT_FOUND, 201);
}

/* ---- for the site's operators ------------------------------------------------------------------------------------- */

/* The site in the path, if the caller may act for it. ERR_NOT_FOUND, also for others' sites. */
enum err
site_of_code(struct call *call, const char *code, uint64_t *ret)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct site *site;
    enum err err = OK;

    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site_by_code(s->ledger, code);
    if (!site)
        err = ERR_NOT_FOUND;
    else if (!may_see_site(&call->actor, site->index))
        err = ERR_NOT_FOUND;
    else
        *ret = site->index;
    market_read_unlock(call->api->market);
    return err;
}

enum err
site_of_path(struct call *call, uint64_t *ret)
{
    return site_of_code(call, call->path_text, ret);
}

static void
key_json(struct json_out *out, const struct key *key)
{
    if (!key) {
        json_none(out, "key");
        return;
    }
    json_open(out, "key");
    json_i64(out, "index", (int64_t)key->index);
    json_hex(out, "ed25519", BYTES(key->entry.u.key.ed25519, 32));
    json_hex(out, "x25519", BYTES(key->entry.u.key.x25519, 32));
    json_time(out, "since", key->entry.u.key.valid_from_ms);
    json_shut(out);
}

/* All that the site ever had. */
static void
keys_json(struct json_out *out, const struct state *s, uint64_t site, int64_t now_ms)
{
    const struct key *k;

    json_open_array(out, "keys");
    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;) {
        if (k->entry.u.key.use != KEY_SITE || k->entry.u.key.site != site)
            continue;
        json_open(out, NULL);
        json_i64(out, "index", (int64_t)k->index);
        json_time(out, "since", k->entry.u.key.valid_from_ms);
        json_text(out, "state", k->until != NO_INDEX ? "revoked" : k->until_ms == INT64_MAX ? "in-force" : now_ms < k->until_ms ? "ending" : "over");
        if (k->until_ms != INT64_MAX)
            json_time(out, "until", k->until_ms);
        else
            json_none(out, "until");
        json_shut(out);
    }
    json_shut_array(out);
}

void
reply_agent(struct call *call, int status)
{
    struct json_out *out = &call->out;
    struct agent_contact contact;
    const struct site_state *ss;
    const struct key *key;
    const struct state *s;
    int64_t contact_ms;
    uint64_t site;
    enum err err = site_of_path(call, &site);

    if (!err)
        err = agent_contacts_find(call->db, site, call->arena, &contact);
    if (err) {
        call_fail(call, err);
        return;
    }
    s = call_state(call);
    if (!s)
        return;
    ss = index_site(s, site);
    key = ledger_site_key(s->ledger, site);
    contact_ms = directory_contact(call->api->directory, site);
    json_open(out, NULL);
    json_text(out, "site", call->path_text);
    json_text(out, "state", key ? site_state(call, s, site, contact_ms) : "never-enrolled");
    json_bool(out, "paused", ss && ss->paused);
    json_bool(out, "draining", ss && ss->draining);
    json_text(out, "reason", ss ? ss->reason : "");
    json_i64(out, "instance", ss ? (int64_t)ss->instance : 0);
    if (ss && ss->instance_ms)
        json_time(out, "since", ss->instance_ms);
    else
        json_none(out, "since");
    if (contact_ms)
        json_time(out, "last_contact", contact_ms);
    else
        json_none(out, "last_contact");
    clock_ahead_json(call, site);
    json_i64(out, "last_seq", ss ? (int64_t)ss->last_seq : 0);
    json_i64(out, "confirmed_seq", ss ? (int64_t)ss->confirmed_seq : 0);
    json_i64(out, "last_report", ss ? (int64_t)ss->last_report : 0);
    key_json(out, key);
    keys_json(out, s, site, call->now_ms);
    spool_json(out, ss);
    call_state_done(call);
    if (contact.inventory)
        json_raw(out, "inventory", contact.inventory, strlen(contact.inventory));
    else
        json_none(out, "inventory");
    json_shut(out);
    call_reply(call, status);
}

void
sites_agent(struct call *call)
{
    reply_agent(call, 200);
}

static void
status_set(struct call *call)
{
    reply_agent(call, 200);
}

static void
set_status(struct call *call, const char *member)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    struct command *c = call->command;
    bool on = json_in_bool(&in, member);
    const char *reason = in_line_or_none(&in, "reason", sizeof c->in.site_status.reason - 1, call->arena);
    enum err err;

    c->kind = COMMAND_SITE_STATUS;
    c->in.site_status.paused = strcmp(member, "paused") == 0 ? on : -1;
    c->in.site_status.draining = strcmp(member, "draining") == 0 ? on : -1;
    text_format(c->in.site_status.reason, sizeof c->in.site_status.reason, "%s", reason);
    err = json_in_close(&in);
    for (int i = 0; i < 3; i++)
        c->new_id[i] = call_new_id(call);
    if (!err)
        err = site_of_path(call, &c->in.site_status.site);
    if (err)
        call_fail(call, err);
    else
        call_send(call, status_set);
}

void
sites_pause(struct call *call)
{
    set_status(call, "paused");
}

void
sites_drain(struct call *call)
{
    set_status(call, "draining");
}

void
sites_agent_token(struct call *call)
{
    int64_t expires_ms = call->now_ms + TOKEN_MS * call->api->clock.rate;
    struct hash hash;
    uint64_t site;
    char token[44];
    enum err err = in_nothing(call);

    if (!err)
        err = site_of_path(call, &site);
    auth_new_token(token, &hash);
    if (!err)
        err = enrol_tokens_add(call->db, hash, site, call->now_ms, expires_ms);
    json_open(&call->out, NULL);
    json_text(&call->out, "token", token);
    json_time(&call->out, "expires", expires_ms);
    json_shut(&call->out);
    call_end(call, err, 201);
}

/* Rows with numbers, newest first: the page asked for. */
static enum err
numbered_page(struct call *call, const char *const names[], uint64_t *ret_site, int *ret_limit, uint64_t *ret_before)
{
    const char *cursor;
    int64_t before = INT64_MAX;
    enum err err = call_query_only(call, names);

    if (!err)
        err = call_query_page(call, ret_limit, &cursor);
    if (!err && cursor && !text_to_i64(cursor, 0, INT64_MAX, &before))
        err = ERR_QUERY_INVALID;
    if (!err)
        err = site_of_path(call, ret_site);
    *ret_before = (uint64_t)before;
    return err;
}

/* What the offering was called when it was bought; it is immutable. NULL: not known (no leader, no reservation). */
static const char *
model_of(struct call *call, uint64_t offering)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct offering *o = s ? ledger_offering(s->ledger, offering) : NULL;
    const char *model = o ? FIELD(call, o->entry.u.offering.model) : NULL;

    if (s)
        market_read_unlock(call->api->market);
    return model;
}

static void
ticket_json(struct call *call, const struct ticket_record *t, uint64_t confirmed)
{
    struct json_out *out = &call->out;
    struct reservation_row r = { 0 };
    bool found = reservations_find(call->db, t->reservation, &r) == OK;
    const char *outcome = ticket_outcome_name((enum ticket_outcome)r.outcome);

    json_open(out, NULL);
    json_i64(out, "seq", (int64_t)t->seq);
    json_text(out, "do", found && t->seq == r.cancel_seq ? "cancel" : "run");
    json_uuid(out, "jti", t->jti);
    json_i64(out, "fence", (int64_t)r.fence);
    json_uuid(out, "reservation", t->reservation);
    json_text(out, "state", found ? reservation_state_name(r.state) : NULL);
    json_text(out, "outcome", outcome[0] ? outcome : NULL);
    json_i64(out, "gpus", r.gpus);
    json_i64(out, "nodes", r.nodes);
    json_text(out, "model", found ? model_of(call, r.offering) : NULL);
    json_i64(out, "walltime_s", r.walltime_s);
    if (r.reported_ms)
        json_i64(out, "gpu_seconds", (int64_t)r.reported_gpu_seconds);
    else
        json_none(out, "gpu_seconds");
    json_open(out, "window");
    json_time(out, "start", r.window_start_ms);
    json_time(out, "end", r.window_end_ms);
    json_shut(out);
    json_time(out, "issued", t->created_ms);
    json_bool(out, "confirmed", t->seq <= confirmed);
    json_shut(out);
}

static uint64_t
confirmed_seq(struct call *call, uint64_t site)
{
    const struct state *s = market_read_lock(call->api->market);
    const struct site_state *ss = s ? index_site(s, site) : NULL;
    uint64_t seq = ss ? ss->confirmed_seq : 0;

    if (s)
        market_read_unlock(call->api->market);
    return seq;
}

void
sites_tickets(struct call *call)
{
    static const char *const NAMES[] = { "state", "limit", "cursor", NULL };
    const char *words = "";
    struct ticket_record *list;
    uint64_t site, before, confirmed;
    char next[24];
    size_t n = 0;
    int limit;
    enum err err = numbered_page(call, NAMES, &site, &limit, &before);

    if (!err)
        err = state_words(call, &words);
    if (!err)
        err = tickets_before(call->db, site, before, words, limit + 1, call->arena, &list, &n);
    if (err) {
        call_fail(call, err);
        return;
    }
    confirmed = confirmed_seq(call, site);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n && i < (size_t)limit; i++)
        ticket_json(call, &list[i], confirmed);
    json_shut_array(&call->out);
    if (n > (size_t)limit)
        snprintf(next, sizeof next, "%" PRIu64, list[limit - 1].seq);
    call_next(call, n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_reply(call, 200);
}

static void
time_or_none(struct json_out *out, const char *name, int64_t ms)
{
    if (ms)
        json_time(out, name, ms);
    else
        json_none(out, name);
}

enum err
site_report_json(struct call *call, const struct report_record *record)
{
    struct json_out *out = &call->out;
    struct report r;
    struct hash genesis;
    enum err err = report_parse(record->statement, &r, &genesis);

    if (err)
        return ERR_CORRUPT;
    json_open(out, NULL);
    json_i64(out, "number", (int64_t)r.number);
    json_text(out, "kind", report_kind_name(r.kind));
    if (uuid_is_zero(r.jti))
        json_none(out, "jti");
    else
        json_uuid(out, "jti", r.jti);
    if (uuid_is_zero(record->reservation))
        json_none(out, "reservation");
    else
        json_uuid(out, "reservation", record->reservation);
    json_i64(out, "instance", (int64_t)r.instance);
    json_i64(out, "fence", (int64_t)r.fence);
    json_time(out, "time", r.time_ms);
    time_or_none(out, "started", r.started_ms);
    time_or_none(out, "ended", r.ended_ms);
    json_time(out, "received", record->received_ms);
    json_i64(out, "gpu_seconds", (int64_t)r.gpu_seconds);
    json_i64(out, "exit_code", r.exit_code);
    json_text(out, "reason", report_reason_name(r.reason));
    if (record->signature.len) { /* what the site signed, for whoever checks it */
        json_hex(out, "statement", record->statement);
        json_hex(out, "signature", record->signature);
    }
    json_text(out, "permit",
              record->answer_flags & ANSWER_PERMIT_GRANTED   ? "granted"
              : record->answer_flags & ANSWER_PERMIT_REFUSED ? "refused"
                                                             : NULL);
    json_text(out, "fault", record->reason[0] ? record->reason : NULL); /* why no permit, or what cannot be */
    json_shut(out);
    return OK;
}

void
sites_reports(struct call *call)
{
    static const char *const NAMES[] = { "limit", "cursor", NULL };
    struct report_record *list;
    uint64_t site, before;
    char next[24];
    size_t n = 0;
    int limit;
    enum err err = numbered_page(call, NAMES, &site, &limit, &before);

    if (!err)
        err = reports_before(call->db, site, before, limit + 1, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; !err && i < n && i < (size_t)limit; i++)
        err = site_report_json(call, &list[i]);
    json_shut_array(&call->out);
    if (!err && n > (size_t)limit)
        snprintf(next, sizeof next, "%" PRIu64, list[limit - 1].number);
    call_next(call, !err && n > (size_t)limit ? next : NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}
