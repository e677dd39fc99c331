/* crypto/box.h: small sealed texts that we give away and want back unread and unchanged (XChaCha20-Poly1305 by libsodium). */
#ifndef CRYPTO_BOX_H
#define CRYPTO_BOX_H

#include "base/bytes.h"
#include "crypto/sign.h"

struct box_key {
    uint8_t b[32];
};

#define BOX_MAX 2048 /* bytes that are sealed */
#define BOX_TEXT_LEN(n) (((n) + 24 + 16) * 4 / 3 + 4) /* characters, with the NUL */

/* A key for one use, which the label names, from a signing key: whoever has the one has the other, and no other need be kept. */
struct box_key box_key_from(const struct sign_key *key, const char *label);
/* The same from any secret of 32 bytes. */
struct box_key box_key_of(const uint8_t secret[32], const char *label);
/* base64url of nonce and sealed bytes. `about` is bound to them and not in them. ret: BOX_TEXT_LEN(in.len). */
void box_seal(const struct box_key *key, const char *about, struct bytes in, char *ret);
/* ERR_SIGNATURE: it is not ours, or about something else. */
enum err box_open(const struct box_key *key, const char *about, const char *text, uint8_t *ret, size_t cap, size_t *ret_len) MUST_USE;

#endif
