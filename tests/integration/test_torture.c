/* tests/integration/test_torture.c
 * Each statement of a batch fails in turn, in each way: an error of the data, of the server, of the disk; the line cut
 * before it, and after it; a row too few; a WARNING at COMMIT. Always: all or nothing; each caller gets the answer that is
 * true; repeated with their keys, all end up done exactly once; the audit afterwards is clean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "market_fixture.h"

/* What the sequencer's connection suffers: the `at`-th query of this name from now on. */
struct plan {
    char query[64];
    struct db_fault fault;
    int left;       /* so many times */
    int met;        /* it struck so often */
};

static struct plan the_plan; /* the sequencer asks from its own thread, one batch at a time */

static struct db_fault
fault_now(void *ctx, const char *query)
{
    struct plan *p = ctx;

    if (p->left <= 0 || strcmp(p->query, query) != 0)
        return (struct db_fault){ .kind = DB_FAULT_NONE };
    p->left--;
    p->met++;
    return p->fault;
}

static struct fixture *
begin(void)
{
    struct fixture *f = fixture_new();

    the_plan = (struct plan){ .left = 0 };
    f->config.fault = fault_now;
    f->config.fault_ctx = &the_plan;
    fixture_start(f);
    fixture_seed(f);
    return f;
}

static int
setup(void **state)
{
    *state = begin();
    return 0;
}

static int
teardown(void **state)
{
    the_plan.left = 0;
    fixture_delete(*state);
    return 0;
}

/* A batch with rows in every table: two acceptances, two quotes, a pause, a capacity, a move, a refusal; all with keys. */
enum { BATCH = 8 };

static void
make_batch(struct fixture *f, struct command commands[BATCH])
{
    for (int i = 0; i < 2; i++) {
        struct command quote = fixture_quote(f, i, fixture_uuid(f), 4, 60);

        if (fixture_send(f, &quote) != OK)
            fail_msg("quote: %s %s", err_wire(quote.err), quote.detail.text);
        free((void *)quote.in.quote.ask);
        commands[i] = fixture_accept(f, i, quote.answer.id);
        commands[2 + i] = fixture_quote(f, i, fixture_uuid(f), 4, 60);
    }
    commands[4] = fixture_command(COMMAND_SITE_STATUS);
    commands[4].in.site_status.site = f->w->site[0];
    commands[4].in.site_status.paused = 0;
    commands[5] = fixture_command(COMMAND_CAPACITY);
    commands[5].in.capacity.offering = f->w->offering[0];
    commands[5].in.capacity.nodes = 250000;
    commands[5].in.capacity.brokered_gpus = 900000;
    commands[6] = fixture_move(f, 17);
    commands[7] = fixture_move(f, (int64_t)1 << 60);
    for (size_t i = 0; i < BATCH; i++)
        commands[i].idem = fixture_key(f);
}

static void
free_batch(struct command commands[BATCH])
{
    free((void *)commands[2].in.quote.ask);
    free((void *)commands[3].in.quote.ask);
}

static int64_t
rows(struct fixture *f)
{
    return test_sql_i64(&f->t, "SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM quote)"
                               " + (SELECT count(*) FROM reservation) + (SELECT count(*) FROM ticket)"
                               " + (SELECT count(*) FROM capacity) + (SELECT count(*) FROM answer)");
}

/* Everything is there once: 3 entries, 2 quotes, 2 reservations, 2 tickets, 1 capacity, 8 answers. */
enum { BATCH_ROWS = 3 + 2 + 2 + 2 + 1 + 8 };

static void
check_all_done(struct command commands[BATCH], const char *what)
{
    for (size_t i = 0; i < BATCH; i++) {
        enum err want = i == 7 ? ERR_INSUFFICIENT_CREDITS : OK;

        if (commands[i].err != want)
            fail_msg("%s: command %zu: %s %s", what, i, err_wire(commands[i].err), commands[i].detail.text);
    }
}

/* Until they are done, as callers do that keep their key. */
static void
repeat_until_done(struct fixture *f, struct command commands[BATCH], const char *what)
{
    for (int try = 0; try < 200; try++) {
        bool done = true;

        fixture_send_all(f->m, commands, BATCH);
        for (size_t i = 0; i < BATCH; i++)
            done = done && err_status(commands[i].err) != 503 && err_status(commands[i].err) != 507;
        if (done)
            break;
        usleep(20000);
    }
    check_all_done(commands, what);
}

static const char *const STATEMENTS[] = {
    "BEGIN", "journal_write", "quote_insert", "quote_update", "quote_answer_insert", "reservation_insert", "site_status_update",
    "ticket_insert", "capacity_insert", "answer_insert", "COMMIT",
};

struct trial {
    const char *why;
    struct db_fault fault;
    int times;
    bool at_commit;         /* also a fault of COMMIT */
    bool served;            /* callers notice nothing: it is tried again and works */
    enum err err;           /* else what they get */
};

static void
run_trial(struct fixture *f, const struct trial *t, const char *statement)
{
    struct command commands[BATCH];
    bool commit = strcmp(statement, "COMMIT") == 0;
    bool unknown = commit && t->fault.kind != DB_FAULT_NONE;
    int64_t before, after;
    char what[128];

    text_format(what, sizeof what, "%s at %s", t->why, statement);
    make_batch(f, commands);
    before = rows(f);
    the_plan = (struct plan){ .fault = t->fault };
    text_format(the_plan.query, sizeof the_plan.query, "%s", statement);
    the_plan.left = t->times;
    fixture_send_all(f->m, commands, BATCH);
    the_plan.left = 0;
    if (the_plan.met == 0)
        fail_msg("%s: the fault was never met", what);
    after = rows(f);
    if (t->served && !unknown) {
        check_all_done(commands, what);
        assert_int_equal(after - before, BATCH_ROWS);
    } else {
        size_t failed = 0;

        for (size_t i = 0; i < BATCH; i++)
            failed += commands[i].err == (unknown ? ERR_UNKNOWN_OUTCOME : t->err);
        if (failed == 0)
            fail_msg("%s: nobody was told: %s", what, err_wire(commands[0].err));
        if (failed == BATCH && after - before != 0 && (!unknown || after - before != BATCH_ROWS))
            fail_msg("%s: %d rows of %d", what, (int)(after - before), BATCH_ROWS);
    }
    fixture_wait(f->m, MARKET_LEADING);
    repeat_until_done(f, commands, what);
    if (rows(f) - before != BATCH_ROWS)
        fail_msg("%s: repeated, there are %d rows of %d", what, (int)(rows(f) - before), BATCH_ROWS);
    free_batch(commands);
}

static void
each_statement_fails_in_each_way(void **state)
{
    static const struct trial trials[] = {
        { "serialization", { DB_FAULT_ERROR, "40001" }, 1, true, true, OK },
        { "server stops", { DB_FAULT_ERROR, "57P03" }, 1, true, true, OK },
        { "line cut before", { DB_FAULT_LOST_BEFORE, "" }, 1, true, true, OK },
        { "line cut after", { DB_FAULT_LOST_AFTER, "" }, 1, true, true, OK },
        { "server error, thrice", { DB_FAULT_ERROR, "XX000" }, 3, false, false, ERR_DB },
        { "disk full, thrice", { DB_FAULT_ERROR, "53100" }, 3, false, false, ERR_DISK },
        { "a row too few", { DB_FAULT_COUNT, "" }, 1, false, false, ERR_DB },
        { "warning", { DB_FAULT_WARNING, "" }, 1, true, true, OK },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++)
        for (size_t k = 0; k < sizeof STATEMENTS / sizeof STATEMENTS[0]; k++) {
            bool commit = strcmp(STATEMENTS[k], "COMMIT") == 0;

            if (commit ? !trials[i].at_commit : trials[i].fault.kind == DB_FAULT_WARNING)
                continue;
            if (trials[i].fault.kind == DB_FAULT_COUNT && strcmp(STATEMENTS[k], "BEGIN") == 0)
                continue;
            run_trial(f, &trials[i], STATEMENTS[k]);
        }
}

/* Data that some statement cannot store: the others of its batch are served, the culprit is set aside for good. */
static void
the_culprit_is_found(void **state)
{
    enum { N = 64, CULPRIT = 37 };
    struct fixture *f = *state;
    struct command commands[N], again;
    int64_t size = test_sql_i64(&f->t, "SELECT size FROM head");

    test_sql(&f->t, "ALTER TABLE entry ADD CONSTRAINT torture CHECK (amount <> 123456789)");
    for (size_t i = 0; i < N; i++) {
        commands[i] = fixture_move(f, i == CULPRIT ? 123456789 : 1000 + (int64_t)i);
        commands[i].idem = fixture_key(f);
    }
    again = commands[CULPRIT];
    fixture_send_all(f->m, commands, N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(commands[i].err, i == CULPRIT ? ERR_POISONED : OK);
    assert_int_equal(test_sql_i64(&f->t, "SELECT size FROM head"), size + N - 1);
    test_sql(&f->t, "ALTER TABLE entry DROP CONSTRAINT torture");
    assert_int_equal(fixture_send(f, &again), ERR_POISONED); /* its key says so, also when it would work */
    assert_int_equal(test_sql_i64(&f->t, "SELECT count(*) FROM answer WHERE err = 'poisoned'"), 1);
    again = fixture_move(f, 5);
    assert_int_equal(fixture_send(f, &again), OK);
}

/* PostgreSQL goes away under load and comes back. */
static void
the_server_dies_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct command commands[BATCH];
    char kill[512], start[512];
    int64_t before;

    text_format(kill, sizeof kill, "%s/kill", getenv("KONTOR_TEST_PG_DIR"));
    text_format(start, sizeof start, "%s/start", getenv("KONTOR_TEST_PG_DIR"));
    for (int round = 0; round < 3; round++) {
        make_batch(f, commands);
        before = rows(f);
        assert_int_equal(system(kill), 0);
        fixture_send_all(f->m, commands, BATCH);
        for (size_t i = 0; i < BATCH; i++)
            assert_int_equal(err_status(commands[i].err), 503);
        fixture_wait(f->m, MARKET_TROUBLED);
        assert_int_equal(system(start), 0);
        fixture_wait(f->m, MARKET_LEADING);
        repeat_until_done(f, commands, "after the server died");
        assert_int_equal(rows(f) - before, BATCH_ROWS);
        free_batch(commands);
    }
}

/* An old leader that is slow to notice, and a new one: all that either says is done is done, once. */
static void
two_sequencers_one_journal(void **state)
{
    enum { ROUNDS = 20, N = 50 };
    struct fixture *f = *state;
    struct market_config config = f->config;
    struct market *second;
    int64_t sum = test_sql_i64(&f->t, "SELECT coalesce(sum(amount), 0) FROM entry WHERE kind = 4"), done = 0;

    config.fault = NULL;
    config.on_commit = NULL;
    assert_int_equal(market_start(&config, &second, NULL), OK);
    for (int round = 0; round < ROUNDS; round++) {
        struct command commands[2][N];

        for (size_t i = 0; i < N; i++) {
            commands[0][i] = fixture_move(f, 1);
            commands[1][i] = fixture_move(f, 1);
        }
        if (round % 5 == 2) /* whoever leads loses its lease, and the other may take it */
            test_sql(&f->t, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
        fixture_send_all(f->m, commands[0], N);
        fixture_send_all(second, commands[1], N);
        for (size_t i = 0; i < N; i++) {
            done += commands[0][i].err == OK;
            done += commands[1][i].err == OK;
        }
    }
    assert_int_equal(test_sql_i64(&f->t, "SELECT sum(amount) FROM entry WHERE kind = 4") - sum, done);
    assert_true(done >= N);
    market_stop(second);
    fixture_wait(f->m, MARKET_LEADING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_statement_fails_in_each_way, setup, teardown),
        cmocka_unit_test_setup_teardown(the_culprit_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_dies_and_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(two_sequencers_one_journal, setup, teardown),
    };

    alarm(600); /* a test that hangs is a test that fails */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
