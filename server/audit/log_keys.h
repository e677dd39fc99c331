/* audit/log_keys.h
 * The log's keys as the entries announce them (KEY of use log): which one was in force at a checkpoint's size, and whether
 * it signed that checkpoint. This needs no policy: the journal itself says who signs it, one key handing over to the next. */
#ifndef AUDIT_LOG_KEYS_H
#define AUDIT_LOG_KEYS_H

#include "core/ledger.h"
#include "core/note.h"

enum log_keys_says {
    LOG_KEYS_NONE,     /* the entries announce no key up to that size */
    LOG_KEYS_GOOD,     /* signed by the key in force */
    LOG_KEYS_OLD,      /* signed by another of the log's keys, which was not in force */
    LOG_KEYS_MISSING,  /* signed by none of them, or wrongly */
};
struct log_keys_result { uint64_t in_force, signer; struct vkey vkey; }; /* indexes of KEYs, NO_INDEX: none; of in_force */

/* Judge the note of a checkpoint of `size` entries of this origin. The ledger has taken at least that many. */
enum log_keys_says log_keys_judge(const struct ledger *l, const char *origin, uint64_t size, struct bytes note,
                                  struct log_keys_result *ret);
/* The newest of the log's keys, as the entries announce them, that the policy names for this origin; NO_INDEX: none. Each later one was
 * signed for by the one before it, or the ledger had not taken it. */
uint64_t log_keys_of_policy(const struct ledger *l, const char *origin, const char *policy);

#endif
