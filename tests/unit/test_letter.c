/* market/letter, market/letter_words, market/courier_mail: what a letter is made of, in which words, and the links in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/web.h"
#include "market/courier.h"
#include "market/letter.h"
#include "market/letter_words.h"

static const struct uuid ID = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };

static void
test_addresses(void **unused)
{
    static const char *const GOOD[] = { "a@b", "ines.ferrer@brisa.example", "o'neil+kontor@mail-1.example", "{x}@example" };
    static const char *const BAD[] = { "",           "a",         "@b",          "a@",         "a@b@c",        "a b@c",     "a@b c",   "<a@b>",      "a@b\r\nRCPT TO:<c@d>",
                                       "a@b\n",      "\"a\"@b",   "a..b@c",      ".a@b",       "a.@b",         "a@b.",      "a@.b",    "a@-b",       "-a@b",
                                       "a@b,c@d",    "a@[1.2.3]", "\xc3\xa9@b",  "a@\xc3\xa9", "a(x)@b",       "a;b@c" };
    struct arena *a = arena_new();

    (void)unused;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_true(letter_address_ok(GOOD[i]));
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(letter_address_ok(BAD[i]));
    assert_string_equal(letter_sender("notices@kontor.example", a), "notices@kontor.example");
    assert_string_equal(letter_sender("Kontor <notices@kontor.example>", a), "notices@kontor.example");
    assert_null(letter_sender("Kontor <notices@kontor.example> x", a));
    assert_null(letter_sender("Kontor\r\nBcc: <notices@kontor.example>", a));
    assert_null(letter_sender("K\xc3\xb6ntor <notices@kontor.example>", a));
    arena_delete(a);
}

/* Every line ends in CR LF and has at most 76 characters but those of plain links and names; nothing of what others wrote is readable. */
static void
test_a_letter(void **unused)
{
    static const char SUBJECT[] = "Job beendet: m\xc3\xa4h\r\nBcc: victim@example\r\n\r\nnow a body, and a long one, to be folded in the middle of \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4";
    struct arena *a = arena_new();
    struct letter l = { .id = ID, .real_ms = INT64_C(1778745600000), .from = "Kontor <notices@kontor.example>", .to = "ines@brisa.example", .language = "de",
                        .subject = SUBJECT, .text = "Erste Zeile\r\n.\r\nQUIT\r\n", .stop = "https://kontor.example/v1/mail/stop?t=x" };
    const char *made = letter_make(&l, a), *head_end = strstr(made, "\r\n\r\n");

    (void)unused;
    assert_non_null(head_end);
    assert_null(strstr(made, "Bcc"));
    assert_null(strstr(made, "QUIT"));
    assert_non_null(strstr(made, "Date: Thu, 14 May 2026 08:00:00 +0000\r\n"));
    assert_non_null(strstr(made, "\r\nFrom: Kontor <notices@kontor.example>\r\n"));
    assert_non_null(strstr(made, "\r\nTo: <ines@brisa.example>\r\n"));
    assert_non_null(strstr(made, "\r\nMessage-ID: <01020304-0506-0708-090a-0b0c0d0e0f10@kontor.example>\r\n"));
    assert_non_null(strstr(made, "\r\nAuto-Submitted: auto-generated\r\n"));
    assert_non_null(strstr(made, "\r\nContent-Language: de\r\n"));
    assert_non_null(strstr(made, "\r\nList-Unsubscribe: <https://kontor.example/v1/mail/stop?t=x>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    for (const char *line = made, *end; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true(end - line <= 76);
        assert_null(memchr(line, '\n', (size_t)(end - line)));
    }
    l.subject = "A test";
    l.stop = "";
    made = letter_make(&l, a);
    assert_non_null(strstr(made, "\r\nSubject: A test\r\n"));
    assert_null(strstr(made, "List-Unsubscribe"));
    arena_delete(a);
}

static struct letter_words
say(const char *language, enum notices_kind kind, const char *facts, struct arena *a)
{
    struct delivery d = { .kind = kind, .title = "Title", .text = "Text.", .facts = facts, .link = "/credits/40", .language = language };
    struct letter_links l = { .base_url = "https://kontor.example", .token = "TOKEN", .until_ms = INT64_C(1778745600000) };

    return letter_words(&d, &l, a);
}

static void
test_words(void **unused)
{
    static const char LAPSES[] = "{\"how\":\"pace\",\"grant\":40,\"amount_gpums\":\"44440200000\",\"amount_credits\":\"12344.5\",\"free_gpums\":\"72000000000\",\"time\":\"2026-05-14T08:00:00Z\"}";
    static const char ENDS[] = "{\"how\":\"finished\",\"name\":\"{link} night\",\"site\":\"lumi\",\"amount_gpums\":\"44442000\",\"time\":\"2026-05-14T08:00:00Z\"}";
    static const struct { const char *language, *has; } ROWS[] = {
        { "en", "At the present pace 12,340 of the 20,000 free credits of grant 40 lapse at 2026-05-14 08:00 UTC." },
        { "de", "verfallen 12.340 der 20.000 freien Credits der Zuteilung 40 am 2026-05-14 08:00 UTC." },
        { "fr", "12\u202f340" }, { "es", "12.340" }, { "it", "12.340" }, { "fi", "12\u00a0340" }, { "sv", "12\u00a0340" }, { "el", "12.340" },
        { "xx", "12,340 of the" },
    };
    struct arena *a = arena_new();
    struct letter_words w;

    (void)unused;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        w = say(ROWS[i].language, NOTICES_CREDITS_LAPSE, LAPSES, a);
        if (!strstr(w.text, ROWS[i].has))
            fail_msg("%s: %s", ROWS[i].language, w.text);
        assert_null(strchr(w.text, '{'));
        assert_non_null(strstr(w.text, "2026-05-14 08:00 UTC"));
        assert_non_null(strstr(w.text, "/mail#stop.TOKEN"));
    }
    w = say("en", NOTICES_JOB_ENDED, ENDS, a);
    assert_string_equal(w.subject, "Job ended: {link} night"); /* what others wrote is not filled in */
    assert_non_null(strstr(w.text, "{link} night"));
    assert_non_null(strstr(w.text, "12.345 credits"));
    assert_non_null(strstr(w.text, "https://kontor.example/en/credits/40\n"));
    assert_non_null(strstr(say("sv", NOTICES_JOB_ENDED, ENDS, a).text, "12,345"));
    w = say("de", NOTICES_DISPUTE, "{\"how\":\"what no page knows\"}", a);
    assert_string_equal(w.subject, "Title");
    assert_non_null(strstr(w.text, "Text.\n"));
    assert_non_null(strstr(say("de", NOTICES_JOB_ENDED, "no JSON", a).text, "Text.\n"));
    w = say("el", NOTICES_ADDRESS, "{}", a);
    assert_non_null(strstr(w.text, "https://kontor.example/el/mail#confirm.TOKEN\n"));
    assert_non_null(strstr(w.text, "2026-05-14 08:00 UTC"));
    arena_delete(a);
}

/* All that the herald says has a sentence in each language. */
static void
test_every_notice_has_its_words(void **unused)
{
    static const struct { enum notices_kind kind; const char *how; } ROWS[] = {
        { NOTICES_JOB_ENDED, "finished" }, { NOTICES_JOB_ENDED, "failed-job" }, { NOTICES_JOB_ENDED, "failed-site" }, { NOTICES_JOB_ENDED, "cancelled" },
        { NOTICES_JOB_ENDED, "rejected" }, { NOTICES_JOB_ENDED, "lapsed" }, { NOTICES_JOB_ENDED, "withdrawn" }, { NOTICES_JOB_ENDED, "never-started" },
        { NOTICES_QUOTE_ENDING, "ending" }, { NOTICES_CREDITS_LAPSE, "pace" }, { NOTICES_CREDITS_LAPSE, "unused" }, { NOTICES_DISPUTE, "opened" },
        { NOTICES_DISPUTE, "closed" }, { NOTICES_APPROVAL, "credits" }, { NOTICES_APPROVAL, "other" }, { NOTICES_AGENT_SILENT, "silent" }, { NOTICES_MAINTENANCE, "touched" }, { NOTICES_MAINTENANCE, "moved" }, { NOTICES_MAINTENANCE, "planned" },
    };
    static const char *const LANGUAGES[] = { "en", "fr", "de", "es", "it", "fi", "sv", "el" };
    struct arena *a = arena_new();

    (void)unused;
    for (size_t l = 0; l < sizeof LANGUAGES / sizeof LANGUAGES[0]; l++)
        for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
            const char *facts = arena_printf(a, "{\"how\":\"%s\",\"name\":\"n\",\"site\":\"lumi\",\"grant\":40,\"amount_gpums\":\"3600000\",\"free_gpums\":\"3600000\","
                                                "\"time\":\"2026-05-14T08:00:00Z\",\"until\":\"2026-05-15T08:00:00Z\"}", ROWS[i].how);

            if (strcmp(say(LANGUAGES[l], ROWS[i].kind, facts, a).subject, "Title") == 0)
                fail_msg("%s has no words for %s", LANGUAGES[l], ROWS[i].how);
        }
    arena_delete(a);
}

static void
test_links(void **unused)
{
    uint8_t secret[32] = { 7 };
    struct box_key key = box_key_of(secret, "kontor letters/v1"), other = box_key_of(secret, "kontor webhooks/v1");
    char confirm[COURIER_TOKEN_TEXT], stop[COURIER_TOKEN_TEXT];
    enum notices_kind kind;
    struct uuid id;

    (void)unused;
    courier_confirm_token(&key, ID, confirm);
    courier_stop_token(&key, ID, NOTICES_DISPUTE, stop);
    assert_int_equal(courier_confirm_open(&key, confirm, &id), OK);
    assert_true(uuid_equal(id, ID));
    assert_int_equal(courier_stop_open(&key, stop, &id, &kind), OK);
    assert_true(uuid_equal(id, ID) && kind == NOTICES_DISPUTE);
    assert_int_equal(courier_confirm_open(&key, stop, &id), ERR_NOT_FOUND);
    assert_int_equal(courier_stop_open(&key, confirm, &id, &kind), ERR_NOT_FOUND);
    assert_int_equal(courier_confirm_open(&other, confirm, &id), ERR_NOT_FOUND);
    assert_int_equal(courier_confirm_open(&key, "", &id), ERR_NOT_FOUND);
    confirm[20] = confirm[20] == 'A' ? 'B' : 'A';
    assert_int_equal(courier_confirm_open(&key, confirm, &id), ERR_NOT_FOUND);
    courier_stop_token(&key, ID, NOTICES_TEST, stop);
    assert_int_equal(courier_stop_open(&key, stop, &id, &kind), ERR_NOT_FOUND);
}

static void
test_what_a_mail_server_may_be(void **unused)
{
    static const struct { const char *server, *from, *user, *password; bool clear, good; } ROWS[] = {
        { "", "", "", "", false, true },
        { "", "", "u", "p", false, false },
        { "smtp://mail.example:587", "a@b", "u", "p", false, true },
        { "smtps://mail.example", "Kontor <a@b>", "", "", false, true },
        { "smtp://mail.example:25", "a@b", "", "", true, true },
        { "smtp://mail.example:25", "a@b", "u", "p", true, false }, /* the password would be readable */
        { "smtp://127.0.0.1:25", "a@b", "u", "p", true, true },
        { "smtp://127.0.0.1.example:25", "a@b", "u", "p", true, false },
        { "smtp://mail.example", "", "", "", false, false },
        { "smtp://mail.example", "a@b", "u", "", false, false },
        { "mail.example:587", "a@b", "", "", false, false },
        { "https://mail.example", "a@b", "", "", false, false },
        { "smtp://u:p@mail.example", "a@b", "", "", false, false },
        { "smtp://mail.example/x", "a@b", "", "", false, false },
    };
    struct arena *a = arena_new();

    (void)unused;
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct courier_mail m = { ROWS[i].server, ROWS[i].from, ROWS[i].user, ROWS[i].password, ROWS[i].clear };
        struct err_detail d = { .text = "" };

        assert_int_equal(courier_mail_check(&m, a, &d), ROWS[i].good ? OK : ERR_CONFIG);
        assert_true(ROWS[i].good || d.internal[0]);
    }
    arena_delete(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_a_letter),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_every_notice_has_its_words),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_what_a_mail_server_may_be),
    };

    return cmocka_run_group_tests_name("letter", tests, NULL, NULL);
}
