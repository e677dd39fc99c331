/* store/orders.h: orders that wait for signatures, and what was signed; the keys that officers ask for. Texts and bytes of rows live in
 * the arena given. */
#ifndef STORE_ORDERS_H
#define STORE_ORDERS_H

#include "base/arena.h"
#include "store/db.h"

enum order_state { ORDER_PROPOSED = 1, ORDER_APPROVED, ORDER_IN_JOURNAL, ORDER_WITHDRAWN, ORDER_REFUSED };

struct order_row {
    struct uuid id, proposer;  /* proposer all ones: the operator on the machine */
    struct bytes entry;        /* but for place, links and authority */
    const char *basis;         /* of a grant: its legal basis' code; else "" */
    const char *proposer_name;
    int signers;
    int64_t created_ms, lapses_ms;
    enum order_state state;
    int tries;                 /* how often the ledger refused it after it was approved */
    int64_t ended_ms;          /* 0: it is open */
    const char *ended_by, *reason;
    uint64_t journal_entry;    /* NO_INDEX until it is there */
};

struct order_signature {
    struct uuid order, person;
    const char *name;
    int class;
    uint64_t key;
    struct bytes signature; /* 64 */
    struct bytes assertion; /* of a passkey's, what the signature is the hash of; else none */
    int64_t at_ms;
};

/* What changes one: in a transaction, after orders_lock. */
enum err orders_add(struct db *db, const struct order_row *o) MUST_USE; /* ERR_EXISTS */
enum err orders_find(struct db *db, struct uuid id, struct arena *a, struct order_row *ret) MUST_USE; /* ERR_NOT_FOUND */
enum err orders_lock(struct db *db, struct uuid id, struct arena *a, struct order_row *ret) MUST_USE; /* the same; nobody else changes it */
/* Newest first, at most max, older than `before` (all ones: from the newest); open: those alone that are open at this time (0: all). */
enum err orders_list(struct db *db, struct uuid before, int64_t open_ms, int max, struct arena *a, struct order_row **ret, size_t *ret_n) MUST_USE;
enum err orders_approve(struct db *db, struct uuid id) MUST_USE;
enum err orders_tried(struct db *db, struct uuid id) MUST_USE;
enum err orders_done(struct db *db, struct uuid id, uint64_t entry, int64_t now_ms) MUST_USE;
/* Withdrawn or refused. ERR_NOT_FOUND: it is over already. */
enum err orders_end(struct db *db, struct uuid id, enum order_state how, const char *by, const char *reason, int64_t now_ms) MUST_USE;

enum err order_signatures_add(struct db *db, const struct order_signature *s) MUST_USE; /* ERR_EXISTS: this person has signed */
enum err order_signatures_of(struct db *db, struct uuid order, struct arena *a, struct order_signature **ret, size_t *ret_n) MUST_USE; /* the oldest first */

enum { OFFICER_KEYS_LOOKED_AT = 200 }; /* more nobody has */

struct officer_key {
    struct uuid id, person;
    const char *person_name, *name;
    struct bytes ed25519; /* 32; of a passkey, what the journal has in its place (crypto/assertion.h) */
    const char *site;              /* of a passkey: for whom it is; "": it is none */
    struct bytes cose, credential; /* of a passkey: its key, what the authenticator calls it */
    int64_t created_ms, confirmed_ms, ended_ms; /* 0: not */
    const char *confirmed_by;
};

enum err officer_keys_add(struct db *db, const struct officer_key *k) MUST_USE; /* ERR_EXISTS: this public key was asked for before */
enum err officer_keys_find(struct db *db, struct uuid id, struct arena *a, struct officer_key *ret) MUST_USE; /* ERR_NOT_FOUND */
/* A person's, or all (zero), the newest first. */
enum err officer_keys_list(struct db *db, struct uuid person, int max, struct arena *a, struct officer_key **ret, size_t *ret_n) MUST_USE;
enum err officer_keys_confirm(struct db *db, struct uuid id, const char *by, int64_t now_ms) MUST_USE; /* ERR_NOT_FOUND: it is confirmed or over already */
enum err officer_keys_end(struct db *db, struct uuid id, int64_t now_ms) MUST_USE; /* ERR_NOT_FOUND: it is over already */

#endif
