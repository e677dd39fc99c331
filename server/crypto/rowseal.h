/* crypto/rowseal.h
 * Seals of rows: keyed BLAKE2b (RFC 7693) under a secret that the database does not hold. A seal is of
 * `kontor-row/v1\0`, the table's name, a NUL, and the row's bytes; 16 bytes long. It tells whoever holds the key that a row
 * is as it was sealed; it proves nothing to anybody else, who might have made it just so.
 * The key's file is one line, "kontor-key/v1 rowseal SECRET\n"; its rules: crypto/sign.h. */
#ifndef CRYPTO_ROWSEAL_H
#define CRYPTO_ROWSEAL_H

#include "base/bytes.h"

#define ROWSEAL_LEN 16

struct rowseal_key { uint8_t secret[32]; };
struct rowseal_key rowseal_key_new(void);
/* ERR_EXISTS, ERR_IO. */
enum err rowseal_key_save(const struct rowseal_key *key, const char *path, struct err_detail *d) MUST_USE;
/* ERR_NOT_FOUND, ERR_FORBIDDEN, ERR_CORRUPT, ERR_IO. */
enum err rowseal_key_load(const char *path, struct rowseal_key *ret, struct err_detail *d) MUST_USE;

/* What every seal of one table begins with, hashed once. A secret like the key. */
struct rowseal { uint8_t begun[384]; };
struct rowseal rowseal_begin(const struct rowseal_key *key, const char *table);
/* The seal of the row `first` ‖ `rest`. */
void rowseal_make(const struct rowseal *of, struct bytes first, struct bytes rest, uint8_t ret[ROWSEAL_LEN]);

#endif
