/* tests/sim/glue_crypto.c
 * Chance and signatures of a history. crypto/random.h draws from the seed. crypto/sign.h: a signature is a keyed hash,
 * forty times faster than Ed25519; who alters a byte is found out as with the real one, and nobody in a history forges
 * one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/hash.h"
#include "crypto/hpke.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include "sim.h"

static uint64_t
next(void)
{
    uint64_t z = sim.draw[1] += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void
crypto_ready(void)
{
}

void
random_bytes(void *ret, size_t len)
{
    uint8_t *to = ret;

    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(next() >> 17);
}

uint32_t
random_below(uint32_t below)
{
    return (uint32_t)((next() >> 11) % below);
}

void
random_wipe(void *secret, size_t len)
{
    memset(secret, 0, len);
}

int
random_equal(const void *a, const void *b, size_t len)
{
    return memcmp(a, b, len) == 0;
}

ssize_t __wrap_getrandom(void *ret, size_t len, unsigned flags);

ssize_t
__wrap_getrandom(void *ret, size_t len, unsigned flags)
{
    (void)flags;
    random_bytes(ret, len);
    return (ssize_t)len;
}

#ifndef SIM_SIGNED

/* Key files are of enrolment, of the witness and of sealed secrets, and none is of the simulation. */
struct sign_key
sign_key_new(void)
{
    abort();
}

enum err
sign_key_load(const char *path, struct sign_key *ret, struct err_detail *d)
{
    (void)path;
    (void)ret;
    (void)d;
    return ERR_NOT_FOUND;
}

enum err
seal_key_load(const char *path, struct seal_key *ret, struct err_detail *d)
{
    (void)path;
    (void)ret;
    (void)d;
    return ERR_NOT_FOUND;
}

enum err
hpke_open(const struct seal_key *key, const uint8_t enc[HPKE_ENC_LEN], struct bytes info, struct bytes aad, struct bytes sealed, uint8_t *ret)
{
    (void)key;
    (void)enc;
    (void)info;
    (void)aad;
    (void)sealed;
    (void)ret;
    return ERR_SIGNATURE;
}

enum err
sign_key_save(const struct sign_key *key, const char *path, struct err_detail *d)
{
    (void)key;
    (void)path;
    (void)d;
    return ERR_IO;
}

struct sign_key
sign_key_from_seed(const uint8_t seed[SIGN_SEED_LEN])
{
    struct sign_key key;
    struct hash public = sha256(BYTES(seed, SIGN_SEED_LEN));

    memcpy(key.seed, seed, SIGN_SEED_LEN);
    memcpy(key.public, public.b, SIGN_PUBLIC_LEN);
    return key;
}

static void
mark(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, uint8_t ret[SIGN_LEN])
{
    struct hash h = sha256_of((const struct bytes[]){ BYTES(public, SIGN_PUBLIC_LEN), message }, 2);

    memcpy(ret, h.b, 32);
    memset(ret + 32, 0x5a, SIGN_LEN - 32);
}

void
sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[SIGN_LEN])
{
    mark(key->public, message, ret);
}

enum err
sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t sig[SIGN_LEN])
{
    uint8_t want[SIGN_LEN];

    mark(public, message, want);
    return memcmp(want, sig, SIGN_LEN) == 0 ? OK : ERR_SIGNATURE;
}

#endif
