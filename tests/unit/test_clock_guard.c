/* market/clock_guard.c, site_clocks.c: when the clock is not to be trusted, and who has a say in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "market/clock_guard.h"
#include "market/site_clocks.h"

#define REAL_MS INT64_C(1000000)
#define BOOT_MS INT64_C(1000)

static struct clock_reading
reading(int64_t real_ms, int64_t boot_ms, int64_t database_ms, int64_t sites_ms)
{
    struct clock_reading r = { .real_ms = real_ms, .boot_ms = boot_ms };

    r.other[CLOCK_DATABASE].known = r.other[CLOCK_SITES].known = true;
    r.other[CLOCK_DATABASE].ahead_ms = database_ms;
    r.other[CLOCK_SITES].ahead_ms = sites_ms;
    return r;
}

static void
test_guard(void **unused)
{
    static const struct {
        const char *why; /* part of it; NULL: timed commands go on */
        int64_t real_ms, boot_ms, database_ms, sites_ms;
    } rows[] = {
        { NULL, REAL_MS + 60000, BOOT_MS + 60000, 0, 0 },
        { NULL, REAL_MS + 4000, BOOT_MS, -4000, 0 },
        { NULL, REAL_MS, BOOT_MS, 5000, -5000 },
        { "moved 5001 ms forward", REAL_MS + 65001, BOOT_MS + 60000, 0, 0 },
        { "moved 5001 ms back", REAL_MS + 54999, BOOT_MS + 60000, 0, 0 },
        { "PostgreSQL's clock is 5001 ms behind", REAL_MS, BOOT_MS, -5001, 0 },
        { "PostgreSQL's clock is 5001 ms ahead", REAL_MS, BOOT_MS, 5001, 0 },
        { "agents' clocks are 5001 ms behind", REAL_MS, BOOT_MS, 0, -5001 },
        { "agents' clocks are 5001 ms ahead", REAL_MS, BOOT_MS, 0, 5001 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clock_reading first = reading(REAL_MS, BOOT_MS, 0, 0), all_well = first,
                             now = reading(rows[i].real_ms, rows[i].boot_ms, rows[i].database_ms, rows[i].sites_ms);
        bool good = rows[i].why == NULL;
        struct clock_guard g = { 0 };

        assert_true(clock_guard_check(&g, &first));
        assert_int_equal(clock_guard_check(&g, &now), good);
        assert_int_equal(g.why[0] == '\0', good);
        assert_true(good || strstr(g.why, rows[i].why) != NULL);
        assert_int_equal(clock_guard_check(&g, &all_well), good); /* it stays stopped */
        clock_guard_check(&g, &now);
        clock_guard_confirm(&g);
        assert_true(clock_guard_check(&g, &now)); /* a person has said so: it holds */
        now.real_ms += 60000;
        now.boot_ms += 60000;
        assert_true(clock_guard_check(&g, &now));
    }
}

static void
test_guard_after_a_confirmation(void **unused)
{
    struct clock_reading now = reading(REAL_MS, BOOT_MS, 20000, 0);
    struct clock_guard g = { 0 };

    (void)unused;
    assert_false(clock_guard_check(&g, &now));
    clock_guard_confirm(&g);
    now.other[CLOCK_DATABASE].ahead_ms = 24000;
    assert_true(clock_guard_check(&g, &now)); /* no further apart than it may drift */
    now.other[CLOCK_DATABASE].ahead_ms = 500;
    assert_true(clock_guard_check(&g, &now)); /* mended */
    now.other[CLOCK_DATABASE].ahead_ms = 25001;
    assert_false(clock_guard_check(&g, &now)); /* apart anew */
    clock_guard_confirm(&g);
    now.other[CLOCK_DATABASE].known = now.other[CLOCK_SITES].known = false;
    assert_true(clock_guard_check(&g, &now)); /* what is not known says nothing */
}

static void
test_sites_have_a_say_together(void **unused)
{
    static const struct {
        const char *why;
        size_t n;
        int64_t said[6];
        bool known;
        int64_t most;
    } rows[] = {
        { "nobody", 0, { 0 }, false, 0 },
        { "one liar alone", 1, { 900000 }, false, 0 },
        { "two, however far", 2, { 900000, 900000 }, false, 0 },
        { "one liar of three", 3, { 900000, 10, -20 }, true, 10 },
        { "one liar of three, the other way", 3, { -900000, 10, -20 }, true, -20 },
        { "two of three", 3, { 9000, 8000, 0 }, true, 8000 },
        { "two of three, apart from each other", 3, { 9000, -8000, 0 }, true, 0 },
        { "half of four is no majority", 4, { 9000, 9000, 100, -100 }, true, 100 },
        { "three of four", 4, { 9000, 9000, 8000, -100 }, true, 8000 },
        { "three of four, behind", 4, { -9000, -9000, -8000, 100 }, true, -8000 },
        { "two liars of six", 6, { 900000, 900000, 5, 6, 7, 8 }, true, 7 },
        { "on both sides", 4, { 900000, 900000, -900000, -900000 }, true, 0 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct site_clocks *c = site_clocks_new();
        int64_t most = 77;

        for (size_t s = 0; s < rows[i].n; s++) {
            site_clocks_note(c, 10 + s, rows[i].said[s], 1000);
            site_clocks_note(c, 10 + s, rows[i].said[s] - 30000, 2000); /* a call that was held up */
        }
        assert_int_equal(site_clocks_heard(c, 2000), rows[i].n);
        assert_int_equal(site_clocks_most(c, 2000 + SITE_CLOCKS_FRESH_MS - 1, &most), rows[i].known);
        assert_int_equal(most, rows[i].known ? rows[i].most : 77);
        assert_false(site_clocks_most(c, 2000 + SITE_CLOCKS_FRESH_MS, &most)); /* out of touch: no say */
        assert_int_equal(site_clocks_of(c, 10, 2000, &most), rows[i].n > 0);
        assert_false(site_clocks_of(c, 99, 2000, &most));
        site_clocks_delete(c);
    }
}

static void
test_a_site_is_heard_by_its_quickest_call(void **unused)
{
    struct site_clocks *c = site_clocks_new();
    int64_t ahead = 77;

    (void)unused;
    site_clocks_note(c, 1, -9000, 1000);
    assert_false(site_clocks_of(c, 1, 1000, &ahead)); /* once: it may have been held up */
    site_clocks_note(c, 1, -20, 2000);
    assert_true(site_clocks_of(c, 1, 2000, &ahead));
    assert_int_equal(ahead, -20);
    site_clocks_note(c, 1, -8000, 62000); /* its clock goes back: believed when nothing newer says otherwise */
    assert_true(site_clocks_of(c, 1, 62000, &ahead));
    assert_int_equal(ahead, -20);
    site_clocks_note(c, 1, -8000, 123000);
    assert_true(site_clocks_of(c, 1, 123000, &ahead));
    assert_int_equal(ahead, -8000);
    site_clocks_note(c, 1, 3, 400000); /* after a long silence it begins anew */
    assert_false(site_clocks_of(c, 1, 400000, &ahead));
    site_clocks_delete(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_guard_after_a_confirmation),
        cmocka_unit_test(test_sites_have_a_say_together),
        cmocka_unit_test(test_a_site_is_heard_by_its_quickest_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
