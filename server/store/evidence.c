/* store/evidence.c */
#include "store/evidence.h"

DB_QUERY(EVIDENCE_ADD, .name = "evidence_add",
         .sql = "INSERT INTO evidence (order_id, salt, text, people, created_ms)"
                " VALUES ($1, $2, $3, array_remove(ARRAY[$4::uuid, $5::uuid], NULL), $6) ON CONFLICT DO NOTHING",
         .params = 6, .columns = 0);

DB_QUERY(ACCOUNT_NAMES_ADD, .name = "account_names_add",
         .sql = "INSERT INTO account_name (account, name, reference) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
         .params = 3, .columns = 0);

DB_QUERY(ACCOUNT_NAMES_ALL, .name = "account_names_all",
         .sql = "SELECT account, name, reference FROM account_name ORDER BY account", .params = 0, .columns = 3);

DB_QUERY(CALL_ANSWERS_ADD, .name = "call_answers_add",
         .sql = "INSERT INTO call_answer (scope, request, id, created_ms) VALUES ($1, $2, $3, $4)", .params = 4,
         .columns = 0);

DB_QUERY(CALL_ANSWERS_FIND, .name = "call_answers_find", .sql = "SELECT request, id FROM call_answer WHERE scope = $1",
         .params = 1, .columns = 2);

DB_QUERY(
    CALL_ANSWERS_KEYS, .name = "call_answers_keys",
    .sql = "SELECT substring(scope, 1, 8) FROM call_answer WHERE created_ms >= $1 ORDER BY created_ms DESC LIMIT $2",
    .params = 2, .columns = 1);

DB_QUERY(CALL_ANSWERS_REMOVE_OLD, .name = "call_answers_remove_old",
         .sql = "DELETE FROM call_answer WHERE created_ms < $1", .params = 1, .columns = 0);

enum err
evidence_add(struct db *db, const struct evidence *e)
{
    return db_run(db, &EVIDENCE_ADD,
                  DB_ARGS(db_uuid(e->order), db_hash(&e->salt), db_text(e->text), db_uuid_or_null(e->people[0]),
                          db_uuid_or_null(e->people[1]), db_i64(e->created_ms)),
                  NULL);
}

enum err
account_names_add(struct db *db, const struct account_name *n)
{
    return db_run(db, &ACCOUNT_NAMES_ADD, DB_ARGS(db_u64(n->account), db_text(n->name), db_text(n->reference)), NULL);
}

enum err
account_names_all(struct db *db, struct arena *a, struct account_name **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ACCOUNT_NAMES_ALL, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct account_name){
            .account = db_get_u64(rows, i, 0),
            .name = arena_text(a, db_get_text(rows, i, 1)),
            .reference = arena_text(a, db_get_text(rows, i, 2)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
call_answers_add(struct db *db, struct hash scope, struct hash request, struct uuid id, int64_t now_ms)
{
    return db_run(db, &CALL_ANSWERS_ADD, DB_ARGS(db_hash(&scope), db_hash(&request), db_uuid(id), db_i64(now_ms)),
                  NULL);
}

enum err
call_answers_find(struct db *db, struct hash scope, struct hash request, struct uuid *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CALL_ANSWERS_FIND, DB_ARGS(db_hash(&scope)), &rows);
    struct hash before;

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    if (!db_get_hash(rows, 0, 0, &before) || !hash_equal(before, request))
        return ERR_KEY_CONFLICT;
    *ret = db_get_uuid(rows, 0, 1);
    return OK;
}

enum err
call_answers_remove_old(struct db *db, int64_t before_ms)
{
    return db_run(db, &CALL_ANSWERS_REMOVE_OLD, DB_ARGS(db_i64(before_ms)), NULL);
}

enum err
call_answers_keys(struct db *db, int64_t since_ms, size_t max, void (*take)(void *ctx, uint64_t head), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CALL_ANSWERS_KEYS, DB_ARGS(db_i64(since_ms), db_i64((int64_t)max)), &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct bytes head = db_get_bytes(rows, i, 0);
        struct wire_in in = { head.data, head.data + head.len, false };

        take(ctx, get_u64(&in));
    }
    return err;
}
