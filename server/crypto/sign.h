/* crypto/sign.h
 * Ed25519 signatures (RFC 8032) and X25519 key pairs (RFC 7748), by libsodium.
 * A key file is one line, "kontor-key/v1 ed25519 SEED\n" or "… x25519 SECRET\n", base64url without padding. It must be a
 * plain file, owned by the caller, closed to group and world; it is written under a temporary name, synced, renamed. */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include "base/bytes.h"

#define SIGN_PUBLIC_LEN 32
#define SIGN_SEED_LEN   32
#define SIGN_LEN        64

struct sign_key {
    uint8_t seed[SIGN_SEED_LEN], public[SIGN_PUBLIC_LEN];
};
struct seal_key {
    uint8_t secret[32], public[32];
}; /* X25519 */

struct sign_key sign_key_new(void);
struct sign_key sign_key_from_seed(const uint8_t seed[SIGN_SEED_LEN]);
/* Deterministic: the same key and bytes give the same signature. */
void sign_make(const struct sign_key *key, struct bytes message, uint8_t ret[SIGN_LEN]);
/* ERR_SIGNATURE if it does not verify (a public key of small order never does). */
enum err sign_verify(const uint8_t public[SIGN_PUBLIC_LEN], struct bytes message, const uint8_t sig[SIGN_LEN]) MUST_USE;

struct seal_key seal_key_new(void);
struct seal_key seal_key_from_secret(const uint8_t secret[32]);

/* Save: ERR_EXISTS if the file is there (a key is never overwritten), ERR_IO. d may be NULL. */
enum err sign_key_save(const struct sign_key *key, const char *path, struct err_detail *d) MUST_USE;
enum err seal_key_save(const struct seal_key *key, const char *path, struct err_detail *d) MUST_USE;
/* Load: ERR_NOT_FOUND, ERR_FORBIDDEN if others may read it or it is another's, ERR_CORRUPT, ERR_IO. */
enum err sign_key_load(const char *path, struct sign_key *ret, struct err_detail *d) MUST_USE;
enum err seal_key_load(const char *path, struct seal_key *ret, struct err_detail *d) MUST_USE;

#endif
