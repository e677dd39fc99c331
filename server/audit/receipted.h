/* audit/receipted.h
 * What a site says it is owed: reports of jobs' ends that the site has signed and the server has receipted (`kontor-agent
 * receipts`, schema/journal/export.md), against the entries. The server pays such a report in the very batch that stores it;
 * one that receipts it, writes no SETTLE and lets the hold EXPIRE gives the requester's credits back for work that was done. So does one that
 * says of a job to which it had given a permit that there was none.
 * Only lines whose two signatures are by keys that the journal makes known count: a file can be false, and then says nothing
 * of the journal. Memory: some 100 bytes a line. */
#ifndef AUDIT_RECEIPTED_H
#define AUDIT_RECEIPTED_H

#include "audit/finding.h"
#include "core/ledger.h"

struct receipted_sums {
    bool there;         /* such a file was given */
    uint64_t ends;      /* ends of jobs with some use in it, both signatures verified */
    uint64_t paid;      /* their holds were paid from, or released by officers or on another report of the site */
    uint64_t disputed;  /* a dispute is open, or was when the hold ended: officers had the say */
    uint64_t too_late;  /* it was receipted at the hold's expiry or after it, when nothing can be paid any more */
    uint64_t waiting;   /* the hold is open, over an hour after the receipt */
    uint64_t unknown;   /* no HOLD names it: the journal may be older than the receipt */
    uint64_t unusable;  /* lines that are none, of another journal, or not signed as they must be */
    uint64_t first_waiting; /* HOLD, NO_INDEX */
};

struct receipted;

/* ERR_NOT_FOUND, ERR_IO: the file cannot be read. */
enum err receipted_new(const char *path, struct receipted **ret, struct err_detail *d) MUST_USE;
/* Each entry in turn, after the ledger has taken it. */
void receipted_take(struct receipted *r, const struct ledger *l, const struct entry *e);
/* All entries were given. now_ms: the head's time. */
void receipted_end(struct receipted *r, const struct ledger *l, const char *origin, int64_t now_ms, struct findings *found, struct receipted_sums *ret);
void receipted_delete(struct receipted *r); /* NULL: nothing */

#endif
