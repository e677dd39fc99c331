/* store/tiles.c */
#include "store/tiles.h"

#include <inttypes.h>

DB_QUERY(TILES_EACH, .name = "tiles_each",
         .sql = "SELECT level, n, pg_catalog.sha256(hashes) FROM tile ORDER BY level, n", .params = 0, .columns = 3, .whole = "tile", .key = 1);

DB_QUERY(TILE_ROWS_PAGE, .name = "tile_rows_page",
         .sql = "SELECT level, n, hashes FROM tile WHERE (level, n) > ($1, $2) ORDER BY level, n LIMIT $3", .params = 3, .columns = 3, .whole = "tile", .key = 1);

DB_QUERY(TILES_ADD, .name = "tiles_add",
         .sql = "INSERT INTO tile (level, n, hashes) VALUES ($1, $2, $3)", .params = 3, .columns = 0);

DB_QUERY(TILES_FIND, .name = "tiles_find",
         .sql = "SELECT hashes FROM tile WHERE level = $1 AND n = $2", .params = 2, .columns = 1, .whole = "tile", .key = 0);

DB_QUERY(TILES_LEAVES, .name = "tiles_leaves",
         .sql = "SELECT leaf_hash FROM entry WHERE index >= $1 AND index < $2 ORDER BY index", .params = 2, .columns = 1, .whole = "entry", .key = 0);

enum err
tiles_each(struct db *db, enum err (*take)(void *ctx, int level, uint64_t n, const struct hash *sha256), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TILES_EACH, DB_NO_ARGS, &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct hash sha256;
        if (!db_get_hash(rows, i, 2, &sha256))
            return ERR_CORRUPT;
        err = take(ctx, (int)db_get_i64(rows, i, 0), db_get_u64(rows, i, 1), &sha256);
    }
    return err;
}

enum err
tile_rows_each(struct db *db, enum err (*take)(void *ctx, int level, uint64_t n, const struct hash hashes[TILE_WIDTH]), void *ctx)
{
    enum { PAGE = 100 };
    int level = INT32_MIN;
    int64_t n = INT64_MIN;

    for (;;) {
        _cleanup_result_ PGresult *rows = NULL;
        enum err err = db_run(db, &TILE_ROWS_PAGE, DB_ARGS(db_i32(level), db_i64(n), db_i64(PAGE)), &rows);

        for (int i = 0; !err && i < PQntuples(rows); i++) {
            struct bytes found = db_get_bytes(rows, i, 2);
            struct hash hashes[TILE_WIDTH];

            level = (int)db_get_i64(rows, i, 0);
            n = db_get_i64(rows, i, 1);
            if (found.len != sizeof hashes)
                return db_corrupt(db, &TILE_ROWS_PAGE, "tile %d/%" PRId64 " has %zu bytes", level, n, found.len);
            memcpy(hashes, found.data, sizeof hashes);
            err = take(ctx, level, (uint64_t)n, hashes);
        }
        if (err || PQntuples(rows) < PAGE)
            return err;
    }
}

enum err
tiles_add(struct db *db, int level, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    return db_run(db, &TILES_ADD, DB_ARGS(db_i32(level), db_u64(n), db_bytes(BYTES(hashes, TILE_WIDTH * sizeof *hashes))), NULL);
}

enum err
tiles_find(struct db *db, int level, uint64_t n, struct hash ret[TILE_WIDTH])
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TILES_FIND, DB_ARGS(db_i32(level), db_u64(n)), &rows);
    struct bytes found;

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    found = db_get_bytes(rows, 0, 0);
    if (found.len != TILE_WIDTH * sizeof *ret)
        return ERR_CORRUPT;
    memcpy(ret, found.data, found.len);
    return OK;
}

enum err
tiles_leaves(struct db *db, uint64_t first, unsigned count, struct hash ret[TILE_WIDTH])
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TILES_LEAVES, DB_ARGS(db_u64(first), db_u64(first + count)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) != (int)count)
        return ERR_NOT_FOUND;
    for (unsigned i = 0; i < count; i++)
        if (!db_get_hash(rows, (int)i, 0, &ret[i]))
            return ERR_CORRUPT;
    return OK;
}
