/* api/webhooks.c: where an organisation's programs are told what its people are told: made by its owners, whose secret is shown
 * once, tried, ended; and what was delivered, or given up. */
#include "api/handlers.h"

#include "api/fields.h"
#include "api/internal.h"
#include "base/web.h"
#include "crypto/hook.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "market/courier.h"
#include "store/deliveries.h"
#include "store/people.h"

enum { WEBHOOKS_MOST = 5, LIST_MOST = 100 };

/* Security: an organisation's webhooks are its owners' alone. */
static bool
may(const struct call *call, struct uuid organisation)
{
    return owns_organisation(&call->actor, organisation);
}

static void
webhook_json(struct json_out *out, const struct webhook *w, const char *secret)
{
    json_open(out, NULL);
    json_uuid(out, "id", w->id);
    json_text(out, "url", w->url);
    json_open_array(out, "kinds");
    for (int kind = NOTICES_JOB_ENDED; kind <= NOTICES_CHOSEN_LAST; kind++)
        if (w->kinds >> kind & 1)
            json_text(out, NULL, notices_word((enum notices_kind)kind));
    json_shut_array(out);
    json_time(out, "created", w->created_ms);
    json_text(out, "by", w->by_name);
    json_i64(out, "waiting", w->waiting);
    json_i64(out, "given_up", w->given_up);
    if (secret)
        json_text(out, "secret", secret);
    json_shut(out);
}

void
webhooks_list(struct call *call)
{
    struct webhook *list = NULL;
    size_t n = 0;
    enum err err = may(call, call->path_id) ? OK : ERR_NOT_FOUND;

    if (!err)
        err = webhooks_of(call->db, call->path_id, WEBHOOKS_MOST, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++)
        webhook_json(&call->out, &list[i], NULL);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

struct making {
    struct call *call;
    struct webhook webhook;
};

static enum err
store(struct db *db, void *ctx)
{
    const struct making *m = ctx;
    struct webhook *list;
    size_t n;
    enum err err = roles_lock(db, m->webhook.organisation);

    if (!err)
        err = webhooks_of(db, m->webhook.organisation, WEBHOOKS_MOST, m->call->arena, &list, &n);
    if (!err && n >= WEBHOOKS_MOST)
        err = err_say(&m->call->detail, ERR_EXISTS, "An organisation has at most %d webhooks: remove one first.", WEBHOOKS_MOST);
    return err ? err : webhooks_add(db, &m->webhook);
}

static int
in_kinds(struct json_in *in)
{
    size_t n = json_in_array(in, "kinds", NOTICES_CHOSEN_LAST);
    int kinds = 0;

    for (size_t i = 0; i < n; i++) {
        const char *word = json_in_array_text(in, "kinds", i, 20);
        int kind = NOTICES_JOB_ENDED;

        while (kind <= NOTICES_CHOSEN_LAST && strcmp(word, notices_word((enum notices_kind)kind)) != 0)
            kind++;
        if (kind > NOTICES_CHOSEN_LAST)
            json_in_refuse(in, "kinds", ERR_FIELD_INVALID, "One of these is no kind of notice.");
        else
            kinds |= 1 << kind;
    }
    if (!in->err && kinds == 0)
        json_in_refuse(in, "kinds", ERR_FIELD_INVALID, "Choose at least one kind.");
    return kinds;
}

/* POST /v1/organisations/{id}/webhooks. The secret is shown this once.
 * Security: proved as a token is: whoever has an owner's session alone hears nothing of the organisation after that is over. */
void
webhooks_create(struct call *call)
{
    struct making m = { .call = call };
    struct json_in in = json_in_open(call->body, &call->detail);
    struct hook_secret secret;
    char sealed[BOX_TEXT_LEN(HOOK_SECRET_LEN)], text[HOOK_SECRET_TEXT];
    const char *password;
    enum err err;

    if (!may(call, call->path_id)) {
        call_fail(call, ERR_NOT_FOUND);
        return;
    }
    m.webhook = (struct webhook){ .id = call_new_id(call), .organisation = call->path_id, .created_ms = call->now_ms, .by_name = call->name,
                                  .secret = sealed };
    m.webhook.url = in_line(&in, "url", WEBHOOK_URL_MAX, call->arena);
    if (!in.err && !web_url_stranger_ok(m.webhook.url, call->api->hooks_inside))
        json_in_refuse(&in, "url", ERR_FIELD_INVALID, "It must be a plain https:// address without a name or password in it.");
    m.webhook.kinds = in_kinds(&in);
    password = arena_text(call->arena, json_in_text_or(&in, "password", PASSWORD_MAX, ""));
    err = json_in_close(&in);
    if (!err)
        err = auth_anew(call, password);
    if (err) {
        call_fail(call, err);
        return;
    }
    secret = hook_secret_new();
    courier_seal(&call->api->hook_key, m.webhook.id, &secret, sealed);
    hook_secret_text(&secret, text);
    err = db_tx(call->db, store, &m);
    webhook_json(&call->out, &m.webhook, text);
    random_wipe(&secret, sizeof secret);
    random_wipe(text, sizeof text);
    call_end(call, err, 201);
}

static enum err
end(struct db *db, void *ctx)
{
    struct call *call = ctx;

    return webhooks_end(db, call->path_id, real_now_ms());
}

void
webhooks_remove(struct call *call)
{
    enum err err = db_tx(call->db, end, call); /* row security shows it to its owners only */

    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 204);
}

struct testing {
    struct call *call;
    struct webhook webhook;
    struct uuid event;
    char subject[UUID_TEXT];
};

/* The event and its delivery are written by the server's own right: whose the webhook is was asked before. */
static enum err
store_test(struct db *db, void *ctx)
{
    const struct testing *t = ctx;
    struct notices_event e = { .id = t->event, .kind = NOTICES_TEST, .subject = t->subject, .organisation = t->webhook.organisation, .site = NO_INDEX,
                               .at_ms = t->call->now_ms, .title = "Test of a webhook", .text = "This is what a notice looks like.",
                               .facts = "{\"how\":\"test\"}", .link = "/people", .only = t->webhook.id, .real_ms = real_now_ms() };
    bool is_new;

    return notices_tell(db, &e, &is_new);
}

/* POST /v1/webhooks/{id}/test */
void
webhooks_test(struct call *call)
{
    struct testing t = { .call = call };
    enum err err = in_nothing(call);

    if (!err)
        err = webhooks_find(call->db, call->path_id, call->arena, &t.webhook);
    if (!err && !may(call, t.webhook.organisation))
        err = ERR_NOT_FOUND;
    if (!err && t.webhook.waiting >= LIST_MOST)
        err = ERR_RATE_LIMITED;
    t.event = call_new_id(call);
    uuid_text(t.event, t.subject);
    if (!err)
        err = db_tx(call->db, store_test, &t);
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 202);
}

static void
delivery_json(struct json_out *out, const struct delivery *d)
{
    static const char *const STATES[] = { [DELIVERY_WAITS] = "waits", [DELIVERY_TAKEN] = "taken", [DELIVERY_GIVEN_UP] = "given-up" };

    json_open(out, NULL);
    json_uuid(out, "id", d->id);
    json_uuid(out, "webhook", d->webhook);
    json_text(out, "kind", notices_word(d->kind));
    json_text(out, "title", d->title);
    json_text(out, "state", STATES[d->state]);
    json_i64(out, "tries", d->tries);
    json_i64(out, "status", d->status);
    json_text(out, "why", d->why);
    json_time(out, "created", d->created_ms);
    if (d->state == DELIVERY_WAITS)
        json_time(out, "next", d->next_ms);
    else
        json_time(out, "done", d->done_ms ? d->done_ms : d->created_ms);
    json_shut(out);
}

/* GET /v1/organisations/{id}/deliveries: the newest hundred of a state, or of all. */
void
deliveries_get(struct call *call)
{
    static const char *const NAMES[] = { "state", NULL }, *const STATES[] = { "waits", "taken", "given-up", NULL };
    const char *wanted = call_query(call, "state");
    struct delivery *list = NULL;
    size_t n = 0;
    int state = 0;
    enum err err = may(call, call->path_id) ? OK : ERR_NOT_FOUND;

    if (!err)
        err = call_query_only(call, NAMES);
    while (!err && wanted && STATES[state] && strcmp(STATES[state], wanted) != 0)
        state++;
    if (!err && !STATES[state])
        err = err_say(&call->detail, ERR_QUERY_INVALID, "state is waits, taken or given-up.");
    state = wanted ? state + DELIVERY_WAITS : 0;
    if (!err)
        err = deliveries_list(call->db, call->path_id, state, LIST_MOST, call->arena, &list, &n);
    json_open(&call->out, NULL);
    json_open_array(&call->out, "items");
    for (size_t i = 0; i < n; i++)
        delivery_json(&call->out, &list[i]);
    json_shut_array(&call->out);
    call_next(call, NULL);
    json_shut(&call->out);
    call_end(call, err, 200);
}

/* POST /v1/deliveries/{id}/again: one that was given up is tried again. */
void
deliveries_retry(struct call *call)
{
    enum err err = in_nothing(call);

    if (!err)
        err = deliveries_again(call->db, call->path_id, real_now_ms());
    if (err == ERR_STATE)
        err = err_say(&call->detail, err, "It was not given up, or its webhook was removed.");
    if (err)
        call_fail(call, err);
    else
        call_reply_empty(call, 202);
}
