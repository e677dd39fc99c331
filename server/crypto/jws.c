/* crypto/jws.c */
#include "crypto/jws.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define HEADER_MAX 256 /* bytes of the decoded header */
#define CURVE      "Ed25519"

/* The three parts of a compact token. */
struct parts {
    const char *header, *payload, *sig;
    size_t header_len, payload_len, sig_len;
};

static bool
name_is_plain(const char *text)
{
    size_t n = 0;

    for (; text[n]; n++)
        if (text[n] <= ' ' || text[n] > '~' || text[n] == '"' || text[n] == '\\')
            return false;
    return n > 0 && n < JWS_KID_MAX;
}

char *
jws_make(const struct sign_key *key, const char *typ, const char *kid, struct bytes claims)
{
    char header[HEADER_MAX], *token;
    uint8_t sig[SIGN_LEN];
    size_t at;

    assert(name_is_plain(typ) && name_is_plain(kid));
    snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"%s\"}", kid, typ);
    token = xmalloc(BASE64_LEN(strlen(header)) + BASE64_LEN(claims.len) + BASE64_LEN(SIGN_LEN) + 2);
    base64url_encode(BYTES_TEXT(header), token);
    at = strlen(token);
    token[at++] = '.';
    base64url_encode(claims, token + at);
    at += strlen(token + at);
    sign_make(key, BYTES(token, at), sig);
    token[at++] = '.';
    base64url_encode(BYTES(sig, sizeof sig), token + at);
    return token;
}

static bool
split(const char *token, size_t len, struct parts *ret)
{
    const char *end = token + len, *dot1, *dot2;

    if (len > JWS_MAX || (dot1 = memchr(token, '.', len)) == NULL)
        return false;
    dot2 = memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1));
    if (!dot2 || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)))
        return false;
    *ret = (struct parts){
        .header = token,
        .header_len = (size_t)(dot1 - token),
        .payload = dot1 + 1,
        .payload_len = (size_t)(dot2 - dot1 - 1),
        .sig = dot2 + 1,
        .sig_len = (size_t)(end - dot2 - 1),
    };
    return true;
}

/* A header in the form that jws_make writes, without the JSON reader. A kid without quotes and backslashes can be read in
 * one way only. False: it is in another form, or wrong. */
static bool
header_plain(struct bytes header, const char *typ, char ret_kid[JWS_KID_MAX])
{
    static const char BEGIN[] = "{\"alg\":\"EdDSA\",\"kid\":\"", MIDDLE[] = "\",\"typ\":\"", END[] = "\"}";
    size_t typ_len = strlen(typ), around = sizeof BEGIN - 1 + sizeof MIDDLE - 1 + typ_len + sizeof END - 1, kid_len;
    const char *at = (const char *)header.data;

    if (header.len <= around || header.len - around >= JWS_KID_MAX)
        return false;
    kid_len = header.len - around;
    if (memcmp(at, BEGIN, sizeof BEGIN - 1) != 0)
        return false;
    at += sizeof BEGIN - 1;
    memcpy(ret_kid, at, kid_len);
    ret_kid[kid_len] = '\0';
    at += kid_len;
    return strlen(ret_kid) == kid_len && name_is_plain(ret_kid) && memcmp(at, MIDDLE, sizeof MIDDLE - 1) == 0 &&
           memcmp(at + sizeof MIDDLE - 1, typ, typ_len) == 0 &&
           memcmp(at + sizeof MIDDLE - 1 + typ_len, END, sizeof END - 1) == 0;
}

/* The header must be an object of exactly alg, kid and typ: so "crit", "jwk" and whatever else are refused. */
static enum err
header_read(const struct parts *p, const char *typ, char ret_kid[JWS_KID_MAX])
{
    uint8_t header[HEADER_MAX];
    char kid[JWS_KID_MAX];
    size_t len;
    struct json_in in;
    bool known, right;

    if (!base64url_decode(p->header, p->header_len, header, sizeof header, &len))
        return ERR_TOKEN_MALFORMED;
    if (header_plain(BYTES(header, len), typ, kid)) {
        memcpy(ret_kid, kid, sizeof kid);
        return OK;
    }
    in = json_in_open(BYTES(header, len), NULL);
    known = strcmp(json_in_text(&in, "alg", 1, 16), "EdDSA") == 0;
    right = strcmp(json_in_text(&in, "typ", 1, JWS_KID_MAX - 1), typ) == 0;
    snprintf(kid, sizeof kid, "%s", json_in_text(&in, "kid", 1, JWS_KID_MAX - 1));
    if (json_in_close(&in) != OK || !name_is_plain(kid))
        return ERR_TOKEN_MALFORMED;
    if (!known)
        return ERR_TOKEN_ALGORITHM;
    if (!right)
        return ERR_TOKEN_TYPE;
    memcpy(ret_kid, kid, sizeof kid);
    return OK;
}

enum err
jws_kid(const char *token, size_t len, const char *typ, char ret[JWS_KID_MAX])
{
    struct parts p;

    if (!split(token, len, &p))
        return ERR_TOKEN_MALFORMED;
    return header_read(&p, typ, ret);
}

static enum err
payload_read(const struct parts *p, char **ret, size_t *ret_len)
{
    char *payload = xmalloc(p->payload_len + 1);
    size_t n;

    if (!base64url_decode(p->payload, p->payload_len, (uint8_t *)payload, p->payload_len, &n)) {
        free(payload);
        return ERR_TOKEN_MALFORMED;
    }
    payload[n] = 0;
    *ret = payload;
    *ret_len = n;
    return OK;
}

enum err
jws_payload(const char *token, size_t len, const char *typ, char **ret, size_t *ret_len)
{
    char kid[JWS_KID_MAX];
    struct parts p;
    enum err err;

    if (!split(token, len, &p))
        return ERR_TOKEN_MALFORMED;
    err = header_read(&p, typ, kid);
    return err ? err : payload_read(&p, ret, ret_len);
}

enum err
jws_verify(const char *token, size_t len, const char *typ, const struct jws_key *key, char **ret, size_t *ret_len)
{
    struct parts p;
    char kid[JWS_KID_MAX];
    uint8_t sig[SIGN_LEN];
    size_t n;
    enum err err;

    if (!split(token, len, &p))
        return ERR_TOKEN_MALFORMED;
    err = header_read(&p, typ, kid);
    if (err)
        return err;
    if (strcmp(kid, key->kid) != 0)
        return ERR_TOKEN_KEY;
    if (!base64url_decode(p.sig, p.sig_len, sig, sizeof sig, &n) || n != SIGN_LEN)
        return ERR_TOKEN_MALFORMED;
    if (sign_verify(key->public, BYTES(token, p.header_len + 1 + p.payload_len), sig) != OK)
        return ERR_TOKEN_SIGNATURE;
    return payload_read(&p, ret, ret_len);
}

enum err
jws_verify_set(const char *token, size_t len, const char *typ, const struct jws_keys *keys, char **ret, size_t *ret_len)
{
    char kid[JWS_KID_MAX];
    const struct jws_key *key;
    enum err err = jws_kid(token, len, typ, kid);

    if (err)
        return err;
    key = jws_keys_find(keys, kid);
    return key ? jws_verify(token, len, typ, key, ret, ret_len) : ERR_TOKEN_KEY;
}

const struct jws_key *
jws_keys_find(const struct jws_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(keys->key[i].kid, kid) == 0)
            return &keys->key[i];
    return NULL;
}

void
jws_keys_write(struct json_out *o, const char *name, const struct jws_key *keys, size_t n)
{
    json_open(o, name);
    json_open_array(o, "keys");
    for (size_t i = 0; i < n; i++) {
        char x[BASE64_LEN(SIGN_PUBLIC_LEN)];

        base64url_encode(BYTES(keys[i].public, SIGN_PUBLIC_LEN), x);
        json_open(o, NULL);
        json_text(o, "kty", "OKP");
        json_text(o, "crv", CURVE);
        json_text(o, "alg", "EdDSA");
        json_text(o, "use", "sig");
        json_text(o, "kid", keys[i].kid);
        json_text(o, "x", x);
        json_shut(o);
    }
    json_shut_array(o);
    json_shut(o);
}

static void
key_read(struct json_in *in, struct jws_key *ret)
{
    static const char *const KTY[] = { "OKP", NULL }, *const CRV[] = { CURVE, NULL }, *const ALG[] = { "EdDSA", NULL },
                             *const USE[] = { "sig", NULL };
    const char *x;
    size_t len;

    json_in_choice(in, "kty", KTY);
    json_in_choice(in, "crv", CRV);
    json_in_choice(in, "alg", ALG);
    json_in_choice(in, "use", USE);
    snprintf(ret->kid, sizeof ret->kid, "%s", json_in_text(in, "kid", 1, JWS_KID_MAX - 1));
    x = json_in_text(in, "x", 1, BASE64_LEN(SIGN_PUBLIC_LEN));
    if (!base64url_decode(x, strlen(x), ret->public, SIGN_PUBLIC_LEN, &len) || len != SIGN_PUBLIC_LEN)
        json_in_refuse(in, "x", ERR_FIELD_INVALID, "must be 32 bytes in base64url");
}

void
jws_keys_read(struct json_in *in, struct jws_keys *ret)
{
    size_t n = json_in_array(in, "keys", JWS_KEYS_MAX);

    ret->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct json_in key = json_in_array_object(in, "keys", i);
        enum err err;

        key_read(&key, &ret->key[ret->n]);
        err = json_in_close(&key);
        if (err)
            json_in_refuse(in, "keys", err, "holds a key that is not an Ed25519 signature key");
        else
            ret->n++;
    }
}
