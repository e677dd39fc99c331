/* core/history.h
 * What an organisation's own history is as a file (schema/journal/history.md): the entries of its grants' accounts, each with
 * its proof of inclusion, and each account's leaf in the newest statement of state, so that nobody can have left one out up
 * to there. This is the reading of one account's entries, oldest first: what they add up to. */
#ifndef CORE_HISTORY_H
#define CORE_HISTORY_H

#include "base/map.h"
#include "core/entry.h"

#define HISTORY_TITLE "kontor history/v1"
#define HISTORY_LEAF  48 /* bytes of an account in the statement of state (schema/journal/layout.md) */

struct history {
    uint64_t account, last;           /* last: newest entry read */
    int64_t posted_debits, posted_credits, held_debits;
    uint64_t entries;
    struct map *left;                 /* HOLD index to what is still held of it */
    struct history_hold *holds;
};

void history_begin(struct history *h, uint64_t account); /* a grant's; its OPEN is the first entry */
/* The next entry of the account. False: it cannot be: it is of another account, or releases more than is held. */
bool history_add(struct history *h, const struct entry *e) MUST_USE;
void history_leaf(const struct history *h, uint8_t ret[HISTORY_LEAF]);
void history_end(struct history *h);
/* The entry before this one on the account: NO_INDEX if there is none. *is_of: it is of that account. */
uint64_t history_before(const struct entry *e, uint64_t account, bool *is_of);

#endif
