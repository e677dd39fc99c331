/* audit/evidence.h
 * What stands beside the journal (schema/journal/export.md): the reasons in words behind the salted commitments of orders, or
 * that they were erased and since when, and the assertions of people who sign with a passkey. Where an export has them, each
 * is compared with the entry that commits to it; every export must have the assertions (audit/asserted.h). A server that serves its log
 * is asked for these, entry by entry. Memory: one record an order
 * that commits to something. */
#ifndef AUDIT_EVIDENCE_H
#define AUDIT_EVIDENCE_H

#include "audit/finding.h"
#include "audit/source.h"
#include "core/ledger.h"

struct audit_evidence;

struct evidence_sums {
    bool there;             /* the export has evidence */
    uint64_t kept, erased;  /* commitments whose text is there and is right; whose erasure is in the journal */
    uint64_t assertions;    /* signatures by passkeys that verify */
    uint64_t unserved;      /* and those of which the server that serves the log does not say what was signed */
    struct erased_entry { uint64_t entry, notice; int64_t time_ms; } last[8]; /* the newest erasures */
    size_t last_n;
};

/* What the log's folder has of it; source must outlive it. ERR_IO: a file is there and cannot be read. */
enum err audit_evidence_new(const struct source *source, struct findings *found, struct audit_evidence **ret) MUST_USE;
/* Each entry in turn, as the ledger has taken it. */
void audit_evidence_take(struct audit_evidence *v, const struct ledger *l, const struct entry *e);
/* All entries have been given: compares, tells faults, sums up. */
void audit_evidence_end(struct audit_evidence *v, struct evidence_sums *ret);
void audit_evidence_delete(struct audit_evidence *v); /* NULL: nothing */

#endif
