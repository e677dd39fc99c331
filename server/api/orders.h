/* api/orders.h
 * Orders: entries that somebody answers for. Whoever has a key of their own signs with it (class 1), and so does everybody where the rule of
 * orders asks for it; else the server's key vouches for the signed-in person (class 3). What is not signed at once waits for
 * its signatures (waiting.c). What is said in words goes to the table of evidence; the journal has a salted
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
/* Signed by the server's key for `signers` people who have shown who they are, and sent; or, where that is not enough, kept until people
 * have signed it (then the reply is 202 with the order, and `then` is not called). waits: nobody has, two officers are to. basis: code of
 * a grant's legal basis, else "". Takes the call. */
struct order_by { int signers; bool waits; const char *basis; const struct uuid *people; /* two, where two have shown who they are */ };
void order_send(struct call *call, const struct entry *e, struct order_by by, handler_fn *then);
/* waiting.c: keep it, and answer 202. */
void order_propose(struct call *call, const struct entry *e, int signers, const char *basis);
/* Does the rule of orders say in which ways it is signed? Of notices the end of a contest, too: the ledger, which ends one by time alone as
 * well, leaves that to us. */
bool order_is_bound(const struct entry *e);
/* waiting.c: may this person sign such an order: by their role, and because it is neither about them nor about whom they act for? s under
 * its lock. ERR_FORBIDDEN, ERR_ORDER_OWN. */
enum err order_check_signer(const struct actor *actor, const struct state *s, const struct entry *e) MUST_USE;
/* The same of anybody, by the roles that they have now. In a worker; takes the state's read lock. */
enum err order_check_signer_now(struct call *call, struct uuid person, const struct entry *e) MUST_USE;
/* The key that an officer has in force, the newest; NULL: none. s under its lock. */
const struct key *officer_key_in_force(const struct state *s, struct uuid person, int64_t now_ms);
/* May this person still order anything? ERR_CONFLICT. In a worker. */
enum err officer_key_check_person(struct call *call, struct uuid person) MUST_USE;
/* Ends all keys that the person has in force, by the caller, who may; then `then` runs with call->user as it was. In a worker; takes the call. */
void officer_keys_end_all(struct call *call, struct uuid person, handler_fn *then);
/* How the caller is called where it is told who did something. */
const char *order_caller(const struct call *call);
/* Make e the call's command, signed for `signers` people (1 or 2). The ledger's genesis is read under the lock: the
 * caller must not hold it. ERR_NOT_LEADER. */
enum err order_sign(struct call *call, const struct entry *e, int signers) MUST_USE;

#endif
