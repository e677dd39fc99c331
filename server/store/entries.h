/* store/entries.h
 * The journal's tables read as they are, for an export: every column into its entry's bytes, unchecked, so that an
 * auditor sees what the database has. All inside one snapshot. */
#ifndef STORE_ENTRIES_H
#define STORE_ENTRIES_H

#include "store/db.h"

struct entries_head { uint64_t size; struct hash root; int64_t time_ms; };
struct entry_row { uint64_t index; const uint8_t *bytes; size_t len; struct hash leaf; };
#define ENTRY_ROW_MAX 4096 /* bytes */
struct account_row {
    uint64_t index, owner_site, parent, last_index;
    int64_t class, posted_debits, posted_credits, held_debits, held_credits;
    bool closed;
    struct uuid owner_org;
};

/* What a reservation repeats of its HOLD, and what it says was paid out of it. */
struct held_row {
    struct uuid reservation, request, org;
    uint64_t hold, grant, site, offering, rate, fence;
    int64_t gpus, walltime_s, rate_milli, amount, window_start_ms, window_end_ms, start_by_ms, paid;
};

/* A read-only transaction with one view of everything; ends by db_rollback. */
enum err entries_snapshot(struct db *db) MUST_USE; /* begins it; from then on the connection asks as the server */
enum err entries_head_read(struct db *db, struct entries_head *ret) MUST_USE;
/* How many rows the tables have, whatever their keys: those that a walk by key has not come by are hidden from it. */
struct entries_counts { uint64_t entries, accounts, tiles, reservations; };
enum err entries_counts_read(struct db *db, struct entries_counts *ret) MUST_USE;
/* Every row in order of index, from the least that a number can be. The first error of `take` ends it and is returned. ERR_CORRUPT: a leaf hash is not 32 bytes. */
enum err entries_each(struct db *db, enum err (*take)(void *ctx, const struct entry_row *row), void *ctx) MUST_USE;
/* Those of first .. first + count - 1 that are there, count at most 1,000. */
enum err entries_range(struct db *db, uint64_t first, unsigned count, enum err (*take)(void *ctx, const struct entry_row *row), void *ctx) MUST_USE;
enum err account_rows_each(struct db *db, enum err (*take)(void *ctx, const struct account_row *row), void *ctx) MUST_USE;
enum err held_rows_each(struct db *db, enum err (*take)(void *ctx, const struct held_row *row), void *ctx) MUST_USE;

#endif
