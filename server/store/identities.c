/* store/identities.c */
#include "store/identities.h"

DB_QUERY(IDENTITIES_FIND, .name = "identities_find",
         .sql = "SELECT id, person, issuer, subject, name, email, created_ms, used_ms FROM identity WHERE issuer = $1 AND subject = $2",
         .params = 2, .columns = 8);

DB_QUERY(IDENTITIES_ADD, .name = "identities_add",
         .sql = "INSERT INTO identity (id, person, issuer, subject, name, email, created_ms, used_ms)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
         .params = 8, .columns = 0);

DB_QUERY(IDENTITIES_USE, .name = "identities_use",
         .sql = "UPDATE identity SET name = $2, email = $3, used_ms = $4 WHERE id = $1", .params = 4, .columns = 0);

DB_QUERY(IDENTITIES_OF, .name = "identities_of",
         .sql = "SELECT id, person, issuer, subject, name, email, created_ms, used_ms FROM identity WHERE person = $1 ORDER BY id",
         .params = 1, .columns = 8);

DB_QUERY(IDENTITIES_REMOVE, .name = "identities_remove", .sql = "DELETE FROM identity WHERE id = $1 AND person = $2",
         .params = 2, .columns = 0);

static struct identity
read_identity(const PGresult *rows, int row, struct arena *a)
{
    return (struct identity){
        .id = db_get_uuid(rows, row, 0),
        .person = db_get_uuid(rows, row, 1),
        .issuer = arena_text(a, db_get_text(rows, row, 2)),
        .subject = arena_text(a, db_get_text(rows, row, 3)),
        .name = arena_text(a, db_get_text(rows, row, 4)),
        .email = arena_text(a, db_get_text(rows, row, 5)),
        .created_ms = db_get_i64(rows, row, 6),
        .used_ms = db_get_i64(rows, row, 7),
    };
}

enum err
identities_find(struct db *db, const char *issuer, const char *subject, struct arena *a, struct identity *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &IDENTITIES_FIND, DB_ARGS(db_text(issuer), db_text(subject)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_identity(rows, 0, a);
    return OK;
}

enum err
identities_add(struct db *db, const struct identity *i)
{
    return db_run(db, &IDENTITIES_ADD,
                  DB_ARGS(db_uuid(i->id), db_uuid(i->person), db_text(i->issuer), db_text(i->subject), db_text(i->name),
                          db_text(i->email), db_i64(i->created_ms), db_i64(i->used_ms)),
                  NULL);
}

enum err
identities_use(struct db *db, const struct identity *i)
{
    return db_run(db, &IDENTITIES_USE, DB_ARGS(db_uuid(i->id), db_text(i->name), db_text(i->email), db_i64(i->used_ms)), NULL);
}

enum err
identities_of(struct db *db, struct uuid person, struct arena *a, struct identity **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &IDENTITIES_OF, DB_ARGS(db_uuid(person)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_identity(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
identities_remove(struct db *db, struct uuid id, struct uuid person)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &IDENTITIES_REMOVE, DB_ARGS(db_uuid(id), db_uuid(person)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}
