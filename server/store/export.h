/* store/export.h
 * `kontord export DIR`: the journal as files that an auditor can verify without a database (schema/journal/export.md):
 * tile/… in the layout of C2SP tlog-tiles, balances.csv, holds.csv, assertions.jsonl, checkpoints.jsonl, on demand evidence.jsonl,
 * and head, which is written last. */
#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include "store/checkpoints.h"

#define EXPORT_BALANCES_HEADER                                                                                         \
    "account,class,closed,owner_org,owner_site,parent,posted_debits,posted_credits,held_debits,held_credits,last_index"
#define EXPORT_HOLDS_HEADER                                                                                            \
    "reservation,request,organisation,hold,grant,site,offering,rate,fence,gpus,walltime_s,rate_milli,amount,"          \
    "window_start_ms,window_end_ms,start_by_ms,paid"

/* What else an export holds than what everybody may read. */
enum export_what {
    EXPORT_JOURNAL, /* no more */
    EXPORT_EVIDENCE /* the reasons that were given in words, with their salts: for those to whom they are due */
};

/* beyond_head: rows in the table that the head does not cover (somebody put them there). wrong: rows that are not as they
 * were sealed. faults: whatever else was told. unchecked: rows are sealed, and the connection has no seals to compare them with. */
struct export_result { uint64_t entries, accounts, beyond_head, wrong, faults; bool unchecked; };

/* Which signed checkpoint goes with it. ERR_NOT_FOUND: none yet, then it is the newest. And who of those that no table names
 * is a witness. */
struct export_checkpoint {
    enum err (*find)(void *ctx, struct db *db, struct arena *a, struct checkpoint_row *ret); /* NULL: the newest */
    bool (*is_witness)(void *ctx, const char *name, const uint8_t public[32]);               /* NULL: nobody */
    void *ctx;
};

/* A sentence of what is not as it should be in the database, row by row; of what is the same in many rows, the first. remark: it
 * may have come about lawfully, and does not count. */
typedef void export_tell_fn(void *ctx, const char *text, bool remark);
enum { EXPORT_TOLD_MAX = 1000 };

/* DIR is made; it may hold an earlier export, which is overwritten. progress (may be NULL) is told now and then, tell (may be
 * NULL) of what is wrong, at most EXPORT_TOLD_MAX times.
 * ERR_DB, ERR_IO, ERR_EXISTS (DIR has something else in it), ERR_NOT_FOUND (the journal is empty), ERR_CORRUPT (an entry
 * is missing; d says which). */
enum err export_write(struct db *db, const char *dir, enum export_what what, void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx,
                      struct export_checkpoint checkpoint, export_tell_fn *tell, struct export_result *ret, struct err_detail *d) MUST_USE;

#endif
