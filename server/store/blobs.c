/* store/blobs.c */
#include "store/blobs.h"

DB_QUERY(BLOBS_FIND, .name = "blobs_find", .sql = "SELECT bytes FROM blob WHERE sha256 = $1", .params = 1,
         .columns = 1);

/* Bounds in place of equality, with an order: so the index alone serves it. Where many jobs share a script the planner would
 * rather read the table until it meets one, which may be at its end. */
DB_QUERY(BLOBS_OF_SITE, .name = "blobs_of_site",
         .sql = "SELECT bytes FROM blob WHERE sha256 = $2"
                " AND (SELECT true FROM reservation WHERE (workload, site) >= ($2, $1) AND (workload, site) <= ($2, $1)"
                " ORDER BY workload, site LIMIT 1)",
         .params = 2, .columns = 1);

DB_QUERY(BLOBS_ADD, .name = "blobs_add",
         .sql = "INSERT INTO blob (sha256, bytes, created_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", .params = 3,
         .columns = 0);

DB_QUERY(BLOBS_RENEW, .name = "blobs_renew", .sql = "SELECT blob_renew($1, $2, $3)", .params = 3, .columns = 1);

/* $1 to $2: hashes from, and below (NULL: to the end). Which ones go, row security says. */
DB_QUERY(BLOBS_SWEEP, .name = "blobs_sweep",
         .sql = "DELETE FROM blob WHERE sha256 >= $1 AND ($2::bytea IS NULL OR sha256 < $2) AND created_ms < $3",
         .params = 3, .columns = 0);

enum { SWEEP_PARTS = 16, BRING_TRIES = 3, YOUNG_PART = 24 };

static enum err
found(const PGresult *rows, struct arena *a, struct bytes *ret)
{
    struct bytes bytes;

    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    bytes = db_get_bytes(rows, 0, 0);
    *ret = BYTES(arena_textn(a, (const char *)bytes.data, bytes.len), bytes.len);
    return OK;
}

enum err
blobs_find(struct db *db, struct hash sha256, struct arena *a, struct bytes *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &BLOBS_FIND, DB_ARGS(db_hash(&sha256)), &rows);

    return err ? err : found(rows, a, ret);
}

enum err
blobs_of_site(struct db *db, uint64_t site, struct hash workload, struct arena *a, struct bytes *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &BLOBS_OF_SITE, DB_ARGS(db_u64(site), db_hash(&workload)), &rows);

    return err ? err : found(rows, a, ret);
}

enum err
blobs_add(struct db *db, struct hash sha256, struct bytes bytes, int64_t now_ms)
{
    /* There already: made young again, unless it is just being swept away; then it is brought anew. */
    for (int i = 0; i < BRING_TRIES; i++) {
        _cleanup_result_ PGresult *added = NULL, *renewed = NULL;
        enum err err = db_run(db, &BLOBS_ADD, DB_ARGS(db_hash(&sha256), db_bytes(bytes), db_i64(now_ms)), &added);

        if (err || db_affected(added) == 1)
            return err;
        err = db_run(db, &BLOBS_RENEW, DB_ARGS(db_hash(&sha256), db_i64(now_ms), db_i64(BLOBS_KEEP_MS / YOUNG_PART)),
                     &renewed);
        if (err || db_get_bool(renewed, 0, 0))
            return err;
    }
    return db_complain(db, &BLOBS_RENEW, "the bytes come and go");
}

enum err
blobs_sweep(struct db *db, int64_t before_ms, int64_t *ret)
{
    int64_t swept = 0;

    for (int i = 0; i < SWEEP_PARTS; i++) {
        _cleanup_result_ PGresult *rows = NULL;
        uint8_t from = (uint8_t)(i * 256 / SWEEP_PARTS), below = (uint8_t)((i + 1) * 256 / SWEEP_PARTS);
        struct db_arg end = i + 1 < SWEEP_PARTS ? db_bytes(BYTES(&below, 1)) : db_null();
        enum err err = db_run(db, &BLOBS_SWEEP, DB_ARGS(db_bytes(BYTES(&from, 1)), end, db_i64(before_ms)), &rows);

        if (err)
            return err;
        swept += db_affected(rows);
    }
    *ret = swept;
    return OK;
}
