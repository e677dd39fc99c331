/* tests/unit/test_config.c: options from file and flags, help and manual, the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "base/log.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

#define OPTIONS                                                     \
    C(listen, TEXT, "127.0.0.1:80", 1, 30, "Where.")                \
    C(rate_max, NUMBER, "5", 1, 100, "How many.")                   \
    C(simulation, FLAG, "no", 0, 0, "Whether.")                     \
    C(key_file, SECRET, "/nowhere", 1, 100, "The key's file.")      \
    C(site, TEXT, NULL, 1, 10, "The site's code.")

struct sample {
#define C(name, type, initial, min, max, sentence) CONFIG_MEMBER_##type name;
    OPTIONS
#undef C
};

static const struct config_option TABLE[] = {
#define C(...) CONFIG_OPTION(sample, __VA_ARGS__)
    OPTIONS
#undef C
};

static const struct config_set SET = {
    .program = "sample", .section = 1, .summary = "a sample", .synopsis = "serve\nstop", .description = "Does.\n\nAnd more.",
    .options = TABLE, .count = LEN(TABLE),
};

struct fixture {
    struct arena *arena;
    char path[64];
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int fd;

    f->arena = arena_new();
    snprintf(f->path, sizeof f->path, "/tmp/kontor-config.XXXXXX");
    fd = mkstemp(f->path);
    if (fd < 0)
        return -1;
    close(fd);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    unlink(f->path);
    arena_delete(f->arena);
    free(f);
    return 0;
}

static void
write_file(const struct fixture *f, const char *text)
{
    FILE *out = fopen(f->path, "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static enum err
run(struct fixture *f, const char *file, const char *const *flags, int n, struct sample *ret, struct config_rest *rest,
    struct err_detail *d)
{
    char config[100];
    char *argv[10];
    int argc = 0;

    memset(d, 0, sizeof *d);
    memset(ret, 0, sizeof *ret);
    if (file != NULL) {
        write_file(f, file);
        snprintf(config, sizeof config, "--config=%s", f->path);
        argv[argc++] = config;
    }
    for (int i = 0; i < n; i++)
        argv[argc++] = (char *)flags[i];
    return config_read(&SET, f->arena, argc, argv, ret, rest, d);
}

static void
file_then_flags(void **state)
{
    const char *flags[] = { "serve", "--rate-max=7", "--simulation", "x y", "--", "--not-an-option" };
    struct config_rest rest;
    struct err_detail d;
    struct sample s;

    assert_int_equal(run(*state, "# comment\n\n site = lumi \nrate_max=6\r\nlisten = a = b c\n", flags, 6, &s, &rest, &d), OK);
    assert_string_equal(s.site, "lumi");
    assert_string_equal(s.listen, "a = b c");
    assert_string_equal(s.key_file, "/nowhere");
    assert_true(s.rate_max == 7);
    assert_true(s.simulation);
    assert_int_equal(rest.argc, 3);
    assert_string_equal(rest.argv[0], "serve");
    assert_string_equal(rest.argv[1], "x y");
    assert_string_equal(rest.argv[2], "--not-an-option");
    assert_false(rest.help);
}

static void
what_is_wrong_is_fatal(void **state)
{
    static const struct { const char *file, *flag; enum err err; const char *says; } rows[] = {
        { "site = lumi\nlsten = x\n", NULL, ERR_CONFIG, ":2: \"lsten\" is not an option" },
        { "site = lumi\nlisten\n", NULL, ERR_CONFIG, ":2: a line must read KEY = value" },
        { "site = lumi\nrate_max = 0\n", NULL, ERR_CONFIG, "from 1 to 100" },
        { "site = lumi\nrate_max = 5s\n", NULL, ERR_CONFIG, "from 1 to 100" },
        { "site = lumi\nsimulation = 1\n", NULL, ERR_CONFIG, "yes or no" },
        { "site = lumi\nlisten =\n", NULL, ERR_CONFIG, "from 1 to 30 bytes" },
        { "site = lumi\nlisten = \xff\n", NULL, ERR_CONFIG, "UTF-8" },
        { "site = lumi\nlisten = 1234567890123456789012345678901\n", NULL, ERR_CONFIG, "from 1 to 30 bytes" },
        { "listen = x\n", NULL, ERR_CONFIG, "site is required" },
        { "site = lumi\n", "--rat-max=5", ERR_CONFIG, "\"rat-max\" is not an option" },
        { "site = lumi\n", "--rate-max", ERR_CONFIG, "write --rate-max=VALUE" },
        { "site = lumi\n", "--rate-max=", ERR_CONFIG, "from 1 to 100" },
        { "site = lumi\n", "--rate-max=101", ERR_CONFIG, "command line: rate_max" },
        { "site = lumi\n", "--config=/no/such/file", ERR_IO, "/no/such/file: No such file" },
        { "site = lumi\n", "--config=/tmp", ERR_IO, "/tmp: " },
    };

    for (size_t i = 0; i < LEN(rows); i++) {
        const char *flags[] = { rows[i].flag };
        struct config_rest rest;
        struct err_detail d;
        struct sample s;

        print_message("# %s%s\n", rows[i].file, rows[i].flag != NULL ? rows[i].flag : "");
        assert_int_equal(run(*state, rows[i].file, flags, rows[i].flag != NULL, &s, &rest, &d), rows[i].err);
        if (strstr(d.text, rows[i].says) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", d.text, rows[i].says);
    }
}

static void
questions_require_nothing(void **state)
{
    const char *flags[] = { "--help", "--version", "--manual", "--example" };
    struct config_rest rest;
    struct err_detail d;
    struct sample s;

    assert_int_equal(run(*state, NULL, flags, 4, &s, &rest, &d), OK);
    assert_true(rest.help && rest.version && rest.manual && rest.example);
}

static void
secrets_are_closed_files(void **state)
{
    struct fixture *f = *state;
    struct err_detail d;
    const char *secret = "untouched";

    write_file(f, "s3cret\nmore\n");
    assert_int_equal(chmod(f->path, 0644), 0);
    assert_int_equal(config_secret(f->path, f->arena, &secret, &d), ERR_CONFIG);
    assert_int_equal(chmod(f->path, 0600), 0);
    assert_int_equal(config_secret(f->path, f->arena, &secret, &d), OK);
    assert_string_equal(secret, "s3cret");
    secret = "untouched";
    write_file(f, "\n");
    assert_int_equal(config_secret(f->path, f->arena, &secret, &d), ERR_CONFIG);
    write_file(f, "");
    assert_int_equal(config_secret(f->path, f->arena, &secret, &d), ERR_CONFIG);
    assert_int_equal(config_secret("/no/such/file", f->arena, &secret, &d), ERR_IO);
    assert_string_equal(secret, "untouched");
}

static void
help_and_manual_name_every_option(void **state)
{
    (void)state;
    for (int manual = 0; manual < 2; manual++) {
        char *text = NULL;
        size_t len = 0;
        FILE *to = open_memstream(&text, &len);

        (manual ? config_manual : config_help)(&CONFIG_KONTORD, to);
        fclose(to);
        for (size_t i = 0; i < CONFIG_KONTORD.count; i++) {
            char name[100] = "", *at = name;
            for (const char *c = CONFIG_KONTORD.options[i].name; *c != '\0'; c++) {
                if (*c == '_' && manual)
                    *at++ = '\\';
                *at++ = *c == '_' ? '-' : *c;
            }
            *at = '\0';
            assert_non_null(strstr(text, name));
        }
        free(text);
    }
}

/* A manual page is ASCII whatever the table's words are, and tells the program's own exit statuses. */
static void
a_manual_page_is_plain_troff(void **state)
{
    static const struct config_option odd[] = {
        { "name", CONFIG_TEXT, 0, "", 0, 9, ".starts with a dot; \\, -, \xc3\xa9, \xe2\x80\xa6 and \xf0\x9f\x98\x80" },
    };
    const struct config_set set = {
        .program = "odd", .section = 1, .summary = "s", .synopsis = "x", .description = "d", .exits = "7: it was odd.",
        .options = odd, .count = 1,
    };
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    (void)state;
    config_manual(&set, to);
    fclose(to);
    assert_non_null(strstr(text, "\n\\&.starts with a dot; \\e, \\-, \\[u00E9], \\[u2026] and \\[u1F600]\n"));
    assert_non_null(strstr(text, ".SH EXIT STATUS\n7: it was odd.\n"));
    assert_null(strstr(text, "after a failure"));
    free(text);
}

/* The defaults obey their own limits: config_read asserts it. */
static void
kontords_defaults(void **state)
{
    struct fixture *f = *state;
    struct config_rest rest;
    struct err_detail d = { 0 };
    struct config c;
    char none[] = "--config=/dev/null", *argv[] = { none };

    assert_int_equal(config_read(&CONFIG_KONTORD, f->arena, 1, argv, &c, &rest, &d), OK);
    assert_true(c.clock_rate == 1);
    assert_false(c.simulation);
}

/* ---- the log ---- */

static const struct uuid ID = { { 1 } };

static void
log_lines(void **state)
{
    const struct log_field fields[] = {
        LOG_TEXT("route", "/v1/x"), LOG_TEXT("why", "a b=\"c\"\n\xff\xc2\x9b" "d"), LOG_TEXT("absent", NULL),
        LOG_TEXT("empty", ""), LOG_I64("n", -5), LOG_BOOL("ok", true), LOG_UUID("id", ID), { .key = NULL },
    };
    struct log text = { .fd = 2 }, json = { .fd = 2, .json = true };
    char line[4096];
    size_t len;

    (void)state;
    len = log_line(&text, LOG_LEVEL_WARNING, "request", fields, 0, line, sizeof line);
    line[len] = '\0';
    assert_string_equal(line, "time=1970-01-01T00:00:00.000Z level=warning event=request route=/v1/x "
                              "why=\"a b=\\\"c\\\"\\u000a\xef\xbf\xbd\\u009bd\" empty=\"\" n=-5 ok=true "
                              "id=01000000-0000-0000-0000-000000000000\n");
    len = log_line(&json, LOG_LEVEL_INFO, "request", fields, 0, line, sizeof line);
    line[len] = '\0';
    assert_string_equal(line, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"request\","
                              "\"route\":\"/v1/x\",\"why\":\"a b=\\\"c\\\"\\u000a\xef\xbf\xbd\\u009bd\",\"empty\":\"\","
                              "\"n\":-5,\"ok\":true,\"id\":\"01000000-0000-0000-0000-000000000000\"}\n");
}

/* Whatever the lengths, a line ends as a line does and JSON stays whole. */
static void
long_log_lines_are_cut(void **state)
{
    struct log json = { .json = true };
    char value[3000], line[300];

    (void)state;
    for (size_t n = 0; n < sizeof value - 1; n += 7) {
        const struct log_field fields[] = { LOG_TEXT("a", value), LOG_TEXT("b", value), LOG_I64("c", 1), { .key = NULL } };
        size_t len;

        memset(value, n % 2 ? 'x' : '"', n);
        value[n] = '\0';
        len = log_line(&json, LOG_LEVEL_INFO, "e", fields, 0, line, sizeof line);
        assert_true(len <= sizeof line);
        assert_memory_equal(line + len - 2, "}\n", 2);
        int quotes = 0;
        for (size_t i = 0; i < len; i++)
            if (line[i] == '\\')
                i++;
            else
                quotes += line[i] == '"';
        assert_int_equal(quotes % 2, 0);
    }
}

static void
logs_write_what_they_shall(void **state)
{
    struct log log = { .least = LOG_LEVEL_WARNING };
    enum log_level level = LOG_LEVEL_DEBUG;
    char got[300] = "";
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    log.fd = fds[1];
    log_info(&log, "left-out", LOG_I64("a", 1));
    log_error(&log, "told");
    log_error(NULL, "nowhere");
    assert_true(read(fds[0], got, sizeof got - 1) > 0);
    assert_null(strstr(got, "left-out"));
    assert_non_null(strstr(got, " level=error event=told\n"));
    close(fds[0]);
    close(fds[1]);
    assert_true(log_level_parse("error", &level) && level == LOG_LEVEL_ERROR);
    assert_false(log_level_parse("loud", &level));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_then_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_fatal, setup, teardown),
        cmocka_unit_test_setup_teardown(questions_require_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_are_closed_files, setup, teardown),
        cmocka_unit_test(help_and_manual_name_every_option),
        cmocka_unit_test(a_manual_page_is_plain_troff),
        cmocka_unit_test_setup_teardown(kontords_defaults, setup, teardown),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(long_log_lines_are_cut),
        cmocka_unit_test(logs_write_what_they_shall),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
