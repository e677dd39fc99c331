/* store/deliveries.h: webhooks, and what is to be delivered to them, or to people by mail (store/mail.h). Texts of rows live in the arena given. */
#ifndef STORE_DELIVERIES_H
#define STORE_DELIVERIES_H

#include "store/notices.h"

enum { WEBHOOK_URL_MAX = 500, DELIVERIES_WAITING_MAX = 1000 /* of a webhook: beyond it they are given up at once */ };

struct webhook {
    struct uuid id, organisation;
    const char *url;
    int kinds;            /* bit n: enum notices_kind n */
    const char *secret;   /* sealed */
    int64_t created_ms;
    const char *by_name;
    int64_t waiting, given_up; /* deliveries; read only */
};

enum err webhooks_add(struct db *db, const struct webhook *w) MUST_USE;
/* An organisation's, oldest first, at most max. */
enum err webhooks_of(struct db *db, struct uuid organisation, int max, struct arena *a, struct webhook **ret, size_t *ret_n) MUST_USE;
enum err webhooks_find(struct db *db, struct uuid id, struct arena *a, struct webhook *ret) MUST_USE; /* ERR_NOT_FOUND: none, or ended */
/* In a transaction: it is gone, and what waits for it is given up. ERR_NOT_FOUND. */
enum err webhooks_end(struct db *db, struct uuid id, int64_t now_ms) MUST_USE;

enum delivery_state { DELIVERY_WAITS = 1, DELIVERY_TAKEN, DELIVERY_GIVEN_UP };

struct delivery {
    struct uuid id, event, webhook, organisation;
    enum delivery_state state;
    int tries;
    int64_t created_ms, since_ms, next_ms, done_ms;
    int status;
    const char *why;
    /* of its event */
    enum notices_kind kind;
    int64_t at_ms;
    const char *title, *text, *facts, *link;
    const char *url, *secret; /* of its webhook; only deliveries_claim() */
    /* of a letter; only deliveries_letters() */
    struct uuid person;
    const char *address; /* "": there is none any more */
    const char *language, *subject; /* subject: the event's */
};

/* In a transaction with the event, as the server: for each webhook of the organisation that wants the kind, or for `only` it alone. */
enum err deliveries_add(struct db *db, struct uuid event, struct uuid organisation, enum notices_kind kind, struct uuid only, int64_t real_ms) MUST_USE;
/* The next that are due, one a webhook and none of a webhook in `busy` (DB array of uuids), at most max: each counts as tried, and is not due before
 * lease_ms. Only by the server that leads: ERR_NOT_LEADER. */
enum err deliveries_claim(struct db *db, uint64_t term, int64_t real_ms, int64_t lease_ms, const struct uuid *busy, size_t n_busy, int max,
                          struct arena *a, struct delivery **ret, size_t *ret_n) MUST_USE;
/* The same for letters, whomever they go to. */
enum err deliveries_letters(struct db *db, uint64_t term, int64_t real_ms, int64_t lease_ms, int max, struct arena *a, struct delivery **ret,
                            size_t *ret_n) MUST_USE;
/* What became of its last try. Nothing if it was tried again, or ended, since. */
enum err deliveries_done(struct db *db, const struct delivery *d) MUST_USE;
/* Newest first, of one state or (0) of all, at most max. */
enum err deliveries_list(struct db *db, struct uuid organisation, int state, int max, struct arena *a, struct delivery **ret, size_t *ret_n) MUST_USE;
/* One that was given up is tried again from now on. ERR_NOT_FOUND; ERR_STATE: it was not given up, or its webhook is gone. */
enum err deliveries_again(struct db *db, struct uuid id, int64_t real_ms) MUST_USE;
struct deliveries_figures { int64_t waiting, given_up, oldest_ms; }; /* oldest_ms: since when the first of them waits; 0: none does */
enum err deliveries_count(struct db *db, bool letters, struct deliveries_figures *ret) MUST_USE; /* of letters, or of webhooks */

#endif
