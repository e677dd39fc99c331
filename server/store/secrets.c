/* store/secrets.c */
#include "store/secrets.h"

#include "core/secret.h"

DB_QUERY(SECRETS_ADD, .name = "secrets_add",
         .sql = "INSERT INTO sealed_secrets (sha256, organisation, bytes, created_ms) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (sha256, organisation) DO UPDATE SET created_ms = excluded.created_ms",
         .params = 4, .columns = 0);

DB_QUERY(SECRETS_OF_SITE, .name = "secrets_of_site",
         .sql = "SELECT bytes FROM sealed_secrets WHERE sha256 = $2"
                " AND EXISTS (SELECT FROM reservation WHERE secrets = $2 AND site = $1) LIMIT 1",
         .params = 2, .columns = 1);

DB_QUERY(SECRETS_OF_RESERVATION, .name = "secrets_of_reservation",
         .sql = "SELECT q.secrets, r.secrets, s.bytes FROM reservation r JOIN request q ON q.id = r.request"
                " LEFT JOIN sealed_secrets s ON s.sha256 = r.secrets AND s.organisation = r.org WHERE r.id = $1",
         .params = 1, .columns = 3);

DB_QUERY(SECRETS_SWEEP, .name = "secrets_sweep", .sql = "DELETE FROM sealed_secrets WHERE created_ms < $1", .params = 1, .columns = 0);

enum err
secrets_add(struct db *db, struct hash sha256, struct uuid organisation, struct bytes bytes, int64_t now_ms)
{
    return db_run(db, &SECRETS_ADD, DB_ARGS(db_hash(&sha256), db_uuid(organisation), db_bytes(bytes), db_i64(now_ms)), NULL);
}

enum err
secrets_of_site(struct db *db, uint64_t site, struct hash sha256, struct arena *a, struct bytes *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct bytes bytes;
    enum err err = db_run(db, &SECRETS_OF_SITE, DB_ARGS(db_u64(site), db_hash(&sha256)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    bytes = db_get_bytes(rows, 0, 0);
    *ret = BYTES(arena_textn(a, (const char *)bytes.data, bytes.len), bytes.len);
    return OK;
}

enum err
secrets_of_reservation(struct db *db, struct uuid reservation, struct arena *a, struct secrets_given *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct bytes bytes;
    enum err err = db_run(db, &SECRETS_OF_RESERVATION, DB_ARGS(db_uuid(reservation)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = (struct secrets_given){ .names = arena_text(a, db_get_text(rows, 0, 0)) };
    if (!db_get_hash(rows, 0, 1, &ret->sha256))
        return OK;
    ret->given = true;
    bytes = db_get_bytes(rows, 0, 2);
    ret->kept = bytes.len > 0 && sealed_key_read(bytes, &ret->key);
    return OK;
}

enum err
secrets_sweep(struct db *db, int64_t before_ms, int64_t *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SECRETS_SWEEP, DB_ARGS(db_i64(before_ms)), &rows);

    if (err == OK)
        *ret = db_affected(rows);
    return err;
}
