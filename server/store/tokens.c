/* store/tokens.c */
#include "store/tokens.h"

#define TOKEN "SELECT id, person, name, scope, organisation, created_ms, expires_ms, used_ms, used_from FROM api_token WHERE "

DB_QUERY(TOKENS_ADD, .name = "tokens_add",
         .sql = "INSERT INTO api_token (id, person, name, token_hash, scope, organisation, created_ms, expires_ms)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
         .params = 8, .columns = 0);

DB_QUERY(TOKENS_FIND, .name = "tokens_find", .sql = TOKEN "token_hash = $1 AND expires_ms > $2 AND ended_ms IS NULL", .params = 2,
         .columns = 9);

DB_QUERY(TOKENS_USE, .name = "tokens_use", .sql = "UPDATE api_token SET used_ms = $2, used_from = $3 WHERE id = $1 AND used_ms < $2",
         .params = 3, .columns = 0);

DB_QUERY(TOKENS_OF, .name = "tokens_of",
         .sql = TOKEN "person = $1 AND expires_ms > $2 AND ended_ms IS NULL ORDER BY id DESC LIMIT $3", .params = 3, .columns = 9);

DB_QUERY(TOKENS_END, .name = "tokens_end",
         .sql = "UPDATE api_token SET ended_ms = $3 WHERE id = $1 AND person = $2 AND ended_ms IS NULL AND expires_ms > $3", .params = 3,
         .columns = 0);

DB_QUERY(TOKENS_END_OF, .name = "tokens_end_of",
         .sql = "UPDATE api_token SET ended_ms = $2 WHERE person = $1 AND ended_ms IS NULL AND expires_ms > $2", .params = 2, .columns = 0);

DB_QUERY(TOKENS_REMOVE_OLD, .name = "tokens_remove_old", .sql = "DELETE FROM api_token WHERE expires_ms <= $1", .params = 1, .columns = 0);

static struct token
read_token(const PGresult *rows, int row, struct arena *a)
{
    return (struct token){
        .id = db_get_uuid(rows, row, 0),
        .person = db_get_uuid(rows, row, 1),
        .name = arena_text(a, db_get_text(rows, row, 2)),
        .scope = (enum token_scope)db_get_i64(rows, row, 3),
        .organisation = db_get_uuid(rows, row, 4),
        .created_ms = db_get_i64(rows, row, 5),
        .expires_ms = db_get_i64(rows, row, 6),
        .used_ms = db_get_i64(rows, row, 7),
        .used_from = arena_text(a, db_get_text(rows, row, 8)),
    };
}

enum err
tokens_add(struct db *db, const struct token *t, struct hash token_hash)
{
    return db_run(db, &TOKENS_ADD,
                  DB_ARGS(db_uuid(t->id), db_uuid(t->person), db_text(t->name), db_hash(&token_hash), db_i16((int16_t)t->scope),
                          db_uuid(t->organisation), db_i64(t->created_ms), db_i64(t->expires_ms)),
                  NULL);
}

enum err
tokens_find(struct db *db, struct hash token_hash, int64_t now_ms, struct arena *a, struct token *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TOKENS_FIND, DB_ARGS(db_hash(&token_hash), db_i64(now_ms)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_UNAUTHENTICATED;
    *ret = read_token(rows, 0, a);
    return OK;
}

enum err
tokens_use(struct db *db, struct uuid id, int64_t now_ms, const char *from)
{
    return db_run(db, &TOKENS_USE, DB_ARGS(db_uuid(id), db_i64(now_ms - now_ms % TOKEN_USED_MS), db_text(from)), NULL);
}

enum err
tokens_of(struct db *db, struct uuid person, int64_t now_ms, int max, struct arena *a, struct token **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TOKENS_OF, DB_ARGS(db_uuid(person), db_i64(now_ms), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_token(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
tokens_end(struct db *db, struct uuid id, struct uuid person, int64_t now_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TOKENS_END, DB_ARGS(db_uuid(id), db_uuid(person), db_i64(now_ms)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}

enum err
tokens_end_of(struct db *db, struct uuid person, int64_t now_ms)
{
    return db_run(db, &TOKENS_END_OF, DB_ARGS(db_uuid(person), db_i64(now_ms)), NULL);
}

enum err
tokens_remove_old(struct db *db, int64_t before_ms)
{
    return db_run(db, &TOKENS_REMOVE_OLD, DB_ARGS(db_i64(before_ms)), NULL);
}
