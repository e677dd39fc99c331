/* store/table.c */
#include "store/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "store/record.h"

enum { SQL_MAX = 16384, CHUNK = 500, COLUMNS_MAX = 80 };

static const uint8_t NO_SEAL[ROWSEAL_LEN];

struct statement {
    struct db_query query;      /* sql NULL: there is none */
    struct records rows;
};

struct table {
    const struct table_def *def;
    struct record_column columns[COLUMNS_MAX];
    uint32_t row_type;          /* of this connection's database */
    struct statement insert, update;
    bool sealed;
    const struct seals *seals;  /* this connection's */
    struct records whole;       /* one row, to be sealed or compared with its seal */
    struct db_query open, fetch, close; /* the cursor that table_load reads */
    bool since; /* the load clause has a $1 */
};

static const enum record_type RECORD_OF[] = {
    [TABLE_I64] = RECORD_I64,     [TABLE_U64] = RECORD_I64,    [TABLE_I32] = RECORD_I32,  [TABLE_U32] = RECORD_I64,
    [TABLE_U16] = RECORD_I32,     [TABLE_SET] = RECORD_I32,    [TABLE_U8] = RECORD_I16,     [TABLE_WORD] = RECORD_TEXT, [TABLE_BOOL] = RECORD_BOOL,
    [TABLE_UUID] = RECORD_UUID,   [TABLE_HASH] = RECORD_BYTES, [TABLE_FIXED] = RECORD_BYTES, [TABLE_TEXT] = RECORD_TEXT,
    [TABLE_BYTES] = RECORD_BYTES, [TABLE_CODED] = RECORD_BYTES,
    [TABLE_SEAL] = RECORD_BYTES,
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
set_query(struct db_query *q, const char *table, const char *what, const struct sql *s, size_t params, size_t columns)
{
    char name[64];

    text_format(name, sizeof name, "%s_%s", table, what);
    *q = (struct db_query){ .name = xstrdup(name), .sql = xstrdup(s->text), .params = (int)params,
                            .columns = (int)columns };
}

static void
make_insert(struct statement *st, const struct table_def *def)
{
    struct sql s = { .len = 0 };

    say(&s, "INSERT INTO %s SELECT * FROM pg_catalog.unnest($1::%s[])", def->name, def->name);
    set_query(&st->query, def->name, "insert", &s, 1, 0);
}

/* Sets all columns that may change; none: no statement. */
static void
make_update(struct statement *st, const struct table_def *def)
{
    struct sql s = { .len = 0 };
    size_t changes = 0, keys = 0;

    say(&s, "UPDATE %s t SET ", def->name);
    for (size_t i = 0; i < def->columns_n; i++)
        if (def->columns[i].flags == 0)
            say(&s, "%s%s = u.%s", changes++ > 0 ? ", " : "", def->columns[i].name, def->columns[i].name);
    say(&s, " FROM pg_catalog.unnest($1::%s[]) u", def->name);
    for (size_t i = 0; i < def->columns_n; i++)
        if (is_key(&def->columns[i]))
            say(&s, " %s t.%s = u.%s", keys++ > 0 ? "AND" : "WHERE", def->columns[i].name, def->columns[i].name);
    assert(keys > 0); /* or every row would change */
    if (changes > 0)
        set_query(&st->query, def->name, "update", &s, 1, 0);
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
    for (size_t i = 0; i < def->columns_n; i++) {
        t->columns[i] = (struct record_column){ def->columns[i].name, RECORD_OF[def->columns[i].type] };
        t->sealed = t->sealed || def->columns[i].type == TABLE_SEAL;
    }
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
    records_free(&st->rows);
}

void
table_delete(struct table *t)
{
    if (t == NULL)
        return;
    statement_free(&t->insert);
    statement_free(&t->update);
    records_free(&t->whole);
    query_free(&t->open);
    query_free(&t->fetch);
    query_free(&t->close);
    free(t);
}

enum err
table_prepare(struct table *t, struct db *db)
{
    enum err err = record_shape(db, t->def->name, t->columns, t->def->columns_n, &t->row_type);

    t->seals = db_seals(db);
    if (!err)
        err = db_prepare(db, &t->insert.query);
    if (!err && t->update.query.sql != NULL)
        err = db_prepare(db, &t->update.query);
    return err;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

void
table_begin(struct table *t)
{
    records_begin(&t->insert.rows);
    records_begin(&t->update.rows);
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
add_bytes_or_null(struct records *r, enum record_type type, const void *p, size_t len)
{
    if (all_zero(p, len))
        records_null(r, type);
    else
        records_bytes(r, type, p, len);
}

static void
add_coded(struct records *r, const struct table_column *c, const void *object)
{
    uint8_t coded[TABLE_CODED_MAX];
    size_t len = c->encode(object, coded);

    if (len == 0)
        records_null(r, RECORD_BYTES);
    else
        records_bytes(r, RECORD_BYTES, coded, len);
}

static void
add_value(struct records *r, const struct table_column *c, const void *object)
{
    const void *p = (const uint8_t *)object + c->offset;
    enum record_type type = RECORD_OF[c->type];
    const struct bytes *b = p;
    const char *word;

    switch (c->type) {
    case TABLE_I64:
    case TABLE_U64:
        records_i64(r, type, *(const int64_t *)p);
        return;
    case TABLE_I32:
        records_i64(r, type, *(const int32_t *)p);
        return;
    case TABLE_U32:
        records_i64(r, type, *(const uint32_t *)p);
        return;
    case TABLE_U16:
        records_i64(r, type, *(const uint16_t *)p);
        return;
    case TABLE_SET:
        if (*(const uint16_t *)p == 0)
            records_null(r, type);
        else
            records_i64(r, type, *(const uint16_t *)p);
        return;
    case TABLE_U8:
        records_i64(r, type, *(const uint8_t *)p);
        return;
    case TABLE_BOOL:
        records_i64(r, type, *(const bool *)p ? 1 : 0);
        return;
    case TABLE_WORD:
        word = c->word(*(const int *)p);
        records_bytes(r, type, word, strlen(word));
        return;
    case TABLE_UUID:
    case TABLE_HASH:
        add_bytes_or_null(r, type, p, c->size);
        return;
    case TABLE_FIXED:
        records_bytes(r, type, p, c->size);
        return;
    case TABLE_TEXT:
        records_bytes(r, type, p, strnlen(p, c->size));
        return;
    case TABLE_BYTES:
        if (b->len == 0)
            records_null(r, type);
        else
            records_bytes(r, type, b->data, b->len);
        return;
    case TABLE_CODED:
        add_coded(r, c, object);
        return;
    case TABLE_SEAL:
        records_bytes(r, type, NO_SEAL, sizeof NO_SEAL); /* until the row is whole */
        return;
    }
}

/* The whole object as a row. Returns where its seal is, which is made last; NULL: it has none. */
static const uint8_t *
add_object(struct table *t, struct records *r, const void *object)
{
    size_t seal_at = 0, fields;
    uint8_t *seal;

    records_row(r, t->def->columns_n);
    fields = r->len;
    for (size_t i = 0; i < t->def->columns_n; i++) {
        add_value(r, &t->def->columns[i], object);
        if (t->def->columns[i].type == TABLE_SEAL)
            seal_at = r->len - ROWSEAL_LEN;
    }
    records_row_end(r);
    if (!t->sealed)
        return NULL;
    seal = r->data + seal_at;
    seals_make(t->seals, t->def->sealed, BYTES(r->data + fields, seal_at - RECORD_FIELD - fields),
               BYTES(seal + ROWSEAL_LEN, r->len - seal_at - ROWSEAL_LEN), seal);
    return seal;
}

void
table_insert(struct table *t, const void *object)
{
    (void)add_object(t, &t->insert.rows, object);
}

void
table_update(struct table *t, const void *object)
{
    struct records *r = &t->update.rows;
    const uint8_t *seal = NULL;

    assert(t->update.query.sql != NULL);
    if (t->sealed) {
        records_begin(&t->whole);
        seal = add_object(t, &t->whole, object);
    }
    records_row(r, t->def->columns_n);
    for (size_t i = 0; i < t->def->columns_n; i++)
        if (t->def->columns[i].flags == TABLE_ONCE)
            records_null(r, t->columns[i].type); /* not looked at */
        else if (t->def->columns[i].type == TABLE_SEAL)
            records_bytes(r, RECORD_BYTES, seal, ROWSEAL_LEN);
        else
            add_value(r, &t->def->columns[i], object);
    records_row_end(r);
}

static enum err
fly(const struct table *t, struct statement *st, struct db *db, size_t *flown)
{
    if (st->rows.n == 0)
        return OK;
    ++*flown;
    return db_flight_add(db, &st->query, DB_ARGS(records_arg(&st->rows, t->row_type)));
}

enum err
table_fly(struct table *t, struct db *db, size_t *flown)
{
    enum err err = fly(t, &t->insert, db, flown);

    return err ? err : fly(t, &t->update, db, flown);
}

bool
table_landed(const struct table *t, const struct db_landed *landed, size_t *from)
{
    const struct statement *const both[] = { &t->insert, &t->update };

    for (size_t i = 0; i < 2; i++)
        if (both[i]->rows.n > 0 && landed[(*from)++].affected != (int64_t)both[i]->rows.n)
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
read_value(const PGresult *rows, int row, int col, const struct table_column *c, void *object)
{
    void *p = (uint8_t *)object + c->offset;
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
    case TABLE_SET:
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
        return c->decode(db_get_bytes(rows, row, col), object);
    case TABLE_SEAL:
        return OK; /* check_seal() has looked at it */
    }
    return ERR_INTERNAL;
}

/* The row as the database sent it, not as the object would be written: also what an object has no place for is told. */
static enum err
check_seal(struct table *t, struct db *db, const PGresult *rows, int row)
{
    char key[UUID_TEXT];

    records_begin(&t->whole);
    records_row(&t->whole, t->def->columns_n);
    for (int i = 0; i < (int)t->def->columns_n; i++)
        records_raw(&t->whole, PQftype(rows, i), db_is_null(rows, row, i), db_get_bytes(rows, row, i));
    records_row_end(&t->whole);
    uuid_text(db_get_uuid(rows, row, 0), key);
    return seals_check_row(db, &t->fetch, t->def->sealed, key, records_last(&t->whole));
}

static enum err
read_row(const struct table_def *def, const PGresult *rows, int row, uint8_t *object)
{
    enum err err = OK;

    memset(object, 0, def->object_size);
    for (size_t i = 0; !err && i < def->columns_n; i++)
        err = read_value(rows, row, (int)i, &def->columns[i], object);
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
            err = t->sealed ? check_seal(t, db, rows, row) : OK;
            if (!err)
                err = read_row(t->def, rows, row, object);
            if (!err)
                err = take(ctx, object);
        }
    }
    free(object);
    return err ? err : db_run(db, &t->close, DB_NO_ARGS, NULL);
}
