/* http/request.c
 * One request, from its first line to its reply. libmicrohttpd calls request_more() several times: once when the
 * headers are in, once for each piece of the body, once at its end, and again after each resume. A reply queued in the
 * first of these closes the connection: so only refusals are. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/clock.h"
#include "http/internal.h"

void *
request_line(void *cls, const char *uri, struct MHD_Connection *c)
{
    struct http_loop *loop = cls;
    struct request *r = xcalloc(1, sizeof *r);
    size_t len = strlen(uri);

    r->loop = loop;
    r->connection = c;
    r->call.path = "";
    r->call.body = BYTES("", 0);
    r->call.listener = loop->listener->tag;
    r->call.local = loop->listener->unix_path != NULL;
    atomic_init(&r->refs, 1);
    r->uri_at = uri;
    r->uri_len = len;
    if (len > URI_MAX)
        r->err = ERR_HEADERS_TOO_LARGE;
    else {
        r->uri = xmalloc(len + 1);
        memcpy(r->uri, uri, len + 1);
    }
    r->conn = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (r->conn) {
        r->conn->since_ms = monotonic_ms();
        r->conn->receiving = true;
    }
    return r;
}

void
request_unref(struct request *r)
{
    if (atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    if (r->reply)
        http_response_delete(r->reply);
    atomic_fetch_sub(&r->loop->server->body_bytes, r->body_cap);
    free(r->body);
    free(r->unsent);
    free(r->uri);
    free(r);
}

static void
set_peer(struct request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (!info || !info->client_addr)
        return;
    if (info->client_addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)info->client_addr)->sin_addr, r->call.peer, sizeof r->call.peer);
    else if (info->client_addr->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)info->client_addr)->sin6_addr, r->call.peer, sizeof r->call.peer);
}

static enum MHD_Result
give(struct request *r, struct http_response *reply)
{
    enum MHD_Result result = MHD_queue_response(r->connection, (unsigned)reply->status, reply->mhd);

    if (r->conn && !r->streaming) {
        r->conn->since_ms = monotonic_ms();
        r->conn->sending = true;
    }
    if (!reply->shared)
        http_response_delete(reply);
    return result;
}

static enum MHD_Result
refuse(struct request *r, enum err err, bool close)
{
    struct http_server *s = r->loop->server;
    struct http_response *reply = s->config.refuse(s->config.cls, &r->call, err);

    atomic_fetch_add(&s->refused, 1);
    r->phase = PHASE_CALLED;
    if (close && !reply->shared)
        http_response_header(reply, "Connection", "close");
    return give(r, reply);
}

/* Add a piece of the body. What is over the limit is thrown away, as the reply can only be given at the end; who sends
 * more than twice the limit is hung up on. */
static bool
take(struct request *r, const char *data, size_t len)
{
    struct http_server *s = r->loop->server;

    if (r->err || len > s->config.max_body - r->body_len) {
        r->body_cap += len; /* counted, not kept */
        atomic_fetch_add(&s->body_bytes, len);
        if (!r->err)
            r->err = ERR_BODY_TOO_LARGE;
        return r->body_cap <= 2 * s->config.max_body;
    }
    if (r->body_len + len > r->body_cap) {
        size_t cap = r->body_cap ? r->body_cap * 2 : 512;

        while (cap < r->body_len + len)
            cap *= 2;
        if (atomic_fetch_add(&s->body_bytes, cap - r->body_cap) > BODIES_MAX)
            r->err = ERR_BUSY;
        r->body = xrealloc(r->body, cap + 1);
        r->body_cap = cap;
    }
    memcpy(r->body + r->body_len, data, len);
    r->body_len += len;
    r->body[r->body_len] = '\0';
    return true;
}

/* The request is whole: the handler's turn. */
static enum MHD_Result
dispatch(struct request *r)
{
    struct http_server *s = r->loop->server;
    struct http_response *reply;

    if (r->conn) {
        r->conn->receiving = false;
        r->conn->busy = true;
    }
    if (r->err)
        return refuse(r, r->err, r->err == ERR_BODY_TOO_LARGE);
    if (atomic_load(&s->stopping))
        return refuse(r, ERR_SHUTDOWN, true);
    r->phase = PHASE_CALLED;
    if (r->body_len)
        r->call.body = BYTES(r->body, r->body_len);
    set_peer(r);
    atomic_fetch_add(&s->requests, 1);
    r->in_handler = true;
    reply = s->config.handler(s->config.cls, &r->call);
    r->in_handler = false;
    if (reply)
        return give(r, reply);
    if (!r->kept)
        request_keep(r); /* http_stream() in the handler, or a handler that forgot http_keep() */
    return MHD_YES;
}

enum MHD_Result
request_more(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
             const char *data, size_t *data_len, void **ctx)
{
    struct request *r = *ctx;

    (void)cls;
    (void)c;
    (void)url;
    if (!r)
        return MHD_NO;
    switch (r->phase) {
    case PHASE_HEADERS:
        r->phase = PHASE_BODY;
        if (!r->err)
            r->err = check_request(r, method, version);
        if (!r->err)
            r->err = uri_split(r->uri, &r->call);
        if (r->err)
            return refuse(r, r->err, true);
        if (r->too_large)
            r->err = ERR_BODY_TOO_LARGE;
        return MHD_YES;
    case PHASE_BODY:
        if (*data_len) {
            bool more = take(r, data, *data_len);

            *data_len = 0;
            return more ? MHD_YES : MHD_NO;
        }
        return dispatch(r);
    case PHASE_CALLED:
        break;
    }
    pthread_mutex_lock(&r->loop->lock);
    struct http_response *reply = r->reply;

    r->reply = NULL;
    pthread_mutex_unlock(&r->loop->lock);
    if (reply)
        return give(r, reply);
    request_keep(r);
    return MHD_YES;
}

/* The request is over: answered, or its connection lost. */
void
request_over(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_RequestTerminationCode why)
{
    struct request *r = *ctx;
    bool tell;

    (void)cls;
    (void)c;
    (void)why;
    if (!r)
        return;
    *ctx = NULL;
    pthread_mutex_lock(&r->loop->lock);
    tell = r->streaming && !r->ended && !r->gone;
    r->gone = true;
    r->answered = true;
    pthread_mutex_unlock(&r->loop->lock);
    if (r->conn) {
        r->conn->since_ms = monotonic_ms();
        r->conn->receiving = r->conn->busy = r->conn->sending = false;
    }
    if (tell && r->on_gone)
        r->on_gone(r->loop->server->config.cls, &r->call);
    request_unref(r);
}

void
request_connection(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_ConnectionNotificationCode what)
{
    struct http_loop *loop = cls;
    struct conn *conn;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        conn = xcalloc(1, sizeof *conn);
        conn->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        conn->since_ms = monotonic_ms();
        conn->next = loop->conns;
        if (loop->conns)
            loop->conns->prev = conn;
        loop->conns = conn;
        loop->conn_count++;
        *ctx = conn;
        atomic_fetch_add(&loop->server->connections, 1);
        return;
    }
    conn = *ctx;
    if (!conn)
        return;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        loop->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    free(conn);
    *ctx = NULL;
    loop->conn_count--;
    atomic_fetch_sub(&loop->server->connections, 1);
}

void
request_keep(struct request *r)
{
    struct http_loop *loop = r->loop;

    MHD_suspend_connection(r->connection);
    r->kept = true;
    r->prev = NULL;
    r->next = loop->kept;
    if (loop->kept)
        loop->kept->prev = r;
    loop->kept = r;
    atomic_fetch_add(&loop->server->kept, 1);
}

void
request_unkeep(struct request *r)
{
    struct http_loop *loop = r->loop;

    if (r->prev)
        r->prev->next = r->next;
    else
        loop->kept = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->kept = false;
    atomic_fetch_sub(&loop->server->kept, 1);
    MHD_resume_connection(r->connection);
}

const char *
http_header(const struct http_call *call, const char *name)
{
    const struct request *r = (const struct request *)call;

    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

bool
http_cookie(const struct http_call *call, const char *name, char *ret, size_t cap)
{
    return cookie_find(http_header(call, "Cookie"), name, ret, cap);
}
