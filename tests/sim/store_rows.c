/* tests/sim/store_rows.c: store/journal.h, store/table.h, store/answers.h and store/entries.h over the simulated database.
 * Columns are kept as the product lists them: what no column names is lost, as it would be. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "pg.h"
#include "store/answers.h"
#include "store/cosignatures.h"
#include "store/evidence.h"
#include "store/entries.h"
#include "store/shape.h"
#include "store/tiles.h"
#include "store_sim.h"

/* ---- journal ---------------------------------------------------------------------------------------------------------- */

enum err
journal_head_read(struct db *db, struct journal_head *ret)
{
    enum err err = store_read(db, "journal_head");

    if (!err)
        *ret = pg.head;
    return err;
}

enum err
journal_prepare(struct journal_writer *w, struct db *db)
{
    (void)w;
    return store_read(db, "prepare");
}

void
journal_writer_free(struct journal_writer *w)
{
    (void)w;
}

void
journal_begin(struct journal_writer *w)
{
    w->entries.n = w->accounts.n = w->opens.n = w->old.n = 0;
}

static void *
room(uint8_t **data, size_t *cap, uint32_t *n, size_t size)
{
    if ((*n + 1) * size > *cap) {
        *cap = (*n + 8) * 2 * size;
        *data = xrealloc(*data, *cap);
    }
    return *data + (*n)++ * size;
}

void
journal_entry(struct journal_writer *w, const struct entry *header, struct bytes encoded, const struct hash *leaf)
{
    uint8_t *copy = xmalloc(encoded.len);

    assert(w->entries.n == 0 || header->index == w->first + w->entries.n);
    if (w->entries.n == 0)
        w->first = header->index;
    memcpy(copy, encoded.data, encoded.len);
    *(struct pgentry *)room(&w->entries.data, &w->entries.cap, &w->entries.n, sizeof(struct pgentry)) =
        (struct pgentry){ .index = header->index, .bytes = copy, .len = encoded.len, .leaf = *leaf };
}

/* What the table has of an account. */
static struct account
stored_account(const struct account *a)
{
    return (struct account){ .index = a->index, .class = a->class, .closed = a->closed, .owner_org = a->owner_org,
                             .owner_site = a->owner_site, .parent = a->parent, .posted_debits = a->posted_debits,
                             .posted_credits = a->posted_credits, .held_debits = a->held_debits,
                             .held_credits = a->held_credits, .last_index = a->last_index };
}

void
journal_account(struct journal_writer *w, const struct account *a)
{
    struct records *r = a->stored ? &w->accounts : &w->opens;

    *(struct account *)room(&r->data, &r->cap, &r->n, sizeof *a) = stored_account(a);
    if (a->stored)
        *(uint64_t *)room(&w->old.data, &w->old.cap, &w->old.n, sizeof(uint64_t)) = a->saved_last_index;
}

static void *
copied(const void *data, size_t len)
{
    void *copy = xmalloc(len);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

enum err
journal_fly(struct journal_writer *w, struct db *db, const struct journal_head *have, const struct journal_head *next,
            size_t *flown)
{
    struct statement *st = flight_add(db, "journal_write");

    ++*flown;
    st->kind = w->entries.n == 0 ? ST_MOVE : ST_WRITE;
    st->have = *have;
    st->next = *next;
    st->entries_n = w->entries.n;
    st->entries = copied(w->entries.data, w->entries.n * sizeof(struct pgentry));
    st->accounts_n = w->accounts.n;
    st->accounts = copied(w->accounts.data, w->accounts.n * sizeof(struct account));
    st->old = copied(w->old.data, w->old.n * sizeof(uint64_t));
    if (w->opens.n == 0)
        return OK;
    ++*flown;
    st = flight_add(db, "journal_open");
    st->kind = ST_OPEN;
    st->accounts_n = w->opens.n;
    st->accounts = copied(w->opens.data, w->opens.n * sizeof(struct account));
    return OK;
}

enum err
journal_landed(const struct journal_writer *w, const struct db_landed *landed, size_t *from)
{
    const struct statement *st = (const void *)landed[(*from)++].rows;

    if (st->affected != 1 || st->counts[0] != 1)
        return ERR_NOT_LEADER;
    if (w->entries.n > 0 && (st->counts[1] != w->entries.n || st->counts[2] != w->accounts.n))
        return ERR_CORRUPT;
    if (w->opens.n > 0 && landed[(*from)++].affected != w->opens.n)
        return ERR_CORRUPT;
    return OK;
}

enum err
journal_read(struct db *db, uint64_t from, uint64_t to,
             enum err (*take)(void *ctx, const struct entry *e, const struct hash *leaf), void *ctx)
{
    enum err err = store_read(db, "journal_read");

    for (; !err && from < to; from++) {
        const struct pgentry *row = from < pg.entries_n ? &pg.entries[from] : NULL;
        struct entry e;

        if (row == NULL || entry_decode(BYTES(row->bytes, row->len), &e) != OK ||
            !hash_equal(entry_leaf_hash(BYTES(row->bytes, row->len)), row->leaf))
            return ERR_CORRUPT;
        err = take(ctx, &e, &row->leaf);
    }
    return err;
}

enum err
journal_no_more(struct db *db, uint64_t size)
{
    enum err err = store_read(db, "journal_stray");

    return err ? err : pg.entries_n == size ? OK : ERR_CORRUPT;
}

/* Nobody alters its tables. */
enum err
shape_check(struct db *db, shape_tell_fn *tell, void *ctx)
{
    (void)tell;
    (void)ctx;
    return db == NULL ? OK : store_read(db, "shape"); /* NULL: check.c's own look */
}

enum err
journal_accounts(struct db *db, enum err (*take)(void *ctx, const struct account *a), void *ctx)
{
    enum err err = store_read(db, "journal_accounts");

    for (size_t i = 0; !err && i < pg.accounts_n; i++)
        err = take(ctx, &pg.accounts[i]);
    return err;
}

/* ---- tables ----------------------------------------------------------------------------------------------------------- */

struct rowlist { struct pgrow **rows; size_t n, cap; };
struct table { const struct table_def *def; struct rowlist insert, update; };

struct table *
table_new(const struct table_def *def)
{
    struct table *t = xcalloc(1, sizeof *t);

    t->def = def;
    return t;
}

void
table_delete(struct table *t)
{
    free(t);
}

enum err
table_prepare(struct table *t, struct db *db)
{
    (void)t;
    (void)db;
    return OK;
}

const char *
table_name(const struct table *t)
{
    return t->def->name;
}

void
table_begin(struct table *t)
{
    t->insert.n = t->update.n = 0;
}

static struct pgrow *
row_of(const struct table_def *def, const void *object)
{
    struct pgrow *row = xcalloc(1, sizeof *row);
    char *copy = copied(object, def->object_size);
    size_t codes = 0;

    row->object = copy;
    for (size_t i = 0; i < def->columns_n; i++) {
        const struct table_column *c = &def->columns[i];

        if (c->type == TABLE_BYTES) {
            struct bytes b;

            memcpy(&b, copy + c->offset, sizeof b);
            b = BYTES(copied(b.data, b.len), b.len);
            memcpy(copy + c->offset, &b, sizeof b);
        } else if (c->type == TABLE_CODED && c->encode != NULL) {
            uint8_t code[TABLE_CODED_MAX];
            size_t len = c->encode(object, code);

            assert(codes < CODES_MAX);
            row->codes[codes++] = BYTES(copied(code, len), len);
        }
    }
    return row;
}

static void
list_add(struct rowlist *l, struct pgrow *row)
{
    if (l->n == l->cap) {
        l->cap = l->cap * 2 + 4;
        l->rows = xrealloc(l->rows, l->cap * sizeof *l->rows);
    }
    l->rows[l->n++] = row;
}

void
table_insert(struct table *t, const void *object)
{
    list_add(&t->insert, row_of(t->def, object));
}

void
table_update(struct table *t, const void *object)
{
    list_add(&t->update, row_of(t->def, object));
}

static void
fly(struct table *t, const struct rowlist *l, int kind, struct db *db, size_t *flown)
{
    struct statement *st;

    if (l->n == 0)
        return;
    st = flight_add(db, t->def->name);
    st->kind = kind;
    st->table = pg_table(t->def->name);
    st->def = t->def;
    st->n = l->n;
    st->rows = copied(l->rows, l->n * sizeof *l->rows);
    st->places = xcalloc(l->n, sizeof *st->places);
    ++*flown;
}

enum err
table_fly(struct table *t, struct db *db, size_t *flown)
{
    fly(t, &t->insert, ST_INSERT, db, flown);
    fly(t, &t->update, ST_UPDATE, db, flown);
    return OK;
}

bool
table_landed(const struct table *t, const struct db_landed *landed, size_t *from)
{
    const struct rowlist *const both[] = { &t->insert, &t->update };

    for (size_t i = 0; i < 2; i++)
        if (both[i]->n > 0 && landed[(*from)++].affected != (int64_t)both[i]->n)
            return false;
    return true;
}

/* ---- loading: the load clauses of market/rows.c, one by one ----------------------------------------------------------- */

static int64_t
newest_report(const struct pgtable *sites, const struct table_def *sites_def, int64_t site)
{
    for (size_t i = 0; i < sites->n; i++)
        if (sites_def != NULL && pgrow_i64(sites_def, sites->rows[i], "site") == site)
            return pgrow_i64(sites_def, sites->rows[i], "last_report");
    return 0;
}

static const struct table_def *sites_def; /* learnt when it is loaded, which is before the reports */

static bool
is_wanted(const struct table_def *def, const struct pgrow *row, int64_t since)
{
    if (strcmp(def->name, "quote") == 0)
        return pgrow_i64(def, row, "created_ms") >= since;
    if (strcmp(def->name, "reservation") == 0)
        return pgrow_i64(def, row, "hold") >= since && pgrow_i64(def, row, "state") != TICKET_VOIDED;
    if (strcmp(def->name, "report") == 0)
        return pgrow_i64(def, row, "number") >
               newest_report(pg_table("site_status"), sites_def, pgrow_i64(def, row, "site")) - since;
    return true;
}

static const char *const ORDERS[][3] = {
    { "quote", "ended_ms", "id" }, { "reservation", "hold", NULL }, { "site_status", "site", NULL },
    { "report", "site", "number" }, { "capacity", "offering", "number" },
};

static const char *const CLAUSES[] = {
    ("LEFT JOIN LATERAL (SELECT ask, answer FROM quote_answer a WHERE a.id = quote.id AND quote.state = 'open' OFFSET 0) long"
     " ON true WHERE created_ms >= $1 ORDER BY ended_ms, id"),
    "WHERE hold >= $1 AND state <> 'voided' ORDER BY hold",
    "ORDER BY site",
    ("JOIN (SELECT s.site AS of_site, s.last_report FROM site_status s) l ON site = of_site AND number > last_report - $1"
     " ORDER BY site, number"),
    "ORDER BY offering, number",
};

static const struct table_def *sort_def;
static const char *const *sort_by;

static int
compare(const void *a, const void *b)
{
    const struct pgrow *x = *(struct pgrow *const *)a, *y = *(struct pgrow *const *)b;

    for (size_t i = 1; i < 3 && sort_by[i] != NULL; i++) {
        if (strcmp(sort_by[i], "id") == 0) {
            struct uuid p = pgrow_uuid(sort_def, x, "id"), q = pgrow_uuid(sort_def, y, "id");
            return memcmp(p.b, q.b, sizeof p.b);
        }
        int64_t p = pgrow_i64(sort_def, x, sort_by[i]), q = pgrow_i64(sort_def, y, sort_by[i]);
        if (p != q)
            return p < q ? -1 : 1;
    }
    return 0;
}

/* The long part of a quote stands in a table of its own, whose rows have the same objects; only open ones have one. */
static const struct pgrow *
joined(const struct table_def *def, const struct pgrow *row)
{
    const struct pgtable *t = pg_table("quote_answer");

    static const struct quote nothing;
    static const struct pgrow none = { .object = &nothing };

    if (strcmp(def->name, "quote") != 0)
        return row;
    if (((const struct quote *)row->object)->state != QUOTE_OPEN)
        return &none;
    for (size_t i = 0; i < t->n; i++)
        if (memcmp(((const struct quote *)t->rows[i]->object)->id.b, ((const struct quote *)row->object)->id.b, 16) == 0)
            return t->rows[i];
    violation("a quote without its answer");
    return row;
}

/* A fresh object with what the columns say, and nothing else. */
static enum err
object_of(const struct table_def *def, const struct pgrow *row, uint8_t *ret)
{
    const struct pgrow *other = joined(def, row);

    memset(ret, 0, def->object_size);
    for (size_t i = 0; i < def->columns_n; i++) {
        const struct table_column *c = &def->columns[i];

        if (c->type == TABLE_CODED) {
            if (c->decode(other->codes[0], ret) != OK)
                return ERR_CORRUPT;
            continue;
        }
        if (c->type != TABLE_BYTES) {
            memcpy(ret + c->offset, (const char *)row->object + c->offset, c->size);
            continue;
        }
        struct bytes b;
        memcpy(&b, (const char *)other->object + c->offset, sizeof b);
        if (b.len > 0)
            b = BYTES(copied(b.data, b.len), b.len);
        else
            b = (struct bytes){ 0 };
        memcpy(ret + c->offset, &b, sizeof b);
    }
    return OK;
}

enum err
table_load(struct table *t, struct db *db, int64_t since, enum err (*take)(void *ctx, const void *object), void *ctx)
{
    const struct table_def *def = t->def;
    struct pgtable *from = pg_table(def->name);
    struct rowlist found = { 0 };
    uint8_t *object = xcalloc(1, def->object_size);
    enum err err = store_read(db, def->name);
    size_t which = 0;

    while (strcmp(ORDERS[which][0], def->name) != 0)
        which++;
    if (strcmp(CLAUSES[which], def->load) != 0)
        violation("store_rows.c does not know how %s is loaded now", def->name);
    if (strcmp(def->name, "site_status") == 0)
        sites_def = def;
    for (size_t i = 0; !err && i < from->n; i++)
        if (is_wanted(def, from->rows[i], since))
            list_add(&found, from->rows[i]);
    sort_def = def;
    sort_by = ORDERS[which];
    if (found.n > 1)
        qsort(found.rows, found.n, sizeof *found.rows, compare);
    for (size_t i = 0; !err && i < found.n; i++) {
        err = object_of(def, found.rows[i], object);
        if (!err)
            err = take(ctx, object);
    }
    free(object);
    free(found.rows);
    return err;
}

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

static const char *
err_word(int err)
{
    return err == OK ? "ok" : err_wire((enum err)err);
}

static const struct table_column ANSWER_COLUMNS[] = {
    TABLE_COLUMN(TABLE_FIXED, struct answer_row, scope, TABLE_KEY | TABLE_ONCE),
    TABLE_COLUMN(TABLE_FIXED, struct answer_row, request, TABLE_ONCE),
    TABLE_WORDS(struct answer_row, err, TABLE_ONCE, err_word, NULL),
    TABLE_COLUMN(TABLE_UUID, struct answer_row, id, TABLE_ONCE),
    TABLE_COLUMN(TABLE_U64, struct answer_row, index, TABLE_ONCE),
    TABLE_COLUMN(TABLE_U64, struct answer_row, number, TABLE_ONCE),
    TABLE_COLUMN(TABLE_I64, struct answer_row, time_ms, TABLE_ONCE),
    TABLE_COLUMN(TABLE_U32, struct answer_row, flags, TABLE_ONCE),
    TABLE_COLUMN(TABLE_TEXT, struct answer_row, text, TABLE_ONCE),
    TABLE_COLUMN(TABLE_I64, struct answer_row, created_ms, TABLE_ONCE),
};

const struct table_def answers_table = {
    .name = "answer", .columns = ANSWER_COLUMNS, .columns_n = sizeof ANSWER_COLUMNS / sizeof ANSWER_COLUMNS[0],
    .object_size = sizeof(struct answer_row),
};

enum err
answers_find_all(struct db *db, const struct hash *scopes, size_t n,
                 void (*take)(void *ctx, const struct answer_row *a), void *ctx)
{
    enum err err = store_read(db, "answers_find_all");
    const struct pgtable *t = pg_table("answer");

    for (size_t i = 0; !err && i < t->n; i++)
        for (size_t k = 0; k < n; k++) {
            const struct answer_row *a = t->rows[i]->object;
            if (hash_equal(a->scope, scopes[k]))
                take(ctx, a);
        }
    return err;
}

enum err
answers_keys(struct db *db, int64_t since_ms, size_t max, void (*take)(void *ctx, uint64_t head), void *ctx)
{
    enum err err = store_read(db, "answers_keys");
    const struct pgtable *t = pg_table("answer");

    for (size_t i = t->n; !err && i > 0 && max > 0; i--) {
        const struct answer_row *a = t->rows[i - 1]->object;
        uint64_t head;

        if (a->created_ms < since_ms)
            continue;
        memcpy(&head, a->scope.b, sizeof head);
        take(ctx, head);
        max--;
    }
    return err;
}

enum err
answers_prune(struct db *db, int64_t before_ms, int64_t max, int64_t *ret)
{
    enum err err = store_read(db, "answers_prune");
    struct pgtable *t = pg_table("answer");
    size_t n = 0;

    *ret = 0;
    if (err || pg.head_lock != NULL) /* places of rows under way must not move */
        return err;
    for (size_t i = 0; i < t->n; i++)
        if (((const struct answer_row *)t->rows[i]->object)->created_ms < before_ms && *ret < max)
            ++*ret;
        else
            t->rows[n++] = t->rows[i];
    t->n = n;
    return OK;
}

/* ---- tiles ------------------------------------------------------------------------------------------------------------ */

/* No history's journal is so long that its second level begins. */
enum err
tiles_each(struct db *db, enum err (*take)(void *ctx, int level, uint64_t n, const struct hash *sha256), void *ctx)
{
    enum err err = store_read(db, "tiles_each");
    const struct pgtable *t = pg_table("tile");

    for (uint64_t n = 0, found = 0; !err && found < t->n; n++)
        for (size_t i = 0; !err && i < t->n; i++) {
            const struct tile_row *row = t->rows[i]->object;
            struct hash sum;

            if (row->n != n)
                continue;
            found++;
            if (row->level != 0)
                violation("store_rows.c knows tiles of the lowest level only");
            sum = sha256(row->hashes);
            err = take(ctx, 0, n, &sum);
        }
    return err;
}

enum err
tiles_add(struct db *db, int level, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    (void)db;
    (void)hashes;
    violation("tile %d/%llu is missing in the table", level, (unsigned long long)n);
    return ERR_CORRUPT;
}

enum err
tile_rows_each(struct db *db, enum err (*take)(void *ctx, int level, uint64_t n, const struct hash hashes[TILE_WIDTH]), void *ctx)
{
    const struct pgtable *t = pg_table("tile");
    enum err err = OK;

    (void)db;
    for (size_t i = 0; !err && i < t->n; i++) {
        const struct tile_row *row = t->rows[i]->object;

        err = take(ctx, row->level, row->n, (const struct hash *)(const void *)row->hashes.data);
    }
    return err;
}

enum err
checkpoints_newest(struct db *db, uint64_t most, struct arena *a, struct checkpoint_row *ret)
{
    (void)db;
    (void)most;
    (void)a;
    (void)ret;
    return ERR_NOT_FOUND; /* the notary is not of the simulation */
}

enum err
cosignatures_first(struct db *db, enum err (*take)(void *ctx, const struct cosigned *row), void *ctx)
{
    (void)db;
    (void)take;
    (void)ctx;
    return OK; /* nor are witnesses */
}

enum err
cosignatures_each(struct db *db, enum err (*take)(void *ctx, const struct cosigned *row, const char *witness), void *ctx)
{
    (void)db;
    (void)take;
    (void)ctx;
    return OK;
}

enum err
evidence_each(struct db *db, enum err (*take)(void *ctx, const struct evidence *e), void *ctx)
{
    (void)db;
    (void)take;
    (void)ctx;
    return OK; /* the simulated officers give no reasons */
}

enum err
assertions_each(struct db *db, enum err (*take)(void *ctx, const struct hash *sha256, struct bytes assertion), void *ctx)
{
    (void)db;
    (void)take;
    (void)ctx;
    return OK;
}

/* Seals are the real database's: rows here are never changed from outside. */
enum err
seals_each(struct db *db, bool renew, seals_tell_fn *tell, void *ctx, struct seals_count *ret)
{
    (void)db;
    (void)renew;
    (void)tell;
    (void)ctx;
    *ret = (struct seals_count){ .rows = 0 };
    return OK;
}

enum err
seals_begun(struct db *db, bool *ret)
{
    (void)db;
    *ret = false;
    return OK;
}

/* ---- export ----------------------------------------------------------------------------------------------------------- */

enum err
entries_snapshot(struct db *db)
{
    (void)db;
    return OK;
}

enum err
entries_counts_read(struct db *db, struct entries_counts *ret)
{
    (void)db;
    *ret = (struct entries_counts){ pg.entries_n, pg.accounts_n, pg_table("tile")->n, pg_table("reservation")->n };
    return OK;
}

enum err
entries_head_read(struct db *db, struct entries_head *ret)
{
    (void)db;
    *ret = (struct entries_head){ .size = pg.head.size, .root = pg.head.root, .time_ms = pg.head.time_ms };
    return OK;
}

enum err
entries_each(struct db *db, enum err (*take)(void *ctx, const struct entry_row *row), void *ctx)
{
    enum err err = OK;

    (void)db;
    for (size_t i = 0; !err && i < pg.entries_n; i++) {
        const struct pgentry *e = &pg.entries[i];
        struct entry_row row = { e->index, e->bytes, e->len, e->leaf };

        err = take(ctx, &row);
    }
    return err;
}

enum err
account_rows_each(struct db *db, enum err (*take)(void *ctx, const struct account_row *row), void *ctx)
{
    enum err err = OK;

    (void)db;
    for (size_t i = 0; !err && i < pg.accounts_n; i++) {
        const struct account *a = &pg.accounts[i];
        struct account_row row = { .index = a->index, .owner_site = a->owner_site, .parent = a->parent,
                                   .last_index = a->last_index, .class = a->class,
                                   .posted_debits = a->posted_debits, .posted_credits = a->posted_credits,
                                   .held_debits = a->held_debits, .held_credits = a->held_credits,
                                   .closed = a->closed, .owner_org = a->owner_org };

        err = take(ctx, &row);
    }
    return err;
}

enum err
held_rows_each(struct db *db, enum err (*take)(void *ctx, const struct held_row *row), void *ctx)
{
    const struct pgtable *t = pg_table("reservation");
    enum err err = OK;

    (void)db;
    for (size_t i = 0; !err && i < t->n; i++) {
        const struct reservation *r = t->rows[i]->object;
        struct held_row row = {
            .reservation = r->id, .request = r->request, .org = r->org, .hold = r->hold, .grant = r->grant, .site = r->site,
            .offering = r->offering, .rate = r->rate, .fence = r->fence, .gpus = r->gpus, .walltime_s = r->walltime_s,
            .rate_milli = r->rate_milli, .amount = r->cost_gpums, .window_start_ms = r->window_start_ms,
            .window_end_ms = r->window_end_ms, .start_by_ms = r->start_by_ms, .paid = r->settled_gpums,
        };

        err = take(ctx, &row);
    }
    return err;
}
