/* crypto/random.c */
#include "crypto/random.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/err.h"

static void
ready_once(void)
{
    if (sodium_init() < 0)
        fatal("libsodium does not begin");
}

void
crypto_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, ready_once);
}

void
random_bytes(void *ret, size_t len)
{
    crypto_ready();
    randombytes_buf(ret, len);
}

uint32_t
random_below(uint32_t below)
{
    crypto_ready();
    return randombytes_uniform(below);
}

void
random_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

int
random_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}
