/* store/journal_reads.h: the journal's entries as workers read them, newest first. Written by the sequencer only. */
#ifndef STORE_JOURNAL_READS_H
#define STORE_JOURNAL_READS_H

#include "base/arena.h"
#include "core/entry.h"
#include "core/tile.h"
#include "store/db.h"

struct entry_filter {
    int kind;         /* enum entry_kind; -1 any */
    uint64_t account; /* debit or credit; NO_INDEX any */
    uint64_t before;  /* lower indexes only; NO_INDEX: from the newest */
};

struct entry_record {
    bool hidden; /* not for whom it was read: only entry.index is set */
    struct entry entry;
    struct hash leaf;
};

/* What the journal says of disputes over a hold: opened, said, closed; resolved; taken back, of the hold or of its SETTLE
 * `settled` (or NO_INDEX). In order, at most max. */
enum err journal_reads_dispute(struct db *db, uint64_t hold, uint64_t settled, int max, struct arena *a,
                               struct entry_record **ret, size_t *ret_n) MUST_USE;
/* At most max, hidden ones counted. ERR_CORRUPT if a row does not decode. */
enum err journal_reads_list(struct db *db, const struct entry_filter *f, int max, struct arena *a,
                            struct entry_record **ret, size_t *ret_n) MUST_USE;
enum err journal_reads_find(struct db *db, uint64_t index, struct entry_record *ret) MUST_USE; /* ERR_NOT_FOUND */
/* In the same look the hashes of the tile that the entry stands in, once that is whole (*ret_whole). */
enum err journal_reads_find_with_tile(struct db *db, uint64_t index, struct entry_record *ret, struct hash ret_tile[TILE_WIDTH],
                                      bool *ret_whole) MUST_USE;

/* What came and went on an account by kind, over its entries above `since` (by its back-links). */
struct entry_sums {
    int64_t debit[ENTRY_KINDS], credit[ENTRY_KINDS];
    uint64_t last;
};
enum err journal_reads_sum(struct db *db, uint64_t account, uint64_t since, struct entry_sums *ret) MUST_USE;

/* Balances as committed: of an account, and of all whose parent it is together. */
struct account_balance {
    int64_t posted_debits, posted_credits, held_debits, held_credits;
    uint64_t last_index;
};
enum err journal_reads_balance(struct db *db, uint64_t account,
                               struct account_balance *ret) MUST_USE; /* ERR_NOT_FOUND */
enum err journal_reads_children(struct db *db, uint64_t parent, struct account_balance *ret) MUST_USE;

struct journal_state {
    uint64_t term, size;
    struct hash root;
    int64_t time_ms;
};
enum err journal_reads_head(struct db *db, struct journal_state *ret) MUST_USE;

#endif
