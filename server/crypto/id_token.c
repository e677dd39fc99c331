/* crypto/id_token.c */
#include "crypto/id_token.h"

#include <jwt.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/pem.h"
#include "base/text.h"
#include "crypto/random.h"

enum { KID_MAX = 256, NUMBER_MAX = PEM_RSA_MAX / 8 + 1, SET_MOST = 100, AUDIENCES_MAX = 16, TEXT_MOST = 4096, HEADER_MAX = 2048 };
#define SECONDS_MAX (INT64_C(1) << 40)

static const struct { const char *name, *kind; jwt_alg_t jwt; } ALGS[] = {
    [ID_RS256] = { "RS256", "RSA", JWT_ALG_RS256 },
    [ID_ES256] = { "ES256", "EC", JWT_ALG_ES256 },
};

struct id_key {
    char kid[KID_MAX]; /* "": it has none */
    char pem[PEM_MAX];
};
struct id_keys {
    size_t n;
    struct id_key key[ID_KEYS_MAX];
};

bool
id_alg_parse(const char *text, enum id_alg *ret)
{
    for (size_t i = 0; i < sizeof ALGS / sizeof ALGS[0]; i++)
        if (strcmp(ALGS[i].name, text) == 0) {
            *ret = (enum id_alg)i;
            return true;
        }
    return false;
}

/* ---- key sets ---------------------------------------------------------------------------------------------------- */

/* A number of a key: base64url (RFC 7518, 2). */
static struct bytes
number(struct json_in *in, const char *name, uint8_t *room)
{
    const char *text = json_in_text(in, name, 1, TEXT_MOST);
    size_t len = 0;

    if (in->err || !base64url_decode(text, strlen(text), room, NUMBER_MAX, &len))
        return BYTES("", 0);
    return BYTES(room, len);
}

/* Does the list of what it is for, if there is one, name verifying? */
static bool
may_verify(struct json_in *in)
{
    bool may = !json_in_has(in, "key_ops");
    size_t n = may ? 0 : json_in_array(in, "key_ops", 8);

    for (size_t i = 0; i < n; i++)
        may = may || strcmp(json_in_array_text(in, "key_ops", i, 64), "verify") == 0;
    return may;
}

/* One JWK. False: it is for something else, or no key. */
static bool
read_key(struct json_in *in, enum id_alg alg, struct id_key *ret)
{
    uint8_t a[NUMBER_MAX], b[NUMBER_MAX];
    bool fits = strcmp(json_in_text(in, "kty", 1, 16), ALGS[alg].kind) == 0;
    enum err err;

    fits = strcmp(json_in_text_or(in, "use", 16, "sig"), "sig") == 0 && fits;
    fits = strcmp(json_in_text_or(in, "alg", 16, ALGS[alg].name), ALGS[alg].name) == 0 && fits;
    fits = fits && may_verify(in) && !json_in_has(in, "d"); /* a private key in the open is nobody's signature */
    text_format(ret->kid, sizeof ret->kid, "%s", json_in_text_or(in, "kid", KID_MAX - 1, ""));
    if (!fits || in->err)
        return false;
    if (alg == ID_RS256)
        err = pem_rsa(number(in, "n", a), number(in, "e", b), ret->pem);
    else if (strcmp(json_in_text(in, "crv", 1, 16), "P-256") == 0)
        err = pem_p256(number(in, "x", a), number(in, "y", b), ret->pem);
    else
        err = ERR_SIGNATURE;
    return err == OK && !in->err;
}

static const struct id_key *
find(const struct id_keys *k, const char *kid)
{
    if (!kid[0]) /* OpenID Connect Core, 10.1: it may be missing where there is no choice */
        return k->n == 1 ? &k->key[0] : NULL;
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(k->key[i].kid, kid) == 0)
            return &k->key[i];
    return NULL;
}

enum err
id_keys_read(struct bytes jwks, enum id_alg alg, struct id_keys **ret, struct err_detail *d)
{
    struct err_detail why = { .text = "" };
    struct json_in in = json_in_open(jwks, &why);
    struct id_keys *k = xcalloc(1, sizeof *k);
    size_t n;
    enum err err;

    json_in_loose(&in);
    n = json_in_array(&in, "keys", SET_MOST);
    for (size_t i = 0; i < n && !in.err && k->n < ID_KEYS_MAX; i++) {
        struct err_detail unsaid = { .text = "" };
        struct json_in one = json_in_array_object(&in, "keys", i);
        struct id_key *key = &k->key[k->n];

        one.detail = &unsaid;
        json_in_loose(&one);
        if (read_key(&one, alg, key) && (!key->kid[0] || !find(k, key->kid)))
            k->n++;
        if (one.object)
            one.err = OK; /* this one may be wrong in itself: the others are not */
        if (json_in_close(&one))
            break;
    }
    err = json_in_close(&in);
    if (err) {
        id_keys_delete(k);
        return err_internal(d, err, "it is no key set: %s %s", why.text, why.pointer);
    }
    *ret = k;
    return OK;
}

void
id_keys_delete(struct id_keys *k)
{
    free(k);
}

size_t
id_keys_count(const struct id_keys *k)
{
    return k->n;
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

static enum err
wrong(struct err_detail *d, const char *what)
{
    return err_internal(d, ERR_SIGNATURE, "the ID token: %s", what);
}

/* Part of a compact token, decoded; *at goes on behind it. Empty: it is not well formed. */
static struct bytes
part(const char **at, char end, uint8_t *room, size_t cap)
{
    size_t len = strcspn(*at, "."), got = 0;
    bool good = (*at)[len] == end && base64url_decode(*at, len, room, cap, &got);

    *at += len + ((*at)[len] != '\0');
    return good ? BYTES(room, got) : BYTES("", 0);
}

/* The algorithm is ours and nothing has to be understood that we do not: read before anybody believes the header. */
static enum err
read_header(struct bytes header, enum id_alg alg, char ret_kid[KID_MAX], struct err_detail *d)
{
    struct json_in in = json_in_open(header, NULL);
    bool right;

    json_in_loose(&in);
    right = strcmp(json_in_text(&in, "alg", 1, 16), ALGS[alg].name) == 0;
    if (!in.err && !right) {
        enum err err = err_internal(d, ERR_SIGNATURE, "the ID token: its algorithm is not %s, which is configured", ALGS[alg].name);

        return json_in_close(&in) ? ERR_SIGNATURE : err;
    }
    right = !json_in_has(&in, "crit") && !json_in_has(&in, "b64");
    text_format(ret_kid, KID_MAX, "%s", json_in_text_or(&in, "kid", KID_MAX - 1, ""));
    return json_in_close(&in) || !right ? wrong(d, "its header is not well formed") : OK;
}

/* Text for people's eyes; what does not do for that is as if it were not said. */
static void
take_line(struct json_in *in, const char *name, char *ret, size_t cap)
{
    const char *text = json_in_text_or(in, name, TEXT_MOST, "");

    if (text[0] && text_is_line(text) && text_is_plain(text, strlen(text)) && !text_has_blank_ends(text, strlen(text)))
        text_format(ret, cap, "%s", text);
}

/* The client is meant, and if others are as well, it is the one that the token was made for. */
static bool
for_us(struct json_in *in, const char *client_id)
{
    const char *azp = json_in_text_or(in, "azp", TEXT_MOST, "");
    bool meant = false;
    size_t n;

    if (azp[0] && strcmp(azp, client_id) != 0)
        return false;
    if (!json_in_is_array(in, "aud"))
        return strcmp(json_in_text(in, "aud", 1, TEXT_MOST), client_id) == 0;
    n = json_in_array(in, "aud", AUDIENCES_MAX);
    for (size_t i = 0; i < n; i++)
        meant = strcmp(json_in_array_text(in, "aud", i, TEXT_MOST), client_id) == 0 || meant;
    return meant && !in->err && (n == 1 || azp[0]);
}

/* Is it one of the words, which have blanks between them? */
static bool
among(const char *word, const char *words)
{
    size_t len;

    for (const char *at = words + strspn(words, " "); *at; at += len + strspn(at + len, " ")) {
        len = strcspn(at, " ");
        if (strlen(word) == len && memcmp(word, at, len) == 0)
            return true;
    }
    return false;
}

/* Whether the provider says that the person was authenticated as it was asked for: of itself it may do less (Core, 3.1.2.1:
 * acr_values is voluntary). */
static const char *
proof_wrong(struct json_in *in, const struct id_want *want)
{
    const char *acr = json_in_text_or(in, "acr", TEXT_MOST, "");
    int64_t auth_time = json_in_i64_or(in, "auth_time", 0, SECONDS_MAX, -1);

    if (want->acr && want->acr[0] && !among(acr, want->acr))
        return "it does not say that the person was authenticated in a way that was asked for (acr)";
    if (want->max_age_s > 0 && auth_time < want->began_s - want->max_age_s - ID_SKEW_S)
        return "it does not say that the person was authenticated lately enough (auth_time)";
    return NULL;
}

static const char *
claims_wrong(struct json_in *in, const struct id_want *want)
{
    int64_t exp = json_in_i64(in, "exp", 0, SECONDS_MAX), iat = json_in_i64(in, "iat", 0, SECONDS_MAX);
    int64_t nbf = json_in_i64_or(in, "nbf", 0, SECONDS_MAX, 0);
    const char *iss = json_in_text(in, "iss", 1, TEXT_MOST), *nonce = json_in_text(in, "nonce", 1, TEXT_MOST);

    if (in->err)
        return "iss, nonce, exp or iat are missing or of the wrong kind";
    if (strcmp(iss, want->issuer) != 0)
        return "another issuer made it";
    if (!for_us(in, want->client_id))
        return "it was made for another client";
    if (exp <= want->now_s - ID_SKEW_S)
        return "its time is over";
    if (iat > want->now_s + ID_SKEW_S || nbf > want->now_s + ID_SKEW_S)
        return "its time has not begun";
    if (iat < want->began_s - ID_SKEW_S)
        return "it is older than the request for it";
    if (strlen(nonce) != strlen(want->nonce) || !random_equal(nonce, want->nonce, strlen(nonce)))
        return "it answers another request (nonce)";
    return proof_wrong(in, want);
}

static enum err
read_claims(struct bytes payload, const struct id_want *want, struct id_claims *ret, struct err_detail *d)
{
    struct json_in in = json_in_open(payload, NULL);
    struct id_claims c = { .subject = "" };
    const char *why, *subject;

    json_in_loose(&in);
    why = claims_wrong(&in, want);
    subject = json_in_text(&in, "sub", 1, ID_SUBJECT_MAX - 1);
    if (!in.err && !text_is_line(subject))
        why = "its subject is no line of text";
    text_format(c.subject, sizeof c.subject, "%s", subject);
    take_line(&in, "name", c.name, sizeof c.name);
    take_line(&in, "email", c.email, sizeof c.email);
    if (json_in_close(&in) && !why)
        why = "a claim is missing or of the wrong kind";
    if (why)
        return wrong(d, why);
    *ret = c;
    return OK;
}

/* libjwt, as the head of id_token.h says. */
static bool
verifies(const char *token, const struct id_key *key, enum id_alg alg)
{
    jwt_t *jwt = NULL;
    bool good = key->pem[0] && jwt_decode(&jwt, token, (const unsigned char *)key->pem, (int)strlen(key->pem)) == 0 && jwt &&
                jwt_get_alg(jwt) == ALGS[alg].jwt;

    jwt_free(jwt);
    return good;
}

enum err
id_token_check(const char *token, const struct id_keys *keys, enum id_alg alg, const struct id_want *want,
               struct id_claims *ret, struct err_detail *d)
{
    size_t len = strnlen(token, ID_TOKEN_MAX + 1);
    char kid[KID_MAX];
    uint8_t *room;
    const char *at = token;
    const struct id_key *key = NULL;
    struct bytes payload;
    enum err err;

    if (len > ID_TOKEN_MAX)
        return wrong(d, "it is too long");
    room = xmalloc(2 * ID_TOKEN_MAX);
    err = read_header(part(&at, '.', room, HEADER_MAX), alg, kid, d);
    payload = part(&at, '.', room, ID_TOKEN_MAX);
    if (!err && (payload.len == 0 || part(&at, '\0', room + ID_TOKEN_MAX, ID_TOKEN_MAX).len == 0))
        err = wrong(d, "it is not well formed");
    if (!err)
        key = find(keys, kid);
    if (!err && !key)
        err = err_internal(d, ERR_NOT_FOUND, "the ID token: the provider has no key %s", kid[0] ? kid : "(it names none)");
    if (!err && !verifies(token, key, alg))
        err = wrong(d, "its signature does not verify");
    if (!err)
        err = read_claims(payload, want, ret, d);
    free(room);
    return err;
}

enum err
id_user_info(struct bytes body, struct id_claims *claims, struct err_detail *d)
{
    struct err_detail why = { .text = "" };
    struct json_in in = json_in_open(body, &why);
    struct id_claims c = *claims;
    bool same;

    json_in_loose(&in);
    same = strcmp(json_in_text(&in, "sub", 1, ID_SUBJECT_MAX - 1), claims->subject) == 0;
    take_line(&in, "name", c.name, sizeof c.name);
    take_line(&in, "email", c.email, sizeof c.email);
    if (json_in_close(&in))
        return err_internal(d, ERR_SIGNATURE, "what the provider tells of the person is not well formed: %s %s", why.text, why.pointer);
    if (!same)
        return err_internal(d, ERR_SIGNATURE, "what the provider tells is of another person");
    *claims = c;
    return OK;
}
