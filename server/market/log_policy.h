/* market/log_policy.h
 * The operator's policy file (C2SP tlog-policy): which witnesses must have cosigned a checkpoint before it is shown to the
 * world. Read at the start, and again when the file changes; one that is not good is refused at the start and not taken
 * later: the one before stays in force. Without a file every signed checkpoint is shown. */
#ifndef MARKET_LOG_POLICY_H
#define MARKET_LOG_POLICY_H

#include "base/hash.h"
#include "base/log.h"
#include "core/quorum.h"
#include "store/cosignatures.h"

struct log_policy;

struct log_policy_now {
    const struct quorum *quorum; /* NULL: there is no policy. Lives as long as the log_policy */
    const char *text;
    struct hash hash; /* of the text; with no policy of the empty one */
};

/* path "": none. origin, the log's, must be among those that the policy names, if it names any; "": it is not asked. ERR_CONFIG with d->internal. */
enum err log_policy_open(const char *path, const char *origin, const struct log *to, struct log_policy **ret, struct err_detail *d) MUST_USE;
void log_policy_close(struct log_policy *p);
/* What is in force. From any thread. */
struct log_policy_now log_policy_now(struct log_policy *p);
/* How many of the policy's witnesses these are of, and whether they are enough. q may be NULL: all are, none is asked. */
struct log_policy_count { unsigned cosigned, of; bool enough; };
struct log_policy_count log_policy_count(const struct quorum *q, const struct cosignature *all, size_t n);

/* The newest checkpoint that has this policy's quorum, with its cosignatures, kept for those who ask in quick succession
 * (market/cosigning.c). It holds until log_policy_news(), under this policy only, and for a second at most: another server may
 * have written since. *ret_turn, for log_policy_keep(), is from before the database is asked. */
bool log_policy_kept(struct log_policy *p, const struct hash *policy, struct arena *a, struct checkpoint_row *ret, uint64_t *ret_turn);
void log_policy_keep(struct log_policy *p, const struct hash *policy, uint64_t turn, const struct checkpoint_row *row);
/* A checkpoint or a cosignature was written. p may be NULL. */
void log_policy_news(struct log_policy *p);

#endif
