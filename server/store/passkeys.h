/* store/passkeys.h: people's passkeys, and the challenges that were answered. Texts and bytes of rows live in the arena given. */
#ifndef STORE_PASSKEYS_H
#define STORE_PASSKEYS_H

#include "base/arena.h"
#include "crypto/passkey.h"
#include "store/db.h"

enum { PASSKEY_NAME_MAX = 60, PASSKEY_HANDLE = 32 };

struct passkey {
    struct uuid id, person;
    const char *name;
    struct bytes credential;        /* what the authenticator calls it */
    uint8_t handle[PASSKEY_HANDLE]; /* by what authenticators know the person */
    struct passkey_key key;
    bool alone;    /* it opens the account by itself */
    int64_t count; /* as it said last */
    bool may_back_up, backed_up;
    int64_t created_ms, used_ms;
};

/* In a transaction. ERR_PASSKEY_TAKEN: somebody has it already. */
enum err passkeys_add(struct db *db, const struct passkey *p) MUST_USE;
/* A person's, the oldest first. */
enum err passkeys_of(struct db *db, struct uuid person, struct arena *a, struct passkey **ret, size_t *ret_n) MUST_USE;
enum err passkeys_find(struct db *db, struct bytes credential, struct arena *a, struct passkey *ret) MUST_USE; /* ERR_NOT_FOUND */
/* It was used: its count is compared and set. ERR_PASSKEY_COPY: it has been used meanwhile. */
enum err passkeys_use(struct db *db, struct uuid id, int64_t old_count, uint32_t count, bool backed_up, int64_t now_ms) MUST_USE;
enum err passkeys_rename(struct db *db, struct uuid id, struct uuid person, const char *name) MUST_USE; /* ERR_NOT_FOUND */
enum err passkeys_remove(struct db *db, struct uuid id, struct uuid person) MUST_USE;                   /* ERR_NOT_FOUND */
enum err passkeys_remove_of(struct db *db, struct uuid person) MUST_USE;                                /* all of a person */
/* A challenge is answered, once: ERR_EXISTS. */
enum err passkeys_spend(struct db *db, const uint8_t challenge[PASSKEY_CHALLENGE], int64_t until_ms) MUST_USE;
enum err passkeys_spent_remove(struct db *db, int64_t now_ms) MUST_USE;

#endif
