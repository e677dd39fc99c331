/* api/call.h
 * One call, from its route to its reply; for the files of api/ only. Whoever has the call replies exactly once, with
 * call_reply(), call_fail() or one of their kind, or sends it on (call_send, call_to_worker, waits); after that it must
 * not touch it any more. */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"
#include "base/arena.h"
#include "base/json.h"
#include "market/command.h"
#include "store/db.h"
#include "store/tokens.h"

struct call;
typedef void handler_fn(struct call *call);

/* Who may call a route; a route names several. A role counts for the thing that the path names: handlers ask may.h. */
enum who {
    WHO_PUBLIC = 1,
    WHO_SESSION = 2,
    WHO_MEMBER = 4,
    WHO_OWNER = 8,
    WHO_OFFICER = 16,
    WHO_AUDITOR = 32,
    WHO_SITE_OPERATOR = 64,
    WHO_ADMINISTRATOR = 128,
    WHO_AGENT = 256,
};

enum run {
    RUN_SOCKET,  /* on the socket thread, no actor, no waiting of any kind */
    RUN_COMMAND, /* as far as it goes without the database on the socket thread, else in a worker */
    RUN_BRISK,   /* the same for what takes microseconds, while the caller does not ask in crowds (brisk.c): answered at once */
    RUN_WORKER,  /* in a worker, which has a database connection */
    RUN_SLOW,    /* in one of the two threads that may take long (argon2id) */
};

/* What a program's token may do with a route. */
enum token_use {
    TOKEN_NEVER, /* what is of people, rights, ways to sign in; what is an order */
    TOKEN_READS, /* any token: as its person */
    TOKEN_WRITES /* one that writes, for its organisation only, as a member of it */
};

struct route {
    enum http_method method;
    const char *path; /* /v1/things/{id}; {id} a UUID, {index} and {account} journal indexes, {path} all that is left, others text */
    const char *name; /* for the log and the key's scope; the operationId of schema/openapi.yaml */
    unsigned who;     /* enum who */
    bool key;         /* needs an Idempotency-Key */
    enum token_use token;
    enum run run;
    handler_fn *handler;
};

/* The token that a call is made by. */
struct token_used {
    struct uuid id;
    bool writes;
    struct uuid organisation; /* for which */
    char name[TOKEN_NAME_MAX + 1];
};

#define CALL_NAME_MAX  121
#define CALL_EMAIL_MAX 255

/* Replies of calls that a worker took together, given together. */
#define REPLIES_AT_ONCE 16
struct replies {
    size_t n;
    struct http_call *calls[REPLIES_AT_ONCE];
    struct http_response *responses[REPLIES_AT_ONCE];
};

struct call {
    struct api *api;
    struct http_call *http;
    const struct route *route;
    struct arena *arena;
    struct uuid id;   /* of the call: the problem's instance, the log's key */
    int64_t now_ms;   /* the market's clock when it came in */
    int64_t began_ms; /* monotonic */
    int64_t began_us;
    const char *request_id; /* X-Request-Id: the caller's where it is well formed, else the id's text */
    bool foreign_id;        /* it is the caller's */
    struct uuid order;      /* of the order that it gives; zero: none */

    /* what the path said */
    struct uuid path_id;
    uint64_t path_index;
    const char *path_text;
    struct bytes body; /* JSON, or nothing */

    /* headers that outlive the handler, NULL if not given */
    const char *authorization, *key, *csrf, *origin, *host, *cookie, *forwarded, *sign_in, *if_none_match, *instance, *clock, *accepts;

    /* who calls */
    struct actor actor;
    struct hash session; /* of the cookie's token; by_session only */
    bool by_session;
    bool second_due; /* somebody without roles, until they have the second step that these ask for */
    struct token_used token; /* id zero: it does not call by one */
    bool renews; /* what is known of the session is to be read from the database by this call */
    uint64_t forgotten; /* how often what is known of sessions had been forgotten before */
    uint64_t share; /* whose it is in the pool's queue */
    char csrf_token[44]; /* what X-CSRF-Token must be; by_session only */
    char name[CALL_NAME_MAX], email[CALL_EMAIL_MAX];

    uint64_t agent_key; /* an agent's KEY index */

    struct db *db; /* the worker's; NULL on a socket thread */
    struct command *command;     /* of a call that changes something; else NULL */
    struct err_detail detail;
    struct json_out out;
    const char *etag; /* of the reply; then 304 where the caller has it */
    const char *link; /* Link header of the reply */
    const char *set_cookie;
    const char *language_cookie; /* of the first page */
    const char *cache; /* Cache-Control; NULL: no-store */
    const char *file;  /* Content-Disposition, or NULL */
    void *user;        /* the handler's own, between its stages */
    void *queued;      /* a provider's queue's own */
    bool kept;         /* answered by http_complete(); else by `now`, or moved to a worker by who began it */
    struct http_response *now;
    handler_fn *stage; /* what a worker has to do next */
    handler_fn *then;  /* what follows a command */
    bool then_any;     /* also when it was refused */
    struct call *next; /* in the pool's queue */
    struct replies *replies; /* where its reply is to go; NULL: out at once */
    enum err logged_err;
    struct captured *captured; /* who asks in its place what it would be answered: nothing is sent, JSON stays in `out`; NULL: nobody */
};
struct captured { enum err err; };

/* ---- replies ------------------------------------------------------------------------------------------------------ */
void call_reply(struct call *call, int status); /* call->out as JSON */
void call_reply_empty(struct call *call, int status);
void call_reply_bytes(struct call *call, int status, const char *type, char *bytes, size_t len); /* malloc'd: taken */
void call_reply_response(struct call *call, struct http_response *r); /* as it is; security headers are added */
void call_fail(struct call *call, enum err err);                      /* with call->detail */
void call_dress(struct call *call, struct http_response *r);          /* the headers that the call's replies have */
/* Reply or fail, whichever err says. */
void call_end(struct call *call, enum err err, int status);
/* From now on its connection asks for its actor: the second wall (row security). */
void call_act(struct call *call);
struct http_response *problem_response(const struct api *api, const struct call *call, struct uuid id, enum err err,
                                       const struct err_detail *d);
void response_guard(struct http_response *r, bool https); /* the security headers; https: where browsers come by TLS */

/* ---- going on elsewhere ------------------------------------------------------------------------------------------- */
void call_to_worker(struct call *call, handler_fn *stage);
/* Send call->command; `then` runs in a worker when it has been committed, or was answered before under its key. If the command was refused, the call fails by itself. */
void call_send(struct call *call, handler_fn *then);
/* The same, but `then` also gets refusals (call->command.err). */
void call_send_any(struct call *call, handler_fn *then);
void call_log(struct call *call, int status);
void call_free(struct call *call);

/* ---- what handlers need ------------------------------------------------------------------------------------------- */
const char *call_query(const struct call *call, const char *name);
/* Every parameter given is one of names (ends in NULL), once: else ERR_QUERY_INVALID. */
enum err call_query_only(struct call *call, const char *const *names) MUST_USE;
enum err call_query_i64(struct call *call, const char *name, int64_t min, int64_t max, int64_t if_missing,
                        int64_t *ret) MUST_USE;
enum err call_query_time(struct call *call, const char *name, int64_t if_missing, int64_t *ret) MUST_USE; /* RFC 3339 → ms */
enum err call_query_period(struct call *call, int64_t *ret_from_ms, int64_t *ret_to_ms) MUST_USE; /* from and to, both needed */
enum err call_query_uuid(struct call *call, const char *name, struct uuid *ret) MUST_USE; /* zero if not given */
/* limit (50 if not given, at most 500) and cursor. */
enum err call_query_page(struct call *call, int *ret_limit, const char **ret_cursor) MUST_USE;
/* The same, where the cursor is the id of the last one that was shown; all ones: from the newest. */
enum err call_query_before(struct call *call, int *ret_limit, struct uuid *ret_before) MUST_USE;
/* "next" and the Link header; cursor NULL: the end. */
void call_next(struct call *call, const char *cursor);
struct uuid call_new_id(struct call *call);
struct uuid api_new_id(struct api *api, int64_t now_ms);
/* The state under its read lock, or NULL after the call has failed (not the leader). */
const struct state *call_state(struct call *call);
void call_state_done(struct call *call);

#endif
