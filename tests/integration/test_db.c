/* tests/integration/test_db.c: the connection: values both ways, errors by class, transactions, flights, lost lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/db.h"
#include "store/migrate.h"
#include "support.h"

static const struct db_query ECHO = {
    .name = "echo", .sql = "SELECT $1::bigint, $2::text, $3::bytea, $4::uuid, $5::boolean, $6::bigint, $7::integer",
    .params = 7, .columns = 7,
};
static const struct db_query FAIL = {
    .name = "fail", .sql = "SELECT CASE WHEN $1 THEN 1 / $2 ELSE 0 END", .params = 2, .columns = 1,
};
static const struct db_query BAD_SHAPE = { .name = "bad_shape", .sql = "SELECT 1, 2", .params = 0, .columns = 1 };
static const struct db_query BAD_SQL = { .name = "bad_sql", .sql = "SELECT FROM WHERE", .params = 0, .columns = 1 };
static const struct db_query SLEEP = { .name = "sleep", .sql = "SELECT pg_sleep(30)::text", .params = 0, .columns = 1 };
static const struct db_query ADD = { .name = "add", .sql = "INSERT INTO scratch VALUES ($1)", .params = 1, .columns = 0 };
static const struct db_query COUNT = { .name = "count", .sql = "SELECT count(*) FROM scratch", .params = 0, .columns = 1 };
static const struct db_query PID = { .name = "pid", .sql = "SELECT pg_backend_pid()", .params = 0, .columns = 1 };
static const struct db_query KILL = {
    .name = "kill", .sql = "SELECT pg_terminate_backend($1)", .params = 1, .columns = 1,
};

struct fixture {
    struct test_db t;
    struct db *db, *other;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    test_db_make(&f->t);
    f->db = db_new(&(struct db_config){ .conninfo = f->t.super, .name = "test", .timeout_ms = 1000 });
    f->other = db_new(&(struct db_config){ .conninfo = f->t.super, .name = "other" });
    test_sql(&f->t, "CREATE TABLE scratch (n bigint PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE CHECK (n < 1000))");
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    db_delete(f->db);
    db_delete(f->other);
    test_db_drop(&f->t);
    free(f);
    return 0;
}

static int64_t
count(struct db *db)
{
    _cleanup_result_ PGresult *rows = NULL;

    assert_int_equal(db_run(db, &COUNT, DB_NO_ARGS, &rows), OK);
    return db_get_i64(rows, 0, 0);
}

static void
values_go_both_ways(void **state)
{
    struct fixture *f = *state;
    _cleanup_result_ PGresult *rows = NULL;
    struct uuid id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255 } };
    const uint8_t blob[] = { 0, 255, 0, 7 };

    assert_int_equal(db_run(f->db, &ECHO,
                            DB_ARGS(db_i64(INT64_MIN), db_text("Poznań"), db_bytes(BYTES(blob, 4)), db_uuid(id),
                                    db_bool(true), db_u64(UINT64_MAX), db_i32(-5)), &rows), OK);
    assert_true(db_get_i64(rows, 0, 0) == INT64_MIN);
    assert_string_equal(db_get_text(rows, 0, 1), "Poznań");
    assert_int_equal(db_get_bytes(rows, 0, 2).len, 4);
    assert_memory_equal(db_get_bytes(rows, 0, 2).data, blob, 4);
    assert_true(uuid_equal(db_get_uuid(rows, 0, 3), id));
    assert_true(db_get_bool(rows, 0, 4));
    assert_true(db_get_u64(rows, 0, 5) == UINT64_MAX);
    assert_int_equal(db_get_i64(rows, 0, 6), -5);
    PQclear(rows);
    assert_int_equal(db_run(f->db, &ECHO,
                            DB_ARGS(db_null(), db_text(NULL), db_null(), db_uuid_or_null((struct uuid){ { 0 } }),
                                    db_null(), db_null(), db_null()), &rows), OK);
    for (int col = 0; col < 7; col++)
        assert_true(db_is_null(rows, 0, col));
}

static void
errors_have_classes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(db_run(f->db, &FAIL, DB_ARGS(db_bool(true), db_i32(0)), NULL), ERR_INTERNAL);
    assert_string_equal(db_sqlstate(f->db), "22012");
    for (int i = 0; i < 2; i++) { /* not "exists already" the second time */
        assert_int_equal(db_run(f->db, &BAD_SHAPE, DB_NO_ARGS, NULL), ERR_INTERNAL);
        assert_non_null(strstr(db_message(f->db), "0 parameters and 2 columns"));
    }
    assert_int_equal(db_run(f->db, &BAD_SQL, DB_NO_ARGS, NULL), ERR_INTERNAL);
    assert_string_equal(db_sqlstate(f->db), "42601");
    assert_int_equal(db_run(f->db, &ADD, DB_ARGS(db_i64(1)), NULL), OK);
    assert_int_equal(db_run(f->db, &ADD, DB_ARGS(db_i64(1)), NULL), ERR_EXISTS);
    assert_int_equal(db_run(f->db, &ADD, DB_ARGS(db_i64(1000)), NULL), ERR_CONFLICT);
    assert_int_equal(count(f->db), 1);
}

static void
waiting_has_a_limit(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(db_run(f->db, &SLEEP, DB_NO_ARGS, NULL), ERR_DB);
    assert_string_equal(db_sqlstate(f->db), "57014");
    assert_int_equal(count(f->db), 0);
}

static void
a_lost_connection_is_opened_anew(void **state)
{
    struct fixture *f = *state;
    _cleanup_result_ PGresult *rows = NULL;

    assert_int_equal(db_run(f->db, &PID, DB_NO_ARGS, &rows), OK);
    assert_int_equal(db_run(f->other, &KILL, DB_ARGS(db_i32((int32_t)db_get_i64(rows, 0, 0))), NULL), OK);
    for (int try = 0; try < 1000 && db_run(f->db, &COUNT, DB_NO_ARGS, NULL) != OK; try++)
        ;
    assert_int_equal(count(f->db), 0);
}

struct attempt {
    int tries, fail_first;
    enum err err;
    const char *sqlstate;
};

static struct db_fault
fault_add(void *ctx, const char *query)
{
    struct attempt *a = ctx;
    struct db_fault fault = { .kind = DB_FAULT_NONE };

    if (strcmp(query, "add") == 0 && a->tries <= a->fail_first) {
        fault.kind = DB_FAULT_ERROR;
        text_format(fault.sqlstate, sizeof fault.sqlstate, "%s", a->sqlstate);
    }
    return fault;
}

static enum err
add_one(struct db *db, void *ctx)
{
    struct attempt *a = ctx;
    enum err err;

    a->tries++;
    err = db_run(db, &ADD, DB_ARGS(db_i64(7)), NULL);
    return err ? err : a->err;
}

static void
transactions_are_tried_again(void **state)
{
    static const struct {
        struct attempt attempt;
        enum err err;
        int tries, rows;
    } rows[] = {
        { { .sqlstate = "" }, OK, 1, 1 },
        { { .fail_first = 3, .sqlstate = "40001" }, OK, 4, 1 },
        { { .fail_first = 1, .sqlstate = "40P01" }, OK, 2, 1 },
        { { .fail_first = 99, .sqlstate = "40001" }, ERR_BUSY, 8, 0 },
        { { .fail_first = 99, .sqlstate = "53100" }, ERR_DISK, 1, 0 },
        { { .err = ERR_FORBIDDEN, .sqlstate = "" }, ERR_FORBIDDEN, 1, 0 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attempt a = rows[i].attempt;

        db_set_fault(f->db, fault_add, &a);
        assert_int_equal(db_tx(f->db, add_one, &a), rows[i].err);
        assert_int_equal(a.tries, rows[i].tries);
        assert_int_equal(count(f->other), rows[i].rows);
        test_sql(&f->t, "DELETE FROM scratch");
    }
    db_set_fault(f->db, NULL, NULL);
}

static struct db_fault
fault_commit(void *ctx, const char *query)
{
    struct db_fault *fault = ctx;

    return strcmp(query, "COMMIT") == 0 ? *fault : (struct db_fault){ .kind = DB_FAULT_NONE };
}

static void
a_commit_without_answer_is_unknown(void **state)
{
    static const struct {
        struct db_fault fault;
        enum err err;
        int rows;
    } rows[] = {
        { { DB_FAULT_LOST_BEFORE, "" }, ERR_UNKNOWN_OUTCOME, 0 },
        { { DB_FAULT_LOST_AFTER, "" }, ERR_UNKNOWN_OUTCOME, 1 },
        { { DB_FAULT_WARNING, "" }, ERR_UNKNOWN_OUTCOME, 1 },
        { { DB_FAULT_ERROR, "23505" }, ERR_EXISTS, 0 },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct attempt a = { .sqlstate = "" };
        struct db_fault fault = rows[i].fault;

        db_set_fault(f->db, fault_commit, &fault);
        assert_int_equal(db_tx(f->db, add_one, &a), rows[i].err);
        assert_int_equal(a.tries, 1);
        db_set_fault(f->db, NULL, NULL);
        db_disconnect(f->db);
        assert_int_equal(count(f->other), rows[i].rows);
        test_sql(&f->t, "DELETE FROM scratch");
    }
}

static enum err
fly(struct db *db, const int64_t *values, size_t n)
{
    struct db_landed landed[DB_FLIGHT_MAX];
    enum err err = db_connect(db, NULL);

    if (!err)
        err = db_prepare(db, &ADD);
    if (!err)
        err = db_flight_begin(db);
    for (size_t i = 0; !err && i < n; i++)
        err = db_flight_add(db, &ADD, DB_ARGS(db_i64(values[i])));
    if (err)
        return err;
    err = db_flight_land(db, landed);
    for (size_t i = 0; !err && i < n; i++)
        assert_int_equal(landed[i].affected, 1);
    db_landed_clear(landed);
    return err;
}

static void
flights_are_one_transaction(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fly(f->db, (const int64_t[]){ 1, 2, 3 }, 3), OK);
    assert_int_equal(count(f->other), 0);
    assert_int_equal(db_commit(f->db), OK);
    assert_int_equal(count(f->other), 3);
    assert_int_equal(fly(f->db, (const int64_t[]){ 4, 2, 5 }, 3), ERR_EXISTS);
    assert_string_equal(db_failed_query(f->db), "add");
    db_rollback(f->db);
    assert_string_equal(db_sqlstate(f->db), "23505");
    assert_int_equal(count(f->other), 3);
    assert_int_equal(fly(f->db, (const int64_t[]){ 4, 5 }, 2), OK);
    db_rollback(f->db);
    assert_int_equal(count(f->db), 3);
}

static void
migrations_are_forward_only(void **state)
{
    struct fixture *f = *state;
    struct err_detail d = { 0 };

    assert_int_equal(migrate_run(f->t.owner, test_migrations(), NULL, NULL, &d), OK);
    test_sql(&f->t, "UPDATE migration SET sha256 = sha256('edited') WHERE number = 1");
    assert_int_equal(migrate_run(f->t.owner, test_migrations(), NULL, NULL, &d), ERR_CORRUPT);
    assert_non_null(strstr(d.internal, "0001_"));
    test_sql(&f->t, "INSERT INTO migration VALUES (998, 'x', 'x', 0), (999, 'y', 'y', 0)");
    assert_int_equal(migrate_run(f->t.owner, "/nonexistent", NULL, NULL, &d), ERR_IO);
}

/* A database of a superuser's, as scripts/up makes it: whoever migrates owns the table of migrations, kontor_owner the rest. */
static void
migrations_of_another_than_the_owner(void **state)
{
    struct fixture *f = *state;
    struct err_detail d = { 0 };
    char made[512], sql[128];

    assert_true(text_format(sql, sizeof sql, "CREATE DATABASE %s_whole", f->t.name));
    test_sql(&f->t, sql);
    assert_true(text_format(made, sizeof made, "%s dbname=%s_whole", f->t.super, f->t.name));
    if (migrate_run(made, test_migrations(), NULL, NULL, &d) != OK)
        fail_msg("%s", d.internal);
    assert_true(text_format(sql, sizeof sql, "DROP DATABASE %s_whole", f->t.name));
    test_sql(&f->t, sql);
}

static void
every_query_of_the_program_fits(void **state)
{
    struct fixture *f = *state;
    struct err_detail d = { 0 };
    size_t queries;

    if (db_check_queries(f->other, &queries, &d) != OK)
        fail_msg("%s", d.internal);
    assert_true(queries > 70);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_have_classes, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_connection_is_opened_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_are_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_without_answer_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(flights_are_one_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(migrations_are_forward_only, setup, teardown),
        cmocka_unit_test_setup_teardown(migrations_of_another_than_the_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(every_query_of_the_program_fits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
