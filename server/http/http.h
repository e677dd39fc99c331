/* http/http.h
 * HTTP/1.1, the only user of libmicrohttpd. A handler given by main is called once for each complete request, on a
 * socket thread, and either answers at once or keeps the call, which any thread may then complete, once.
 *
 * Threads: each listener has its own socket threads, each with its own daemon and its own listening socket
 * (SO_REUSEPORT), so that they share nothing. The handler must not block. What it does not answer at once it hands to
 * others and says so with http_keep(); http_complete() queues the answer to the call's socket thread and wakes it.
 *
 * What is refused here, before the handler sees it: a body over the limit (413), headers over 7 kB (431), and all that
 * two parsers could read in two ways (400): two Content-Length, Content-Length beside chunked, another
 * Transfer-Encoding, a space before a colon, a bare line feed, NUL, folded lines, a body where none belongs, unknown
 * methods (405). A request must be complete within 30 s, a kept call is answered within HTTP_KEEP_MS by us if by
 * nobody else, an idle connection is closed after a minute. When more than half of a listener's connections are taken,
 * these times shrink, down to half a second for one that is idle: who holds many holds them briefly. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdint.h>

#include "base/bytes.h"

#define HTTP_KEEP_MS       30000 /* the longest that a call may be kept */
#define HTTP_QUERY_MAX     16
#define HTTP_LISTENERS_MAX 5

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHODS };

struct http_server;
struct http_response;

struct http_pair {
    const char *name, *value;
};

/* One request. Lives until it is completed; the handler's own data of it hang on `user`. */
struct http_call {
    enum http_method method;
    const char *path;                       /* decoded; begins with a slash; UTF-8 without control characters */
    struct http_pair query[HTTP_QUERY_MAX]; /* decoded; names may repeat */
    size_t query_count;
    struct bytes body; /* "" if none */
    char peer[48];     /* numeric address of the client; "" on a unix socket */
    int listener;      /* the tag of the listener it came in by */
    bool local;        /* it came in by a unix socket, whose file only the server's own user may open */
    void *user;
};

struct http_listener {
    const char *unix_path; /* a unix socket, or */
    const char *host;      /* a numeric address */
    uint16_t port;         /* 0: any; see http_port() */
    int tag;               /* the caller's own number for it */
    unsigned threads;
    unsigned max_connections; /* of one thread */
    size_t memory;            /* bytes of a connection, for headers both ways; 0: 8192 */
};

/* Answers at once by returning a response, or NULL after http_keep() or http_stream(). */
typedef struct http_response *(*http_handler)(void *cls, struct http_call *call);

struct http_config {
    struct http_listener listeners[HTTP_LISTENERS_MAX];
    size_t listener_count;
    size_t max_body; /* bytes */
    http_handler handler;
    /* The reply to what is refused here (400, 405, 413, 503). Called on a socket thread; call may be NULL. */
    struct http_response *(*refuse)(void *cls, const struct http_call *call, enum err err);
    void *cls;
};

struct http_stats {
    uint64_t requests, refused, expired; /* since the start */
    uint64_t connections, kept;          /* now */
};

/* Opens all listeners; nothing is served before http_start(). ERR_CONFIG or ERR_IO with d->internal. */
enum err http_open(const struct http_config *config, struct err_detail *d, struct http_server **ret) MUST_USE;
enum err http_start(struct http_server *s, struct err_detail *d) MUST_USE;
/* Refuses what comes in, ends the streams and polls, gives other kept calls a second to be answered, answers those that are
 * left with ERR_SHUTDOWN, and joins the threads. Calls may
 * still be completed afterwards (into the void), until http_delete(). */
void http_stop(struct http_server *s);
void http_delete(struct http_server *s);
uint16_t http_port(const struct http_server *s, size_t listener); /* the port in use */
struct http_stats http_stats(const struct http_server *s);

/* A header's value or NULL. Valid in the handler only, before it returns: copy what is needed later. */
const char *http_header(const struct http_call *call, const char *name);
/* Copy the cookie of that name to ret. False if there is none, more than one, or it does not fit. */
bool http_cookie(const struct http_call *call, const char *name, char *ret, size_t cap);
/* The first query parameter of that name, or NULL. */
const char *http_query(const struct http_call *call, const char *name);
const char *http_method_text(enum http_method m);

/* ---- responses: made and given by any thread ---------------------------------------------------------------------- */
enum http_body {
    HTTP_FOREVER, /* the bytes outlive the server */
    HTTP_COPY,    /* they are copied */
    HTTP_FREE     /* malloc'd: free()d when sent */
};

struct http_response *http_response(int status, const char *type, const void *body, size_t len, enum http_body mode);
/* The same for a malloc'd body, which is taken: compressed with gzip where it is worth it and the client's
 * Accept-Encoding (NULL: none given) allows. Not for replies that hold a secret beside what others chose. */
struct http_response *http_response_packed(int status, const char *type, char *body, size_t len, const char *accepts);
/* Does Accept-Encoding name that coding with a weight above 0? */
bool http_takes(const char *accepts, const char *coding);
void http_response_header(struct http_response *r, const char *name, const char *value);
int http_response_status(const struct http_response *r);
/* From now on it may be given many times, from any thread; deleted by its owner only. */
void http_response_share(struct http_response *r);
bool http_response_is_shared(const struct http_response *r);
void http_response_delete(struct http_response *r);

/* ---- kept calls --------------------------------------------------------------------------------------------------- */
/* In the handler, before it returns NULL. After wait_ms (at most HTTP_KEEP_MS) on_deadline is called on the socket
 * thread, which must see to it that the call is completed soon; if it is NULL, or 2 s later, the call is answered with
 * ERR_BUSY (GET) or ERR_UNKNOWN_OUTCOME, and a later completion goes nowhere. */
void http_keep(struct http_call *call, int64_t wait_ms, void (*on_deadline)(void *cls, struct http_call *call));
/* The call's one answer. Takes the response; the caller must not touch the call any more. */
void http_complete(struct http_call *call, struct http_response *r);
/* The same for n calls; each socket thread is woken once. */
void http_complete_many(struct http_call **calls, struct http_response **responses, size_t n);

/* Instead of the one answer: a stream, for server-sent events. `head` has the status and headers (its body is not
 * sent). Every 15 s without data a comment is sent. on_gone is called once on the socket thread when the client has
 * left; whether or not it was, http_stream_end() must be called once, after which the call must not be touched.
 * May be called in the handler (which then returns NULL) or later in place of http_complete(). */
void http_stream(struct http_call *call, struct http_response *head,
                 void (*on_gone)(void *cls, struct http_call *call));
bool http_stream_push(struct http_call *call, struct bytes data); /* false: nobody is there any more */
void http_stream_end(struct http_call *call);

/* A file of any length, piece by piece, without a thread that waits for the client: on_more is called on the socket thread each
 * time that all is sent; it must not block, and somebody then pushes the next piece, or ends it. False: not now, ask again
 * in half a second. A piece may have any size. The rest as http_stream(), without comments. */
void http_pour(struct http_call *call, struct http_response *head, bool (*on_more)(void *cls, struct http_call *call),
               void (*on_gone)(void *cls, struct http_call *call));
/* The last piece; not whole: the reply breaks off, so that the client sees it. False: the client has left, and on_gone tells, or has told;
 * else it never will. Once nobody needs the call any more: http_pour_release(). */
bool http_pour_end(struct http_call *call, struct bytes data, bool whole);
void http_pour_release(struct http_call *call);

#endif
