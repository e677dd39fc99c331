/* agent/witness.h: what agent/witness.c and agent/attest.c share, and nobody else needs. */
#ifndef AGENT_WITNESS_H
#define AGENT_WITNESS_H

#include "agent/agent.h"
#include "core/ledger.h"

/* The replay of the entries, up to a goal: a checkpoint that was cosigned as growing. It begins at entry 0 whenever the
 * agent starts; the signatures of what was attested before are not verified again, its root is. */
/* What a passkey has signed of an entry that was replayed: asked for and verified before its goal is attested. */
struct attest_said {
    uint64_t entry;
    struct hash sha256, challenge;
    uint8_t key[32];
    struct attest_said *next;
};

struct attest {
    struct ledger *ledger;
    struct merkle tree;
    struct witnessed goal, known; /* known: attested before this process began */
    char *goal_note;              /* NULL: no goal */
    uint64_t withheld;            /* entries of the last goal that was reached but not attested */
    uint8_t *bundle;              /* entries that came and are not all replayed yet; NULL: none */
    size_t len, at;               /* of its bytes; so many are done */
    uint64_t index, before;       /* the next entry in it; how many were replayed before it came */
    char broken[300];             /* the first entry that breaks a rule; told once it is sure that the log has signed it */
    struct map *released;         /* reservations here whose hold the journal released on nobody's word, to their hold */
    bool stopped;                 /* it is: nothing is replayed any more */
    bool telling;                 /* the call under way is the cosignature */
    struct attest_said *said, **said_end; /* NULL: nothing; said_end: where the next one goes */
    bool asking;                  /* the call under way is for the first of them */
};

struct witness {
    struct sign_key key[WITNESS_ROLES];
    struct vkey vkey[WITNESS_ROLES];
    struct vkey log; /* the log's, once known */
    bool introduced, halted, refusal_told;
    enum { ASK_NOTHING, ASK_INTRODUCE, ASK_REFUSAL, ASK_COSIGNATURE, ASK_CHECKPOINT } asked;
    struct spool_cosigned last[WITNESS_ROLES]; /* note NULL: none */
    int64_t asked_mono_ms;
    struct attest attest;
};

/* Sign, keep in the spool, on disk. */
void witness_cosign(struct agent *a, enum witness_role role, const struct note *n, const struct checkpoint *c);
/* Tell the server what was cosigned in a role, if it has not been told; each role on its own lane, since the witness's waits
 * for checkpoints most of the time. False: there is nothing to tell. */
bool witness_tell(struct agent *a, enum witness_role role);
/* What the server said to it: it has it, or will never want it, or is told again. */
void witness_told(struct agent *a, enum witness_role role, const struct wire_reply *r);

#endif
