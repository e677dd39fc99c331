/* crypto/keyfile.h: a file that holds one 32-byte secret; format and rules: crypto/sign.h. */
#ifndef CRYPTO_KEYFILE_H
#define CRYPTO_KEYFILE_H

#include "base/bytes.h"

enum err keyfile_save(const char *path, const char *kind, const uint8_t secret[32], struct err_detail *d) MUST_USE;
enum err keyfile_load(const char *path, const char *kind, uint8_t ret[32], struct err_detail *d) MUST_USE;

#endif
