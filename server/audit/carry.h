/* audit/carry.h
 * `kontor-audit carry-over`: what a new origin needs from an older journal whose keys are lost, as orders for officers to
 * read and an administrator to give (kontord admin carry-over). Whoever has the older journal computes the same orders.
 * JSON lines: the first says of which journal, {"origin", "size", "root"}; each further one is a call of the API,
 * {"path", "key", "as", "body"}: "as" names the account or entry that the answer gives, and a later body that has "@NAME"
 * means its number. Amounts are cut to thousandths of a credit.
 *
 * Carried: policies, sites, offerings with their rates (their capacity is not in the journal: none is brokered until the
 * operator says so); what is free in funds, tranches, grants and in the reserve; and what is held, to the grant it was held
 * from: with the keys lost no hold can be resolved. What sites have earned stays in the older journal. */
#ifndef AUDIT_CARRY_H
#define AUDIT_CARRY_H

#include <stdio.h>

#include "core/ledger.h"
#include "core/tile.h"

struct carry {
    FILE *orders;               /* the lines */
    FILE *words;                /* for people: what is left behind, which holds were open; may be NULL */
    const struct head_text *head;
    const char *reference;      /* the number of the decision, at most 32 bytes */
};

void carry_write(const struct carry *c, const struct ledger *l);

#endif
