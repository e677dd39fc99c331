/* audit/holds.h
 * holds.csv of an export, what the database's reservations repeat of their HOLDs and say was paid, against the entries.
 * Rows may have been removed long after a job's end; what is there must be right, there once, and there while it is held. */
#ifndef AUDIT_HOLDS_H
#define AUDIT_HOLDS_H

#include "audit/finding.h"
#include "audit/source.h"
#include "audit/spill.h"
#include "core/ledger.h"

/* Line by line; how many could be compared. An export from before there were any has none: 0. rest may be NULL. */
uint64_t holds_check(const struct source *from, const struct ledger *l, struct spill *rest, struct findings *found);

#endif
