/* base/bytes.h
 * Byte strings, fixed-width big-endian numbers, hexadecimal and base64 (RFC 4648, strict: no white space, canonical). */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES(ptr, n) ((struct bytes){ .data = (const uint8_t *)(ptr), .len = (n) })
#define BYTES_TEXT(s) BYTES((s), strlen(s))

/* Sequential writer and reader of fixed layouts. The caller guarantees room; asserts otherwise. */
struct wire_out {
    uint8_t *at, *end;
};
struct wire_in {
    const uint8_t *at, *end;
    bool failed;
}; /* failed: read past the end; then all reads give 0 */

void put_u8(struct wire_out *w, uint8_t v);
void put_u16(struct wire_out *w, uint16_t v);
void put_u32(struct wire_out *w, uint32_t v);
void put_u64(struct wire_out *w, uint64_t v);
void put_i64(struct wire_out *w, int64_t v);
void put_bytes(struct wire_out *w, const void *data, size_t len);
void put_zero(struct wire_out *w, size_t len);
uint8_t get_u8(struct wire_in *r);
uint16_t get_u16(struct wire_in *r);
uint32_t get_u32(struct wire_in *r);
uint64_t get_u64(struct wire_in *r);
int64_t get_i64(struct wire_in *r);
void get_bytes(struct wire_in *r, void *ret, size_t len);
void get_zero(struct wire_in *r, size_t len); /* marks failed unless all are zero */

#define HEX_LEN(n)    ((n)*2 + 1)
#define BASE64_LEN(n) (((n) + 2) / 3 * 4 + 1)
void hex_encode(struct bytes in, char *ret);                 /* ret: HEX_LEN(in.len), lower case */
bool hex_decode(const char *text, uint8_t *ret, size_t len); /* exactly len bytes, lower or upper case */
void base64_encode(struct bytes in, char *ret);              /* standard alphabet, padded */
void base64url_encode(struct bytes in, char *ret);           /* URL alphabet, not padded */
/* Decode text[0..text_len) into ret (room cap). False if not canonical or too long. */
bool base64_decode(const char *text, size_t text_len, uint8_t *ret, size_t cap, size_t *ret_len);
bool base64url_decode(const char *text, size_t text_len, uint8_t *ret, size_t cap, size_t *ret_len);

#endif
