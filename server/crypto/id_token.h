/* crypto/id_token.h
 * ID tokens of OpenID Connect providers and the key sets that they are checked with (RFC 7517): the only user of libjwt.
 *
 * Of libjwt 1.10.2 it takes one thing, whether a signature verifies, and asks for it in the only safe way. By itself that
 * library takes any token if the key is NULL, takes the algorithm from the token (so HS256 made with the public key's PEM
 * verifies), compares its name without regard to case, passes over what is not base64 and over names given twice, looks
 * at no claim and copies the token onto the stack. So here: the algorithm is the configured one, read strictly from the
 * header before and asked of libjwt after; only keys that fit it are ever offered; the token is bounded and strict
 * base64url; claims come from our own reader. It has no PS256. */
#ifndef CRYPTO_ID_TOKEN_H
#define CRYPTO_ID_TOKEN_H

#include "base/bytes.h"

#define ID_TOKEN_MAX   16384 /* characters */
#define ID_SUBJECT_MAX 256   /* bytes, with the NUL: OpenID Connect Core, 2 */
#define ID_NAME_MAX    121
#define ID_EMAIL_MAX   255
#define ID_KEYS_MAX    32
#define ID_SKEW_S      60 /* by so much the provider's clock may differ from ours */

enum id_alg { ID_RS256, ID_ES256 };

struct id_keys;

/* False: none of ours; among them none, all HMAC, and PS256, which libjwt cannot. */
bool id_alg_parse(const char *text, enum id_alg *ret);

/* The keys of a JWKS that are for signatures of this algorithm; what is not, or makes no key, is passed over. The first
 * ID_KEYS_MAX of them. ERR_JSON_MALFORMED or the like if it is no key set; d->internal says why. */
enum err id_keys_read(struct bytes jwks, enum id_alg alg, struct id_keys **ret, struct err_detail *d) MUST_USE;
void id_keys_delete(struct id_keys *k);
size_t id_keys_count(const struct id_keys *k);

/* What a token must say. Seconds of real time. */
struct id_want {
    const char *issuer, *client_id, *nonce;
    const char *acr;        /* one of these words must be its acr (OpenID Connect Core, 2); NULL or "": any, or none */
    int64_t now_s, began_s; /* began: it was asked for; an older token is none of ours */
    int64_t max_age_s;      /* its auth_time may be so long before it was asked for; 0: it need not say any */
};
struct id_claims {
    char subject[ID_SUBJECT_MAX];
    char name[ID_NAME_MAX], email[ID_EMAIL_MAX]; /* "": not said, or not to be shown. Never what an account is known by. */
};

/* ERR_NOT_FOUND: no key has its kid, and all else of the header is right: the set may be old. ERR_SIGNATURE: whatever else
 * is wrong, d->internal says what. */
enum err id_token_check(const char *token, const struct id_keys *keys, enum id_alg alg, const struct id_want *want,
                        struct id_claims *ret, struct err_detail *d) MUST_USE;

/* What the provider tells of the person at its UserInfo endpoint: ERR_SIGNATURE if it is about another subject. Sets name
 * and email where it says them. */
enum err id_user_info(struct bytes body, struct id_claims *claims, struct err_detail *d) MUST_USE;

#endif
