/* base/gcm.c */
#include "base/gcm.h"

#include <assert.h>
#include <limits.h>
#define ERR_STATE openssl_err_state /* OpenSSL's type of this name is none of ours */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#undef ERR_STATE

static EVP_CIPHER_CTX *
begin(int sealing, const uint8_t *key, const uint8_t *nonce, struct bytes aad)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len;

    if (!c || EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, sealing) != 1 ||
        (aad.len > 0 && EVP_CipherUpdate(c, NULL, &len, aad.data, (int)aad.len) != 1))
        fatal(OUT_OF_MEMORY); /* or a library without AES */
    return c;
}

void
gcm_seal(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad, struct bytes text, uint8_t *ret)
{
    EVP_CIPHER_CTX *c = begin(1, key, nonce, aad);
    int len = 0, last = 0;

    assert(text.len <= INT_MAX && aad.len <= INT_MAX);
    if ((text.len > 0 && EVP_CipherUpdate(c, ret, &len, text.data, (int)text.len) != 1) || EVP_CipherFinal_ex(c, ret + len, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, ret + text.len) != 1)
        fatal(OUT_OF_MEMORY);
    EVP_CIPHER_CTX_free(c);
}

enum err
gcm_open(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad, struct bytes sealed, uint8_t *ret)
{
    EVP_CIPHER_CTX *c;
    uint8_t tag[GCM_TAG_LEN];
    size_t text_len;
    int len = 0, last = 0;
    bool good;

    if (sealed.len < GCM_TAG_LEN || sealed.len > INT_MAX || aad.len > INT_MAX)
        return ERR_SIGNATURE;
    text_len = sealed.len - GCM_TAG_LEN;
    memcpy(tag, sealed.data + text_len, sizeof tag);
    c = begin(0, key, nonce, aad);
    good = (text_len == 0 || EVP_CipherUpdate(c, ret, &len, sealed.data, (int)text_len) == 1) &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, tag) == 1 && EVP_CipherFinal_ex(c, ret + len, &last) == 1;
    EVP_CIPHER_CTX_free(c); /* wipes the key's schedule */
    if (!good)
        OPENSSL_cleanse(ret, text_len);
    return good ? OK : ERR_SIGNATURE;
}
