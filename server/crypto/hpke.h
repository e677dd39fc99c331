/* crypto/hpke.h
 * Hybrid public key encryption (RFC 9180), one suite and mode: base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; one
 * text a key agreement. `info` is bound to what is sealed and not in it. */
#ifndef CRYPTO_HPKE_H
#define CRYPTO_HPKE_H

#include "crypto/sign.h"

#define HPKE_ENC_LEN 32
#define HPKE_TAG_LEN 16

/* ret: text.len + HPKE_TAG_LEN bytes. ERR_SIGNATURE: `to` is no public key (of small order). */
enum err hpke_seal(const uint8_t to[32], struct bytes info, struct bytes aad, struct bytes text, uint8_t ret_enc[HPKE_ENC_LEN], uint8_t *ret) MUST_USE;
/* The same with a given key pair for this once: for tests, which know what must come out. */
enum err hpke_seal_with(const struct seal_key *once, const uint8_t to[32], struct bytes info, struct bytes aad, struct bytes text, uint8_t *ret) MUST_USE;
/* ret: sealed.len − HPKE_TAG_LEN bytes. ERR_SIGNATURE: sealed to another key, with another info, or changed since. */
enum err hpke_open(const struct seal_key *key, const uint8_t enc[HPKE_ENC_LEN], struct bytes info, struct bytes aad, struct bytes sealed, uint8_t *ret) MUST_USE;

#endif
