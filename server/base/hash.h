/* base/hash.h: SHA-256 (FIPS 180-4) by OpenSSL. Never fails. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

struct hash {
    uint8_t b[32];
};

struct hash sha256(struct bytes in);
struct hash sha256_of(const struct bytes *parts, size_t n); /* of the concatenation */
static inline bool
hash_equal(struct hash a, struct hash b)
{
    return memcmp(a.b, b.b, sizeof a.b) == 0;
}

#endif
