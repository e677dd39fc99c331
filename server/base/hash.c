/* base/hash.c
 * OpenSSL's own SHA-256, which uses the processor's instructions, without the layer that picks an algorithm at run time: that layer
 * costs a third again of hashing an entry, allocates, and can fail. OpenSSL calls these functions deprecated and keeps them;
 * the day that they go, EVP_Digest is what remains. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/hash.h"

struct hash
sha256_of(const struct bytes *parts, size_t n)
{
    SHA256_CTX ctx;
    struct hash h;

    SHA256_Init(&ctx); /* none of the three has a way to fail */
    for (size_t i = 0; i < n; i++)
        if (parts[i].len > 0)
            SHA256_Update(&ctx, parts[i].data, parts[i].len);
    SHA256_Final(h.b, &ctx);
    return h;
}

struct hash
sha256(struct bytes in)
{
    return sha256_of(&in, 1);
}
