/* tests/unit/test_clock.c: times as text and back; clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void
times_as_text(void **state)
{
    static const struct { int64_t ms; const char *text; } rows[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 951782399999, "2000-02-28T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 1778597231123, "2026-05-12T14:47:11.123Z" },
        { 4107542399000, "2100-02-28T23:59:59.000Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TIME_TEXT];
        int64_t back = -1;

        time_text(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
        assert_true(time_parse(text, &back));
        assert_true(back == rows[i].ms);
    }
}

/* What a server says is the time: only what can be written down. */
static void
clocks_that_last(void **state)
{
    enum { DAY = 86400000 };
    static const int64_t NOW = 1778597231123, OLD = 1767225600000, END = TIME_MAX_MS;
    const struct { struct clock c; bool lasts; } rows[] = {
        { clock_real(), true },
        { clock_simulated(OLD, NOW, 60), true },
        { clock_simulated(OLD, NOW, 1000000), true },
        { clock_simulated(OLD, NOW + INT64_C(47) * 365 * DAY, 60), false }, /* before 1970 */
        { clock_simulated(0, NOW, 1), true },
        { clock_simulated(0, NOW + 1, 1), false },
        { clock_simulated(END - DAY, NOW, 1), true },
        { clock_simulated(END - DAY + 1, NOW, 1), false },
        { clock_simulated(OLD, 0, 1000000), false },
        { clock_simulated(OLD, END, 1000000), false },
        { clock_simulated(OLD, INT64_MIN, 1000000), false },
        { clock_simulated(INT64_MAX, 0, 1000000), false },
        { clock_simulated(0, 0, INT64_MAX), false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("# %zu\n", i);
        assert_int_equal(clock_lasts(&rows[i].c, NOW, DAY), rows[i].lasts);
    }
}

/* Every day of four centuries and some, against the C library. */
static void
days_agree_with_the_library(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 160000; day++) {
        char text[TIME_TEXT], want[64];
        time_t seconds = day * 86400 + 45296;
        struct tm tm;
        int64_t back;

        gmtime_r(&seconds, &tm);
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        time_text((int64_t)seconds * 1000, text);
        assert_string_equal(text, want);
        assert_true(time_parse(want, &back) && back == (int64_t)seconds * 1000);
    }
}

static void
times_are_read_strictly(void **state)
{
    static const struct { const char *text; int64_t ms; } good[] = {
        { "2026-05-12T14:47:11Z", 1778597231000 },
        { "2026-05-12t14:47:11.1z", 1778597231100 },
        { "2026-05-12T16:47:11.12+02:00", 1778597231120 },
        { "2026-05-12T00:47:11-14:00", 1778597231000 },
        { "2026-05-12T14:47:11-00:00", 1778597231000 },
        { "1969-12-31T23:00:00-01:00", 0 },
        { "2024-02-29T00:00:00Z", 1709164800000 },
    };
    static const char *const bad[] = {
        "", "2026-05-12", "2026-05-12T14:47Z", "2026-05-12T14:47:11", "2026-05-12 14:47:11Z", "2026-5-12T14:47:11Z",
        "2026-13-12T14:47:11Z", "2026-00-12T14:47:11Z", "2026-05-00T14:47:11Z", "2026-05-32T14:47:11Z",
        "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-05-12T24:00:00Z",
        "2026-05-12T14:60:11Z", "2026-05-12T14:47:60Z", "2026-05-12T14:47:11.Z", "2026-05-12T14:47:11.1234Z",
        "2026-05-12T14:47:11,123Z", "2026-05-12T14:47:11+2:00", "2026-05-12T14:47:11+0200", "2026-05-12T14:47:11+24:00",
        "2026-05-12T14:47:11Z ", " 2026-05-12T14:47:11Z", "1969-12-31T23:59:59Z", "1968-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00", "+2026-05-12T14:47:11Z", "20260-05-12T14:47:11Z", "2026-05-12T14:47:11ZZ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ms = -1;
        print_message("# %s\n", good[i].text);
        assert_true(time_parse(good[i].text, &ms));
        assert_true(ms == good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t ms = 7;
        print_message("# %s\n", bad[i]);
        assert_false(time_parse(bad[i], &ms));
        assert_true(ms == 7);
    }
}

static void
clocks(void **state)
{
    struct clock real = clock_real(), fast = clock_simulated(1000000, real_now_ms() - 2000, 60);
    int64_t before = real_now_ms(), now = clock_now(&real);

    (void)state;
    assert_true(now >= before && now <= real_now_ms());
    now = clock_now(&fast);
    assert_true(now >= 1000000 + 2000 * 60);
    assert_true(now <= 1000000 + (real_now_ms() - fast.real_origin_ms) * 60);
    assert_true(clock_to_real(&fast, 60000) == 1000);
    assert_true(clock_to_real(&fast, 60001) == 1001);
    assert_true(clock_to_real(&fast, 1) == 1);
    assert_true(clock_to_real(&fast, 0) == 1);
    assert_true(clock_to_real(&fast, -5) == 1);
    assert_true(clock_to_real(&real, 5) == 5);
    before = monotonic_ms();
    assert_true(monotonic_ms() >= before);
    before = boottime_ms();
    assert_true(boottime_ms() >= before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_as_text),
        cmocka_unit_test(clocks_that_last),
        cmocka_unit_test(days_agree_with_the_library),
        cmocka_unit_test(times_are_read_strictly),
        cmocka_unit_test(clocks),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
