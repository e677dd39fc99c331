/* store/sessions.h: who is signed in. Of a token only its SHA-256 is known here. */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include "base/arena.h"
#include "store/db.h"

struct session {
    struct hash token_hash;
    struct uuid id, person;
    int64_t created_ms, expires_ms, used_ms; /* used: within SESSION_USED_MS */
    const char *program;                     /* what it was begun with, as that calls itself; at most 200 bytes */
};
enum { SESSION_USED_MS = 300000 };

/* The live session behind a token's hash. ERR_UNAUTHENTICATED if none. */
enum err sessions_find(struct db *db, struct hash token_hash, int64_t now_ms, struct session *ret) MUST_USE;
enum err sessions_add(struct db *db, const struct session *s) MUST_USE;
/* It is in use: noted, if the note is older than SESSION_USED_MS. */
enum err sessions_use(struct db *db, struct hash token_hash, int64_t now_ms) MUST_USE;
/* A person's live sessions, the one used last first; at most max. */
enum err sessions_of(struct db *db, struct uuid person, int64_t now_ms, int max, struct arena *a, struct session **ret, size_t *ret_n) MUST_USE;
/* ERR_NOT_FOUND: this person has none of that id. */
enum err sessions_end(struct db *db, struct uuid id, struct uuid person) MUST_USE;
enum err sessions_remove(struct db *db, struct hash token_hash) MUST_USE;
/* All of a person but one (all zero: none is spared). */
enum err sessions_remove_of(struct db *db, struct uuid person, struct hash but) MUST_USE;
enum err sessions_remove_expired(struct db *db, int64_t now_ms) MUST_USE;

#endif
