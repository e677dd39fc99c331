/* store/report.c */
#include "store/report.h"

#include "core/entry.h"

DB_QUERY(REPORT_MOVES, .name = "report_moves",
         .sql = "SELECT kind, debit, credit, count(*), least(sum(amount), 9223372036854775807)::bigint, min(index), max(index) FROM entry"
                " WHERE time_ms >= $1 AND time_ms < $2 AND debit >= 0 AND credit >= 0 GROUP BY kind, debit, credit ORDER BY kind, debit, credit",
         .params = 2, .columns = 7);

/* A NOTICE's body begins with its type, big-endian. */
DB_QUERY(REPORT_SPAN, .name = "report_span",
         .sql = "SELECT coalesce(min(index), 0), coalesce(max(index), -1), count(*),"
                " count(*) FILTER (WHERE kind = $3::bigint AND get_byte(body, 0) = 0 AND get_byte(body, 1) = $4::bigint),"
                " count(*) FILTER (WHERE kind = $3::bigint AND get_byte(body, 0) = 0 AND get_byte(body, 1) = $5::bigint)"
                " FROM entry WHERE time_ms >= $1 AND time_ms < $2",
         .params = 5, .columns = 5);

/* A site may report any number: what is beyond sense is capped, so that a sum is one. */
DB_QUERY(REPORT_JOBS, .name = "report_jobs",
         .sql = "SELECT site, outcome, count(*), least(sum(gpus::numeric * walltime_s), 1000000000000000)::bigint,"
                " least(sum(least(reported_gpu_seconds, 1000000000000)), 1000000000000000)::bigint FROM reservation"
                " WHERE ended_ms >= $1 AND ended_ms < $2 GROUP BY site, outcome ORDER BY site, outcome",
         .params = 2, .columns = 5);

enum err
report_moves(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct report_move **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORT_MOVES, DB_ARGS(db_i64(from_ms), db_i64(to_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct report_move){ (int)db_get_i64(rows, i, 0), db_get_u64(rows, i, 1), db_get_u64(rows, i, 2), db_get_i64(rows, i, 3),
                                          db_get_i64(rows, i, 4), db_get_u64(rows, i, 5), db_get_u64(rows, i, 6) };
    *ret_n = (size_t)n;
    return OK;
}

enum err
report_span(struct db *db, int64_t from_ms, int64_t to_ms, struct report_span *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORT_SPAN,
                          DB_ARGS(db_i64(from_ms), db_i64(to_ms), db_i64(NOTICE), db_i64(NOTICE_DISPUTE_OPENED), db_i64(NOTICE_DISPUTE_CLOSED)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) != 1)
        return ERR_CORRUPT;
    *ret = (struct report_span){ .first = db_get_u64(rows, 0, 0), .entries = db_get_i64(rows, 0, 2), .opened = db_get_i64(rows, 0, 3), .closed = db_get_i64(rows, 0, 4) };
    ret->last = ret->entries ? db_get_u64(rows, 0, 1) : 0;
    return OK;
}

enum err
report_jobs(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct report_jobs **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORT_JOBS, DB_ARGS(db_i64(from_ms), db_i64(to_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct report_jobs){ db_get_u64(rows, i, 0), (int)db_get_i64(rows, i, 1), db_get_i64(rows, i, 2), db_get_i64(rows, i, 3),
                                          db_get_i64(rows, i, 4) };
    *ret_n = (size_t)n;
    return OK;
}
