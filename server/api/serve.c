/* api/serve.c: wiring of kontord serve: configuration, key, clock, then http, market, janitor and api, in this order; and all
 * of it taken down again in the other. */
#include "api/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/sealing.h"
#include "base/config.h"
#include "base/text.h"
#include "core/tile.h"
#include "crypto/random.h"
#include "market/courier.h"
#include "market/herald.h"
#include "market/janitor.h"
#include "market/notary.h"
#include "market/outside.h"
#include "store/journal_reads.h"

enum { QUEUE_OF_ORGANISATION = 200, BATCH_MAX = 1000, THREADS_MOST = 64,
       BEGIN_MS = 15000 /* to begin a journal */, LEAVE_S = 5 /* from being asked to end until the process is gone */ };
enum { FEW = 256, FILES_KEPT = 256 }; /* connections of the local socket, and of the metrics; files that are none */

struct server {
    struct config config;
    struct arena *arena;
    struct log log;
    struct sign_key key, log_key, log_next;
    struct market_keys keys;
    struct seals seals;
    struct clock clock;
    const char *base_url;
    struct http_config http_config;
    struct http_server *http;
    struct api *api;
    struct market *market;
    struct janitor *janitor;
    struct notary *notary;
    struct log_policy *policy;
    struct outside *outside;
    struct herald *herald;
    struct courier *courier, *postman;
    struct box_key hook_key, mail_key;
    struct courier_mail mail;
    struct err_detail detail;
};

static int
refuse(const struct server *s, const char *what, enum err err)
{
    const struct err_detail *d = &s->detail;

    fprintf(stderr, "kontord: %s: %s %s\n", what, d->internal[0] ? d->internal : err_sentence(err), d->text);
    return 1;
}

/* "ADDRESS:PORT", "[ADDRESS]:PORT" or "unix:PATH". */
static enum err
read_listener(struct server *s, const char *text, int tag, unsigned threads, int64_t connections)
{
    struct http_listener *l = &s->http_config.listeners[s->http_config.listener_count++];
    const char *colon = strrchr(text, ':');
    int64_t port;
    char *host;

    *l = (struct http_listener){ .tag = tag,
                                 .threads = threads,
                                 .max_connections = (unsigned)(connections / (int64_t)threads) };
    if (l->max_connections < 16)
        l->max_connections = 16;
    if (text_starts(text, "unix:")) {
        l->unix_path = text + 5;
        return OK;
    }
    if (!colon || !text_to_i64(colon + 1, 0, 65535, &port))
        return err_internal(&s->detail, ERR_CONFIG, "not ADDRESS:PORT or unix:PATH: %s", text);
    host = arena_textn(s->arena, text, (size_t)(colon - text));
    if (host[0] == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = '\0';
        host++;
    }
    l->host = host;
    l->port = (uint16_t)port;
    return OK;
}

/* As many as are configured, and as there may be open files: each is one, and some are needed for other things, or the
 * server could not reach its database any more when strangers hold all connections. */
static int64_t
connections_in_all(struct server *s)
{
    int64_t all = s->config.connections;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        all > (int64_t)limit.rlim_cur - FILES_KEPT - s->config.workers) {
        all = (int64_t)limit.rlim_cur - FILES_KEPT - s->config.workers;
        all = all > 64 ? all : 64;
        log_warning(&s->log, "connections", LOG_I64("configured", s->config.connections), LOG_I64("possible", all),
                    LOG_TEXT("why", "the limit of open files (LimitNOFILE, ulimit -n)"));
    }
    return all;
}

static enum err
open_http(struct server *s)
{
    const struct config *c = &s->config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = c->threads ? (unsigned)c->threads : cores > 0 && cores < THREADS_MOST ? (unsigned)cores : 1;
    int64_t all = connections_in_all(s), few = all / 16 > FEW ? FEW : all / 16;
    int64_t agents = c->listen_agents[0] ? all / 4 : 0; /* so that browsers cannot keep the sites out, nor they them */
    const struct http_listener *people;
    enum err err = read_listener(s, c->listen, API_LISTENER_PEOPLE, threads, all - agents - 2 * few);

    s->http_config.max_body = 1 << 20;
    s->http_config.handler = api_handle;
    s->http_config.refuse = api_refuse;
    s->http_config.cls = s->api;
    if (!err)
        err = read_listener(s, arena_printf(s->arena, "unix:%s/admin.sock", c->data_dir), API_LISTENER_LOCAL, 1,
                            few);
    if (!err && c->listen_agents[0])
        err = read_listener(s, c->listen_agents, API_LISTENER_AGENTS, threads, agents);
    if (!err && c->listen_agents[0]) /* their headers are short, and thousands may wait */
        s->http_config.listeners[s->http_config.listener_count - 1].memory = 4096;
    if (!err && c->listen_metrics[0])
        err = read_listener(s, c->listen_metrics, API_LISTENER_METRICS, 1, few);
    if (!err)
        err = http_open(&s->http_config, &s->detail, &s->http);
    if (err)
        return err;
    people = &s->http_config.listeners[0];
    s->base_url = c->base_url;
    if (!s->base_url[0])
        s->base_url = arena_printf(s->arena, "http://%s:%u", people->host ? people->host : "localhost",
                                   people->host ? http_port(s->http, 0) : 80);
    for (size_t i = 0; i < s->http_config.listener_count && !err; i++)
        err = api_check_transport(s->base_url, s->http_config.listeners[i].host, &s->detail);
    return err;
}

/* In a simulation the clock goes on over restarts: when it began in real time is kept in a file beside the key. */
static enum err
set_clock(struct server *s)
{
    const struct config *c = &s->config;
    const char *path = arena_printf(s->arena, "%s/clock", c->data_dir);
    long long origin, real_origin, rate;
    int64_t origin_ms = real_now_ms();
    FILE *f;
    bool good;

    s->clock = clock_real();
    if (!c->simulation) {
        if (c->clock_rate != 1 || c->clock_origin[0])
            return err_internal(&s->detail, ERR_CONFIG, "clock_origin and clock_rate are for simulations only");
        return OK;
    }
    if (c->clock_origin[0] && !time_parse(c->clock_origin, &origin_ms))
        return err_internal(&s->detail, ERR_CONFIG, "clock_origin is no RFC 3339 time: %s", c->clock_origin);
    f = fopen(path, "r");
    if (f) {
        good = fscanf(f, "%lld %lld %lld", &origin, &real_origin, &rate) == 3 && rate >= 1;
        fclose(f);
        if (!good || rate != c->clock_rate)
            return err_internal(&s->detail, ERR_CONFIG, "%s was written for another clock_rate, or is damaged", path);
        s->clock = clock_simulated(origin, real_origin, rate);
        return OK;
    }
    s->clock = clock_simulated(origin_ms, real_now_ms(), c->clock_rate);
    f = fopen(path, "w");
    good = f && fprintf(f, "%lld %lld %lld\n", (long long)s->clock.origin_ms, (long long)s->clock.real_origin_ms,
                        (long long)s->clock.rate) > 0;
    if (f && fclose(f) != 0)
        good = false;
    return good ? OK : err_internal(&s->detail, ERR_IO, "cannot write %s: %s", path, strerror(errno));
}

/* Where agents reach this server: as configured, or its own listener. */
static const char *
agents_url(struct server *s)
{
    const struct http_config *h = &s->http_config;

    if (s->config.advertise_agents[0])
        return s->config.advertise_agents;
    for (size_t i = 0; i < h->listener_count; i++)
        if (h->listeners[i].tag == API_LISTENER_AGENTS && h->listeners[i].host)
            return arena_printf(s->arena, strchr(h->listeners[i].host, ':') ? "http://[%s]:%u" : "http://%s:%u",
                                h->listeners[i].host, http_port(s->http, i));
    return "";
}

static enum err
start_couriers(struct server *s)
{
    const struct config *c = &s->config;
    struct courier_config config = { .market = s->market, .db_worker = c->db_worker, .log = &s->log, .key = s->hook_key, .ca_file = c->delivery_ca_file,
                                     .base_url = s->base_url, .inside = c->webhook_private, .again_ms = c->delivery_again_ms,
                                     .give_up_ms = c->delivery_give_up_ms };
    enum err err = courier_start(&config, &s->courier, &s->detail);

    config.letters = true;
    config.key = s->mail_key;
    config.mail = s->mail;
    return err ? err : courier_start(&config, &s->postman, &s->detail);
}

static enum err
start_market(struct server *s)
{
    const struct config *c = &s->config;
    struct market_config config = {
        .log = &s->log,
        .db_writer = c->db_writer,
        .clock = s->clock,
        .simulation = c->simulation,
        .origin = c->origin,
        .queue_max = (size_t)c->queue,
        .queue_per_organisation = QUEUE_OF_ORGANISATION,
        .batch_max = BATCH_MAX,
        .on_commit = api_on_commit,
        .on_lead = api_on_lead,
        .contact = api_contact,
        .contact_ctx = s->api,
        .policy = s->policy,
        .keys = &s->keys,
        .seals = &s->seals,
        .people_url = c->advertise[0] ? c->advertise : s->base_url,
        .agents_url = agents_url(s),
        .ctx = s->api,
    };
    enum err err;

    memcpy(config.server_public_key, s->key.public, sizeof config.server_public_key);
    err = market_start(&config, &s->market, &s->detail);
    if (!err)
        err = janitor_start(&(struct janitor_config){ .market = s->market, .db_worker = c->db_worker, .log = &s->log, .statement_ms = c->statement_ms },
                            &s->janitor, &s->detail);
    if (!err)
        err = notary_start(&(struct notary_config){ .market = s->market, .db_worker = c->db_worker, .log = &s->log, .seals = &s->seals, .key = s->log_key,
                                                    .next = s->log_next, .has_next = s->keys.log_next != NULL,
                                                    .key_path = arena_printf(s->arena, "%s/log.key", c->data_dir),
                                                    .every_ms = c->checkpoint_ms, .policy = s->policy, .on_signed = api_on_signed,
                                                    .ctx = s->api },
                           &s->notary, &s->detail);
    if (!err && c->policy[0])
        err = outside_start(&(struct outside_config){ .market = s->market, .db_worker = c->db_worker, .log = &s->log, .policy = s->policy,
                                                      .ca_file = c->witness_ca_file, .again_ms = c->witness_again_ms },
                            &s->outside, &s->detail);
    if (!err)
        err = herald_start(&(struct herald_config){ .market = s->market, .db_worker = c->db_worker, .log = &s->log }, &s->herald, &s->detail);
    return err ? err : start_couriers(s);
}

static enum err
load_mail(struct server *s)
{
    const struct config *c = &s->config;
    enum err err = OK;

    s->mail = (struct courier_mail){ .server = c->mail_server, .from = c->mail_from, .user = c->mail_user, .password = "", .clear = c->mail_clear };
    if (c->mail_password_file[0])
        err = config_secret(c->mail_password_file, s->arena, &s->mail.password, &s->detail);
    return err ? err : courier_mail_check(&s->mail, s->arena, &s->detail);
}

static enum err
load_key(struct server *s, const char *name, struct sign_key *ret)
{
    const char *path = arena_printf(s->arena, "%s/%s", s->config.data_dir, name);
    enum err err = sign_key_load(path, ret, &s->detail);

    if (err == ERR_NOT_FOUND)
        err_internal(&s->detail, err, "%s is missing: kontord keygen makes it", path);
    return err;
}

/* The log's key, and the one that a rotation was about to put in its place when it was cut off, if there is one: the
 * journal knows which of the two is in force. */
static enum err
load_log_key(struct server *s)
{
    enum err err = load_key(s, "log.key", &s->log_key);
    enum err next = err ? ERR_NOT_FOUND : sign_key_load(arena_printf(s->arena, "%s/log.key.next", s->config.data_dir), &s->log_next, &s->detail);

    s->keys = (struct market_keys){ .server = &s->key, .log = &s->log_key, .log_next = next == OK ? &s->log_next : NULL };
    if (!err && next == ERR_NOT_FOUND)
        s->detail = (struct err_detail){ .text = "" };
    return err ? err : next == ERR_NOT_FOUND ? OK : next;
}

static enum err
begin(struct server *s)
{
    const struct config *c = &s->config;
    struct api_config api = { .log = &s->log,
                              .db_worker = c->db_worker,
                              .workers = (int)c->workers,
                              .web_dir = c->web_dir,
                              .simulation = c->simulation,
                              .public_entries = c->public_entries,
                              .second_duty = c->second_step_duty,
                              .passwords_program = "/proc/self/exe",
                              .share_half_life_days = c->share_half_life_days };
    enum err err = load_key(s, "server.key", &s->key);

    if (!err)
        err = load_log_key(s);
    if (!err)
        err = sealing_open(c->data_dir, c->db_writer, &s->log, &s->seals, &s->detail);
    if (!err)
        err = sealing_box(c->data_dir, "kontor webhooks/v1", &s->hook_key, &s->detail);
    if (!err)
        err = sealing_box(c->data_dir, "kontor letters/v1", &s->mail_key, &s->detail);
    if (!err)
        err = load_mail(s);
    if (!err)
        err = log_policy_open(s->config.policy, s->config.origin, &s->log, &s->policy, &s->detail);
    if (!err)
        err = set_clock(s);
    api.clock = s->clock;
    api.key = s->key;
    api.seals = &s->seals;
    api.keys_dir = c->data_dir;
    api.hook_key = s->hook_key;
    api.hooks_inside = c->webhook_private;
    api.mail_key = s->mail_key;
    api.mail_server = c->mail_server;
    api.providers_dir = c->providers_dir;
    api.provider_again_ms = c->provider_again_ms;
    api.https = strncmp(c->base_url, "https://", 8) == 0;
    api.passkey_site = c->passkey_site;
    api.passkey_origins = c->passkey_origins;
    if (!err)
        err = api_new(&api, &s->detail, &s->api);
    if (!err)
        err = open_http(s);
    if (!err)
        err = start_market(s);
    if (err)
        return err;
    api_attach(s->api, s->market, s->janitor, s->notary, s->http, s->base_url);
    api_couriers(s->api, courier_figures(s->courier), courier_figures(s->postman));
    err = api_start(s->api, &s->detail);
    return err ? err : http_start(s->http, &s->detail);
}

/* Everybody has been answered by then, and what is committed is committed: if a database that does not answer keeps us, we
 * go without it. */
static void *
leave_at_last(void *arg)
{
    struct server *s = arg;
    struct timespec pause = { .tv_sec = LEAVE_S - 1, .tv_nsec = 500000000 };

    nanosleep(&pause, NULL);
    log_warning(&s->log, "leaving", LOG_TEXT("why", "the database does not answer; what is under way there ends by itself"));
    _exit(0);
}

/* What is kept is answered, what is queued committed, then everything ends. */
static void
end(struct server *s)
{
    if (s->http)
        http_stop(s->http);
    if (s->api && s->market)
        api_quiet(s->api);
    if (s->janitor)
        janitor_stop(s->janitor);
    notary_stop(s->notary);
    outside_stop(s->outside);
    herald_stop(s->herald);
    courier_stop(s->courier);
    courier_stop(s->postman);
    if (s->market)
        market_stop(s->market);
    if (s->api)
        api_stop(s->api);
    api_delete(s->api);
    janitor_delete(s->janitor);
    http_delete(s->http);
    log_policy_close(s->policy);
}

static void
tell_addresses(struct server *s)
{
    for (size_t i = 0; i < s->http_config.listener_count; i++) {
        const struct http_listener *l = &s->http_config.listeners[i];
        static const char *const NAMES[] = { "people", "agents", "local", "metrics" };

        log_info(&s->log, "listening", LOG_TEXT("for", NAMES[l->tag]),
                 LOG_TEXT("address", l->unix_path ? l->unix_path : l->host), LOG_I64("port", http_port(s->http, i)));
    }
    log_info(&s->log, "serving", LOG_TEXT("base_url", s->base_url), LOG_BOOL("simulation", s->config.simulation));
}

/* As many files as we may have: each connection is one. */
static void
raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int
run_serve(int argc, char **argv)
{
    struct server s = { .arena = arena_new(), .log = { .fd = 2 } };
    struct config_rest rest;
    sigset_t signals;
    int status = config_begin(&CONFIG_KONTORD, s.arena, argc, argv, &s.config, &rest);
    int signal_number = 0;
    pthread_t watch;
    enum err err;

    if (status < 0 && rest.argc != 0) {
        fputs("usage: kontord serve [OPTION...]\n", stderr);
        status = 2;
    }
    if (status >= 0) {
        arena_delete(s.arena);
        return status;
    }
    s.log.json = strcmp(s.config.log_format, "json") == 0;
    if (!log_level_parse(s.config.log_level, &s.log.least))
        s.log.least = LOG_LEVEL_INFO;
    raise_files();
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* before any thread */
    err = begin(&s);
    if (err) {
        status = refuse(&s, "cannot start", err);
    } else {
        tell_addresses(&s);
        while (sigwait(&signals, &signal_number) != 0)
            ;
        log_info(&s.log, "stopping", LOG_I64("signal", signal_number));
        if (pthread_create(&watch, NULL, leave_at_last, &s) == 0)
            pthread_detach(watch);
        status = 0;
    }
    end(&s);
    arena_delete(s.arena);
    return status;
}

/* A key that is there is never touched. */
static enum err
make_key(struct server *s, const char *name, struct sign_key *ret, bool *made)
{
    const char *path = arena_printf(s->arena, "%s/%s", s->config.data_dir, name);
    enum err err;

    *ret = sign_key_new();
    err = sign_key_save(ret, path, &s->detail);
    *made = *made || err == OK;
    return err == ERR_EXISTS ? sign_key_load(path, ret, &s->detail) : err;
}

/* Only where there was no key at all: else the database may be sealed already, and the next start of its server knows. */
static enum err
make_seal_key(struct server *s)
{
    struct rowseal_key key = rowseal_key_new();
    enum err err = rowseal_key_save(&key, arena_printf(s->arena, "%s/seal.key", s->config.data_dir), &s->detail);

    random_wipe(&key, sizeof key);
    return err == ERR_EXISTS ? OK : err;
}

/* The server's key signs tickets and receipts, the log's its checkpoints; a third seals the database's rows. Prints the first in hexadecimal, the second as a
 * vkey (C2SP signed-note) under the configured origin. */
static enum err
make_keys(struct server *s)
{
    struct sign_key server, log;
    struct vkey vkey;
    char public[HEX_LEN(SIGN_PUBLIC_LEN)], text[VKEY_TEXT_MAX];
    bool made_server = false, made_log = false;
    enum err err = make_key(s, "server.key", &server, &made_server);

    if (!err)
        err = make_key(s, "log.key", &log, &made_log);
    if (!err && made_server && made_log)
        err = make_seal_key(s);
    if (err)
        return err;
    if (!made_server && !made_log)
        return err_internal(&s->detail, ERR_EXISTS, "server.key and log.key are there already; nothing was changed");
    if (!note_name_ok(s->config.origin))
        return err_internal(&s->detail, ERR_CONFIG, "the origin may have no spaces and no +: %s", s->config.origin);
    hex_encode(BYTES(server.public, sizeof server.public), public);
    vkey = vkey_make(s->config.origin, NOTE_ED25519, log.public);
    vkey_text(&vkey, text);
    return printf("%s\n%s\n", public, text) < 0 ? ERR_IO : OK;
}

int
run_keygen(int argc, char **argv)
{
    struct server s = { .arena = arena_new() };
    struct config_rest rest;
    int status = config_begin(&CONFIG_KONTORD, s.arena, argc, argv, &s.config, &rest);

    if (status < 0) {
        enum err err = make_keys(&s);
        status = err ? refuse(&s, s.config.data_dir, err) : 0;
    }
    arena_delete(s.arena);
    return status;
}

/* ---- a journal that follows another ---------------------------------------------------------------------------------- */

/* The head of an export: what entry 0 will say of the older journal. */
static enum err
read_older(struct server *s, const char *dir, struct head_text *ret)
{
    char text[HEAD_TEXT_MAX + 1];
    const char *path = arena_printf(s->arena, "%s/head", dir);
    FILE *f = fopen(path, "re");
    size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;

    if (!f)
        return err_internal(&s->detail, ERR_IO, "%s: %s", path, strerror(errno));
    fclose(f);
    text[len] = '\0';
    if (strlen(text) != len || !head_text_parse(text, ret) || ret->size == 0)
        return err_internal(&s->detail, ERR_CONFIG, "%s is not the head of an export", path);
    if (strcmp(ret->origin, s->config.origin) == 0)
        return err_internal(&s->detail, ERR_CONFIG, "a new journal has an origin of its own: %s is the older one's", ret->origin);
    return OK;
}

static enum err
check_empty(struct server *s)
{
    struct db *db = db_new(&(struct db_config){ .conninfo = s->config.db_worker, .name = "kontord begin" });
    struct journal_state head;
    enum err err;

    db_act_as(db, DB_ACTOR_SERVER);
    err = journal_reads_head(db, &head);
    if (err)
        err = db_explain(db, err, &s->detail);
    else if (head.size > 0)
        err = err_internal(&s->detail, ERR_STATE, "the database has a journal of %" PRIu64 " entries already", head.size);
    db_delete(db);
    return err;
}

/* The market leads: then its first entries are committed. */
static enum err
wait_for_leading(struct server *s)
{
    struct timespec pause = { .tv_nsec = 20000000 };
    int64_t until_ms = monotonic_ms() + BEGIN_MS;
    char why[320];

    for (;;) {
        enum market_phase phase = market_trouble(s->market, why);

        if (phase == MARKET_LEADING)
            return OK;
        if (phase == MARKET_TROUBLED || monotonic_ms() >= until_ms)
            return err_internal(&s->detail, ERR_NOT_LEADER, "%s", why[0] ? why : "the database does not answer");
        nanosleep(&pause, NULL);
    }
}

static enum err
begin_after(struct server *s, const char *dir)
{
    struct head_text older = { .size = 0 };
    struct market_config config = { .db_writer = s->config.db_writer, .simulation = s->config.simulation, .origin = s->config.origin,
                                    .queue_max = 1, .queue_per_organisation = 1, .batch_max = 1, .keys = &s->keys, .seals = &s->seals };
    enum err err = read_older(s, dir, &older);

    if (!err)
        err = check_empty(s);
    if (!err)
        err = load_key(s, "server.key", &s->key);
    if (!err)
        err = load_log_key(s);
    if (!err)
        err = sealing_open(s->config.data_dir, s->config.db_writer, &s->log, &s->seals, &s->detail);
    if (!err)
        err = set_clock(s);
    if (err)
        return err;
    config.clock = s->clock;
    config.old_size = older.size;
    config.old_root = older.root;
    memcpy(config.server_public_key, s->key.public, sizeof config.server_public_key);
    err = market_start(&config, &s->market, &s->detail);
    if (!err)
        err = wait_for_leading(s);
    market_stop(s->market);
    if (!err)
        printf("%s follows %s, %" PRIu64 " entries\n", s->config.origin, older.origin, older.size);
    return err;
}

int
run_begin(int argc, char **argv)
{
    struct server s = { .arena = arena_new(), .log = { .fd = 2 } };
    struct config_rest rest;
    int status = config_begin(&CONFIG_KONTORD, s.arena, argc, argv, &s.config, &rest);

    if (status < 0 && rest.argc != 1) {
        fputs("usage: kontord begin [OPTION...] EXPORT-OF-THE-OLDER\n", stderr);
        status = 2;
    }
    if (status < 0) {
        enum err err = begin_after(&s, rest.argv[0]);
        status = err ? refuse(&s, "cannot begin", err) : 0;
    }
    arena_delete(s.arena);
    return status;
}

int
run_routes(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    routes_print(stdout);
    return 0;
}
