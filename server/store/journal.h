/* store/journal.h
 * The journal's tables: entries, the head, the cache of balances. One statement a batch writes all three: it compares
 * and sets the head (term, batch), appends the entries, and moves the accounts, each compared by its last entry. (Accounts
 * that begin come in a second one, of the same flight.) */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "core/entry.h"
#include "core/ledger.h"
#include "store/array.h"
#include "store/record.h"
#include "store/seals.h"

struct journal_head {
    uint64_t term, batch, size;
    struct hash root;
    int64_t time_ms;
};

/* ---- the lease: an advisory lock on this connection ---- */
/* OK, or ERR_NOT_LEADER if another connection holds it. */
enum err journal_lease(struct db *db) MUST_USE;
/* A new term begins: what an older one still has under way will find the head changed. Returns the head since then.
 * ERR_CORRUPT, with db_message() saying it: there is no head, or its seal is wrong. */
enum err journal_raise_term(struct db *db, struct journal_head *ret) MUST_USE;
enum err journal_head_read(struct db *db, struct journal_head *ret) MUST_USE;
/* Is the head still as we know it? ERR_NOT_LEADER: another server has moved it. To be asked each second at least while
 * nothing else goes over this connection: it is ended, and the lease with it, after JOURNAL_IDLE_MS of silence. */
enum { JOURNAL_IDLE_MS = 5000 };
enum err journal_beat(struct db *db, const struct journal_head *have) MUST_USE;

/* Where the server that leads is reached; "" where it has not said. */
enum { JOURNAL_URL_MAX = 301 };
struct journal_leader {
    uint64_t term;
    char people[JOURNAL_URL_MAX], agents[JOURNAL_URL_MAX];
};
enum err journal_leader_tell(struct db *db, const struct journal_leader *l) MUST_USE; /* never over a later term's */
enum err journal_leader_read(struct db *db, struct journal_leader *ret) MUST_USE;
/* End the holder's connection if it has taken nothing of what it asked for since JOURNAL_IDLE_MS: it is frozen. A silent
 * one is ended by its own limit. */
enum err journal_unblock(struct db *db) MUST_USE;

/* ---- writing a batch ---- */
struct journal_writer {
    struct records head;        /* the new head's row, to be sealed */
    struct records entries;
    struct records accounts;    /* that the database has */
    struct records opens;       /* that it has not */
    struct array old;           /* of accounts: last entry as the database has it */
    uint64_t first;             /* entry */
    uint32_t entry_type, account_type;
};
enum err journal_prepare(struct journal_writer *w, struct db *db) MUST_USE; /* after each connect */
void journal_writer_free(struct journal_writer *w);
void journal_begin(struct journal_writer *w);
/* Entries in order; encoded: header and body. */
void journal_entry(struct journal_writer *w, const struct entry *header, struct bytes encoded, const struct hash *leaf);
void journal_account(struct journal_writer *w, const struct account *a);
/* Add the statement to the flight, and a second one if accounts begin; *flown grows by their number. have: the head as it
 * must be; next: as it will be (term is not changed). */
enum err journal_fly(struct journal_writer *w, struct db *db, const struct journal_head *have,
                     const struct journal_head *next, size_t *flown) MUST_USE;
/* What they counted, landed at *from on (which moves past them): OK; ERR_NOT_LEADER (the head was not as it must be);
 * ERR_CORRUPT (entries or accounts were not). */
enum err journal_landed(const struct journal_writer *w, const struct db_landed *landed, size_t *from) MUST_USE;

/* ---- reading it back ---- */
/* Entries from..to (not included), in order, each decoded and its leaf hash compared with its bytes (ERR_CORRUPT). */
enum err journal_read(struct db *db, uint64_t from, uint64_t to,
                      enum err (*take)(void *ctx, const struct entry *e, const struct hash *leaf), void *ctx) MUST_USE;
/* No entry is in the table but those of an index below `size`: else ERR_CORRUPT, and a complaint that names one. */
enum err journal_no_more(struct db *db, uint64_t size) MUST_USE;
/* Every account row, in order. Only what the table has is set. */
enum err journal_accounts(struct db *db, enum err (*take)(void *ctx, const struct account *a), void *ctx) MUST_USE;

#endif
