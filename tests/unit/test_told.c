/* tests/unit/test_told.c: what a site tells of its machines, as runs of fewer nodes. Now is slot 1000; what is down counts as down up
 * to slot 1056, the second multiple of 48 from the one that lies before now. */
#include "core/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW   1000
#define OPEN  1056
#define AT(slot) ((int64_t)(slot)*CALENDAR_SLOT_MS)
#define AHEAD (OPEN + TOLD_AHEAD_SLOTS)

static const struct {
    const char *why;
    struct told told;
    size_t steps_n;
    struct told_step steps[4];
    int runs_n;
    struct told_run runs[6];
} rows[] = {
    { "all is up", { 10, 10, 0, 0, { { 0 } } }, 1, { { NOW, 6, 4 } }, 0, { { 0 } } },
    { "down, but the rest holds what is offered", { 20, 12, 0, 0, { { 0 } } }, 1, { { NOW, 6, 4 } }, 0, { { 0 } } },
    { "three are down", { 10, 7, 0, 0, { { 0 } } }, 1, { { NOW, 6, 4 } }, 1, { { NOW, OPEN, 3, 0 } } },
    { "more than there are whole nodes: the pool's too", { 10, 2, 0, 0, { { 0 } } }, 1, { { NOW, 6, 4 } }, 1, { { NOW, OPEN, 6, 2 } } },
    { "fewer than are offered, and nobody says until when", { 8, 8, 0, 0, { { 0 } } }, 1, { { NOW, 10, 0 } }, 1, { { NOW, AHEAD, 2, 0 } } },
    { "a maintenance to come", { 10, 10, 0, 1, { { AT(1100), AT(1110), 4 } } }, 1, { { NOW, 10, 0 } }, 1, { { 1100, 1110, 4, 0 } } },
    { "its edges lie within slots", { 10, 10, 0, 1, { { AT(1100) + 1, AT(1110) + 1, 4 } } }, 1, { { NOW, 10, 0 } }, 1, { { 1100, 1111, 4, 0 } } },
    { "a maintenance that goes on, and nodes that are down", { 10, 5, 4, 1, { { AT(990), AT(1010), 4 } } }, 1, { { NOW, 10, 0 } }, 2,
      { { NOW, 1010, 5, 0 }, { 1010, OPEN, 1, 0 } } },
    { "in maintenance, and no window says so", { 10, 6, 4, 0, { { 0 } } }, 1, { { NOW, 10, 0 } }, 1, { { NOW, OPEN, 4, 0 } } },
    { "two windows that overlap", { 10, 10, 0, 2, { { AT(1100), AT(1110), 4 }, { AT(1105), AT(1120), 7 } } }, 1, { { NOW, 10, 0 } }, 3,
      { { 1100, 1105, 4, 0 }, { 1105, 1110, 10, 0 }, { 1110, 1120, 7, 0 } } },
    { "what people have planned counts once", { 10, 10, 0, 1, { { AT(1100), AT(1110), 4 } } }, 3, { { NOW, 10, 0 }, { 1102, 7, 0 }, { 1108, 10, 0 } }, 3,
      { { 1100, 1102, 4, 0 }, { 1102, 1108, 1, 0 }, { 1108, 1110, 4, 0 } } },
    { "people have planned for all of it", { 10, 10, 0, 1, { { AT(1100), AT(1110), 4 } } }, 3, { { NOW, 10, 0 }, { 1100, 6, 0 }, { 1110, 10, 0 } }, 0, { { 0 } } },
    { "windows of one another's end", { 10, 10, 0, 2, { { AT(1100), AT(1110), 4 }, { AT(1110), AT(1120), 4 } } }, 1, { { NOW, 10, 0 } }, 1,
      { { 1100, 1120, 4, 0 } } },
    { "over already", { 10, 10, 0, 1, { { AT(900), AT(1000), 4 } } }, 1, { { NOW, 10, 0 } }, 0, { { 0 } } },
    { "nothing at all", { 0, 0, 0, 0, { { 0 } } }, 1, { { NOW, 1, 1 } }, 1, { { NOW, AHEAD, 1, 1 } } },
};

static void
what_is_told_takes_from_what_is_planned(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct told_run runs[TOLD_RUNS_MAX];
        int n = told_runs(&rows[i].told, rows[i].steps, rows[i].steps_n, AT(NOW) + 5, runs);

        assert_int_equal(told_check(&rows[i].told, 1000), OK);
        if (n != rows[i].runs_n)
            fail_msg("%s: %d runs", rows[i].why, n);
        for (int k = 0; k < n; k++)
            if (runs[k].from_slot != rows[i].runs[k].from_slot || runs[k].to_slot != rows[i].runs[k].to_slot ||
                runs[k].less_whole != rows[i].runs[k].less_whole || runs[k].less_pool != rows[i].runs[k].less_pool)
                fail_msg("%s: run %d: %lld to %lld, %d and %d fewer", rows[i].why, k, (long long)runs[k].from_slot, (long long)runs[k].to_slot,
                         (int)runs[k].less_whole, (int)runs[k].less_pool);
    }
}

/* Told each hour, what is down changes nothing for half a day. */
static void
what_is_down_is_the_same_for_half_a_day(void **unused)
{
    struct told t = { .nodes = 10, .nodes_up = 7 };
    struct told_step steps[] = { { .slot = 0, .whole = 10 } };
    struct told_run runs[TOLD_RUNS_MAX];

    (void)unused;
    for (int64_t slot = 960; slot < 1008; slot++) {
        assert_int_equal(told_runs(&t, steps, 1, AT(slot), runs), 1);
        assert_int_equal(runs[0].to_slot, OPEN);
    }
    assert_int_equal(told_runs(&t, steps, 1, AT(1008), runs), 1);
    assert_int_equal(runs[0].to_slot, OPEN + 48);
}

static void
more_runs_than_there_is_room_for(void **unused)
{
    struct told t = { .nodes = 100, .nodes_up = 100, .windows_n = TOLD_WINDOWS_MAX };
    struct told_step steps[TOLD_STEPS_MAX];
    struct told_run runs[TOLD_RUNS_MAX];

    (void)unused;
    for (size_t i = 0; i < TOLD_WINDOWS_MAX; i++)
        t.windows[i] = (struct told_window){ AT(1100 + 4 * i), AT(1102 + 4 * i), (int64_t)i + 1 };
    for (size_t i = 0; i < TOLD_STEPS_MAX; i++)
        steps[i] = (struct told_step){ .slot = NOW + (int64_t)i, .whole = 100 + (int64_t)i % 2 };
    assert_int_equal(told_runs(&t, steps, TOLD_STEPS_MAX, AT(NOW), runs), -1);
    assert_int_equal(told_runs(&t, steps, 1, AT(NOW), runs), TOLD_WINDOWS_MAX);
}

static void
hostile_numbers_are_named(void **unused)
{
    static const struct { const char *why; struct told told; enum err want; } bad[] = {
        { "negative", { -1, 0, 0, 0, { { 0 } } }, ERR_INVENTORY_RANGE },
        { "negative, up", { 5, -1, 0, 0, { { 0 } } }, ERR_INVENTORY_RANGE },
        { "negative, in maintenance", { 5, 3, -1, 0, { { 0 } } }, ERR_INVENTORY_RANGE },
        { "more up than there are", { 5, 6, 0, 0, { { 0 } } }, ERR_INVENTORY_RANGE },
        { "more up and in maintenance than there are", { 5, 3, 3, 0, { { 0 } } }, ERR_INVENTORY_RANGE },
        { "beyond sense", { INT64_MAX, 0, 0, 0, { { 0 } } }, ERR_INVENTORY_RANGE },
        { "a window of more than there are", { 5, 5, 0, 1, { { 1, 2, 6 } } }, ERR_INVENTORY_RANGE },
        { "a window of less than nothing", { 5, 5, 0, 1, { { 1, 2, -1 } } }, ERR_INVENTORY_RANGE },
        { "a window that ends before it begins", { 5, 5, 0, 1, { { 2, 2, 1 } } }, ERR_INVENTORY_RANGE },
        { "more than the offering has", { 11, 11, 0, 0, { { 0 } } }, ERR_INVENTORY_TOO_MUCH },
        { "as many as the offering has", { 10, 10, 0, 0, { { 0 } } }, OK },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (told_check(&bad[i].told, 10) != bad[i].want)
            fail_msg("%s: %s", bad[i].why, err_wire(told_check(&bad[i].told, 10)));
}

static void
the_mark_is_of_the_text(void **unused)
{
    static const char TEXT[] = "{\"nodes\":3}"; /* printf … | sha256sum */
    static const uint8_t WANT[4] = { 0xcf, 0x10, 0xca, 0x0c };
    struct uuid mark = told_mark(BYTES(TEXT, sizeof TEXT - 1));

    (void)unused;
    assert_memory_equal(mark.b, WANT, sizeof WANT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_takes_from_what_is_planned),
        cmocka_unit_test(what_is_down_is_the_same_for_half_a_day),
        cmocka_unit_test(more_runs_than_there_is_room_for),
        cmocka_unit_test(hostile_numbers_are_named),
        cmocka_unit_test(the_mark_is_of_the_text),
    };

    return cmocka_run_group_tests_name("told", tests, NULL, NULL);
}
