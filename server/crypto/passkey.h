/* crypto/passkey.h
 * Passkeys: what a browser says of one that was made, or by one that is used (W3C Web Authentication, Level 3). The only user
 * of libfido2, which verifies the signatures of assertions; the rest is checked here: the client's data (type, challenge,
 * origin), the authenticator's (for whom, flags, the key), and the attestation, which is `none`: whose make a passkey is does
 * not matter here. CBOR is read by base/cbor.h, for libcbor, which libfido2 brings, takes more than the specification allows.
 *
 * Pure: the same bytes give the same answer, with no clock, no device and no memory of what was used before. That a challenge
 * is answered once and in time, whose passkey it is and what its counter said last is the caller's to check. */
#ifndef CRYPTO_PASSKEY_H
#define CRYPTO_PASSKEY_H

#include "base/bytes.h"

enum passkey_alg {
    PASSKEY_ES256 = -7,
    PASSKEY_EDDSA = -8,
    PASSKEY_RS256 = -257
}; /* COSE's numbers; others are not taken */
enum {
    PASSKEY_PRESENT = 1,
    PASSKEY_VERIFIED = 4,
    PASSKEY_MAY_BACK_UP = 8,
    PASSKEY_BACKED_UP = 16,
    PASSKEY_ATTESTED = 64,
    PASSKEY_EXTENDED = 128,
};
enum {
    PASSKEY_CHALLENGE = 32,
    PASSKEY_ID_MIN = 16,
    PASSKEY_ID_MAX = 1023,
    PASSKEY_KEY_MAX = 259,     /* RS256: 256 of the modulus, 3 of the exponent; ES256: x, y; EdDSA: 32 */
    PASSKEY_COSE_MAX = 272,    /* the same as a COSE_Key */
    PASSKEY_CLIENT_MAX = 4096, /* clientDataJSON */
    PASSKEY_DATA_MAX = 2048,   /* authenticatorData */
    PASSKEY_OBJECT_MAX = 4096, /* attestationObject */
    PASSKEY_SIGNATURE_MAX = 512,
};

/* For whom: the relying party's id, and the origins of its pages, with blanks between; NULL: whichever page has that name, or one below it,
 * over TLS (or is localhost). */
struct passkey_site {
    const char *id, *origins;
};
struct passkey_key {
    enum passkey_alg alg;
    uint8_t bytes[PASSKEY_KEY_MAX];
    size_t len;
};
struct passkey_made {
    uint8_t id[PASSKEY_ID_MAX];
    size_t id_len;
    struct passkey_key key;
    uint8_t flags;
    uint32_t count;
};
/* What a browser hands over of one that was used. */
struct passkey_assertion {
    struct bytes client, data, signature; /* clientDataJSON, authenticatorData, signature */
};
struct passkey_used {
    uint8_t flags;
    uint32_t count;
};

/* Is it a key of its kind: a point of the curve that is not of small order, a modulus of 2048 bits with the usual exponent?
 * ERR_PASSKEY_ALGORITHM. */
enum err passkey_key_check(const struct passkey_key *key) MUST_USE;

/* The key as a COSE_Key (RFC 9053) in CTAP2's canonical form, of which there is one; its length. It must be one that was checked. */
size_t passkey_cose(const struct passkey_key *key, uint8_t ret[PASSKEY_COSE_MAX]) MUST_USE;
/* And back, in no other form. ERR_PASSKEY_MALFORMED, ERR_PASSKEY_ALGORITHM. */
enum err passkey_cose_read(struct bytes cose, struct passkey_key *ret) MUST_USE;

/* A passkey that was made for this challenge; verified: the person must have been, too (PIN, finger, face). What is wrong:
 * ERR_PASSKEY_MALFORMED, _TYPE, _CHALLENGE, _ORIGIN, _ATTESTATION, _SITE, _ABSENT, _UNVERIFIED, _BACKUP, _ID, _ALGORITHM. */
enum err passkey_made_check(const struct passkey_site *site, const uint8_t challenge[PASSKEY_CHALLENGE],
                            struct bytes client, struct bytes object, bool verified, struct passkey_made *ret) MUST_USE;

/* One that was used for this challenge, by its key. What is wrong: ERR_PASSKEY_MALFORMED, _TYPE, _CHALLENGE, _ORIGIN, _SITE,
 * _ABSENT, _UNVERIFIED, _BACKUP, of which none depends on the key; and after these ERR_PASSKEY_SIGNATURE. */
enum err passkey_assertion_check(const struct passkey_key *key, const struct passkey_site *site,
                                 const uint8_t challenge[PASSKEY_CHALLENGE], const struct passkey_assertion *a,
                                 bool verified, struct passkey_used *ret) MUST_USE;

/* The same, for a passkey that nobody has: takes as long, and is never OK. */
enum err passkey_assertion_nobody(const struct passkey_site *site, const uint8_t challenge[PASSKEY_CHALLENGE],
                                  const struct passkey_assertion *a, bool verified) MUST_USE;

#endif
