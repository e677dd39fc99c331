/* api/call.c: how a call is answered, and what handlers read from it. */
#include "api/call.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "api/pages.h"
#include "base/text.h"
#include "crypto/random.h"

#define PROBLEM_TYPE "application/problem+json"

void
response_guard(struct http_response *r, bool https)
{
    if (https)
        http_response_header(r, "Strict-Transport-Security", HTTPS_ONLY);
    http_response_header(r, "Referrer-Policy", "same-origin");
    http_response_header(r, "X-Frame-Options", "DENY");
    http_response_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    http_response_header(r, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
}

/* Where who leads is reached, if that is known and it is not us. */
static void
leader_member(const struct call *call, struct json_out *out)
{
    struct market_leader leader;
    const char *url;

    market_leader(call->api->market, &leader);
    url = call->http->listener == API_LISTENER_AGENTS ? leader.agents : leader.people;
    if (url[0] != '\0')
        json_text(out, "leader", url);
}

struct http_response *
problem_response(const struct api *api, const struct call *call, struct uuid id, enum err err, const struct err_detail *d)
{
    struct json_out out = { 0 };
    struct http_response *r;
    int status = err_status(err);
    char text[64], instance[10 + UUID_TEXT];

    snprintf(text, sizeof text, "/errors/%s", err_wire(err));
    memcpy(instance, "urn:uuid:", 9);
    uuid_text(id, instance + 9);
    json_open(&out, NULL);
    json_text(&out, "type", text);
    json_text(&out, "title", err_sentence(err));
    json_i64(&out, "status", status);
    /* What went wrong inside is for the operator's log. */
    if (d && d->text[0] && status < 500)
        json_text(&out, "detail", d->text);
    json_text(&out, "code", err_wire(err));
    if (d && d->pointer[0])
        json_text(&out, "pointer", d->pointer);
    json_text(&out, "instance", instance);
    if (call && err == ERR_NOT_LEADER)
        leader_member(call, &out);
    if (call && err == ERR_TOO_EARLY && call->command && call->command->answer.time_ms)
        json_time(&out, "at", call->command->answer.time_ms);
    json_shut(&out);
    r = http_response(status, PROBLEM_TYPE, out.text, out.len, HTTP_FREE);
    response_guard(r, api->https);
    http_response_header(r, "Cache-Control", "no-store");
    if (status == 503 || status == 507 || status == 429 || (d && d->retry_after_s)) {
        snprintf(text, sizeof text, "%d", d && d->retry_after_s ? d->retry_after_s : 1);
        http_response_header(r, "Retry-After", text);
    }
    if (status == 401 && call && call->route && (call->route->who & WHO_AGENT))
        http_response_header(r, "WWW-Authenticate", "Bearer");
    return r;
}

void
call_log(struct call *call, int status)
{
    static const struct uuid NOBODY = { { 0 } };
    const struct err_detail *d = &call->detail;
    bool bad = status >= 500;
    /* Probes come by the second from every side; those that are well are nobody's news. */
    /* From where somebody guesses or tries doors: the network of it, never more. */
    bool refused = (status == 401 || status == 403 || status == 429) && call->arena && call->http && call->http->listener == API_LISTENER_PEOPLE;
    bool probe = status == 200 && call->route && strncmp(call->route->name, "health_", 7) == 0;
    int64_t us = monotonic_us() - call->began_us;
    const struct command *c = call->command;

    traffic_count(call->api->traffic, call->route, status, us);
    LOG_WRITE(call->api->log,
              bad     ? LOG_LEVEL_ERROR
              : probe ? LOG_LEVEL_DEBUG
                      : LOG_LEVEL_INFO,
              "request", LOG_UUID("id", call->id),
              LOG_TEXT("request_id", call->foreign_id || !call->arena ? call->request_id : NULL), LOG_TEXT("route", call->route ? call->route->name : "none"),
              LOG_I64("status", status), LOG_TEXT("error", call->logged_err ? err_wire(call->logged_err) : NULL),
              LOG_UUID("person", call->actor.person), LOG_UUID("token", call->token.id), LOG_TEXT("from", refused ? auth_network(call) : NULL), LOG_TEXT("detail", bad && d->internal[0] ? d->internal : NULL),
              LOG_UUID("answer", c && c->err == OK ? c->answer.id : NOBODY), LOG_UUID("order", call->order),
              LOG_I64_OR_NONE("batch", c ? (int64_t)c->batch : 0), LOG_I64("ms", us / 1000));
}

void
call_free(struct call *call)
{
    atomic_fetch_sub(&call->api->calls, 1);
    json_out_free(&call->out);
    arena_delete(call->arena);
    free(call);
}

/* The one place where a call ends. */
static void
give(struct call *call, struct http_response *r)
{
    assert(!call->captured); /* only lists are asked so, which answer as JSON */
    if (!http_response_is_shared(r))
        http_response_header(r, "X-Request-Id", call->request_id);
    call_log(call, http_response_status(r));
    if (!call->kept) {
        call->now = r;
        return;
    }
    if (call->replies) {
        call->replies->calls[call->replies->n] = call->http;
        call->replies->responses[call->replies->n++] = r;
    } else {
        http_complete(call->http, r);
    }
    call_free(call);
}

void
call_dress(struct call *call, struct http_response *r)
{
    response_guard(r, call->api->https);
    http_response_header(r, "Cache-Control", call->cache ? call->cache : "no-store");
    if (call->file)
        http_response_header(r, "Content-Disposition", call->file);
    if (call->etag)
        http_response_header(r, "ETag", call->etag);
    if (call->link)
        http_response_header(r, "Link", call->link);
    if (call->set_cookie)
        http_response_header(r, "Set-Cookie", call->set_cookie);
    if (call->language_cookie)
        http_response_header(r, "Set-Cookie", call->language_cookie);
}

void
call_reply(struct call *call, int status)
{
    struct http_response *r;
    bool secret;

    if (call->captured)
        return;
    if (status == 200 && call->etag && call->if_none_match && strcmp(call->etag, call->if_none_match) == 0) {
        call_reply_empty(call, 304);
        return;
    }
    /* What names the caller's csrf token is never compressed: its length would tell of it (BREACH). */
    secret = strncmp(call->route->path, "/v1/me", 6) == 0 || strncmp(call->route->path, "/v1/session", 11) == 0;
    r = http_response_packed(status, "application/json", call->out.text, call->out.len, secret ? NULL : call->accepts);
    call->out = (struct json_out){ 0 };
    call_dress(call, r);
    give(call, r);
}

void
call_reply_empty(struct call *call, int status)
{
    struct http_response *r = http_response(status, NULL, "", 0, HTTP_FOREVER);

    call_dress(call, r);
    give(call, r);
}

void
call_reply_bytes(struct call *call, int status, const char *type, char *bytes, size_t len)
{
    struct http_response *r = http_response(status, type, bytes, len, HTTP_FREE);

    call_dress(call, r);
    give(call, r);
}

void
call_reply_response(struct call *call, struct http_response *r)
{
    give(call, r);
}

void
call_fail(struct call *call, enum err err)
{
    assert(err != OK);
    if (call->captured) {
        call->captured->err = err;
        return;
    }
    call->logged_err = err;
    if (err == ERR_DISK && call->db && strcmp(db_sqlstate(call->db), "53100") == 0) /* a command's is the market's to tell */
        atomic_store_explicit(&call->api->no_room_ms, monotonic_ms(), memory_order_relaxed);
    if (err_status(err) >= 500 && call->db && !call->detail.internal[0] && (db_sqlstate(call->db)[0] || db_message(call->db)[0]))
        db_explain(call->db, err, &call->detail);
    give(call, problem_response(call->api, call, call->id, err, &call->detail));
}

void
call_act(struct call *call)
{
    const struct actor *a = &call->actor;

    if (!call->db)
        return;
    if (a->kind == ACTOR_AGENT)
        db_act_as(call->db, db_actor_agent(a->sites[0]));
    else if (a->kind == ACTOR_NOBODY)
        db_act_as(call->db, DB_ACTOR_NOBODY);
    else
        db_act_as(call->db, db_actor_person(a->person));
}

void
call_end(struct call *call, enum err err, int status)
{
    if (err)
        call_fail(call, err);
    else
        call_reply(call, status);
}

void
call_to_worker(struct call *call, handler_fn *stage)
{
    bool slow = call->route->run == RUN_SLOW;
    enum err err;

    if (!call->kept) {
        call->stage = stage;
        return;
    }
    call->share = auth_share(call);
    brisk_note(call->api->brisk, call->share, call->began_ms);
    err = pool_put(call->api->pool, slow ? LANE_SLOW : LANE_FRESH, call, stage);
    if (err)
        call_fail(call, err);
}

const char *
call_query(const struct call *call, const char *name)
{
    return http_query(call->http, name);
}

enum err
call_query_only(struct call *call, const char *const *names)
{
    const struct http_call *http = call->http;

    for (size_t i = 0; i < http->query_count; i++) {
        const char *name = http->query[i].name;
        bool known = false;

        for (const char *const *n = names; *n; n++)
            known = known || strcmp(*n, name) == 0;
        if (!known)
            return err_say(&call->detail, ERR_QUERY_INVALID, "There is no parameter “%.40s” here.", name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(http->query[k].name, name) == 0)
                return err_say(&call->detail, ERR_QUERY_INVALID, "The parameter “%.40s” is given twice.", name);
    }
    return OK;
}

enum err
call_query_i64(struct call *call, const char *name, int64_t min, int64_t max, int64_t if_missing, int64_t *ret)
{
    const char *text = call_query(call, name);

    if (!text) {
        *ret = if_missing;
        return OK;
    }
    if (!text_to_i64(text, min, max, ret))
        return err_say(&call->detail, ERR_QUERY_INVALID, "“%s” must be a whole number from %" PRId64 " to %" PRId64 ".",
                       name, min, max);
    return OK;
}

enum err
call_query_time(struct call *call, const char *name, int64_t if_missing, int64_t *ret)
{
    const char *text = call_query(call, name);

    *ret = if_missing;
    if (text && !time_parse(text, ret))
        return err_say(&call->detail, ERR_QUERY_INVALID, "“%s” must be a time such as 2026-05-12T14:00:00Z.", name);
    return OK;
}

enum err
call_query_period(struct call *call, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    enum err err = call_query_time(call, "from", -1, ret_from_ms);

    if (!err)
        err = call_query_time(call, "to", -1, ret_to_ms);
    if (!err && (*ret_from_ms < 0 || *ret_to_ms <= *ret_from_ms))
        err = err_say(&call->detail, ERR_QUERY_INVALID, "This is of a period: from (included) and to (not included) are both needed, to later than from.");
    return err;
}

enum err
call_query_uuid(struct call *call, const char *name, struct uuid *ret)
{
    const char *text = call_query(call, name);

    *ret = (struct uuid){ 0 };
    if (text && !uuid_parse(text, ret))
        return err_say(&call->detail, ERR_QUERY_INVALID, "“%s” must be a UUID.", name);
    return OK;
}

enum err
call_query_page(struct call *call, int *ret_limit, const char **ret_cursor)
{
    int64_t limit;
    enum err err = call_query_i64(call, "limit", 1, 500, 50, &limit);

    if (err)
        return err;
    *ret_limit = (int)limit;
    *ret_cursor = call_query(call, "cursor");
    return OK;
}

enum err
call_query_before(struct call *call, int *ret_limit, struct uuid *ret_before)
{
    const char *cursor;
    enum err err = call_query_page(call, ret_limit, &cursor);

    memset(ret_before->b, 0xff, sizeof ret_before->b);
    return !err && cursor && !uuid_parse(cursor, ret_before) ? ERR_QUERY_INVALID : err;
}

/* Percent-encode what a query value may not hold as it is. */
static char *
encode(struct arena *a, const char *text)
{
    char *ret = arena_alloc(a, strlen(text) * 3 + 1);
    char *to = ret;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~:/", c))
            *to++ = (char)c;
        else
            to += snprintf(to, 4, "%%%02X", c);
    }
    *to = '\0';
    return ret;
}

void
call_next(struct call *call, const char *cursor)
{
    const struct http_call *http = call->http;
    char *link;

    json_text(&call->out, "next", cursor);
    if (!cursor)
        return;
    link = arena_printf(call->arena, "<%s?cursor=%s", encode(call->arena, http->path), encode(call->arena, cursor));
    for (size_t i = 0; i < http->query_count; i++)
        if (strcmp(http->query[i].name, "cursor") != 0)
            link = arena_printf(call->arena, "%s&%s=%s", link, encode(call->arena, http->query[i].name),
                                encode(call->arena, http->query[i].value));
    call->link = arena_printf(call->arena, "%s>; rel=\"next\"", link);
}

struct uuid
api_new_id(struct api *api, int64_t now_ms)
{
    uint8_t random[10];

    pthread_mutex_lock(&api->random_lock);
    if (api->random_left < sizeof random) {
        random_bytes(api->random, sizeof api->random);
        api->random_left = sizeof api->random;
    }
    api->random_left -= sizeof random;
    memcpy(random, api->random + api->random_left, sizeof random);
    pthread_mutex_unlock(&api->random_lock);
    return uuid_v7(now_ms, random);
}

struct uuid
call_new_id(struct call *call)
{
    return api_new_id(call->api, call->now_ms);
}

const struct state *
call_state(struct call *call)
{
    const struct state *s = market_read_lock(call->api->market);

    if (!s)
        call_fail(call, ERR_NOT_LEADER);
    return s;
}

void
call_state_done(struct call *call)
{
    market_read_unlock(call->api->market);
}

/* ---- commands ----------------------------------------------------------------------------------------------------- */

/* The command has come back: in a worker. */
static void
came_back(struct call *call)
{
    if (call->command->err && !call->then_any) {
        call->detail = call->command->detail;
        call_fail(call, call->command->err);
    } else {
        call->then(call);
    }
}

/* On the sequencer's thread: must not block. */
static void
on_complete(struct command *c)
{
    struct call *call = c->context;

    enum err err = pool_put(call->api->pool, LANE_BACK, call, came_back);

    assert(!err);
    (void)err;
}

/* The market looks the key up by itself. */
static void
send_command(struct call *call, handler_fn *then, bool any)
{
    struct command *c = call->command;

    call->then = then;
    call->then_any = any;
    c->actor = call->actor;
    /* all that a start-up's people send counts against its share of the queue */
    if (uuid_is_zero(c->org) && c->actor.kind == ACTOR_PERSON && c->actor.orgs_n)
        c->org = c->actor.orgs[0].id;
    c->complete = on_complete;
    c->context = call;
    market_send(call->api->market, c);
}

void
call_send(struct call *call, handler_fn *then)
{
    send_command(call, then, false);
}

void
call_send_any(struct call *call, handler_fn *then)
{
    send_command(call, then, true);
}
