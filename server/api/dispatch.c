/* api/dispatch.c
 * From a request to its handler. In order: route, who calls, may this role call it, does it come from our own pages, its
 * idempotency key, then the handler. What needs no database runs on the socket thread; the rest in a worker. */
#include <stdio.h>
#include <stdlib.h>

#include "api/agent_tickets.h"
#include "api/handlers.h"
#include "api/exports.h"
#include "api/internal.h"
#include "api/pages.h"
#include "store/security.h"

enum { REQUEST_ID_MIN = 8, REQUEST_ID_MAX = 48, BRISK_BODY_MAX = 4096 /* more takes its time to read */ };

static bool
mutates(const struct call *call)
{
    return call->route->method != HTTP_GET && call->route->method != HTTP_HEAD;
}

/* After the caller is known. */
static enum err
check(struct call *call)
{
    const struct route *route = call->route;
    unsigned who = who_of(&call->actor);
    enum err err = OK;

    if (!(route->who & who))
        return call->actor.kind == ACTOR_NOBODY ? ERR_UNAUTHENTICATED : call->second_due ? ERR_SECOND_DUE : ERR_FORBIDDEN;
    if (mutates(call) && !(route->who & WHO_AGENT)) {
        err = auth_origin(call);
        if (!err)
            err = auth_csrf(call);
    }
    if (!err && route->key)
        err = key_read(call);
    return err;
}

/* What a program's token asks to be changed stands in its person's record before it is done: what was done is then told there,
 * too, whatever happens meanwhile. */
static enum err
tell_token(struct call *call)
{
    char id[UUID_TEXT] = "";
    struct security_event e = { .id = call_new_id(call), .person = call->actor.person, .at_ms = call->now_ms, .what = SECURITY_TOKEN_ACTED,
                                .name = call->token.name, .client = auth_network(call), .by_name = "" };

    if (!uuid_is_zero(call->path_id))
        uuid_text(call->path_id, id);
    e.detail = arena_printf(call->arena, "%s%s%s", call->route->name, id[0] ? " " : "", id);
    return security_add(call->db, &e);
}

static void
proceed(struct call *call)
{
    bool worker = false, tells;
    enum err err;

    if (call->db)
        db_act_as(call->db, DB_ACTOR_SERVER); /* who calls is what is to be found out */
    err = auth_call(call, &worker);
    call_act(call);
    if (worker) {
        call_to_worker(call, dispatch_in_worker);
        return;
    }
    if (!err)
        err = check(call);
    tells = !err && call->route->token == TOKEN_WRITES && !uuid_is_zero(call->token.id);
    if (tells && !call->db) {
        call_to_worker(call, dispatch_in_worker);
        return;
    }
    if (tells)
        err = tell_token(call);
    if (err)
        call_fail(call, err);
    else if (exports_wanted(call))
        exports_begin(call);
    else
        call->route->handler(call);
}

void
dispatch_in_worker(struct call *call)
{
    proceed(call);
}

/* What a server may say that does not lead: how it is, the contract, its pages. All else waits for the leader: it alone
 * knows what is so, and another may have written since this one last did. */
static enum err
check_leads(const struct call *call)
{
    struct market *m = call->api->market;

    if (call->route->run == RUN_SOCKET || call->route->handler == health_ready || market_leads(m))
        return OK;
    switch (market_phase(m)) {
    case MARKET_WAITING_LEASE:
        return ERR_NOT_LEADER;
    case MARKET_GUARDED:
    case MARKET_LEADING: /* it has heard nothing from the database for a while */
    case MARKET_TROUBLED:
        return ERR_DB;
    case MARKET_REBUILDING: /* it takes a moment: commands wait in the queue */
    case MARKET_STOPPING:
        break;
    }
    return OK;
}

static const char *
copy_header(struct call *call, const char *name)
{
    const char *value = http_header(call->http, name);

    return value ? arena_text(call->arena, value) : NULL;
}

static void
copy_headers(struct call *call)
{
    char token[128], sealed[BOX_TEXT_LEN(BOX_MAX)];

    call->authorization = copy_header(call, "Authorization");
    call->key = copy_header(call, "Idempotency-Key");
    call->csrf = copy_header(call, "X-CSRF-Token");
    call->origin = copy_header(call, "Origin");
    call->host = copy_header(call, "Host");
    call->forwarded = copy_header(call, "X-Forwarded-For");
    call->if_none_match = copy_header(call, "If-None-Match");
    call->instance = copy_header(call, "Kontor-Instance");
    call->clock = copy_header(call, "Kontor-Clock");
    call->accepts = copy_header(call, "Accept-Encoding");
    if (http_cookie(call->http, call->api->cookie, token, sizeof token))
        call->cookie = arena_text(call->arena, token);
    if (call->route->handler == sign_in_end && http_cookie(call->http, call->api->sign_in_cookie, sealed, sizeof sealed))
        call->sign_in = arena_text(call->arena, sealed);
}

static bool
json_body(const struct http_call *http)
{
    const char *type = http_header(http, "Content-Type");

    return type && strncmp(type, "application/json", 16) == 0 &&
           (type[16] == '\0' || type[16] == ';' || type[16] == ' ');
}

static struct http_response *
refuse_method(struct call *call, const char *allowed)
{
    struct http_response *r = problem_response(call->api, call, call->id, ERR_METHOD, NULL);

    http_response_header(r, "Allow", allowed);
    return r;
}

/* An agent's poll is answered when its time is over, by itself; anything else gets what the server allows. */
static int64_t
keep_ms(struct call *call)
{
    int64_t wait_s = 0;

    if ((call->route->handler != agent_tickets && call->route->handler != agent_checkpoint) || call_query_i64(call, "wait", 0, 30, 0, &wait_s) || wait_s == 0)
        return HTTP_KEEP_MS;
    return wait_s * 1000;
}

/* A call's answer on the socket thread; the call ends here. */
static struct http_response *
at_once(struct call *call, struct http_response *r)
{
    if (!r)
        r = call->now;
    call_free(call);
    return r;
}

/* Where the routes are; elsewhere are the pages. */
static bool
beside_pages(const char *path)
{
    static const char *const OURS[] = { "/v1/", "/health/", "/errors/", "/.well-known/", "/tile/", "/checkpoint" };

    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        if (strncmp(path, OURS[i], strlen(OURS[i])) == 0)
            return true;
    return false;
}

/* The id that a proxy or a caller gave its request, so that logs on both sides can be joined: plain, and short enough for
 * all that it stands in. Else our own. */
static const char *
request_id(struct call *call)
{
    const char *given = http_header(call->http, "X-Request-Id");
    size_t len = given ? strlen(given) : 0;
    char *own;

    if (len >= REQUEST_ID_MIN && len <= REQUEST_ID_MAX &&
        strspn(given, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == len) {
        call->foreign_id = true;
        return arena_text(call->arena, given);
    }
    own = arena_alloc(call->arena, UUID_TEXT);
    uuid_text(call->id, own);
    return own;
}

struct http_response *
api_handle(void *cls, struct http_call *http)
{
    struct api *api = cls;
    struct http_response *page;
    struct call *call;
    char allowed[64] = "";
    enum err err = OK;

    api_tend(api);
    if (http->listener == API_LISTENER_METRICS)
        return metrics_get(api, http);
    if (api->pages && !beside_pages(http->path) && (page = pages_answer(api->pages, http)) != NULL)
        return page;
    call = xcalloc(1, sizeof *call);
    atomic_fetch_add(&api->calls, 1);
    call->api = api;
    call->http = http;
    call->arena = arena_new();
    call->body = http->body;
    call->now_ms = clock_now(&api->clock);
    call->began_us = monotonic_us();
    call->began_ms = call->began_us / 1000;
    call->id = call_new_id(call);
    call->request_id = request_id(call);
    call->route = route_find(http->method, http->path, call, &err, allowed, sizeof allowed);
    if (!call->route) {
        call->logged_err = err;
        page = err == ERR_METHOD ? refuse_method(call, allowed) : problem_response(call->api, call, call->id, err, NULL);
        http_response_header(page, "X-Request-Id", call->request_id);
        call_log(call, err_status(err));
        return at_once(call, page);
    }
    if (call->route->run == RUN_SOCKET) {
        call->route->handler(call);
        return at_once(call, NULL);
    }
    err = check_leads(call);
    if (err) {
        call_fail(call, err);
        return at_once(call, NULL);
    }
    if (mutates(call))
        call->command = arena_alloc(call->arena, sizeof *call->command);
    if (call->body.len && !json_body(http) && call->route->handler != mail_stop) { /* a mail program posts a form there */
        call_fail(call, ERR_MEDIA_TYPE);
        return at_once(call, NULL);
    }
    copy_headers(call);
    if (call->route->run == RUN_BRISK && call->body.len <= BRISK_BODY_MAX && brisk_may(api->brisk, auth_share(call), call->began_ms)) {
        proceed(call);
        if (call->now)
            return at_once(call, NULL);
    }
    call->kept = true;
    http_keep(http, keep_ms(call), call->route->handler == agent_tickets      ? waits_poll_deadline
                                   : call->route->handler == agent_checkpoint ? watchers_deadline
                                                                              : NULL);
    if (call->route->run == RUN_COMMAND)
        proceed(call);
    else
        call_to_worker(call, dispatch_in_worker);
    return NULL;
}

struct http_response *
api_refuse(void *cls, const struct http_call *http, enum err err)
{
    struct api *api = cls;
    struct uuid id = api_new_id(api, clock_now(&api->clock));
    struct http_response *r;
    char text[UUID_TEXT];

    (void)http;
    log_info(api->log, "refused", LOG_UUID("id", id), LOG_I64("status", err_status(err)),
             LOG_TEXT("error", err_wire(err)));
    r = problem_response(api, NULL, id, err, NULL);
    uuid_text(id, text);
    http_response_header(r, "X-Request-Id", text);
    return r;
}
