/* crypto/hook.h
 * Signatures of webhooks, as Standard Webhooks has them: HMAC-SHA256 over ID "." SECONDS "." BODY under a secret of 32 bytes,
 * which people see once, as "whsec_" and its base64. */
#ifndef CRYPTO_HOOK_H
#define CRYPTO_HOOK_H

#include "base/bytes.h"

enum { HOOK_SECRET_LEN = 32, HOOK_SECRET_TEXT = 6 + 44 + 1, HOOK_SIGNATURE_TEXT = 3 + 44 + 1 };

struct hook_secret { uint8_t b[HOOK_SECRET_LEN]; };

struct hook_secret hook_secret_new(void);
void hook_secret_text(const struct hook_secret *s, char ret[HOOK_SECRET_TEXT]);
/* "v1," and base64. id and seconds: what the headers webhook-id and webhook-timestamp say. */
void hook_sign(const struct hook_secret *s, const char *id, const char *seconds, struct bytes body, char ret[HOOK_SIGNATURE_TEXT]);

#endif
