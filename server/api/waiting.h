/* api/waiting.h
 * Orders that wait for their signatures: proposed, signed by one or two people, each for themselves and over the same bytes, then in the
 * journal; or withdrawn by who proposed it, refused by another, or lapsed. Two signers are two people, and nobody signs what is about
 * themselves or about whom they act for. The ledger asks again when an order is carried out; what it refuses then (credits that are
 * gone meanwhile) stays approved, to be carried out later or to be given up. */
#ifndef API_WAITING_H
#define API_WAITING_H

#include "api/call.h"
#include "store/notices.h"
#include "store/orders.h"

/* An order with what is asked of it at each step. */
struct waiting {
    struct call *call;
    struct order_row row;
    struct entry entry;
    uint8_t bytes[ENTRY_MAX]; /* what is signed */
    size_t len;
    struct hash sha256; /* of these */
    struct order_signature *signatures, mine;
    size_t n;
    struct officer_key *keys; /* the caller's, as they were asked for */
    size_t keys_n;
    struct idem idem; /* of the proposal */
    const char *reason;
    enum order_state how; /* it is ended */
    struct notices_event notice; /* to whoever could sign what is proposed; no id: nobody else has to */
};

/* The order of this id with its signatures; w is zero but for what the caller has set. ERR_NOT_FOUND, ERR_CORRUPT. In a worker; takes the
 * state's read lock. */
enum err waiting_find(struct call *call, struct uuid id, struct waiting *w) MUST_USE;
bool waiting_is_open(const struct waiting *w); /* neither over nor lapsed */
/* May the caller sign such an order at all? s under its lock. ERR_FORBIDDEN, ERR_ORDER_OWN. */
enum err waiting_check_signer(struct waiting *w, const struct state *s) MUST_USE;
void waiting_reply(struct call *call, struct uuid id, int status); /* the order as it is now */

#endif
