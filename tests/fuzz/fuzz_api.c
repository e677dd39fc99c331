/* tests/fuzz/fuzz_api.c: any request through the real dispatcher, handlers and body readers to the market's real decisions,
 * which are taken back at once. All beneath is wrapped by the linker (Makefile.am): the sockets, the database (it has
 * no row), the queue, passwords and signatures (all good), time and randomness (the same each time).
 *
 * An input: whom the caller is taken for (P a person with every role, A a site's agent, L the local operator, else what the
 * request's own headers prove), then "METHOD URI", lines "Name: value", an empty line, the body. Line feeds end lines.
 * FUZZ_LOG in the environment shows what came of it. Every call ends once; what is stored and what is sent as text is UTF-8 without NUL; each JSON reply is JSON. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/internal.h"
#include "base/text.h"
#include "crypto/password.h"
#include "http/internal.h"
#include "market/guard.h"
#include "market/janitor.h"
#include "market/notary.h"
#include "store/organisations.h"
#include "store/seals.h"
#include "../unit/market_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEADERS_MAX = 24 };

static struct market_world *world;
static struct api *api;
static struct db *db;
static struct site_clocks *clocks;

/* The one request. */
static struct {
    struct http_call http;
    char who;
    struct http_pair headers[HEADERS_MAX];
    size_t headers_n;
    uint8_t random;
    bool kept, completed, ended;
    void (*on_deadline)(void *cls, struct http_call *call);
    void (*on_gone)(void *cls, struct http_call *call);
} now;

/* ---- http -------------------------------------------------------------------------------------------------------- */

const char *__wrap_http_header(const struct http_call *call, const char *name);
const char *
__wrap_http_header(const struct http_call *call, const char *name)
{
    (void)call;
    for (size_t i = 0; i < now.headers_n; i++)
        if (strcasecmp(now.headers[i].name, name) == 0)
            return now.headers[i].value;
    return NULL;
}

bool __wrap_http_cookie(const struct http_call *call, const char *name, char *ret, size_t cap);
bool
__wrap_http_cookie(const struct http_call *call, const char *name, char *ret, size_t cap)
{
    return cookie_find(__wrap_http_header(call, "Cookie"), name, ret, cap);
}

void __wrap_http_keep(struct http_call *call, int64_t wait_ms, void (*on_deadline)(void *cls, struct http_call *call));
void
__wrap_http_keep(struct http_call *call, int64_t wait_ms, void (*on_deadline)(void *cls, struct http_call *call))
{
    assert(call == &now.http && !now.kept && wait_ms <= HTTP_KEEP_MS);
    now.kept = true;
    now.on_deadline = on_deadline;
}

static void
done_with(struct http_response *r)
{
    if (!r->shared)
        http_response_delete(r);
}

void __wrap_http_complete(struct http_call *call, struct http_response *r);
void
__wrap_http_complete(struct http_call *call, struct http_response *r)
{
    assert(call == &now.http && now.kept && !now.completed);
    now.completed = true;
    done_with(r);
}

void __wrap_http_complete_many(struct http_call **calls, struct http_response **responses, size_t n);
void
__wrap_http_complete_many(struct http_call **calls, struct http_response **responses, size_t n)
{
    for (size_t i = 0; i < n; i++)
        __wrap_http_complete(calls[i], responses[i]);
}

void __wrap_http_stream(struct http_call *call, struct http_response *head, void (*on_gone)(void *, struct http_call *));
void
__wrap_http_stream(struct http_call *call, struct http_response *head, void (*on_gone)(void *, struct http_call *))
{
    __wrap_http_complete(call, head);
    now.on_gone = on_gone;
}

bool __wrap_http_stream_push(struct http_call *call, struct bytes data);
bool
__wrap_http_stream_push(struct http_call *call, struct bytes data)
{
    (void)data;
    assert(call == &now.http && !now.ended);
    return true;
}

void __wrap_http_pour(struct http_call *call, struct http_response *head, bool (*on_more)(void *, struct http_call *), void (*on_gone)(void *, struct http_call *));
void
__wrap_http_pour(struct http_call *call, struct http_response *head, bool (*on_more)(void *, struct http_call *), void (*on_gone)(void *, struct http_call *))
{
    (void)on_more; /* the client leaves before */
    __wrap_http_complete(call, head);
    now.on_gone = on_gone;
}

void __wrap_http_pour_release(struct http_call *call);
void
__wrap_http_pour_release(struct http_call *call)
{
    assert(call == &now.http && !now.ended);
    now.ended = true;
}

void __wrap_http_stream_end(struct http_call *call);
void
__wrap_http_stream_end(struct http_call *call)
{
    assert(call == &now.http && !now.ended);
    now.ended = true;
}

struct http_response *__real_http_response_packed(int status, const char *type, char *body, size_t len, const char *accepts);
struct http_response *__wrap_http_response_packed(int status, const char *type, char *body, size_t len, const char *accepts);
struct http_response *
__wrap_http_response_packed(int status, const char *type, char *body, size_t len, const char *accepts)
{
    struct err_detail d = { 0 };
    char *again;
    size_t n;

    if (strcmp(type, "application/json") == 0) {
        if (json_canonical(BYTES(body, len), &d, &again, &n) != OK) {
            fprintf(stderr, "no JSON: %s\n%.*s\n", d.text, (int)len, body);
            abort();
        }
        free(again);
    }
    return __real_http_response_packed(status, type, body, len, accepts);
}

/* ---- the database: empty, and all writes succeed ------------------------------------------------------------------- */

enum err __wrap_db_run(struct db *d, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows);
enum err
__wrap_db_run(struct db *d, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows)
{
    (void)d;
    (void)args;
    assert((size_t)q->params == n);
    if (rows)
        *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    return OK;
}

int64_t __wrap_db_affected(const PGresult *rows);
int64_t
__wrap_db_affected(const PGresult *rows)
{
    (void)rows;
    return 1;
}

enum err __wrap_db_tx(struct db *d, enum err (*body)(struct db *d, void *ctx), void *ctx);
enum err
__wrap_db_tx(struct db *d, enum err (*body)(struct db *d, void *ctx), void *ctx)
{
    return body(d, ctx);
}

struct db_arg __real_db_textn(const char *text, size_t len);
struct db_arg __wrap_db_textn(const char *text, size_t len);
struct db_arg
__wrap_db_textn(const char *text, size_t len)
{
    assert(text_utf8_ok(text, len) && !memchr(text, 0, len));
    return __real_db_textn(text, len);
}

struct db_arg __real_db_text(const char *text);
struct db_arg __wrap_db_text(const char *text);
struct db_arg
__wrap_db_text(const char *text)
{
    assert(!text || text_utf8_ok(text, strlen(text)));
    return __real_db_text(text);
}

/* ---- the market: decides, forgets ---------------------------------------------------------------------------------- */

void __wrap_market_send(struct market *m, struct command *c);
void
__wrap_market_send(struct market *m, struct command *c)
{
    struct deciding d = { &world->state, world->undo, &world->batch, world->w->now, &world->detail };

    (void)m;
    world->detail = (struct err_detail){ 0 };
    c->err = decide_command(&d, c);
    c->detail = world->detail;
    undo_back(world->undo, 0);
    assert(!world->batch.rows && world->batch.entries.n + world->batch.tickets.n + world->batch.reports.n == 0);
    undo_commit(world->undo);
    batch_clear(&world->batch);
    c->complete(c);
}

const struct state *__wrap_market_read_lock(struct market *m);
const struct state *
__wrap_market_read_lock(struct market *m)
{
    (void)m;
    return &world->state;
}

void __wrap_market_read_unlock(struct market *m);
void
__wrap_market_read_unlock(struct market *m)
{
    (void)m;
}

bool __wrap_market_key_maybe_known(struct market *m, const struct hash *scope);
bool
__wrap_market_key_maybe_known(struct market *m, const struct hash *scope)
{
    (void)m;
    return scope->b[0] % 2;
}

bool __wrap_market_leads(const struct market *m);
bool
__wrap_market_leads(const struct market *m)
{
    (void)m;
    return true;
}

enum market_phase __wrap_market_phase(const struct market *m);
enum market_phase
__wrap_market_phase(const struct market *m)
{
    (void)m;
    return MARKET_LEADING;
}

enum market_phase __wrap_market_trouble(struct market *m, char ret[320]);
enum market_phase
__wrap_market_trouble(struct market *m, char ret[320])
{
    (void)m;
    ret[0] = '\0';
    return MARKET_LEADING;
}

void __wrap_market_leader(struct market *m, struct market_leader *ret);
void
__wrap_market_leader(struct market *m, struct market_leader *ret)
{
    (void)m;
    *ret = (struct market_leader){ .term = 1 };
}

struct site_clocks *__wrap_janitor_site_clocks(struct janitor *j);
struct site_clocks *
__wrap_janitor_site_clocks(struct janitor *j)
{
    (void)j;
    return clocks;
}

struct clock_reading __wrap_janitor_clocks(struct janitor *j);
struct clock_reading
__wrap_janitor_clocks(struct janitor *j)
{
    (void)j;
    return (struct clock_reading){ 0 };
}

bool __wrap_janitor_trouble(struct janitor *j, char why[160]);
bool
__wrap_janitor_trouble(struct janitor *j, char why[160])
{
    (void)j;
    why[0] = '\0';
    return true;
}

struct vkey __wrap_notary_vkey(struct notary *n, const char *origin);
struct vkey
__wrap_notary_vkey(struct notary *n, const char *origin)
{
    static const uint8_t PUBLIC[32] = { 1 };

    (void)n;
    return vkey_make(origin, (enum note_type)1, PUBLIC);
}

void __wrap_guard_look(struct market *m, struct guard_now *ret);
void
__wrap_guard_look(struct market *m, struct guard_now *ret)
{
    (void)m;
    *ret = (struct guard_now){ .open = true };
}

size_t __wrap_guard_contradicting(struct market *m, struct guard_seen *ret);
size_t
__wrap_guard_contradicting(struct market *m, struct guard_seen *ret)
{
    (void)m;
    (void)ret;
    return 0;
}

struct sign_key __wrap_notary_key(struct notary *n);
struct sign_key
__wrap_notary_key(struct notary *n)
{
    (void)n;
    return (struct sign_key){ .seed = { 1 } };
}

void __wrap_notary_expect(struct notary *n, const struct sign_key *next);
void
__wrap_notary_expect(struct notary *n, const struct sign_key *next)
{
    (void)n;
    (void)next;
}

enum err __wrap_notary_turn(struct notary *n, const uint8_t public[SIGN_PUBLIC_LEN]);
enum err
__wrap_notary_turn(struct notary *n, const uint8_t public[SIGN_PUBLIC_LEN])
{
    (void)n;
    (void)public;
    return OK;
}

struct log_policy *__wrap_notary_policy(const struct notary *n);
struct log_policy *
__wrap_notary_policy(const struct notary *n)
{
    (void)n;
    return NULL;
}

void __wrap_janitor_confirm(struct janitor *j);
void
__wrap_janitor_confirm(struct janitor *j)
{
    (void)j;
}

/* ---- who calls, threads, time, chance ------------------------------------------------------------------------------ */

enum err __real_auth_call(struct call *call, bool *ret_worker);
enum err __wrap_auth_call(struct call *call, bool *ret_worker);
enum err
__wrap_auth_call(struct call *call, bool *ret_worker)
{
    struct actor *a = &call->actor;

    *ret_worker = false;
    switch (now.who) {
    case 'P':
        *a = (struct actor){ .kind = ACTOR_PERSON,
                             .person = { { 7 } },
                             .programme_roles = ROLE_OFFICER | ROLE_AUDITOR | ROLE_ADMINISTRATOR,
                             .sites = { world->w->site[0], world->w->site[1] },
                             .sites_n = 2,
                             .orgs = { { world->w->org[0], true }, { world->w->org[1], false } },
                             .orgs_n = 2 };
        return OK;
    case 'A':
        *a = (struct actor){ .kind = ACTOR_AGENT,
                             .sites = { world->w->site[0] },
                             .sites_n = 1,
                             .instance = index_site(&world->state, world->w->site[0])->instance };
        call->agent_key = world->w->site_key[0];
        return OK;
    case 'L':
        *a = (struct actor){ .kind = ACTOR_LOCAL };
        return OK;
    default:
        return __real_auth_call(call, ret_worker);
    }
}

enum err __wrap_pool_put(struct pool *p, enum pool_lane lane, struct call *call, handler_fn *stage);
enum err
__wrap_pool_put(struct pool *p, enum pool_lane lane, struct call *call, handler_fn *stage)
{
    (void)p;
    (void)lane;
    call->db = db;
    stage(call);
    return OK;
}

void __wrap_pool_task(struct pool *p, void (*run)(void *ctx, struct db *d), void *ctx);
void
__wrap_pool_task(struct pool *p, void (*run)(void *ctx, struct db *d), void *ctx)
{
    (void)p;
    run(ctx, db);
}

enum err __wrap_password_hash(const char *password, size_t len, char ret[PASSWORD_HASH_TEXT]);
enum err
__wrap_password_hash(const char *password, size_t len, char ret[PASSWORD_HASH_TEXT])
{
    assert(len >= PASSWORD_MIN && len <= PASSWORD_MAX && strlen(password) == len);
    text_format(ret, PASSWORD_HASH_TEXT, "$argon2id$");
    return OK;
}

/* The two officers that an order names. */
enum err __real_auth_password(struct call *call, const char *email, const char *password, struct uuid *ret_person);
enum err __wrap_auth_password(struct call *call, const char *email, const char *password, struct uuid *ret_person);
enum err
__wrap_auth_password(struct call *call, const char *email, const char *password, struct uuid *ret_person)
{
    int i = email[0] == 'b';

    if (now.who == 'N')
        return __real_auth_password(call, email, password, ret_person);
    *ret_person = ledger_key(world->w->l, world->w->officer[i])->entry.u.key.person;
    return OK;
}

enum err __wrap_auth_anew(struct call *call, const char *password);
enum err
__wrap_auth_anew(struct call *call, const char *password)
{
    (void)call;
    assert(text_utf8_ok(password, strlen(password)));
    return OK;
}

enum err __wrap_password_verify_nobody(const char *password, size_t len);
enum err
__wrap_password_verify_nobody(const char *password, size_t len)
{
    assert(strlen(password) == len);
    return ERR_CREDENTIALS;
}

enum err __wrap_sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t signature[SIGN_LEN]);
enum err
__wrap_sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t signature[SIGN_LEN])
{
    (void)public;
    (void)message;
    return signature[0] == 0xff ? ERR_SIGNATURE : OK;
}

int64_t __wrap_clock_now(const struct clock *c);
int64_t
__wrap_clock_now(const struct clock *c)
{
    (void)c;
    return world->w->now;
}

void __wrap_random_bytes(void *ret, size_t len);
void
__wrap_random_bytes(void *ret, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)ret)[i] = (uint8_t)(now.random += 37);
}

/* ---- one request --------------------------------------------------------------------------------------------------- */

static void
prepare(void)
{
    static struct log quiet = { .fd = -1, .least = LOG_LEVEL_ERROR };
    static const struct rowseal_key no_secret;
    static struct seals seals;
    struct api_config config = { .log = &quiet, .db_worker = "", .clock = { .rate = 1 }, .simulation = true, .share_half_life_days = 30 };
    static const uint8_t SEED[SIGN_SEED_LEN] = { 1, 2, 3 };

    quiet.fd = open("/dev/null", O_WRONLY);
    if (getenv("FUZZ_LOG")) /* to see what an input comes to */
        quiet = (struct log){ .fd = 2, .least = LOG_LEVEL_INFO };
    world = mw_new();
    config.key = sign_key_from_seed(SEED);
    seals = seals_new(&no_secret);
    db = db_new(&(struct db_config){ .conninfo = "host=/nowhere", .name = "fuzz", .no_reconnect = true, .seals = &seals });
    clocks = site_clocks_new();
    if (api_new(&config, &world->detail, &api) != OK)
        abort();
    api_attach(api, NULL, NULL, NULL, NULL, "http://127.0.0.1:8443");
    seen_loaded(api->seen);
    for (int i = 0; i < 2; i++)
        directory_add_organisation(api->directory, &(struct organisation){ .id = world->w->org[i],
                                                                           .country = "PT",
                                                                           .name = "Brisa",
                                                                           .city = "Porto" });
}

/* The line that begins at *at, cut off in place; *at then is the next one's beginning. NULL at the end. */
static char *
line(char **at)
{
    char *begin = *at, *end;

    if (!begin)
        return NULL;
    end = strchr(begin, '\n');
    *at = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return begin;
}

static void
take_header(char *text)
{
    char *colon = strchr(text, ':');

    if (!colon || now.headers_n == HEADERS_MAX)
        return;
    *colon++ = '\0';
    now.headers[now.headers_n++] = (struct http_pair){ text, colon + strspn(colon, " ") };
}

/* Text to now.http. False if http/ would have refused it. */
static bool
read_request(char *text, size_t len)
{
    char *at = text, *method, *uri, *header;

    now.who = text[0];
    at += text[0] != '\0';
    method = line(&at);
    uri = method ? strchr(method, ' ') : NULL;
    if (!uri)
        return false;
    *uri++ = '\0';
    while ((header = line(&at)) != NULL && header[0])
        take_header(header);
    now.http.body = at ? BYTES(at, len - (size_t)(at - text)) : BYTES("", 0);
    now.http.local = now.who == 'L';
    snprintf(now.http.peer, sizeof now.http.peer, "127.0.0.1");
    /* readiness reads nothing of the request, but asks every part of a server that is not there */
    return check_method(method, &now.http.method) && uri_split(uri, &now.http) == OK &&
           strcmp(now.http.path, "/health/ready") != 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    struct http_response *r;

    if (!text)
        abort();
    if (!api)
        prepare();
    memcpy(text, data, len);
    text[len] = '\0';
    memset(&now, 0, sizeof now);
    if (read_request(text, len)) {
        r = api_handle(api, &now.http);
        assert((r != NULL) == !now.kept);
        if (r)
            done_with(r);
        if (now.kept && !now.completed && now.on_deadline)
            now.on_deadline(api, &now.http);
        assert(!now.kept || now.completed);
        if (now.on_gone)
            now.on_gone(api, &now.http);
        assert(!now.on_gone || now.ended);
        assert(atomic_load(&api->calls) == 0);
    }
    free(text);
    return 0;
}
