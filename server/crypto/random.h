/* crypto/random.h
 * Random bytes from the system, and the start of libsodium. Safe from any thread. */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Make libsodium ready; every function of crypto/ that needs it calls this itself. Aborts if it cannot. */
void crypto_ready(void);
void random_bytes(void *ret, size_t len);
/* Evenly distributed in 0 … below − 1. below ≥ 1. */
uint32_t random_below(uint32_t below);
/* Overwrite memory that held a secret; not optimised away. */
void random_wipe(void *secret, size_t len);
/* Compare secrets of equal length in constant time. */
int random_equal(const void *a, const void *b, size_t len);

#endif
