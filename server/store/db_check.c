/* store/db_check.c: is what came from the server what it should be, and the words where it is not. */
#include <inttypes.h>
#include <stdarg.h>

#include "base/text.h"
#include "store/db_internal.h"

static void PRINTF(3, 0)
complain(struct db *db, const struct db_query *q, const char *fmt, va_list args)
{
    text_vformat(db->message, sizeof db->message, fmt, args);
    db->failed = q;
    db->sqlstate[0] = '\0';
}

enum err
db_complain(struct db *db, const struct db_query *q, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    complain(db, q, fmt, args);
    va_end(args);
    return ERR_INTERNAL;
}

enum err
db_corrupt(struct db *db, const struct db_query *q, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    complain(db, q, fmt, args);
    va_end(args);
    return ERR_CORRUPT;
}

/* What db_value.c makes C values of: PostgreSQL's boolean, bytea, bigint, smallint, integer, text, uuid and its array. */
bool
db_type_is_read(Oid type)
{
    static const Oid READ[] = { 16, 17, 20, 21, 23, 25, 2950, 2951, 2278 /* void: nobody reads it */ };

    for (size_t i = 0; i < sizeof READ / sizeof READ[0]; i++)
        if (READ[i] == type)
            return true;
    return false;
}

/* The row's key in words. */
static void
key_text(const PGresult *rows, int row, int col, char *ret, size_t size)
{
    struct bytes key = db_get_bytes(rows, row, col);
    char uuid[UUID_TEXT];

    if (key.len == sizeof(struct uuid)) {
        uuid_text(db_get_uuid(rows, row, col), uuid);
        text_format(ret, size, "%s", uuid);
    } else if (key.len == 2 || key.len == 4 || key.len == 8) {
        text_format(ret, size, "%" PRId64, db_get_i64(rows, row, col));
    } else {
        text_format(ret, size, "with a %s of %zu bytes", PQfname(rows, col), key.len);
    }
}

enum err
db_check_whole(struct db *db, const struct db_query *q, const PGresult *rows)
{
    char key[64];

    for (int row = 0; row < PQntuples(rows); row++)
        for (int col = 0; col < q->columns; col++) {
            if (!PQgetisnull(rows, row, col))
                continue;
            if (PQgetisnull(rows, row, q->key))
                return db_corrupt(db, q, "a row of the table %s has no %s: it was changed behind the server's back", q->whole, PQfname(rows, q->key));
            key_text(rows, row, q->key, key, sizeof key);
            return db_corrupt(db, q, "row %s of the table %s has no %s: it was changed behind the server's back", key, q->whole, PQfname(rows, col));
        }
    return OK;
}
