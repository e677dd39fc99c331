/* http/response.c: replies, and how kept calls get theirs. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "http/internal.h"

struct http_response *
http_response(int status, const char *type, const void *body, size_t len, enum http_body mode)
{
    static const enum MHD_ResponseMemoryMode MODES[] = { MHD_RESPMEM_PERSISTENT, MHD_RESPMEM_MUST_COPY,
                                                         MHD_RESPMEM_MUST_FREE };
    struct http_response *r = xcalloc(1, sizeof *r);

    r->status = status;
    /* An empty body is given as a constant, since libmicrohttpd will not free what has no bytes. */
    if (len == 0) {
        if (mode == HTTP_FREE)
            free((void *)(uintptr_t)body);
        body = "";
        mode = HTTP_FOREVER;
    }
    r->mhd = MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, MODES[mode]);
    if (!r->mhd)
        fatal(OUT_OF_MEMORY);
    if (type)
        http_response_header(r, "Content-Type", type);
    http_response_header(r, "X-Content-Type-Options", "nosniff");
    return r;
}

void
http_response_header(struct http_response *r, const char *name, const char *value)
{
    enum MHD_Result added = MHD_add_response_header(r->mhd, name, value);

    if (added != MHD_YES)
        fatal("a header cannot be added to a reply: out of memory, or not a header");
}

int
http_response_status(const struct http_response *r)
{
    return r->status;
}

void
http_response_share(struct http_response *r)
{
    r->shared = true;
}

bool
http_response_is_shared(const struct http_response *r)
{
    return r->shared;
}

void
http_response_delete(struct http_response *r)
{
    MHD_destroy_response(r->mhd);
    free(r);
}

void
http_keep(struct http_call *call, int64_t wait_ms, void (*on_deadline)(void *cls, struct http_call *call))
{
    struct request *r = (struct request *)call;

    assert(r->in_handler && !r->kept);
    if (wait_ms > HTTP_KEEP_MS)
        wait_ms = HTTP_KEEP_MS;
    r->deadline_ms = monotonic_ms() + wait_ms;
    r->on_deadline = on_deadline;
    r->held = true;
    atomic_fetch_add(&r->refs, 1);
    request_keep(r);
}

/* Store the answer. True if the call's thread has to be woken. */
static bool
answer(struct request *r, struct http_response *reply)
{
    bool wake = false;

    pthread_mutex_lock(&r->loop->lock);
    if (!r->answered && !r->loop->stopped) {
        r->answered = true;
        r->reply = reply;
        reply = NULL;
        wake = loop_queue(r);
    }
    pthread_mutex_unlock(&r->loop->lock);
    if (reply && !reply->shared)
        http_response_delete(reply);
    return wake;
}

void
http_complete(struct http_call *call, struct http_response *reply)
{
    struct request *r = (struct request *)call;
    struct http_loop *loop = r->loop;

    if (answer(r, reply))
        loop_wake(loop);
    request_unref(r);
}

void
http_complete_many(struct http_call **calls, struct http_response **responses, size_t n)
{
    struct http_loop *wake[64];
    size_t woken = 0;

    for (size_t i = 0; i < n; i++) {
        struct request *r = (struct request *)calls[i];
        struct http_loop *loop = r->loop;

        if (answer(r, responses[i])) {
            if (woken == sizeof wake / sizeof *wake)
                loop_wake(loop);
            else
                wake[woken++] = loop;
        }
        request_unref(r);
    }
    for (size_t i = 0; i < woken; i++)
        loop_wake(wake[i]);
}
