/* tests/fuzz/fuzz_id_token.c: any bytes as an ID token, as a provider's key set, as what it tells of a person, as a sealed
 * text. None is ever good: nobody has the keys. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "crypto/box.h"
#include "crypto/id_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char KEYS[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"1\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
                           "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}"; /* RFC 7517, A.1 */

static void
as_token(const char *text, const struct id_keys *keys, enum id_alg alg)
{
    const struct id_want want = { .issuer = "https://id.example", .client_id = "kontor", .nonce = "n", .now_s = 1000000, .began_s = 999990 };
    struct err_detail d = { .text = "" };
    struct id_claims claims = { .subject = "" };
    enum err err = id_token_check(text, keys, alg, &want, &claims, &d);

    assert(err == ERR_SIGNATURE || err == ERR_NOT_FOUND);
    assert(claims.subject[0] == '\0' && d.internal[0] != '\0');
}

static void
as_keys(struct bytes body, enum id_alg alg, const char *text)
{
    struct err_detail d = { .text = "" };
    struct id_keys *keys = NULL;

    if (id_keys_read(body, alg, &keys, &d) == OK) {
        assert(id_keys_count(keys) <= ID_KEYS_MAX);
        as_token(text, keys, alg);
        id_keys_delete(keys);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t SEED[SIGN_SEED_LEN] = { 1, 2, 3 };
    struct sign_key key = sign_key_from_seed(SEED);
    struct box_key box = box_key_from(&key, "fuzz");
    struct id_claims claims = { .subject = "alice" };
    struct err_detail d = { .text = "" };
    struct id_keys *keys = NULL;
    char *text = xmalloc(len + 1);
    uint8_t out[BOX_MAX];
    size_t out_len;

    memcpy(text, data, len);
    text[len] = '\0';
    assert(id_keys_read(BYTES_TEXT(KEYS), ID_ES256, &keys, &d) == OK && id_keys_count(keys) == 1);
    as_token(text, keys, ID_ES256);
    as_keys(BYTES(data, len), ID_RS256, text);
    as_keys(BYTES(data, len), ID_ES256, text);
    if (id_user_info(BYTES(data, len), &claims, &d) == OK)
        assert(strlen(claims.name) < ID_NAME_MAX && strlen(claims.email) < ID_EMAIL_MAX);
    assert(strcmp(claims.subject, "alice") == 0);
    assert(box_open(&box, "", text, out, sizeof out, &out_len) == ERR_SIGNATURE);
    id_keys_delete(keys);
    free(text);
    return 0;
}
