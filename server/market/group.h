/* market/group.h
 * Groups of entries as the market writes them: a hold's end, a dispute's notices, and the LAPSE that the money rules
 * demand after whatever gives credits back to a grant past its end. */
#ifndef MARKET_GROUP_H
#define MARKET_GROUP_H

#include "market/command.h"
#include "market/state.h"

struct group {
    struct entry entries[6];
    size_t n;
};

/* What an entry rests on: a site's signed report. */
struct grounds {
    const struct report *report;
    uint64_t key;
    const uint8_t *signature;
}; /* report NULL: none */

struct entry *group_add(struct group *g, enum entry_kind kind);
void group_dispute(struct group *g, const struct hold *h, bool open, uint16_t why);
/* SETTLE by the report's GPU-seconds. A daily one is left out (false) if it would pay nothing, or all. */
bool group_settle(struct group *g, const struct ledger *l, const struct hold *h, bool final, const struct grounds *on);
/* CORRECT for the sum of its SETTLEs if there are any, on the report. */
void group_correct(struct group *g, const struct hold *h, const struct grounds *on);
/* VOID, on the report if there is one. */
void group_void(struct group *g, const struct ledger *l, const struct hold *h, uint16_t reason,
                const struct grounds *on);
void group_expire(struct group *g, const struct ledger *l, const struct hold *h);
/* The LAPSE after these entries of one group, if they give anything back to a grant past its end, or leave anything
 * free
 * there. For orders too (RESOLVE, CORRECT, VOID): *ret is the entry to append. False: none is needed. */
bool group_lapse(const struct ledger *l, const struct entry *entries, size_t n, int64_t now_ms, struct entry *ret);

#endif
