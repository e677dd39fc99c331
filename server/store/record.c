/* store/record.c */
#include "store/record.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"

/* An array's header: dimensions, has-null flag, element type, length, lower bound. Then each element: its length, the
 * number of fields, and of each field its type, its length (−1: NULL), its bytes. */
enum { HEADER = 20 };

static const struct { uint32_t oid, width; } TYPES[] = {
    [RECORD_BOOL] = { 16, 1 },  [RECORD_I16] = { 21, 2 },    [RECORD_I32] = { 23, 4 },  [RECORD_I64] = { 20, 8 },
    [RECORD_UUID] = { 2950, 0 }, [RECORD_BYTES] = { 17, 0 }, [RECORD_TEXT] = { 25, 0 },
    [RECORD_UUIDS] = { 2951, 0 },
};

DB_QUERY(RECORD_SHAPE,
    .name = "record_shape",
    .sql = "SELECT c.reltype::bigint, a.attname::text, a.atttypid::bigint, pg_catalog.format_type(a.atttypid, NULL) FROM pg_class c"
           " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
           " WHERE c.oid = $1::text::regclass ORDER BY a.attnum",
    .params = 1, .columns = 4);

enum err
record_shape(struct db *db, const char *table, const struct record_column *columns, size_t n, uint32_t *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &RECORD_SHAPE, DB_ARGS(db_text(table)), &rows);

    if (err)
        return err;
    for (size_t i = 0; i < n && i < (size_t)PQntuples(rows); i++) {
        const char *name = db_get_text(rows, (int)i, 1), *type = db_get_text(rows, (int)i, 3);

        if (strcmp(name, columns[i].name) != 0 || db_get_u64(rows, (int)i, 2) != TYPES[columns[i].type].oid)
            return db_complain(db, &RECORD_SHAPE, "the table %s has other columns than this program: in the place of %s is %s, of the type %s", table,
                               columns[i].name, name, type);
    }
    if ((size_t)PQntuples(rows) != n)
        return db_complain(db, &RECORD_SHAPE, "the table %s has %d columns, this program knows %zu", table, PQntuples(rows), n);
    *ret = (uint32_t)db_get_u64(rows, 0, 0);
    return OK;
}

static inline uint8_t *
write_u32(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
    return at + 4;
}

static inline uint8_t *
room(struct records *r, size_t len)
{
    uint8_t *at;

    if (r->cap - r->len < len) {
        while (r->cap - r->len < len)
            r->cap = r->cap > 0 ? r->cap * 2 : 4096;
        r->data = xrealloc(r->data, r->cap);
    }
    at = r->data + r->len;
    r->len += len;
    return at;
}

void
records_begin(struct records *r)
{
    r->len = 0;
    r->n = 0;
    room(r, HEADER);
}

void
records_free(struct records *r)
{
    free(r->data);
    *r = (struct records){ 0 };
}

void
records_row(struct records *r, size_t fields)
{
    r->row_at = r->len;
    write_u32(room(r, 8) + 4, (uint32_t)fields);
}

void
records_row_end(struct records *r)
{
    write_u32(r->data + r->row_at, (uint32_t)(r->len - r->row_at - 4));
    r->n++;
}

void
records_i64(struct records *r, enum record_type type, int64_t v)
{
    uint32_t width = TYPES[type].width;
    uint8_t *at = room(r, 8 + width);
    uint64_t bits = (uint64_t)v;

    assert(width > 0);
    at = write_u32(write_u32(at, TYPES[type].oid), width);
    for (uint32_t i = width; i-- > 0; bits >>= 8)
        at[i] = (uint8_t)bits;
}

void
records_bytes(struct records *r, enum record_type type, const void *data, size_t len)
{
    uint8_t *at = room(r, 8 + len);

    assert(TYPES[type].width == 0 && (type != RECORD_UUID || len == 16));
    at = write_u32(write_u32(at, TYPES[type].oid), (uint32_t)len);
    if (len > 0)
        memcpy(at, data, len);
}

void
records_null(struct records *r, enum record_type type)
{
    write_u32(write_u32(room(r, 8), TYPES[type].oid), UINT32_MAX);
}

void
records_raw(struct records *r, uint32_t type_oid, bool null, struct bytes value)
{
    uint8_t *at = write_u32(room(r, RECORD_FIELD + (null ? 0 : value.len)), type_oid);

    at = write_u32(at, null ? UINT32_MAX : (uint32_t)value.len);
    if (!null && value.len > 0)
        memcpy(at, value.data, value.len);
}

struct bytes
records_last(const struct records *r)
{
    return BYTES(r->data + r->row_at + 4, r->len - r->row_at - 4);
}

struct bytes
records_fields(const struct records *r)
{
    return BYTES(r->data + r->row_at + 8, r->len - r->row_at - 8);
}

struct db_arg
records_arg(struct records *r, uint32_t row_type)
{
    uint8_t *at = write_u32(r->data, 1);

    at = write_u32(at, 0);
    at = write_u32(at, row_type);
    at = write_u32(at, r->n);
    write_u32(at, 1);
    return db_bytes(BYTES(r->data, r->len));
}
