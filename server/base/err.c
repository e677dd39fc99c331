/* base/err.c: the table of errors and what is said about one. */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/text.h"

struct row {
    int status;
    const char *wire;
    const char *sentence;
};

static const struct row ROWS[ERR_COUNT] = {
    [OK] = { 200, "ok", "All is well." },
#define E(name, status, wire, sentence) [name] = { status, wire, sentence },
#include "base/errors.def"
#undef E
};

static const struct row *
row_of(enum err err)
{
    assert((unsigned)err < ERR_COUNT);
    return &ROWS[err];
}

int
err_status(enum err err)
{
    return row_of(err)->status;
}

const char *
err_wire(enum err err)
{
    return row_of(err)->wire;
}

const char *
err_sentence(enum err err)
{
    return row_of(err)->sentence;
}

enum err
err_from_wire(const char *wire)
{
    for (int i = OK + 1; i < ERR_COUNT; i++)
        if (strcmp(ROWS[i].wire, wire) == 0)
            return (enum err)i;
    return ERR_INTERNAL;
}

enum err
err_say(struct err_detail *d, enum err err, const char *fmt, ...)
{
    va_list args;

    if (d == NULL)
        return err;
    va_start(args, fmt);
    text_vformat(d->text, sizeof d->text, fmt, args);
    va_end(args);
    return err;
}

enum err
err_at(struct err_detail *d, enum err err, const char *pointer, const char *fmt, ...)
{
    va_list args;

    if (d == NULL)
        return err;
    text_format(d->pointer, sizeof d->pointer, "%s", pointer);
    va_start(args, fmt);
    text_vformat(d->text, sizeof d->text, fmt, args);
    va_end(args);
    return err;
}

enum err
err_internal(struct err_detail *d, enum err err, const char *fmt, ...)
{
    va_list args;

    if (d == NULL)
        return err;
    va_start(args, fmt);
    text_vformat(d->internal, sizeof d->internal, fmt, args);
    va_end(args);
    return err;
}

void
fatal(const char *why)
{
    char colon[] = ": ", newline[] = "\n";
    struct iovec line[] = {
        { program_invocation_short_name, strlen(program_invocation_short_name) },
        { colon, 2 },
        { (void *)(uintptr_t)why, strlen(why) },
        { newline, 1 },
    };
    ssize_t written = writev(STDERR_FILENO, line, sizeof line / sizeof line[0]);

    (void)written; /* nobody is left to be told */
    _exit(71);     /* EX_OSERR */
}
