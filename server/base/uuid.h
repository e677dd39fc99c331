/* base/uuid.h: UUIDs; those made here are version 7 (RFC 9562 5.7). Randomness is an argument. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdint.h>

#include "base/err.h"

struct uuid {
    uint8_t b[16];
};
#define UUID_TEXT 37

struct uuid uuid_v7(int64_t now_ms, const uint8_t random[10]);
/* Ids of up to 32 things that come in a row: the nth (from 0) of the row that any of them belongs to. They differ in the
 * last five bits; the first has zeros there. */
#define UUID_ROW 32
struct uuid uuid_row(struct uuid any, unsigned n);
bool uuid_parse(const char *text, struct uuid *ret); /* canonical 8-4-4-4-12, any case */
void uuid_text(struct uuid id, char ret[UUID_TEXT]);
bool uuid_is_zero(struct uuid id);
bool uuid_equal(struct uuid a, struct uuid b);
int uuid_compare(struct uuid a, struct uuid b);

#endif
