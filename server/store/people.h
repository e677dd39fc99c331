/* store/people.h: people and their roles. Texts of rows live in the arena given. */
#ifndef STORE_PEOPLE_H
#define STORE_PEOPLE_H

#include "base/arena.h"
#include "store/db.h"

enum role_code {
    ROLE_CODE_OWNER = 1,
    ROLE_CODE_MEMBER,
    ROLE_CODE_OFFICER,
    ROLE_CODE_AUDITOR,
    ROLE_CODE_ADMINISTRATOR,
    ROLE_CODE_SITE_OPERATOR
};

struct person {
    struct uuid id;
    const char *name, *email, *password_hash; /* email, hash "": none; who came by a provider */
    int64_t created_ms;
};

struct role {
    struct uuid person;
    int code;                 /* enum role_code */
    struct uuid organisation; /* owner, member; else zero */
    uint64_t site;            /* site operator: SITE index; else NO_INDEX */
};

/* ERR_NOT_FOUND if there is nobody of that address (compared without regard to case) or id. */
enum err people_by_email(struct db *db, const char *email, struct arena *a, struct person *ret) MUST_USE;
enum err people_by_id(struct db *db, struct uuid id, struct arena *a, struct person *ret) MUST_USE;
/* In a transaction: nobody else changes this person until it ends. */
enum err people_lock(struct db *db, struct uuid id, struct arena *a, struct person *ret) MUST_USE;
/* At most max people whose id is above `after` (zero: from the start), in order of id. */
enum err people_list(struct db *db, struct uuid after, int max, struct arena *a, struct person **ret,
                     size_t *ret_n) MUST_USE;
/* Inside a transaction. ERR_EXISTS: the address is taken. */
enum err people_add(struct db *db, const struct person *p) MUST_USE;
enum err people_set_password(struct db *db, struct uuid id, const char *hash) MUST_USE; /* ERR_NOT_FOUND */
enum err roles_of(struct db *db, struct uuid person, struct arena *a, struct role **ret, size_t *ret_n) MUST_USE;
enum err roles_of_organisation(struct db *db, struct uuid organisation, struct arena *a, struct role **ret,
                               size_t *ret_n) MUST_USE;
enum err roles_add(struct db *db, const struct role *r, bool *ret_new) MUST_USE;    /* there already: OK, not new */
enum err roles_remove(struct db *db, const struct role *r, bool *ret_was) MUST_USE; /* not there: OK, it was not */
/* In a transaction: nobody else who asks for this changes who acts for the organisation until it ends. */
enum err roles_lock(struct db *db, struct uuid organisation) MUST_USE;

#endif
