/* store/identities.h: by what people are known to sign-in providers: (issuer, subject), and nothing else, names a person. */
#ifndef STORE_IDENTITIES_H
#define STORE_IDENTITIES_H

#include "base/arena.h"
#include "store/db.h"

struct identity {
    struct uuid id, person;
    const char *issuer, *subject;
    const char *name, *email; /* as the provider said last, to be shown; "": it did not */
    int64_t created_ms, used_ms;
};

/* ERR_NOT_FOUND. */
enum err identities_find(struct db *db, const char *issuer, const char *subject, struct arena *a, struct identity *ret) MUST_USE;
/* ERR_EXISTS: this (issuer, subject) is somebody's. */
enum err identities_add(struct db *db, const struct identity *i) MUST_USE;
/* It was used: time, name and e-mail address as they are now. */
enum err identities_use(struct db *db, const struct identity *i) MUST_USE;
/* A person's, oldest first. */
enum err identities_of(struct db *db, struct uuid person, struct arena *a, struct identity **ret, size_t *ret_n) MUST_USE;
/* In a transaction, after people_lock(). ERR_NOT_FOUND: this person has none of that id. */
enum err identities_remove(struct db *db, struct uuid id, struct uuid person) MUST_USE;

#endif
