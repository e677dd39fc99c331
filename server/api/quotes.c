/* api/quotes.c: the broker's offers: looked at, booked, renewed, let go, accepted. */
#include "api/handlers.h"

#include <stdlib.h>

#include "api/ask.h"
#include "api/fields.h"
#include "api/internal.h"
#include "api/quote_json.h"
#include "base/text.h"
#include "core/needs.h"
#include "core/secret.h"
#include "market/view.h"
#include "store/secrets.h"

/* An object that stays open, but for what the broker says. */
static void
quote_head(struct call *call, struct uuid id, struct uuid request, uint64_t grant, const char *state,
           int64_t created_ms, int64_t expires_ms, bool renewed)
{
    struct json_out *out = &call->out;

    json_open(out, NULL);
    if (uuid_is_zero(id))
        json_none(out, "id");
    else
        json_uuid(out, "id", id);
    if (uuid_is_zero(request))
        json_none(out, "request");
    else
        json_uuid(out, "request", request);
    json_i64(out, "grant", (int64_t)grant);
    json_text(out, "state", state);
    json_time(out, "created", created_ms);
    if (expires_ms)
        json_time(out, "expires", expires_ms);
    else
        json_none(out, "expires");
    json_bool(out, "renewed", renewed);
    json_time(out, "now", call->now_ms);
}

/* What the database has of a quote may lag behind the clock. */
static const char *
state_now(const struct call *call, const struct quote_row *q)
{
    if (strcmp(q->state, "open") == 0 && q->expires_ms <= call->now_ms)
        return "expired";
    return q->state;
}

enum err
quote_row_json(struct call *call, const struct quote_row *q)
{
    size_t lines = broker_answer_lines(q->answer);
    struct broker_answer answer = { .lines = arena_alloc(call->arena, (lines + 1) * sizeof *answer.lines),
                                    .lines_max = lines };
    struct broker_ask ask;
    const struct state *s;
    struct view view;
    bool open = strcmp(state_now(call, q), "open") == 0;
    enum err err = broker_ask_decode(q->ask, &ask);

    if (!err && q->answer.len)
        err = broker_answer_decode(q->answer, &answer);
    if (err)
        return err;
    s = market_read_lock(call->api->market);
    if (!s)
        return ERR_NOT_LEADER;
    view_open(s, call->now_ms, &view);
    quote_head(call, q->id, q->request, q->grant, state_now(call, q), q->created_ms, q->expires_ms, q->renewed);
    broker_answer_json(&call->out, &view.broker, &ask, &answer, open && strcmp(q->state, "no-offer") != 0);
    view_free(&view);
    market_read_unlock(call->api->market);
    json_shut(&call->out);
    return OK;
}

/* A quote that the caller may see. */
static void
reply_quote(struct call *call, struct uuid id, int status)
{
    struct quote_row q;
    enum err err = quotes_find(call->db, id, call->arena, &q);

    if (!err && !may_see_organisation(&call->actor, q.org))
        err = ERR_NOT_FOUND;
    if (!err)
        err = quote_row_json(call, &q);
    call_end(call, err, status);
}

void
quotes_get(struct call *call)
{
    reply_quote(call, call->path_id, 200);
}

/* Look only: a pure read. */
static void
look(struct call *call, const struct broker_ask *wanted, struct uuid request, uint64_t grant, struct uuid organisation)
{
    const struct state *s = call_state(call);
    const struct account *a;
    struct broker_ask ask;
    struct view view;
    enum err err = OK;

    if (!s)
        return;
    a = ledger_account(s->ledger, grant);
    if (!a || a->class != ACCOUNT_GRANT || !uuid_equal(a->owner_org, organisation))
        err = err_at(&call->detail, ERR_FIELD_INVALID, "/grant", "The organisation has no such grant.");
    if (!err)
        err = view_ask(s, grant, wanted, call->now_ms, &ask, &call->detail);
    if (!err) {
        view_open(s, call->now_ms, &view);
        broker_quote(&view.broker, &ask, &view.answer);
        quote_head(call, (struct uuid){ { 0 } }, request, grant, "look-only", call->now_ms, 0, false);
        broker_answer_json(&call->out, &view.broker, &ask, &view.answer, false);
        json_shut(&call->out);
        view_free(&view);
    }
    call_state_done(call);
    call_end(call, err, 200);
}

/* Mostly on the socket thread: without a database. */
void
quotes_look(struct call *call)
{
    struct request_row r = { 0 };
    struct json_in in = json_in_open(call->body, &call->detail);
    struct broker_ask ask;
    bool strange;
    enum err err;

    ask_read(&in, &r, call->now_ms, call->arena);
    r.needs |= needs_in(&in, "needs", &strange); /* of a request its workload says it */
    if (strange)
        json_in_refuse(&in, "needs", ERR_FIELD_INVALID, "This says what no agent takes.");
    err = json_in_close(&in);
    if (!err && !may_act_for(&call->actor, r.organisation))
        err = err_at(&call->detail, ERR_FORBIDDEN, "/organisation", "You do not act for this organisation.");
    if (!err)
        err = ask_of_request(call, &r, &ask);
    if (err == ERR_NOT_FOUND && !call->db)
        call_to_worker(call, dispatch_in_worker); /* the organisation is not in memory yet */
    else if (err)
        call_fail(call, err);
    else
        look(call, &ask, (struct uuid){ { 0 } }, r.grant, r.organisation);
}

/* The quote that a command has made or changed. Without an offer the reasons are in it all the same. */
static void
quoted(struct call *call)
{
    reply_quote(call, call->command->answer.id, 201);
}

/* The market knows open quotes only: what became of one that is open no more is in the database, for whom it concerns. */
static enum err
why_closed(struct call *call)
{
    struct quote_row q;
    enum err err = quotes_find(call->db, call->path_id, call->arena, &q);

    if (!err && !may_act_for(&call->actor, q.org))
        err = ERR_NOT_FOUND;
    if (err) { /* another's, or none: in the same words */
        call->detail = (struct err_detail){ .retry_after_s = 0 };
        return err;
    }
    if (strcmp(q.state, "used") == 0)
        return err_say(&call->detail, ERR_QUOTE_USED, "This quote was accepted already.");
    return err_say(&call->detail, ERR_QUOTE_EXPIRED,
                   strcmp(q.state, "released") == 0 ? "This quote was let go, or a newer one has taken its place."
                                                    : "This quote's time is over; ask for a new one.");
}

/* True if the command was refused, and the caller has been told. */
static bool
refused(struct call *call)
{
    enum err err = call->command->err;

    if (!err)
        return false;
    call->detail = call->command->detail;
    call_fail(call, err == ERR_QUOTE_EXPIRED ? why_closed(call) : err);
    return true;
}

static void
changed(struct call *call)
{
    if (refused(call))
        return;
    reply_quote(call, call->path_id, 200);
}

void
requests_quote(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail);
    bool hold = json_in_bool(&in, "hold");
    bool chosen = json_in_has(&in, "preference");
    int preference = preference_read(&in);
    struct broker_ask *ask = arena_alloc(call->arena, sizeof *ask);
    struct command *c = call->command;
    struct request_row r;
    enum err err = json_in_close(&in);

    if (!err)
        err = request_find(call, call->path_id, &r);
    if (!err && !may_act_for(&call->actor, r.organisation))
        err = ERR_FORBIDDEN;
    if (!err && chosen)
        r.preference = preference;
    if (!err)
        err = ask_of_request(call, &r, ask);
    if (err) {
        call_fail(call, err);
        return;
    }
    if (!hold) {
        look(call, ask, r.id, r.grant, r.organisation);
        return;
    }
    c->kind = COMMAND_QUOTE;
    c->org = r.organisation;
    c->new_id[0] = call_new_id(call);
    c->in.quote.request = r.id;
    c->in.quote.grant = r.grant;
    c->in.quote.ask = ask;
    c->in.quote.workload = r.workload;
    c->in.quote.workload_len = r.workload_len;
    c->in.quote.move_freely = r.move_freely;
    text_format(c->in.quote.name, sizeof c->in.quote.name, "%s", r.name);
    call_send(call, quoted);
}

static void
change(struct call *call, enum command_kind kind)
{
    enum err err = in_nothing(call);

    call->command->kind = kind;
    call->command->in.quote_renew.quote = call->path_id;
    if (err)
        call_fail(call, err);
    else
        call_send_any(call, changed);
}

void
quotes_renew(struct call *call)
{
    change(call, COMMAND_QUOTE_RENEW);
}

void
quotes_release(struct call *call)
{
    change(call, COMMAND_QUOTE_RELEASE);
}

static void
accepted(struct call *call)
{
    if (refused(call))
        return;
    reply_reservation(call, call->command->answer.id, 201);
}

/* What is sealed goes to the site as it came, in one form: by its SHA-256, which the ticket will name. */
static enum err
store_secrets(struct call *call, const struct sealed_secrets *sealed)
{
    struct command *c = call->command;
    struct json_out out = { 0 };
    struct request_row r;
    struct quote_row q;
    struct bytes bytes;
    enum err err = quotes_find(call->db, c->in.accept.quote, call->arena, &q);

    if (!err && !may_act_for(&call->actor, q.org))
        err = ERR_NOT_FOUND;
    if (!err)
        err = requests_find(call->db, q.request, call->arena, &r);
    if (!err)
        err = sealed_check(sealed, r.secrets, &call->detail);
    if (err)
        return err;
    sealed_json(&out, sealed);
    bytes = BYTES(out.text, out.len);
    c->in.accept.secrets = sha256(bytes);
    c->in.accept.secrets_key = sealed->key;
    err = secrets_add(call->db, c->in.accept.secrets, q.org, bytes, call->now_ms);
    json_out_free(&out);
    return err;
}

/* Runs on the socket thread when the session is known and the key is new, unless there are secrets to store.
 * Security: decide_accept() checks that the actor may spend the quote's grant. */
void
quotes_accept(struct call *call)
{
    struct json_in in = json_in_open(call->body, &call->detail), secrets;
    struct sealed_secrets *sealed = NULL;
    struct command *c = call->command;
    enum err err;

    c->kind = COMMAND_ACCEPT;
    c->in.accept.quote = call->path_id;
    c->in.accept.option = (uint32_t)json_in_i64(&in, "option", 0, 1000);
    c->in.accept.move_freely = json_in_bool_or(&in, "move_freely", false);
    if (json_in_has(&in, "secrets")) {
        sealed = arena_alloc(call->arena, sizeof *sealed);
        secrets = json_in_object(&in, "secrets");
        sealed_in(&secrets, sealed);
        err = json_in_close(&secrets);
        if (err && !in.err)
            in.err = err;
    }
    for (int i = 0; i < 3; i++)
        c->new_id[i] = call_new_id(call);
    err = json_in_close(&in);
    if (!err && sealed && !call->db) {
        call_to_worker(call, dispatch_in_worker);
        return;
    }
    if (!err && sealed)
        err = store_secrets(call, sealed);
    if (err)
        call_fail(call, err);
    else
        call_send_any(call, accepted);
}
