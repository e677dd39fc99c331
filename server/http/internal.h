/* http/internal.h: what the files of http/ share, and nobody else. */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http.h"

#define RECEIVE_MS    30000  /* from the request line to the body's last byte */
#define IDLE_S        60     /* without any byte */
#define FIRST_LINE_MS 120000 /* from the last reply to the next request line */
#define SEND_MS       600000 /* from the reply's first byte to its last, streams apart */
/* The more connections there are beyond half of what is allowed, the shorter these three, down to: */
#define FIRST_LINE_LEAST_MS 500
#define RECEIVE_LEAST_MS    5000
#define SEND_LEAST_MS       5000
#define COMMENT_MS    15000  /* between the comments of a silent stream */
#define ASK_AGAIN_MS  500    /* a poured file's next piece, if it cannot be had now */
#define POUR_MS       600000 /* a poured file's next piece must come by then, and be taken by then */
#define GRACE_MS      2000   /* between on_deadline and our own answer */
#define SWEEP_MS      250
#define DRAIN_MS      1000   /* when the server stops: for calls that are being worked on */
#define STREAM_MAX    (256 << 10) /* unsent bytes of a stream; a client that lags further behind is let go */
#define URI_MAX       4096
#define BODIES_MAX    (256 << 20) /* bytes of all bodies in memory together */

/* A connection, from accept to close; for those that dawdle. Owned by its loop's thread. */
struct conn {
    struct conn *prev, *next;
    int fd;
    int64_t since_ms; /* of the state it is in */
    bool receiving;   /* a request line has come, its end has not */
    bool busy;        /* a request is being handled */
    bool sending;     /* its reply has been given, and is no stream */
};

enum phase { PHASE_HEADERS, PHASE_BODY, PHASE_CALLED };

struct request {
    struct http_call call; /* first: a request is its call */
    struct http_loop *loop;
    struct MHD_Connection *connection; /* loop's thread only */
    struct conn *conn;
    atomic_int refs; /* the connection's one, and one for whoever keeps the call */
    enum phase phase;
    enum err err;   /* to be refused when the body is in */
    bool too_large; /* its body: to be thrown away and refused */
    bool in_handler;
    bool held; /* by whoever keeps the call; set before it is handed over */
    bool kept; /* suspended, in loop->kept */
    struct request *prev, *next;
    int64_t deadline_ms; /* monotonic */
    void (*on_deadline)(void *cls, struct http_call *call);
    void (*on_gone)(void *cls, struct http_call *call);
    bool (*on_more)(void *cls, struct http_call *call); /* of a file that is poured; else NULL */
    bool wants_more;                                    /* it said no; loop's thread */
    char *uri;          /* our copy, cut up by the decoder */
    const char *uri_at; /* where it stands in the connection's own buffer */
    size_t uri_len;
    uint8_t *body;
    size_t body_len, body_cap;

    /* under loop->lock */
    struct http_response *reply;
    struct request *done_next;
    bool queued, answered, streaming, ended, gone, broken;
    uint8_t *unsent;
    size_t unsent_len, unsent_at, unsent_cap;
};

struct http_loop {
    struct http_server *server;
    const struct http_listener *listener;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int listen_fd, event_fd, epoll_fd;
    struct conn *conns; /* the loop's thread only, as */
    size_t conn_count;
    struct request *kept;
    int64_t swept_ms;
    bool leaving;

    pthread_mutex_t lock; /* over what follows and the last part of each request */
    struct request *done, **done_end;
    bool woken, stopped;
};

struct http_server {
    struct http_config config;
    struct http_loop *loops;
    size_t loop_count;
    uint16_t ports[HTTP_LISTENERS_MAX];
    char *hosts[HTTP_LISTENERS_MAX];
    bool started;
    atomic_bool stopping;
    atomic_size_t body_bytes;
    atomic_uint_fast64_t requests, refused, expired, connections, kept;
};

struct http_response {
    struct MHD_Response *mhd;
    int status;
    bool shared;
};

/* listen.c */
/* ERR_IO if another program listens there: SO_REUSEPORT alone would share its connections with it. */
enum err listen_probe(const struct http_listener *l, struct err_detail *d) MUST_USE;
enum err listen_open(const struct http_listener *l, uint16_t port, struct err_detail *d, int *ret_fd) MUST_USE;
uint16_t listen_port(int fd);

/* check.c: whether two parsers would read this request the same way. `version` points into the connection's buffer. */
enum err check_request(struct request *r, const char *method, const char *version) MUST_USE;
bool check_method(const char *text, enum http_method *ret);

/* uri.c: cut our copy of the URI into path and query. ERR_BAD_REQUEST or ERR_QUERY_INVALID. */
enum err uri_split(char *uri, struct http_call *call) MUST_USE;
/* A cookie's value of a Cookie header (may be NULL) into ret. False: none, more than one, or it does not fit. */
bool cookie_find(const char *header, const char *name, char *ret, size_t cap);

/* request.c: libmicrohttpd's callbacks */
void *request_line(void *cls, const char *uri, struct MHD_Connection *c);
enum MHD_Result request_more(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                             const char *version, const char *data, size_t *data_len, void **ctx);
void request_over(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_RequestTerminationCode why);
void request_connection(void *cls, struct MHD_Connection *c, void **ctx, enum MHD_ConnectionNotificationCode what);
void request_unref(struct request *r);
void request_keep(struct request *r);   /* suspend it; loop's thread */
void request_unkeep(struct request *r); /* resume it; loop's thread: afterwards it may be gone */

/* stream.c */
struct http_response *stream_response(struct request *r, struct http_response *head);
void stream_append(struct request *r, const void *data, size_t len); /* under the lock */
void stream_ask(struct request *r);                                  /* a poured file's next piece; loop's thread */

/* loop.c */
enum err loop_open(struct http_loop *loop, struct err_detail *d) MUST_USE;
void *loop_run(void *loop);
void loop_wake(struct http_loop *loop);
bool loop_queue(struct request *r); /* under the lock; true if the loop has to be woken */

#endif
