/* core/witness.h
 * What a witness does with a checkpoint that it is shown (C2SP tlog-witness, tlog-cosignature): it cosigns what the log has
 * signed and what extends all that it has cosigned, and nothing else, ever. Pure: who calls has what was cosigned last, and
 * stores what is cosigned before anybody learns of it. */
#ifndef CORE_WITNESS_H
#define CORE_WITNESS_H

#include "core/note.h"

/* A witness has two keys: with one it says that the log only grows, with the other that all its entries keep the rules. */
enum witness_role { WITNESS_GROWS, WITNESS_RULES, WITNESS_ROLES };
const char *witness_role_name(enum witness_role role); /* "witness", "attest" */

/* What a witness cosigned last. size 0: nothing yet. */
struct witnessed { uint64_t size; struct hash root; };

enum witness_says {
    WITNESS_COSIGN,       /* it extends what was cosigned (or is the first) */
    WITNESS_SAME,         /* it is what was cosigned last */
    WITNESS_NO_NOTE,      /* it is no signed checkpoint */
    WITNESS_OTHER_LOG,    /* of another origin */
    WITNESS_UNSIGNED,     /* not signed by the log's key, or badly */
    WITNESS_OTHER_PROOF,  /* it may well be an extension: the proof is from another size */
    WITNESS_SMALLER,      /* fewer entries than were cosigned: rolled back */
    WITNESS_OTHER_ROOT,   /* as many entries, but others: a second history */
    WITNESS_INCONSISTENT, /* more entries, but the first ones are others: a second history */
};

/* old: the size that the proof begins from. The note's text and signatures are judged first: only what the log itself has
 * signed is ever held against it. *ret is filled from WITNESS_COSIGN, WITNESS_SAME and WITNESS_OTHER_PROOF on. */
enum witness_says witness_judge(const struct witnessed *last, const struct vkey *log, const struct note *n, uint64_t old,
                                const struct proof *proof, note_verify_fn verify, struct checkpoint *ret);
/* True: the log has signed two histories, or took one back. It is a matter for people, and nothing is cosigned until then. */
bool witness_is_fork(enum witness_says says);
/* Is text name the wire name of a verdict that is a fork? *ret. */
bool witness_fork_from_name(const char *name, enum witness_says *ret);
const char *witness_name(enum witness_says says);     /* "smaller", "other-root", … */
const char *witness_sentence(enum witness_says says);

#endif
