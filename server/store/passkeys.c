/* store/passkeys.c */
#include "store/passkeys.h"

#define PASSKEY                                                                                                      \
    "SELECT id, person, name, credential_id, user_handle, alg, public_key, alone, sign_count, may_back_up, backed_up, created_ms, used_ms FROM passkey WHERE "

DB_QUERY(PASSKEYS_ADD, .name = "passkeys_add",
         .sql = "INSERT INTO passkey (id, person, name, credential_id, user_handle, alg, public_key, alone, sign_count, may_back_up,"
                " backed_up, created_ms, used_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
         .params = 12, .columns = 0);

DB_QUERY(PASSKEYS_OF, .name = "passkeys_of", .sql = PASSKEY "person = $1 ORDER BY id", .params = 1, .columns = 13);

DB_QUERY(PASSKEYS_FIND, .name = "passkeys_find", .sql = PASSKEY "credential_id = $1", .params = 1, .columns = 13);

DB_QUERY(PASSKEYS_USE, .name = "passkeys_use",
         .sql = "UPDATE passkey SET sign_count = $3, backed_up = $4, used_ms = $5 WHERE id = $1 AND sign_count = $2", .params = 5, .columns = 0);

DB_QUERY(PASSKEYS_RENAME, .name = "passkeys_rename", .sql = "UPDATE passkey SET name = $3 WHERE id = $1 AND person = $2", .params = 3,
         .columns = 0);

DB_QUERY(PASSKEYS_REMOVE_OF, .name = "passkeys_remove_of", .sql = "DELETE FROM passkey WHERE person = $1", .params = 1, .columns = 0);

DB_QUERY(PASSKEYS_REMOVE, .name = "passkeys_remove", .sql = "DELETE FROM passkey WHERE id = $1 AND person = $2", .params = 2, .columns = 0);

DB_QUERY(PASSKEYS_SPEND, .name = "passkeys_spend", .sql = "INSERT INTO passkey_spent (challenge, until_ms) VALUES ($1, $2)", .params = 2,
         .columns = 0);

DB_QUERY(PASSKEYS_SPENT_REMOVE, .name = "passkeys_spent_remove", .sql = "DELETE FROM passkey_spent WHERE until_ms <= $1", .params = 1,
         .columns = 0);

enum err
passkeys_add(struct db *db, const struct passkey *p)
{
    enum err err = db_run(db, &PASSKEYS_ADD,
                          DB_ARGS(db_uuid(p->id), db_uuid(p->person), db_text(p->name), db_bytes(p->credential),
                          db_bytes(BYTES(p->handle, sizeof p->handle)), db_i16((int16_t)p->key.alg), db_bytes(BYTES(p->key.bytes, p->key.len)),
                          db_bool(p->alone), db_i64(p->count), db_bool(p->may_back_up), db_bool(p->backed_up), db_i64(p->created_ms)),
                          NULL);

    return err == ERR_EXISTS ? ERR_PASSKEY_TAKEN : err;
}

static enum err
read_passkey(const PGresult *rows, int row, struct arena *a, struct passkey *ret)
{
    struct bytes credential = db_get_bytes(rows, row, 3), handle = db_get_bytes(rows, row, 4), key = db_get_bytes(rows, row, 6);

    *ret = (struct passkey){
        .id = db_get_uuid(rows, row, 0),
        .person = db_get_uuid(rows, row, 1),
        .name = arena_text(a, db_get_text(rows, row, 2)),
        .credential = BYTES(arena_textn(a, (const char *)credential.data, credential.len), credential.len),
        .key = { .alg = (enum passkey_alg)db_get_i64(rows, row, 5), .len = key.len },
        .alone = db_get_bool(rows, row, 7),
        .count = db_get_i64(rows, row, 8),
        .may_back_up = db_get_bool(rows, row, 9),
        .backed_up = db_get_bool(rows, row, 10),
        .created_ms = db_get_i64(rows, row, 11),
        .used_ms = db_get_i64(rows, row, 12),
    };
    if (handle.len != sizeof ret->handle || key.len > sizeof ret->key.bytes)
        return ERR_CORRUPT;
    memcpy(ret->handle, handle.data, handle.len);
    memcpy(ret->key.bytes, key.data, key.len);
    return OK;
}

enum err
passkeys_of(struct db *db, struct uuid person, struct arena *a, struct passkey **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PASSKEYS_OF, DB_ARGS(db_uuid(person)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n && !err; i++)
        err = read_passkey(rows, i, a, &(*ret)[i]);
    *ret_n = (size_t)n;
    return err;
}

enum err
passkeys_find(struct db *db, struct bytes credential, struct arena *a, struct passkey *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PASSKEYS_FIND, DB_ARGS(db_bytes(credential)), &rows);

    if (err)
        return err;
    return PQntuples(rows) == 0 ? ERR_NOT_FOUND : read_passkey(rows, 0, a, ret);
}

enum err
passkeys_use(struct db *db, struct uuid id, int64_t old_count, uint32_t count, bool backed_up, int64_t now_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PASSKEYS_USE, DB_ARGS(db_uuid(id), db_i64(old_count), db_i64(count), db_bool(backed_up), db_i64(now_ms)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_PASSKEY_COPY;
}

enum err
passkeys_rename(struct db *db, struct uuid id, struct uuid person, const char *name)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PASSKEYS_RENAME, DB_ARGS(db_uuid(id), db_uuid(person), db_text(name)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}

enum err
passkeys_remove_of(struct db *db, struct uuid person)
{
    return db_run(db, &PASSKEYS_REMOVE_OF, DB_ARGS(db_uuid(person)), NULL);
}

enum err
passkeys_remove(struct db *db, struct uuid id, struct uuid person)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PASSKEYS_REMOVE, DB_ARGS(db_uuid(id), db_uuid(person)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}

enum err
passkeys_spend(struct db *db, const uint8_t challenge[PASSKEY_CHALLENGE], int64_t until_ms)
{
    return db_run(db, &PASSKEYS_SPEND, DB_ARGS(db_bytes(BYTES(challenge, PASSKEY_CHALLENGE)), db_i64(until_ms)), NULL);
}

enum err
passkeys_spent_remove(struct db *db, int64_t now_ms)
{
    return db_run(db, &PASSKEYS_SPENT_REMOVE, DB_ARGS(db_i64(now_ms)), NULL);
}
