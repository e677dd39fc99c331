/* store/evidence.h: what stands behind an order's commitment and beside an account's number: free text, names. */
#ifndef STORE_EVIDENCE_H
#define STORE_EVIDENCE_H

#include "base/arena.h"
#include "store/db.h"

struct evidence {
    struct uuid order;
    struct hash salt; /* commitment in the journal: SHA-256(salt ‖ text) */
    const char *text;
    struct uuid people[2]; /* who was signed in; a zero: nobody */
    int64_t created_ms;
    struct uuid concerns; /* the organisation that may read it too; zero: none */
    uint64_t site;        /* the site whose operators may; 0: none */
    int64_t erased_ms;    /* 0: it was not; else salt, text and people are gone */
    uint64_t erasure;     /* the NOTICE that says so */
};

enum err evidence_add(struct db *db, const struct evidence *e) MUST_USE; /* erased_ms and erasure are not looked at */
/* ERR_NOT_FOUND. ERR_CORRUPT: it is not as it was sealed. */
enum err evidence_find(struct db *db, struct uuid order, struct arena *a, struct evidence *ret) MUST_USE;
/* Forget text, salt and people; once. False in *ret: it was erased before, is not there, or is not this actor's to erase. */
enum err evidence_erase(struct db *db, struct uuid order, uint64_t notice, int64_t now_ms, bool *ret) MUST_USE;
/* All of it, for an export, by the order's UUID. The first error of `take` ends it and is returned. */
enum err evidence_each(struct db *db, enum err (*take)(void *ctx, const struct evidence *e), void *ctx) MUST_USE;

/* What a person's passkey has signed (authority class 2), by its SHA-256, which is in the entry. */
enum err assertions_find(struct db *db, struct hash sha256, struct arena *a, struct bytes *ret) MUST_USE; /* ERR_NOT_FOUND */
enum err assertions_each(struct db *db, enum err (*take)(void *ctx, const struct hash *sha256, struct bytes assertion),
                         void *ctx) MUST_USE;

struct account_name {
    uint64_t account;
    const char *name, *reference;
};

enum err account_names_add(struct db *db, const struct account_name *n) MUST_USE; /* there already: OK, unchanged */
enum err account_names_all(struct db *db, struct arena *a, struct account_name **ret, size_t *ret_n) MUST_USE;

/* Idempotency keys of plain writes. Inside the write's transaction. */
enum err call_answers_add(struct db *db, struct hash scope, struct hash request, struct uuid id,
                          int64_t now_ms) MUST_USE;
/* ERR_NOT_FOUND: a new key. ERR_KEY_CONFLICT: used with another request. */
enum err call_answers_find(struct db *db, struct hash scope, struct hash request, struct uuid *ret) MUST_USE;
/* The first 8 bytes of each scope, newest first, at most max. */
enum err call_answers_keys(struct db *db, int64_t since_ms, size_t max, void (*take)(void *ctx, uint64_t head),
                           void *ctx) MUST_USE;
enum err call_answers_remove_old(struct db *db, int64_t before_ms) MUST_USE;

#endif
