/* store/rights.h: changes of people's rights, told for good, and invitations, which open once. Texts of rows live in the
 * arena given. */
#ifndef STORE_RIGHTS_H
#define STORE_RIGHTS_H

#include "base/arena.h"
#include "store/people.h"

enum right_what { RIGHT_GIVEN = 1, RIGHT_TAKEN, RIGHT_JOINED, RIGHT_LEFT };

struct right_change {
    struct uuid id, by; /* by all ones: the operator on the machine */
    int64_t at_ms;
    enum right_what what;
    struct role role;     /* whose, and which */
    const char *by_name, *name, *reason;
};

struct invitation {
    struct uuid id, organisation, by, used_by; /* used_by zero: it was not used */
    int code;                                  /* ROLE_CODE_OWNER, ROLE_CODE_MEMBER */
    const char *note, *by_name;                /* note: for whom, "" if nothing was said */
    int64_t created_ms, expires_ms, ended_ms;  /* ended: used or withdrawn; 0: neither */
};

/* In a transaction. */
enum err rights_add(struct db *db, const struct right_change *r) MUST_USE;
/* Newest first, at most max, older than `before` (all ones: from the newest). */
enum err rights_of_person(struct db *db, struct uuid person, struct uuid before, int max, struct arena *a, struct right_change **ret,
                          size_t *ret_n) MUST_USE;
enum err rights_of_organisation(struct db *db, struct uuid organisation, struct uuid before, int max, struct arena *a,
                                struct right_change **ret, size_t *ret_n) MUST_USE;

enum err invitations_add(struct db *db, const struct invitation *i, struct hash token_hash) MUST_USE;
/* Those that were not used, withdrawn or over at this time, newest first: at most max. */
enum err invitations_open(struct db *db, struct uuid organisation, int64_t now_ms, int max, struct arena *a, struct invitation **ret,
                          size_t *ret_n) MUST_USE;
/* Of this token and open. In a transaction nobody else takes it until that ends. ERR_INVITATION. */
enum err invitations_find(struct db *db, struct hash token_hash, int64_t now_ms, struct arena *a, struct invitation *ret) MUST_USE;
/* Used by somebody, or withdrawn (used_by zero). ERR_NOT_FOUND: there is none that is open. */
enum err invitations_end(struct db *db, struct uuid id, int64_t now_ms, struct uuid used_by) MUST_USE;

#endif
