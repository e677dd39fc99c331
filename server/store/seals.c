/* store/seals.c: by keyset, some hundred rows at a time. */
#include "store/seals.h"

#include <assert.h>
#include <stdio.h>

#include "base/text.h"
#include "crypto/random.h"
#include "store/array.h"

enum { PAGE = 500, FIELD = 8 };

/* $1 the key from which it goes on, $2 how many rows, $3 1: without that key's own. */
#define PAGE_OF(ident, named, table, key, type)                                                                        \
    DB_QUERY(ident, .name = named,                                                                                     \
             .sql = "SELECT t." key "::text, pg_catalog.record_send(t) FROM " table " t WHERE t." key " >= $1::text::" type       \
                    " ORDER BY t." key " LIMIT $2 OFFSET $3",                                                          \
             .params = 3, .columns = 2)
/* $1 keys, $2 their seals. */
#define SET_OF(ident, named, table, key, type)                                                                         \
    DB_QUERY(ident, .name = named,                                                                                     \
             .sql = "UPDATE " table " t SET seal = u.seal FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::bytea[])) u(key, seal)"           \
                    " WHERE t." key " = u.key::" type,                                                                 \
             .params = 2, .columns = 0)

/* Whatever their keys. */
#define COUNT_OF(ident, named, table)                                                                                  \
    DB_QUERY(ident, .name = named, .sql = "SELECT pg_catalog.count(*) FROM " table, .params = 0, .columns = 1)

PAGE_OF(OF_HEAD, "seals_of_head", "head", "one", "boolean");
PAGE_OF(OF_CHECKPOINT, "seals_of_checkpoint", "checkpoint", "size", "bigint");
PAGE_OF(OF_EVIDENCE, "seals_of_evidence", "evidence", "order_id", "uuid");
PAGE_OF(OF_RESERVATION, "seals_of_reservation", "reservation", "id", "uuid");
SET_OF(SET_HEAD, "seals_set_head", "head", "one", "boolean");
SET_OF(SET_CHECKPOINT, "seals_set_checkpoint", "checkpoint", "size", "bigint");
SET_OF(SET_EVIDENCE, "seals_set_evidence", "evidence", "order_id", "uuid");
SET_OF(SET_RESERVATION, "seals_set_reservation", "reservation", "id", "uuid");

COUNT_OF(COUNT_HEAD, "seals_count_head", "head");
COUNT_OF(COUNT_CHECKPOINT, "seals_count_checkpoint", "checkpoint");
COUNT_OF(COUNT_EVIDENCE, "seals_count_evidence", "evidence");
COUNT_OF(COUNT_RESERVATION, "seals_count_reservation", "reservation");

DB_QUERY(SEALS_BEGUN, .name = "seals_begun",
         .sql = "SELECT seal IS NOT NULL OR EXISTS (SELECT FROM reservation WHERE seal IS NOT NULL) OR EXISTS (SELECT FROM evidence WHERE seal IS NOT NULL)"
                " OR EXISTS (SELECT FROM checkpoint WHERE seal IS NOT NULL) FROM head",
         .params = 0, .columns = 1);

#define NO_UUID "00000000-0000-0000-0000-000000000000"
static const struct {
    const char *name, *first; /* the least key that can be */
    uint32_t seal_at;         /* which column is the seal, from 0 */
    const struct db_query *page, *set, *count;
} TABLES[] = {
    [SEALED_HEAD] = { "head", "false", 6, &OF_HEAD, &SET_HEAD, &COUNT_HEAD },
    [SEALED_CHECKPOINT] = { "checkpoint", "-9223372036854775808", 4, &OF_CHECKPOINT, &SET_CHECKPOINT, &COUNT_CHECKPOINT },
    [SEALED_EVIDENCE] = { "evidence", NO_UUID, 9, &OF_EVIDENCE, &SET_EVIDENCE, &COUNT_EVIDENCE },
    [SEALED_RESERVATION] = { "reservation", NO_UUID, 63, &OF_RESERVATION, &SET_RESERVATION, &COUNT_RESERVATION },
};

struct seals
seals_new(const struct rowseal_key *key)
{
    struct seals s;

    for (size_t i = 0; i < SEALED_TABLES; i++)
        s.of[i] = rowseal_begin(key, TABLES[i].name);
    return s;
}

/* ---- one row -------------------------------------------------------------------------------------------------------- */

static uint32_t
read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The length of the field at the head of these bytes, 0 if none is whole. */
static size_t
field_len(struct bytes fields, bool *ret_null)
{
    uint32_t len;

    if (fields.len < FIELD)
        return 0;
    len = read_u32(fields.data + 4);
    *ret_null = len == UINT32_MAX;
    if (*ret_null)
        return FIELD;
    return len <= fields.len - FIELD ? FIELD + len : 0;
}

static struct bytes
skip(struct bytes b, size_t n)
{
    return BYTES(b.data + n, b.len - n);
}

/* Without the NULLs at the end. */
static struct bytes
trimmed(struct bytes fields)
{
    size_t end = 0;
    bool null;

    for (size_t at = 0, len; (len = field_len(skip(fields, at), &null)) > 0;) {
        at += len;
        if (!null)
            end = at;
    }
    return BYTES(fields.data, end);
}

void
seals_make(const struct seals *s, enum sealed_table table, struct bytes before, struct bytes after, uint8_t ret[ROWSEAL_LEN])
{
    after = trimmed(after);
    rowseal_make(&s->of[table], after.len > 0 ? before : trimmed(before), after, ret);
}

/* Take a record apart at its seal. False: it has none, as it is no record of this table. */
static bool
split(enum sealed_table table, struct bytes record, struct bytes *ret_before, struct bytes *ret_seal, struct bytes *ret_after)
{
    struct bytes at;
    size_t len;
    bool null = false;

    if (record.len < 4 || read_u32(record.data) <= TABLES[table].seal_at)
        return false;
    at = skip(record, 4);
    for (uint32_t i = 0; i < TABLES[table].seal_at; i++) {
        len = field_len(at, &null);
        if (len == 0)
            return false;
        at = skip(at, len);
    }
    *ret_before = BYTES(record.data + 4, (size_t)(at.data - record.data) - 4);
    len = field_len(at, &null);
    if (len == 0)
        return false;
    *ret_seal = null ? BYTES(NULL, 0) : BYTES(at.data + FIELD, len - FIELD);
    *ret_after = skip(at, len);
    return true;
}

bool
seals_hold(const struct seals *s, enum sealed_table table, struct bytes record, bool *ret_bare)
{
    struct bytes before, seal = BYTES(NULL, 0), after;
    uint8_t want[ROWSEAL_LEN];
    bool whole = split(table, record, &before, &seal, &after);

    if (ret_bare != NULL)
        *ret_bare = seal.len == 0;
    if (!whole || seal.len != ROWSEAL_LEN)
        return false;
    seals_make(s, table, before, after, want);
    return random_equal(want, seal.data, ROWSEAL_LEN) != 0;
}

enum err
seals_complain(struct db *db, const struct db_query *q, enum sealed_table table, const char *key, bool bare)
{
    (void)db_complain(db, q, "%s %s %s: it was changed behind the server's back, or seal.key is another database's; see kontord reseal",
                      TABLES[table].name, key, bare ? "has no seal" : "is not as it was sealed");
    return ERR_CORRUPT;
}

enum err
seals_check_row(struct db *db, const struct db_query *q, enum sealed_table table, const char *key, struct bytes record)
{
    const struct seals *s = db_seals(db);
    bool bare;

    assert(s != NULL);
    return seals_hold(s, table, record, &bare) ? OK : seals_complain(db, q, table, key, bare);
}

/* ---- all rows ------------------------------------------------------------------------------------------------------- */

struct walk {
    struct db *db;
    bool renew;
    seals_tell_fn *tell;
    void *ctx;
    struct seals_count count;
    struct array keys, seals; /* of one page, to be renewed */
};

static void
add_renewed(struct walk *w, enum sealed_table table, const char *key, struct bytes record)
{
    struct bytes before, seal, after;
    uint8_t new[ROWSEAL_LEN];

    if (!split(table, record, &before, &seal, &after))
        return;
    seals_make(db_seals(w->db), table, before, after, new);
    array_bytes(&w->keys, key, strlen(key));
    array_bytes(&w->seals, new, sizeof new);
}

static enum err
set_page(struct walk *w, enum sealed_table table)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err;

    if (w->keys.n == 0)
        return OK;
    err = db_run(w->db, TABLES[table].set, DB_ARGS(array_arg(&w->keys), array_arg(&w->seals)), &rows);
    if (!err && db_affected(rows) != w->keys.n)
        err = db_complain(w->db, TABLES[table].set, "of %u rows %lld were sealed", w->keys.n, (long long)db_affected(rows));
    return err;
}

static enum err
walk_page(struct walk *w, enum sealed_table table, bool first, char *from, size_t size, int *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(w->db, TABLES[table].page, DB_ARGS(db_text(from), db_i64(PAGE), db_i64(!first)), &rows);

    *ret_n = err ? 0 : PQntuples(rows);
    array_begin(&w->keys, ARRAY_TEXT);
    array_begin(&w->seals, ARRAY_BYTES);
    for (int i = 0; i < *ret_n; i++) {
        struct seals_wrong wrong = { .table = TABLES[table].name, .key = db_get_text(rows, i, 0) };
        struct bytes record = db_get_bytes(rows, i, 1);

        w->count.rows++;
        if (seals_hold(db_seals(w->db), table, record, &wrong.bare))
            continue;
        w->count.wrong++;
        if (w->tell != NULL)
            w->tell(w->ctx, &wrong);
        if (w->renew)
            add_renewed(w, table, wrong.key, record);
    }
    if (*ret_n > 0)
        text_format(from, size, "%s", db_get_text(rows, *ret_n - 1, 0));
    return err ? err : set_page(w, table);
}

/* A key that is NULL, or below the first, is in no page; one that is there twice may be in one and still be missed. */
static enum err
count_hidden(struct walk *w, enum sealed_table table, uint64_t seen)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(w->db, TABLES[table].count, DB_NO_ARGS, &rows);
    struct seals_wrong wrong = { .table = TABLES[table].name };

    if (err || db_get_u64(rows, 0, 0) <= seen)
        return err;
    wrong.hidden = db_get_u64(rows, 0, 0) - seen;
    w->count.wrong += wrong.hidden;
    if (w->tell != NULL)
        w->tell(w->ctx, &wrong);
    return OK;
}

/* Pages go by the key: in a snapshot, or under the lease, while nobody adds to what was passed already. */
static enum err
walk_table(struct walk *w, enum sealed_table table)
{
    uint64_t before = w->count.rows;
    enum err err = OK;
    char from[64];
    int n = PAGE;

    text_format(from, sizeof from, "%s", TABLES[table].first);
    for (bool first = true; !err && n == PAGE; first = false)
        err = walk_page(w, table, first, from, sizeof from, &n);
    return err ? err : count_hidden(w, table, w->count.rows - before);
}

enum err
seals_each(struct db *db, bool renew, seals_tell_fn *tell, void *ctx, struct seals_count *ret)
{
    struct walk w = { .db = db, .renew = renew, .tell = tell, .ctx = ctx };
    enum err err = OK;

    assert(db_seals(db) != NULL);
    for (int table = 0; !err && table < SEALED_TABLES; table++)
        err = walk_table(&w, (enum sealed_table)table);
    array_free(&w.keys);
    array_free(&w.seals);
    *ret = w.count;
    return err;
}

enum err
seals_begun(struct db *db, bool *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SEALS_BEGUN, DB_NO_ARGS, &rows);

    if (err)
        return err;
    if (PQntuples(rows) != 1)
        return ERR_CORRUPT;
    *ret = db_get_bool(rows, 0, 0);
    return OK;
}
