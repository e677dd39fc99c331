/* base/gcm.h: AES-GCM (NIST SP 800-38D) by OpenSSL, with a tag of 16 bytes behind the text. libsodium has it for some processors
 * only. Whoever calls says what becomes of the key. */
#ifndef BASE_GCM_H
#define BASE_GCM_H

#include "base/bytes.h"

#define GCM_KEY_LEN   32
#define GCM_NONCE_LEN 12
#define GCM_TAG_LEN   16

/* ret: text.len + GCM_TAG_LEN bytes. Never fails. */
void gcm_seal(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad, struct bytes text, uint8_t *ret);
/* ret: sealed.len − GCM_TAG_LEN bytes, which are worthless (and zeroed) unless this returns OK. ERR_SIGNATURE: it is not as it was sealed. */
enum err gcm_open(const uint8_t key[GCM_KEY_LEN], const uint8_t nonce[GCM_NONCE_LEN], struct bytes aad, struct bytes sealed, uint8_t *ret) MUST_USE;

#endif
