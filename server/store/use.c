/* store/use.c */
#include "store/use.h"

#include "core/entry.h"

DB_QUERY(USE_MOVES, .name = "use_moves",
         .sql = "SELECT kind, debit, credit, m, count(*), least(sum(amount), 9223372036854775807)::bigint, min(index), max(index)"
                " FROM (SELECT kind, debit, credit, amount, index, (extract(year FROM t) * 12 + extract(month FROM t) - 1)::bigint AS m"
                "   FROM (SELECT *, to_timestamp(time_ms / 1000) AT TIME ZONE 'UTC' AS t FROM entry"
                "     WHERE time_ms >= $1 AND time_ms < $2 AND kind = ANY (ARRAY[$3::bigint, $4::bigint, $5::bigint])) e) u"
                " GROUP BY kind, debit, credit, m ORDER BY kind, debit, credit, m",
         .params = 5, .columns = 8);

/* What has ended is booked no longer (booked_slots 0): until when it was is then its own end. */
#define BOOKED_SPAN                                                                                                                    \
    " FROM (SELECT offering, gpus, CASE WHEN started_ms > 0 THEN least(started_ms, window_start_ms) ELSE window_start_ms END AS f,"    \
    "   CASE WHEN booked_slots > 0 THEN (booked_slot + booked_slots) * 900000 WHEN ended_ms > 0 THEN ended_ms"                         \
    "     ELSE least(changed_ms, window_end_ms) END AS u FROM reservation) s WHERE f < u AND f < $2 AND u > $1"

DB_QUERY(USE_BOOKED, .name = "use_booked",
         .sql = "SELECT offering, at, sum(g)::bigint FROM (SELECT offering, greatest(f, $1) AS at, gpus AS g" BOOKED_SPAN
                " UNION ALL SELECT offering, least(u, $2), -gpus" BOOKED_SPAN ") c GROUP BY offering, at ORDER BY offering, at",
         .params = 2, .columns = 3);

/* A site may report any number: no job used more than it was given. */
DB_QUERY(USE_RUNS, .name = "use_runs",
         .sql = "SELECT offering, least(sum(trunc(least(reported_gpu_seconds, gpus::numeric * walltime_s) * 1000"
                "   * (least(u, $2) - greatest(f, $1)) / (u - f))), 9223372036854775807)::bigint"
                " FROM (SELECT offering, gpus, walltime_s, reported_gpu_seconds, started_ms AS f,"
                "   greatest(CASE WHEN ended_ms > 0 THEN ended_ms ELSE reported_ms END, started_ms + 1) AS u"
                "   FROM reservation WHERE started_ms > 0 AND reported_gpu_seconds > 0) s"
                " WHERE f < $2 AND u > $1 GROUP BY offering ORDER BY offering",
         .params = 2, .columns = 2);

/* Of a job of several nights the first one's start counts. */
DB_QUERY(USE_WAITS, .name = "use_waits",
         .sql = "SELECT site, count(*) FILTER (WHERE began), coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY w) FILTER (WHERE began), 0),"
                " coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY w) FILTER (WHERE began), 0), coalesce(max(w) FILTER (WHERE began), 0),"
                " count(*) FILTER (WHERE NOT began), coalesce(sum(gpus) FILTER (WHERE NOT began), 0)::bigint,"
                " count(*) FILTER (WHERE NOT began AND window_start_ms <= $3)"
                " FROM (SELECT r.site, r.gpus, r.window_start_ms, r.started_ms > 0 AS began,"
                "   greatest(r.started_ms - greatest(q.created_ms, q.earliest_ms), 0) AS w FROM reservation r JOIN request q ON q.id = r.request"
                "   WHERE r.night <= 1 AND ((r.started_ms >= $1 AND r.started_ms < $2 AND r.started_ms > 0)"
                "     OR (r.started_ms = 0 AND r.ended_ms = 0 AND r.state = ANY (ARRAY['issued', 'permitted'])))) s"
                " GROUP BY site ORDER BY site",
         .params = 3, .columns = 8);

DB_QUERY(USE_PUBLIC_WAITS, .name = "use_public_waits",
         .sql = "SELECT site, count(*) FILTER (WHERE began), count(DISTINCT org) FILTER (WHERE began),"
                " coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY w) FILTER (WHERE began), 0),"
                " coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY w) FILTER (WHERE began), 0),"
                " count(*) FILTER (WHERE NOT began), count(DISTINCT org) FILTER (WHERE NOT began), coalesce(sum(gpus) FILTER (WHERE NOT began), 0)::bigint"
                " FROM (SELECT r.site, r.org, r.gpus, r.started_ms > 0 AS began,"
                "   greatest(r.started_ms - greatest(q.created_ms, q.earliest_ms), 0) AS w FROM reservation r JOIN request q ON q.id = r.request"
                "   WHERE r.night <= 1 AND ((r.started_ms >= $1 AND r.started_ms < $2 AND r.started_ms > 0)"
                "     OR (r.started_ms = 0 AND r.ended_ms = 0 AND r.state = ANY (ARRAY['issued', 'permitted'])))) s"
                " GROUP BY site ORDER BY site",
         .params = 2, .columns = 8);

enum err
use_public_waits(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_public_wait **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &USE_PUBLIC_WAITS, DB_ARGS(db_i64(from_ms), db_i64(to_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct use_public_wait){ db_get_u64(rows, i, 0), db_get_i64(rows, i, 1), db_get_i64(rows, i, 2), db_get_i64(rows, i, 3),
                                              db_get_i64(rows, i, 4), db_get_i64(rows, i, 5), db_get_i64(rows, i, 6), db_get_i64(rows, i, 7) };
    *ret_n = (size_t)n;
    return OK;
}

enum err
use_moves(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_move **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &USE_MOVES, DB_ARGS(db_i64(from_ms), db_i64(to_ms), db_i64(SETTLE), db_i64(RESOLVE), db_i64(CORRECT)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct use_move){ (int)db_get_i64(rows, i, 0), db_get_u64(rows, i, 1), db_get_u64(rows, i, 2), db_get_i64(rows, i, 3),
                                       db_get_i64(rows, i, 4), db_get_i64(rows, i, 5), db_get_u64(rows, i, 6), db_get_u64(rows, i, 7) };
    *ret_n = (size_t)n;
    return OK;
}

enum err
use_booked(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_booked **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &USE_BOOKED, DB_ARGS(db_i64(from_ms), db_i64(to_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct use_booked){ db_get_u64(rows, i, 0), db_get_i64(rows, i, 1), db_get_i64(rows, i, 2) };
    *ret_n = (size_t)n;
    return OK;
}

enum err
use_runs(struct db *db, int64_t from_ms, int64_t to_ms, struct arena *a, struct use_run **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &USE_RUNS, DB_ARGS(db_i64(from_ms), db_i64(to_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct use_run){ db_get_u64(rows, i, 0), db_get_i64(rows, i, 1) };
    *ret_n = (size_t)n;
    return OK;
}

enum err
use_waits(struct db *db, int64_t from_ms, int64_t to_ms, int64_t now_ms, struct arena *a, struct use_wait **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &USE_WAITS, DB_ARGS(db_i64(from_ms), db_i64(to_ms), db_i64(now_ms)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct use_wait){ db_get_u64(rows, i, 0), db_get_i64(rows, i, 1), db_get_i64(rows, i, 2), db_get_i64(rows, i, 3),
                                       db_get_i64(rows, i, 4), db_get_i64(rows, i, 5), db_get_i64(rows, i, 6), db_get_i64(rows, i, 7) };
    *ret_n = (size_t)n;
    return OK;
}
