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
#include "torture_kinds.h"

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

static struct db_fault watch(void *ctx, const char *query);

static struct fixture *
begin(void)
{
    struct fixture *f = fixture_new();

    the_plan = (struct plan){ .left = 0 };
    f->config.fault = watch;
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

/* ---- every statement of every kind of command ---------------------------------------------------------------------- */

enum { TORTURED = 3, STATEMENTS_MAX = 64 };

/* What a batch of one tortured command and two others does when nothing fails. */
struct plan_of_kind {
    char statements[STATEMENTS_MAX][64];
    size_t n;
    int64_t rows;
};

static struct plan_of_kind seen; /* filled by the sequencer's thread while `watching` */
static bool watching;

static struct db_fault
watch(void *ctx, const char *query)
{
    if (watching && seen.n < STATEMENTS_MAX)
        text_format(seen.statements[seen.n++], sizeof seen.statements[0], "%s", query);
    return fault_now(ctx, query);
}

struct trial {
    const char *why;
    struct db_fault fault;
    int times;
    bool served;  /* callers notice nothing: it is tried again and works */
    bool culprit; /* always the data: who needs the statement is set aside, the others are served */
};

static const struct trial TRIALS[] = {
    { "serialization", { DB_FAULT_ERROR, "40001" }, 1, true, false },
    { "server stops", { DB_FAULT_ERROR, "57P03" }, 1, true, false },
    { "data, once", { DB_FAULT_ERROR, "23514" }, 1, false, true },
    { "line cut before", { DB_FAULT_LOST_BEFORE, "" }, 1, true, false },
    { "line cut after", { DB_FAULT_LOST_AFTER, "" }, 1, true, false },
    { "server error, thrice", { DB_FAULT_ERROR, "XX000" }, 3, false, false },
    { "disk full, thrice", { DB_FAULT_ERROR, "53100" }, 3, false, false },
    { "data, always", { DB_FAULT_ERROR, "22003" }, 1000, false, true },
    { "a row too few", { DB_FAULT_COUNT, "" }, 1, false, false },
    { "warning", { DB_FAULT_WARNING, "" }, 1, true, false },
};
enum { TRIALS_N = sizeof TRIALS / sizeof TRIALS[0] };

/* Every row of the database but the answers, which remember refusals too, and the head, which counts batches. */
static int64_t
all_rows(struct fixture *f)
{
    return test_sql_i64(&f->t, "SELECT (SELECT size FROM head) + (SELECT count(*) FROM entry) + (SELECT count(*) FROM account)"
                               " + (SELECT count(*) FROM quote) + (SELECT count(*) FROM quote_answer)"
                               " + (SELECT count(*) FROM reservation) + (SELECT count(*) FROM ticket)"
                               " + (SELECT count(*) FROM report) + (SELECT count(*) FROM capacity)");
}

/* The command, and before and after it one of another caller. */
static void
make_tortured(struct kinds *k, const struct kind *kind, struct command commands[TORTURED])
{
    kind->make(k, &commands[1]);
    commands[0] = fixture_move(k->f, 11);
    commands[2] = fixture_move(k->f, 13);
    for (size_t i = 0; i < TORTURED; i++)
        if (i != 1 || kind->keyed)
            commands[i].idem = fixture_key(k->f);
}

static void
check_served(const struct command commands[TORTURED], const char *what)
{
    for (size_t i = 0; i < TORTURED; i++)
        if (commands[i].err != OK)
            fail_msg("%s: command %zu: %s %s %s", what, i, err_wire(commands[i].err), commands[i].detail.text,
                     commands[i].detail.internal);
}

static void
untroubled(struct kinds *k, const struct kind *kind)
{
    struct command commands[TORTURED];
    int64_t before;

    make_tortured(k, kind, commands);
    before = all_rows(k->f);
    seen = (struct plan_of_kind){ .n = 0 };
    watching = true;
    fixture_send_all(k->f->m, commands, TORTURED);
    watching = false;
    check_served(commands, kind->name);
    seen.rows = all_rows(k->f) - before;
    kinds_free(&commands[1]);
}

/* The callers ask again, those with a key under their key, until all is done; then it is done once. */
static void
ask_again(struct kinds *k, struct command commands[TORTURED], int64_t before, bool twice, const char *what)
{
    int64_t more;

    fixture_wait(k->f->m, MARKET_LEADING);
    for (int try = 0;; try++) {
        size_t left = 0;

        for (size_t i = 0; i < TORTURED; i++) {
            if (commands[i].err == ERR_POISONED) { /* its key says so for good: the caller takes another */
                commands[i].idem = commands[i].idem.present ? fixture_key(k->f) : commands[i].idem;
                commands[i].stage = COMMAND_FRESH;
            }
            if (commands[i].err != OK)
                left += fixture_send(k->f, &commands[i]) != OK;
        }
        if (left == 0)
            break;
        if (try == 200)
            check_served(commands, what);
        usleep(10000);
    }
    more = all_rows(k->f) - before;
    if (more != seen.rows && !(twice && more == seen.rows + seen.rows - 4)) /* the others' moves: an entry each, in two sums */
        fail_msg("%s: asked again, there are %d rows, not %d", what, (int)more, (int)seen.rows);
}

/* Did every caller hear the truth? */
static void
check_truth(struct kinds *k, const struct trial *t, const struct command commands[TORTURED], int64_t rows_more, bool commit,
            const char *what)
{
    size_t well = 0;

    (void)k;
    for (size_t i = 0; i < TORTURED; i++) {
        int status = commands[i].err ? err_status(commands[i].err) : 200;

        well += commands[i].err == OK;
        if (status != 200 && status != 503 && status != 507 && commands[i].err != ERR_POISONED)
            fail_msg("%s: command %zu was told %s %s", what, i, err_wire(commands[i].err), commands[i].detail.internal);
        if ((status == 503 || status == 507) && commands[i].detail.retry_after_s <= 0)
            fail_msg("%s: command %zu was not told when to try again", what, i);
        if (t->served && !commit && status != 200)
            fail_msg("%s: command %zu was not served: %s", what, i, err_wire(commands[i].err));
        if (commands[i].err == ERR_POISONED && !t->culprit)
            fail_msg("%s: command %zu is no culprit", what, i);
    }
    if (well == TORTURED && rows_more != seen.rows)
        fail_msg("%s: all were told that it is done, but there are %d rows, not %d", what, (int)rows_more, (int)seen.rows);
    /* The three may have come in two batches, of which only the first was committed; ask_again() counts them all. */
    if (well == 0 && rows_more != 0 && (!commit || rows_more > seen.rows))
        fail_msg("%s: nobody was told, but there are %d rows of %d", what, (int)rows_more, (int)seen.rows);
}

/* False if the fault was never met: the statement is not needed when it is another batch's turn. */
static bool
run_trial(struct kinds *k, const struct kind *kind, const struct trial *t, const char *statement)
{
    struct command commands[TORTURED];
    bool commit = strcmp(statement, "COMMIT") == 0 && t->fault.kind != DB_FAULT_NONE;
    int64_t before;
    char what[192];

    text_format(what, sizeof what, "%s: %s at %s", kind->name, t->why, statement);
    make_tortured(k, kind, commands);
    before = all_rows(k->f);
    the_plan = (struct plan){ .fault = t->fault };
    text_format(the_plan.query, sizeof the_plan.query, "%s", statement);
    the_plan.left = t->times;
    fixture_send_all(k->f->m, commands, TORTURED);
    the_plan.left = 0;
    check_truth(k, t, commands, all_rows(k->f) - before, commit, what);
    ask_again(k, commands, before, kind->twice, what);
    kinds_free(&commands[1]);
    return the_plan.met > 0;
}

/* What is in memory is what a fresh start finds. */
static void
compare_with_rebuilt(struct fixture *f, const char *what)
{
    struct fixture_summary before = fixture_summary(f->m), after;

    fixture_stop(f);
    fixture_start(f);
    after = fixture_summary(f->m);
    if (memcmp(&before, &after, sizeof before) != 0)
        fail_msg("after %s: the memory was not what the database has", what);
}

static bool
fits(const struct trial *t, const char *statement)
{
    bool commit = strcmp(statement, "COMMIT") == 0;

    if (t->fault.kind == DB_FAULT_WARNING)
        return commit;
    if (t->fault.kind == DB_FAULT_COUNT)
        return !commit && strcmp(statement, "BEGIN") != 0 && strcmp(statement, "answers_find_all") != 0;
    return !t->culprit || (!commit && strcmp(statement, "BEGIN") != 0 && strcmp(statement, "answers_find_all") != 0);
}

static size_t
torture_kind(struct kinds *k, const struct kind *kind, size_t turn, bool all)
{
    struct plan_of_kind plan;
    size_t trials = 0;

    untroubled(k, kind);
    plan = seen;
    for (size_t s = 0; s < plan.n; s++)
        for (size_t i = 0; i < TRIALS_N; i++) {
            bool commit = strcmp(plan.statements[s], "COMMIT") == 0;
            bool slow = commit || TRIALS[i].times == 3; /* takes up to a second until it works again */

            /* In the short form each statement of each kind fails in some ways: over the kinds, in all. */
            if (!fits(&TRIALS[i], plan.statements[s]) || !(all || (s + i + turn) % (slow ? 8 : 3) == 0))
                continue;
            seen = plan;
            trials += run_trial(k, kind, &TRIALS[i], plan.statements[s]);
            if (all)
                compare_with_rebuilt(k->f, kind->name);
        }
    compare_with_rebuilt(k->f, kind->name);
    return trials;
}

static void
each_statement_of_each_command_fails_in_each_way(void **state)
{
    struct fixture *f = *state;
    bool kinds[COMMAND_KINDS] = { false }, all = getenv("KONTOR_TORTURE_LONG") != NULL;
    struct kinds k = { .f = f, .first_key = f->w->site_key[1] };
    const char *only = getenv("KONTOR_TORTURE_ONLY");
    size_t trials = 0;

    for (size_t i = 0; i < KINDS_N; i++) {
        if (only != NULL && strcmp(only, KINDS[i].name) != 0)
            continue;
        trials += torture_kind(&k, &KINDS[i], i, all);
        kinds[KINDS[i].kind] = true;
    }
    printf("# %zu commands of %d kinds, %zu trials\n", KINDS_N, COMMAND_KINDS, trials);
    for (int i = 0; only == NULL && i < COMMAND_KINDS; i++)
        if (!kinds[i])
            fail_msg("no command of kind %d was tortured: torture_kinds.c has none", i);
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
        cmocka_unit_test_setup_teardown(each_statement_of_each_command_fails_in_each_way, setup, teardown),
        cmocka_unit_test_setup_teardown(the_culprit_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_dies_and_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(two_sequencers_one_journal, setup, teardown),
    };

    alarm(getenv("KONTOR_TORTURE_LONG") != NULL ? 3600 : 600); /* a test that hangs is a test that fails */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
