/* base/pem.c */
#include "base/pem.h"

#define ERR_STATE openssl_err_state /* OpenSSL's type of this name is none of ours */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#undef ERR_STATE

enum { P256_BYTES = 32, EXPONENT_BYTES = 4 };

static bool
write_pem(EVP_PKEY *key, char ret[PEM_MAX])
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    long len;
    bool good = out && PEM_write_bio_PUBKEY(out, key) == 1 && (len = BIO_get_mem_data(out, &text)) > 0 && len < PEM_MAX;

    if (good) {
        memcpy(ret, text, (size_t)len);
        ret[len] = '\0';
    }
    BIO_free(out);
    return good;
}

/* A public key of that kind, from its parts; OpenSSL looks whether they fit together. */
static enum err
from_parts(const char *kind, OSSL_PARAM_BLD *parts, char ret[PEM_MAX])
{
    OSSL_PARAM *params = parts ? OSSL_PARAM_BLD_to_param(parts) : NULL;
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL), *check = NULL;
    EVP_PKEY *key = NULL;
    bool good = params && make && EVP_PKEY_fromdata_init(make) == 1 &&
                EVP_PKEY_fromdata(make, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;

    if (good) {
        check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
        good = check && EVP_PKEY_public_check(check) == 1 && write_pem(key, ret);
    }
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(make);
    OSSL_PARAM_free(params);
    return good ? OK : ERR_SIGNATURE;
}

enum err
pem_rsa(struct bytes n, struct bytes e, char ret[PEM_MAX])
{
    OSSL_PARAM_BLD *parts = NULL;
    BIGNUM *modulus, *exponent;
    enum err err = ERR_SIGNATURE;

    if (n.len > PEM_RSA_MAX / 8 || e.len > EXPONENT_BYTES)
        return ERR_SIGNATURE;
    modulus = BN_bin2bn(n.data, (int)n.len, NULL);
    exponent = BN_bin2bn(e.data, (int)e.len, NULL);
    if (modulus && exponent && BN_num_bits(modulus) >= PEM_RSA_MIN && BN_is_odd(modulus) && BN_is_odd(exponent) && !BN_is_one(exponent)) {
        parts = OSSL_PARAM_BLD_new();
        if (parts && OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
            OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
            err = from_parts("RSA", parts, ret);
    }
    OSSL_PARAM_BLD_free(parts);
    BN_free(modulus);
    BN_free(exponent);
    return err;
}

enum err
pem_p256(struct bytes x, struct bytes y, char ret[PEM_MAX])
{
    uint8_t point[1 + 2 * P256_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
    OSSL_PARAM_BLD *parts;
    enum err err = ERR_SIGNATURE;

    if (x.len != P256_BYTES || y.len != P256_BYTES)
        return ERR_SIGNATURE;
    memcpy(point + 1, x.data, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.data, P256_BYTES);
    parts = OSSL_PARAM_BLD_new();
    if (parts && OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1)
        err = from_parts("EC", parts, ret);
    OSSL_PARAM_BLD_free(parts);
    return err;
}
