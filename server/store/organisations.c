/* store/organisations.c */
#include "store/organisations.h"

DB_QUERY(ORGANISATIONS_FIND, .name = "organisations_find",
         .sql = "SELECT id, name, country, city, lat_milli, lon_milli, created_ms, class FROM organisation WHERE id = $1",
         .params = 1, .columns = 8);

DB_QUERY(ORGANISATIONS_LIST, .name = "organisations_list",
         .sql = "SELECT id, name, country, city, lat_milli, lon_milli, created_ms, class FROM organisation WHERE id < $1"
                " ORDER BY id DESC LIMIT $2",
         .params = 2, .columns = 8);

DB_QUERY(ORGANISATIONS_ADD, .name = "organisations_add",
         .sql = "INSERT INTO organisation (id, name, country, city, lat_milli, lon_milli, created_ms, class)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
         .params = 8, .columns = 0);

static struct organisation
read_row(const PGresult *rows, int row, struct arena *a)
{
    struct organisation o = {
        .id = db_get_uuid(rows, row, 0),
        .name = arena_text(a, db_get_text(rows, row, 1)),
        .city = arena_text(a, db_get_text(rows, row, 3)),
        .lat_milli = (int32_t)db_get_i64(rows, row, 4),
        .lon_milli = (int32_t)db_get_i64(rows, row, 5),
        .created_ms = db_get_i64(rows, row, 6),
        .class = (enum organisation_class)db_get_i64(rows, row, 7),
    };

    memcpy(o.country, db_get_text(rows, row, 2), 2); /* a CHECK has two letters */
    return o;
}

enum err
organisations_find(struct db *db, struct uuid id, struct arena *a, struct organisation *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ORGANISATIONS_FIND, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_row(rows, 0, a);
    return OK;
}

enum err
organisations_list(struct db *db, struct uuid before, int max, struct arena *a, struct organisation **ret,
                   size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ORGANISATIONS_LIST, DB_ARGS(db_uuid(before), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_row(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
organisations_add(struct db *db, const struct organisation *o)
{
    return db_run(db, &ORGANISATIONS_ADD,
                  DB_ARGS(db_uuid(o->id), db_text(o->name), db_text(o->country), db_text(o->city), db_i32(o->lat_milli),
                          db_i32(o->lon_milli), db_i64(o->created_ms), db_i16((int16_t)o->class)),
                  NULL);
}
