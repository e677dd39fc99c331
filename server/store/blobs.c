/* store/blobs.c */
#include "store/blobs.h"

DB_QUERY(BLOBS_FIND, .name = "blobs_find", .sql = "SELECT bytes FROM blob WHERE sha256 = $1", .params = 1,
         .columns = 1);

DB_QUERY(BLOBS_ADD, .name = "blobs_add",
         .sql = "INSERT INTO blob (sha256, bytes, created_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", .params = 3,
         .columns = 0);

enum err
blobs_find(struct db *db, struct hash sha256, struct arena *a, struct bytes *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &BLOBS_FIND, DB_ARGS(db_hash(&sha256)), &rows);
    struct bytes found;

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    found = db_get_bytes(rows, 0, 0);
    *ret = BYTES(arena_textn(a, (const char *)found.data, found.len), found.len);
    return OK;
}

enum err
blobs_add(struct db *db, struct hash sha256, struct bytes bytes, int64_t now_ms)
{
    return db_run(db, &BLOBS_ADD, DB_ARGS(db_hash(&sha256), db_bytes(bytes), db_i64(now_ms)), NULL);
}
