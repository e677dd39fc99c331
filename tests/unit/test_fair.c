/* tests/unit/test_fair.c: the workers' queue: shares take turns, a share has its bounds, nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/internal.h"

enum { CROWD = 1000, FEW = 30 };

static struct call calls[CROWD + 8];

static struct call *
call_of(size_t i, uint64_t share)
{
    calls[i] = (struct call){ .share = share };
    return &calls[i];
}

static void
take_is(struct fair *f, uint64_t share)
{
    struct call *call = fair_take(f);

    assert_non_null(call);
    assert_int_equal(call->share, share);
    assert_null(call->next);
}

/* Behind many of one, another's call is the next but one. */
static void
nobody_waits_for_a_crowd(void **state)
{
    struct fair *f = fair_new(10000, 10000);

    (void)state;
    fair_workers(f, 100);
    for (size_t i = 0; i < FEW; i++)
        assert_int_equal(fair_put(f, call_of(i, 7)), OK);
    assert_int_equal(fair_put(f, call_of(CROWD, 8)), OK);
    assert_int_equal(fair_put(f, call_of(CROWD + 1, 9)), OK);
    assert_int_equal(fair_put(f, call_of(CROWD + 2, 8)), OK);
    assert_int_equal(fair_count(f), FEW + 3);
    take_is(f, 7);
    take_is(f, 8);
    take_is(f, 9);
    take_is(f, 7);
    take_is(f, 8);
    take_is(f, 7);
    take_is(f, 7);
    fair_delete(f);
}

/* A thousand of one while another is about: one each ten milliseconds, and the other's whenever it comes. */
static void
a_flood_is_held_back(void **state)
{
    struct fair *f = fair_new(10000, 10000);
    struct call *call = NULL;
    int64_t begun_us;

    (void)state;
    fair_workers(f, 100);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(fair_put(f, call_of(i, 7)), OK);
    for (size_t i = 0; i < 5; i++)
        take_is(f, 7); /* alone */
    assert_int_equal(fair_put(f, call_of(CROWD, 8)), OK);
    take_is(f, 8);
    begun_us = monotonic_us();
    for (size_t taken = 0; taken < 5 && monotonic_us() - begun_us < 10000000;) {
        call = fair_take(f);
        taken += call != NULL;
        if (call == NULL)
            assert_true(fair_held_us(f) > 0 && fair_held_us(f) <= 10000);
    }
    assert_non_null(call);
    assert_true(monotonic_us() - begun_us >= 4 * 10000);
    fair_delete(f);
}

/* Each share's own order is kept. */
static void
first_come_first_within_a_share(void **state)
{
    struct fair *f = fair_new(100, 100);

    (void)state;
    fair_workers(f, 100);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fair_put(f, call_of(i, i % 2)), OK);
    for (size_t i = 0; i < 10; i++)
        assert_ptr_equal(fair_take(f), &calls[i]);
    assert_null(fair_take(f));
    for (size_t i = 0; i < 10; i++)
        fair_done(f, i % 2);
    fair_delete(f);
}

static void
a_share_leaves_workers_for_others(void **state)
{
    struct fair *f = fair_new(100, 100);

    (void)state;
    fair_workers(f, 4);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fair_put(f, call_of(i, 1)), OK);
    for (int i = 0; i < 3; i++)
        take_is(f, 1);
    assert_null(fair_take(f)); /* alone: all but one */
    fair_done(f, 1);
    fair_done(f, 1);
    assert_int_equal(fair_put(f, call_of(20, 2)), OK);
    take_is(f, 1);
    take_is(f, 2);
    assert_null(fair_take(f)); /* with another about: half */
    fair_done(f, 2);
    fair_done(f, 1);
    take_is(f, 1);
    fair_delete(f);
    f = fair_new(100, 100);
    fair_workers(f, 1); /* one worker serves all the same */
    assert_int_equal(fair_put(f, call_of(0, 1)), OK);
    assert_int_equal(fair_put(f, call_of(1, 2)), OK);
    take_is(f, 1);
    fair_done(f, 1);
    take_is(f, 2);
    fair_done(f, 2);
    assert_int_equal(fair_count(f), 0);
    fair_delete(f);
}

/* Who finds no room comes again one after the other, as fast as the queue was emptied, within half a minute. */
static void
a_crowd_is_told_different_times(void **state)
{
    struct fair *f = fair_new(CROWD, 10);
    int most = 0, again;

    (void)state;
    fair_workers(f, 100);
    assert_int_equal(fair_again_s(f), 1); /* nothing was measured: soon */
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(fair_put(f, call_of(i, 7)), OK);
    for (size_t i = 0; i < 9; i++) {
        take_is(f, 7);
        usleep(20000);
    }
    for (int i = 0; i < 2000; i++) { /* at 20 ms each, two at once, twenty seconds; the mean is on its way there */
        again = fair_again_s(f);
        most = again > most ? again : most;
    }
    assert_in_range(most, 5, 31);
    for (int i = 0; i < 20000; i++)
        assert_in_range(fair_again_s(f), 1, 31);
    fair_delete(f);
}

static void
it_is_bounded(void **state)
{
    struct fair *f = fair_new(10, 6);

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(fair_put(f, call_of(i, 1)), OK);
    assert_int_equal(fair_put(f, call_of(6, 1)), ERR_RATE_LIMITED);
    for (size_t i = 6; i < 10; i++)
        assert_int_equal(fair_put(f, call_of(i, 2)), OK);
    assert_int_equal(fair_put(f, call_of(10, 3)), ERR_BUSY);
    assert_int_equal(fair_count(f), 10);
    fair_delete(f);
}

/* On the socket thread itself: as much as one likes while alone, little of it while others are about. */
static void
only_the_lone_are_brisk(void **state)
{
    struct brisk *b = brisk_new();
    int granted = 0;

    (void)state;
    for (int i = 0; i < CROWD; i++)
        assert_true(brisk_may(b, 7, 5000 + i));
    brisk_note(b, 8, 6000);
    for (int i = 0; i < CROWD; i++)
        granted += brisk_may(b, 7, 6001 + i); /* in a second */
    assert_in_range(granted, 100, CROWD * 6 / 10);
    granted = 0;
    brisk_note(b, 8, 8000);
    for (int i = 0; i < CROWD; i++)
        granted += brisk_may(b, 7, 8000); /* in a moment */
    assert_in_range(granted, 1, 100);
    assert_true(brisk_may(b, 8, 8000)); /* the other is not held back */
    assert_true(brisk_may(b, 7, 8100)); /* nor is who asked in a crowd, later */
    for (int i = 0; i < CROWD; i++)
        assert_true(brisk_may(b, 7, 9200 + i)); /* alone again */
    brisk_delete(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_a_crowd),
        cmocka_unit_test(a_flood_is_held_back),
        cmocka_unit_test(first_come_first_within_a_share),
        cmocka_unit_test(a_share_leaves_workers_for_others),
        cmocka_unit_test(a_crowd_is_told_different_times),
        cmocka_unit_test(it_is_bounded),
        cmocka_unit_test(only_the_lone_are_brisk),
    };

    return cmocka_run_group_tests_name("fair", tests, NULL, NULL);
}
