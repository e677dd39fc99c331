/* store/second.c */
#include "store/second.h"

DB_QUERY(SECOND_OF, .name = "second_of",
         .sql = "SELECT EXISTS (SELECT FROM second_step WHERE person = $1), (SELECT count(*) FROM recovery_code WHERE person = $1)",
         .params = 1, .columns = 2);

DB_QUERY(SECOND_DEMAND, .name = "second_demand",
         .sql = "INSERT INTO second_step (person, since_ms) VALUES ($1, $2) ON CONFLICT (person) DO NOTHING", .params = 2, .columns = 0);

DB_QUERY(SECOND_WAIVE, .name = "second_waive", .sql = "DELETE FROM second_step WHERE person = $1", .params = 1, .columns = 0);

DB_QUERY(SECOND_CODES_REMOVE, .name = "second_codes_remove", .sql = "DELETE FROM recovery_code WHERE person = $1", .params = 1,
         .columns = 0);

DB_QUERY(SECOND_CODES_ADD, .name = "second_codes_add", .sql = "INSERT INTO recovery_code (person, code_hash) VALUES ($1, $2)", .params = 2,
         .columns = 0);

DB_QUERY(SECOND_TAKE, .name = "second_take", .sql = "DELETE FROM recovery_code WHERE person = $1 AND code_hash = $2", .params = 2,
         .columns = 0);

enum err
second_of(struct db *db, struct uuid person, struct second *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SECOND_OF, DB_ARGS(db_uuid(person)), &rows);

    if (err)
        return err;
    *ret = (struct second){ .demanded = db_get_bool(rows, 0, 0), .codes = db_get_i64(rows, 0, 1) };
    return OK;
}

enum err
second_demand(struct db *db, struct uuid person, int64_t now_ms)
{
    return db_run(db, &SECOND_DEMAND, DB_ARGS(db_uuid(person), db_i64(now_ms)), NULL);
}

enum err
second_waive(struct db *db, struct uuid person)
{
    return db_run(db, &SECOND_WAIVE, DB_ARGS(db_uuid(person)), NULL);
}

enum err
second_codes(struct db *db, struct uuid person, const struct hash *codes, size_t n)
{
    enum err err = db_run(db, &SECOND_CODES_REMOVE, DB_ARGS(db_uuid(person)), NULL);

    for (size_t i = 0; !err && i < n; i++)
        err = db_run(db, &SECOND_CODES_ADD, DB_ARGS(db_uuid(person), db_hash(&codes[i])), NULL);
    return err;
}

enum err
second_take(struct db *db, struct uuid person, struct hash code)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SECOND_TAKE, DB_ARGS(db_uuid(person), db_hash(&code)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_CREDENTIALS;
}
