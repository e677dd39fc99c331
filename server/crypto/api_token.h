/* crypto/api_token.h
 * A program's token as text: "kontor_", 32 random bytes in base64url, and six characters that check them, so that who finds
 * one in a file knows it for what it is, without asking anybody:
 *   kontor_ ‖ base64url(random, 43) ‖ the first 6 of base64url(SHA-256(all before)) */
#ifndef CRYPTO_API_TOKEN_H
#define CRYPTO_API_TOKEN_H

#include "base/hash.h"

#define API_TOKEN_PREFIX "kontor_"
enum { API_TOKEN_LEN = 7 + 43 + 6, API_TOKEN_TEXT = API_TOKEN_LEN + 1 };

void api_token_make(char ret_text[API_TOKEN_TEXT], struct hash *ret_hash);
/* True, and the hash that the database knows it by, if it is written as one that was made. */
bool api_token_read(const char *text, struct hash *ret_hash);

#endif
