/* tests/integration/test_overlap.c
 * Batches that overlap: while PostgreSQL works at one, the next is decided on top of it. Whatever becomes of the first, the
 * callers of both get the answer that is true in the end, and the memory is what a fresh start finds (fixture_delete). */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/text.h"
#include "market_fixture.h"

enum { LATE = 4, WAIT_FOR_MS = 10000 };

/* While the first command's batch is sent, four more come. By its COMMIT they must be out of the queue. */
struct scene {
    struct fixture *f;
    const char *query;          /* which of the first batch's statements fails, and how */
    struct db_fault fault;
    atomic_bool armed;
    bool struck, late_sent;
    bool overlapped;            /* at COMMIT nobody waited in the queue any more */
    struct command first, late[LATE];
    struct command seen_first;  /* what it was answered before all was repeated */
};

static struct db_fault
at_query(void *ctx, const char *query)
{
    static const struct db_fault NONE = { .kind = DB_FAULT_NONE };
    struct scene *s = ctx;
    size_t max;

    if (!s->armed)
        return NONE;
    if (strcmp(query, "journal_write") == 0 && !s->late_sent) {
        s->late_sent = true;
        for (size_t i = 0; i < LATE; i++)
            market_send(s->f->m, &s->late[i]);
    }
    if (strcmp(query, "COMMIT") == 0)
        s->overlapped = market_queued(s->f->m, &max) == 0;
    if (s->query == NULL || strcmp(query, s->query) != 0)
        return NONE;
    s->armed = false;
    s->struck = true;
    return s->fault;
}

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    s->f = fixture_new();
    s->f->config.fault = at_query;
    s->f->config.fault_ctx = s;
    fixture_start(s->f);
    fixture_seed(s->f);
    *state = s;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *s = *state;

    s->armed = false;
    fixture_delete(s->f);
    free(s);
    return 0;
}

static int64_t
free_in_fund(struct fixture *f)
{
    char sql[160];

    text_format(sql, sizeof sql, "SELECT posted_credits - posted_debits - held_debits FROM account WHERE index = %llu",
                (unsigned long long)f->w->fund);
    return test_sql_i64(&f->t, sql);
}

static void
when_done(struct command *c)
{
    atomic_bool *done = c->context;

    atomic_store(done, true);
}

/* The first leaves 5 in the fund. Of those that come late the first asks for 3, the second for 4 more (there are only 2 if
 * the first went through), the third is the first command again, the fourth is it with something else in it. */
static void
play(struct scene *s)
{
    int64_t until_ms = monotonic_ms() + WAIT_FOR_MS;
    atomic_bool done[LATE + 1] = { false };
    struct fixture *f = s->f;

    s->first = fixture_move(f, free_in_fund(f) - 5);
    s->first.idem = fixture_key(f);
    s->late[0] = fixture_move(f, 3);
    s->late[0].idem = fixture_key(f);
    s->late[1] = fixture_move(f, 4);
    s->late[1].idem = fixture_key(f);
    s->late[2] = s->late[3] = s->first;
    s->late[3].idem.request = sha256(BYTES("another", 7));
    for (size_t i = 0; i < LATE; i++) {
        s->late[i].complete = when_done;
        s->late[i].context = &done[i];
    }
    s->first.complete = when_done;
    s->first.context = &done[LATE];
    s->struck = s->overlapped = s->late_sent = false;
    s->armed = true;
    market_send(f->m, &s->first);
    for (size_t i = 0; i <= LATE; i++)
        while (!atomic_load(&done[i])) {
            if (monotonic_ms() > until_ms)
                fail_msg("command %zu was not completed", i);
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
    s->armed = false;
    s->seen_first = s->first;
}

static void
repeat(struct scene *s, struct command *c)
{
    for (int try = 0; try < 200; try++) {
        enum err err = fixture_send(s->f, c);

        if (err != ERR_DB && err != ERR_UNKNOWN_OUTCOME && err != ERR_DISK && err != ERR_NOT_LEADER)
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    fail_msg("never: %s", err_wire(c->err));
}

/* As after a first batch that went through. */
static void
check_first_came_first(struct scene *s)
{
    assert_int_equal(s->first.err, OK);
    assert_int_equal(s->late[0].err, OK);
    assert_int_equal(s->late[1].err, ERR_INSUFFICIENT_CREDITS);
    assert_int_equal(s->late[2].err, OK);
    assert_true(s->late[2].answer.index == s->first.answer.index);
    assert_int_equal(s->late[3].err, ERR_KEY_CONFLICT);
    assert_int_equal(free_in_fund(s->f), 2);
}

static void
all_goes_well(void **state)
{
    struct scene *s = *state;
    int64_t size = test_sql_i64(&s->f->t, "SELECT size FROM head");

    play(s);
    assert_true(s->overlapped);
    check_first_came_first(s);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT size FROM head"), size + 2);
    assert_true(s->late[0].batch == s->first.batch + 1);
}

/* Nothing of it was committed, and it is tried again: nobody notices. */
static void
the_first_is_tried_again(void **state)
{
    struct scene *s = *state;

    s->query = "answer_insert";
    s->fault = (struct db_fault){ .kind = DB_FAULT_ERROR, .sqlstate = "53200" };
    play(s);
    assert_true(s->struck);
    check_first_came_first(s);
}

/* Its data is refused: it is set aside, and those behind it are judged as if it had never been. */
static void
the_first_is_poisoned(void **state)
{
    struct scene *s = *state;

    s->query = "journal_write";
    s->fault = (struct db_fault){ .kind = DB_FAULT_ERROR, .sqlstate = "23514" };
    test_sql(&s->f->t, "ALTER TABLE entry ADD CONSTRAINT torture CHECK (amount < 100 OR kind <> 4) NOT VALID");
    play(s);
    assert_true(s->struck);
    assert_int_equal(s->first.err, ERR_POISONED);
    assert_int_equal(s->late[0].err, OK);
    assert_int_equal(s->late[1].err, OK); /* the fund is full of credits */
    assert_int_equal(s->late[2].err, ERR_POISONED);
    assert_int_equal(s->late[3].err, ERR_KEY_CONFLICT);
    test_sql(&s->f->t, "ALTER TABLE entry DROP CONSTRAINT torture");
}

static void
check_after_a_rebuild(struct scene *s, enum err first)
{
    play(s);
    assert_true(s->struck);
    assert_int_equal(s->seen_first.err, first);
    repeat(s, &s->first);
    for (size_t i = 0; i < LATE; i++)
        repeat(s, &s->late[i]);
    check_first_came_first(s);
}

/* A row too few: the memory is thrown away, with it what was decided ahead; repeated with their keys all are done once. */
static void
the_first_does_not_fit(void **state)
{
    struct scene *s = *state;

    s->query = "answer_insert";
    s->fault = (struct db_fault){ .kind = DB_FAULT_COUNT };
    check_after_a_rebuild(s, ERR_DB);
}

/* It was committed, and nobody knows: what was decided ahead was never written. */
static void
the_firsts_outcome_is_unknown(void **state)
{
    struct scene *s = *state;
    int64_t size = test_sql_i64(&s->f->t, "SELECT size FROM head");

    s->query = "COMMIT";
    s->fault = (struct db_fault){ .kind = DB_FAULT_LOST_AFTER };
    check_after_a_rebuild(s, ERR_UNKNOWN_OUTCOME);
    assert_true(s->overlapped);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT size FROM head"), size + 2);
}

/* The line is cut before COMMIT was sent. */
static void
the_first_is_cut_off(void **state)
{
    struct scene *s = *state;

    s->query = "COMMIT";
    s->fault = (struct db_fault){ .kind = DB_FAULT_LOST_BEFORE };
    check_after_a_rebuild(s, ERR_UNKNOWN_OUTCOME);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_goes_well, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_is_poisoned, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_does_not_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(the_firsts_outcome_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_is_cut_off, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
