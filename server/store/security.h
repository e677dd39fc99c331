/* store/security.h: what was done to a person's ways in, and in a person's name by tokens. Texts of rows live in the arena
 * given. */
#ifndef STORE_SECURITY_H
#define STORE_SECURITY_H

#include "base/arena.h"
#include "store/db.h"

enum security_what {
    SECURITY_TOKEN_MADE = 1,
    SECURITY_TOKEN_ENDED,
    SECURITY_TOKEN_ACTED, /* asked for something to be changed; told before it is done */
    SECURITY_PASSWORD_CHANGED,
    SECURITY_PASSWORD_SET, /* by somebody else */
    SECURITY_PASSKEY_ADDED,
    SECURITY_PASSKEY_REMOVED,
    SECURITY_PASSKEY_REFUSED,
    SECURITY_SECOND_DEMANDED, /* a second step after the password */
    SECURITY_SECOND_WAIVED,
    SECURITY_CODES_MADE,
    SECURITY_CODE_USED,
    SECURITY_KEY_ASKED, /* a key to sign orders with */
    SECURITY_KEY_CONFIRMED,
    SECURITY_KEY_REFUSED,
    SECURITY_KEY_ENDED,
    SECURITY_ORDER_SIGNED,
    SECURITY_ADDRESS_CONFIRMED, /* letters go there */
};

/* How long it is kept, as a row of a token that is over. */
#define SECURITY_KEEP_MS (INT64_C(730) * 86400000)

struct security_event {
    struct uuid id, person;
    int64_t at_ms;
    enum security_what what;
    const char *name, *detail; /* the token's or passkey's; its scope, or the route; "" none */
    const char *client;        /* the network that it came from */
    const char *by_name;       /* who did it, where it was not the person; else "" */
};

enum err security_add(struct db *db, const struct security_event *e) MUST_USE;
/* Newest first, at most max, older than `before` (all ones: from the newest). */
enum err security_of(struct db *db, struct uuid person, struct uuid before, int max, struct arena *a, struct security_event **ret, size_t *ret_n) MUST_USE;
enum err security_remove_old(struct db *db, int64_t before_ms) MUST_USE;

#endif
