/* crypto/assertion.h
 * An order signed by a passkey (authority class 2 of an entry): the blob that lies beside the journal, whose SHA-256 stands in the entry
 * (schema/journal/assertion.md). It holds all that it takes to verify the signature but the order's own bytes, and the KEY that the
 * entry names holds a hash of the passkey's key and site: so nobody can put another passkey in its place, or another order's blob.
 *
 * Pure. That the key was in force, whose it is, and that a blob is used once is the caller's to check. */
#ifndef CRYPTO_ASSERTION_H
#define CRYPTO_ASSERTION_H

#include "base/hash.h"
#include "crypto/passkey.h"

enum { ASSERTION_MAX = 4096, ASSERTION_SITE_MAX = 253, ASSERTION_PARTS = 5 };
#define ASSERTION_TITLE "kontor-assertion/v1"

struct assertion {
    struct bytes site, cose; /* the relying party's id; the passkey's key, a COSE_Key in its one form */
    struct passkey_assertion said;
};

/* Its length; 0: some part of it, or all of it, is too long or empty. */
size_t assertion_write(const struct assertion *a, uint8_t ret[ASSERTION_MAX]) MUST_USE;
/* Its parts lie in the blob. ERR_PASSKEY_MALFORMED. Nothing of what they say is looked at. */
enum err assertion_read(struct bytes blob, struct assertion *ret) MUST_USE;

/* What the journal has for a key of this passkey. */
void assertion_key(struct bytes site, struct bytes cose, uint8_t ret[32]);
/* The 64 bytes of the authority's slot. */
void assertion_slot(struct bytes blob, uint8_t ret[64]);

/* Does the blob sign these bytes, by the passkey that `key` of the journal names, and did the passkey make sure who it was? origins: the
 * pages that may ask it, with blanks between; NULL: any page of the passkey's site, its own or a name below it (offline).
 * ERR_PASSKEY_MALFORMED, ERR_ORDER_KEY (it is another passkey's), and those of passkey_assertion_check(). */
enum err assertion_check(struct bytes blob, const uint8_t key[32], const char *origins, struct bytes signed_bytes) MUST_USE;
/* The same for bytes of this SHA-256. */
enum err assertion_check_hash(struct bytes blob, const uint8_t key[32], const char *origins, const struct hash *challenge) MUST_USE;

#endif
