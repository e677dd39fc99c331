/* tests/unit/test_idle.c: where GPUs' time went, against cases worked by hand: 10 GPUs of which 6 are offered, from 100 to 200. */
#include "core/idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 6 };
static const struct {
    const char *why;
    struct idle_change more[MAX];
    struct idle want; /* all, booked, free, down, maintenance, unoffered */
} rows[] = {
    { "nothing else", { { 0 } }, { 1000, 0, 600, 0, 0, 400 } },
    { "half the time booked", { { 150, IDLE_BOOKED, 2 } }, { 1000, 100, 500, 0, 0, 400 } },
    { "booked before and after", { { 0, IDLE_BOOKED, 6 }, { 300, IDLE_BOOKED, -6 } }, { 1000, 600, 0, 0, 0, 400 } },
    { "given back", { { 110, IDLE_BOOKED, 5 }, { 120, IDLE_BOOKED, -5 } }, { 1000, 50, 550, 0, 0, 400 } },
    { "in maintenance", { { 150, IDLE_OFFERED, -2 }, { 150, IDLE_MAINTENANCE, 2 } }, { 1000, 0, 500, 0, 100, 400 } },
    { "down and in maintenance", { { 100, IDLE_OFFERED, -3 }, { 100, IDLE_MAINTENANCE, 2 }, { 100, IDLE_DOWN, 1 } }, { 1000, 0, 300, 100, 200, 400 } },
    { "more away than there is left", { { 100, IDLE_OFFERED, -6 }, { 100, IDLE_MAINTENANCE, 9 }, { 100, IDLE_DOWN, 4 } }, { 1000, 0, 0, 400, 600, 0 } },
    { "booked on what was taken out since", { { 100, IDLE_BOOKED, 6 }, { 150, IDLE_OFFERED, -6 }, { 150, IDLE_DOWN, 6 } }, { 1000, 600, 0, 200, 0, 200 } },
    { "more booked than there is", { { 100, IDLE_BOOKED, 12 } }, { 1200, 1200, 0, 0, 0, 0 } },
    { "more offered than there is", { { 100, IDLE_OFFERED, 6 } }, { 1200, 0, 1200, 0, 0, 0 } },
    { "over before it begins, or after its end", { { 90, IDLE_BOOKED, 3 }, { 95, IDLE_BOOKED, -3 }, { 200, IDLE_BOOKED, 3 } }, { 1000, 0, 600, 0, 0, 400 } },
};

static void
the_parts_are_the_whole(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct idle_change list[MAX + 2] = { { 50, IDLE_ALL, 10 }, { 60, IDLE_OFFERED, 6 } };
        struct idle sum = { 0 };

        memcpy(list + 2, rows[i].more, sizeof rows[i].more);
        idle_sum(list, MAX + 2, 100, 200, &sum);
        if (memcmp(&sum, &rows[i].want, sizeof sum) != 0)
            print_error("%s\n", rows[i].why);
        assert_memory_equal(&sum, &rows[i].want, sizeof sum);
        assert_int_equal(sum.all, sum.booked + sum.free + sum.down + sum.maintenance + sum.unoffered);
    }
}

static void
what_is_beyond_sense_stays_a_number(void **unused)
{
    struct idle_change list[] = { { 0, IDLE_ALL, INT64_MAX / 2 } };
    struct idle sum = { .all = 7 };

    (void)unused;
    idle_sum(list, 1, 0, 0, &sum);
    assert_int_equal(sum.all, 7);
    idle_sum(list, 1, 0, 3, &sum);
    assert_int_equal(sum.all, INT64_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_the_whole),
        cmocka_unit_test(what_is_beyond_sense_stays_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
