/* tests/unit/test_share.c: shares against cases worked by hand: a grant of 1,000,000 gpums over 1,000 ms, so that 1,000
 * accrue each ms, and a half-life of 100 ms unless a case says otherwise. */
#include "core/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct share_terms terms = {
    .granted_gpums = 1000000, .start_ms = 5000, .end_ms = 6000, .half_life_ms = 100
};

static void
what_was_used_counts_half_after_a_half_life(void **unused)
{
    static const struct { int64_t amount, age_ms, half_life_ms, want; } rows[] = {
        { 800, 0, 100, 800 },      { 800, -5, 100, 800 },  /* a clock that is a little behind */
        { 800, 100, 100, 400 },    { 800, 200, 100, 200 },
        { 800, 50, 100, 600 },     /* half way from 800 to 400 */
        { 800, 150, 100, 300 },    { 800, 125, 100, 350 },
        { 801, 100, 100, 400 },    /* 400.5, rounded down */
        { 800, 1000, 100, 0 },     /* 800 / 1024 */
        { 800, 7, 0, 800 },        { 0, 70, 100, 0 },
        { INT64_C(1) << 62, 0, 100, INT64_C(1) << 62 },
        { INT64_C(1) << 62, 6100, 100, 2 },
        { INT64_C(1) << 62, 6200, 100, 0 }, { INT64_MAX, INT64_MAX, 1, 0 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(share_weigh(rows[i].amount, rows[i].age_ms, rows[i].half_life_ms), rows[i].want);
}

static void
what_accrues_paces_the_grant_to_its_end(void **unused)
{
    static const struct { int64_t at_ms, plain, weighed; } rows[] = {
        { 4000, 0, 0 },
        { 5000, 0, 0 },
        { 5050, 50000, 43750 },    /* 50 ms at weights 1 to 3/4: 50 x 7/8 */
        { 5100, 100000, 75000 },   /* 100 ms at 1 to 1/2 */
        { 5200, 200000, 112500 },  /* and 100 ms at 1/2 to 1/4 */
        { 5250, 250000, 123437 },  /* and 50 ms at 1/4 to 3/16: 50 x 7/32 = 10.9375 */
        { 6000, 1000000, 149853 }, /* 150 x (1 - 2^-10) */
        { 6100, 1000000, 74926 },  /* nothing accrues after the end, what did counts half: 74.926… */
        { 6200, 1000000, 37463 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct share_terms plain = terms;

        plain.half_life_ms = 0;
        assert_int_equal(share_accrued(&plain, rows[i].at_ms), rows[i].plain);
        assert_int_equal(share_accrued(&terms, rows[i].at_ms), rows[i].weighed);
    }
}

/* As large as they come: the whole of 2^62 gpums over three years, with a half-life of thirty days and of three years. */
static void
large_grants_do_not_overflow(void **unused)
{
    const int64_t day_ms = 86400000, years_ms = 1096 * day_ms, all = INT64_C(1) << 62;
    struct share_terms t = { .granted_gpums = all, .end_ms = years_ms };

    (void)unused;
    assert_int_equal(share_accrued(&t, years_ms), all);
    assert_int_equal(share_accrued(&t, years_ms / 2), all / 2);
    t.half_life_ms = years_ms;
    assert_int_equal(share_accrued(&t, years_ms), all / 4 * 3);
    t.half_life_ms = 30 * day_ms;
    assert_in_range(share_accrued(&t, years_ms), all / 1096 * 44, all / 1096 * 45); /* 1.5 half-lives are 45 days */
    assert_int_equal(share_milli(all, 1), SHARE_MOST);
}

static void
the_dominant_share_is_that_of_the_class_most_used(void **unused)
{
    struct share_class classes[3] = { { 0 } };
    struct share s;

    (void)unused;
    s = share_of(&terms, classes, 3, 5000);
    assert_int_equal(s.used_milli, SHARE_NONE); /* nothing has accrued */
    assert_int_equal(s.dominant_milli, SHARE_NONE);
    s = share_of(&terms, classes, 0, 5100);
    assert_int_equal(s.used_milli, 0);
    assert_int_equal(s.dominant_milli, 0);

    share_add(&classes[1], 20000, 1000, 0, 100);  /* held */
    share_add(&classes[1], 10000, 1000, 100, 100); /* paid a half-life ago: 5,000 */
    share_add(&classes[2], 24000, 2000, 0, 100);
    assert_int_equal(classes[1].gpu_seconds, 30);
    assert_int_equal(classes[2].gpu_seconds, 12);
    s = share_of(&terms, classes, 3, 5200);
    assert_int_equal(s.committed_gpums, 54000);
    assert_int_equal(s.accrued_gpums, 200000);
    assert_int_equal(s.used_milli, 270);
    assert_int_equal(s.weighed_accrued_gpums, 112500);
    assert_int_equal(s.dominant, 1);
    assert_int_equal(s.dominant_milli, 223); /* 25,000 / 112,500 = 0.2222…, rounded up */
    share_add(&classes[2], 1000, 2000, 0, 100);
    assert_int_equal(share_of(&terms, classes, 3, 5200).dominant, 1); /* of equals the first */
    share_add(&classes[2], 1, 1, 0, 100);
    assert_int_equal(share_of(&terms, classes, 3, 5200).dominant, 2);
}

/* Who uses in each ms what accrues in it stands at 1 at any time, with decay and without; who did so and then stopped sinks. */
static void
who_keeps_pace_stands_at_one(void **unused)
{
    struct share s;

    (void)unused;
    for (int64_t now_ms = 5010; now_ms <= 6000; now_ms += 45) {
        struct share_class c = { 0 };

        for (int64_t at_ms = 5000; at_ms < now_ms; at_ms++)
            share_add(&c, 1000, 1000, now_ms - at_ms, 100);
        s = share_of(&terms, &c, 1, now_ms);
        assert_int_equal(s.used_milli, 1000);
        assert_in_range(s.dominant_milli, 990, 1000);
    }
    struct share_class c = { 0 };

    for (int64_t at_ms = 5000; at_ms < 5300; at_ms++)
        share_add(&c, 1000, 1000, 5600 - at_ms, 100);
    s = share_of(&terms, &c, 1, 5600);
    assert_int_equal(s.used_milli, 500);
    assert_in_range(s.dominant_milli, 105, 115); /* about 1/8 of 131 of 147 */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_used_counts_half_after_a_half_life),
        cmocka_unit_test(what_accrues_paces_the_grant_to_its_end),
        cmocka_unit_test(large_grants_do_not_overflow),
        cmocka_unit_test(the_dominant_share_is_that_of_the_class_most_used),
        cmocka_unit_test(who_keeps_pace_stands_at_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
