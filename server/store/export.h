/* store/export.h
 * `kontord export DIR`: the journal as files that an auditor can verify without a database (schema/journal/export.md):
 * tile/… in the layout of C2SP tlog-tiles, balances.csv, holds.csv, assertions.jsonl, checkpoints.jsonl, on demand evidence.jsonl,
 * and head, which is written last. */
#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include "store/checkpoints.h"
#include "store/seals.h"

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
 * were sealed. unchecked: they are sealed, and the connection has no seals to compare them with. */
struct export_result { uint64_t entries, accounts, beyond_head, wrong; bool unchecked; };

/* Which signed checkpoint goes with it. ERR_NOT_FOUND: none yet, then it is the newest. */
struct export_checkpoint {
    enum err (*find)(void *ctx, struct db *db, struct arena *a, struct checkpoint_row *ret); /* NULL: the newest */
    void *ctx;
};

/* DIR is made; it may hold an earlier export, which is overwritten. progress (may be NULL) is told now and then, wrong (may be
 * NULL) of each row that is not as it was sealed.
 * ERR_DB, ERR_IO, ERR_EXISTS (DIR has something else in it), ERR_NOT_FOUND (the journal is empty), ERR_CORRUPT (an entry
 * is missing; d says which). */
enum err export_write(struct db *db, const char *dir, enum export_what what, void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx,
                      struct export_checkpoint checkpoint, seals_tell_fn *wrong, struct export_result *ret, struct err_detail *d) MUST_USE;

#endif
