/* store/poisoned.c */
#include "store/poisoned.h"

DB_QUERY(POISONED_LIST,
    .name = "poisoned_list",
    .sql = "SELECT scope, created_ms FROM answer WHERE err = 'poisoned' ORDER BY created_ms, scope",
    .params = 0, .columns = 2);

DB_QUERY(POISONED_RELEASE,
    .name = "poisoned_release",
    .sql = "DELETE FROM answer WHERE scope = $1 AND err = 'poisoned'",
    .params = 1, .columns = 0);

enum err
poisoned_list(struct db *db, void (*take)(void *ctx, const struct hash *scope, int64_t created_ms), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &POISONED_LIST, DB_NO_ARGS, &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct hash scope;

        if (!db_get_hash(rows, i, 0, &scope))
            return db_complain(db, &POISONED_LIST, "a scope has not 32 bytes");
        take(ctx, &scope, db_get_i64(rows, i, 1));
    }
    return err;
}

enum err
poisoned_release(struct db *db, const struct hash *scope)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &POISONED_RELEASE, DB_ARGS(db_hash(scope)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}
