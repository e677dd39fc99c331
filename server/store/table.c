/* store/table.c */
#include "store/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "store/array.h"

enum { SQL_MAX = 16384, CHUNK = 500, COLUMNS_MAX = 80 };

struct statement {
    struct db_query query;
    const struct table_column *columns[COLUMNS_MAX]; /* in the order of the parameters */
    size_t columns_n;
    struct array *arrays; /* one a column */
    size_t rows;
};

struct table {
    const struct table_def *def;
    struct statement insert, update;
    struct db_query open, fetch, close; /* the cursor that table_load reads */
    bool since; /* the load clause has a $1 */
};

static const enum array_type ARRAY_OF[] = {
    [TABLE_I64] = ARRAY_I64,     [TABLE_U64] = ARRAY_I64,   [TABLE_I32] = ARRAY_I32,   [TABLE_U32] = ARRAY_I64,
    [TABLE_U16] = ARRAY_I32,     [TABLE_U8] = ARRAY_I16,    [TABLE_WORD] = ARRAY_TEXT,  [TABLE_BOOL] = ARRAY_BOOL,
    [TABLE_UUID] = ARRAY_UUID,   [TABLE_HASH] = ARRAY_BYTES, [TABLE_FIXED] = ARRAY_BYTES, [TABLE_TEXT] = ARRAY_TEXT,
    [TABLE_BYTES] = ARRAY_BYTES, [TABLE_CODED] = ARRAY_BYTES,
};

/* ---- the SQL ------------------------------------------------------------------------------------------------------ */

struct sql { char text[SQL_MAX]; size_t len; };

static void PRINTF(2, 3)
say(struct sql *s, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(s->text + s->len, sizeof s->text - s->len, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof s->text - s->len);
    s->len += (size_t)n;
}

static bool
is_key(const struct table_column *c)
{
    return (c->flags & TABLE_KEY) != 0;
}

static void
say_names(struct sql *s, struct table_column const *const *columns, size_t n, const char *prefix)
{
    for (size_t i = 0; i < n; i++)
        say(s, "%s%s%s", i > 0 ? ", " : "", prefix, columns[i]->name);
}

static void
say_unnest(struct sql *s, const struct statement *st)
{
    say(s, " FROM unnest(");
    for (size_t i = 0; i < st->columns_n; i++)
        say(s, "%s$%zu::%s", i > 0 ? ", " : "", i + 1, array_sql(ARRAY_OF[st->columns[i]->type]));
    say(s, ") AS u(");
    say_names(s, st->columns, st->columns_n, "");
    say(s, ")");
}

static void
set_query(struct db_query *q, const char *table, const char *what, const struct sql *s, size_t params, size_t columns)
{
    char name[64];

    text_format(name, sizeof name, "%s_%s", table, what);
    *q = (struct db_query){ .name = xstrdup(name), .sql = xstrdup(s->text), .params = (int)params,
                            .columns = (int)columns };
}

static void
finish(struct statement *st, const struct table_def *def, const char *what, const struct sql *s)
{
    set_query(&st->query, def->name, what, s, st->columns_n, 0);
    st->arrays = xcalloc(st->columns_n, sizeof st->arrays[0]);
}

static void
make_insert(struct statement *st, const struct table_def *def)
{
    struct sql s = { .len = 0 };

    for (size_t i = 0; i < def->columns_n; i++)
        if ((def->columns[i].flags & TABLE_LATER) == 0)
            st->columns[st->columns_n++] = &def->columns[i];
    say(&s, "INSERT INTO %s (", def->name);
    say_names(&s, st->columns, st->columns_n, "");
    say(&s, ") SELECT *");
    say_unnest(&s, st);
    finish(st, def, "insert", &s);
}

/* Sets all columns that may change; none: no statement. */
static void
make_update(struct statement *st, const struct table_def *def)
{
    struct sql s = { .len = 0 };
    bool changes = false;
    size_t keys = 0;

    for (size_t i = 0; i < def->columns_n; i++)
        if (is_key(&def->columns[i]) || (def->columns[i].flags & TABLE_ONCE) == 0) {
            st->columns[st->columns_n++] = &def->columns[i];
            changes = changes || !is_key(&def->columns[i]);
        }
    if (!changes)
        return;
    say(&s, "UPDATE %s t SET ", def->name);
    for (size_t i = 0, n = 0; i < st->columns_n; i++)
        if (!is_key(st->columns[i]))
            say(&s, "%s%s = u.%s", n++ > 0 ? ", " : "", st->columns[i]->name, st->columns[i]->name);
    say_unnest(&s, st);
    for (size_t i = 0, n = 0; i < st->columns_n; i++)
        if (is_key(st->columns[i])) {
            say(&s, " %s t.%s = u.%s", n++ > 0 ? "AND" : "WHERE", st->columns[i]->name, st->columns[i]->name);
            keys++;
        }
    assert(keys > 0); /* or every row would change */
    finish(st, def, "update", &s);
}

static void
make_load(struct table *t)
{
    const struct table_def *def = t->def;
    struct sql s = { .len = 0 };

    say(&s, "DECLARE %s_rows NO SCROLL CURSOR FOR SELECT ", def->name);
    for (size_t i = 0; i < def->columns_n; i++)
        say(&s, "%s%s", i > 0 ? ", " : "", def->columns[i].read_as != NULL ? def->columns[i].read_as : def->columns[i].name);
    say(&s, " FROM %s %s", def->name, def->load);
    t->since = strstr(def->load, "$1") != NULL;
    set_query(&t->open, def->name, "open", &s, t->since ? 1 : 0, 0);
    s.len = 0;
    say(&s, "FETCH %d FROM %s_rows", CHUNK, def->name);
    set_query(&t->fetch, def->name, "fetch", &s, 0, def->columns_n);
    s.len = 0;
    say(&s, "CLOSE %s_rows", def->name);
    set_query(&t->close, def->name, "close", &s, 0, 0);
}

struct table *
table_new(const struct table_def *def)
{
    struct table *t = xcalloc(1, sizeof *t);

    assert(def->columns_n <= COLUMNS_MAX);
    t->def = def;
    make_insert(&t->insert, def);
    make_update(&t->update, def);
    if (def->load != NULL)
        make_load(t);
    return t;
}

const char *
table_name(const struct table *t)
{
    return t->def->name;
}

static void
query_free(struct db_query *q)
{
    free((char *)q->name);
    free((char *)q->sql);
}

static void
statement_free(struct statement *st)
{
    query_free(&st->query);
    for (size_t i = 0; st->arrays != NULL && i < st->columns_n; i++)
        array_free(&st->arrays[i]);
    free(st->arrays);
}

void
table_delete(struct table *t)
{
    if (t == NULL)
        return;
    statement_free(&t->insert);
    statement_free(&t->update);
    query_free(&t->open);
    query_free(&t->fetch);
    query_free(&t->close);
    free(t);
}

enum err
table_prepare(struct table *t, struct db *db)
{
    enum err err = db_prepare(db, &t->insert.query);

    if (!err && t->update.query.sql != NULL)
        err = db_prepare(db, &t->update.query);
    return err;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void
begin(struct statement *st)
{
    st->rows = 0;
    for (size_t i = 0; st->arrays != NULL && i < st->columns_n; i++)
        array_begin(&st->arrays[i], ARRAY_OF[st->columns[i]->type]);
}

void
table_begin(struct table *t)
{
    begin(&t->insert);
    begin(&t->update);
}

static bool
all_zero(const uint8_t *p, size_t len)
{
    while (len > 0 && *p == 0) {
        p++;
        len--;
    }
    return len == 0;
}

static void
add_bytes_or_null(struct array *a, const void *p, size_t len)
{
    if (all_zero(p, len))
        array_null(a);
    else
        array_bytes(a, p, len);
}

static void
add_value(struct array *a, const struct table_column *c, const void *p)
{
    uint8_t coded[TABLE_CODED_MAX];
    const char *word;
    size_t len;

    switch (c->type) {
    case TABLE_I64:
    case TABLE_U64:
        array_i64(a, *(const int64_t *)p);
        return;
    case TABLE_I32:
        array_i64(a, *(const int32_t *)p);
        return;
    case TABLE_U32:
        array_i64(a, *(const uint32_t *)p);
        return;
    case TABLE_U16:
        array_i64(a, *(const uint16_t *)p);
        return;
    case TABLE_U8:
        array_i64(a, *(const uint8_t *)p);
        return;
    case TABLE_WORD:
        word = c->word(*(const int *)p);
        array_bytes(a, word, strlen(word));
        return;
    case TABLE_BOOL:
        array_i64(a, *(const bool *)p ? 1 : 0);
        return;
    case TABLE_UUID:
    case TABLE_HASH:
        add_bytes_or_null(a, p, c->size);
        return;
    case TABLE_FIXED:
        array_bytes(a, p, c->size);
        return;
    case TABLE_TEXT:
        array_bytes(a, p, strnlen(p, c->size));
        return;
    case TABLE_BYTES: {
        const struct bytes *b = p;

        if (b->len == 0)
            array_null(a);
        else
            array_bytes(a, b->data, b->len);
        return;
    }
    case TABLE_CODED:
        len = c->encode(p, coded);
        if (len == 0)
            array_null(a);
        else
            array_bytes(a, coded, len);
        return;
    }
}

static void
add_row(struct statement *st, const void *object)
{
    assert(st->arrays != NULL);
    for (size_t i = 0; i < st->columns_n; i++)
        add_value(&st->arrays[i], st->columns[i], (const uint8_t *)object + st->columns[i]->offset);
    st->rows++;
}

void
table_insert(struct table *t, const void *object)
{
    add_row(&t->insert, object);
    for (size_t i = 0; i < t->def->columns_n; i++) {
        const struct table_column *c = &t->def->columns[i];

        if ((c->flags & TABLE_LATER) != 0 && !all_zero((const uint8_t *)object + c->offset, c->size)) {
            add_row(&t->update, object);
            return;
        }
    }
}

void
table_update(struct table *t, const void *object)
{
    add_row(&t->update, object);
}

static enum err
fly(struct statement *st, struct db *db, size_t *flown)
{
    struct db_arg args[COLUMNS_MAX];

    if (st->rows == 0)
        return OK;
    for (size_t i = 0; i < st->columns_n; i++)
        args[i] = array_arg(&st->arrays[i]);
    ++*flown;
    return db_flight_add(db, &st->query, args, st->columns_n);
}

enum err
table_fly(struct table *t, struct db *db, size_t *flown)
{
    enum err err = fly(&t->insert, db, flown);

    return err ? err : fly(&t->update, db, flown);
}

bool
table_landed(const struct table *t, const struct db_landed *landed, size_t *from)
{
    const struct statement *const both[] = { &t->insert, &t->update };

    for (size_t i = 0; i < 2; i++)
        if (both[i]->rows > 0 && landed[(*from)++].affected != (int64_t)both[i]->rows)
            return false;
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static enum err
read_fixed(const PGresult *rows, int row, int col, void *p, size_t size)
{
    struct bytes b = db_get_bytes(rows, row, col);

    if (db_is_null(rows, row, col))
        return OK; /* zero already */
    if (b.len != size)
        return ERR_CORRUPT;
    memcpy(p, b.data, size);
    return OK;
}

static enum err
read_value(const PGresult *rows, int row, int col, const struct table_column *c, void *p)
{
    struct bytes b;

    switch (c->type) {
    case TABLE_I64:
    case TABLE_U64:
        *(int64_t *)p = db_get_i64(rows, row, col);
        return OK;
    case TABLE_I32:
        *(int32_t *)p = (int32_t)db_get_i64(rows, row, col);
        return OK;
    case TABLE_U32:
        *(uint32_t *)p = (uint32_t)db_get_i64(rows, row, col);
        return OK;
    case TABLE_U16:
        *(uint16_t *)p = (uint16_t)db_get_i64(rows, row, col);
        return OK;
    case TABLE_U8:
        *(uint8_t *)p = (uint8_t)db_get_i64(rows, row, col);
        return OK;
    case TABLE_WORD:
        return c->value(db_get_text(rows, row, col), p) ? OK : ERR_CORRUPT;
    case TABLE_BOOL:
        *(bool *)p = db_get_bool(rows, row, col);
        return OK;
    case TABLE_UUID:
    case TABLE_HASH:
    case TABLE_FIXED:
        return read_fixed(rows, row, col, p, c->size);
    case TABLE_TEXT:
        return text_format(p, c->size, "%s", db_get_text(rows, row, col)) ? OK : ERR_CORRUPT;
    case TABLE_BYTES:
        b = db_get_bytes(rows, row, col);
        if (b.len > 0) {
            uint8_t *copy = xmalloc(b.len);
            memcpy(copy, b.data, b.len);
            *(struct bytes *)p = BYTES(copy, b.len);
        }
        return OK;
    case TABLE_CODED:
        return c->decode(db_get_bytes(rows, row, col), p);
    }
    return ERR_INTERNAL;
}

static enum err
read_row(const struct table_def *def, const PGresult *rows, int row, uint8_t *object)
{
    enum err err = OK;

    memset(object, 0, def->object_size);
    for (size_t i = 0; !err && i < def->columns_n; i++)
        err = read_value(rows, row, (int)i, &def->columns[i], object + def->columns[i].offset);
    return err;
}

enum err
table_load(struct table *t, struct db *db, int64_t since, enum err (*take)(void *ctx, const void *object), void *ctx)
{
    uint8_t *object = xcalloc(1, t->def->object_size);
    enum err err = db_run(db, &t->open, (const struct db_arg[]){ db_i64(since) }, t->since ? 1 : 0, NULL);
    int n = CHUNK;

    while (!err && n == CHUNK) {
        _cleanup_result_ PGresult *rows = NULL;

        err = db_run(db, &t->fetch, DB_NO_ARGS, &rows);
        n = err ? 0 : PQntuples(rows);
        for (int row = 0; !err && row < n; row++) {
            err = read_row(t->def, rows, row, object);
            if (!err)
                err = take(ctx, object);
        }
    }
    free(object);
    return err ? err : db_run(db, &t->close, DB_NO_ARGS, NULL);
}
