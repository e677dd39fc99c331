/* store/reservations.c */
#include "store/reservations.h"

#include "base/text.h"
#include "core/ticket.h"
#include "store/array.h"

#define COLUMNS                                                                                                       \
    "id, request, org, jti, grant_account, site, offering, rate, hold, gpus, nodes, walltime_s, rate_milli,"          \
    " cost_gpums, window_start_ms, window_end_ms, permit_from_ms, accept_by_ms, start_by_ms, fence, seq, cancel_seq," \
    " state, outcome, permit_instance, permit_ms, permit_report, created_ms, received_ms, queued_ms, started_ms,"     \
    " ended_ms, settled_ms, changed_ms, reported_gpu_seconds, reported_ms, settled_gpums, exit_code, settle_entry,"   \
    " void_entry, dispute_entry, cancel_ms, disputed_ms, version, move_freely, moved_from, moved_to, output,"         \
    " output_len, output_ms, name, night, nights, needs"
enum { COLUMNS_N = 54, QUOTE_COLUMNS_N = 10 };

DB_QUERY(RESERVATIONS_FIND, .name = "reservations_find", .sql = "SELECT " COLUMNS " FROM reservation WHERE id = $1",
         .params = 1, .columns = COLUMNS_N);

DB_QUERY(RESERVATIONS_LIST, .name = "reservations_list",
         .sql = "SELECT " COLUMNS " FROM reservation WHERE id < $1 AND ($2::uuid IS NULL OR org = $2)"
                " AND ($3::bigint = -1 OR site = $3) AND ($4 = '' OR position(',' || state || ',' IN $4) > 0)"
                " ORDER BY id DESC LIMIT $5",
         .params = 5, .columns = COLUMNS_N);

DB_QUERY(RESERVATIONS_OF_ORGANISATION, .name = "reservations_of_organisation",
         .sql = "SELECT " COLUMNS " FROM reservation WHERE id < $1 AND org = $2"
                " AND ($3 = '' OR position(',' || state || ',' IN $3) > 0) ORDER BY id DESC LIMIT $4",
         .params = 4, .columns = COLUMNS_N);

/* Outcomes: failed-site, rejected, lapsed, withdrawn, capacity-cut, site-silent (core/ticket.h). */
DB_QUERY(RESERVATIONS_DISPLACED, .name = "reservations_displaced",
         .sql = "SELECT " COLUMNS " FROM reservation WHERE void_entry > 0 AND void_entry < $1"
                " AND outcome IN (3, 5, 6, 7, 11, 12) AND ($2::bigint = -1 OR site = $2)"
                " ORDER BY void_entry DESC LIMIT $3",
         .params = 3, .columns = COLUMNS_N);
_Static_assert(OUTCOME_FAILED_SITE == 3 && OUTCOME_REJECTED == 5 && OUTCOME_LAPSED == 6 && OUTCOME_WITHDRAWN == 7 &&
               OUTCOME_CUT == 11 && OUTCOME_SILENT == 12, "as the query names them");

DB_QUERY(RESERVATIONS_OF_REQUEST, .name = "reservations_of_request",
         .sql = "SELECT id FROM reservation WHERE request = $1 ORDER BY fence DESC LIMIT 1", .params = 1, .columns = 1);

/* Of each night the newest: one that was brokered anew has several. */
DB_QUERY(RESERVATIONS_OF_NIGHTS, .name = "reservations_of_nights",
         .sql = "SELECT DISTINCT ON (request) " COLUMNS " FROM reservation WHERE request >= $1 AND request <= $2"
                " ORDER BY request, fence DESC LIMIT 32",
         .params = 2, .columns = COLUMNS_N);

DB_QUERY(RESERVATIONS_COUNT, .name = "reservations_count",
         .sql = "SELECT count(*) FROM reservation WHERE state NOT IN ('settled', 'voided')"
                " AND position(',' || state || ',' IN $1) > 0",
         .params = 1, .columns = 1);

/* A site may report any number: what is beyond sense is capped, not multiplied into an error. */
DB_QUERY(RESERVATIONS_REPORTED, .name = "reservations_reported",
         .sql = "SELECT grant_account, least(sum(least(reported_gpu_seconds::numeric * rate_milli, 4611686018427387904)"
                " - settled_gpums), 4611686018427387904)::bigint FROM reservation"
                " WHERE state NOT IN ('settled', 'voided') AND grant_account = ANY ($1::bigint[])"
                " AND reported_gpu_seconds::numeric * rate_milli > settled_gpums GROUP BY 1",
         .params = 1, .columns = 2);

#define QUOTE_COLUMNS "id, request, org, grant_account, created_ms, expires_ms, state, renewed, ask, answer"

DB_QUERY(QUOTES_FIND, .name = "quotes_find",
         .sql = "SELECT " QUOTE_COLUMNS " FROM quote JOIN quote_answer USING (id) WHERE id = $1", .params = 1,
         .columns = QUOTE_COLUMNS_N);

DB_QUERY(QUOTES_OF_REQUEST, .name = "quotes_of_request",
         .sql = "SELECT " QUOTE_COLUMNS
                " FROM quote JOIN quote_answer USING (id) WHERE request = $1 ORDER BY id DESC LIMIT $2",
         .params = 2, .columns = QUOTE_COLUMNS_N);

static void
read_reservation(const PGresult *rows, int i, struct reservation_row *r)
{
    int c = 0;

    *r = (struct reservation_row){ 0 };
    r->id = db_get_uuid(rows, i, c++);
    r->request = db_get_uuid(rows, i, c++);
    r->org = db_get_uuid(rows, i, c++);
    r->jti = db_get_uuid(rows, i, c++);
    r->grant = db_get_u64(rows, i, c++);
    r->site = db_get_u64(rows, i, c++);
    r->offering = db_get_u64(rows, i, c++);
    r->rate = db_get_u64(rows, i, c++);
    r->hold = db_get_u64(rows, i, c++);
    r->gpus = (uint32_t)db_get_i64(rows, i, c++);
    r->nodes = (uint32_t)db_get_i64(rows, i, c++);
    r->walltime_s = db_get_i64(rows, i, c++);
    r->rate_milli = db_get_i64(rows, i, c++);
    r->cost_gpums = db_get_i64(rows, i, c++);
    r->window_start_ms = db_get_i64(rows, i, c++);
    r->window_end_ms = db_get_i64(rows, i, c++);
    r->permit_from_ms = db_get_i64(rows, i, c++);
    r->accept_by_ms = db_get_i64(rows, i, c++);
    r->start_by_ms = db_get_i64(rows, i, c++);
    r->fence = db_get_u64(rows, i, c++);
    r->seq = db_get_u64(rows, i, c++);
    r->cancel_seq = db_get_u64(rows, i, c++);
    text_format(r->state, sizeof r->state, "%s", db_get_text(rows, i, c++));
    r->outcome = (int)db_get_i64(rows, i, c++);
    r->permit_instance = db_get_u64(rows, i, c++);
    r->permit_ms = db_get_i64(rows, i, c++);
    r->permit_report = db_get_u64(rows, i, c++);
    r->created_ms = db_get_i64(rows, i, c++);
    r->received_ms = db_get_i64(rows, i, c++);
    r->queued_ms = db_get_i64(rows, i, c++);
    r->started_ms = db_get_i64(rows, i, c++);
    r->ended_ms = db_get_i64(rows, i, c++);
    r->settled_ms = db_get_i64(rows, i, c++);
    r->changed_ms = db_get_i64(rows, i, c++);
    r->reported_gpu_seconds = db_get_u64(rows, i, c++);
    r->reported_ms = db_get_i64(rows, i, c++);
    r->settled_gpums = db_get_i64(rows, i, c++);
    r->exit_code = (int32_t)db_get_i64(rows, i, c++);
    r->settle_entry = db_get_u64(rows, i, c++);
    r->void_entry = db_get_u64(rows, i, c++);
    r->dispute_entry = db_get_u64(rows, i, c++);
    r->cancel_ms = db_get_i64(rows, i, c++);
    r->disputed_ms = db_get_i64(rows, i, c++);
    r->version = db_get_u64(rows, i, c++);
    r->move_freely = db_get_bool(rows, i, c++);
    r->moved_from = db_get_uuid(rows, i, c++);
    r->moved_to = db_get_uuid(rows, i, c++);
    if (!db_is_null(rows, i, c) && !db_get_hash(rows, i, c, &r->output))
        r->output = (struct hash){ { 0 } };
    c++;
    r->output_len = (uint32_t)db_get_i64(rows, i, c++);
    r->output_ms = db_get_i64(rows, i, c++);
    text_format(r->name, sizeof r->name, "%s", db_get_text(rows, i, c++));
    r->night = (int)db_get_i64(rows, i, c++);
    r->nights = (int)db_get_i64(rows, i, c++);
    r->needs = (uint16_t)db_get_i64(rows, i, c++); /* NULL: 0 */
}

static struct reservation_row *
read_reservations(const PGresult *rows, struct arena *a, size_t *ret_n)
{
    struct reservation_row *all;

    *ret_n = (size_t)PQntuples(rows);
    all = arena_alloc(a, *ret_n * sizeof *all);
    for (size_t i = 0; i < *ret_n; i++)
        read_reservation(rows, (int)i, &all[i]);
    return all;
}

enum err
reservations_find(struct db *db, struct uuid id, struct reservation_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &RESERVATIONS_FIND, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    read_reservation(rows, 0, ret);
    return OK;
}

enum err
reservations_list(struct db *db, struct uuid organisation, uint64_t site, const char *states, struct uuid before,
                  int max, struct arena *a, struct reservation_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err;

    if (!uuid_is_zero(organisation))
        err = db_run(db, &RESERVATIONS_OF_ORGANISATION,
                     DB_ARGS(db_uuid(before), db_uuid(organisation), db_text(states), db_i64(max)), &rows);
    else
        err = db_run(db, &RESERVATIONS_LIST,
                     DB_ARGS(db_uuid(before), db_null(), db_i64((int64_t)site), db_text(states), db_i64(max)), &rows);
    if (err)
        return err;
    *ret = read_reservations(rows, a, ret_n);
    return OK;
}

enum err
reservations_displaced(struct db *db, uint64_t site, int64_t before, int max, struct arena *a,
                       struct reservation_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &RESERVATIONS_DISPLACED, DB_ARGS(db_i64(before), db_i64((int64_t)site), db_i64(max)), &rows);

    if (!err)
        *ret = read_reservations(rows, a, ret_n);
    return err;
}

enum err
reservations_of_request(struct db *db, struct uuid request, struct uuid *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &RESERVATIONS_OF_REQUEST, DB_ARGS(db_uuid(request)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = db_get_uuid(rows, 0, 0);
    return OK;
}

enum err
reservations_of_nights(struct db *db, struct uuid first, struct uuid last, struct arena *a, struct reservation_row **ret,
                       size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &RESERVATIONS_OF_NIGHTS, DB_ARGS(db_uuid(first), db_uuid(last)), &rows);

    if (!err)
        *ret = read_reservations(rows, a, ret_n);
    return err;
}

enum err
reservations_count(struct db *db, const char *states, int64_t *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &RESERVATIONS_COUNT, DB_ARGS(db_text(states)), &rows);

    if (!err)
        *ret = db_get_i64(rows, 0, 0);
    return err;
}

enum err
reservations_reported(struct db *db, const uint64_t *grants, size_t n, int64_t *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct array of = { 0 };
    enum err err;

    array_begin(&of, ARRAY_I64);
    for (size_t i = 0; i < n; i++)
        array_i64(&of, (int64_t)grants[i]);
    err = db_run(db, &RESERVATIONS_REPORTED, DB_ARGS(array_arg(&of)), &rows);
    array_free(&of);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++) {
        ret[i] = 0;
        for (int row = 0; row < PQntuples(rows); row++)
            if (db_get_u64(rows, row, 0) == grants[i])
                ret[i] = db_get_i64(rows, row, 1);
    }
    return OK;
}

static struct bytes
copy_bytes(struct arena *a, struct bytes b)
{
    return BYTES(arena_textn(a, (const char *)b.data, b.len), b.len);
}

static void
read_quote(const PGresult *rows, int i, struct arena *a, struct quote_row *q)
{
    *q = (struct quote_row){
        .id = db_get_uuid(rows, i, 0),
        .request = db_get_uuid(rows, i, 1),
        .org = db_get_uuid(rows, i, 2),
        .grant = db_get_u64(rows, i, 3),
        .created_ms = db_get_i64(rows, i, 4),
        .expires_ms = db_get_i64(rows, i, 5),
        .renewed = db_get_bool(rows, i, 7),
        .ask = copy_bytes(a, db_get_bytes(rows, i, 8)),
        .answer = db_is_null(rows, i, 9) ? BYTES("", 0) : copy_bytes(a, db_get_bytes(rows, i, 9)),
    };
    text_format(q->state, sizeof q->state, "%s", db_get_text(rows, i, 6));
}

enum err
quotes_find(struct db *db, struct uuid id, struct arena *a, struct quote_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &QUOTES_FIND, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    read_quote(rows, 0, a, ret);
    return OK;
}

enum err
quotes_of_request(struct db *db, struct uuid request, int max, struct arena *a, struct quote_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &QUOTES_OF_REQUEST, DB_ARGS(db_uuid(request), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        read_quote(rows, i, a, &(*ret)[i]);
    *ret_n = (size_t)n;
    return OK;
}
