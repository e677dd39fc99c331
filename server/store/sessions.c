/* store/sessions.c */
#include "store/sessions.h"

DB_QUERY(SESSIONS_FIND, .name = "sessions_find",
         .sql = "SELECT person, created_ms, expires_ms FROM session WHERE token_hash = $1 AND expires_ms > $2",
         .params = 2, .columns = 3);

DB_QUERY(SESSIONS_ADD, .name = "sessions_add",
         .sql = "INSERT INTO session (token_hash, person, created_ms, expires_ms) VALUES ($1, $2, $3, $4)", .params = 4,
         .columns = 0);

DB_QUERY(SESSIONS_REMOVE, .name = "sessions_remove", .sql = "DELETE FROM session WHERE token_hash = $1", .params = 1,
         .columns = 0);

DB_QUERY(SESSIONS_REMOVE_OF, .name = "sessions_remove_of",
         .sql = "DELETE FROM session WHERE person = $1 AND token_hash <> $2", .params = 2, .columns = 0);

DB_QUERY(SESSIONS_REMOVE_EXPIRED, .name = "sessions_remove_expired",
         .sql = "DELETE FROM session WHERE expires_ms <= $1", .params = 1, .columns = 0);

enum err
sessions_find(struct db *db, struct hash token_hash, int64_t now_ms, struct session *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SESSIONS_FIND, DB_ARGS(db_hash(&token_hash), db_i64(now_ms)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_UNAUTHENTICATED;
    *ret = (struct session){
        .token_hash = token_hash,
        .person = db_get_uuid(rows, 0, 0),
        .created_ms = db_get_i64(rows, 0, 1),
        .expires_ms = db_get_i64(rows, 0, 2),
    };
    return OK;
}

enum err
sessions_add(struct db *db, const struct session *s)
{
    return db_run(db, &SESSIONS_ADD,
                  DB_ARGS(db_hash(&s->token_hash), db_uuid(s->person), db_i64(s->created_ms), db_i64(s->expires_ms)),
                  NULL);
}

enum err
sessions_remove(struct db *db, struct hash token_hash)
{
    return db_run(db, &SESSIONS_REMOVE, DB_ARGS(db_hash(&token_hash)), NULL);
}

enum err
sessions_remove_of(struct db *db, struct uuid person, struct hash but)
{
    return db_run(db, &SESSIONS_REMOVE_OF, DB_ARGS(db_uuid(person), db_hash(&but)), NULL);
}

enum err
sessions_remove_expired(struct db *db, int64_t now_ms)
{
    return db_run(db, &SESSIONS_REMOVE_EXPIRED, DB_ARGS(db_i64(now_ms)), NULL);
}
