/* market/commit.c: write a batch in two flights: everything, with every row count compared; then COMMIT. */
#include "market/market_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/text.h"

/* A tile that the batch's entries complete. */
static enum err
take_tile(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width)
{
    struct market *m = ctx;
    size_t len = width * sizeof *hashes;
    uint8_t *copy = arena_alloc(m->batch.arena, len);

    assert(width == TILE_WIDTH);
    memcpy(copy, hashes, len);
    *(struct tile_row *)vector_add(&m->batch.tiles, m->undo, 1) =
        (struct tile_row){ .level = level, .n = n, .hashes = BYTES(copy, len) };
    return OK;
}

/* May be called again for the same batch, when it is tried again. */
static void
fill_entries(struct market *m, struct merkle *tree)
{
    const struct batch_entry *entries = m->batch.entries.items;
    const uint8_t *bytes = m->batch.bytes.items;

    m->batch.tiles.n = 0;
    if (m->batch.entries.n > 0)
        m->tiles_next = m->tiles;
    m->tiles_next.write = take_tile;
    m->tiles_next.ctx = m;
    for (size_t i = 0; i < m->batch.entries.n; i++) {
        struct bytes encoded = BYTES(bytes + entries[i].at, entries[i].len);
        struct hash leaf = entry_leaf_hash(encoded);

        journal_entry(&m->writer, &entries[i].header, encoded, &leaf);
        merkle_append(tree, leaf);
        if (tiles_append(&m->tiles_next, leaf) != OK)
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
fill_objects(struct market *m)
{
    static const enum rows_table TABLE_OF[] = {
        [ROW_QUOTE] = ROWS_QUOTE, [ROW_RESERVATION] = ROWS_RESERVATION, [ROW_SITE] = ROWS_SITE,
    };

    for (const struct row *row = m->batch.rows; row != NULL; row = row->next) {
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
fill_tables(struct market *m)
{
    for (size_t i = 0; i < ROWS; i++)
        table_begin(m->rows.table[i]);
    fill_objects(m);
    fill_vector(m->rows.table[ROWS_TICKET], &m->batch.tickets);
    fill_vector(m->rows.table[ROWS_REPORT], &m->batch.reports);
    fill_vector(m->rows.table[ROWS_CAPACITY], &m->batch.capacity);
    fill_vector(m->rows.table[ROWS_ANSWER], &m->batch.answers);
    fill_vector(m->rows.table[ROWS_TILE], &m->batch.tiles);
}

/* The journal goes first: PostgreSQL writes it while the rest is made ready here. */
static enum err
send_all(struct market *m, struct merkle *tree, struct journal_head *next)
{
    size_t flown = 0;
    enum err err;

    journal_begin(&m->writer);
    fill_entries(m, tree);
    next->batch++;
    next->size = tree->size;
    next->root = merkle_root(tree);
    next->time_ms = ledger_time(m->state->ledger);
    assert(tree->size == ledger_size(m->state->ledger));
    err = db_flight_begin(m->db);
    if (!err)
        err = journal_fly(&m->writer, m->db, &m->head, next, &flown);
    fill_tables(m);
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
    if (!data || journal_head_read(m->db, &head) != OK)
        return COMMIT_TROUBLE;
    if (head.term == m->head.term && head.batch == m->head.batch)
        return COMMIT_DATA;
    text_format(m->why, sizeof m->why, "the head has moved: another server leads");
    return COMMIT_ROWS;
}

enum commit_result
commit_batch(struct market *m)
{
    struct db_landed landed[DB_FLIGHT_MAX] = { { 0 } };
    struct merkle tree = m->merkle;
    struct journal_head next = m->head;
    bool right;
    enum err err;

    err = send_all(m, &tree, &next);
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
    if (db_commit(m->db) != OK)
        return COMMIT_UNKNOWN;
    m->head = next;
    m->merkle = tree;
    if (m->batch.entries.n > 0) {
        pthread_mutex_lock(&m->edge_lock);
        m->tiles = m->tiles_next;
        m->edge_known = true;
        pthread_mutex_unlock(&m->edge_lock);
    }
    return COMMIT_DONE;
}
