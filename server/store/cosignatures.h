/* store/cosignatures.h: sites' witnesses and their keys, what witnesses have cosigned, which checkpoints had a quorum, and
 * what was refused. Cosignatures and quorums go with their checkpoint, when nothing needs it any more; the other rows are only
 * ever added. All of it is public; who adds or sweeps acts as the server. */
#ifndef STORE_COSIGNATURES_H
#define STORE_COSIGNATURES_H

#include "base/arena.h"
#include "core/witness.h"
#include "store/checkpoints.h"

struct witness_key { uint8_t public[32]; uint64_t site; enum witness_role role; char name[NOTE_NAME_MAX]; int64_t since_ms; };
/* ERR_EXISTS: this key is there already: maybe another's, ask. ERR_RATE_LIMITED: 32 of this site and role came in a
 * day: whoever makes keys for sport fills no table. */
enum err witnesses_add(struct db *db, const struct witness_key *k) MUST_USE;
/* ERR_NOT_FOUND. */
enum err witnesses_find(struct db *db, const uint8_t public[32], struct witness_key *ret) MUST_USE;

/* A key, and the last that it cosigned: size 0: nothing yet. */
struct witness_seen { struct witness_key key; uint64_t size; int64_t time_s, received_ms; };
/* The newest key of each site and role, by site, then role. */
enum err witnesses_list(struct db *db, struct arena *a, struct witness_seen **ret, size_t *ret_n) MUST_USE;
/* The last that a key cosigned: fills size, time_s, received_ms; ERR_NOT_FOUND. For outside witnesses. */
enum err cosignatures_last(struct db *db, const uint8_t public[32], struct witness_seen *ret) MUST_USE;

struct cosignature { uint64_t size; uint8_t public[32], signature[64]; char name[NOTE_NAME_MAX]; uint64_t time_s; int64_t received_ms; };
/* OK also if the key has cosigned this size before: the first one stays. ERR_CONFLICT: there is no such checkpoint. */
enum err cosignatures_add(struct db *db, const struct cosignature *c) MUST_USE;
/* Of one checkpoint, the first that came first. */
enum err cosignatures_of(struct db *db, uint64_t size, struct arena *a, struct cosignature **ret, size_t *ret_n) MUST_USE;
/* For exports: of each key the first cosignature of each ten minutes by its own clock, each with its checkpoint as the log
 * signed it (no root, no time of its own), the smallest size first. The row lives until take() returns. */
struct cosigned { struct checkpoint_row checkpoint; struct cosignature by; };
enum err cosignatures_first(struct db *db, enum err (*take)(void *ctx, const struct cosigned *row), void *ctx) MUST_USE;
/* Each one, likewise; and the name of the site's witness of that key, NULL: no site's. ERR_CORRUPT: some are in no order of their keys. */
enum err cosignatures_each(struct db *db, enum err (*take)(void *ctx, const struct cosigned *row, const char *witness), void *ctx) MUST_USE;
/* Keys, their names and sizes only, of the newest `checkpoints` checkpoints: the largest size first. */
enum err cosignatures_recent(struct db *db, int checkpoints, struct arena *a, struct cosignature **ret, size_t *ret_n) MUST_USE;

enum err quorums_add(struct db *db, const struct hash *policy, uint64_t size, int64_t now_ms) MUST_USE;
/* The newest checkpoint that has had the policy's quorum. ERR_NOT_FOUND. */
enum err quorums_newest(struct db *db, const struct hash *policy, struct arena *a, struct checkpoint_row *ret) MUST_USE;
/* The newest that has had any policy's; *ret_this: this one's too. ERR_NOT_FOUND. */
enum err quorums_last(struct db *db, const struct hash *policy, struct arena *a, struct checkpoint_row *ret, bool *ret_this) MUST_USE;

/* Throw away the checkpoints that nothing needs any more (migration 0012), with their cosignatures and quorums: at most
 * CHECKPOINTS_SWEPT_MOST of them, the oldest first. *ret: how many went. */
enum { CHECKPOINTS_SWEPT_MOST = 20000 };
enum err checkpoints_sweep(struct db *db, int64_t *ret) MUST_USE;

struct refusal_row {
    uint64_t site, size, had_size;
    int64_t at_ms, received_ms;
    const char *reason, *note;
    struct hash root, had_root;
};
enum err refusals_add(struct db *db, const struct refusal_row *r) MUST_USE; /* OK also if it is known, or the site has told 32 in a day: an honest one stops at one */
/* The newest of each site, if since then nothing was cosigned by its witness. */
enum err refusals_standing(struct db *db, struct arena *a, struct refusal_row **ret, size_t *ret_n) MUST_USE;

#endif
