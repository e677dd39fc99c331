/* market/clock_guard.c: when the clock is not to be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "market/clock_guard.h"

static void
test_clock_guard(void **unused)
{
    static const struct {
        const char *why;
        int64_t real_ms, boot_ms, other_ms;
        bool good;
    } rows[] = {
        { "both run", 1000000 + 60000, 1000 + 60000, 0, true },
        { "a little apart", 1000000 + 4000, 1000, 1000000, true },
        { "moved forward", 1000000 + 65001, 1000 + 60000, 0, false },
        { "moved back", 1000000 + 54999, 1000 + 60000, 0, false },
        { "PostgreSQL behind", 1000000, 1000, 1000000 - 5001, false },
        { "PostgreSQL ahead", 1000000, 1000, 1000000 + 5001, false },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clock_guard g = { 0 };
        assert_true(clock_guard_check(&g, 1000000, 1000, 0));
        assert_int_equal(clock_guard_check(&g, rows[i].real_ms, rows[i].boot_ms, rows[i].other_ms), rows[i].good);
        assert_int_equal(g.why[0] == '\0', rows[i].good);
        assert_int_equal(clock_guard_check(&g, 1000000, 1000, 0), rows[i].good); /* it stays stopped */
        clock_guard_confirm(&g);
        assert_true(clock_guard_check(&g, rows[i].real_ms, rows[i].boot_ms, 0));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_clock_guard) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
