/* audit/balances.h: balances.csv of an export, the database's cache of balances, against what the entries add up to. */
#ifndef AUDIT_BALANCES_H
#define AUDIT_BALANCES_H

#include "audit/finding.h"
#include "audit/source.h"
#include "core/ledger.h"

/* Account by account; how many could be compared. */
uint64_t balances_check(const struct source *from, const struct ledger *l, struct findings *found);

#endif
