/* store/sessions.h: who is signed in. Of a token only its SHA-256 is known here. */
#ifndef STORE_SESSIONS_H
#define STORE_SESSIONS_H

#include "store/db.h"

struct session {
    struct hash token_hash;
    struct uuid person;
    int64_t created_ms, expires_ms;
};

/* The live session behind a token's hash. ERR_UNAUTHENTICATED if none. */
enum err sessions_find(struct db *db, struct hash token_hash, int64_t now_ms, struct session *ret) MUST_USE;
enum err sessions_add(struct db *db, const struct session *s) MUST_USE;
enum err sessions_remove(struct db *db, struct hash token_hash) MUST_USE;
/* All of a person but one (all zero: none is spared). */
enum err sessions_remove_of(struct db *db, struct uuid person, struct hash but) MUST_USE;
enum err sessions_remove_expired(struct db *db, int64_t now_ms) MUST_USE;

#endif
