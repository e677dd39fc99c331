/* store/aid.h: aid to companies: the rules by which it is given, what was given, who is one undertaking, and what
 * organisations declare. Amounts are gross grant equivalents in euro cents; times are ms. */
#ifndef STORE_AID_H
#define STORE_AID_H

#include "base/arena.h"
#include "store/db.h"

/* A legal basis from a time on, until a row of the same code with a later one. */
struct aid_rule {
    struct uuid id, by;
    const char *code, *name, *reference;
    int64_t cap_cents;          /* of all to one undertaking within any so many years; 0: none */
    int years;
    int64_t declared_within_ms; /* a declaration must not be older; 0: none is asked for */
    int64_t valid_from_ms, created_ms;
};

/* The aid of one grant. account: NO_INDEX until it is known that the grant was made. */
struct aid {
    struct uuid order, organisation, rule;
    int64_t cents, before_cents, granted_ms;
    uint64_t account;
    bool older; /* in an older origin's journal: it counts, and this one knows nothing of it */
};

struct aid_declaration {
    struct uuid id, organisation, by;
    int64_t made_ms;
    const char *by_name, *body; /* body: as the API has taken it, canonical JSON */
};

/* Two organisations that are one undertaking. */
struct aid_link {
    struct uuid a, b, by;
    int64_t since_ms;
    const char *by_name, *reason;
};

/* All, by code, the oldest first. */
enum err aid_rules(struct db *db, struct arena *a, struct aid_rule **ret, size_t *ret_n) MUST_USE;
enum err aid_rules_add(struct db *db, const struct aid_rule *r) MUST_USE; /* ERR_EXISTS: one of the code begins then */

/* Until the transaction's end nobody else gives aid. */
enum err aid_lock(struct db *db) MUST_USE;
/* The organisation, and those that it is one undertaking with, directly or through others. */
enum err aid_undertaking(struct db *db, struct uuid organisation, struct arena *a, struct uuid **ret, size_t *ret_n) MUST_USE;
/* Of its whole undertaking, as far as row security shows it, oldest first; also what was reserved and may never be granted. */
enum err aid_of(struct db *db, struct uuid organisation, struct arena *a, struct aid **ret, size_t *ret_n) MUST_USE;
/* What was granted in [from, until), oldest first. */
enum err aid_between(struct db *db, int64_t from_ms, int64_t until_ms, struct arena *a, struct aid **ret, size_t *ret_n) MUST_USE;
enum err aid_of_account(struct db *db, uint64_t account, struct aid *ret) MUST_USE; /* ERR_NOT_FOUND */
enum err aid_add(struct db *db, const struct aid *aid) MUST_USE;                     /* ERR_EXISTS */
enum err aid_granted(struct db *db, struct uuid order, uint64_t account) MUST_USE;
enum err aid_drop(struct db *db, struct uuid order) MUST_USE;

/* The newest of each organisation of the undertaking, as far as row security shows it. */
enum err aid_declared(struct db *db, struct uuid organisation, struct arena *a, struct aid_declaration **ret, size_t *ret_n) MUST_USE;
enum err aid_declare(struct db *db, const struct aid_declaration *d) MUST_USE;

/* Those of the organisation that have not ended. */
enum err aid_links(struct db *db, struct uuid organisation, struct arena *a, struct aid_link **ret, size_t *ret_n) MUST_USE;
enum err aid_links_add(struct db *db, const struct aid_link *l) MUST_USE;
enum err aid_links_end(struct db *db, struct uuid a, struct uuid b, int64_t now_ms) MUST_USE; /* ERR_NOT_FOUND */

#endif
