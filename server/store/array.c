/* store/array.c */
#include "store/array.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

/* Header: dimensions, has-null flag, element type, length, lower bound; then (length, bytes) of each element. */
enum { HEADER = 20 };

static const struct {
    const char *sql;
    uint32_t oid;
    uint32_t width; /* 0: varies */
} TYPES[] = {
    [ARRAY_BOOL] = { "boolean[]", 16, 1 },
    [ARRAY_I16] = { "smallint[]", 21, 2 },
    [ARRAY_I32] = { "integer[]", 23, 4 },
    [ARRAY_I64] = { "bigint[]", 20, 8 },
    [ARRAY_UUID] = { "uuid[]", 2950, 16 },
    [ARRAY_BYTES] = { "bytea[]", 17, 0 },
    [ARRAY_TEXT] = { "text[]", 25, 0 },
};

const char *
array_sql(enum array_type type)
{
    return TYPES[type].sql;
}

static inline void
write_u32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

/* Room for one more element of len bytes, its length written. */
static uint8_t *
room(struct array *a, size_t len)
{
    uint8_t *at;

    if (a->cap - a->len < len + 4) {
        while (a->cap - a->len < len + 4)
            a->cap = a->cap > 0 ? a->cap * 2 : 4096;
        a->data = xrealloc(a->data, a->cap);
    }
    at = a->data + a->len;
    write_u32(at, (uint32_t)len);
    a->len += len + 4;
    a->n++;
    return at + 4;
}

void
array_begin(struct array *a, enum array_type type)
{
    a->type = type;
    a->n = 0;
    a->has_null = false;
    if (a->cap == 0) {
        a->cap = 4096;
        a->data = xmalloc(a->cap);
    }
    a->len = HEADER;
}

void
array_free(struct array *a)
{
    free(a->data);
    *a = (struct array){ 0 };
}

void
array_i64(struct array *a, int64_t v)
{
    uint32_t width = TYPES[a->type].width;
    uint8_t *at = room(a, width);
    uint64_t bits = (uint64_t)v;

    assert(width <= 8 && width > 0);
    for (uint32_t i = width; i-- > 0; bits >>= 8)
        at[i] = (uint8_t)bits;
}

void
array_bytes(struct array *a, const void *data, size_t len)
{
    assert(TYPES[a->type].width == 0 || (a->type == ARRAY_UUID && len == 16));
    if (len > 0)
        memcpy(room(a, len), data, len);
    else
        room(a, 0);
}

void
array_null(struct array *a)
{
    uint8_t *at = room(a, 0);

    write_u32(at - 4, UINT32_MAX); /* length −1 */
    a->has_null = true;
}

struct db_arg
array_arg(struct array *a)
{
    write_u32(a->data, 1);
    write_u32(a->data + 4, a->has_null ? 1 : 0);
    write_u32(a->data + 8, TYPES[a->type].oid);
    write_u32(a->data + 12, a->n);
    write_u32(a->data + 16, 1);
    return db_bytes(BYTES(a->data, a->len));
}
