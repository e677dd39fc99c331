/* tests/fuzz/fuzz_jws.c: any bytes as a token, as a set of keys, as a program's token. One token verifies: the one that was signed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/api_token.h"
#include "crypto/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
as_token(const struct sign_key *key, const char *text, size_t len)
{
    static const char CLAIMS[] = "{\"iss\":\"kontor.example\"}";
    struct jws_key one = { .kid = "7" };
    char kid[JWS_KID_MAX], *claims, *real;
    size_t claims_len;

    memcpy(one.public, key->public, sizeof one.public);
    real = jws_make(key, JWS_TYP_TICKET, "7", BYTES_TEXT(CLAIMS));
    if (jws_verify(text, len, JWS_TYP_TICKET, &one, &claims, &claims_len) == OK) {
        assert(len == strlen(real) && memcmp(text, real, len) == 0);
        assert(strcmp(claims, CLAIMS) == 0);
        assert(jws_kid(text, len, JWS_TYP_TICKET, kid) == OK && strcmp(kid, "7") == 0);
        free(claims);
    }
    assert(jws_verify(text, len, JWS_TYP_RECEIPT, &one, &claims, &claims_len) != OK);
    free(real);
}

static void
as_keys(struct bytes body)
{
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(body, &detail);
    struct jws_keys keys = { .n = 0 };

    jws_keys_read(&in, &keys);
    if (json_in_close(&in) == OK)
        assert(keys.n <= JWS_KEYS_MAX);
}

/* One way of writing each: its hash is of all that was given. */
static void
as_program(const uint8_t *data, size_t len)
{
    char *text = malloc(len + 1);
    struct hash hash, again;

    if (text == NULL)
        abort();
    memcpy(text, data, len);
    text[len] = '\0';
    if (api_token_read(text, &hash)) {
        again = sha256(BYTES(text, strlen(text)));
        assert(strlen(text) == API_TOKEN_LEN && memcmp(text, API_TOKEN_PREFIX, 7) == 0 && hash_equal(hash, again));
        for (int i = 0; i < API_TOKEN_LEN; i++) {
            text[i] ^= 1;
            assert(!api_token_read(text, &again));
            text[i] ^= 1;
        }
    }
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t SEED[SIGN_SEED_LEN] = { 1, 2, 3 };
    struct sign_key key = sign_key_from_seed(SEED);

    as_token(&key, (const char *)data, len);
    as_keys(BYTES(data, len));
    as_program(data, len);
    return 0;
}
