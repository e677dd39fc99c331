/* market/commit.c: a batch is sealed, that is encoded for PostgreSQL, and written in two flights: everything, with every row
 * count compared; then COMMIT. */
#include "market/market_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "market/quote.h"

/* A tile that the batch's entries complete. */
static enum err
take_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    struct batch *b = ctx;
    size_t len = width * sizeof *hashes;
    uint8_t *copy = arena_alloc(b->arena, len);

    assert(width == TILE_WIDTH);
    memcpy(copy, hashes, len);
    *(struct tile_row *)vector_add(&b->tiles, NULL, 1) =
        (struct tile_row){ .level = level, .n = n, .hashes = BYTES(copy, len) };
    return OK;
}

static void
fill_entries(struct market *m, struct work *w)
{
    const struct batch_entry *entries = w->batch.entries.items;
    const uint8_t *bytes = w->batch.bytes.items;

    w->tiles->write = take_tile;
    w->tiles->ctx = &w->batch;
    for (size_t i = 0; i < w->batch.entries.n; i++) {
        struct bytes encoded = BYTES(bytes + entries[i].at, entries[i].len);
        struct hash leaf = entry_leaf_hash(encoded);

        journal_entry(&m->writer, &entries[i].header, encoded, &leaf);
        if (tiles_append_both(w->tiles, &w->tree, leaf) != OK)
            abort(); /* take_tile has no errors */
    }
    for (struct account *a = ledger_dirty(m->state->ledger); a != NULL; a = a->next_dirty)
        journal_account(&m->writer, a);
}

static void
fill_vector(struct table *t, const struct vector *v)
{
    for (size_t i = 0; i < v->n; i++)
        table_insert(t, (const char *)v->items + i * v->size);
}

static void
fill_objects(struct market *m, const struct work *w)
{
    static const enum rows_table TABLE_OF[] = {
        [ROW_QUOTE] = ROWS_QUOTE, [ROW_RESERVATION] = ROWS_RESERVATION, [ROW_SITE] = ROWS_SITE,
    };

    for (const struct row *row = w->batch.rows; row != NULL; row = row->next) {
        struct table *t = m->rows.table[TABLE_OF[row->kind]];

        assert(row->kind != ROW_CAPACITY && row->state != ROW_CLEAN);
        if (row->state == ROW_NEW)
            table_insert(t, row);
        if (row->state == ROW_NEW && row->kind == ROW_QUOTE)
            table_insert(m->rows.table[ROWS_QUOTE_ANSWER], row);
        else if (row->state == ROW_CHANGED)
            table_update(t, row);
    }
}

static void
fill_tables(struct market *m, const struct work *w)
{
    for (size_t i = 0; i < ROWS; i++)
        table_begin(m->rows.table[i]);
    fill_objects(m, w);
    fill_vector(m->rows.table[ROWS_TICKET], &w->batch.tickets);
    fill_vector(m->rows.table[ROWS_REPORT], &w->batch.reports);
    fill_vector(m->rows.table[ROWS_CAPACITY], &w->batch.capacity);
    fill_vector(m->rows.table[ROWS_ANSWER], &w->batch.answers);
    fill_vector(m->rows.table[ROWS_TILE], &w->batch.tiles);
    fill_vector(m->rows.table[ROWS_ASSERTION], &w->batch.assertions);
}

/* What was decided from now on is a change to this. */
static void
rows_are_clean(struct market *m, struct work *w)
{
    struct row *row, *next;

    pthread_rwlock_wrlock(&m->state_lock);
    ledger_clear_dirty(m->state->ledger);
    for (row = w->batch.rows; row != NULL; row = next) {
        next = row->next;
        row->state = ROW_CLEAN;
        row->next = NULL;
    }
    w->batch.rows = NULL;
    pthread_rwlock_unlock(&m->state_lock);
}

static void
end_quotes(struct market *m, struct work *w)
{
    struct deciding d = work_deciding(m, w);

    pthread_rwlock_wrlock(&m->state_lock);
    quotes_end_old(&d);
    pthread_rwlock_unlock(&m->state_lock);
}

void
commit_seal(struct market *m, struct work *w, const struct work *before)
{
    assert(!w->sealed);
    w->next = before != NULL ? before->next : m->head;
    w->tree = before != NULL ? before->tree : m->merkle;
    tiles_copy(w->tiles, before != NULL ? before->tiles : m->tiles);
    if (w->batch.entries.n > 0)
        end_quotes(m, w);
    journal_begin(&m->writer);
    fill_entries(m, w);
    fill_tables(m, w);
    w->next.batch++;
    w->next.size = w->tree.size;
    w->next.root = merkle_root(&w->tree);
    w->next.time_ms = ledger_time(m->state->ledger);
    assert(w->tree.size == ledger_size(m->state->ledger));
    rows_are_clean(m, w);
    w->end = undo_here(m->undo);
    w->sealed = true;
}

static enum err
send_all(struct market *m, const struct work *w)
{
    size_t flown = 0;
    enum err err = db_flight_begin(m->db);

    if (!err)
        err = journal_fly(&m->writer, m->db, &m->head, &w->next, &flown);
    for (size_t i = 0; !err && i < ROWS; i++)
        err = table_fly(m->rows.table[i], m->db, &flown);
    return err;
}

/* Did each statement touch as many rows as it should? Else says which did not. */
static bool
rows_are_right(struct market *m, const struct db_landed *landed)
{
    size_t at = 0;
    enum err err = journal_landed(&m->writer, landed, &at);

    if (err) {
        text_format(m->why, sizeof m->why, "%s", err == ERR_NOT_LEADER ? "the head has moved: another server leads"
                                                                       : "entries or accounts do not fit");
        return false;
    }
    for (size_t i = 0; i < ROWS; i++)
        if (!table_landed(m->rows.table[i], landed, &at)) {
            text_format(m->why, sizeof m->why, "rows of %s do not fit", table_name(m->rows.table[i]));
            return false;
        }
    return true;
}

/* Was it some command's data? Where another server has led meanwhile, what it wrote stands where ours was to stand: then
 * a unique key says so before the head's row is looked at, and no command is to blame. */
static enum commit_result
failed(struct market *m)
{
    const char *state = db_sqlstate(m->db);
    bool data = strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0;
    struct journal_head head;

    db_rollback(m->db);
    m->refused.query = db_failed_query(m->db); /* the look at the head is a query, too */
    text_format(m->refused.sqlstate, sizeof m->refused.sqlstate, "%s", state);
    text_format(m->refused.message, sizeof m->refused.message, "%s", db_message(m->db));
    if (!data || journal_head_read(m->db, &head) != OK)
        return COMMIT_TROUBLE;
    if (head.term == m->head.term && head.batch == m->head.batch)
        return COMMIT_DATA;
    text_format(m->why, sizeof m->why, "the head has moved: another server leads");
    return COMMIT_ROWS;
}

enum commit_result
commit_batch(struct market *m, struct work *w)
{
    struct db_landed landed[DB_FLIGHT_MAX] = { { 0 } };
    bool right;
    enum err err = send_all(m, w);

    assert(w->sealed);
    if (!err)
        err = db_flight_land(m->db, landed);
    if (err) {
        db_landed_clear(landed);
        return failed(m);
    }
    right = rows_are_right(m, landed);
    db_landed_clear(landed);
    if (!right) {
        db_rollback(m->db);
        return COMMIT_ROWS;
    }
    m->ending = true;
    err = db_commit(m->db);
    m->ending = false;
    if (err)
        return COMMIT_UNKNOWN;
    m->head = w->next;
    m->merkle = w->tree;
    if (w->batch.entries.n > 0) {
        pthread_mutex_lock(&m->edge_lock);
        tiles_copy(m->tiles, w->tiles);
        m->edge_known = true;
        pthread_mutex_unlock(&m->edge_lock);
    }
    return COMMIT_DONE;
}
