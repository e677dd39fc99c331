/* store/requests.c */
#include "store/requests.h"

#define COLUMNS                                                                                                  \
    "r.id, r.organisation, r.grant_account, r.name, r.gpus, r.walltime_s, r.memory_gb, r.model, r.countries,"    \
    " r.one_island, r.kind, r.earliest_ms, r.deadline_ms, r.max_gpums, r.preference, r.move_freely, r.template," \
    " r.parameters, r.workload, r.workload_len, r.created_ms, r.created_by, p.name,"  \
    " r.nights, r.night_from, r.night_until, r.needs, r.secrets"

DB_QUERY(REQUESTS_FIND, .name = "requests_find",
         .sql = "SELECT " COLUMNS " FROM request r JOIN person p ON p.id = r.created_by WHERE r.id = $1", .params = 1,
         .columns = 28);

DB_QUERY(REQUESTS_OF, .name = "requests_of",
         .sql = "SELECT " COLUMNS " FROM request r JOIN person p ON p.id = r.created_by"
                " WHERE r.organisation = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3",
         .params = 3, .columns = 28);

DB_QUERY(REQUESTS_ALL, .name = "requests_all",
         .sql = "SELECT " COLUMNS " FROM request r JOIN person p ON p.id = r.created_by"
                " WHERE r.id < $1 ORDER BY r.id DESC LIMIT $2",
         .params = 2, .columns = 28);

DB_QUERY(
    REQUESTS_ADD, .name = "requests_add",
    .sql = "INSERT INTO request (id, organisation, grant_account, name, gpus, walltime_s, memory_gb, model, countries,"
           " one_island, kind, earliest_ms, deadline_ms, max_gpums, preference, move_freely, template, parameters,"
           " workload, workload_len, created_ms, created_by, nights, night_from, night_until, needs, secrets) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
           " $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)",
    .params = 27, .columns = 0);

static enum err
read_row(const PGresult *rows, int i, struct arena *a, struct request_row *ret)
{
    *ret = (struct request_row){
        .id = db_get_uuid(rows, i, 0),
        .organisation = db_get_uuid(rows, i, 1),
        .grant = db_get_u64(rows, i, 2),
        .name = arena_text(a, db_get_text(rows, i, 3)),
        .gpus = (int32_t)db_get_i64(rows, i, 4),
        .walltime_s = db_get_i64(rows, i, 5),
        .memory_gb = (int32_t)db_get_i64(rows, i, 6),
        .model = arena_text(a, db_get_text(rows, i, 7)),
        .countries = arena_text(a, db_get_text(rows, i, 8)),
        .one_island = db_get_bool(rows, i, 9),
        .kind = (int)db_get_i64(rows, i, 10),
        .earliest_ms = db_get_i64(rows, i, 11),
        .deadline_ms = db_get_i64(rows, i, 12),
        .max_gpums = db_get_i64(rows, i, 13),
        .preference = (int)db_get_i64(rows, i, 14),
        .move_freely = db_get_bool(rows, i, 15),
        .template = arena_text(a, db_get_text(rows, i, 16)),
        .parameters = arena_text(a, db_get_text(rows, i, 17)),
        .workload_len = (uint32_t)db_get_i64(rows, i, 19),
        .created_ms = db_get_i64(rows, i, 20),
        .created_by = db_get_uuid(rows, i, 21),
        .created_by_name = arena_text(a, db_get_text(rows, i, 22)),
        .nights = (int)db_get_i64(rows, i, 23),
        .night_from = (int)db_get_i64(rows, i, 24),
        .night_until = (int)db_get_i64(rows, i, 25),
        .needs = (uint16_t)db_get_i64(rows, i, 26),
        .secrets = arena_text(a, db_get_text(rows, i, 27)),
    };
    return db_get_hash(rows, i, 18, &ret->workload) ? OK : ERR_CORRUPT;
}

enum err
requests_find(struct db *db, struct uuid id, struct arena *a, struct request_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REQUESTS_FIND, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    return PQntuples(rows) == 0 ? ERR_NOT_FOUND : read_row(rows, 0, a, ret);
}

enum err
requests_list(struct db *db, struct uuid organisation, struct uuid before, int max, struct arena *a,
              struct request_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err;
    int n;

    if (uuid_is_zero(organisation))
        err = db_run(db, &REQUESTS_ALL, DB_ARGS(db_uuid(before), db_i64(max)), &rows);
    else
        err = db_run(db, &REQUESTS_OF, DB_ARGS(db_uuid(organisation), db_uuid(before), db_i64(max)), &rows);
    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n && !err; i++)
        err = read_row(rows, i, a, &(*ret)[i]);
    *ret_n = (size_t)n;
    return err;
}

enum err
requests_add(struct db *db, const struct request_row *r)
{
    return db_run(db, &REQUESTS_ADD,
                  DB_ARGS(db_uuid(r->id), db_uuid(r->organisation), db_u64(r->grant), db_text(r->name), db_i32(r->gpus),
                          db_i64(r->walltime_s), db_i32(r->memory_gb), db_text(r->model), db_text(r->countries),
                          db_bool(r->one_island), db_i16((int16_t)r->kind), db_i64(r->earliest_ms),
                          db_i64(r->deadline_ms), db_i64(r->max_gpums), db_i16((int16_t)r->preference),
                          db_bool(r->move_freely), db_text(r->template), db_text(r->parameters), db_hash(&r->workload),
                          db_i32((int32_t)r->workload_len), db_i64(r->created_ms), db_uuid(r->created_by),
                          db_i16((int16_t)r->nights), db_i16((int16_t)r->night_from), db_i16((int16_t)r->night_until),
                          db_i32(r->needs), db_text(r->secrets)),
                  NULL);
}
