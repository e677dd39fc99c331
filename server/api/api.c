/* api/api.c: the api as a whole: made, attached to the market, started, stopped. */
#include "api/api.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/internal.h"
#include "api/pages.h"
#include "api/passwords.h"
#include "api/pour.h"
#include "api/providers.h"
#include "api/shares.h"
#include "base/text.h"
#include "crypto/random.h"
#include "market/guard.h"
#include "market/janitor.h"
#include "store/answers.h"
#include "store/blobs.h"
#include "store/secrets.h"
#include "store/cosignatures.h"
#include "store/evidence.h"
#include "api/ways.h"
#include "store/passkeys.h"
#include "store/notices.h"
#include "store/security.h"
#include "store/sessions.h"
#include "store/tokens.h"

/* The contract, built in. */
static const char OPENAPI[] =
#include "api/openapi.inc"
    ;

enum { KEYS_MAX = 2000000, QUIET_MS = 10000, TEND_EVERY_MS = 600000, TEND_AGAIN_MS = 1000, SWEEP_REAL_MS = 60000, PASSWORDS_ANSWER_MS = 3000 };

/* Plain HTTP never leaves the machine. */
static bool
loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "[::1]") == 0;
}

enum err
api_check_transport(const char *base_url, const char *listen_host, struct err_detail *d)
{
    char host[256];
    const char *at;
    size_t len;

    if (listen_host && !loopback(listen_host) && strncmp(base_url, "https://", 8) != 0)
        return err_internal(d, ERR_CONFIG, "listening at %s needs an https base_url: put a proxy in front",
                            listen_host);
    if (strncmp(base_url, "https://", 8) == 0)
        return OK;
    if (strncmp(base_url, "http://", 7) != 0)
        return err_internal(d, ERR_CONFIG, "base_url must begin with https:// or http://");
    at = base_url + 7;
    len = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");
    if (len >= sizeof host)
        return err_internal(d, ERR_CONFIG, "base_url is too long");
    memcpy(host, at, len);
    host[len] = '\0';
    if (!loopback(host))
        return err_internal(d, ERR_CONFIG, "base_url must be https unless it is on this machine: %s", base_url);
    return OK;
}

enum err
api_new(const struct api_config *config, struct err_detail *d, struct api **ret)
{
    struct api *api = xcalloc(1, sizeof *api);
    enum err err;

    crypto_ready();
    pthread_mutex_init(&api->random_lock, NULL);
    api->log = config->log;
    api->db_worker = xstrdup(config->db_worker);
    api->seals = config->seals;
    api->clock = config->clock;
    api->simulation = config->simulation;
    api->https = config->https;
    api->public_entries = config->public_entries;
    api->second_duty = config->second_duty;
    api->key = config->key;
    api->hook_key = config->hook_key;
    api->hooks_inside = config->hooks_inside;
    api->mail_key = config->mail_key;
    api->mail_server = xstrdup(config->mail_server ? config->mail_server : "");
    api->sign_in_key = box_key_from(&config->key, "kontor sign-in/v1");
    api->passkey_site = xstrdup(config->passkey_site ? config->passkey_site : "");
    api->passkey_origins = xstrdup(config->passkey_origins ? config->passkey_origins : "");
    api->keys_dir = config->keys_dir ? xstrdup(config->keys_dir) : NULL;
    atomic_store(&api->key_index, NO_INDEX);
    api->workers = config->workers;
    api->pool = pool_new(api);
    api->sessions = sessions_cache_new();
    api->directory = directory_new();
    api->limiter = limiter_new();
    api->passwords = passwords_new(config->passwords_program, PASSWORDS_ANSWER_MS, config->log);
    api->brisk = brisk_new();
    api->pours = pours_new();
    api->waits = waits_new(api);
    api->watchers = watchers_new(api);
    api->traffic = traffic_new();
    api->started_ms = real_now_ms();
    api->witness_figures = witness_figures_new(api);
    api->seen = seen_new();
    api->site_waits = site_waits_new();
    api->sums = sums_cache_new();
    api->shares = shares_cache_new(config->share_half_life_days);
    if (config->web_dir) {
        if (pages_load(config->web_dir, api->https, d, &api->pages))
            log_warning(api->log, "no-pages", LOG_TEXT("detail", d->internal));
        d->internal[0] = '\0';
    }
    api->openapi = http_response(200, "application/yaml", OPENAPI, sizeof OPENAPI - 1, HTTP_FOREVER);
    response_guard(api->openapi, api->https);
    http_response_header(api->openapi, "Cache-Control", "no-cache");
    http_response_share(api->openapi);
    health_prepare(api);
    if (config->providers_dir && config->providers_dir[0] &&
        (err = providers_open(config->providers_dir, config->provider_again_ms, api->log, &api->providers, d))) {
        api_delete(api);
        return err;
    }
    *ret = api;
    return OK;
}

void
api_attach(struct api *api, struct market *market, struct janitor *janitor, struct notary *notary,
           struct http_server *http, const char *base_url)
{
    free(api->base_url);
    api->base_url = xstrdup(base_url);
    api->cookie = api->https ? "__Host-kontor" : "kontor";
    passkeys_prepare(api);
    api->sign_in_cookie = api->https ? "__Host-kontor-sign-in" : "kontor-sign-in";
    api->market = market;
    api->janitor = janitor;
    api->notary = notary;
    api->http = http;
}

void
api_couriers(struct api *api, const struct courier_figures *hooks, const struct courier_figures *letters)
{
    api->courier = hooks;
    api->postman = letters;
}

static void
take_key(void *ctx, uint64_t head)
{
    struct hash scope = { { 0 } };

    for (int i = 0; i < 8; i++)
        scope.b[i] = (uint8_t)(head >> (56 - 8 * i));
    seen_add(ctx, scope);
}

/* What is kept in memory beside the market's state. */
static enum err
load(struct api *api, struct db *db)
{
    enum err err = directory_load(api->directory, db);

    if (!err)
        err = call_answers_keys(db, clock_now(&api->clock) - ANSWERS_KEEP_MS, KEYS_MAX, take_key, api->seen);
    if (!err)
        seen_loaded(api->seen);
    return err;
}

/* What is over goes: answers past their time, sessions, bytes that nothing names, checkpoints that nothing needs. */
static enum err
clean(struct api *api, struct db *db)
{
    int64_t now_ms = clock_now(&api->clock), kept_ms = api->clock.rate * SWEEP_REAL_MS, swept = 0, checkpoints = 0, secrets = 0;
    enum err err = call_answers_remove_old(db, now_ms - ANSWERS_KEEP_MS);

    if (!err)
        err = sessions_remove_expired(db, now_ms);
    if (!err)
        err = passkeys_spent_remove(db, real_now_ms());
    if (!err)
        err = tokens_remove_old(db, now_ms - SECURITY_KEEP_MS);
    if (!err)
        err = security_remove_old(db, now_ms - SECURITY_KEEP_MS);
    if (!err)
        err = notices_remove_old(db, now_ms - NOTICES_KEEP_MS);
    if (!err)
        err = blobs_sweep(db, now_ms - (kept_ms > BLOBS_KEEP_MS ? kept_ms : BLOBS_KEEP_MS), &swept);
    if (!err)
        err = secrets_sweep(db, now_ms - api->clock.rate * SECRETS_YOUNG_MS, &secrets);
    if (!err)
        err = checkpoints_sweep(db, &checkpoints);
    if (swept > 0 || checkpoints > 0 || secrets > 0)
        log_info(api->log, "swept", LOG_I64("blobs", swept), LOG_I64("checkpoints", checkpoints), LOG_I64("secrets", secrets));
    return err;
}

/* In a worker. What is kept in memory is read when the server starts and when it begins to lead, since another may have
 * written meanwhile; until then every key is looked up and names are asked for. What fails is tried again. */
static void
tend(void *ctx, struct db *db)
{
    struct api *api = ctx;
    bool stale = atomic_exchange(&api->stale, false);
    enum err err = stale ? load(api, db) : OK;
    char why[160];

    if (err)
        atomic_store(&api->stale, true);
    else if (janitor_trouble(api->janitor, why)) /* nothing is thrown away by a clock that is in doubt */
        err = clean(api, db);
    if (err)
        log_warning(api->log, "tend", LOG_TEXT("error", err_wire(err)), LOG_TEXT("detail", db_message(db)));
    atomic_store(&api->tend_ms, monotonic_ms() + TEND_EVERY_MS);
    if (err)
        atomic_store(&api->tend_ms, monotonic_ms() + TEND_AGAIN_MS);
    else if (atomic_load(&api->stale)) /* it has begun to lead meanwhile */
        atomic_store(&api->tend_ms, 0);
    atomic_store(&api->tending, false);
}

void
api_tend(struct api *api)
{
    bool idle = false;

    if (monotonic_ms() >= atomic_load(&api->tend_ms) && !atomic_load(&api->quiet) &&
        atomic_compare_exchange_strong(&api->tending, &idle, true))
        pool_task(api->pool, tend, api);
}

enum err
api_start(struct api *api, struct err_detail *d)
{
    enum err err = pool_start(api->pool, api->workers, d);

    if (!err)
        err = providers_start(api->providers, d);
    atomic_store(&api->stale, true);
    if (!err)
        api_tend(api);
    return err;
}

void
api_quiet(struct api *api)
{
    int64_t end_ms = monotonic_ms() + QUIET_MS;

    atomic_store(&api->quiet, true);
    providers_stop(api->providers);
    while ((atomic_load(&api->calls) || !pool_still(api->pool)) && monotonic_ms() < end_ms)
        usleep(1000);
}

void
api_stop(struct api *api)
{
    pool_stop(api->pool);
}

void
api_delete(struct api *api)
{
    if (!api)
        return;
    free(api->passkey_site);
    free(api->passkey_origins);
    providers_delete(api->providers);
    pool_delete(api->pool);
    waits_delete(api->waits);
    watchers_delete(api->watchers);
    traffic_delete(api->traffic);
    sessions_cache_delete(api->sessions);
    directory_delete(api->directory);
    limiter_delete(api->limiter);
    passwords_delete(api->passwords);
    brisk_delete(api->brisk);
    pours_delete(api->pours);
    witness_figures_delete(api->witness_figures);
    seen_delete(api->seen);
    site_waits_delete(api->site_waits);
    sums_cache_delete(api->sums);
    shares_cache_delete(api->shares);
    pages_delete(api->pages);
    for (size_t i = 0; i < sizeof api->well / sizeof api->well[0]; i++)
        http_response_delete(api->well[i]);
    http_response_delete(api->openapi);
    random_wipe(&api->key, sizeof api->key);
    random_wipe(&api->sign_in_key, sizeof api->sign_in_key);
    random_wipe(&api->hook_key, sizeof api->hook_key);
    random_wipe(&api->mail_key, sizeof api->mail_key);
    free(api->mail_server);
    pthread_mutex_destroy(&api->random_lock);
    free(api->db_worker);
    free(api->keys_dir);
    free(api->base_url);
    free(api);
}

uint64_t
api_key_number(const struct state *s, const struct sign_key *key)
{
    const struct key *k;
    uint64_t index = 0;

    for (size_t it = 0; (k = ledger_next_key(s->ledger, &it)) != NULL;)
        if (k->entry.u.key.use == KEY_SERVER && k->entry.u.key.status == KEY_ACTIVE &&
            memcmp(k->entry.u.key.ed25519, key->public, sizeof key->public) == 0)
            index = k->index;
    return index;
}

/* The key does not change while the process runs: whoever finds it first notes it. */
uint64_t
api_key_index(struct api *api)
{
    uint64_t index = atomic_load_explicit(&api->key_index, memory_order_relaxed);
    const struct state *s = index == NO_INDEX ? market_read_lock(api->market) : NULL;

    if (!s)
        return index == NO_INDEX ? 0 : index;
    index = api_key_number(s, &api->key);
    market_read_unlock(api->market);
    atomic_store_explicit(&api->key_index, index, memory_order_relaxed);
    return index;
}

bool
api_keys_there(const struct api *api)
{
    static const char *const FILES[] = { "server.key", "log.key", "seal.key" };
    char path[4096];

    for (size_t i = 0; api->keys_dir && i < sizeof FILES / sizeof FILES[0]; i++)
        if (!text_format(path, sizeof path, "%s/%s", api->keys_dir, FILES[i]) || access(path, R_OK) != 0)
            return false;
    return true;
}

char *
api_sign(struct api *api, const char *typ, struct bytes claims)
{
    char kid[24];

    snprintf(kid, sizeof kid, "%" PRIu64, api_key_index(api));
    return jws_make(&api->key, typ, kid, claims);
}

static void
leave_waits(void *ctx, struct db *db)
{
    struct api *api = ctx;

    (void)db;
    waits_leave(api->waits, ERR_NOT_LEADER);
    watchers_leave(api->watchers, ERR_NOT_LEADER);
}

/* The state was built anew. What was committed meanwhile, by another server or in a batch whose outcome nobody heard, was
 * told to nobody who waits here: they are to ask again. And where witnesses are to show what they have cosigned, they are
 * told at once, not when their waiting is over. */
static void
wake_waits(void *ctx, struct db *db)
{
    struct api *api = ctx;
    struct guard_now guard;

    (void)db;
    guard_look(api->market, &guard);
    waits_leave(api->waits, guard.open ? OK : ERR_GUARDED);
    watchers_leave(api->watchers, guard.open ? OK : ERR_GUARDED);
}

void
api_on_lead(void *ctx, bool leads)
{
    struct api *api = ctx;

    if (!leads) {
        if (!atomic_load(&api->quiet))
            pool_task(api->pool, leave_waits, api);
        return;
    }
    seen_forget(api->seen);
    sessions_cache_forget(api->sessions);
    atomic_store(&api->stale, true);
    atomic_store(&api->tend_ms, 0);
    api_tend(api);
    if (!atomic_load(&api->quiet))
        pool_task(api->pool, wake_waits, api);
}

int64_t
api_contact(void *ctx, uint64_t site)
{
    const struct api *api = ctx;

    return directory_contact(api->directory, site);
}

void
api_on_commit(void *ctx, const struct market_event *events, size_t n)
{
    struct api *api = ctx;

    if (!atomic_load(&api->quiet))
        waits_events(api->waits, events, n);
}

void
api_on_signed(void *ctx)
{
    struct api *api = ctx;

    if (!atomic_load(&api->quiet))
        watchers_signed(api->watchers);
}
