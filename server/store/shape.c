/* store/shape.c */
#include "store/shape.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

/* of: the table or function that it is of, "": none of ours. worded: `how` is a text that PostgreSQL makes, and each release
 * its own. */
struct shape_line {
    const char *of, *what, *how;
    bool reads, worded;
};

#include "store/shape_lines.h"

enum { LINES = sizeof SHAPE_LINES / sizeof SHAPE_LINES[0], SAID_MAX = 600 };

DB_QUERY(SHAPE, .name = "shape", .sql = SHAPE_SQL, .params = 0, .columns = 5);

DB_QUERY(SHAPE_RELEASE_OF, .name = "shape_release", .sql = "SELECT pg_catalog.current_setting('server_version_num', true)::int / 10000", .params = 0,
         .columns = 1);

struct comparing {
    shape_tell_fn *tell;
    void *ctx;
    bool same_release;
};

static void PRINTF(3, 4)
tell(const struct comparing *c, bool reads, const char *fmt, ...)
{
    char text[SAID_MAX];
    va_list args;

    va_start(args, fmt);
    text_vformat(text, sizeof text, fmt, args);
    va_end(args);
    c->tell(c->ctx, &(struct shape_wrong){ text, reads });
}

static void
tell_missing(const struct comparing *c, const struct shape_line *l)
{
    tell(c, l->reads, "%s is missing", l->what);
}

static void
compare(const struct comparing *c, const struct shape_line *known, const struct shape_line *there)
{
    if (strcmp(known->how, there->how) != 0 && (c->same_release || !known->worded))
        tell(c, known->reads, "%s is \"%s\", and not \"%s\" as the migrations made it", known->what, there->how, known->how);
}

/* Of one of our tables or functions, or of nothing of ours but in the way of it. What is somebody's own is theirs; and so is a
 * constraint or an index more, which changes no row. */
static bool
is_ours(const struct shape_line *there)
{
    if (strncmp(there->what, "the constraint ", 15) == 0 || strncmp(there->what, "the index ", 10) == 0)
        return false;
    for (size_t i = 0; i < LINES; i++)
        if (strcmp(SHAPE_LINES[i].of, there->of) == 0)
            return true;
    return false;
}

static int
order(const struct shape_line *a, const struct shape_line *b)
{
    int by = strcmp(a->of, b->of);

    return by != 0 ? by : strcmp(a->what, b->what);
}

/* Both in the same order. */
static void
compare_all(const struct comparing *c, const PGresult *rows)
{
    size_t known = 0;

    for (int i = 0; i < PQntuples(rows); i++) {
        struct shape_line there = { .of = db_get_text(rows, i, 0), .what = db_get_text(rows, i, 1), .how = db_get_text(rows, i, 2),
                                    .reads = db_get_bool(rows, i, 3), .worded = db_get_bool(rows, i, 4) };

        while (known < LINES && order(&SHAPE_LINES[known], &there) < 0)
            tell_missing(c, &SHAPE_LINES[known++]);
        if (known < LINES && order(&SHAPE_LINES[known], &there) == 0)
            compare(c, &SHAPE_LINES[known++], &there);
        else if (is_ours(&there)) /* a column more is the last one, and nobody asks for it */
            tell(c, there.reads && strncmp(there.what, "column ", 7) != 0, "%s (\"%s\") is not of the migrations' making", there.what, there.how);
    }
    while (known < LINES)
        tell_missing(c, &SHAPE_LINES[known++]);
}

enum err
shape_check(struct db *db, shape_tell_fn *tell_to, void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL, *release = NULL;
    struct comparing c = { .tell = tell_to, .ctx = ctx };
    /* with nobody's namesakes in the way of this very question */
    enum err err = db_script(db, "SET LOCAL search_path = pg_catalog, pg_temp");

    if (!err)
        err = db_run(db, &SHAPE_RELEASE_OF, DB_NO_ARGS, &release);
    if (!err)
        err = db_run(db, &SHAPE, DB_NO_ARGS, &rows);
    if (!err)
        err = db_script(db, "SET LOCAL search_path = " DB_SEARCH_PATH);
    if (err)
        return err;
    c.same_release = PQntuples(release) == 1 && db_get_i64(release, 0, 0) == SHAPE_RELEASE;
    compare_all(&c, rows);
    return OK;
}
