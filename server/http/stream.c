/* http/stream.c: replies without an end, for server-sent events, and files of any length. What is pushed waits in `unsent`
 * until the socket takes it; while there is nothing to send the connection is suspended. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "http/internal.h"

void
stream_append(struct request *r, const void *data, size_t len)
{
    if (len == 0) /* a piece may be empty: then the next one is asked for */
        return;
    if (r->unsent_at == r->unsent_len)
        r->unsent_at = r->unsent_len = 0;
    if (!r->on_more && r->unsent_len - r->unsent_at + len > STREAM_MAX) {
        r->ended = true; /* it lags too far behind */
        return;
    }
    if (r->unsent_len + len > r->unsent_cap) {
        size_t cap = r->unsent_cap ? r->unsent_cap * 2 : 512;

        while (cap < r->unsent_len + len)
            cap *= 2;
        r->unsent = xrealloc(r->unsent, cap);
        r->unsent_cap = cap;
    }
    memcpy(r->unsent + r->unsent_len, data, len);
    r->unsent_len += len;
}

/* A file that broke off: a plain end would tell a reader of HTTP/1.0, as some proxies are, that it is whole. */
static void
reset(const struct request *r)
{
    struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

    if (r->conn && connect(r->conn->fd, &nowhere, sizeof nowhere))
        return; /* it is gone already */
}

/* libmicrohttpd wants bytes; on the socket thread. */
static ssize_t
read_some(void *cls, uint64_t pos, char *ret, size_t cap)
{
    struct request *r = cls;
    ssize_t n;
    bool wait = false;

    (void)pos;
    pthread_mutex_lock(&r->loop->lock);
    if (r->broken) {
        reset(r);
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (r->unsent_at < r->unsent_len) {
        size_t len = r->unsent_len - r->unsent_at;

        if (len > cap)
            len = cap;
        memcpy(ret, r->unsent + r->unsent_at, len);
        r->unsent_at += len;
        n = (ssize_t)len;
    } else if (r->ended) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        n = 0;
        wait = true;
    }
    pthread_mutex_unlock(&r->loop->lock);
    if (wait && r->on_more) {
        request_keep(r);
        stream_ask(r);
    } else if (wait) {
        r->deadline_ms = monotonic_ms() + COMMENT_MS;
        request_keep(r);
    }
    return n;
}

void
stream_ask(struct request *r)
{
    int64_t now_ms = monotonic_ms();

    if (r->conn) { /* so long may it take until the next piece is asked for */
        r->conn->since_ms = now_ms;
        r->conn->sending = true;
    }
    r->deadline_ms = now_ms + POUR_MS;
    r->wants_more = !r->on_more(r->loop->server->config.cls, &r->call);
    if (r->wants_more)
        r->deadline_ms = now_ms + ASK_AGAIN_MS;
}

static enum MHD_Result
copy_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    return MHD_add_response_header(cls, name, value);
}

/* A streaming response with head's status and headers. Takes head. */
struct http_response *
stream_response(struct request *r, struct http_response *head)
{
    struct http_response *stream = xcalloc(1, sizeof *stream);

    stream->status = head->status;
    stream->mhd = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_some, r, NULL);
    if (!stream->mhd)
        fatal(OUT_OF_MEMORY);
    MHD_get_response_headers(head->mhd, copy_header, stream->mhd);
    if (!head->shared)
        http_response_delete(head);
    return stream;
}

void
http_stream(struct http_call *call, struct http_response *head, void (*on_gone)(void *cls, struct http_call *call))
{
    struct request *r = (struct request *)call;
    struct http_response *reply = stream_response(r, head);
    bool wake = false;

    if (!r->held) { /* in the handler, which has not kept it */
        r->held = true;
        atomic_fetch_add(&r->refs, 1);
    }
    r->on_gone = on_gone;
    pthread_mutex_lock(&r->loop->lock);
    r->streaming = true;
    if (r->answered || r->loop->stopped) {
        r->gone = true;
    } else {
        r->answered = true;
        r->reply = reply;
        reply = NULL;
        wake = loop_queue(r);
    }
    pthread_mutex_unlock(&r->loop->lock);
    if (reply)
        http_response_delete(reply);
    if (wake)
        loop_wake(r->loop);
}

void
http_pour(struct http_call *call, struct http_response *head, bool (*on_more)(void *cls, struct http_call *call),
          void (*on_gone)(void *cls, struct http_call *call))
{
    ((struct request *)call)->on_more = on_more;
    http_stream(call, head, on_gone);
}

bool
http_pour_end(struct http_call *call, struct bytes data, bool whole)
{
    struct request *r = (struct request *)call;
    bool wake = false;
    bool there;

    pthread_mutex_lock(&r->loop->lock);
    there = !r->gone;
    if (data.len)
        stream_append(r, data.data, data.len);
    r->ended = true;
    r->broken = r->broken || !whole;
    if (there && !r->loop->stopped)
        wake = loop_queue(r);
    pthread_mutex_unlock(&r->loop->lock);
    if (wake)
        loop_wake(r->loop);
    return there;
}

void
http_pour_release(struct http_call *call)
{
    request_unref((struct request *)call);
}

bool
http_stream_push(struct http_call *call, struct bytes data)
{
    struct request *r = (struct request *)call;
    bool wake = false;
    bool there;

    pthread_mutex_lock(&r->loop->lock);
    there = !r->gone && !r->ended && !r->loop->stopped;
    if (there) {
        stream_append(r, data.data, data.len);
        wake = loop_queue(r);
    }
    pthread_mutex_unlock(&r->loop->lock);
    if (wake)
        loop_wake(r->loop);
    return there;
}

void
http_stream_end(struct http_call *call)
{
    struct request *r = (struct request *)call;
    bool wake = false;

    pthread_mutex_lock(&r->loop->lock);
    r->ended = true;
    if (!r->gone && !r->loop->stopped)
        wake = loop_queue(r);
    pthread_mutex_unlock(&r->loop->lock);
    if (wake)
        loop_wake(r->loop);
    request_unref(r);
}
