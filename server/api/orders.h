/* api/orders.h
 * Orders: entries that somebody answers for. Until people have keys of their own, the server's key vouches for the
 * signed-in person (authority class 3). What is said in words goes to the table of evidence; the journal has a salted
 * commitment of it. Both follow from the idempotency key, so that a repeated call is the same order. */
#ifndef API_ORDERS_H
#define API_ORDERS_H

#include "api/call.h"

/* A step's own key, so that several commands of one call are each carried out once. */
void order_step(struct call *call, struct idem of, const char *part);
/* The order's UUID for this call's step. */
struct uuid order_id(const struct call *call);
/* Stores the reason with its salt (twice: once) and gives the commitment. In a worker, before sending. people: who are
 * signed in, zeros beyond. concerns: the organisation that may read it too, zero: none; site: whose operators may, 0: none. */
enum err order_evidence(struct call *call, struct uuid order, const char *reason, const struct uuid people[2],
                        struct uuid concerns, uint64_t site, struct hash *ret_commitment) MUST_USE;
struct evidence;
/* What is kept behind the entry's commitment, as far as row security shows it to the caller. The journal's word stands above the row's:
 * what it says was erased is given as erased, though somebody has put the row back. ERR_NOT_FOUND, ERR_NOT_LEADER, ERR_CORRUPT (its seal).
 * The state is read under the lock: the caller must not hold it. */
enum err order_evidence_of(struct call *call, const struct entry *e, struct evidence *ret) MUST_USE;
/* Make e the call's command, signed for `signers` people (1 or 2). The ledger's genesis is read under the lock: the
 * caller must not hold it. ERR_NOT_LEADER. */
enum err order_sign(struct call *call, const struct entry *e, int signers) MUST_USE;

#endif
