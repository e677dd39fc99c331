/* crypto/api_token.c */
#include "crypto/api_token.h"

#include <string.h>

#include "crypto/random.h"

enum { PREFIX_LEN = sizeof API_TOKEN_PREFIX - 1, BODY_LEN = API_TOKEN_LEN - 6 };

static void
check_of(const char *text, char ret[6])
{
    struct hash sum = sha256(BYTES(text, BODY_LEN));
    char coded[44];

    base64url_encode(BYTES(sum.b, sizeof sum.b), coded);
    memcpy(ret, coded, 6);
}

void
api_token_make(char ret_text[API_TOKEN_TEXT], struct hash *ret_hash)
{
    uint8_t random[32];

    random_bytes(random, sizeof random);
    memcpy(ret_text, API_TOKEN_PREFIX, PREFIX_LEN);
    base64url_encode(BYTES(random, sizeof random), ret_text + PREFIX_LEN);
    random_wipe(random, sizeof random);
    check_of(ret_text, ret_text + BODY_LEN);
    ret_text[API_TOKEN_LEN] = '\0';
    *ret_hash = sha256(BYTES(ret_text, API_TOKEN_LEN));
}

bool
api_token_read(const char *text, struct hash *ret_hash)
{
    uint8_t random[32];
    char check[6];
    size_t n = 0;

    if (strlen(text) != API_TOKEN_LEN || memcmp(text, API_TOKEN_PREFIX, PREFIX_LEN) != 0 ||
        !base64url_decode(text + PREFIX_LEN, BODY_LEN - PREFIX_LEN, random, sizeof random, &n) || n != sizeof random)
        return false;
    random_wipe(random, sizeof random);
    check_of(text, check);
    if (memcmp(text + BODY_LEN, check, sizeof check) != 0)
        return false;
    *ret_hash = sha256(BYTES(text, API_TOKEN_LEN));
    return true;
}
