/* store/site_records.c */
#include "store/site_records.h"

#include "base/text.h"
#include "store/array.h"

DB_QUERY(TICKETS_AFTER, .name = "tickets_after",
         .sql = "SELECT site, seq, jti, reservation, claims, created_ms FROM ticket WHERE site = $1 AND seq > $2"
                " ORDER BY seq LIMIT $3",
         .params = 3, .columns = 6);

/* The arrays come out of sub-queries so that the planner cannot see how long they are: it would plan this anew each time, for
 * every wake of the agents, since a plan for three sites looks cheaper than one for ten. */
DB_QUERY(TICKETS_AFTER_EACH, .name = "tickets_after_each",
         .sql = "SELECT t.site, t.seq, t.jti, t.reservation, t.claims, t.created_ms"
                " FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[])) AS w (site, after) CROSS JOIN LATERAL"
                " (SELECT * FROM ticket WHERE ticket.site = w.site AND seq > w.after ORDER BY seq LIMIT $3) t"
                " ORDER BY t.site, t.seq",
         .params = 3, .columns = 6);

DB_QUERY(TICKETS_BEFORE, .name = "tickets_before",
         .sql = "SELECT site, seq, jti, reservation, claims, created_ms FROM ticket WHERE site = $1 AND seq < $2"
                " AND ($4 = '' OR EXISTS (SELECT FROM reservation r WHERE r.id = ticket.reservation"
                "   AND position(',' || r.state || ',' IN $4) > 0 OFFSET 0))"
                " ORDER BY seq DESC LIMIT $3",
         .params = 4, .columns = 6);

DB_QUERY(TICKETS_OF, .name = "tickets_of",
         .sql = "SELECT site, seq, jti, reservation, claims, created_ms FROM ticket"
                " WHERE (site, seq) = (SELECT site, seq FROM reservation WHERE id = $1)",
         .params = 1, .columns = 6);

DB_QUERY(REPORTS_BEFORE, .name = "reports_before",
         .sql = "SELECT p.site, p.number, p.statement, p.answer_flags, p.reason, p.received_ms, r.id"
                " FROM report p LEFT JOIN reservation r ON r.jti = p.jti AND r.site = p.site WHERE p.site = $1 AND p.number < $2"
                " ORDER BY p.number DESC LIMIT $3",
         .params = 3, .columns = 7);

DB_QUERY(REPORTS_BY_KEY, .name = "reports_by_key",
         .sql = "SELECT p.site, p.number, p.statement, p.answer_flags, p.reason, p.received_ms, r.id"
                " FROM report p LEFT JOIN reservation r ON r.jti = p.jti AND r.site = p.site"
                " WHERE p.site = $1 AND p.key = $2 AND p.received_ms >= $3 ORDER BY p.number DESC LIMIT $4",
         .params = 4, .columns = 7);

DB_QUERY(REPORTS_FIND, .name = "reports_find",
         .sql = "SELECT site, number, statement, answer_flags, reason, received_ms, NULL::uuid"
                " FROM report WHERE site = $1 AND number = $2",
         .params = 2, .columns = 7);

DB_QUERY(REPORTS_OF, .name = "reports_of",
         .sql = "SELECT site, number, statement, answer_flags, reason, received_ms, jti, signature"
                " FROM report WHERE site = $1 AND jti = $2 ORDER BY number LIMIT $3",
         .params = 3, .columns = 8);

static struct bytes
copy_bytes(struct arena *a, struct bytes b)
{
    return BYTES(arena_textn(a, (const char *)b.data, b.len), b.len);
}

static struct ticket_record
read_ticket(const PGresult *rows, int i, struct arena *a)
{
    return (struct ticket_record){
        .site = db_get_u64(rows, i, 0),
        .seq = db_get_u64(rows, i, 1),
        .jti = db_get_uuid(rows, i, 2),
        .reservation = db_get_uuid(rows, i, 3),
        .claims = copy_bytes(a, db_get_bytes(rows, i, 4)),
        .created_ms = db_get_i64(rows, i, 5),
    };
}

static void
take_tickets(const PGresult *rows, struct arena *a, struct ticket_record **ret, size_t *ret_n)
{
    int n = PQntuples(rows);

    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_ticket(rows, i, a);
    *ret_n = (size_t)n;
}

enum err
tickets_after_each(struct db *db, const struct ticket_wish *wishes, size_t wishes_n, int max, struct arena *a,
                   struct ticket_record **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct array sites = { 0 }, afters = { 0 };
    enum err err;

    array_begin(&sites, ARRAY_I64);
    array_begin(&afters, ARRAY_I64);
    for (size_t i = 0; i < wishes_n; i++) {
        array_i64(&sites, (int64_t)wishes[i].site);
        array_i64(&afters, (int64_t)wishes[i].after);
    }
    err = db_run(db, &TICKETS_AFTER_EACH, DB_ARGS(array_arg(&sites), array_arg(&afters), db_i64(max)), &rows);
    array_free(&sites);
    array_free(&afters);
    if (!err)
        take_tickets(rows, a, ret, ret_n);
    return err;
}

enum err
tickets_after(struct db *db, uint64_t site, uint64_t after, int max, struct arena *a, struct ticket_record **ret,
              size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TICKETS_AFTER, DB_ARGS(db_u64(site), db_i64((int64_t)after), db_i64(max)), &rows);

    if (!err)
        take_tickets(rows, a, ret, ret_n);
    return err;
}

enum err
tickets_before(struct db *db, uint64_t site, uint64_t before, const char *states, int max, struct arena *a,
               struct ticket_record **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TICKETS_BEFORE, DB_ARGS(db_u64(site), db_i64((int64_t)before), db_i64(max), db_text(states)), &rows);

    if (!err)
        take_tickets(rows, a, ret, ret_n);
    return err;
}

enum err
tickets_of(struct db *db, struct uuid reservation, struct arena *a, struct ticket_record *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &TICKETS_OF, DB_ARGS(db_uuid(reservation)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_ticket(rows, 0, a);
    return OK;
}

static struct report_record
read_report(const PGresult *rows, int i, struct arena *a)
{
    struct report_record r = {
        .site = db_get_u64(rows, i, 0),
        .number = db_get_u64(rows, i, 1),
        .statement = copy_bytes(a, db_get_bytes(rows, i, 2)),
        .answer_flags = (uint32_t)db_get_i64(rows, i, 3),
        .received_ms = db_get_i64(rows, i, 5),
        .reservation = db_get_uuid(rows, i, 6),
    };

    text_format(r.reason, sizeof r.reason, "%s", db_get_text(rows, i, 4));
    return r;
}

static void
take_reports(const PGresult *rows, struct arena *a, struct report_record **ret, size_t *ret_n)
{
    int n = PQntuples(rows);

    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_report(rows, i, a);
    *ret_n = (size_t)n;
}

enum err
reports_before(struct db *db, uint64_t site, uint64_t before, int max, struct arena *a, struct report_record **ret,
               size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORTS_BEFORE, DB_ARGS(db_u64(site), db_i64((int64_t)before), db_i64(max)), &rows);

    if (!err)
        take_reports(rows, a, ret, ret_n);
    return err;
}

enum err
reports_by_key(struct db *db, uint64_t site, uint64_t key, int64_t since_ms, int max, struct arena *a,
               struct report_record **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORTS_BY_KEY, DB_ARGS(db_u64(site), db_u64(key), db_i64(since_ms), db_i64(max)), &rows);

    if (!err)
        take_reports(rows, a, ret, ret_n);
    return err;
}

enum err
reports_of(struct db *db, uint64_t site, struct uuid jti, int max, struct arena *a, struct report_record **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORTS_OF, DB_ARGS(db_u64(site), db_uuid(jti), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++) {
        (*ret)[i] = read_report(rows, i, a);
        (*ret)[i].signature = copy_bytes(a, db_get_bytes(rows, i, 7));
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
reports_find(struct db *db, uint64_t site, uint64_t number, struct arena *a, struct report_record *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &REPORTS_FIND, DB_ARGS(db_u64(site), db_i64((int64_t)number)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_report(rows, 0, a);
    return OK;
}
