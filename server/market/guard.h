/* market/guard.h
 * The rollback guard. A database that was restored from a backup may have lost what its witnesses have cosigned. So a server
 * that has built its state anew writes nothing until so many witnesses of the policy have shown the last checkpoint that
 * they cosigned that no quorum is without one of them (of n, n − q + 1), and the journal extends all of these; or until the
 * operator admits the rollback, which is a NOTICE in the journal. What was cosigned before an admission is settled by it: the
 * time in a witness's own cosignature tells; and what was shown when the rollback was admitted the admission names itself,
 * whatever its time (api/seen.c). Without a policy, or one that asks for nobody, there is no guard. */
#ifndef MARKET_GUARD_H
#define MARKET_GUARD_H

#include "market/log_policy.h"
#include "market/market.h"

enum guard_found {
    GUARD_NOTHING,  /* it has cosigned nothing yet */
    GUARD_EXTENDS,  /* the journal begins with what it cosigned */
    GUARD_LONGER,   /* it has cosigned more entries than there are */
    GUARD_OTHER,    /* it has cosigned other entries */
    GUARD_SETTLED,  /* one of these two, but the newest admission names just this */
    GUARD_UNPROVEN, /* what it shows is not signed by this log, or not by the key that the policy knows: it does not count */
};
struct guard_seen {
    uint64_t site;         /* SITE index */
    char code[17];
    uint64_t size;         /* of what it has cosigned last */
    struct hash root;      /* likewise */
    int64_t cosigned_ms;   /* when, real time by its own word; 0: never */
    enum guard_found found;
};
/* A site has shown what it cosigned last. */
void guard_show(struct market *m, const struct guard_seen *seen);

/* Those who have shown what contradicts the journal, settled or not. Returns how many. From any thread. */
size_t guard_contradicting(struct market *m, struct guard_seen ret[QUORUM_MAX]);

struct guard_now {
    bool on, open;             /* off: open */
    unsigned shown, witnesses; /* of the policy's witnesses, so many have shown what they saw */
    char why[320];             /* why it is not open */
};
/* From any thread. */
void guard_look(struct market *m, struct guard_now *ret);
/* The policy's witnesses that are a site's: those of the names that sites' witnesses have (agent/witness.h). */
uint64_t guard_witnesses_of(const struct quorum *q, const char *origin, const char *code);

/* Does the policy name witnesses of this journal's sites? Then it is not to begin. */
bool guard_expects_sites(const struct market *m, const char *origin);

/* ---- for the sequencer ---- */
void guard_close(struct market *m, uint64_t size);
/* An admission is about to be written, as this entry. Should its commit's outcome not be known, and the entry stand in the
 * journal that is built anew, then this guard was opened by it: who gave the word is not asked again. */
void guard_sends(struct market *m, uint64_t index);
/* Open it if it may be. rolled_back: index and real time of the newest admission in the journal, NO_INDEX if there is none. */
void guard_settle(struct market *m, uint64_t rolled_back, int64_t rolled_back_ms);

#endif
