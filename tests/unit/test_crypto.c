/* crypto/: Ed25519 and X25519 against RFC 8032, 8037, 7748; JWS that refuse everything but what they pin; passwords. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/api_token.h"
#include "crypto/jws.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "crypto/rowseal.h"
#include "crypto/sign.h"
#include "store/seals.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static const struct { const char *seed, *public, *message, *sig; } rfc8032[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static struct sign_key
rfc_key(size_t i)
{
    uint8_t seed[32];

    assert_true(hex_decode(rfc8032[i].seed, seed, sizeof seed));
    return sign_key_from_seed(seed);
}

static void
test_rfc8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(rfc8032); i++) {
        struct sign_key key = rfc_key(i);
        uint8_t message[8], sig[SIGN_LEN], want[SIGN_LEN];
        char text[HEX_LEN(32)];
        size_t len = strlen(rfc8032[i].message) / 2;

        hex_encode(BYTES(key.public, 32), text);
        assert_string_equal(text, rfc8032[i].public);
        assert_true(hex_decode(rfc8032[i].message, message, len));
        assert_true(hex_decode(rfc8032[i].sig, want, sizeof want));
        sign_make(&key, BYTES(message, len), sig);
        assert_memory_equal(sig, want, sizeof want);
        assert_int_equal(sign_verify(key.public, BYTES(message, len), sig), OK);
        for (size_t bit = 0; bit < SIGN_LEN * 8; bit++) {
            sig[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(sign_verify(key.public, BYTES(message, len), sig), ERR_SIGNATURE);
            sig[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void
test_small_order_key(void **state)
{
    uint8_t zero_key[32] = { 0 }, one_key[32] = { 1 }, sig[SIGN_LEN] = { 0 };

    (void)state;
    assert_int_equal(sign_verify(zero_key, BYTES("x", 1), sig), ERR_SIGNATURE);
    sig[0] = 1;
    assert_int_equal(sign_verify(one_key, BYTES("x", 1), sig), ERR_SIGNATURE);
}

/* RFC 7748, 6.1: both key pairs. */
static void
test_rfc7748(void **state)
{
    static const struct { const char *secret, *public; } pairs[] = {
        { "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
          "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a" },
        { "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
          "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f" },
    };
    uint8_t secret[32];
    char text[HEX_LEN(32)];

    (void)state;
    for (size_t i = 0; i < LEN(pairs); i++) {
        struct seal_key key;

        assert_true(hex_decode(pairs[i].secret, secret, sizeof secret));
        key = seal_key_from_secret(secret);
        hex_encode(BYTES(key.public, 32), text);
        assert_string_equal(text, pairs[i].public);
    }
}

/* RFC 8037, A.4: the signature over its signing input. */
static void
test_rfc8037(void **state)
{
    static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    struct sign_key key = rfc_key(0);
    uint8_t sig[SIGN_LEN];
    char text[BASE64_LEN(SIGN_LEN)];

    (void)state;
    sign_make(&key, BYTES_TEXT(input), sig);
    base64url_encode(BYTES(sig, sizeof sig), text);
    assert_string_equal(text, "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

/* A token with any header, signed as it stands. */
static char *
token_of(const struct sign_key *key, const char *header, const char *claims)
{
    char coded[2][512], sig_text[BASE64_LEN(SIGN_LEN)], *token = calloc(1, 2048);
    uint8_t sig[SIGN_LEN];

    base64url_encode(BYTES_TEXT(header), coded[0]);
    base64url_encode(BYTES_TEXT(claims), coded[1]);
    snprintf(token, 2048, "%s.%s", coded[0], coded[1]);
    sign_make(key, BYTES_TEXT(token), sig);
    base64url_encode(BYTES(sig, sizeof sig), sig_text);
    snprintf(token, 2048, "%s.%s.%s", coded[0], coded[1], sig_text);
    return token;
}

static struct jws_key
public_of(const struct sign_key *key, const char *kid)
{
    struct jws_key ret = { 0 };

    snprintf(ret.kid, sizeof ret.kid, "%s", kid);
    memcpy(ret.public, key->public, sizeof ret.public);
    return ret;
}

static void
test_jws_round(void **state)
{
    static const char claims[] = "{\"iss\":\"kontor.example/demo\",\"seq\":9007199254740993}";
    struct sign_key key = rfc_key(1);
    struct jws_keys set = { .n = 2, .key = { public_of(&key, "7"), public_of(&key, "8") } };
    char *token = jws_make(&key, JWS_TYP_TICKET, "8", BYTES_TEXT(claims)), *again, *payload = NULL, kid[JWS_KID_MAX];
    size_t len = 0;

    (void)state;
    again = jws_make(&key, JWS_TYP_TICKET, "8", BYTES_TEXT(claims));
    assert_string_equal(token, again);
    assert_int_equal(jws_kid(token, strlen(token), JWS_TYP_TICKET, kid), OK);
    assert_string_equal(kid, "8");
    assert_int_equal(jws_verify(token, strlen(token), JWS_TYP_TICKET, &set.key[1], &payload, &len), OK);
    assert_int_equal(len, strlen(claims));
    assert_string_equal(payload, claims);
    free(payload);
    assert_int_equal(jws_verify_set(token, strlen(token), JWS_TYP_TICKET, &set, &payload, &len), OK);
    free(payload);
    payload = NULL;
    assert_int_equal(jws_verify(token, strlen(token), JWS_TYP_RECEIPT, &set.key[1], &payload, &len), ERR_TOKEN_TYPE);
    assert_int_equal(jws_verify(token, strlen(token), JWS_TYP_TICKET, &set.key[0], &payload, &len), ERR_TOKEN_KEY);
    set.n = 1;
    assert_int_equal(jws_verify_set(token, strlen(token), JWS_TYP_TICKET, &set, &payload, &len), ERR_TOKEN_KEY);
    assert_null(payload);
    free(token);
    free(again);
}

static const struct { const char *why, *header; enum err err; } headers[] = {
    { "as pinned", "{\"alg\":\"EdDSA\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", OK },
    { "another order, white space", "{ \"typ\":\"kontor-ticket+jwt\", \"alg\":\"EdDSA\", \"kid\":\"8\" }", OK },
    { "an escape in the kid", "{\"alg\":\"EdDSA\",\"kid\":\"\\u0038\",\"typ\":\"kontor-ticket+jwt\"}", OK },
    { "typ twice", "{\"alg\":\"EdDSA\",\"kid\":\"8\",\"typ\":\"JWT\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "no end", "{\"alg\":\"EdDSA\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"  ", ERR_TOKEN_MALFORMED },
    { "more after the end", "{\"alg\":\"EdDSA\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}}", ERR_TOKEN_MALFORMED },
    { "empty kid", "{\"alg\":\"EdDSA\",\"kid\":\"\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "none", "{\"alg\":\"none\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_ALGORITHM },
    { "HS256", "{\"alg\":\"HS256\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_ALGORITHM },
    { "Ed448 in disguise", "{\"alg\":\"EdDSA\",\"crv\":\"Ed448\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "lower case alg", "{\"alg\":\"eddsa\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_ALGORITHM },
    { "no typ", "{\"alg\":\"EdDSA\",\"kid\":\"8\"}", ERR_TOKEN_MALFORMED },
    { "other typ", "{\"alg\":\"EdDSA\",\"kid\":\"8\",\"typ\":\"JWT\"}", ERR_TOKEN_TYPE },
    { "no kid", "{\"alg\":\"EdDSA\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "no alg", "{\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "other kid", "{\"alg\":\"EdDSA\",\"kid\":\"9\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_KEY },
    { "kid is a number", "{\"alg\":\"EdDSA\",\"kid\":8,\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "crit", "{\"alg\":\"EdDSA\",\"crit\":[\"x\"],\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\",\"x\":1}", ERR_TOKEN_MALFORMED },
    { "key in the header", "{\"alg\":\"EdDSA\",\"jwk\":{},\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "alg twice", "{\"alg\":\"none\",\"alg\":\"EdDSA\",\"kid\":\"8\",\"typ\":\"kontor-ticket+jwt\"}", ERR_TOKEN_MALFORMED },
    { "no object", "[]", ERR_TOKEN_MALFORMED },
    { "no JSON", "{\"alg\":\"EdDSA\"", ERR_TOKEN_MALFORMED },
    { "empty", "", ERR_TOKEN_MALFORMED },
};

static void
test_jws_headers(void **state)
{
    struct sign_key key = rfc_key(2);
    struct jws_key public = public_of(&key, "8");

    (void)state;
    for (size_t i = 0; i < LEN(headers); i++) {
        char *token = token_of(&key, headers[i].header, "{}"), *payload = NULL;
        size_t len;
        enum err err = jws_verify(token, strlen(token), JWS_TYP_TICKET, &public, &payload, &len);

        if (err != headers[i].err)
            fail_msg("%s: %s", headers[i].why, err_wire(err));
        free(payload);
        free(token);
    }
}

/* Each character of a token changed in turn: never accepted. */
static void
test_jws_changed(void **state)
{
    struct sign_key key = rfc_key(2);
    struct jws_key public = public_of(&key, "8");
    char *token = jws_make(&key, JWS_TYP_TICKET, "8", BYTES_TEXT("{\"do\":\"run\"}")), *payload = NULL;
    size_t len = strlen(token), n;

    (void)state;
    for (size_t i = 0; i < len; i++)
        for (const char *c = "A_.=\n "; *c; c++) {
            char was = token[i];

            if (was == *c)
                continue;
            token[i] = *c;
            assert_int_not_equal(jws_verify(token, len, JWS_TYP_TICKET, &public, &payload, &n), OK);
            token[i] = was;
        }
    for (size_t i = 0; i < len; i++)
        assert_int_equal(jws_verify(token, i, JWS_TYP_TICKET, &public, &payload, &n), ERR_TOKEN_MALFORMED);
    assert_null(payload);
    free(token);
}

static void
test_jwks(void **state)
{
    struct sign_key a = rfc_key(0), b = rfc_key(1);
    struct jws_key keys[] = { public_of(&a, "0"), public_of(&b, "41") };
    struct jws_keys back;
    struct json_out out = { 0 };
    struct json_in in;

    (void)state;
    jws_keys_write(&out, NULL, keys, LEN(keys));
    assert_non_null(strstr(out.text, "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"")); /* RFC 8037, A.2 */
    in = json_in_open(BYTES(out.text, out.len), NULL);
    jws_keys_read(&in, &back);
    assert_int_equal(json_in_close(&in), OK);
    assert_int_equal(back.n, 2);
    assert_memory_equal(back.key[1].public, b.public, 32);
    assert_ptr_equal(jws_keys_find(&back, "41"), &back.key[1]);
    assert_null(jws_keys_find(&back, "4"));
    json_out_free(&out);
}

static void
test_key_files(void **state)
{
    char folder[] = "/tmp/kontor-test-XXXXXX", path[64];
    struct sign_key key = sign_key_new(), back;
    struct seal_key seal = seal_key_new(), seal_back;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    assert_int_equal(sign_key_load(path, &back, NULL), ERR_NOT_FOUND);
    assert_int_equal(sign_key_save(&key, path, NULL), OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(sign_key_save(&key, path, NULL), ERR_EXISTS);
    assert_int_equal(sign_key_load(path, &back, NULL), OK);
    assert_memory_equal(&key, &back, sizeof key);
    assert_int_equal(seal_key_load(path, &seal_back, NULL), ERR_CORRUPT);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(sign_key_load(path, &back, NULL), ERR_FORBIDDEN);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(sign_key_load(path, &back, NULL), ERR_FORBIDDEN);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_int_equal(sign_key_load(path, &back, NULL), ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(seal_key_save(&seal, path, NULL), OK);
    assert_int_equal(seal_key_load(path, &seal_back, NULL), OK);
    assert_memory_equal(&seal, &seal_back, sizeof seal);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing temporary is left */
}

/* Against Python's hashlib: BLAKE2b under the key 0 … 31, 16 bytes long, of "kontor-row/v1\0", the table, "\0", the row. */
static void
test_row_seals(void **state)
{
    static const struct { const char *table, *row, *seal; } vectors[] = {
        { "head", "", "a9ee041014d3caa4f30c68fb8d431a94" },
        { "head", "abc", "ea9f30099e340a22c537159301beb19b" },
        { "reservation", "abc", "a33dd0c2514a30186e44c87a37651c18" },
    };
    char folder[] = "/tmp/kontor-test-XXXXXX", path[64];
    struct rowseal_key key, back;
    uint8_t want[ROWSEAL_LEN], got[ROWSEAL_LEN], row[1000];
    struct rowseal of;

    (void)state;
    for (size_t i = 0; i < sizeof key.secret; i++)
        key.secret[i] = (uint8_t)i;
    for (size_t i = 0; i < LEN(vectors); i++) {
        of = rowseal_begin(&key, vectors[i].table);
        assert_true(hex_decode(vectors[i].seal, want, sizeof want));
        for (size_t cut = 0; cut <= strlen(vectors[i].row); cut++) { /* in two parts it is the same row */
            rowseal_make(&of, BYTES(vectors[i].row, cut), BYTES_TEXT(vectors[i].row + cut), got);
            assert_memory_equal(got, want, sizeof want);
        }
    }
    for (size_t i = 0; i < sizeof row; i++) /* longer than a block */
        row[i] = (uint8_t)(i % 251);
    of = rowseal_begin(&key, "head");
    assert_true(hex_decode("5b56f7d869ea3443f88f13b74e695d98", want, sizeof want));
    rowseal_make(&of, BYTES(row, sizeof row), BYTES(NULL, 0), got);
    assert_memory_equal(got, want, sizeof want);
    key.secret[31] ^= 1;
    of = rowseal_begin(&key, "head");
    rowseal_make(&of, BYTES(row, sizeof row), BYTES(NULL, 0), got);
    assert_memory_not_equal(got, want, sizeof want);

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/seal.key", folder);
    assert_int_equal(rowseal_key_load(path, &back, NULL), ERR_NOT_FOUND);
    assert_int_equal(rowseal_key_save(&key, path, NULL), OK);
    assert_int_equal(rowseal_key_save(&key, path, NULL), ERR_EXISTS);
    assert_int_equal(rowseal_key_load(path, &back, NULL), OK);
    assert_memory_equal(&key, &back, sizeof key);
    key = rowseal_key_new();
    assert_memory_not_equal(&key, &back, sizeof key);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* A row's fields: NULL, empty and zero are three things, where a field ends matters, NULLs at the end do not. */
static void
test_sealed_fields(void **state)
{
    static const uint8_t NONE[] = { 0, 0, 0, 20, 255, 255, 255, 255 }, EMPTY[] = { 0, 0, 0, 17, 0, 0, 0, 0 },
                         ZERO[] = { 0, 0, 0, 17, 0, 0, 0, 1, 0 }, NONE_OF_17[] = { 0, 0, 0, 17, 255, 255, 255, 255 },
                         A_B[] = { 0, 0, 0, 25, 0, 0, 0, 1, 'a', 0, 0, 0, 25, 0, 0, 0, 1, 'b' },
                         AB_[] = { 0, 0, 0, 25, 0, 0, 0, 2, 'a', 'b', 0, 0, 0, 25, 0, 0, 0, 0 },
                         _AB[] = { 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 2, 'a', 'b' };
    /* head: one, term 7, batch 9, size 3, root, time 1000, as PostgreSQL sends it, with the seal that Python makes of it */
    static const char head[] = "00000007" "000000100000000101" "00000014000000080000000000000007" "00000014000000080000000000000009"
        "00000014000000080000000000000003" "00000011000000200101010101010101010101010101010101010101010101010101010101010101"
        "000000140000000800000000000003e8" "0000001100000010" "68d6e42ba9b6a953a9bba7851b2607ae";
    const struct bytes rows[] = { BYTES(EMPTY, sizeof EMPTY), BYTES(ZERO, sizeof ZERO), BYTES(A_B, sizeof A_B), BYTES(AB_, sizeof AB_), BYTES(_AB, sizeof _AB) };
    uint8_t made[LEN(rows) + 1][ROWSEAL_LEN], again[ROWSEAL_LEN], record[sizeof head / 2], longer[sizeof ZERO + sizeof NONE];
    struct rowseal_key key;
    struct seals *s = test_malloc(sizeof *s);
    bool bare;

    (void)state;
    for (size_t i = 0; i < sizeof key.secret; i++)
        key.secret[i] = (uint8_t)i;
    *s = seals_new(&key);
    for (size_t i = 0; i < LEN(rows); i++)
        seals_make(s, SEALED_HEAD, rows[i], BYTES(NULL, 0), made[i]);
    seals_make(s, SEALED_HEAD, BYTES(NONE_OF_17, sizeof NONE_OF_17), BYTES(NULL, 0), made[LEN(rows)]);
    for (size_t i = 0; i <= LEN(rows); i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(made[i], made[j], ROWSEAL_LEN);
    memcpy(longer, ZERO, sizeof ZERO);
    memcpy(longer + sizeof ZERO, NONE, sizeof NONE);
    seals_make(s, SEALED_HEAD, BYTES(longer, sizeof longer), BYTES(NONE, sizeof NONE), again);
    assert_memory_equal(again, made[1], ROWSEAL_LEN);

    assert_true(hex_decode(head, record, sizeof record));
    assert_true(seals_hold(s, SEALED_HEAD, BYTES(record, sizeof record), &bare) && !bare);
    for (size_t i = 4; i < sizeof record; i++) { /* each byte of it matters, and none is read past the end */
        if (i >= sizeof record - 24 && i < sizeof record - 20)
            continue; /* the seal's own type */
        record[i] ^= 1;
        assert_false(seals_hold(s, SEALED_HEAD, BYTES(record, sizeof record), NULL));
        record[i] ^= 1;
        assert_false(seals_hold(s, SEALED_HEAD, BYTES(record, i), NULL));
    }
    test_free(s);
}

static void
test_passwords(void **state)
{
    char hash[PASSWORD_HASH_TEXT], again[PASSWORD_HASH_TEXT];

    (void)state;
    assert_int_equal(password_hash("correct horse", 13, hash), OK);
    assert_int_equal(password_hash("correct horse", 13, again), OK);
    assert_true(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31) == 0);
    assert_string_not_equal(hash, again);
    assert_int_equal(password_verify(hash, "correct horse", 13), OK);
    assert_int_equal(password_verify(hash, "correct horsf", 13), ERR_CREDENTIALS);
    assert_int_equal(password_verify(hash, "correct horse", 12), ERR_CREDENTIALS);
    assert_int_equal(password_verify("", "correct horse", 13), ERR_CREDENTIALS);
    assert_int_equal(password_verify("$argon2id$v=19$m=19456", "x", 1), ERR_CREDENTIALS);
    assert_int_equal(password_verify_nobody("correct horse", 13), ERR_CREDENTIALS);
}

static void
test_what_is_guessed_first(void **state)
{
    static const char *const BAD[] = { "password123", "1234567890", "qwertyuiop", "aaaaaaaaaaaa", "kontor2026", "EuroHPC-2026", "Nordlys-2026", "sunshine2024", "lise.berg1" };
    static const char *const GOOD[] = { "correct horse battery", "one that is long enough", "zC7#kd0!qL", "Ελληνικός κωδικός", "lingon skidor moln" };
    char longest[PASSWORD_MAX + 1], about[2000];

    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        if (!password_is_guessable(BAD[i], "Lise Berg lise.berg@nordlys.example"))
            fail_msg("%s is taken", BAD[i]);
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        if (password_is_guessable(GOOD[i], "Lise Berg lise.berg@nordlys.example"))
            fail_msg("%s is refused", GOOD[i]);
    memset(longest, 'a', sizeof longest);
    longest[PASSWORD_MAX] = '\0';
    memset(about, 'x', sizeof about);
    for (size_t i = 3; i < sizeof about; i += 4)
        about[i] = i % 8 == 3 ? ' ' : '@';
    about[sizeof about - 1] = '\0';
    assert_true(password_is_guessable(longest, about));
    assert_false(password_is_guessable("zC7#kd0!qL", ""));
}

static void
test_random(void **state)
{
    uint8_t a[32], b[32];
    bool seen[3] = { false };

    (void)state;
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (int i = 0; i < 200; i++)
        seen[random_below(3)] = true;
    assert_true(seen[0] && seen[1] && seen[2]);
    assert_true(random_equal("abc", "abc", 3));
    assert_false(random_equal("abc", "abd", 3));
}

/* One that was made is known; with any character changed, added or taken it is none. */
static void
test_api_tokens(void **state)
{
    static const char KNOWN[] = "kontor_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8Ioil8-";
    char text[API_TOKEN_TEXT + 1], other[API_TOKEN_TEXT];
    struct hash made, read, sum = sha256(BYTES(KNOWN, API_TOKEN_LEN));

    (void)state;
    assert_true(api_token_read(KNOWN, &read));
    assert_memory_equal(&read, &sum, sizeof sum);
    api_token_make(text, &made);
    assert_true(api_token_read(text, &read));
    assert_memory_equal(&made, &read, sizeof made);
    api_token_make(other, &read);
    assert_string_not_equal(text, other);
    for (int i = 0; i < API_TOKEN_LEN; i++)
        for (int c = 1; c < 128; c++) {
            memcpy(other, text, sizeof other);
            other[i] = (char)c;
            if (c != text[i])
                assert_false(api_token_read(other, &read));
        }
    memcpy(other, text, sizeof other);
    other[API_TOKEN_LEN - 1] = '\0';
    assert_false(api_token_read(other, &read));
    text[API_TOKEN_LEN] = 'A';
    text[API_TOKEN_LEN + 1] = '\0';
    assert_false(api_token_read(text, &read));
    assert_false(api_token_read("", &read));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8032), cmocka_unit_test(test_small_order_key), cmocka_unit_test(test_rfc7748),
        cmocka_unit_test(test_rfc8037), cmocka_unit_test(test_jws_round), cmocka_unit_test(test_jws_headers),
        cmocka_unit_test(test_jws_changed), cmocka_unit_test(test_jwks), cmocka_unit_test(test_key_files),
        cmocka_unit_test(test_row_seals), cmocka_unit_test(test_sealed_fields),
        cmocka_unit_test(test_passwords), cmocka_unit_test(test_what_is_guessed_first), cmocka_unit_test(test_api_tokens), cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
