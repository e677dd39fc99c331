/* crypto/recovery.h
 * Recovery codes: each opens, once, in place of a passkey, what the password has half opened. 80 bits at random, so a plain hash
 * keeps them; it has whose they are in it. Written as four groups of four in Crockford's base 32; read without regard to case,
 * blanks and dashes, an O as 0, an I or L as 1. */
#ifndef CRYPTO_RECOVERY_H
#define CRYPTO_RECOVERY_H

#include "base/hash.h"
#include "base/uuid.h"

enum { RECOVERY_TEXT = 20, RECOVERY_TYPED_MAX = 40 };

void recovery_make(char ret[RECOVERY_TEXT]);
/* What is kept of it. False: it cannot be one. */
bool recovery_hash(const char *typed, struct uuid person, struct hash *ret);

#endif
