/* store/given.c */
#include "store/given.h"

DB_QUERY(CAPACITY_STEPS, .name = "capacity_steps",
         .sql = "SELECT offering, from_ms, brokered_gpus, nodes FROM capacity ORDER BY offering, number", .params = 0, .columns = 4);

/* A site may report any number: what is beyond sense is capped, so that a sum is one. */
DB_QUERY(MONTH_USES, .name = "month_uses",
         .sql = "SELECT offering, m, count(*), sum(least(reported_gpu_seconds, 1000000000000))::bigint, sum(settled_gpums)::bigint,"
                " sum(greatest(gpus * walltime_s - reported_gpu_seconds, 0))::bigint"
                " FROM (SELECT offering, reported_gpu_seconds, settled_gpums, gpus, walltime_s,"
                "   (extract(year FROM t) * 12 + extract(month FROM t) - 1)::bigint AS m"
                "   FROM (SELECT *, to_timestamp(ended_ms / 1000) AT TIME ZONE 'UTC' AS t FROM reservation"
                "     WHERE site = $1 AND ended_ms >= $2) e) u GROUP BY offering, m ORDER BY offering, m",
         .params = 2, .columns = 6);

DB_QUERY(CAPACITY_CHANGES, .name = "capacity_changes",
         .sql = "SELECT offering, number, window_number, from_ms, until_ms, set_ms, less_nodes, less_pool_nodes, reason, told FROM capacity"
                " WHERE $1 = 0::bigint OR offering = $1 ORDER BY offering, number",
         .params = 1, .columns = 10);

enum err
capacity_changes(struct db *db, uint64_t offering, struct arena *a, struct capacity_change **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CAPACITY_CHANGES, DB_ARGS(db_u64(offering)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct capacity_change){
            .offering = db_get_u64(rows, i, 0),
            .number = (uint32_t)db_get_i64(rows, i, 1),
            .window = (uint32_t)db_get_i64(rows, i, 2),
            .from_ms = db_get_i64(rows, i, 3),
            .until_ms = db_get_i64(rows, i, 4),
            .set_ms = db_get_i64(rows, i, 5),
            .less_nodes = (int32_t)db_get_i64(rows, i, 6),
            .less_pool_nodes = (int32_t)db_get_i64(rows, i, 7),
            .reason = arena_text(a, db_get_text(rows, i, 8)),
            .told = db_get_bool(rows, i, 9),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
capacity_steps(struct db *db, struct arena *a, struct capacity_step **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CAPACITY_STEPS, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct capacity_step){ db_get_u64(rows, i, 0), db_get_i64(rows, i, 1), db_get_i64(rows, i, 2), db_get_i64(rows, i, 3) };
    *ret_n = (size_t)n;
    return OK;
}

size_t
capacity_in_force(const struct capacity_step *steps, size_t n, uint64_t offering, struct capacity_step *ret)
{
    size_t held = 0;

    for (size_t i = 0; i < n; i++) {
        if (steps[i].offering != offering)
            continue;
        while (held > 0 && ret[held - 1].from_ms >= steps[i].from_ms)
            held--;
        ret[held++] = steps[i];
    }
    return held;
}

enum err
month_uses(struct db *db, uint64_t site, int64_t since_ms, struct arena *a, struct month_use **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MONTH_USES, DB_ARGS(db_u64(site), db_i64(since_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct month_use){ db_get_u64(rows, i, 0), db_get_i64(rows, i, 1), db_get_i64(rows, i, 2),
                                        db_get_i64(rows, i, 3), db_get_i64(rows, i, 4), db_get_i64(rows, i, 5) };
    *ret_n = (size_t)n;
    return OK;
}
