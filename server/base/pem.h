/* base/pem.h
 * Public keys of others as PEM (RFC 7468, SubjectPublicKeyInfo), by OpenSSL, from the numbers that a JWK has (RFC 7518).
 * Numbers are big-endian, without sign. ERR_SIGNATURE if they make no key that is to be trusted. */
#ifndef BASE_PEM_H
#define BASE_PEM_H

#include "base/bytes.h"

#define PEM_RSA_MIN 2048 /* bits */
#define PEM_RSA_MAX 8192
#define PEM_MAX     2048 /* characters, with the NUL; 8192 bits take 1,5 kB */

/* Modulus of PEM_RSA_MIN to PEM_RSA_MAX bits, odd; exponent odd, 3 to 2^32 − 1. */
enum err pem_rsa(struct bytes n, struct bytes e, char ret[PEM_MAX]) MUST_USE;
/* A point of P-256, 32 bytes each. */
enum err pem_p256(struct bytes x, struct bytes y, char ret[PEM_MAX]) MUST_USE;

#endif
