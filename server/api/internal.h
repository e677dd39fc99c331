/* api/internal.h: what the api is made of; for the files of api/ only. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "api/call.h"
#include "base/map.h"
#include "crypto/box.h"
#include "crypto/jws.h"
#include "crypto/passkey.h"

struct janitor;
struct notary;
struct pool;
struct sessions_cache;
struct directory;
struct limiter;
struct passwords;
struct brisk;
struct pours;
struct waits;
struct watchers;
struct seen;
struct pages;
struct traffic;
struct shares_cache;
struct site_waits;
struct sums_cache;
struct entry_sums;
struct providers;

struct api {
    const struct log *log;
    struct market *market;
    struct janitor *janitor;
    struct notary *notary;
    struct http_server *http;
    char *db_worker, *base_url, *web_dir;
    const struct seals *seals;
    bool https;
    const char *cookie; /* its name */
    struct clock clock;
    bool simulation, public_entries, second_duty;
    struct sign_key key;
    char *keys_dir; /* of the files of the server's keys; NULL: none is watched */
    atomic_uint_fast64_t key_index; /* NO_INDEX: not looked up yet */
    int workers;
    struct pool *pool;
    struct sessions_cache *sessions;
    struct directory *directory;
    struct limiter *limiter;
    struct passwords *passwords;
    struct brisk *brisk;
    struct pours *pours;
    struct waits *waits;
    struct watchers *watchers;
    struct site_waits *site_waits;
    struct sums_cache *sums;
    struct shares_cache *shares;
    struct seen *seen;
    struct providers *providers; /* NULL: none */
    struct box_key hook_key;     /* what webhooks' secrets are sealed under */
    bool hooks_inside;           /* they may go to private addresses, by plain http */
    struct box_key mail_key;     /* what letters' links are sealed under */
    char *mail_server;           /* "": no letters go out */
    const struct courier_figures *courier, *postman; /* NULL: none */
    struct box_key sign_in_key;  /* what seals a sign-in's cookie */
    const char *sign_in_cookie;  /* its name */
    struct passkey_site passkeys; /* for whom they are; id NULL: none are taken */
    char *passkey_site, *passkey_origins; /* as configured */
    char passkey_host[256], passkey_page[320];
    struct pages *pages;           /* NULL: none */
    struct http_response *openapi; /* shared */
    struct http_response *well[MARKET_GUARDED + 1]; /* shared: what health says when all is well, by phase */
    pthread_mutex_t random_lock;   /* ids are drawn from a store: one call of the system for many */
    uint8_t random[640];
    size_t random_left;
    struct traffic *traffic;
    struct witness_figures *witness_figures;
    atomic_size_t calls;               /* begun, not answered yet; polls and streams that wait are none */
    atomic_bool quiet;                 /* nothing begins any more */
    int64_t started_ms;                /* real time */
    atomic_bool stale;                 /* what is kept in memory is to be read anew */
    atomic_bool rotating;              /* a change of the server's or the log's key is under way: rotate.c */
    atomic_bool tending;               /* a worker does what api_tend() found to be due */
    atomic_int_fast64_t tend_ms;       /* monotonic: when it is due again */
    atomic_int_fast64_t no_room_ms;    /* monotonic: when the database last had no room for a worker's write; 0 never */
};

void health_prepare(struct api *api); /* health.c: makes api->well */
/* At each call: is it time that a worker reads anew what is kept in memory, or throws away what is over? */
void api_tend(struct api *api);

/* api.c: the journal's index of the key that this server signs with; its text is the `kid` of what it signs. */
uint64_t api_key_index(struct api *api);
uint64_t api_key_number(const struct state *s, const struct sign_key *key); /* the same, under the lock */
/* Are the key files there, so that the next start will find them? */
bool api_keys_there(const struct api *api);
/* A signed token, free() it. */
char *api_sign(struct api *api, const char *typ, struct bytes claims);

/* journal.c: what to say where nobody finds the entry of the call's path. ERR_NOT_FOUND; ERR_CORRUPT: the head covers it. */
enum err journal_entry_absent(struct call *call) MUST_USE;

/* routes.c: THE table. */
extern const struct route ROUTES[];
extern const size_t ROUTES_COUNT;
/* The route, with the call's path parts set. NULL: *ret_err is ERR_NOT_FOUND or ERR_METHOD (allowed: e.g. "GET, POST"). */
const struct route *route_find(enum http_method method, const char *path, struct call *call, enum err *ret_err,
                               char *ret_allowed, size_t cap);
const struct route *route_named(const char *name);
const char *who_text(enum who who);

/* dispatch.c: check who calls and run the handler. On a socket thread without a connection it may say false: then a
 * worker must do it. */
void dispatch_in_worker(struct call *call);

/* pool.c */
struct pool *pool_new(struct api *api);
enum err pool_start(struct pool *p, int workers, struct err_detail *d) MUST_USE;
void pool_stop(struct pool *p);
void pool_delete(struct pool *p);
enum pool_lane { LANE_FRESH, LANE_BACK, LANE_SLOW }; /* new calls; committed ones (first); those that take long */
/* ERR_BUSY: full; ERR_RATE_LIMITED: the caller's share is. Never LANE_BACK. */
enum err pool_put(struct pool *p, enum pool_lane lane, struct call *call, handler_fn *stage) MUST_USE;
/* Other work: run(ctx, db) once in a worker. Never refused. */
void pool_task(struct pool *p, void (*run)(void *ctx, struct db *db), void *ctx);
struct pool_load {
    size_t workers, busy; /* threads with a connection; those that have something in hand (slow ones too) */
    size_t waiting[3];    /* by enum pool_lane */
};
struct pool_load pool_load(struct pool *p);
bool pool_still(struct pool *p); /* nothing waits, nobody works */

/* fair.c: a queue of which each caller has a share. */
struct fair;
struct fair *fair_new(size_t most, size_t most_of_one);
void fair_delete(struct fair *f);
void fair_workers(struct fair *f, size_t workers); /* how many take from it */
size_t fair_count(const struct fair *f);
/* By call->share. ERR_BUSY: full; ERR_RATE_LIMITED: the share is. */
enum err fair_put(struct fair *f, struct call *call) MUST_USE;
int fair_again_s(struct fair *f); /* when who was just refused is to come again: 1 to 31 s */
/* The next one's whose turn it is, NULL if none may be; fair_done() with its share once it is worked on no more. */
struct call *fair_take(struct fair *f);
/* After a NULL: ask again in so many µs, when a flood that is held back may go on; 0: somebody has to put or be done first. */
int64_t fair_held_us(const struct fair *f);
void fair_done(struct fair *f, uint64_t share);

/* brisk.c: which calls are answered on the socket thread itself */
struct brisk *brisk_new(void);
void brisk_delete(struct brisk *b);
void brisk_note(struct brisk *b, uint64_t share, int64_t now_ms); /* a call of this share goes to the workers; monotonic */
bool brisk_may(struct brisk *b, uint64_t share, int64_t now_ms);  /* this one need not */

/* auth.c */
/* Whose share of the server a call takes: an organisation's, a person's, a site's; a stranger's address'. Not yet sure:
 * the caller may still turn out to be another. */
uint64_t auth_share(struct call *call);
struct sessions_cache *sessions_cache_new(void);
void sessions_cache_delete(struct sessions_cache *c);
void sessions_cache_forget(struct sessions_cache *c); /* all */
/* Nobody has used it for an hour (five minutes less at most): it is over, as NIST SP 800-63B asks of its level AAL2. */
struct session;
bool session_is_idle(const struct call *call, const struct session *s);
/* What a person may do, or their ways in, have changed: it holds at once. Their streams end; who still may comes again. */
void auth_changed(struct api *api, struct uuid person);
/* Who calls: fills actor, name, csrf_token. ERR_BUSY, with nothing said, if it takes a database connection and call->db
 * is NULL (*ret_worker then is true). */
enum err auth_call(struct call *call, bool *ret_worker) MUST_USE;
enum err auth_csrf(struct call *call) MUST_USE;   /* of a mutating call from a session */
/* The first page is in this language from now on; "": the browser's. */
void mail_language_cookie(struct call *call, const char *language);
enum err guides_open_json(struct call *call, const char *member) MUST_USE; /* guide.c: the names of the caller's guides that are not ended */
enum err auth_origin(struct call *call) MUST_USE; /* Origin, where given, is ours */
void auth_set_session(struct call *call, struct hash token);
void auth_new_token(char ret_text[44], struct hash *ret_hash);
/* Sign in: fills the call as auth_call does. */
enum err auth_load_person(struct call *call, struct uuid person) MUST_USE;
/* Of an answer that takes long, in a worker: is the person still signed in, by the same session or token, with the rights that they had when it
 * began? surely: not by what is remembered. ERR_UNAUTHENTICATED. */
enum err auth_still(struct call *call, bool surely) MUST_USE;
/* Another person with the roles that they have now. */
enum err auth_actor_of(struct call *call, struct uuid person, struct actor *ret) MUST_USE;
/* Checks address and password. Takes long: LANE_SLOW. ERR_CREDENTIALS, ERR_RATE_LIMITED. */
enum err auth_password(struct call *call, const char *email, const char *password, struct uuid *ret_person) MUST_USE;
/* Who is signed in proves it anew, before the ways in are changed: by the password, or where there is none by having signed in
 * within ten minutes. In a worker; takes long if there is a password: LANE_SLOW. password: "" none was given. ERR_ANEW. */
enum err auth_anew(struct call *call, const char *password) MUST_USE;
/* Whom failed attempts count against. */
const char *auth_client(struct call *call);
const char *auth_network(struct call *call);
unsigned who_of(const struct actor *a);

/* limit.c: attempts within a time, per key. */
struct limiter *limiter_new(void);
void limiter_delete(struct limiter *l);
/* How many seconds to wait, 0: go on. */
int limiter_blocked(struct limiter *l, const char *key, int most, int64_t now_ms);
void limiter_count(struct limiter *l, const char *key, int64_t now_ms);
void limiter_clear(struct limiter *l, const char *key);

/* keys.c: idempotency */
struct seen *seen_new(void);
void seen_delete(struct seen *s);
bool seen_maybe(const struct seen *s, struct hash scope);
void seen_forget(struct seen *s); /* others may have added: ask for each until it is loaded again */
void seen_add(struct seen *s, struct hash scope);
void seen_loaded(struct seen *s);              /* all stored keys have been added: what is not in it is new */
enum err key_read(struct call *call) MUST_USE; /* header and body → call->command.idem */
struct hash key_derived(struct hash scope, const char *part);
/* Plain writes: the outcome of an earlier call with this key. ERR_NOT_FOUND: a new one. */
enum err key_known(struct call *call, struct uuid *ret_id) MUST_USE;
/* After a write with its key has failed with err: if that is because the same call was carried out at the same time, by
 * another worker or another server, what that one made. */
enum err key_made_meanwhile(struct call *call, enum err err, struct uuid *ret_id) MUST_USE;

/* directory.c: names of organisations and accounts, in memory. */
struct organisation;
struct account_name;
struct directory *directory_new(void);
void directory_delete(struct directory *d);
/* Lives as long as the directory. ERR_NOT_FOUND; needs db unless it is known. */
enum err directory_organisation(struct directory *d, struct db *db, struct uuid id,
                                const struct organisation **ret) MUST_USE;
void directory_add_organisation(struct directory *d, const struct organisation *o);
size_t directory_organisations(struct directory *d);
const struct account_name *directory_account(struct directory *d, uint64_t account); /* or NULL */
void directory_add_account(struct directory *d, uint64_t account, const char *name, const char *reference);
/* Last contact of a site's agent, ms of the market's clock; 0 never. */
int64_t directory_contact(struct directory *d, uint64_t site);
/* True if it should be written down: it is over 10 s since the last time. */
bool directory_set_contact(struct directory *d, uint64_t site, int64_t now_ms);
enum err directory_load(struct directory *d, struct db *db) MUST_USE;

/* site_waits.c */
struct site_waits *site_waits_new(void);
void site_waits_delete(struct site_waits *w);

/* sums.c */
struct sums_cache *sums_cache_new(void);
void sums_cache_delete(struct sums_cache *c);
enum err sums_of(struct api *api, struct db *db, uint64_t account, struct entry_sums *ret) MUST_USE;

/* waits.c: long polls of agents, event streams */
struct waits *waits_new(struct api *api);
void waits_delete(struct waits *w);
/* Polls are answered, streams end; their callers come again, or go to who leads. why: the polls' error, OK for no tickets. */
void waits_leave(struct waits *w, enum err why);
/* Takes the call: answered when the site gets a ticket, or after wait_ms with what there is. */
void waits_poll(struct call *call, uint64_t site, uint64_t after, int64_t wait_ms);
/* Takes the call: a stream of this reservation's states, beginning with what is in call->out. */
void waits_stream(struct call *call, struct uuid reservation, uint64_t version);
void waits_end_streams(struct waits *w, struct uuid person); /* all of theirs */
void waits_poll_deadline(void *cls, struct http_call *http); /* for http_keep() of a poll */
void waits_events(struct waits *w, const struct market_event *events, size_t n);
void waits_count(struct waits *w, size_t *ret_polls, size_t *ret_streams);
bool waits_polled(struct waits *w, uint64_t site); /* does this site's agent wait for tickets, or did it within 2 s? */

/* watchers.c: witnesses that wait for the next checkpoint */
struct watchers *watchers_new(struct api *api);
void watchers_delete(struct watchers *w);
void watchers_leave(struct watchers *w, enum err why); /* as waits_leave() */
/* Takes the call, which has found nothing but what it knows: answered when a checkpoint is signed, or empty after wait_ms. */
void watchers_wait(struct call *call, uint64_t after, int64_t wait_ms);
void watchers_deadline(void *cls, struct http_call *http); /* for http_keep() */
void watchers_signed(struct watchers *w);
/* witnesses.c: what a witness is answered that has cosigned `after` entries. False: nothing is new. */
enum err checkpoint_for_witness(struct api *api, struct db *db, uint64_t after, const struct hash *root, struct json_out *out, bool *ret_news) MUST_USE;

/* seen.c: an agent shows the last checkpoint that it cosigned; NULL: none */
enum { SEEN_MAX = 8192 };
enum err seen_take(struct call *call, const char *note) MUST_USE;

/* may.c: THE function for what is answered from memory or by a worker. */
bool may_see_organisation(const struct actor *a, struct uuid organisation);
bool may_act_for(const struct actor *a, struct uuid organisation); /* member or owner */
bool owns_organisation(const struct actor *a, struct uuid organisation);
bool may_see_programme(const struct actor *a);                     /* officer, auditor, administrator */
bool acts_for_site(const struct actor *a, uint64_t site); /* its operators and agent */
bool may_see_site(const struct actor *a, uint64_t site);           /* its operator, administrator */
bool may_see_reservation(const struct actor *a, const struct reservation *r);
bool may_see_entry(const struct actor *a, const struct state *s, const struct entry *e);
bool is_administrator(const struct actor *a);
bool is_officer(const struct actor *a);

/* traffic.c: calls by route, counted with atomics only */
struct traffic *traffic_new(void);
void traffic_delete(struct traffic *t);
void traffic_count(struct traffic *t, const struct route *route, int status, int64_t us); /* route NULL: none */
/* i up to ROUTES_COUNT, which is "none". Calls by status / 100; their times. */
uint64_t traffic_calls(const struct traffic *t, size_t i, int status_class);
const struct histogram *traffic_times(const struct traffic *t, size_t i);

/* metrics.c: Prometheus' text, on a listener of its own */
struct http_response *metrics_get(struct api *api, struct http_call *http);
/* metrics_state.c: what the market's state shows: sites, tickets, holds, calendars. Nothing while there is none. */
void metrics_of_state(struct api *api, FILE *to);
/* metrics_witnesses.c: refusals, how far witnesses are behind, the quorum; as a worker found it after the scrape before. */
struct witness_figures *witness_figures_new(struct api *api);
void witness_figures_delete(struct witness_figures *f);
void witness_figures_show(struct witness_figures *f, FILE *to);
/* One figure's head. type: counter, gauge or histogram. */
void metric_head(FILE *to, const char *name, const char *type, const char *help);

#endif
