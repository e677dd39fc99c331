/* store/checkpoints.c */
#include "store/checkpoints.h"

#include "store/record.h"
#include "store/seals.h"

enum { COLUMNS = 5 };

DB_QUERY(CHECKPOINTS_ADD, .name = "checkpoints_add",
         .sql = "INSERT INTO checkpoint (size, root, note, signed_ms, seal) VALUES ($1, $2, $3, $4, $5)", .params = 5, .columns = 0);

DB_QUERY(CHECKPOINTS_NEWEST, .name = "checkpoints_newest",
         .sql = "SELECT size, root, note, signed_ms FROM checkpoint WHERE size <= $1 ORDER BY size DESC LIMIT 1", .params = 1,
         .columns = 4, .whole = "checkpoint", .key = 0);

/* $1: how many steps of equal size. */
DB_QUERY(CHECKPOINTS_GROWTH, .name = "checkpoints_growth",
         .sql = "SELECT DISTINCT c.size, c.signed_ms FROM (SELECT max(size) AS newest FROM checkpoint) m,"
                " generate_series(1, $1::bigint) AS step, LATERAL (SELECT size, signed_ms FROM checkpoint"
                " WHERE size <= m.newest * step / $1 ORDER BY size DESC LIMIT 1) c ORDER BY 1",
         .params = 1, .columns = 2);

enum err
checkpoints_growth(struct db *db, size_t most, struct arena *a, struct grown **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CHECKPOINTS_GROWTH, DB_ARGS(db_i64((int64_t)most)), &rows);
    size_t n;

    if (err)
        return err;
    n = (size_t)PQntuples(rows);
    *ret = arena_alloc(a, n * sizeof **ret);
    for (size_t i = 0; i < n; i++)
        (*ret)[i] = (struct grown){ db_get_u64(rows, (int)i, 0), db_get_i64(rows, (int)i, 1) };
    *ret_n = n;
    return OK;
}

enum err
checkpoints_add(struct db *db, const struct checkpoint_row *row)
{
    struct records r = { 0 };
    uint8_t seal[ROWSEAL_LEN];

    records_begin(&r);
    records_row(&r, COLUMNS);
    records_i64(&r, RECORD_I64, (int64_t)row->size);
    records_bytes(&r, RECORD_BYTES, row->root.b, sizeof row->root.b);
    records_bytes(&r, RECORD_TEXT, row->note, strlen(row->note));
    records_i64(&r, RECORD_I64, row->signed_ms);
    seals_make(db_seals(db), SEALED_CHECKPOINT, records_fields(&r), BYTES(NULL, 0), seal);
    records_free(&r);
    return db_run(db, &CHECKPOINTS_ADD, DB_ARGS(db_u64(row->size), db_hash(&row->root), db_text(row->note), db_i64(row->signed_ms),
                                                db_bytes(BYTES(seal, sizeof seal))), NULL);
}

DB_QUERY(CHECKPOINTS_FIND, .name = "checkpoints_find", .sql = "SELECT size, root, note, signed_ms FROM checkpoint WHERE size = $1",
         .params = 1, .columns = 4, .whole = "checkpoint", .key = 0);

enum err
checkpoint_read(const PGresult *rows, struct arena *a, struct checkpoint_row *ret)
{
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    ret->size = db_get_u64(rows, 0, 0);
    if (!db_get_hash(rows, 0, 1, &ret->root))
        return ERR_CORRUPT;
    ret->note = arena_text(a, db_get_text(rows, 0, 2));
    ret->signed_ms = db_get_i64(rows, 0, 3);
    return OK;
}

enum err
checkpoints_find(struct db *db, uint64_t size, struct arena *a, struct checkpoint_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CHECKPOINTS_FIND, DB_ARGS(db_u64(size)), &rows);

    return err ? err : checkpoint_read(rows, a, ret);
}

enum err
checkpoints_newest(struct db *db, uint64_t most, struct arena *a, struct checkpoint_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CHECKPOINTS_NEWEST, DB_ARGS(db_u64(most)), &rows);

    return err ? err : checkpoint_read(rows, a, ret);
}

DB_QUERY(CHECKPOINTS_SIGNED_AFTER, .name = "checkpoints_signed_after",
         .sql = "SELECT signed_ms FROM checkpoint WHERE size > $1 ORDER BY size LIMIT 1", .params = 1, .columns = 1, .whole = "checkpoint", .key = 0);

enum err
checkpoints_signed_after(struct db *db, uint64_t size, int64_t *ret_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CHECKPOINTS_SIGNED_AFTER, DB_ARGS(db_u64(size)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret_ms = db_get_i64(rows, 0, 0);
    return OK;
}
