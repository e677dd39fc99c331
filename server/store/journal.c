/* store/journal.c */
#include "store/journal.h"

#include <assert.h>

enum { CHUNK = 2000, HEADER_LEN = 72 };

DB_QUERY(JOURNAL_LEASE,
    .name = "journal_lease",
    .sql = "SELECT pg_try_advisory_lock(hashtextextended('kontor sequencer', 0))",
    .params = 0, .columns = 1);

DB_QUERY(JOURNAL_TERM,
    .name = "journal_term",
    .sql = "UPDATE head SET term = term + 1 RETURNING term, batch, size, root, time_ms",
    .params = 0, .columns = 5);

DB_QUERY(JOURNAL_HEAD,
    .name = "journal_head",
    .sql = "SELECT term, batch, size, root, time_ms FROM head",
    .params = 0, .columns = 5);

/* $1 term, $2 batch, $3 to $5 the new head; $6 the first entry's index less one; $7 on: entries, accounts, new accounts.
 * Entries are numbered by their place in the arrays: a gap cannot be written. */
DB_QUERY(JOURNAL_WRITE,
    .name = "journal_write",
    .sql = "WITH h AS (UPDATE head SET batch = batch + 1, size = $3, root = $4, time_ms = $5"
           "   WHERE term = $1 AND batch = $2 RETURNING 1),"
           " e AS (INSERT INTO entry (index, version, kind, time_ms, group_first, group_len, group_pos, debit, credit,"
           "                          amount, prev_debit, prev_credit, body, leaf_hash)"
           "   SELECT $6::bigint + n, 1, kind, time_ms, $6::bigint + n - group_pos, group_len, group_pos, debit, credit,"
           "          amount, prev_debit, prev_credit, body, leaf_hash"
           "   FROM unnest($7::smallint[], $8::bigint[], $9::smallint[], $10::smallint[], $11::bigint[], $12::bigint[],"
           "               $13::bigint[], $14::bigint[], $15::bigint[], $16::bytea[], $17::bytea[]) WITH ORDINALITY"
           "     AS u(kind, time_ms, group_len, group_pos, debit, credit, amount, prev_debit, prev_credit, body,"
           "          leaf_hash, n) RETURNING 1),"
           " a AS (UPDATE account t SET closed = u.closed, parent = u.parent, posted_debits = u.posted_debits,"
           "     posted_credits = u.posted_credits, held_debits = u.held_debits, held_credits = u.held_credits,"
           "     last_index = u.last_index"
           "   FROM unnest($18::bigint[], $19::bigint[], $20::boolean[], $21::bigint[], $22::bigint[], $23::bigint[],"
           "               $24::bigint[], $25::bigint[], $26::bigint[])"
           "     AS u(index, old, closed, parent, posted_debits, posted_credits, held_debits, held_credits, last_index)"
           "   WHERE t.index = u.index AND t.last_index = u.old RETURNING 1),"
           " o AS (INSERT INTO account (index, class, closed, owner_org, owner_site, parent, posted_debits,"
           "                            posted_credits, held_debits, held_credits, last_index)"
           "   SELECT index, class, closed, owner_org, owner_site, parent, posted_debits, posted_credits, held_debits,"
           "          held_credits, last_index"
           "   FROM unnest($27::bigint[], $28::smallint[], $29::boolean[], $30::uuid[], $31::bigint[], $32::bigint[],"
           "               $33::bigint[], $34::bigint[], $35::bigint[], $36::bigint[], $37::bigint[])"
           "     AS u(index, class, closed, owner_org, owner_site, parent, posted_debits, posted_credits, held_debits,"
           "          held_credits, last_index) RETURNING 1)"
           " SELECT (SELECT count(*) FROM h), (SELECT count(*) FROM e), (SELECT count(*) FROM a),"
           "        (SELECT count(*) FROM o)",
    .params = 37, .columns = 4);

DB_QUERY(JOURNAL_READ,
    .name = "journal_read",
    .sql = "SELECT version, kind, index, time_ms, group_first, group_len, group_pos, debit, credit, amount, prev_debit,"
           " prev_credit, body, leaf_hash FROM entry WHERE index >= $1 AND index < $2 ORDER BY index",
    .params = 2, .columns = 14);

DB_QUERY(JOURNAL_ACCOUNTS,
    .name = "journal_accounts",
    .sql = "SELECT index, class, closed, owner_org, owner_site, parent, posted_debits, posted_credits, held_debits,"
           " held_credits, last_index FROM account WHERE index > $1 ORDER BY index LIMIT $2",
    .params = 2, .columns = 11);

enum err
journal_lease(struct db *db)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &JOURNAL_LEASE, DB_NO_ARGS, &rows);

    if (err)
        return err;
    return PQntuples(rows) == 1 && db_get_bool(rows, 0, 0) ? OK : ERR_NOT_LEADER;
}

static enum err
head_of(struct db *db, const struct db_query *q, struct journal_head *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, DB_NO_ARGS, &rows);
    struct hash root;

    if (err)
        return err;
    if (PQntuples(rows) != 1 || !db_get_hash(rows, 0, 3, &root))
        return ERR_CORRUPT;
    *ret = (struct journal_head){ .term = db_get_u64(rows, 0, 0), .batch = db_get_u64(rows, 0, 1),
                                  .size = db_get_u64(rows, 0, 2), .root = root, .time_ms = db_get_i64(rows, 0, 4) };
    return OK;
}

enum err
journal_raise_term(struct db *db, struct journal_head *ret)
{
    return head_of(db, &JOURNAL_TERM, ret);
}

enum err
journal_head_read(struct db *db, struct journal_head *ret)
{
    return head_of(db, &JOURNAL_HEAD, ret);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

enum err
journal_prepare(struct db *db)
{
    return db_prepare(db, &JOURNAL_WRITE);
}

void
journal_writer_free(struct journal_writer *w)
{
    for (size_t i = 0; i < JOURNAL_ENTRY_COLUMNS; i++)
        array_free(&w->entry[i]);
    for (size_t i = 0; i < JOURNAL_ACCOUNT_COLUMNS; i++)
        array_free(&w->account[i]);
    for (size_t i = 0; i < JOURNAL_OPEN_COLUMNS; i++)
        array_free(&w->open[i]);
}

static const enum array_type ENTRY_TYPES[JOURNAL_ENTRY_COLUMNS] = {
    ARRAY_I16, ARRAY_I64, ARRAY_I16, ARRAY_I16, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_BYTES,
    ARRAY_BYTES,
};
static const enum array_type ACCOUNT_TYPES[JOURNAL_ACCOUNT_COLUMNS] = {
    ARRAY_I64, ARRAY_I64, ARRAY_BOOL, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64,
};
static const enum array_type OPEN_TYPES[JOURNAL_OPEN_COLUMNS] = {
    ARRAY_I64, ARRAY_I16, ARRAY_BOOL, ARRAY_UUID, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64, ARRAY_I64,
    ARRAY_I64,
};

static void
begin(struct array *arrays, const enum array_type *types, size_t n)
{
    for (size_t i = 0; i < n; i++)
        array_begin(&arrays[i], types[i]);
}

void
journal_begin(struct journal_writer *w)
{
    begin(w->entry, ENTRY_TYPES, JOURNAL_ENTRY_COLUMNS);
    begin(w->account, ACCOUNT_TYPES, JOURNAL_ACCOUNT_COLUMNS);
    begin(w->open, OPEN_TYPES, JOURNAL_OPEN_COLUMNS);
    w->entries = w->accounts = w->opens = 0;
}

void
journal_entry(struct journal_writer *w, const struct entry *header, struct bytes encoded, const struct hash *leaf)
{
    struct array *a = w->entry;

    assert(encoded.len > HEADER_LEN);
    if (w->entries++ == 0)
        w->first = header->index;
    assert(header->index == w->first + (uint64_t)w->entries - 1);
    array_i64(a++, header->kind);
    array_i64(a++, header->time_ms);
    array_i64(a++, header->group_len);
    array_i64(a++, header->group_pos);
    array_i64(a++, (int64_t)header->debit);
    array_i64(a++, (int64_t)header->credit);
    array_i64(a++, header->amount);
    array_i64(a++, (int64_t)header->prev_debit);
    array_i64(a++, (int64_t)header->prev_credit);
    array_bytes(a++, encoded.data + HEADER_LEN, encoded.len - HEADER_LEN);
    array_bytes(a, leaf->b, sizeof leaf->b);
}

static void
balances(struct array *a, const struct account *account)
{
    array_i64(a++, account->posted_debits);
    array_i64(a++, account->posted_credits);
    array_i64(a++, account->held_debits);
    array_i64(a++, account->held_credits);
    array_i64(a, (int64_t)account->last_index);
}

void
journal_account(struct journal_writer *w, const struct account *account)
{
    struct array *a = account->stored ? w->account : w->open;

    array_i64(a++, (int64_t)account->index);
    if (account->stored) {
        w->accounts++;
        array_i64(a++, (int64_t)account->saved_last_index);
        array_i64(a++, account->closed);
    } else {
        w->opens++;
        array_i64(a++, account->class);
        array_i64(a++, account->closed);
        array_bytes(a++, account->owner_org.b, sizeof account->owner_org.b);
        array_i64(a++, (int64_t)account->owner_site);
    }
    array_i64(a++, (int64_t)account->parent);
    balances(a, account);
}

enum err
journal_fly(struct journal_writer *w, struct db *db, const struct journal_head *have, const struct journal_head *next)
{
    struct db_arg args[6 + JOURNAL_ENTRY_COLUMNS + JOURNAL_ACCOUNT_COLUMNS + JOURNAL_OPEN_COLUMNS];
    size_t n = 0;

    args[n++] = db_u64(have->term);
    args[n++] = db_u64(have->batch);
    args[n++] = db_u64(next->size);
    args[n++] = db_hash(&next->root);
    args[n++] = db_i64(next->time_ms);
    args[n++] = db_i64((int64_t)have->size - 1);
    assert(w->entries == 0 || w->first == have->size);
    for (size_t i = 0; i < JOURNAL_ENTRY_COLUMNS; i++)
        args[n++] = array_arg(&w->entry[i]);
    for (size_t i = 0; i < JOURNAL_ACCOUNT_COLUMNS; i++)
        args[n++] = array_arg(&w->account[i]);
    for (size_t i = 0; i < JOURNAL_OPEN_COLUMNS; i++)
        args[n++] = array_arg(&w->open[i]);
    return db_flight_add(db, &JOURNAL_WRITE, args, n);
}

enum err
journal_landed(const struct journal_writer *w, const struct db_landed *landed)
{
    if (landed->affected != 1 || db_get_i64(landed->rows, 0, 0) != 1)
        return ERR_NOT_LEADER;
    if (db_get_i64(landed->rows, 0, 1) != w->entries || db_get_i64(landed->rows, 0, 2) != w->accounts ||
        db_get_i64(landed->rows, 0, 3) != w->opens)
        return ERR_CORRUPT;
    return OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static enum err
read_entry(const PGresult *rows, int row, struct entry *ret, struct hash *ret_leaf)
{
    uint8_t encoded[ENTRY_MAX];
    struct hash leaf;
    size_t len;

    ret->version = (uint16_t)db_get_i64(rows, row, 0);
    ret->kind = (uint16_t)db_get_i64(rows, row, 1);
    ret->index = db_get_u64(rows, row, 2);
    ret->time_ms = db_get_i64(rows, row, 3);
    ret->group_first = db_get_u64(rows, row, 4);
    ret->group_len = (uint16_t)db_get_i64(rows, row, 5);
    ret->group_pos = (uint16_t)db_get_i64(rows, row, 6);
    ret->debit = db_get_u64(rows, row, 7);
    ret->credit = db_get_u64(rows, row, 8);
    ret->amount = db_get_i64(rows, row, 9);
    ret->prev_debit = db_get_u64(rows, row, 10);
    ret->prev_credit = db_get_u64(rows, row, 11);
    if (entry_decode_body(db_get_bytes(rows, row, 12), ret) != OK || !db_get_hash(rows, row, 13, ret_leaf))
        return ERR_CORRUPT;
    len = entry_encode(ret, encoded);
    leaf = entry_leaf_hash(BYTES(encoded, len));
    return hash_equal(leaf, *ret_leaf) ? OK : ERR_CORRUPT;
}

enum err
journal_read(struct db *db, uint64_t from, uint64_t to,
             enum err (*take)(void *ctx, const struct entry *e, const struct hash *leaf), void *ctx)
{
    enum err err = OK;

    while (!err && from < to) {
        _cleanup_result_ PGresult *rows = NULL;
        uint64_t until = to - from < CHUNK ? to : from + CHUNK;

        err = db_run(db, &JOURNAL_READ, DB_ARGS(db_u64(from), db_u64(until)), &rows);
        if (!err && (uint64_t)PQntuples(rows) != until - from)
            err = ERR_CORRUPT;
        for (int row = 0; !err && row < PQntuples(rows); row++) {
            struct entry e;
            struct hash leaf;

            err = read_entry(rows, row, &e, &leaf);
            if (!err)
                err = take(ctx, &e, &leaf);
        }
        from = until;
    }
    return err;
}

enum err
journal_accounts(struct db *db, enum err (*take)(void *ctx, const struct account *a), void *ctx)
{
    uint64_t after = 0;
    enum err err = OK;
    int n = CHUNK;

    while (!err && n == CHUNK) {
        _cleanup_result_ PGresult *rows = NULL;

        err = db_run(db, &JOURNAL_ACCOUNTS, DB_ARGS(db_u64(after), db_i64(CHUNK)), &rows);
        n = err ? 0 : PQntuples(rows);
        for (int row = 0; !err && row < n; row++) {
            struct account a = {
                .index = db_get_u64(rows, row, 0), .class = (uint8_t)db_get_i64(rows, row, 1),
                .closed = db_get_bool(rows, row, 2), .owner_org = db_get_uuid(rows, row, 3),
                .owner_site = db_get_u64(rows, row, 4), .parent = db_get_u64(rows, row, 5),
                .posted_debits = db_get_i64(rows, row, 6), .posted_credits = db_get_i64(rows, row, 7),
                .held_debits = db_get_i64(rows, row, 8), .held_credits = db_get_i64(rows, row, 9),
                .last_index = db_get_u64(rows, row, 10),
            };
            after = a.index;
            err = take(ctx, &a);
        }
    }
    return err;
}
