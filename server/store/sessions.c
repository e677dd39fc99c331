/* store/sessions.c */
#include "store/sessions.h"

DB_QUERY(SESSIONS_FIND, .name = "sessions_find",
         .sql = "SELECT person, created_ms, expires_ms, used_ms FROM session WHERE token_hash = $1 AND expires_ms > $2",
         .params = 2, .columns = 4);

DB_QUERY(SESSIONS_ADD, .name = "sessions_add",
         .sql = "INSERT INTO session (token_hash, person, created_ms, expires_ms, id, program, used_ms) VALUES ($1, $2, $3, $4, $5, $6, $3)",
         .params = 6, .columns = 0);

DB_QUERY(SESSIONS_USE, .name = "sessions_use",
         .sql = "UPDATE session SET used_ms = $2 WHERE token_hash = $1 AND used_ms < $3", .params = 3, .columns = 0);

DB_QUERY(SESSIONS_OF, .name = "sessions_of",
         .sql = "SELECT token_hash, id, person, created_ms, expires_ms, used_ms, program FROM session WHERE person = $1 AND expires_ms > $2"
                " ORDER BY used_ms DESC, id LIMIT $3",
         .params = 3, .columns = 7);

DB_QUERY(SESSIONS_END, .name = "sessions_end", .sql = "DELETE FROM session WHERE id = $1 AND person = $2", .params = 2, .columns = 0);

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
        .used_ms = db_get_i64(rows, 0, 3),
    };
    return OK;
}

enum err
sessions_add(struct db *db, const struct session *s)
{
    return db_run(db, &SESSIONS_ADD,
                  DB_ARGS(db_hash(&s->token_hash), db_uuid(s->person), db_i64(s->created_ms), db_i64(s->expires_ms), db_uuid(s->id),
                          db_text(s->program)),
                  NULL);
}

enum err
sessions_use(struct db *db, struct hash token_hash, int64_t now_ms)
{
    return db_run(db, &SESSIONS_USE, DB_ARGS(db_hash(&token_hash), db_i64(now_ms), db_i64(now_ms - SESSION_USED_MS)), NULL);
}

enum err
sessions_of(struct db *db, struct uuid person, int64_t now_ms, int max, struct arena *a, struct session **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SESSIONS_OF, DB_ARGS(db_uuid(person), db_i64(now_ms), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++) {
        (*ret)[i] = (struct session){
            .id = db_get_uuid(rows, i, 1),
            .person = db_get_uuid(rows, i, 2),
            .created_ms = db_get_i64(rows, i, 3),
            .expires_ms = db_get_i64(rows, i, 4),
            .used_ms = db_get_i64(rows, i, 5),
            .program = arena_text(a, db_get_text(rows, i, 6)),
        };
        if (!db_get_hash(rows, i, 0, &(*ret)[i].token_hash))
            return ERR_CORRUPT;
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
sessions_end(struct db *db, struct uuid id, struct uuid person)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SESSIONS_END, DB_ARGS(db_uuid(id), db_uuid(person)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
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
