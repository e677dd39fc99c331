/* tests/unit/test_histogram.c: each value is counted once, in its range. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/histogram.h"

static void
values_fall_into_ranges(void **state)
{
    static const struct { int64_t value; size_t range; } ROWS[] = {
        { -5, 0 }, { 0, 0 }, { 1, 0 }, { 2, 1 }, { 3, 2 }, { 5, 2 }, { 6, 3 }, { 1000, 9 }, { 1001, 10 }, { INT64_MAX / 4, 10 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct histogram h = { 0 };
        uint64_t counts[HISTOGRAM_MAX + 1], sum;

        histogram_add(&h, &HISTOGRAM_COUNT, ROWS[i].value);
        histogram_read(&h, &HISTOGRAM_COUNT, counts, &sum);
        for (size_t k = 0; k <= HISTOGRAM_COUNT.n; k++)
            assert_int_equal(counts[k], k >= ROWS[i].range);
        assert_int_equal(sum, ROWS[i].value < 0 ? 0 : ROWS[i].value);
    }
}

static void
bounds_rise(void **state)
{
    const struct histogram_bounds *const all[] = { &HISTOGRAM_TIME, &HISTOGRAM_COUNT };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_in_range(all[i]->n, 1, HISTOGRAM_MAX);
        for (size_t k = 1; k < all[i]->n; k++)
            assert_true(all[i]->at[k] > all[i]->at[k - 1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_fall_into_ranges),
        cmocka_unit_test(bounds_rise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
