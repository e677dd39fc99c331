/* store/answers.h
 * What was answered to calls that carried an idempotency key: kept for 7 days, so that a call that is repeated gets the
 * same answer and nothing happens twice. Written by the sequencer in the batch that the answer belongs to. */
#ifndef STORE_ANSWERS_H
#define STORE_ANSWERS_H

#include "store/table.h"

#define ANSWERS_KEEP_MS (INT64_C(7) * 86400 * 1000)

struct answer_row {
    struct hash scope;      /* SHA-256 of actor, route and key */
    struct hash request;    /* SHA-256 of the canonical request */
    enum err err;           /* OK, or what was refused */
    struct uuid id;
    uint64_t index, number;
    int64_t time_ms;
    uint32_t flags;
    char text[320];         /* of a refusal */
    int64_t created_ms;
};

extern const struct table_def answers_table;

/* Those among n keys that were used, in no particular order. */
enum err answers_find_all(struct db *db, const struct hash *scopes, size_t n,
                          void (*take)(void *ctx, const struct answer_row *a), void *ctx) MUST_USE;
/* The first 8 bytes of each key's scope, newest first, at most max. */
enum err answers_keys(struct db *db, int64_t since_ms, size_t max, void (*take)(void *ctx, uint64_t head), void *ctx)
    MUST_USE;
/* Forget those made before, at most max of them; how many in *ret. */
enum err answers_prune(struct db *db, int64_t before_ms, int64_t max, int64_t *ret) MUST_USE;

#endif
