/* tests/unit/test_text.c: text from outside, errors, UUIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "base/uuid.h"

static void
utf8_is_checked(void **state)
{
    static const struct { const char *why, *text; size_t len; bool ok; } rows[] = {
        { "empty", "", 0, true },
        { "ASCII", "abc", 3, true },
        { "two, three, four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, true },
        { "the last one", "\xf4\x8f\xbf\xbf", 4, true },
        { "above the last", "\xf4\x90\x80\x80", 4, false },
        { "NUL", "a\0b", 3, false },
        { "overlong two", "\xc0\x80", 2, false },
        { "overlong two again", "\xc1\xbf", 2, false },
        { "overlong three", "\xe0\x9f\xbf", 3, false },
        { "overlong four", "\xf0\x8f\xbf\xbf", 4, false },
        { "surrogate", "\xed\xa0\x80", 3, false },
        { "before the surrogates", "\xed\x9f\xbf", 3, true },
        { "cut", "\xe2\x82", 2, false },
        { "cut four", "\xf0\x9f\x98", 3, false },
        { "stray continuation", "\x80", 1, false },
        { "no continuation", "\xc3(", 2, false },
        { "0xff", "\xff", 1, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("# %s\n", rows[i].why);
        assert_int_equal(text_utf8_ok(rows[i].text, rows[i].len), rows[i].ok);
    }
}

/* What people type: nothing that cannot be seen, nothing that turns what is around it. */
static void
plain_text_deceives_nobody(void **state)
{
    static const char *const good[] = { "", "train", "Z\xc3\xbcrich", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xe2\x82\xac 5",
        "\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7", /* a joiner that Hindi needs */
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac", "\xe2\x80\x9cquoted\xe2\x80\x9d \xe2\x80\x93 x", "\xef\xbf\xbd" };
    static const char *const bad[] = { "a\xe2\x80\xaez", "\xe2\x80\x8f", "a\xe2\x80\x8bz", "\xef\xbb\xbf", "a\xe2\x80\xa8z",
        "a\xe2\x81\xa6z", "a\xd8\x9c", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xf3\xa0\x81\x81", "\xf0\x9f\xbf\xbe", "a\xc2\xadz",
        "\xe3\x85\xa4", "\xef\xb7\x90", "\xff", "a\xc3" };
    static const char *const blank[] = { " a", "a ", "\xc2\xa0", "a\xe2\x80\x89", "\xe3\x80\x80z", "\xe2\x80\x80", "a\xe2\x80\xaf" };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(text_is_plain(good[i], strlen(good[i])));
        assert_false(text_has_blank_ends(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_is_plain(bad[i], strlen(bad[i])));
    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++)
        assert_true(text_has_blank_ends(blank[i], strlen(blank[i])));
}

static void
lines_have_no_control_characters(void **state)
{
    (void)state;
    assert_true(text_is_line(""));
    assert_true(text_is_line("Z\xc3\xbcrich \xc2\xa0 x"));
    assert_false(text_is_line("a\nb"));
    assert_false(text_is_line("a\tb"));
    assert_false(text_is_line("a\x7f"));
    assert_false(text_is_line("a\xc2\x85"));
    assert_false(text_is_line("\xc2"));
}

static void
whole_numbers_only(void **state)
{
    static const struct { const char *text; int64_t min, max; bool ok; int64_t want; } rows[] = {
        { "0", INT64_MIN, INT64_MAX, true, 0 },
        { "42", 0, 42, true, 42 },
        { "43", 0, 42, false, 7 },
        { "-1", 0, 42, false, 7 },
        { "-1", -1, 42, true, -1 },
        { "9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX },
        { "9223372036854775808", INT64_MIN, INT64_MAX, false, 7 },
        { "-9223372036854775808", INT64_MIN, INT64_MAX, true, INT64_MIN },
        { "-9223372036854775809", INT64_MIN, INT64_MAX, false, 7 },
        { "99999999999999999999999", INT64_MIN, INT64_MAX, false, 7 },
        { "", INT64_MIN, INT64_MAX, false, 7 },
        { "-", INT64_MIN, INT64_MAX, false, 7 },
        { "-0", INT64_MIN, INT64_MAX, false, 7 },
        { "01", INT64_MIN, INT64_MAX, false, 7 },
        { "+1", INT64_MIN, INT64_MAX, false, 7 },
        { " 1", INT64_MIN, INT64_MAX, false, 7 },
        { "1 ", INT64_MIN, INT64_MAX, false, 7 },
        { "1.0", INT64_MIN, INT64_MAX, false, 7 },
        { "1e3", INT64_MIN, INT64_MAX, false, 7 },
        { "0x10", INT64_MIN, INT64_MAX, false, 7 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t got = 7;
        print_message("# %s\n", rows[i].text);
        assert_int_equal(text_to_i64(rows[i].text, rows[i].min, rows[i].max, &got), rows[i].ok);
        assert_true(got == rows[i].want);
    }
}

static void
formatting_is_bounded(void **state)
{
    char small[6];
    char text[] = " \t a b \r\n";

    (void)state;
    assert_true(text_format(small, sizeof small, "%s", "abcde"));
    assert_string_equal(small, "abcde");
    assert_false(text_format(small, sizeof small, "%s", "abcdef"));
    assert_string_equal(small, "abcde");
    assert_false(text_format(small, sizeof small, "%s", "abcd\xc3\xa9")); /* the last one does not fit whole */
    assert_string_equal(small, "abcd");
    assert_false(text_format(small, sizeof small, "%s", "ab\xf0\x9f\x98\x80"));
    assert_string_equal(small, "ab");
    assert_true(text_format(small, sizeof small, "%s", "abc\xc3\xa9"));
    assert_string_equal(small, "abc\xc3\xa9");
    assert_string_equal(text_trim(text), "a b");
    assert_true(text_starts("--config=x", "--config="));
    assert_false(text_starts("--conf", "--config="));
}

static void
errors_have_names_and_statuses(void **state)
{
    (void)state;
    assert_int_equal(err_status(OK), 200);
    for (int i = 1; i < ERR_COUNT; i++) {
        const char *wire = err_wire((enum err)i);
        assert_in_range(err_status((enum err)i), 400, 599);
        assert_int_equal(err_from_wire(wire), i); /* so no wire name stands twice */
        assert_true(strspn(wire, "abcdefghijklmnopqrstuvwxyz-") == strlen(wire) && *wire != '\0');
        assert_int_equal(err_sentence((enum err)i)[strlen(err_sentence((enum err)i)) - 1], '.');
    }
    assert_int_equal(err_from_wire("no-such"), ERR_INTERNAL);
}

static void
details_are_kept(void **state)
{
    struct err_detail d = { 0 };
    char longer[1000];

    (void)state;
    assert_int_equal(err_say(&d, ERR_STATE, "no %d", 5), ERR_STATE);
    assert_string_equal(d.text, "no 5");
    assert_string_equal(d.pointer, "");
    assert_int_equal(err_at(&d, ERR_FIELD_RANGE, "/a/0", "too %s", "big"), ERR_FIELD_RANGE);
    assert_string_equal(d.pointer, "/a/0");
    assert_string_equal(d.text, "too big");
    assert_int_equal(err_internal(&d, ERR_DB, "x"), ERR_DB);
    assert_string_equal(d.internal, "x");
    assert_string_equal(d.text, "too big");
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(err_say(&d, ERR_STATE, "%s", longer), ERR_STATE);
    assert_int_equal(strlen(d.text), sizeof d.text - 1);
    assert_int_equal(err_say(NULL, ERR_STATE, "x"), ERR_STATE);
    assert_int_equal(err_at(NULL, ERR_STATE, "", "x"), ERR_STATE);
    assert_int_equal(err_internal(NULL, ERR_STATE, "x"), ERR_STATE);
}

static void
what_is_shown_is_text(void **state)
{
    static const struct { const char *text, *shown; size_t cap; } rows[] = {
        { "", "", 9 },
        { "server closed the connection\n", "server closed the connection", 99 },
        { "\tone\ntwo\r\n", "one two", 99 },
        { "got message type \"\x92\"", "got message type \"?\"", 99 },
        { "\xe2\x82", "??", 99 },
        { "Z\xc3\xbcrich\x1b[31m\x7f\xc2\x9b!", "Z\xc3\xbcrich [31m  !", 99 },
        { "12345678", "1234567", 8 },
        { "1234567\xc3\xbc", "1234567", 9 },
        { " \n ", "", 9 },
        { "x", "", 1 },
    };
    char shown[99];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        text_show(shown, rows[i].cap, rows[i].text);
        assert_string_equal(shown, rows[i].shown);
    }
}

static void
uuids(void **state)
{
    static const char *const bad[] = {
        "", "0190163d-8694-739b-aea5-966c26f8ad9", "0190163d-8694-739b-aea5-966c26f8ad911",
        "0190163d08694-739b-aea5-966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad9g",
        "{190163d-8694-739b-aea5-966c26f8ad91", "0190163d-8694-739b-aea5--66c26f8ad91",
    };
    const uint8_t random[10] = { 0xff, 1, 0xff, 3, 4, 5, 6, 7, 8, 9 };
    struct uuid id = uuid_v7(0x0190163d8694, random), back, untouched = { { 9 } };
    char text[UUID_TEXT];

    (void)state;
    uuid_text(id, text);
    assert_string_equal(text, "0190163d-8694-7f01-bf03-040506070809");
    assert_true(uuid_parse("0190163D-8694-7F01-BF03-040506070809", &back));
    assert_true(uuid_equal(id, back));
    assert_false(uuid_is_zero(id));
    assert_true(uuid_is_zero((struct uuid){ 0 }));
    assert_true(uuid_compare(uuid_v7(1, random), uuid_v7(2, random)) < 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        print_message("# %s\n", bad[i]);
        assert_false(uuid_parse(bad[i], &untouched));
        assert_int_equal(untouched.b[0], 9);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(plain_text_deceives_nobody),
        cmocka_unit_test(lines_have_no_control_characters),
        cmocka_unit_test(whole_numbers_only),
        cmocka_unit_test(formatting_is_bounded),
        cmocka_unit_test(errors_have_names_and_statuses),
        cmocka_unit_test(details_are_kept),
        cmocka_unit_test(what_is_shown_is_text),
        cmocka_unit_test(uuids),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
