/* store/db_value.c: C values to binary parameters, binary results to C values. */
#include <assert.h>

#include "store/db.h"

static struct db_arg
inside(uint64_t v, int len)
{
    struct db_arg a = { .len = len, .inside = true };

    for (int i = 0; i < len; i++)
        a.small[i] = (uint8_t)(v >> (8 * (len - 1 - i)));
    return a;
}

struct db_arg
db_i64(int64_t v)
{
    return inside((uint64_t)v, 8);
}

struct db_arg
db_u64(uint64_t v)
{
    return inside(v, 8);
}

struct db_arg
db_i32(int32_t v)
{
    return inside((uint32_t)v, 4);
}

struct db_arg
db_i16(int16_t v)
{
    return inside((uint16_t)v, 2);
}

struct db_arg
db_bool(bool v)
{
    return inside(v, 1);
}

struct db_arg
db_textn(const char *text, size_t len)
{
    assert(len <= INT32_MAX);
    return (struct db_arg){ .data = text, .len = (int)len };
}

struct db_arg
db_text(const char *text)
{
    return text == NULL ? db_null() : db_textn(text, strlen(text));
}

struct db_arg
db_bytes(struct bytes b)
{
    assert(b.len <= INT32_MAX);
    return (struct db_arg){ .data = b.data != NULL ? b.data : (const uint8_t *)"", .len = (int)b.len };
}

struct db_arg
db_uuid(struct uuid id)
{
    struct db_arg a = { .len = sizeof id.b, .inside = true };

    memcpy(a.small, id.b, sizeof id.b);
    return a;
}

struct db_arg
db_uuid_or_null(struct uuid id)
{
    return uuid_is_zero(id) ? db_null() : db_uuid(id);
}

struct db_arg
db_hash(const struct hash *h)
{
    return (struct db_arg){ .data = h->b, .len = sizeof h->b };
}

struct db_arg
db_null(void)
{
    return (struct db_arg){ .null = true };
}

bool
db_is_null(const PGresult *rows, int row, int col)
{
    return PQgetisnull(rows, row, col) == 1;
}

int64_t
db_get_i64(const PGresult *rows, int row, int col)
{
    const uint8_t *at = (const uint8_t *)PQgetvalue(rows, row, col);
    int len = PQgetlength(rows, row, col);
    uint64_t v = 0;

    if (PQgetisnull(rows, row, col))
        return 0;
    assert(len == 2 || len == 4 || len == 8);
    for (int i = 0; i < len; i++)
        v = v << 8 | at[i];
    switch (len) {
    case 2:
        return (int16_t)(uint16_t)v;
    case 4:
        return (int32_t)(uint32_t)v;
    default:
        return (int64_t)v;
    }
}

uint64_t
db_get_u64(const PGresult *rows, int row, int col)
{
    return (uint64_t)db_get_i64(rows, row, col);
}

bool
db_get_bool(const PGresult *rows, int row, int col)
{
    return PQgetlength(rows, row, col) == 1 && PQgetvalue(rows, row, col)[0] != 0;
}

const char *
db_get_text(const PGresult *rows, int row, int col)
{
    return PQgetvalue(rows, row, col);
}

struct bytes
db_get_bytes(const PGresult *rows, int row, int col)
{
    return BYTES(PQgetvalue(rows, row, col), (size_t)PQgetlength(rows, row, col));
}

struct uuid
db_get_uuid(const PGresult *rows, int row, int col)
{
    struct uuid id = { { 0 } };

    if (PQgetlength(rows, row, col) == sizeof id.b)
        memcpy(id.b, PQgetvalue(rows, row, col), sizeof id.b);
    return id;
}

bool
db_get_hash(const PGresult *rows, int row, int col, struct hash *ret)
{
    if (PQgetlength(rows, row, col) != sizeof ret->b)
        return false;
    memcpy(ret->b, PQgetvalue(rows, row, col), sizeof ret->b);
    return true;
}
