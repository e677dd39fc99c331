/* api/api.h
 * The HTTP interface: routes, who may call them, JSON in, one call, JSON out. main.c makes one struct api, gives its
 * handler to http/ and its commit hook to the market, and starts it when both are there.
 *
 * Threads: a call begins on a socket thread; what needs the database, or time, goes on in a worker; commands go through
 * the market and come back to a worker, which renders the reply. */
#ifndef API_API_H
#define API_API_H

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/box.h"
#include "crypto/sign.h"
#include "http/http.h"
#include "market/market.h"

struct api;
struct janitor;
struct notary;

enum api_listener { API_LISTENER_PEOPLE, API_LISTENER_AGENTS, API_LISTENER_LOCAL, API_LISTENER_METRICS };

struct api_config {
    const struct log *log;
    const char *db_worker; /* conninfo */
    int workers;           /* threads with a connection each */
    const char *web_dir;   /* what the browser gets; NULL: nothing */
    struct clock clock;
    bool simulation, https; /* https: browsers come by TLS, which ends in a proxy in front */
    bool public_entries;   /* everybody may read every entry's bytes */
    bool second_duty;      /* officers and administrators must have a second step after their password */
    int64_t share_half_life_days;
    struct sign_key key; /* the server's: signs tickets, receipts and vouched-for orders */
    const struct seals *seals; /* of the evidence it stores and serves; as long as the api */
    const char *providers_dir; /* of the sign-in providers' files; NULL or "": none */
    int64_t provider_again_ms;
    const char *passkey_site, *passkey_origins; /* NULL or "": what base_url says */
    struct box_key hook_key; /* what webhooks' secrets are sealed under */
    bool hooks_inside;       /* webhooks may go to private addresses, by plain http */
    struct box_key mail_key; /* what letters' links are sealed under */
    const char *mail_server; /* NULL or "": no letters go out */
    const char *passwords_program; /* what hashes passwords beside us (api/passwords.h); NULL: nothing does */
    const char *keys_dir; /* where it and the log's lie; NULL: nobody watches them */
};

/* Strings are copied. ERR_CONFIG, ERR_IO with d->internal. */
enum err api_new(const struct api_config *config, struct err_detail *d, struct api **ret) MUST_USE;
/* Before api_start(): where commands go, who minds the clock and who signs checkpoints (as long as the api), whose figures /metrics shows, and
 * where people's browsers find us: http(s)://host[:port], no slash at the end. */
void api_attach(struct api *api, struct market *market, struct janitor *janitor, struct notary *notary,
                struct http_server *http, const char *base_url);
/* Whose figures /metrics shows too; before api_start(). */
struct courier_figures;
void api_couriers(struct api *api, const struct courier_figures *hooks, const struct courier_figures *letters);
enum err api_start(struct api *api, struct err_detail *d) MUST_USE;
/* After http_stop(), before janitor_stop() and market_stop(): waits, at most 10 s, until every call that was begun has come
 * to its end, so that nobody asks the market any more. */
void api_quiet(struct api *api);
/* After market_stop(): lets the workers finish what is queued, joins them. */
void api_stop(struct api *api);
void api_delete(struct api *api);

/* For struct http_config: cls is the struct api. */
struct http_response *api_handle(void *cls, struct http_call *call);
struct http_response *api_refuse(void *cls, const struct http_call *call, enum err err);
/* For struct market_config: ctx is the struct api. */
void api_on_commit(void *ctx, const struct market_event *events, size_t n);
void api_on_lead(void *ctx, bool leads);
int64_t api_contact(void *ctx, uint64_t site);
/* For struct notary_config: ctx is the struct api. */
void api_on_signed(void *ctx);

/* Method, path, name, roles, key: one line a route, for the test that compares them with the contract. */
void routes_print(FILE *to);

/* Checks a base URL and where the server listens: ERR_CONFIG if plain HTTP would leave the machine. */
enum err api_check_transport(const char *base_url, const char *listen_host, struct err_detail *d) MUST_USE;

#endif
