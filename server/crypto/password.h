/* crypto/password.h
 * Passwords by argon2id (RFC 9106): 19 MiB, two passes, one lane. Takes tens of milliseconds: only in workers, and only
 * a few at once. */
#ifndef CRYPTO_PASSWORD_H
#define CRYPTO_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PASSWORD_HASH_TEXT 128
#define PASSWORD_MIN       12
#define PASSWORD_MAX       256 /* bytes */

/* ret: "$argon2id$v=19$m=19456,t=2,p=1$salt$hash". ERR_BUSY if the memory cannot be had. */
enum err password_hash(const char *password, size_t len, char ret[PASSWORD_HASH_TEXT]) MUST_USE;
/* ERR_CREDENTIALS if it is not this password (or the hash is not well formed). Constant time in the comparison. */
enum err password_verify(const char *hash, const char *password, size_t len) MUST_USE;
/* For an unknown account: costs what password_verify() costs, always ERR_CREDENTIALS. */
enum err password_verify_nobody(const char *password, size_t len) MUST_USE;
/* Is it among the first 10^8 or so that somebody who guesses would try: what others have chosen, names, dates, patterns, and
 * words of `about` (the person's own names) and of this product? Estimated by zxcvbn (Wheeler, USENIX Security 2016). At most
 * some milliseconds. */
bool password_is_guessable(const char *password, const char *about);

#endif
