/* crypto/hpke.c: names as in RFC 9180. */
#include "crypto/hpke.h"

#include <assert.h>
#include <sodium.h>

#include "base/gcm.h"
#include "crypto/random.h"

_Static_assert(HPKE_TAG_LEN == GCM_TAG_LEN, "the text grows by the tag");

enum { HASH = crypto_auth_hmacsha256_BYTES, PARTS = 4 };

static const uint8_t KEM_SUITE[] = { 'K', 'E', 'M', 0x00, 0x20 };
static const uint8_t HPKE_SUITE[] = { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x02 };

static void
hmac(struct bytes key, const struct bytes *parts, size_t n, uint8_t ret[HASH])
{
    crypto_auth_hmacsha256_state s;

    crypto_auth_hmacsha256_init(&s, key.data, key.len);
    for (size_t i = 0; i < n; i++)
        if (parts[i].len > 0)
            crypto_auth_hmacsha256_update(&s, parts[i].data, parts[i].len);
    crypto_auth_hmacsha256_final(&s, ret);
    sodium_memzero(&s, sizeof s);
}

/* An empty salt is the same key to HMAC as zeros of the hash's length. */
static void
labeled_extract(struct bytes suite, const char *salt, size_t salt_len, const char *label, struct bytes ikm, uint8_t ret[HASH])
{
    struct bytes parts[PARTS] = { BYTES_TEXT("HPKE-v1"), suite, BYTES_TEXT(label), ikm };

    hmac(BYTES(salt, salt_len), parts, PARTS, ret);
}

/* One block of HKDF-Expand is all that is ever wanted: len ≤ HASH. */
static void
labeled_expand(struct bytes suite, const uint8_t prk[HASH], const char *label, struct bytes info, uint8_t *ret, size_t len)
{
    uint8_t head[2] = { 0, (uint8_t)len }, one = 1, block[HASH];
    struct bytes parts[] = { BYTES(head, 2), BYTES_TEXT("HPKE-v1"), suite, BYTES_TEXT(label), info, BYTES(&one, 1) };

    assert(len <= HASH);
    hmac(BYTES(prk, HASH), parts, sizeof parts / sizeof parts[0], block);
    memcpy(ret, block, len);
    sodium_memzero(block, sizeof block);
}

/* ExtractAndExpand of the DHKEM. False: the other's key is of small order, and so nothing is secret. */
static bool
shared_secret(const struct seal_key *own, const uint8_t other[32], const uint8_t enc[32], const uint8_t to[32], uint8_t ret[HASH])
{
    uint8_t dh[32], prk[HASH], context[64];
    bool good = crypto_scalarmult(dh, own->secret, other) == 0;

    if (good) {
        memcpy(context, enc, 32);
        memcpy(context + 32, to, 32);
        labeled_extract(BYTES(KEM_SUITE, sizeof KEM_SUITE), "", 0, "eae_prk", BYTES(dh, sizeof dh), prk);
        labeled_expand(BYTES(KEM_SUITE, sizeof KEM_SUITE), prk, "shared_secret", BYTES(context, sizeof context), ret, HASH);
    }
    sodium_memzero(dh, sizeof dh);
    sodium_memzero(prk, sizeof prk);
    return good;
}

struct schedule {
    uint8_t key[GCM_KEY_LEN], nonce[GCM_NONCE_LEN];
};

/* KeySchedule of mode base. */
static struct schedule
schedule(const uint8_t shared[HASH], struct bytes info)
{
    struct bytes suite = BYTES(HPKE_SUITE, sizeof HPKE_SUITE);
    uint8_t context[1 + 2 * HASH] = { 0 }, secret[HASH];
    struct schedule ret;

    labeled_extract(suite, "", 0, "psk_id_hash", BYTES("", 0), context + 1);
    labeled_extract(suite, "", 0, "info_hash", info, context + 1 + HASH);
    labeled_extract(suite, (const char *)shared, HASH, "secret", BYTES("", 0), secret);
    labeled_expand(suite, secret, "key", BYTES(context, sizeof context), ret.key, sizeof ret.key);
    labeled_expand(suite, secret, "base_nonce", BYTES(context, sizeof context), ret.nonce, sizeof ret.nonce);
    sodium_memzero(secret, sizeof secret);
    return ret;
}

enum err
hpke_seal_with(const struct seal_key *once, const uint8_t to[32], struct bytes info, struct bytes aad, struct bytes text, uint8_t *ret)
{
    uint8_t shared[HASH];
    struct schedule s;

    crypto_ready();
    if (!shared_secret(once, to, once->public, to, shared))
        return ERR_SIGNATURE;
    s = schedule(shared, info);
    gcm_seal(s.key, s.nonce, aad, text, ret);
    sodium_memzero(&s, sizeof s);
    sodium_memzero(shared, sizeof shared);
    return OK;
}

enum err
hpke_seal(const uint8_t to[32], struct bytes info, struct bytes aad, struct bytes text, uint8_t ret_enc[HPKE_ENC_LEN], uint8_t *ret)
{
    struct seal_key once = seal_key_new();
    enum err err = hpke_seal_with(&once, to, info, aad, text, ret);

    if (err == OK)
        memcpy(ret_enc, once.public, HPKE_ENC_LEN);
    random_wipe(&once, sizeof once);
    return err;
}

enum err
hpke_open(const struct seal_key *key, const uint8_t enc[HPKE_ENC_LEN], struct bytes info, struct bytes aad, struct bytes sealed, uint8_t *ret)
{
    uint8_t shared[HASH];
    struct schedule s;
    enum err err;

    crypto_ready();
    if (!shared_secret(key, enc, enc, key->public, shared))
        return ERR_SIGNATURE;
    s = schedule(shared, info);
    err = gcm_open(s.key, s.nonce, aad, sealed, ret);
    sodium_memzero(&s, sizeof s);
    sodium_memzero(shared, sizeof shared);
    return err;
}
