/* api/watchers.c
 * Witnesses that wait for the next checkpoint. One list: there are as many as sites. A watcher is in the list until
 * somebody takes it out, and only who took it out may answer it. */
#include <stdlib.h>

#include "api/handlers.h"
#include "api/internal.h"

enum { WATCHES_OF_A_SITE = 2 };

struct watcher {
    struct watcher *next;
    struct http_call *http;
    uint64_t site, after;
    struct uuid id; /* of its call, which is gone */
    int64_t began_us;
};

struct watchers {
    struct api *api;
    pthread_mutex_t lock;
    struct watcher *first;
};

struct watchers *
watchers_new(struct api *api)
{
    struct watchers *w = xcalloc(1, sizeof *w);

    w->api = api;
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

/* What `which` says of is taken out; NULL: all. A list, the oldest first. */
static struct watcher *
take(struct watchers *w, bool (*which)(const struct watcher *x, const void *with), const void *with)
{
    struct watcher *list = NULL, **end = &list;

    pthread_mutex_lock(&w->lock);
    for (struct watcher **at = &w->first; *at;) {
        struct watcher *x = *at;

        if (which && !which(x, with)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        x->next = NULL;
        *end = x;
        end = &x->next;
    }
    pthread_mutex_unlock(&w->lock);
    return list;
}

static bool
is_call(const struct watcher *x, const void *http)
{
    return x->http == http;
}

/* json NULL: the error err. */
static void
answer(struct watchers *w, struct watcher *x, const struct json_out *json, enum err err)
{
    struct call call = { .api = w->api, .id = x->id, .began_us = x->began_us, .route = route_named("agent_checkpoint"), .logged_err = err };
    struct http_response *r;
    char id[UUID_TEXT];

    if (json) {
        r = http_response(200, "application/json", json->text, json->len, HTTP_COPY);
        response_guard(r, w->api->https);
        http_response_header(r, "Cache-Control", "no-store");
        uuid_text(x->id, id);
        http_response_header(r, "X-Request-Id", id);
    } else {
        r = problem_response(w->api, NULL, x->id, err, NULL);
    }
    http_complete(x->http, r);
    call_log(&call, json ? 200 : err_status(err));
    free(x);
}

static void
answer_empty(struct watchers *w, struct watcher *x)
{
    struct json_out out = { 0 };

    json_open(&out, NULL);
    json_none(&out, "checkpoint");
    json_shut(&out);
    answer(w, x, &out, OK);
    json_out_free(&out);
}

void
watchers_delete(struct watchers *w)
{
    if (!w)
        return;
    for (struct watcher *x = take(w, NULL, NULL), *next; x; x = next) {
        next = x->next;
        http_complete(x->http, http_response(503, NULL, "", 0, HTTP_FOREVER)); /* into the void */
        free(x);
    }
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void
watchers_leave(struct watchers *w, enum err why)
{
    for (struct watcher *x = take(w, NULL, NULL), *next; x; x = next) {
        next = x->next;
        if (why)
            answer(w, x, NULL, why);
        else
            answer_empty(w, x);
    }
}

void
watchers_deadline(void *cls, struct http_call *http)
{
    struct api *api = cls;
    struct watcher *x = take(api->watchers, is_call, http);

    if (x)
        answer_empty(api->watchers, x);
}

/* Everybody who knows less than what is signed is answered. */
static void
serve(void *ctx, struct db *db)
{
    struct watchers *w = ctx;

    db_act_as(db, DB_ACTOR_SERVER);
    for (struct watcher *x = take(w, NULL, NULL), *next; x; x = next) {
        struct json_out out = { 0 };
        bool news = false;
        enum err err = checkpoint_for_witness(w->api, db, x->after, NULL, &out, &news);

        next = x->next;
        if (err)
            answer(w, x, NULL, err);
        else if (news)
            answer(w, x, &out, OK);
        else
            answer_empty(w, x); /* it asks again */
        json_out_free(&out);
    }
}

void
watchers_signed(struct watchers *w)
{
    bool any;

    pthread_mutex_lock(&w->lock);
    any = w->first != NULL;
    pthread_mutex_unlock(&w->lock);
    if (any)
        pool_task(w->api->pool, serve, w);
}

/* Puts x at the end. How many of its site there are then. */
static size_t
put(struct watchers *w, struct watcher *x)
{
    struct watcher **at = &w->first;
    size_t n = 1;

    pthread_mutex_lock(&w->lock);
    for (; *at; at = &(*at)->next)
        n += (*at)->site == x->site;
    x->next = NULL;
    *at = x;
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* The oldest of a site: its client has gone, or has another. */
static struct watcher *
take_oldest(struct watchers *w, uint64_t site)
{
    struct watcher *found = NULL;

    pthread_mutex_lock(&w->lock);
    for (struct watcher **at = &w->first; *at; at = &(*at)->next)
        if ((*at)->site == site) {
            found = *at;
            *at = found->next;
            break;
        }
    pthread_mutex_unlock(&w->lock);
    return found;
}

void
watchers_wait(struct call *call, uint64_t after, int64_t wait_ms)
{
    struct watchers *w = call->api->watchers;
    struct db *db = call->db;
    struct watcher *x = xcalloc(1, sizeof *x), *oldest;
    struct json_out out = { 0 };
    bool news = false;
    struct http_call *http = call->http;
    uint64_t site = call->actor.sites[0];
    enum err err;

    *x = (struct watcher){ .http = http, .site = site, .after = after, .id = call->id, .began_us = call->began_us };
    call_free(call);
    if (monotonic_ms() >= x->began_us / 1000 + wait_ms) {
        answer_empty(w, x);
        return;
    }
    /* Put first, looked at again afterwards: nothing that is signed in between is missed. */
    if (put(w, x) > WATCHES_OF_A_SITE && (oldest = take_oldest(w, site)) != NULL)
        answer_empty(w, oldest);
    db_act_as(db, DB_ACTOR_SERVER);
    err = checkpoint_for_witness(w->api, db, after, NULL, &out, &news);
    if (err == OK && news && (x = take(w, is_call, http)) != NULL)
        answer(w, x, &out, OK);
    json_out_free(&out);
}
