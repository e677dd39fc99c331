/* crypto/jws.h
 * JSON Web Signatures in compact form (RFC 7515), "alg": "EdDSA" with Ed25519 (RFC 8037) and nothing else.
 * The protected header has exactly alg, kid, typ; the caller pins typ and names the keys, so a token of one use never
 * passes for another and "alg": "none" or HS256 cannot be asked for. Claims are the caller's business: iss, aud, exp …
 * are not looked at here. Key sets are JWKS (RFC 7517). */
#ifndef CRYPTO_JWS_H
#define CRYPTO_JWS_H

#include "base/json.h"
#include "crypto/sign.h"

#define JWS_TYP_TICKET  "kontor-ticket+jwt"
#define JWS_TYP_RECEIPT "kontor-receipt+jwt"
#define JWS_TYP_AGENT   "kontor-agent+jwt"

#define JWS_KID_MAX  48
#define JWS_MAX      16384 /* characters of a token */
#define JWS_KEYS_MAX 16

struct jws_key {
    char kid[JWS_KID_MAX];
    uint8_t public[SIGN_PUBLIC_LEN];
};
struct jws_keys {
    struct jws_key key[JWS_KEYS_MAX];
    size_t n;
};

/* Sign claims (JSON bytes, taken as they are). typ and kid: visible ASCII without '"' and '\'. Deterministic.
 * Returns the token, to be freed. */
char *jws_make(const struct sign_key *key, const char *typ, const char *kid, struct bytes claims);

/* The token's kid, to find its key; nothing is verified yet. ERR_TOKEN_MALFORMED, ERR_TOKEN_ALGORITHM or ERR_TOKEN_TYPE if
 * the header is not as above with this typ. */
enum err jws_kid(const char *token, size_t len, const char *typ, char ret[JWS_KID_MAX]) MUST_USE;
/* The payload of a token of this typ. Security: nothing is verified; for what was, when it came. As jws_verify(). */
enum err jws_payload(const char *token, size_t len, const char *typ, char **ret, size_t *ret_len) MUST_USE;
/* Verify a token with one key: typ and kid must be as given. *ret is the payload, ending in a NUL beyond *ret_len; free()
 * it. As jws_kid(); ERR_TOKEN_KEY: its kid is another; ERR_TOKEN_SIGNATURE. */
enum err jws_verify(const char *token, size_t len, const char *typ, const struct jws_key *key, char **ret,
                    size_t *ret_len) MUST_USE;
/* The same with the key of the set that the token's kid names; ERR_TOKEN_KEY if there is none. */
enum err jws_verify_set(const char *token, size_t len, const char *typ, const struct jws_keys *keys, char **ret,
                        size_t *ret_len) MUST_USE;

/* A JWKS as a JSON object member (name NULL: top level or array). */
void jws_keys_write(struct json_out *o, const char *name, const struct jws_key *keys, size_t n);
/* Read one back: only Ed25519 keys for signatures. Errors go to the reader. */
void jws_keys_read(struct json_in *in, struct jws_keys *ret);
/* The key of that kid, NULL if none. */
const struct jws_key *jws_keys_find(const struct jws_keys *keys, const char *kid);

#endif
