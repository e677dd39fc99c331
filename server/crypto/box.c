/* crypto/box.c */
#include "crypto/box.h"

#include <assert.h>
#include <sodium.h>

#include "base/hash.h"
#include "crypto/random.h"

enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES };

_Static_assert(sizeof(struct box_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "a key is as long as libsodium wants it");
_Static_assert(NONCE + TAG == 24 + 16, "as BOX_TEXT_LEN has it");

struct box_key
box_key_from(const struct sign_key *key, const char *label)
{
    _Static_assert(sizeof key->seed == 32, "a seed is a secret of 32 bytes");
    return box_key_of(key->seed, label);
}

struct box_key
box_key_of(const uint8_t secret[32], const char *label)
{
    struct box_key ret;

    crypto_ready();
    crypto_generichash(ret.b, sizeof ret.b, (const unsigned char *)label, strlen(label), secret, 32);
    return ret;
}

void
box_seal(const struct box_key *key, const char *about, struct bytes in, char *ret)
{
    uint8_t sealed[NONCE + BOX_MAX + TAG];
    unsigned long long len;

    assert(in.len <= BOX_MAX);
    random_bytes(sealed, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, &len, in.data, in.len, (const unsigned char *)about, strlen(about), NULL,
                                               sealed, key->b);
    base64url_encode(BYTES(sealed, NONCE + len), ret);
}

enum err
box_open(const struct box_key *key, const char *about, const char *text, uint8_t *ret, size_t cap, size_t *ret_len)
{
    uint8_t sealed[NONCE + BOX_MAX + TAG], open[BOX_MAX];
    unsigned long long got;
    size_t len;

    crypto_ready();
    if (!base64url_decode(text, strlen(text), sealed, sizeof sealed, &len) || len < NONCE + TAG)
        return ERR_SIGNATURE;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(open, &got, NULL, sealed + NONCE, len - NONCE, (const unsigned char *)about,
                                                   strlen(about), sealed, key->b) != 0 ||
        got > cap)
        return ERR_SIGNATURE;
    memcpy(ret, open, (size_t)got);
    *ret_len = (size_t)got;
    random_wipe(open, sizeof open);
    return OK;
}
