/* api/outlook.c: what is to be expected of a reservation: when it will likely start, why not sooner, what is in its way at
 * its site and where else it could go; and moving it there. */
#include <stdio.h>

#include "api/ask.h"
#include "api/fields.h"
#include "api/handlers.h"
#include "api/internal.h"
#include "api/reservation_json.h"
#include "api/shares.h"
#include "base/num.h"
#include "base/text.h"
#include "market/displaced.h"
#include "market/index.h"
#include "market/view.h"

struct outlook {
    struct call *call;
    const struct reservation_row *r;
    bool may_ask;          /* it is the caller's, or the programme's: they are told of other places */
    bool asked;            /* the request was found */
    struct broker_ask ask; /* as it has it */
    struct start_delays delays;
    bool waits, is_ahead_known;
    uint32_t ahead;
    enum displaced why;
    char code[17], name[49];
};

/* As who would place it elsewhere knows it. */
static struct reservation
as_reservation(const struct reservation_row *r)
{
    return (struct reservation){ .request = r->request, .org = r->org, .grant = r->grant, .site = r->site, .cost_gpums = r->cost_gpums };
}

static void
answer_json(struct outlook *o, const char *name, const struct view *view, const struct broker_ask *ask)
{
    json_open(&o->call->out, name);
    broker_answer_json(&o->call->out, &view->broker, ask, &view->answer, false);
    json_shut(&o->call->out);
}

/* What its own place would offer now if it were not booked yet: why not sooner, or that room has come free. */
static void
here_json(struct outlook *o, const struct state *s, const struct reservation *m)
{
    const struct reservation_row *r = o->r;
    const struct policy *policy;
    struct broker_offering *mine;
    struct calendar *copy;
    struct broker_ask ask = {
        .gpus = (int32_t)r->gpus, .walltime_s = r->walltime_s, .start_slack_s = (r->start_by_ms - r->window_start_ms) / 1000,
        .one_island = o->asked && o->ask.one_island, .earliest_start_ms = o->asked ? o->ask.earliest_start_ms : 0, .explain = true,
    };
    struct view view;

    view_open(s, o->call->now_ms, &view);
    mine = (struct broker_offering *)(uintptr_t)view_offering(&view, r->offering);
    if (!m || !mine || m->booked_slots == 0) {
        json_none(&o->call->out, "here");
        view_free(&view);
        return;
    }
    mine->state = BROKER_STATE_ACTIVE;
    ask.kind = mine->kind;
    policy = ledger_policy(s->ledger, ledger_account(s->ledger, r->grant)->policy);
    text_format(ask.mode, sizeof ask.mode, "%.16s", policy->entry.u.policy.code); /* what is kept for others is kept */
    copy = calendar_copy(broker_in_pool(ask.gpus, mine->gpus_per_node) ? mine->pool : mine->calendar);
    calendar_release(copy, m->booked_slot, m->booked_slots, ask.gpus);
    if (broker_in_pool(ask.gpus, mine->gpus_per_node))
        mine->pool = copy;
    else
        mine->calendar = copy;
    *(struct broker_offering *)(uintptr_t)view.broker.offerings = *mine; /* this one alone */
    view.broker.count = 1;
    broker_quote(&view.broker, &ask, &view.answer);
    view.answer.what_if_count = 0;
    answer_json(o, "here", &view, &ask);
    calendar_delete(copy);
    view_free(&view);
}

/* The next best place at no higher price, or the reasons against each. */
static void
elsewhere_json(struct outlook *o, const struct state *s, const struct reservation *m)
{
    struct reservation as = m ? *m : as_reservation(o->r);
    struct broker_ask ask;
    struct view view;
    bool gone = !m && (o->r->outcome == OUTCOME_FAILED_SITE || o->r->outcome == OUTCOME_REJECTED ||
                       o->r->outcome == OUTCOME_LAPSED || o->r->outcome == OUTCOME_WITHDRAWN);

    if (!o->may_ask || !o->asked || !uuid_is_zero(o->r->moved_to) || (o->why == DISPLACED_NOT && !gone) ||
        !displaced_ask(s, &as, o->why, &o->ask, o->call->now_ms, &ask)) {
        json_none(&o->call->out, "elsewhere");
        return;
    }
    ask.explain = true;
    view_open(s, o->call->now_ms, &view);
    broker_quote(&view.broker, &ask, &view.answer);
    view.answer.what_if_count = 0;
    answer_json(o, "elsewhere", &view, &ask);
    view_free(&view);
}

static void
displaced_json(struct outlook *o, const struct reservation *m)
{
    struct json_out *out = &o->call->out;
    const char *who = "site";

    if (o->why == DISPLACED_NOT || !m) {
        json_none(out, "displaced");
        return;
    }
    if (m->state == TICKET_ISSUED)
        who = m->moves >= MOVES_MAX ? "site" : m->move_freely ? "kontor" : "requester";
    json_open(out, "displaced");
    json_text(out, "why", displaced_wire(o->why));
    json_text(out, "moved_by", who);
    json_time(out, "permit_from", m->permit_from_ms);
    json_time(out, "accept_by", m->accept_by_ms);
    json_shut(out);
}

/* Booked, and what is likely: a job starts as long after its booked start as its site's jobs did lately. */
static void
expected_json(struct outlook *o, const struct reservation *m)
{
    const struct reservation_row *r = o->r;
    struct json_out *out = &o->call->out;
    int64_t delay_ms = o->delays.n ? o->delays.median_ms : 0;
    int64_t likely_ms = max_i64(max_i64(r->window_start_ms, o->call->now_ms), r->window_start_ms + delay_ms);
    bool stuck = o->why == DISPLACED_DRAINING || o->why == DISPLACED_PAUSED || o->why == DISPLACED_SILENT;

    json_open(out, "expected");
    json_time(out, "booked", r->window_start_ms);
    if (stuck && m && m->state == TICKET_ISSUED)
        json_none(out, "start"); /* not here, as things stand */
    else
        json_time(out, "start", min_i64(likely_ms, max_i64(r->start_by_ms, r->window_start_ms)));
    json_time(out, "latest", r->start_by_ms);
    json_text(out, "code", stuck ? displaced_wire(o->why) : r->queued_ms ? "queued" : m && m->state == TICKET_PERMITTED ? "permitted"
                           : o->call->now_ms < r->window_start_ms ? "booked" : "due");
    json_shut(out);
    if (o->delays.n) {
        json_open(out, "usual");
        json_i64(out, "jobs", (int64_t)o->delays.n);
        json_i64(out, "median_s", o->delays.median_ms / 1000);
        json_i64(out, "most_s", o->delays.most_ms / 1000);
        json_shut(out);
    } else {
        json_none(out, "usual");
    }
}

static enum err
outlook_json(struct outlook *o)
{
    struct json_out *out = &o->call->out;
    const struct state *s = market_read_lock(o->call->api->market);
    const struct reservation *m;

    if (!s)
        return ERR_NOT_LEADER;
    m = index_reservation(s, o->r->id);
    o->waits = m && shares_waits(m);
    o->why = m ? displaced_why(s, m, o->call->now_ms) : DISPLACED_NOT;
    json_open(out, NULL);
    json_uuid(out, "reservation", o->r->id);
    json_bool(out, "waits", o->waits);
    if (o->waits) {
        expected_json(o, m);
        if (o->is_ahead_known)
            json_i64(out, "ahead", o->ahead);
        else
            json_none(out, "ahead");
        here_json(o, s, m);
    } else {
        json_none(out, "expected");
        json_none(out, "usual");
        json_none(out, "ahead");
        json_none(out, "here");
    }
    displaced_json(o, m);
    elsewhere_json(o, s, m);
    json_time(out, "as_of", o->call->now_ms);
    json_shut(out);
    market_read_unlock(o->call->api->market);
    return OK;
}

/* The request's wishes as the broker is asked. Whom row security keeps the request from is not told of other places. */
static enum err
find_ask(struct call *call, const struct reservation_row *r, bool *ret_found, struct broker_ask *ret)
{
    struct request_row request;
    enum err err = requests_find(call->db, r->nights ? uuid_row(r->request, 0) : r->request, call->arena, &request);

    *ret_found = false;
    if (err == ERR_NOT_FOUND)
        return OK;
    if (!err)
        err = ask_of_request(call, &request, ret);
    if (!err)
        broker_night_only(ret, r->window_start_ms); /* a night goes its own way */
    *ret_found = !err;
    return err;
}

/* GET /v1/reservations/{id}/outlook. */
void
reservations_outlook(struct call *call)
{
    struct reservation_row r;
    struct outlook o = { .call = call, .r = &r };
    enum err err = reservations_find(call->db, call->path_id, &r);

    if (!err && !may_see_reservation(&call->actor, &(struct reservation){ .org = r.org, .site = r.site }))
        err = ERR_NOT_FOUND;
    if (!err)
        err = find_ask(call, &r, &o.asked, &o.ask);
    if (!err) {
        o.may_ask = may_see_organisation(&call->actor, r.org);
        err = shares_ahead(call, r.id, &o.ahead);
        o.is_ahead_known = !err;
        if (err == ERR_NOT_FOUND)
            err = OK;
    }
    if (!err)
        err = shares_delays(call, r.site, &o.delays);
    if (!err)
        err = outlook_json(&o);
    call_end(call, err, 200);
}

static void
moved(struct call *call)
{
    reply_reservation(call, call->command->answer.id, 201);
}

/* POST /v1/reservations/{id}/move. Security: decide_move() checks that the actor may spend for the reservation's organisation. */
void
reservations_move(struct call *call)
{
    struct reservation_row r;
    struct broker_ask *ask = arena_alloc(call->arena, sizeof *ask);
    struct command *c = call->command;
    bool found = false;
    enum err err = in_nothing(call);

    if (!err)
        err = reservations_find(call->db, call->path_id, &r);
    if (!err && !may_act_for(&call->actor, r.org))
        err = ERR_NOT_FOUND;
    if (!err)
        err = find_ask(call, &r, &found, ask);
    if (!err && !found)
        err = ERR_NOT_FOUND;
    if (err) {
        call_fail(call, err);
        return;
    }
    c->kind = COMMAND_MOVE;
    c->org = r.org;
    c->in.move.reservation = r.id;
    c->in.move.ask = ask;
    for (int i = 0; i < 3; i++)
        c->new_id[i] = call_new_id(call);
    call_send(call, moved);
}
