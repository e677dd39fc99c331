/* market/cosigning.h
 * Cosignatures of checkpoints: taken, once they verify, and given out with the newest checkpoint that has the quorum which
 * the policy asks for. What is shown to the world never goes back: where a new policy asks for more, the newest that was
 * shown stays until a newer one, or itself, has what is asked for now. The connection acts as the server. */
#ifndef MARKET_COSIGNING_H
#define MARKET_COSIGNING_H

#include "market/log_policy.h"
#include "store/cosignatures.h"

/* A cosignature line by `by` (type NOTE_COSIGNATURE) of the checkpoint of that size and root. ERR_NOT_FOUND: there is no
 * such checkpoint; ERR_FIELD_INVALID: it has another root, or the line is none by this key; ERR_SIGNATURE. */
enum err cosigning_take(struct db *db, struct log_policy *policy, uint64_t size, const struct hash *root, const struct vkey *by,
                        struct bytes line, int64_t now_ms, struct err_detail *d) MUST_USE;
/* The newest checkpoint that has the quorum of the policy in force, its note with all cosignatures that are known: what receipts
 * and exports rest on. ERR_NOT_FOUND: none yet. */
enum err cosigning_newest(struct db *db, struct log_policy *policy, struct arena *a, struct checkpoint_row *ret) MUST_USE;
/* The checkpoint to show the world: that one, or a newer one that was shown under another policy. ERR_NOT_FOUND: none yet. */
enum err cosigning_shown(struct db *db, struct log_policy *policy, struct arena *a, struct checkpoint_row *ret) MUST_USE;
/* How many of the policy's witnesses have cosigned this size. */
enum err cosigning_count(struct db *db, const struct quorum *q, uint64_t size, struct arena *a, struct log_policy_count *ret) MUST_USE;

#endif
