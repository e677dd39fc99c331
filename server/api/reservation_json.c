/* api/reservation_json.c */
#include "api/reservation_json.h"

#include <stdio.h>

#include "api/ask.h"
#include "api/internal.h"
#include "base/text.h"
#include "store/organisations.h"

static void
from_memory(const struct reservation *m, struct reservation_row *r)
{
    *r = (struct reservation_row){
        .id = m->id,
        .request = m->request,
        .org = m->org,
        .jti = m->jti,
        .grant = m->grant,
        .site = m->site,
        .offering = m->offering,
        .rate = m->rate,
        .hold = m->hold,
        .gpus = m->gpus,
        .nodes = m->nodes,
        .walltime_s = m->walltime_s,
        .rate_milli = m->rate_milli,
        .cost_gpums = m->cost_gpums,
        .window_start_ms = m->window_start_ms,
        .window_end_ms = m->window_end_ms,
        .permit_from_ms = m->permit_from_ms,
        .accept_by_ms = m->accept_by_ms,
        .start_by_ms = m->start_by_ms,
        .fence = m->fence,
        .seq = m->seq,
        .cancel_seq = m->cancel_seq,
        .outcome = m->outcome,
        .permit_instance = m->permit_instance,
        .permit_ms = m->permit_ms,
        .permit_report = m->permit_report,
        .created_ms = m->created_ms,
        .received_ms = m->received_ms,
        .queued_ms = m->queued_ms,
        .started_ms = m->started_ms,
        .ended_ms = m->ended_ms,
        .settled_ms = m->settled_ms,
        .changed_ms = m->changed_ms,
        .reported_gpu_seconds = m->reported_gpu_seconds,
        .reported_ms = m->reported_ms,
        .settled_gpums = m->settled_gpums,
        .exit_code = m->exit_code,
        .settle_entry = m->settle_entry,
        .void_entry = m->void_entry,
        .dispute_entry = m->dispute_entry,
        .cancel_ms = m->cancel_ms,
        .disputed_ms = m->disputed_ms,
        .version = m->version,
        .move_freely = m->move_freely,
        .moved_from = m->moved_from,
        .moved_to = m->moved_to,
        .output = m->output,
        .output_len = m->output_len,
        .output_ms = m->output_ms,
        .night = m->night,
        .nights = m->nights,
        .needs = m->needs,
    };
    text_format(r->state, sizeof r->state, "%s", ticket_state_word(m->state));
    text_format(r->name, sizeof r->name, "%s", m->name);
}

enum err
reservation_find(struct api *api, struct db *db, struct uuid id, struct reservation_row *ret)
{
    const struct state *s = market_read_lock(api->market);
    const struct reservation *m = s ? map_get(s->reservations, &id) : NULL;

    if (m)
        from_memory(m, ret);
    if (s)
        market_read_unlock(api->market);
    if (m)
        return OK;
    return db ? reservations_find(db, id, ret) : ERR_NOT_FOUND;
}

const char *
reservation_state_name(const char *word)
{
    enum ticket_state state;

    return ticket_state_from_word(word, &state) ? ticket_state_name(state) : "disputed";
}

/* ---- the parts ---------------------------------------------------------------------------------------------------- */

struct parts {
    struct api *api;
    struct json_out *out;
    const struct reservation_row *r;
    char code[17], site[49], city[33], country[3], model[33];
    uint32_t memory_gb, gpus_per_node;
    int64_t held;
};

static void
entry_or_none(struct json_out *out, const char *name, uint64_t index)
{
    if (index == 0 || index == NO_INDEX)
        json_none(out, name);
    else
        json_i64(out, name, (int64_t)index);
}

static void
uuid_or_none(struct json_out *out, const char *name, struct uuid id)
{
    if (uuid_is_zero(id))
        json_none(out, name);
    else
        json_uuid(out, name, id);
}

static void
happened(const struct parts *p, const char *what, int64_t time_ms, const char *by, const char *detail, uint64_t entry,
         uint64_t report)
{
    struct json_out *out = p->out;

    if (!time_ms)
        return;
    json_open(out, NULL);
    json_text(out, "what", what);
    json_time(out, "time", time_ms);
    json_text(out, "by", by);
    json_text(out, "detail", detail);
    entry_or_none(out, "entry", entry);
    entry_or_none(out, "report", report);
    json_shut(out);
}

/* In the order in which it happens. */
static void
timeline_json(const struct parts *p)
{
    const struct reservation_row *r = p->r;
    const char *outcome = ticket_outcome_name((enum ticket_outcome)r->outcome);
    bool voided = strcmp(r->state, "voided") == 0;
    bool settled = strcmp(r->state, "settled") == 0 || r->settle_entry;
    bool contested = r->settled_ms && r->disputed_ms >= r->settled_ms;
    const char *ending = r->outcome == OUTCOME_FAILED_JOB || r->outcome == OUTCOME_FAILED_SITE ? "failed"
                         : r->outcome == OUTCOME_CANCELLED                                     ? "cancelled"
                                                                                               : "finished";

    json_open_array(p->out, "timeline");
    happened(p, "accepted", r->created_ms, "requester", "", r->hold, 0);
    happened(p, "ticket-issued", r->created_ms, "kontor", "", r->hold, 0);
    happened(p, "delivered", r->received_ms, p->code, "", 0, 0);
    happened(p, "permitted", r->permit_ms, "kontor", "", 0, r->permit_report);
    happened(p, "queued", r->queued_ms, p->code, "", 0, 0);
    happened(p, "started", r->started_ms, p->code, "", 0, 0);
    happened(p, "cancel-asked", r->cancel_ms, "requester", "", 0, 0);
    happened(p, ending, r->ended_ms, p->code, outcome, 0, 0);
    if (!contested)
        happened(p, "disputed", r->disputed_ms, "kontor", "", r->dispute_entry, 0);
    if (settled)
        happened(p, "settled", r->settled_ms, "kontor", outcome, r->settle_entry, 0);
    if (contested)
        happened(p, "contested", r->disputed_ms, "requester", "", r->dispute_entry, 0);
    if (voided)
        happened(p,
                 r->outcome == OUTCOME_CANCELLED  ? "cancelled"
                 : r->outcome == OUTCOME_REJECTED ? "rejected"
                                                  : "withdrawn",
                 r->changed_ms,
                 r->outcome == OUTCOME_CANCELLED  ? "requester"
                 : r->outcome == OUTCOME_REJECTED ? p->code
                                                  : "kontor",
                 outcome, r->void_entry, 0);
    json_shut_array(p->out);
}

static void
comes(struct json_out *out, const char *what, int64_t by_ms)
{
    json_open(out, NULL);
    json_text(out, "what", what);
    json_time(out, "by", by_ms);
    json_shut(out);
}

/* What is still to come, each with the latest time by which it will be. */
static void
next_json(const struct parts *p)
{
    const struct reservation_row *r = p->r;
    const char *state = reservation_state_name(r->state);
    int64_t end_ms = r->started_ms ? r->started_ms + r->walltime_s * 1000 : r->window_end_ms;
    bool issued = strcmp(state, "issued") == 0, permitted = strcmp(state, "permitted") == 0;
    bool running = strcmp(state, "running") == 0 || strcmp(state, "open") == 0;

    json_open_array(p->out, "next");
    if (issued && !r->received_ms)
        comes(p->out, "delivered", r->accept_by_ms);
    if (issued)
        comes(p->out, "permitted", r->accept_by_ms);
    if (issued || permitted)
        comes(p->out, "started", r->start_by_ms);
    if (issued || permitted || running) {
        comes(p->out, "finished", end_ms);
        comes(p->out, "settled", end_ms);
    }
    json_shut_array(p->out);
}

/* What the ledger and the registry know, copied from under the lock. */
static enum err
fill(struct parts *p)
{
    const struct reservation_row *r = p->r;
    const struct state *s = market_read_lock(p->api->market);
    const struct site *site;
    const struct offering *offering;
    const struct hold *hold;

    if (!s)
        return ERR_NOT_LEADER;
    site = ledger_site(s->ledger, r->site);
    offering = ledger_offering(s->ledger, r->offering);
    hold = ledger_hold(s->ledger, r->hold);
    if (site) {
        snprintf(p->code, sizeof p->code, "%.16s", site->entry.u.site.code);
        snprintf(p->site, sizeof p->site, "%.48s", site->entry.u.site.name);
        snprintf(p->city, sizeof p->city, "%.32s", site->entry.u.site.city);
        snprintf(p->country, sizeof p->country, "%.2s", site->entry.u.site.country);
    }
    if (offering) {
        snprintf(p->model, sizeof p->model, "%.32s", offering->entry.u.offering.model);
        p->memory_gb = offering->entry.u.offering.memory_gb;
        p->gpus_per_node = offering->entry.u.offering.gpus_per_node;
    }
    p->held = hold ? hold_left(hold) : 0;
    market_read_unlock(p->api->market);
    return OK;
}

static void
amounts_json(const struct parts *p)
{
    const struct reservation_row *r = p->r;
    struct json_out *out = p->out;
    int64_t cost;

    if (__builtin_mul_overflow((int64_t)r->reported_gpu_seconds, r->rate_milli, &cost))
        cost = INT64_MAX;
    json_amount(out, "cost_at_most", r->cost_gpums);
    json_amount(out, "held", p->held);
    json_amount(out, "settled", r->settled_gpums);
    json_open(out, "reported");
    json_i64(out, "gpu_seconds", (int64_t)r->reported_gpu_seconds);
    json_amount(out, "cost", cost);
    if (r->reported_ms)
        json_time(out, "as_of", r->reported_ms);
    else
        json_none(out, "as_of");
    json_shut(out);
}

static void
times_json(const struct parts *p)
{
    const struct reservation_row *r = p->r;
    struct json_out *out = p->out;

    json_open(out, "window");
    json_time(out, "start", r->window_start_ms);
    json_time(out, "end", r->window_end_ms);
    json_shut(out);
    json_time(out, "start_by", r->start_by_ms);
    json_time(out, "accept_by", r->accept_by_ms);
    json_time(out, "permit_from", r->permit_from_ms);
}

static void
place_json(const struct parts *p)
{
    const struct reservation_row *r = p->r;
    struct json_out *out = p->out;

    json_open(out, "site");
    json_text(out, "code", p->code);
    json_text(out, "name", p->site);
    json_text(out, "city", p->city);
    json_text(out, "country", p->country);
    json_shut(out);
    json_open(out, "offering");
    json_i64(out, "index", (int64_t)r->offering);
    json_text(out, "model", p->model);
    json_i64(out, "memory_gb", p->memory_gb);
    json_i64(out, "gpus_per_node", p->gpus_per_node);
    json_i64(out, "rate", (int64_t)r->rate);
    json_i64(out, "rate_milli", r->rate_milli);
    json_shut(out);
}

static void
links_json(const struct parts *p)
{
    const struct reservation_row *r = p->r;
    struct json_out *out = p->out;

    json_i64(out, "hold_entry", (int64_t)r->hold);
    json_open_array(out, "settle_entries");
    if (r->settle_entry && r->settle_entry != NO_INDEX)
        json_i64(out, NULL, (int64_t)r->settle_entry);
    json_shut_array(out);
    entry_or_none(out, "void_entry", r->void_entry);
    json_open(out, "ticket");
    json_uuid(out, "jti", r->jti);
    json_i64(out, "seq", (int64_t)r->seq);
    json_i64(out, "fence", (int64_t)r->fence);
    json_shut(out);
    entry_or_none(out, "instance", r->permit_instance);
}

enum err
reservation_json(struct api *api, struct db *db, const struct reservation_row *r, struct json_out *out)
{
    struct parts p = { .api = api, .out = out, .r = r };
    const char *outcome = ticket_outcome_name((enum ticket_outcome)r->outcome);
    const struct organisation *o;
    enum err err = directory_organisation(api->directory, db, r->org, &o);

    if (!err)
        err = fill(&p);
    if (err)
        return err;
    json_open(out, NULL);
    json_uuid(out, "id", r->id);
    json_uuid(out, "request", r->request);
    json_text(out, "name", r->name);
    json_open(out, "organisation");
    json_uuid(out, "id", o->id);
    json_text(out, "name", o->name);
    json_shut(out);
    json_i64(out, "grant", (int64_t)r->grant);
    place_json(&p);
    json_i64(out, "gpus", r->gpus);
    json_i64(out, "nodes", r->nodes);
    json_i64(out, "walltime_s", r->walltime_s);
    json_text(out, "use", use_name(r->needs));
    times_json(&p);
    if (r->nights) {
        json_open(out, "night");
        json_i64(out, "number", r->night);
        json_i64(out, "of", r->nights);
        json_uuid(out, "request", uuid_row(r->request, 0));
        json_shut(out);
    } else {
        json_none(out, "night");
    }
    json_text(out, "state", reservation_state_name(r->state));
    json_text(out, "outcome", outcome[0] ? outcome : NULL);
    amounts_json(&p);
    if (r->ended_ms)
        json_i64(out, "exit_code", r->exit_code);
    else
        json_none(out, "exit_code");
    links_json(&p);
    timeline_json(&p);
    next_json(&p);
    json_bool(out, "move_freely", r->move_freely);
    uuid_or_none(out, "moved_from", r->moved_from);
    uuid_or_none(out, "moved_to", r->moved_to);
    json_time(out, "created", r->created_ms);
    json_time(out, "changed", r->changed_ms ? r->changed_ms : r->created_ms);
    json_i64(out, "version", (int64_t)r->version);
    json_time(out, "as_of", clock_now(&api->clock));
    json_shut(out);
    return OK;
}

enum err
reservation_render(struct api *api, struct db *db, struct uuid id, struct json_out *out, uint64_t *ret_version)
{
    struct reservation_row r;
    enum err err = reservations_find(db, id, &r);

    if (!err)
        err = reservation_json(api, db, &r, out);
    if (!err)
        *ret_version = r.version;
    return err;
}
