/* api/pour.c: the connection has it, and whoever makes a piece of it: the last of them frees it. */
#include "api/pour.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/clock.h"
#include "store/checkpoints.h"

enum { POURS_MAX = 16, POURS_OF_ONE = 2, POUR_LIFE_MS = 3600000 };

struct pours {
    pthread_mutex_t lock;
    uint64_t of[POURS_MAX]; /* whose each is */
    size_t n;
};

struct pour {
    struct pour_of of;
    struct call *call;
    struct http_call *http;
    pthread_mutex_t lock;
    unsigned holders;
    int64_t end_ms;
};

struct pours *
pours_new(void)
{
    struct pours *p = xcalloc(1, sizeof *p);

    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void
pours_delete(struct pours *p)
{
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static enum err
admit(struct pours *p, uint64_t share)
{
    size_t his = 0;
    enum err err = OK;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        his += p->of[i] == share;
    if (his >= POURS_OF_ONE)
        err = ERR_RATE_LIMITED;
    else if (p->n == POURS_MAX)
        err = ERR_BUSY;
    else
        p->of[p->n++] = share;
    pthread_mutex_unlock(&p->lock);
    return err;
}

static void
leave(struct pours *p, uint64_t share)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        if (p->of[i] == share) {
            p->of[i] = p->of[--p->n];
            break;
        }
    pthread_mutex_unlock(&p->lock);
}

static void
drop(struct pour *p)
{
    struct api *api = p->call->api;
    bool last;

    pthread_mutex_lock(&p->lock);
    last = --p->holders == 0;
    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    p->of.end(p->of.work);
    leave(api->pours, p->call->share);
    http_pour_release(p->http);
    atomic_fetch_add(&api->calls, 1); /* which call_free() takes away */
    call_free(p->call);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* One piece, by a slow worker. */
static void
make(struct call *call)
{
    struct pour *p = call->http->user;
    struct arena *whole = call->arena;
    struct json_out out = { 0 };
    bool done = false;
    enum err err;

    call->arena = arena_new();
    err = monotonic_ms() > p->end_ms || atomic_load(&call->api->quiet) ? ERR_SHUTDOWN : p->of.step(call, p->of.work, &out, &done);
    if (!err) /* afterwards, since rows that the person may not see any more are none: the file would end as if it were whole */
        err = auth_still(call, done);
    arena_delete(call->arena);
    call->arena = whole;
    if (err)
        log_error(call->api->log, "a download broke off", LOG_UUID("id", call->id), LOG_TEXT("error", err_wire(err)), LOG_TEXT("detail", call->detail.internal));
    if (!done && !err)
        http_stream_push(p->http, BYTES(out.text, out.len));
    else if (http_pour_end(p->http, BYTES(out.text, err ? 0 : out.len), !err))
        drop(p); /* the connection's: nobody will tell that it is gone */
    json_out_free(&out);
    drop(p);
}

/* On the socket thread, as on_gone. */
static bool
on_more(void *cls, struct http_call *http)
{
    struct api *api = cls;
    struct pour *p = http->user;
    enum err err;

    pthread_mutex_lock(&p->lock);
    p->holders++;
    pthread_mutex_unlock(&p->lock);
    err = pool_put(api->pool, LANE_SLOW, p->call, make);
    if (err)
        drop(p);
    return !err;
}

static void
on_gone(void *cls, struct http_call *http)
{
    (void)cls;
    drop(http->user);
}

void
pour_begin(struct call *call, const struct pour_of *of)
{
    struct pour *p;
    struct http_response *head;
    struct http_call *http = call->http;
    enum err err = admit(call->api->pours, call->share);

    if (err) {
        of->end(of->work);
        call_fail(call, err);
        return;
    }
    p = xcalloc(1, sizeof *p);
    *p = (struct pour){ .of = *of, .call = call, .http = http, .holders = 1, .end_ms = monotonic_ms() + POUR_LIFE_MS };
    pthread_mutex_init(&p->lock, NULL);
    http->user = p;
    call->file = arena_printf(call->arena, "attachment; filename=\"%s\"", of->file);
    head = http_response(200, of->type, "", 0, HTTP_FOREVER);
    call_dress(call, head);
    if (of->checkpoint)
        http_response_header(head, "Kontor-Checkpoint", of->checkpoint);
    http_response_header(head, "X-Request-Id", call->request_id);
    call_log(call, 200);
    atomic_fetch_sub(&call->api->calls, 1); /* it is answered */
    http_pour(http, head, on_more, on_gone);
}

const char *
pour_checkpoint(struct arena *a, const struct checkpoint_row *row)
{
    char root[BASE64_LEN(32)], time[TIME_TEXT];

    base64_encode(BYTES(row->root.b, 32), root);
    time_text(row->signed_ms, time);
    return arena_printf(a, "%" PRIu64 " %s %s", row->size, root, time);
}
