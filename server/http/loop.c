/* http/loop.c
 * A socket thread. It polls its daemon's epoll descriptor and an eventfd of its own; the eventfd is emptied before
 * MHD_run(), or a wake that comes in between is lost. Only this thread suspends, resumes and answers; others put what
 * is answered into `done`. So there is no moment at which a call can be resumed before it was suspended. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "http/internal.h"

enum err
loop_open(struct http_loop *loop, struct err_detail *d)
{
    const struct http_listener *l = loop->listener;
    const union MHD_DaemonInfo *info;
    struct MHD_OptionItem extra[] = {
#ifdef MHD_OPTION_CLIENT_DISCIPLINE_LVL
        { MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL },
#endif
        { MHD_OPTION_END, 0, NULL },
    };

    pthread_mutex_init(&loop->lock, NULL);
    loop->done_end = &loop->done;
    loop->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->event_fd < 0)
        return err_internal(d, ERR_IO, "eventfd: %s", strerror(errno));
    loop->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, request_more, loop, MHD_OPTION_LISTEN_SOCKET,
        loop->listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, l->memory ? l->memory : 8192, MHD_OPTION_CONNECTION_LIMIT,
        l->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, request_line, loop, MHD_OPTION_NOTIFY_COMPLETED, request_over, loop,
        MHD_OPTION_NOTIFY_CONNECTION, request_connection, loop, MHD_OPTION_ARRAY, extra, MHD_OPTION_END);
    if (!loop->daemon)
        return err_internal(d, ERR_IO, "the HTTP server cannot start");
    loop->listen_fd = -1; /* the daemon's now */
    info = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    loop->epoll_fd = info->epoll_fd;
    return OK;
}

void
loop_wake(struct http_loop *loop)
{
    uint64_t one = 1;

    while (write(loop->event_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

bool
loop_queue(struct request *r)
{
    struct http_loop *loop = r->loop;
    bool wake = !loop->woken;

    if (r->queued)
        return false;
    r->queued = true;
    r->done_next = NULL;
    *loop->done_end = r;
    loop->done_end = &r->done_next;
    loop->woken = true;
    atomic_fetch_add(&r->refs, 1);
    return wake;
}

/* Resume all that others have answered. While one is queued its done_next is ours; from then on it may be queued again. */
static void
resume_done(struct http_loop *loop)
{
    struct request *r;

    pthread_mutex_lock(&loop->lock);
    r = loop->done;
    loop->done = NULL;
    loop->done_end = &loop->done;
    loop->woken = false;
    pthread_mutex_unlock(&loop->lock);
    while (r) {
        struct request *next = r->done_next;

        pthread_mutex_lock(&loop->lock);
        r->queued = false;
        pthread_mutex_unlock(&loop->lock);
        if (r->kept)
            request_unkeep(r);
        request_unref(r);
        r = next;
    }
}

/* Answer a kept call ourselves, unless somebody has just done so. */
static void
answer_kept(struct http_loop *loop, struct request *r, enum err err)
{
    struct http_server *s = loop->server;
    struct http_response *reply = NULL;

    if (!r->streaming)
        reply = s->config.refuse(s->config.cls, &r->call, err);
    pthread_mutex_lock(&loop->lock);
    if (r->streaming && r->on_more) {
        r->broken = true; /* and not ended: on_gone tells who pours it */
    } else if (r->streaming) {
        r->ended = true;
    } else if (!r->answered) {
        r->answered = true;
        r->reply = reply;
        reply = NULL;
    }
    pthread_mutex_unlock(&loop->lock);
    if (reply && !reply->shared)
        http_response_delete(reply);
    request_unkeep(r);
}

static void
overdue(struct http_loop *loop, struct request *r, int64_t now)
{
    struct http_server *s = loop->server;

    if (r->streaming && r->on_more && r->wants_more) {
        stream_ask(r);
    } else if (r->streaming && r->on_more) {
        answer_kept(loop, r, ERR_SHUTDOWN);
    } else if (r->streaming) {
        pthread_mutex_lock(&loop->lock);
        stream_append(r, ":\n\n", 3);
        pthread_mutex_unlock(&loop->lock);
        request_unkeep(r);
    } else if (r->on_deadline) {
        void (*on_deadline)(void *, struct http_call *) = r->on_deadline;

        r->on_deadline = NULL;
        r->deadline_ms = now + GRACE_MS;
        on_deadline(s->config.cls, &r->call);
    } else {
        atomic_fetch_add(&s->expired, 1);
        answer_kept(loop, r,
                    r->call.method == HTTP_GET || r->call.method == HTTP_HEAD ? ERR_BUSY : ERR_UNKNOWN_OUTCOME);
    }
}

/* How long a connection may dawdle: less, the fewer places are left, so that whoever holds many holds them briefly and
 * others get in. */
static int64_t
patience(const struct http_loop *loop, int64_t whole_ms, int64_t least_ms)
{
    int64_t most = loop->listener->max_connections, half = most / 2, n = (int64_t)loop->conn_count;
    int64_t ms = n <= half ? whole_ms : n >= most ? 0 : whole_ms * (most - n) / (most - half);

    return ms > least_ms ? ms : least_ms;
}

/* What is due by time: kept calls, and connections that dawdle. */
static void
sweep(struct http_loop *loop)
{
    int64_t now = monotonic_ms();
    struct request *next_kept;

    if (now - loop->swept_ms < SWEEP_MS)
        return;
    loop->swept_ms = now;
    for (struct request *r = loop->kept; r; r = next_kept) {
        next_kept = r->next;
        if (now >= r->deadline_ms)
            overdue(loop, r, now);
    }
    int64_t first_line_ms = patience(loop, FIRST_LINE_MS, FIRST_LINE_LEAST_MS);
    int64_t receive_ms = patience(loop, RECEIVE_MS, RECEIVE_LEAST_MS);
    int64_t send_ms = patience(loop, SEND_MS, SEND_LEAST_MS);

    for (struct conn *c = loop->conns; c; c = c->next) {
        int64_t limit = c->sending ? send_ms : c->receiving ? receive_ms : first_line_ms;

        if ((!c->busy || c->sending) && now - c->since_ms > limit)
            shutdown(c->fd, SHUT_RDWR);
    }
}

/* The server stops. Nothing new is begun; what only waits for something to happen is answered at once, what is being worked
 * on may come to its own answer for a moment, then it is answered too. */
static void
leave(struct http_loop *loop, bool at_once)
{
    struct request *next;

    if (!loop->leaving) {
        MHD_socket fd = MHD_quiesce_daemon(loop->daemon);

        if (fd != MHD_INVALID_SOCKET)
            close(fd);
        loop->leaving = true;
    }
    for (struct request *r = loop->kept; r; r = next) {
        next = r->next;
        if (at_once || r->streaming || r->on_deadline)
            answer_kept(loop, r, ERR_SHUTDOWN);
    }
}

static int
timeout_of(struct http_loop *loop)
{
    MHD_UNSIGNED_LONG_LONG ms;
    int most = loop->leaving ? 20 : SWEEP_MS;

    if (!loop->leaving && !loop->kept && !loop->conns)
        most = 1000;
    if (MHD_get_timeout(loop->daemon, &ms) == MHD_YES && ms < (unsigned)most)
        return (int)ms;
    return most;
}

void *
loop_run(void *arg)
{
    struct http_loop *loop = arg;
    struct pollfd fds[2] = { { .fd = loop->epoll_fd, .events = POLLIN }, { .fd = loop->event_fd, .events = POLLIN } };
    int64_t drained_ms = 0;

    for (;;) {
        uint64_t drained;

        if (poll(fds, 2, timeout_of(loop)) < 0 && errno != EINTR)
            fatal("poll fails");
        while (read(loop->event_fd, &drained, sizeof drained) < 0 && errno == EINTR)
            ;
        resume_done(loop);
        sweep(loop);
        if (atomic_load(&loop->server->stopping)) {
            if (!drained_ms)
                drained_ms = monotonic_ms() + DRAIN_MS;
            leave(loop, monotonic_ms() > drained_ms);
        }
        MHD_run(loop->daemon);
        /* Idle connections have nothing to wait for; those in the middle of a reply get as long again. */
        if (drained_ms && !loop->kept) {
            bool busy = false;

            for (struct conn *c = loop->conns; c; c = c->next)
                busy = busy || c->busy || c->receiving;
            if (!busy || monotonic_ms() > drained_ms + DRAIN_MS)
                break;
        }
    }
    pthread_mutex_lock(&loop->lock);
    loop->stopped = true;
    pthread_mutex_unlock(&loop->lock);
    resume_done(loop);
    MHD_stop_daemon(loop->daemon);
    loop->daemon = NULL;
    return NULL;
}
