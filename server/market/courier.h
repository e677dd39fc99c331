/* market/courier.h
 * The thread that delivers what people's programs are to be told (store/deliveries.h), while this server leads. A delivery is
 * claimed before it is tried, so that a crash counts as a try; it may come twice, with the same id each time. What fails is tried
 * again, later each time, and given up after days. One slow or hostile receiver takes one lane, for seconds, and a few kB.
 * There are two of it, each with a thread and a connection of its own: one for webhooks, one for people's letters. */
#ifndef MARKET_COURIER_H
#define MARKET_COURIER_H

#include <stdatomic.h>

#include "crypto/box.h"
#include "market/market.h"
#include "store/notices.h"

struct courier;

/* How letters go out. */
struct courier_mail {
    const char *server;          /* smtp://HOST:PORT or smtps://HOST:PORT; "": none go out */
    const char *from;            /* an address, or "Name <address>" */
    const char *user, *password; /* "": none */
    bool clear;                  /* without TLS */
};
/* ERR_CONFIG: it makes no sense, or would show the password on its way. */
enum err courier_mail_check(const struct courier_mail *m, struct arena *a, struct err_detail *d) MUST_USE;

struct courier_config {
    bool letters; /* else webhooks */
    struct market *market;
    const char *db_worker; /* conninfo */
    const struct log *log; /* may be NULL */
    struct box_key key;    /* that webhooks' secrets are sealed under, about their ids; or that letters' links are made under */
    struct courier_mail mail; /* its texts outlive the courier */
    const char *ca_file;   /* who may vouch for receivers; "": the system's */
    const char *base_url;  /* of the pages */
    bool inside;           /* private addresses and plain http too */
    int64_t again_ms, give_up_ms; /* the shortest pause after a failure; how long it is tried */
};

/* What it has counted since it started, and what the table showed when it last looked. */
struct courier_figures {
    atomic_uint_fast64_t taken, failed, given_up;
    atomic_int_fast64_t waiting, dead, oldest_ms;
};

enum err courier_start(const struct courier_config *config, struct courier **ret, struct err_detail *d) MUST_USE;
/* Before market_stop(). NULL: nothing. */
void courier_stop(struct courier *c);
const struct courier_figures *courier_figures(const struct courier *c);

/* Sealed as courier_start()'s key opens it; ret: BOX_TEXT_LEN(32). */
struct hook_secret;
void courier_seal(const struct box_key *key, struct uuid webhook, const struct hook_secret *secret, char *ret);

/* The links in letters: what they open stands in them, sealed, so that nothing of them need be kept. ERR_NOT_FOUND: not ours. */
#define COURIER_TOKEN_TEXT BOX_TEXT_LEN(17)
#define COURIER_CONFIRM_MS (INT64_C(2) * 86400000) /* real time: for so long an address can be confirmed */
void courier_confirm_token(const struct box_key *key, struct uuid id, char ret[COURIER_TOKEN_TEXT]);
void courier_stop_token(const struct box_key *key, struct uuid person, enum notices_kind kind, char ret[COURIER_TOKEN_TEXT]);
enum err courier_confirm_open(const struct box_key *key, const char *token, struct uuid *ret) MUST_USE;
enum err courier_stop_open(const struct box_key *key, const char *token, struct uuid *ret_person, enum notices_kind *ret_kind) MUST_USE;

/* The pause after so many tries that failed, from this random number. For tests. */
int64_t courier_pause(int64_t again_ms, int tries, uint32_t random);

#endif
