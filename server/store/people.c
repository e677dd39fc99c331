/* store/people.c */
#include "store/people.h"

DB_QUERY(PEOPLE_BY_EMAIL, .name = "people_by_email",
         .sql = "SELECT id, name, email, password_hash, created_ms FROM person_of_email($1)",
         .params = 1, .columns = 5);

DB_QUERY(PEOPLE_BY_ID, .name = "people_by_id",
         .sql = "SELECT id, name, email, password_hash, created_ms FROM person WHERE id = $1", .params = 1,
         .columns = 5);

DB_QUERY(PEOPLE_LIST, .name = "people_list",
         .sql = "SELECT id, name, email, password_hash, created_ms FROM person WHERE id > $1 ORDER BY id LIMIT $2",
         .params = 2, .columns = 5);

DB_QUERY(PEOPLE_ADD, .name = "people_add",
         .sql = "INSERT INTO person (id, name, email, password_hash, created_ms) VALUES ($1, $2, $3, $4, $5)",
         .params = 5, .columns = 0);

DB_QUERY(PEOPLE_SET_PASSWORD, .name = "people_set_password",
         .sql = "UPDATE person SET password_hash = $2 WHERE id = $1", .params = 2, .columns = 0);

DB_QUERY(PEOPLE_LOCK, .name = "people_lock", .sql = "SELECT id, name, email, password_hash, created_ms FROM person WHERE id = $1 FOR UPDATE",
         .params = 1, .columns = 5);

DB_QUERY(ROLES_OF, .name = "roles_of",
         .sql = "SELECT person, role, organisation, site FROM role WHERE person = $1 ORDER BY role, organisation, site",
         .params = 1, .columns = 4);

DB_QUERY(ROLES_OF_ORGANISATION, .name = "roles_of_organisation",
         .sql = "SELECT person, role, organisation, site FROM role WHERE organisation = $1 AND role IN (1, 2)"
                " ORDER BY role, person",
         .params = 1, .columns = 4);

DB_QUERY(ROLES_ADD, .name = "roles_add",
         .sql = "WITH done AS (INSERT INTO role (person, role, organisation, site) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
                " RETURNING person) SELECT count(*) FROM done",
         .params = 4, .columns = 1);

DB_QUERY(ROLES_REMOVE, .name = "roles_remove",
         .sql = "WITH done AS (DELETE FROM role WHERE person = $1 AND role = $2 AND organisation = $3 AND site = $4 RETURNING person)"
                " SELECT count(*) FROM done",
         .params = 4, .columns = 1);

DB_QUERY(ROLES_LOCK, .name = "roles_lock", .sql = "SELECT pg_advisory_xact_lock(hashtextextended('roles of ' || $1::uuid::text, 0))", .params = 1,
         .columns = 1);

static struct person
read_person(const PGresult *rows, int row, struct arena *a)
{
    return (struct person){
        .id = db_get_uuid(rows, row, 0),
        .name = arena_text(a, db_get_text(rows, row, 1)),
        .email = arena_text(a, db_get_text(rows, row, 2)),
        .password_hash = arena_text(a, db_get_text(rows, row, 3)),
        .created_ms = db_get_i64(rows, row, 4),
    };
}

static enum err
one_person(PGresult *rows, struct arena *a, struct person *ret)
{
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_person(rows, 0, a);
    return OK;
}

enum err
people_by_email(struct db *db, const char *email, struct arena *a, struct person *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PEOPLE_BY_EMAIL, DB_ARGS(db_text(email)), &rows);

    return err ? err : one_person(rows, a, ret);
}

enum err
people_by_id(struct db *db, struct uuid id, struct arena *a, struct person *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PEOPLE_BY_ID, DB_ARGS(db_uuid(id)), &rows);

    return err ? err : one_person(rows, a, ret);
}

enum err
people_lock(struct db *db, struct uuid id, struct arena *a, struct person *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PEOPLE_LOCK, DB_ARGS(db_uuid(id)), &rows);

    return err ? err : one_person(rows, a, ret);
}

enum err
people_list(struct db *db, struct uuid after, int max, struct arena *a, struct person **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PEOPLE_LIST, DB_ARGS(db_uuid(after), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_person(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

static struct db_arg
text_or_null(const char *text)
{
    return db_text(text && text[0] ? text : NULL);
}

enum err
people_add(struct db *db, const struct person *p)
{
    return db_run(
        db, &PEOPLE_ADD,
        DB_ARGS(db_uuid(p->id), db_text(p->name), text_or_null(p->email), text_or_null(p->password_hash), db_i64(p->created_ms)),
        NULL);
}

enum err
people_set_password(struct db *db, struct uuid id, const char *hash)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &PEOPLE_SET_PASSWORD, DB_ARGS(db_uuid(id), db_text(hash)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}

static void
read_roles(const PGresult *rows, struct arena *a, struct role **ret, size_t *ret_n)
{
    int n = PQntuples(rows);

    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct role){
            .person = db_get_uuid(rows, i, 0),
            .code = (int)db_get_i64(rows, i, 1),
            .organisation = db_get_uuid(rows, i, 2),
            .site = db_get_u64(rows, i, 3),
        };
    *ret_n = (size_t)n;
}

enum err
roles_of(struct db *db, struct uuid person, struct arena *a, struct role **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ROLES_OF, DB_ARGS(db_uuid(person)), &rows);

    if (!err)
        read_roles(rows, a, ret, ret_n);
    return err;
}

enum err
roles_of_organisation(struct db *db, struct uuid organisation, struct arena *a, struct role **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ROLES_OF_ORGANISATION, DB_ARGS(db_uuid(organisation)), &rows);

    if (!err)
        read_roles(rows, a, ret, ret_n);
    return err;
}

static enum err
change_role(struct db *db, const struct db_query *q, const struct role *r, bool *ret_changed)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, DB_ARGS(db_uuid(r->person), db_i16((int16_t)r->code), db_uuid(r->organisation), db_i64((int64_t)r->site)), &rows);

    *ret_changed = false;
    if (err)
        return err;
    if (PQntuples(rows) != 1)
        return ERR_DB;
    *ret_changed = db_get_i64(rows, 0, 0) > 0;
    return OK;
}

enum err
roles_add(struct db *db, const struct role *r, bool *ret_new)
{
    return change_role(db, &ROLES_ADD, r, ret_new);
}

enum err
roles_remove(struct db *db, const struct role *r, bool *ret_was)
{
    return change_role(db, &ROLES_REMOVE, r, ret_was);
}

enum err
roles_lock(struct db *db, struct uuid organisation)
{
    _cleanup_result_ PGresult *rows = NULL;

    return db_run(db, &ROLES_LOCK, DB_ARGS(db_uuid(organisation)), &rows);
}
