/* market/own_policy.h
 * The policy of witnesses with which this server leads, against what the journal says of it. Each change of the policy is
 * a NOTICE with the SHA-256 of the policy's text, on the operator's word: of the file's bytes, as GET /v1/journal/policy
 * shows them; of the empty text where there is a policy no more. A journal that has never had one says nothing. */
#ifndef MARKET_OWN_POLICY_H
#define MARKET_OWN_POLICY_H

#include "market/market.h"

/* The NOTICE that the journal lacks, signed and ready to be sent as COMMAND_ORDER by ACTOR_LOCAL. False: it says what is in
 * force, or this server has no key to say it with. Made twice for one change it is the same order, which the ledger takes
 * once. From any thread. The janitor asks, since the policy's file may change at any time. */
bool own_policy_order(struct market *m, struct entry *ret);
/* The same for the sequencer, which writes it before it serves anybody: under the state's lock, of what is in force now. */
struct log_policy_now;
bool own_policy_lacks(const struct market *m, const struct log_policy_now *now, struct entry *ret);

#endif
