/* tests/unit/test_passwords.c: passwords are hashed whatever becomes of the process that is to do it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/passwords.h"
#include "base/clock.h"

enum { PATIENCE_MS = 10000, NO_PATIENCE_MS = 100 };

static const struct log quiet = { .fd = -1, .least = LOG_LEVEL_ERROR };

static void
they_hash(struct passwords *p)
{
    char hash[PASSWORD_HASH_TEXT];

    assert_int_equal(passwords_hash(p, "correct horse", hash), OK);
    assert_int_equal(passwords_verify(p, hash, "correct horse"), OK);
    assert_int_equal(passwords_verify(p, hash, "correct horsf"), ERR_CREDENTIALS);
    assert_int_equal(passwords_verify(p, hash, ""), ERR_CREDENTIALS);
    assert_int_equal(passwords_verify(p, "", "correct horse"), ERR_CREDENTIALS);
    assert_int_equal(passwords_verify(p, "$argon2id$v=19$m=19456", "correct horse"), ERR_CREDENTIALS);
}

static void
without_a_process_the_thread_hashes(void **state)
{
    struct passwords *p = passwords_new(NULL, PATIENCE_MS, &quiet);

    (void)state;
    they_hash(p);
    passwords_delete(p);
}

static void
what_cannot_be_started_or_ends_is_done_without(void **state)
{
    static const char *const programs[] = { "/nonexistent/kontord", "/bin/true", "/bin/false" };

    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        struct passwords *p = passwords_new(programs[i], PATIENCE_MS, &quiet);

        they_hash(p);
        passwords_delete(p);
    }
}

/* A program of a line of shell; its path. */
static const char *
program(const char *line)
{
    static char path[] = "/tmp/kontor-passwords.XXXXXX";
    int fd;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(dprintf(fd, "#!/bin/sh\n%s\n", line) > 0);
    assert_int_equal(fchmod(fd, 0700), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

/* Once: the next are hashed at once, for some seconds. */
static void
what_does_not_answer_is_waited_for_once(void **state)
{
    const char *path = program("exec sleep 60");
    struct passwords *p = passwords_new(path, NO_PATIENCE_MS, &quiet);
    int64_t began_ms = monotonic_ms();

    (void)state;
    they_hash(p);
    assert_true(monotonic_ms() - began_ms >= NO_PATIENCE_MS);
    assert_true(monotonic_ms() - began_ms < 30000);
    passwords_delete(p);
    assert_int_equal(unlink(path), 0);
}

/* `cat` sends back what it was sent: no answer of ours. */
static void
what_answers_nonsense_is_not_believed(void **state)
{
    const char *path = program("exec cat >&0");
    struct passwords *p = passwords_new(path, PATIENCE_MS, &quiet);

    (void)state;
    they_hash(p);
    passwords_delete(p);
    assert_int_equal(unlink(path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_process_the_thread_hashes),
        cmocka_unit_test(what_cannot_be_started_or_ends_is_done_without),
        cmocka_unit_test(what_does_not_answer_is_waited_for_once),
        cmocka_unit_test(what_answers_nonsense_is_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
