/* api/waits.c
 * Calls that wait for something to happen: agents' polls for tickets, and event streams of reservations. The sequencer
 * says after each commit what has changed; whoever waits for it is served by a worker. A waiter is in the table until
 * somebody takes it out, and only who took it out may answer it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/agent_tickets.h"
#include "api/fresh.h"
#include "api/internal.h"
#include "api/reservation_json.h"
#include "store/site_records.h"

enum {
    BUCKETS = 1024,
    SITES_AT_ONCE = 16,
    TICKETS_MAX = 200,
    POLLS_OF_A_SITE = 4,
    BETWEEN_POLLS_MS = 2000, /* an agent that polled within them is connected */
    STREAMS_OF_A_PERSON = 6,
    STREAM_LIFE_MS = 3600000
};

struct waiter {
    struct waiter *next;
    struct http_call *http;
    uint64_t site, after; /* a poll's */
    struct uuid id;       /* of the poll's call, which is gone: thousands may wait, so they are kept small */
    int64_t began_us;
    char *request_id;     /* a poll's, if its caller gave one */
    struct uuid reservation, person;
    uint64_t version; /* a stream's: what was sent last */
    int64_t since_ms; /* monotonic */
    uint64_t endings; /* a stream's: of `waits`, when it was last out of the line */
    bool stream, woken;
};

struct waits {
    struct api *api;
    pthread_mutex_t lock;
    struct waiter *buckets[BUCKETS];
    uint64_t events[BUCKETS]; /* how often something happened there */
    uint64_t endings;         /* how often somebody's streams were ended */
    size_t polls, streams;
    struct map *left; /* site → when a poll of it ended last, monotonic ms */
};

/* What happened, for a worker to look into: to a reservation, or to some sites. */
struct wake {
    struct waits *waits;
    struct uuid reservation;
    size_t sites_n; /* 0: it is the reservation */
    uint64_t sites[SITES_AT_ONCE];
    struct fresh *fresh[SITES_AT_ONCE]; /* NULL: read them from the database */
};

static void
waiter_free(struct waiter *x)
{
    free(x->request_id);
    free(x);
}

struct waits *
waits_new(struct api *api)
{
    struct waits *w = xcalloc(1, sizeof *w);

    w->api = api;
    w->left = map_new(8);
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void
waits_delete(struct waits *w)
{
    if (!w)
        return;
    for (int i = 0; i < BUCKETS; i++)
        for (struct waiter *x = w->buckets[i], *next; x; x = next) {
            next = x->next;
            if (x->stream)
                http_stream_end(x->http);
            else
                http_complete(x->http, http_response(503, NULL, "", 0, HTTP_FOREVER)); /* into the void */
            waiter_free(x);
        }
    pthread_mutex_destroy(&w->lock);
    map_delete(w->left);
    free(w);
}

static unsigned
bucket_of(bool stream, uint64_t site, struct uuid reservation)
{
    uint64_t h = site;

    if (stream)
        memcpy(&h, reservation.b + 8, sizeof h); /* the random part */
    return (unsigned)((h ^ h >> 32) % BUCKETS);
}

static bool
matches(const struct waiter *x, bool stream, uint64_t site, struct uuid reservation)
{
    return x->stream == stream && (stream ? uuid_equal(x->reservation, reservation) : x->site == site);
}

static void
count(struct waits *w, const struct waiter *x, int by)
{
    if (x->stream)
        w->streams += (size_t)by;
    else
        w->polls += (size_t)by;
    if (!x->stream && by < 0)
        map_put(w->left, &x->site, (void *)(uintptr_t)monotonic_ms(), NULL);
}

/* False: it is a stream, and while it was out of the line somebody's streams were ended, which may have been its person's: it is to end, too.
 * Whoever still has the right to it comes back by themselves. */
static bool
put(struct waits *w, struct waiter *x)
{
    struct waiter **at = &w->buckets[bucket_of(x->stream, x->site, x->reservation)];
    bool stays;

    pthread_mutex_lock(&w->lock);
    stays = !x->stream || x->endings == w->endings;
    while (*at)
        at = &(*at)->next; /* oldest first */
    x->next = NULL;
    if (stays) {
        *at = x;
        count(w, x, 1);
    }
    pthread_mutex_unlock(&w->lock);
    return stays;
}

/* Take one out by its HTTP call; NULL if somebody else has. */
static struct waiter *
take_call(struct waits *w, const struct http_call *http)
{
    struct waiter *found = NULL;

    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < BUCKETS && !found; i++)
        for (struct waiter **at = &w->buckets[i]; *at && !found;)
            if ((*at)->http == http) {
                found = *at;
                *at = found->next;
                count(w, found, -1);
            } else {
                at = &(*at)->next;
            }
    pthread_mutex_unlock(&w->lock);
    return found;
}

/* Take out all that wait for this. A list. */
static struct waiter *
take_all(struct waits *w, bool stream, uint64_t site, struct uuid reservation)
{
    struct waiter *list = NULL, **end = &list;

    pthread_mutex_lock(&w->lock);
    for (struct waiter **at = &w->buckets[bucket_of(stream, site, reservation)]; *at;) {
        struct waiter *x = *at;

        if (!matches(x, stream, site, reservation)) {
            at = &x->next;
            continue;
        }
        *at = x->next;
        x->next = NULL;
        x->woken = false;
        x->endings = w->endings;
        *end = x;
        end = &x->next;
        count(w, x, -1);
    }
    pthread_mutex_unlock(&w->lock);
    return list;
}

/* ---- polls -------------------------------------------------------------------------------------------------------- */

/* Above so many of one site the oldest is answered: its client has gone, or has another. */
static struct waiter *
take_surplus(struct waits *w, uint64_t site)
{
    struct waiter *found = NULL;
    int n = 0;

    pthread_mutex_lock(&w->lock);
    for (struct waiter *x = w->buckets[bucket_of(false, site, (struct uuid){ { 0 } })]; x; x = x->next)
        n += !x->stream && x->site == site;
    if (n > POLLS_OF_A_SITE)
        for (struct waiter **at = &w->buckets[bucket_of(false, site, (struct uuid){ { 0 } })]; *at; at = &(*at)->next)
            if (!(*at)->stream && (*at)->site == site) {
                found = *at;
                *at = found->next;
                count(w, found, -1);
                break;
            }
    pthread_mutex_unlock(&w->lock);
    return found;
}

static struct http_response *
poll_response(const struct waits *w, const struct waiter *x, const struct json_out *out)
{
    struct http_response *r = http_response(200, "application/json", out->text, out->len, HTTP_COPY);
    char own[UUID_TEXT];

    response_guard(r, w->api->https);
    http_response_header(r, "Cache-Control", "no-store");
    uuid_text(x->id, own);
    http_response_header(r, "X-Request-Id", x->request_id ? x->request_id : own);
    return r;
}

/* After its answer is on its way: its waiter goes. */
static void
log_poll(struct api *api, struct waiter *x, enum err err)
{
    struct call call = { .api = api, .id = x->id, .began_us = x->began_us, .route = route_named("agent_tickets"),
                         .request_id = x->request_id, .logged_err = err };

    call_log(&call, err_status(err));
    waiter_free(x);
}

/* Take out everybody. A list. */
static struct waiter *
take_everybody(struct waits *w)
{
    struct waiter *list = NULL;

    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < BUCKETS; i++)
        for (struct waiter *x; (x = w->buckets[i]) != NULL;) {
            w->buckets[i] = x->next;
            count(w, x, -1);
            x->next = list;
            list = x;
        }
    pthread_mutex_unlock(&w->lock);
    return list;
}

static void
answer_empty(struct waits *w, struct waiter *x)
{
    struct json_out out = { 0 };

    agent_tickets_none(w->api, &out);
    http_complete(x->http, poll_response(w, x, &out));
    json_out_free(&out);
    log_poll(w->api, x, OK);
}

void
waits_leave(struct waits *w, enum err why)
{
    for (struct waiter *x = take_everybody(w), *next; x; x = next) {
        next = x->next;
        if (x->stream) {
            http_stream_end(x->http);
            waiter_free(x);
        } else if (!why) {
            answer_empty(w, x);
        } else {
            http_complete(x->http, problem_response(w->api, NULL, x->id, why, NULL));
            log_poll(w->api, x, why);
        }
    }
}

/* Polls of up to so many sites are served together: one query at most, one wake of each socket thread. */
struct serving {
    struct waiter *list[SITES_AT_ONCE];
    struct ticket_wish wish[SITES_AT_ONCE];
    uint64_t events[SITES_AT_ONCE];
    struct waiter **served;
    struct http_call **calls;
    struct http_response **replies;
    size_t answered;
};

static uint64_t
events_of(struct waits *w, unsigned bucket)
{
    uint64_t n;

    pthread_mutex_lock(&w->lock);
    n = w->events[bucket];
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* Take the waiters of each site out, and find what to ask for. How many there are. */
static size_t
take_sites(struct waits *w, const uint64_t *sites, size_t n, struct serving *s)
{
    size_t waiters = 0;

    for (size_t i = 0; i < n; i++) {
        s->events[i] = events_of(w, bucket_of(false, sites[i], (struct uuid){ { 0 } }));
        s->list[i] = take_all(w, false, sites[i], (struct uuid){ { 0 } });
        s->wish[i] = (struct ticket_wish){ .site = sites[i], .after = INT64_MAX };
        for (struct waiter *x = s->list[i]; x; x = x->next) {
            waiters++;
            if (x->after < s->wish[i].after)
                s->wish[i].after = x->after;
        }
    }
    return waiters;
}

/* Answer a site's waiters with its tickets; those for whom there is none go on waiting. True if some do. */
static bool
serve_site(struct waits *w, struct serving *s, size_t site, const struct ticket_record *tickets, size_t n)
{
    struct json_out out = { 0 };
    uint64_t rendered = UINT64_MAX; /* for those above this number; most ask for the same */
    bool waiting = false;

    for (struct waiter *x = s->list[site], *next; x; x = next) {
        size_t skip = 0;

        next = x->next;
        while (skip < n && tickets[skip].seq <= x->after)
            skip++;
        if (skip == n) {
            (void)put(w, x);
            waiting = true;
            continue;
        }
        if (x->after != rendered) {
            json_out_free(&out);
            out = (struct json_out){ 0 };
            agent_tickets_render(w->api, tickets + skip, n - skip, &out);
            rendered = x->after;
        }
        s->served[s->answered] = x;
        s->calls[s->answered] = x->http;
        s->replies[s->answered++] = poll_response(w, x, &out);
    }
    json_out_free(&out);
    return waiting;
}

static void serve(void *ctx, struct db *db);

static struct wake *
wake_new(struct waits *w)
{
    struct wake *wake = xcalloc(1, sizeof *wake);

    wake->waits = w;
    return wake;
}

/* Read what there is from the database for those sites whose waiters want more than is fresh. */
static void
read_tickets(struct serving *s, struct fresh *const *fresh, size_t n, struct db *db, struct arena *a,
             struct ticket_record **ret, size_t *ret_n)
{
    struct ticket_wish wish[SITES_AT_ONCE];
    size_t wishes = 0;

    for (size_t i = 0; i < n; i++)
        if (s->list[i] && !fresh_covers(fresh[i], s->wish[i].after))
            wish[wishes++] = s->wish[i];
    *ret_n = 0;
    /* What cannot be read now is read at the next event, or when the agent asks again. */
    if (wishes && tickets_after_each(db, wish, wishes, TICKETS_MAX, a, ret, ret_n))
        *ret_n = 0;
}

static void
serve_polls(struct waits *w, const uint64_t *sites, struct fresh *const *fresh, size_t n, struct db *db)
{
    struct serving s = { .answered = 0 };
    size_t waiters = take_sites(w, sites, n, &s);
    struct arena *a = arena_new();
    struct ticket_record *tickets = NULL;
    size_t tickets_n;

    s.served = arena_alloc(a, (waiters + 1) * sizeof *s.served);
    s.calls = arena_alloc(a, (waiters + 1) * sizeof *s.calls);
    s.replies = arena_alloc(a, (waiters + 1) * sizeof *s.replies);
    read_tickets(&s, fresh, n, db, a, &tickets, &tickets_n);
    for (size_t i = 0; i < n; i++) {
        const struct ticket_record *first = tickets;
        size_t more = 0;

        if (fresh_covers(fresh[i], s.wish[i].after)) {
            first = fresh[i]->tickets;
            more = fresh[i]->n;
        } else {
            for (size_t at = 0; at < tickets_n; at++)
                if (tickets[at].site == sites[i] && more++ == 0)
                    first = tickets + at;
        }
        /* While they are served they are not in the table: if something happened meanwhile, once more. */
        if (serve_site(w, &s, i, first, more) &&
            events_of(w, bucket_of(false, sites[i], (struct uuid){ { 0 } })) != s.events[i]) {
            struct wake *again = wake_new(w);

            again->sites[again->sites_n++] = sites[i];
            pool_task(w->api->pool, serve, again);
        }
    }
    http_complete_many(s.calls, s.replies, s.answered);
    for (size_t i = 0; i < s.answered; i++)
        log_poll(w->api, s.served[i], OK);
    arena_delete(a);
}

void
waits_poll(struct call *call, uint64_t site, uint64_t after, int64_t wait_ms)
{
    struct waits *w = call->api->waits;
    struct db *db = call->db;
    struct waiter *x = xcalloc(1, sizeof *x);
    struct waiter *surplus;
    struct fresh *none = NULL;

    *x = (struct waiter){ .http = call->http,
                          .site = site,
                          .after = after,
                          .id = call->id,
                          .began_us = call->began_us,
                          .request_id = call->foreign_id ? xstrdup(call->request_id) : NULL,
                          .since_ms = monotonic_ms() };
    call_free(call);
    if (monotonic_ms() >= x->began_us / 1000 + wait_ms) {
        answer_empty(w, x);
        return;
    }
    /* Registered first, looked at again afterwards: nothing that is committed in between is missed. */
    (void)put(w, x);
    surplus = take_surplus(w, site);
    if (surplus)
        answer_empty(w, surplus);
    serve_polls(w, &site, &none, 1, db);
}

void
waits_poll_deadline(void *cls, struct http_call *http)
{
    struct api *api = cls;
    struct waiter *x = take_call(api->waits, http);

    if (x)
        answer_empty(api->waits, x);
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static void
on_gone(void *cls, struct http_call *http)
{
    struct api *api = cls;
    struct waiter *x = take_call(api->waits, http);

    if (x) {
        http_stream_end(http);
        waiter_free(x);
    } /* else who has it will find out when it pushes */
}

static bool
push_event(struct http_call *http, const struct json_out *json, uint64_t version)
{
    struct arena *a = arena_new();
    char *text =
        arena_printf(a, "event: reservation\nid: %" PRIu64 "\ndata: %.*s\n\n", version, (int)json->len, json->text);
    bool there = http_stream_push(http, BYTES_TEXT(text));

    arena_delete(a);
    return there;
}

static void
end_stream(struct waiter *x)
{
    http_stream_end(x->http);
    waiter_free(x);
}

static struct waiter *
take_surplus_stream(struct waits *w, struct uuid person)
{
    struct waiter **oldest = NULL, *found = NULL;
    int n = 0;

    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < BUCKETS; i++)
        for (struct waiter **at = &w->buckets[i]; *at; at = &(*at)->next)
            if ((*at)->stream && uuid_equal((*at)->person, person)) {
                n++;
                if (!oldest || (*at)->since_ms < (*oldest)->since_ms)
                    oldest = at;
            }
    if (n > STREAMS_OF_A_PERSON) {
        found = *oldest;
        *oldest = found->next;
        count(w, found, -1);
    }
    pthread_mutex_unlock(&w->lock);
    return found;
}

void
waits_end_streams(struct waits *w, struct uuid person)
{
    struct waiter *list = NULL;

    pthread_mutex_lock(&w->lock);
    w->endings++;
    for (int i = 0; i < BUCKETS; i++)
        for (struct waiter **at = &w->buckets[i]; *at;) {
            struct waiter *x = *at;

            if (x->stream && uuid_equal(x->person, person)) {
                *at = x->next;
                count(w, x, -1);
                x->next = list;
                list = x;
            } else {
                at = &x->next;
            }
        }
    pthread_mutex_unlock(&w->lock);
    while (list) {
        struct waiter *x = list;

        list = x->next;
        end_stream(x);
    }
}

static void
serve_streams_once(struct waits *w, struct uuid id, struct db *db)
{
    struct waiter *list = take_all(w, true, 0, id);
    struct json_out out = { 0 };
    uint64_t version = 0;
    enum err err = list ? reservation_render(w->api, db, id, &out, &version) : OK;

    while (list) {
        struct waiter *x = list;
        bool there = monotonic_ms() - x->since_ms < STREAM_LIFE_MS && http_stream_push(x->http, BYTES("", 0));

        list = x->next;
        if (!err && there && version > x->version) {
            there = push_event(x->http, &out, version);
            x->version = version;
        }
        if (!there || !put(w, x))
            end_stream(x);
    }
    json_out_free(&out);
}

static void
serve_streams(struct waits *w, struct uuid id, struct db *db)
{
    unsigned bucket = bucket_of(true, 0, id);
    uint64_t before;

    do {
        before = events_of(w, bucket);
        serve_streams_once(w, id, db);
    } while (events_of(w, bucket) != before);
}

void
waits_stream(struct call *call, struct uuid reservation, uint64_t version)
{
    struct waits *w = call->api->waits;
    struct db *db = call->db;
    struct http_response *head = http_response(200, "text/event-stream", "", 0, HTTP_FOREVER);
    struct waiter *x = xcalloc(1, sizeof *x);
    struct waiter *surplus;
    struct http_call *http = call->http;

    response_guard(head, w->api->https);
    http_response_header(head, "Cache-Control", "no-store");
    http_response_header(head, "X-Accel-Buffering", "no");
    http_response_header(head, "X-Request-Id", call->request_id);
    *x = (struct waiter){ .http = http,
                          .reservation = reservation,
                          .person = call->actor.person,
                          .version = version,
                          .since_ms = monotonic_ms(),
                          .stream = true };
    pthread_mutex_lock(&w->lock);
    x->endings = w->endings;
    pthread_mutex_unlock(&w->lock);
    call_log(call, 200);
    http_stream(http, head, on_gone);
    push_event(http, &call->out, version);
    call_free(call);
    if (!put(w, x)) {
        end_stream(x);
        return;
    }
    surplus = take_surplus_stream(w, x->person);
    if (surplus)
        end_stream(surplus);
    serve_streams(w, reservation, db); /* what has changed since it was read, and whether the client is still there */
}

/* ---- what has happened -------------------------------------------------------------------------------------------- */

static void
serve(void *ctx, struct db *db)
{
    struct wake *wake = ctx;

    if (wake->sites_n)
        serve_polls(wake->waits, wake->sites, wake->fresh, wake->sites_n, db);
    else
        serve_streams(wake->waits, wake->reservation, db);
    for (size_t i = 0; i < wake->sites_n; i++)
        fresh_delete(wake->fresh[i]);
    free(wake);
}

/* Does anybody wait for this who has not been woken yet? */
static bool
wanted(struct waits *w, bool stream, uint64_t site, struct uuid reservation)
{
    unsigned bucket = bucket_of(stream, site, reservation);
    bool any = false;

    pthread_mutex_lock(&w->lock);
    w->events[bucket]++;
    for (struct waiter *x = w->buckets[bucket]; x; x = x->next)
        if (matches(x, stream, site, reservation) && !x->woken)
            any = x->woken = true;
    pthread_mutex_unlock(&w->lock);
    return any;
}

/* On the sequencer's thread. */
void
waits_events(struct waits *w, const struct market_event *events, size_t n)
{
    struct wake *sites = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct market_event *e = &events[i];

        if (e->kind == EVENT_TICKET && wanted(w, false, e->index, (struct uuid){ { 0 } })) {
            if (!sites)
                sites = wake_new(w);
            sites->fresh[sites->sites_n] = fresh_new(events, n, e->index, TICKETS_MAX);
            sites->sites[sites->sites_n++] = e->index;
            if (sites->sites_n == SITES_AT_ONCE) {
                pool_task(w->api->pool, serve, sites);
                sites = NULL;
            }
        } else if (e->kind == EVENT_RESERVATION && wanted(w, true, 0, e->id)) {
            struct wake *wake = wake_new(w);

            wake->reservation = e->id;
            pool_task(w->api->pool, serve, wake);
        }
    }
    if (sites)
        pool_task(w->api->pool, serve, sites);
}

bool
waits_polled(struct waits *w, uint64_t site)
{
    struct uuid none = { { 0 } };
    bool polled = false;

    pthread_mutex_lock(&w->lock);
    for (const struct waiter *x = w->buckets[bucket_of(false, site, none)]; x && !polled; x = x->next)
        polled = matches(x, false, site, none);
    polled = polled || monotonic_ms() - (int64_t)(uintptr_t)map_get_u64(w->left, site) < BETWEEN_POLLS_MS;
    pthread_mutex_unlock(&w->lock);
    return polled;
}

void
waits_count(struct waits *w, size_t *ret_polls, size_t *ret_streams)
{
    pthread_mutex_lock(&w->lock);
    *ret_polls = w->polls;
    *ret_streams = w->streams;
    pthread_mutex_unlock(&w->lock);
}
