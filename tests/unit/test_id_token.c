/* crypto/id_token: only what the configured provider has signed, for us, now, for this request; key sets of others; boxes; addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ERR_STATE openssl_err_state /* OpenSSL's type of this name is none of ours */
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#undef ERR_STATE

#include "base/arena.h"
#include "base/json.h"
#include "base/pem.h"
#include "base/web.h"
#include "crypto/box.h"
#include "crypto/id_token.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define ISS    "https://id.example"
#define CLAIMS "\"iss\":\"" ISS "\",\"sub\":\"alice\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":1000300"

static struct {
    EVP_PKEY *rsa, *other_rsa, *ec, *ec384;
    struct arena *arena;
} world;

static const struct id_want WANT = { .issuer = ISS, .client_id = "kontor", .nonce = "n1", .now_s = 1000010, .began_s = 999990 };

static int
setup(void **state)
{
    (void)state;
    world.rsa = EVP_RSA_gen(2048);
    world.other_rsa = EVP_RSA_gen(2048);
    world.ec = EVP_EC_gen("P-256");
    world.ec384 = EVP_EC_gen("P-384");
    world.arena = arena_new();
    return world.rsa && world.other_rsa && world.ec && world.ec384 ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(world.rsa);
    EVP_PKEY_free(world.other_rsa);
    EVP_PKEY_free(world.ec);
    EVP_PKEY_free(world.ec384);
    arena_delete(world.arena);
    return 0;
}

static const char *
b64(struct bytes in)
{
    char *text = arena_alloc(world.arena, BASE64_LEN(in.len));

    base64url_encode(in, text);
    return text;
}

static const char *
part_of(EVP_PKEY *key, const char *name)
{
    BIGNUM *n = NULL;
    uint8_t raw[1024];
    int len;

    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
    len = EVP_PKEY_is_a(key, "EC") ? BN_bn2binpad(n, raw, 32) : BN_bn2bin(n, raw);
    BN_free(n);
    return b64(BYTES(raw, len < 0 ? 0 : len));
}

/* A JWK of a key; more: further members, each with a comma before it. */
static const char *
jwk(EVP_PKEY *key, const char *kid, const char *more)
{
    if (EVP_PKEY_is_a(key, "RSA"))
        return arena_printf(world.arena, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}", kid, part_of(key, OSSL_PKEY_PARAM_RSA_N),
                            part_of(key, OSSL_PKEY_PARAM_RSA_E), more);
    return arena_printf(world.arena, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}", kid,
                        part_of(key, OSSL_PKEY_PARAM_EC_PUB_X), part_of(key, OSSL_PKEY_PARAM_EC_PUB_Y), more);
}

static struct id_keys *
keys_of(const char *list, enum id_alg alg)
{
    struct err_detail d = { .text = "" };
    struct id_keys *k = NULL;

    assert_int_equal(id_keys_read(BYTES_TEXT(arena_printf(world.arena, "{\"keys\":[%s],\"more\":1}", list)), alg, &k, &d), OK);
    return k;
}

static const char *
signature(EVP_PKEY *key, const char *text)
{
    uint8_t sig[1024], raw[64];
    size_t len = sizeof sig;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const uint8_t *at = sig;
    ECDSA_SIG *pair;

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const uint8_t *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) != 256)
        return b64(BYTES(sig, len));
    pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32);
    ECDSA_SIG_free(pair);
    return b64(BYTES(raw, sizeof raw));
}

static const char *
token_of(EVP_PKEY *key, const char *header, const char *claims)
{
    const char *text = arena_printf(world.arena, "%s.%s", b64(BYTES_TEXT(header)), b64(BYTES_TEXT(claims)));

    return arena_printf(world.arena, "%s.%s", text, signature(key, text));
}

static enum err
check(const char *token, const struct id_keys *keys, enum id_alg alg, struct err_detail *d)
{
    struct id_claims c = { .subject = "untouched" };
    enum err err;

    *d = (struct err_detail){ .text = "" };
    err = id_token_check(token, keys, alg, &WANT, &c, d);
    if (err) {
        assert_string_equal(c.subject, "untouched");
        assert_true(d->internal[0] != '\0');
    }
    return err;
}

/* ---- what is good ------------------------------------------------------------------------------------------------ */

static void
test_good(void **state)
{
    struct err_detail d;
    struct id_claims c;
    struct id_keys *rsa = keys_of(jwk(world.rsa, "k1", ""), ID_RS256), *ec = keys_of(jwk(world.ec, "k2", ""), ID_ES256);
    const char *claims = "{" CLAIMS ",\"aud\":\"kontor\",\"name\":\"Alice Ñuñez\",\"email\":\"alice@example.org\",\"amr\":[\"pwd\"],\"x\":1.5}";

    (void)state;
    assert_int_equal(id_token_check(token_of(world.rsa, "{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", claims), rsa, ID_RS256, &WANT, &c, &d), OK);
    assert_string_equal(c.subject, "alice");
    assert_string_equal(c.name, "Alice Ñuñez");
    assert_string_equal(c.email, "alice@example.org");
    assert_int_equal(check(token_of(world.ec, "{\"alg\":\"ES256\",\"kid\":\"k2\"}", claims), ec, ID_ES256, &d), OK);
    assert_int_equal(check(token_of(world.ec, "{\"alg\":\"ES256\"}", claims), ec, ID_ES256, &d), OK);
    id_keys_delete(rsa);
    id_keys_delete(ec);
}

/* ---- claims ------------------------------------------------------------------------------------------------------ */

static const struct { const char *why, *claims; enum err err; } claim_rows[] = {
    { "alone in a list", "{" CLAIMS ",\"aud\":[\"kontor\"]}", OK },
    { "one of several, and made for us", "{" CLAIMS ",\"aud\":[\"other\",\"kontor\"],\"azp\":\"kontor\"}", OK },
    { "one of several, made for nobody", "{" CLAIMS ",\"aud\":[\"other\",\"kontor\"]}", ERR_SIGNATURE },
    { "made for another", "{" CLAIMS ",\"aud\":\"kontor\",\"azp\":\"other\"}", ERR_SIGNATURE },
    { "another audience", "{" CLAIMS ",\"aud\":\"kontor2\"}", ERR_SIGNATURE },
    { "no audience", "{" CLAIMS "}", ERR_SIGNATURE },
    { "an empty list of them", "{" CLAIMS ",\"aud\":[],\"azp\":\"kontor\"}", ERR_SIGNATURE },
    { "an audience that is no text", "{" CLAIMS ",\"aud\":[1,\"kontor\"],\"azp\":\"kontor\"}", ERR_SIGNATURE },
    { "another issuer", "{\"iss\":\"https://id.example/\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "no issuer", "{\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "two issuers", "{" CLAIMS ",\"iss\":\"" ISS "\",\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "over within the skew", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":999951,\"aud\":\"kontor\"}", OK },
    { "over", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":999950,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "no end", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000000,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "an end in words", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":\"1000300\",\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "from tomorrow", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":1000071,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "not yet", "{" CLAIMS ",\"nbf\":1000071,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "older than the request", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n1\",\"iat\":999929,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "another nonce", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"nonce\":\"n2\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "no nonce", "{\"iss\":\"" ISS "\",\"sub\":\"a\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "no subject", "{\"iss\":\"" ISS "\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "a subject of two lines", "{\"iss\":\"" ISS "\",\"sub\":\"a\\nb\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "a subject with NUL", "{\"iss\":\"" ISS "\",\"sub\":\"a\\u0000b\",\"nonce\":\"n1\",\"iat\":1000000,\"exp\":1000300,\"aud\":\"kontor\"}", ERR_SIGNATURE },
    { "no object", "[]", ERR_SIGNATURE },
    { "no JSON", "{\"iss\":", ERR_SIGNATURE },
};

static void
test_claims(void **state)
{
    struct id_keys *keys = keys_of(jwk(world.rsa, "k1", ""), ID_RS256);
    struct err_detail d;

    (void)state;
    for (size_t i = 0; i < LEN(claim_rows); i++) {
        enum err err = check(token_of(world.rsa, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", claim_rows[i].claims), keys, ID_RS256, &d);

        if (err != claim_rows[i].err)
            fail_msg("%s: %s (%s)", claim_rows[i].why, err_wire(err), d.internal);
    }
    id_keys_delete(keys);
}

static void
test_proof(void **state)
{
    static const struct { const char *acr; int64_t max_age_s; const char *more; enum err err; } ROWS[] = {
        { "", 0, "", OK },
        { "", 0, ",\"acr\":\"pwd\",\"auth_time\":1", OK },
        { "mfa", 0, "", ERR_SIGNATURE },
        { "mfa", 0, ",\"acr\":\"mfa\"", OK },
        { "mfa", 0, ",\"acr\":\"mfa2\"", ERR_SIGNATURE },
        { "mfa", 0, ",\"acr\":\"mf\"", ERR_SIGNATURE },
        { "mfa", 0, ",\"acr\":\"\"", ERR_SIGNATURE },
        { "mfa", 0, ",\"acr\":[\"mfa\"]", ERR_SIGNATURE },
        { " https://refeds.org/profile/mfa  high ", 0, ",\"acr\":\"high\"", OK },
        { " https://refeds.org/profile/mfa  high ", 0, ",\"acr\":\"https://refeds.org/profile/mfa\"", OK },
        { " https://refeds.org/profile/mfa  high ", 0, ",\"acr\":\"https://refeds.org/profile/mfa  high\"", ERR_SIGNATURE },
        { "", 600, "", ERR_SIGNATURE },
        { "", 600, ",\"auth_time\":\"1000000\"", ERR_SIGNATURE },
        { "", 600, ",\"auth_time\":999330", OK }, /* the clocks may differ by a minute */
        { "", 600, ",\"auth_time\":999329", ERR_SIGNATURE },
        { "mfa", 600, ",\"acr\":\"mfa\",\"auth_time\":1000000", OK },
    };
    struct id_keys *keys = keys_of(jwk(world.rsa, "k1", ""), ID_RS256);

    (void)state;
    for (size_t i = 0; i < LEN(ROWS); i++) {
        struct err_detail d = { .text = "" };
        struct id_want want = WANT;
        struct id_claims c;
        const char *claims = arena_printf(world.arena, "{" CLAIMS ",\"aud\":\"kontor\"%s}", ROWS[i].more);

        want.acr = ROWS[i].acr;
        want.max_age_s = ROWS[i].max_age_s;
        if (id_token_check(token_of(world.rsa, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", claims), keys, ID_RS256, &want, &c, &d) != ROWS[i].err)
            fail_msg("\"%s\", %lld s: %s: %s", ROWS[i].acr, (long long)ROWS[i].max_age_s, ROWS[i].more, d.internal);
    }
    id_keys_delete(keys);
}

/* ---- algorithms -------------------------------------------------------------------------------------------------- */

/* As an attacker would: HMAC with the PEM of the public key, which everybody has. libjwt by itself takes it. */
static const char *
hmac_token(const char *header, const char *pem)
{
    const char *text = arena_printf(world.arena, "%s.%s", b64(BYTES_TEXT(header)), b64(BYTES_TEXT("{" CLAIMS ",\"aud\":\"kontor\"}")));
    uint8_t mac[32];
    unsigned len = sizeof mac;

    HMAC(EVP_sha256(), pem, (int)strlen(pem), (const uint8_t *)text, strlen(text), mac, &len);
    return arena_printf(world.arena, "%s.%s", text, b64(BYTES(mac, sizeof mac)));
}

static void
test_algorithms(void **state)
{
    static const char *const HEADERS[] = {
        "{\"alg\":\"none\",\"kid\":\"k1\"}", "{\"alg\":\"HS256\",\"kid\":\"k1\"}", "{\"alg\":\"rs256\",\"kid\":\"k1\"}",
        "{\"alg\":\"RS384\",\"kid\":\"k1\"}", "{\"alg\":\"PS256\",\"kid\":\"k1\"}", "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
        "{\"alg\":\"HS256\",\"alg\":\"RS256\",\"kid\":\"k1\"}", "{\"alg\":\"RS256\",\"alg\":\"none\",\"kid\":\"k1\"}", "{\"kid\":\"k1\"}",
        "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", "{\"alg\":\"RS256\",\"kid\":\"k1\",\"b64\":false}", "{\"alg\":[\"RS256\"]}", "{\"alg\":null}",
    };
    const char *claims = "{" CLAIMS ",\"aud\":\"kontor\"}", *good;
    struct id_keys *keys = keys_of(jwk(world.rsa, "k1", ""), ID_RS256);
    char pem[PEM_MAX];
    uint8_t n[256], e[3];
    size_t n_len, e_len;
    struct err_detail d;
    jwt_t *taken = NULL;

    (void)state;
    good = part_of(world.rsa, OSSL_PKEY_PARAM_RSA_N);
    assert_true(base64url_decode(good, strlen(good), n, sizeof n, &n_len));
    good = part_of(world.rsa, OSSL_PKEY_PARAM_RSA_E);
    assert_true(base64url_decode(good, strlen(good), e, sizeof e, &e_len));
    assert_int_equal(pem_rsa(BYTES(n, n_len), BYTES(e, e_len), pem), OK);
    for (size_t i = 0; i < LEN(HEADERS); i++) {
        assert_int_equal(check(token_of(world.rsa, HEADERS[i], claims), keys, ID_RS256, &d), ERR_SIGNATURE);
        assert_int_equal(check(hmac_token(HEADERS[i], pem), keys, ID_RS256, &d), ERR_SIGNATURE);
        good = arena_printf(world.arena, "%s.%s.", b64(BYTES_TEXT(HEADERS[i])), b64(BYTES_TEXT(claims)));
        assert_int_equal(check(good, keys, ID_RS256, &d), ERR_SIGNATURE);
    }
    /* The trap that all this is for, so that nobody takes the wrapper away: */
    good = hmac_token("{\"alg\":\"HS256\",\"kid\":\"k1\"}", pem);
    assert_int_equal(jwt_decode(&taken, good, (const unsigned char *)pem, (int)strlen(pem)), 0);
    jwt_free(taken);
    assert_int_equal(check(token_of(world.ec, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", claims), keys, ID_RS256, &d), ERR_SIGNATURE);
    assert_int_equal(check(token_of(world.other_rsa, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", claims), keys, ID_RS256, &d), ERR_SIGNATURE);
    id_keys_delete(keys);
    assert_false(id_alg_parse("none", &(enum id_alg){ 0 }) || id_alg_parse("HS256", &(enum id_alg){ 0 }) ||
                 id_alg_parse("PS256", &(enum id_alg){ 0 }) || id_alg_parse("rs256", &(enum id_alg){ 0 }));
}

/* Not one bit of a token may differ, nor its form. */
static void
test_forms(void **state)
{
    struct id_keys *keys = keys_of(jwk(world.ec, "k1", ""), ID_ES256);
    const char *good = token_of(world.ec, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", "{" CLAIMS ",\"aud\":\"kontor\"}");
    char *bad = arena_text(world.arena, good), *longest = arena_alloc(world.arena, ID_TOKEN_MAX + 2);
    struct err_detail d;

    (void)state;
    assert_int_equal(check(good, keys, ID_ES256, &d), OK);
    for (size_t i = 0; good[i]; i++) {
        bad[i] = good[i] == 'A' ? 'B' : 'A';
        assert_true(check(bad, keys, ID_ES256, &d) == ERR_SIGNATURE || d.internal[0]);
        bad[i] = good[i];
    }
    assert_int_equal(check(arena_printf(world.arena, "%s.", good), keys, ID_ES256, &d), ERR_SIGNATURE);
    assert_int_equal(check(arena_printf(world.arena, "%s=", good), keys, ID_ES256, &d), ERR_SIGNATURE);
    assert_int_equal(check(arena_printf(world.arena, "%s\n", good), keys, ID_ES256, &d), ERR_SIGNATURE);
    assert_int_equal(check(arena_printf(world.arena, " %s", good), keys, ID_ES256, &d), ERR_SIGNATURE);
    assert_int_equal(check("", keys, ID_ES256, &d), ERR_SIGNATURE);
    assert_int_equal(check("..", keys, ID_ES256, &d), ERR_SIGNATURE);
    memset(longest, 'A', ID_TOKEN_MAX + 1);
    assert_int_equal(check(longest, keys, ID_ES256, &d), ERR_SIGNATURE);
    id_keys_delete(keys);
}

/* ---- key sets ---------------------------------------------------------------------------------------------------- */

static void
test_key_sets(void **state)
{
    const char *one = jwk(world.rsa, "k1", ""), *claims = "{" CLAIMS ",\"aud\":\"kontor\"}";
    EVP_PKEY *small = EVP_RSA_gen(1024);
    struct err_detail d = { .text = "" };
    const struct { const char *why, *list; size_t keys; } rows[] = {
        { "none", "", 0 },
        { "one", one, 1 },
        { "for sealing", jwk(world.rsa, "k1", ",\"use\":\"enc\""), 0 },
        { "another algorithm", jwk(world.rsa, "k1", ",\"alg\":\"RS512\""), 0 },
        { "its algorithm", jwk(world.rsa, "k1", ",\"alg\":\"RS256\",\"use\":\"sig\",\"x5c\":[\"abc\"]"), 1 },
        { "to sign only", jwk(world.rsa, "k1", ",\"key_ops\":[\"sign\"]"), 0 },
        { "to verify", jwk(world.rsa, "k1", ",\"key_ops\":[\"verify\"]"), 1 },
        { "with its secret", jwk(world.rsa, "k1", ",\"d\":\"AQAB\""), 0 },
        { "another kind", jwk(world.ec, "k1", ""), 0 },
        { "a secret", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", 0 },
        { "too short", jwk(small, "k1", ""), 0 },
        { "no number", "{\"kty\":\"RSA\",\"n\":\"!!\",\"e\":\"AQAB\"}", 0 },
        { "no exponent", "{\"kty\":\"RSA\",\"n\":\"AAAA\"}", 0 },
        { "a wrong one beside a right one", arena_printf(world.arena, "{\"kty\":\"RSA\",\"n\":7},%s", one), 1 },
        { "the same name twice", arena_printf(world.arena, "%s,%s", one, jwk(world.other_rsa, "k1", "")), 1 },
        { "two", arena_printf(world.arena, "%s,%s", one, jwk(world.other_rsa, "k2", "")), 2 },
    };
    static const char *const NO_SETS[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[" };
    struct id_keys *keys;

    (void)state;
    for (size_t i = 0; i < LEN(rows); i++) {
        keys = keys_of(rows[i].list, ID_RS256);
        if (id_keys_count(keys) != rows[i].keys)
            fail_msg("%s: %zu keys", rows[i].why, id_keys_count(keys));
        id_keys_delete(keys);
    }
    for (size_t i = 0; i < LEN(NO_SETS); i++)
        assert_int_not_equal(id_keys_read(BYTES_TEXT(NO_SETS[i]), ID_RS256, &keys, &d), OK);
    keys = keys_of(rows[LEN(rows) - 1].list, ID_RS256);
    assert_int_equal(check(token_of(world.other_rsa, "{\"alg\":\"RS256\",\"kid\":\"k2\"}", claims), keys, ID_RS256, &d), OK);
    assert_int_equal(check(token_of(world.other_rsa, "{\"alg\":\"RS256\",\"kid\":\"k3\"}", claims), keys, ID_RS256, &d), ERR_NOT_FOUND);
    assert_int_equal(check(token_of(world.other_rsa, "{\"alg\":\"RS256\"}", claims), keys, ID_RS256, &d), ERR_NOT_FOUND);
    id_keys_delete(keys);
    keys = keys_of(arena_printf(world.arena, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"},{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
                                part_of(world.ec, OSSL_PKEY_PARAM_EC_PUB_X), part_of(world.ec, OSSL_PKEY_PARAM_EC_PUB_X)),
                   ID_ES256); /* a point that is not on the curve */
    assert_int_equal(id_keys_count(keys), 0);
    id_keys_delete(keys);
    EVP_PKEY_free(small);
}

static void
test_user_info(void **state)
{
    struct err_detail d = { .text = "" };
    struct id_claims c = { .subject = "alice", .name = "A" };

    (void)state;
    assert_int_equal(id_user_info(BYTES_TEXT("{\"sub\":\"mallory\",\"name\":\"M\"}"), &c, &d), ERR_SIGNATURE);
    assert_int_equal(id_user_info(BYTES_TEXT("{\"name\":\"M\"}"), &c, &d), ERR_SIGNATURE);
    assert_int_equal(id_user_info(BYTES_TEXT("<html>"), &c, &d), ERR_SIGNATURE);
    assert_string_equal(c.name, "A");
    assert_int_equal(id_user_info(BYTES_TEXT("{\"sub\":\"alice\",\"name\":\"Al\\u202eice\",\"email\":\" x \"}"), &c, &d), OK);
    assert_string_equal(c.name, "A"); /* what deceives the eye is not shown */
    assert_string_equal(c.email, "");
    assert_int_equal(id_user_info(BYTES_TEXT("{\"sub\":\"alice\",\"name\":\"Alice\",\"email\":\"a@x.example\"}"), &c, &d), OK);
    assert_string_equal(c.name, "Alice");
    assert_string_equal(c.email, "a@x.example");
}

static void
test_box(void **state)
{
    struct sign_key key = sign_key_new(), another = sign_key_new();
    struct box_key box = box_key_from(&key, "test/v1"), label = box_key_from(&key, "test/v2"), stranger = box_key_from(&another, "test/v1");
    char text[BOX_TEXT_LEN(BOX_MAX)], again[BOX_TEXT_LEN(BOX_MAX)];
    uint8_t out[BOX_MAX], in[BOX_MAX] = { 1, 2, 3 };
    size_t len;

    (void)state;
    for (size_t n = 0; n <= BOX_MAX; n += n < 8 ? 1 : 255) {
        box_seal(&box, "about", BYTES(in, n), text);
        assert_true(strlen(text) < BOX_TEXT_LEN(n));
        assert_int_equal(box_open(&box, "about", text, out, sizeof out, &len), OK);
        assert_int_equal(len, n);
        assert_memory_equal(out, in, n);
    }
    box_seal(&box, "about", BYTES(in, 20), text);
    box_seal(&box, "about", BYTES(in, 20), again);
    assert_string_not_equal(text, again);
    assert_int_equal(box_open(&box, "another", text, out, sizeof out, &len), ERR_SIGNATURE);
    assert_int_equal(box_open(&label, "about", text, out, sizeof out, &len), ERR_SIGNATURE);
    assert_int_equal(box_open(&stranger, "about", text, out, sizeof out, &len), ERR_SIGNATURE);
    assert_int_equal(box_open(&box, "about", text, out, 19, &len), ERR_SIGNATURE);
    assert_int_equal(box_open(&box, "about", "", out, sizeof out, &len), ERR_SIGNATURE);
    for (size_t i = 0; text[i]; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(box_open(&box, "about", text, out, sizeof out, &len), ERR_SIGNATURE);
        text[i] = was;
    }
}

/* What others may add to is read loosely, but for names given twice. */
static void
test_loose(void **state)
{
    struct err_detail d = { .text = "" };
    struct json_in in = json_in_open(BYTES_TEXT("{\"a\":1,\"b\":{\"c\":2},\"l\":[]}"), &d), b;

    (void)state;
    json_in_loose(&in);
    assert_int_equal(json_in_i64(&in, "a", 0, 9), 1);
    assert_true(json_in_is_array(&in, "l"));
    assert_false(json_in_is_array(&in, "a") || json_in_is_array(&in, "z"));
    assert_int_equal(json_in_close(&in), OK);
    in = json_in_open(BYTES_TEXT("{\"a\":1,\"b\":{\"c\":2}}"), &d);
    json_in_loose(&in);
    b = json_in_object(&in, "b");
    assert_int_equal(json_in_close(&b), ERR_FIELD_UNKNOWN); /* not of nested ones */
    assert_int_equal(json_in_close(&in), ERR_FIELD_UNKNOWN);
}

static void
test_addresses(void **state)
{
    static const struct { const char *url; bool ok, loopback; } ROWS[] = {
        { "https://id.example", true, false },
        { "https://id.example/a?b=c@d#e@f", true, false },
        { "https://", false, false },
        { "https://user@id.example", false, false },
        { "https://id.example/ a", false, false },
        { "https://id.example\\@evil.example", false, false },
        { "http://id.example", false, false },
        { "http://127.0.0.1", true, true },
        { "http://127.0.0.1:80/x", true, true },
        { "http://[::1]:80", true, true },
        { "http://localhost/", true, true },
        { "http://127.0.0.1:80@evil.example/", false, false },
        { "http://127.0.0.1.evil.example/", false, false },
        { "http://localhost?x", false, false },
        { "file:///etc/passwd", false, false },
        { "", false, false },
    };

    (void)state;
    for (size_t i = 0; i < LEN(ROWS); i++)
        if (web_url_ok(ROWS[i].url) != ROWS[i].ok || web_url_loopback(ROWS[i].url) != ROWS[i].loopback)
            fail_msg("%s", ROWS[i].url);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_claims),    cmocka_unit_test(test_algorithms), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_key_sets), cmocka_unit_test(test_user_info), cmocka_unit_test(test_box),
        cmocka_unit_test(test_loose),    cmocka_unit_test(test_addresses),  cmocka_unit_test(test_proof),
    };

    return cmocka_run_group_tests_name("id_token", tests, setup, teardown);
}
