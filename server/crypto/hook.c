/* crypto/hook.c */
#include "crypto/hook.h"

#include <sodium.h>

#include "crypto/random.h"

_Static_assert(HOOK_SECRET_LEN == crypto_auth_hmacsha256_KEYBYTES, "a secret is as long as libsodium wants it");

struct hook_secret
hook_secret_new(void)
{
    struct hook_secret s;

    random_bytes(s.b, sizeof s.b);
    return s;
}

void
hook_secret_text(const struct hook_secret *s, char ret[HOOK_SECRET_TEXT])
{
    memcpy(ret, "whsec_", 6);
    base64_encode(BYTES(s->b, sizeof s->b), ret + 6);
}

void
hook_sign(const struct hook_secret *s, const char *id, const char *seconds, struct bytes body, char ret[HOOK_SIGNATURE_TEXT])
{
    crypto_auth_hmacsha256_state state;
    uint8_t mac[crypto_auth_hmacsha256_BYTES];

    crypto_ready();
    crypto_auth_hmacsha256_init(&state, s->b, sizeof s->b);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)id, strlen(id));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)seconds, strlen(seconds));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
    crypto_auth_hmacsha256_update(&state, body.data, body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    memcpy(ret, "v1,", 3);
    base64_encode(BYTES(mac, sizeof mac), ret + 3);
}
