/* store/rights.c */
#include "store/rights.h"

#define RIGHT "SELECT id, at_ms, by_person, by_name, person, name, what, role, organisation, site, reason FROM right_change WHERE "
#define INVITATION "SELECT id, organisation, role, note, by_person, by_name, created_ms, expires_ms, ended_ms, used_by FROM invitation WHERE "

DB_QUERY(RIGHTS_ADD, .name = "rights_add",
         .sql = "INSERT INTO right_change (id, at_ms, by_person, by_name, person, name, what, role, organisation, site, reason)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
         .params = 11, .columns = 0);

DB_QUERY(RIGHTS_OF_PERSON, .name = "rights_of_person", .sql = RIGHT "person = $1 AND id < $2 ORDER BY id DESC LIMIT $3", .params = 3,
         .columns = 11);

DB_QUERY(RIGHTS_OF_ORGANISATION, .name = "rights_of_organisation",
         .sql = RIGHT "organisation = $1 AND id < $2 ORDER BY id DESC LIMIT $3", .params = 3, .columns = 11);

DB_QUERY(INVITATIONS_ADD, .name = "invitations_add",
         .sql = "INSERT INTO invitation (id, organisation, role, note, token_hash, by_person, by_name, created_ms, expires_ms)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
         .params = 9, .columns = 0);

DB_QUERY(INVITATIONS_OPEN, .name = "invitations_open",
         .sql = INVITATION "organisation = $1 AND ended_ms IS NULL AND expires_ms > $2 ORDER BY id DESC LIMIT $3", .params = 3,
         .columns = 10);

DB_QUERY(INVITATIONS_FIND, .name = "invitations_find",
         .sql = INVITATION "token_hash = $1 AND ended_ms IS NULL AND expires_ms > $2 FOR UPDATE", .params = 2, .columns = 10);

DB_QUERY(INVITATIONS_END, .name = "invitations_end",
         .sql = "UPDATE invitation SET ended_ms = $2, used_by = $3 WHERE id = $1 AND ended_ms IS NULL AND expires_ms > $2",
         .params = 3, .columns = 0);

static const struct uuid NOBODY_YET;

enum err
rights_add(struct db *db, const struct right_change *r)
{
    return db_run(db, &RIGHTS_ADD,
                  DB_ARGS(db_uuid(r->id), db_i64(r->at_ms), db_uuid(r->by), db_text(r->by_name), db_uuid(r->role.person), db_text(r->name),
                          db_i16((int16_t)r->what), db_i16((int16_t)r->role.code), db_uuid(r->role.organisation),
                          db_i64((int64_t)r->role.site), db_text(r->reason)),
                  NULL);
}

static enum err
read_rights(struct db *db, const struct db_query *q, struct uuid of, struct uuid before, int max, struct arena *a, struct right_change **ret,
            size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, DB_ARGS(db_uuid(of), db_uuid(before), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct right_change){
            .id = db_get_uuid(rows, i, 0),
            .at_ms = db_get_i64(rows, i, 1),
            .by = db_get_uuid(rows, i, 2),
            .by_name = arena_text(a, db_get_text(rows, i, 3)),
            .role = { .person = db_get_uuid(rows, i, 4), .code = (int)db_get_i64(rows, i, 7),
                      .organisation = db_get_uuid(rows, i, 8), .site = db_get_u64(rows, i, 9) },
            .name = arena_text(a, db_get_text(rows, i, 5)),
            .what = (enum right_what)db_get_i64(rows, i, 6),
            .reason = arena_text(a, db_get_text(rows, i, 10)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
rights_of_person(struct db *db, struct uuid person, struct uuid before, int max, struct arena *a, struct right_change **ret, size_t *ret_n)
{
    return read_rights(db, &RIGHTS_OF_PERSON, person, before, max, a, ret, ret_n);
}

enum err
rights_of_organisation(struct db *db, struct uuid organisation, struct uuid before, int max, struct arena *a, struct right_change **ret,
                       size_t *ret_n)
{
    return read_rights(db, &RIGHTS_OF_ORGANISATION, organisation, before, max, a, ret, ret_n);
}

/* ---- invitations -------------------------------------------------------------------------------------------------- */

static struct invitation
read_invitation(const PGresult *rows, int row, struct arena *a)
{
    return (struct invitation){
        .id = db_get_uuid(rows, row, 0),
        .organisation = db_get_uuid(rows, row, 1),
        .code = (int)db_get_i64(rows, row, 2),
        .note = arena_text(a, db_get_text(rows, row, 3)),
        .by = db_get_uuid(rows, row, 4),
        .by_name = arena_text(a, db_get_text(rows, row, 5)),
        .created_ms = db_get_i64(rows, row, 6),
        .expires_ms = db_get_i64(rows, row, 7),
        .ended_ms = PQgetisnull(rows, row, 8) ? 0 : db_get_i64(rows, row, 8),
        .used_by = PQgetisnull(rows, row, 9) ? NOBODY_YET : db_get_uuid(rows, row, 9),
    };
}

enum err
invitations_add(struct db *db, const struct invitation *i, struct hash token_hash)
{
    return db_run(db, &INVITATIONS_ADD,
                  DB_ARGS(db_uuid(i->id), db_uuid(i->organisation), db_i16((int16_t)i->code), db_text(i->note), db_hash(&token_hash),
                          db_uuid(i->by), db_text(i->by_name), db_i64(i->created_ms), db_i64(i->expires_ms)),
                  NULL);
}

enum err
invitations_open(struct db *db, struct uuid organisation, int64_t now_ms, int max, struct arena *a, struct invitation **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &INVITATIONS_OPEN, DB_ARGS(db_uuid(organisation), db_i64(now_ms), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_invitation(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
invitations_find(struct db *db, struct hash token_hash, int64_t now_ms, struct arena *a, struct invitation *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &INVITATIONS_FIND, DB_ARGS(db_hash(&token_hash), db_i64(now_ms)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_INVITATION;
    *ret = read_invitation(rows, 0, a);
    return OK;
}

enum err
invitations_end(struct db *db, struct uuid id, int64_t now_ms, struct uuid used_by)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &INVITATIONS_END,
                          DB_ARGS(db_uuid(id), db_i64(now_ms), uuid_equal(used_by, NOBODY_YET) ? db_text(NULL) : db_uuid(used_by)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}
