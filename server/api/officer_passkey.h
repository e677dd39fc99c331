/* api/officer_passkey.h: passkeys as keys that sign orders. Security: what is checked here is what the passkey said; whose key it is, and
 * that it is in force, is the caller's to ask of the journal. */
#ifndef API_OFFICER_PASSKEY_H
#define API_OFFICER_PASSKEY_H

#include "api/call.h"
#include "crypto/passkey.h"
#include "store/orders.h"

bool officer_key_is_passkey(const struct officer_key *k);
/* The row of what the journal has; NULL: none. */
const struct officer_key *officer_key_named(const struct officer_key *list, size_t n, const uint8_t public[32]);

/* It signs these bytes by this key: the blob to be kept, in the call's arena. What crypto/assertion.h says; ERR_PASSKEYS_OFF. */
enum err officer_passkey_check(struct call *call, const struct officer_key *k, const struct passkey_assertion *said, struct bytes signed_bytes, struct bytes *ret) MUST_USE;
/* One of the caller's own passkeys as a key: site, cose, credential and what the journal will have. ERR_NOT_FOUND, ERR_PASSKEYS_OFF. */
enum err officer_passkey_of(struct call *call, struct uuid id, struct officer_key *k) MUST_USE;

#endif
