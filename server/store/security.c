/* store/security.c */
#include "store/security.h"

DB_QUERY(SECURITY_ADD, .name = "security_add",
         .sql = "INSERT INTO security_event (id, person, at_ms, what, name, detail, client, by_name) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
         .params = 8, .columns = 0);

DB_QUERY(SECURITY_OF, .name = "security_of",
         .sql = "SELECT id, person, at_ms, what, name, detail, client, by_name FROM security_event WHERE person = $1 AND id < $2"
                " ORDER BY id DESC LIMIT $3",
         .params = 3, .columns = 8);

DB_QUERY(SECURITY_REMOVE_OLD, .name = "security_remove_old", .sql = "DELETE FROM security_event WHERE at_ms <= $1", .params = 1,
         .columns = 0);

enum err
security_add(struct db *db, const struct security_event *e)
{
    return db_run(db, &SECURITY_ADD,
                  DB_ARGS(db_uuid(e->id), db_uuid(e->person), db_i64(e->at_ms), db_i16((int16_t)e->what), db_text(e->name),
                          db_text(e->detail), db_text(e->client), db_text(e->by_name)),
                  NULL);
}

enum err
security_of(struct db *db, struct uuid person, struct uuid before, int max, struct arena *a, struct security_event **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SECURITY_OF, DB_ARGS(db_uuid(person), db_uuid(before), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct security_event){
            .id = db_get_uuid(rows, i, 0),
            .person = db_get_uuid(rows, i, 1),
            .at_ms = db_get_i64(rows, i, 2),
            .what = (enum security_what)db_get_i64(rows, i, 3),
            .name = arena_text(a, db_get_text(rows, i, 4)),
            .detail = arena_text(a, db_get_text(rows, i, 5)),
            .client = arena_text(a, db_get_text(rows, i, 6)),
            .by_name = arena_text(a, db_get_text(rows, i, 7)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
security_remove_old(struct db *db, int64_t before_ms)
{
    return db_run(db, &SECURITY_REMOVE_OLD, DB_ARGS(db_i64(before_ms)), NULL);
}
