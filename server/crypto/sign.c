/* crypto/sign.c */
#include "crypto/sign.h"

#include <sodium.h>
#include <stdio.h>

#include "crypto/keyfile.h"
#include "crypto/random.h"

_Static_assert(crypto_sign_SEEDBYTES == SIGN_SEED_LEN, "Ed25519 seed");
_Static_assert(crypto_sign_PUBLICKEYBYTES == SIGN_PUBLIC_LEN, "Ed25519 public key");
_Static_assert(crypto_sign_BYTES == SIGN_LEN, "Ed25519 signature");
_Static_assert(crypto_box_SECRETKEYBYTES == 32 && crypto_box_PUBLICKEYBYTES == 32, "X25519 keys");

struct sign_key
sign_key_from_seed(const uint8_t seed[SIGN_SEED_LEN])
{
    struct sign_key key;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    crypto_ready();
    memcpy(key.seed, seed, sizeof key.seed);
    crypto_sign_seed_keypair(key.public, secret, seed);
    sodium_memzero(secret, sizeof secret);
    return key;
}

struct sign_key
sign_key_new(void)
{
    uint8_t seed[SIGN_SEED_LEN];
    struct sign_key key;

    random_bytes(seed, sizeof seed);
    key = sign_key_from_seed(seed);
    sodium_memzero(seed, sizeof seed);
    return key;
}

void
sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[SIGN_LEN])
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* libsodium's secret key: seed ‖ public key */

    crypto_ready();
    memcpy(secret, key->seed, SIGN_SEED_LEN);
    memcpy(secret + SIGN_SEED_LEN, key->public, SIGN_PUBLIC_LEN);
    crypto_sign_detached(ret, NULL, message.data, message.len, secret);
    sodium_memzero(secret, sizeof secret);
}

enum err
sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t sig[SIGN_LEN])
{
    crypto_ready();
    if (crypto_sign_verify_detached(sig, message.data, message.len, public) != 0)
        return ERR_SIGNATURE;
    return OK;
}

struct seal_key
seal_key_from_secret(const uint8_t secret[32])
{
    struct seal_key key;

    crypto_ready();
    memcpy(key.secret, secret, sizeof key.secret);
    crypto_scalarmult_base(key.public, secret);
    return key;
}

struct seal_key
seal_key_new(void)
{
    uint8_t secret[32];
    struct seal_key key;

    random_bytes(secret, sizeof secret);
    key = seal_key_from_secret(secret);
    sodium_memzero(secret, sizeof secret);
    return key;
}

enum err
sign_key_save(const struct sign_key *key, const char *path, struct err_detail *d)
{
    return keyfile_save(path, "ed25519", key->seed, d);
}

enum err
seal_key_save(const struct seal_key *key, const char *path, struct err_detail *d)
{
    return keyfile_save(path, "x25519", key->secret, d);
}

enum err
sign_key_load(const char *path, struct sign_key *ret, struct err_detail *d)
{
    uint8_t seed[SIGN_SEED_LEN];
    enum err err = keyfile_load(path, "ed25519", seed, d);

    if (err)
        return err;
    *ret = sign_key_from_seed(seed);
    sodium_memzero(seed, sizeof seed);
    return OK;
}

enum err
seal_key_load(const char *path, struct seal_key *ret, struct err_detail *d)
{
    uint8_t secret[32];
    enum err err = keyfile_load(path, "x25519", secret, d);

    if (err)
        return err;
    *ret = seal_key_from_secret(secret);
    sodium_memzero(secret, sizeof secret);
    return OK;
}
