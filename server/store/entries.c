/* store/entries.c: by keyset, a thousand rows at a time. */
#include "store/entries.h"

#include <inttypes.h>

enum { PAGE = 1000, HEADER = 72 };

DB_QUERY(ENTRIES_SNAPSHOT,
    .name = "entries_snapshot",
    .sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
    .params = 0, .columns = 0);

DB_QUERY(ENTRIES_HEAD,
    .name = "entries_head",
    .sql = "SELECT size, root, time_ms FROM head",
    .params = 0, .columns = 3, .whole = "head", .key = 0);

DB_QUERY(ENTRIES_PAGE,
    .name = "entries_page",
    .sql = "SELECT version, kind, index, time_ms, group_first, group_len, group_pos, debit, credit, amount, prev_debit,"
           " prev_credit, body, leaf_hash FROM entry WHERE index > $1 ORDER BY index LIMIT $2",
    .params = 2, .columns = 14, .whole = "entry", .key = 2);

DB_QUERY(ACCOUNT_ROWS_PAGE,
    .name = "account_rows_page",
    .sql = "SELECT index, class, closed, owner_org, owner_site, parent, posted_debits, posted_credits, held_debits,"
           " held_credits, last_index FROM account WHERE index > $1 ORDER BY index LIMIT $2",
    .params = 2, .columns = 11, .whole = "account", .key = 0);

DB_QUERY(ENTRIES_COUNTS,
    .name = "entries_counts",
    .sql = "SELECT (SELECT pg_catalog.count(*) FROM entry), (SELECT pg_catalog.count(*) FROM account),"
           " (SELECT pg_catalog.count(*) FROM tile), (SELECT pg_catalog.count(*) FROM reservation)",
    .params = 0, .columns = 4);

DB_QUERY(HELD_ROWS_PAGE,
    .name = "held_rows_page",
    .sql = "SELECT id, request, org, hold, grant_account, site, offering, rate, fence, gpus, walltime_s, rate_milli, cost_gpums,"
           " window_start_ms, window_end_ms, start_by_ms, settled_gpums FROM reservation WHERE id > $1 ORDER BY id LIMIT $2",
    .params = 2, .columns = 17, .whole = "reservation", .key = 0);

enum err
entries_snapshot(struct db *db)
{
    enum err err;

    db_act_as(db, DB_ACTOR_UNSET); /* it must be the first that the transaction hears */
    err = db_begin(db);
    if (err == OK)
        err = db_run(db, &ENTRIES_SNAPSHOT, DB_NO_ARGS, NULL);
    db_act_as(db, DB_ACTOR_SERVER);
    return err;
}

enum err
entries_counts_read(struct db *db, struct entries_counts *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_script(db, "SET LOCAL enable_indexonlyscan = off"); /* the rows themselves, not what an index says of them */

    if (err == OK)
        err = db_run(db, &ENTRIES_COUNTS, DB_NO_ARGS, &rows);
    if (err == OK)
        *ret = (struct entries_counts){ db_get_u64(rows, 0, 0), db_get_u64(rows, 0, 1), db_get_u64(rows, 0, 2), db_get_u64(rows, 0, 3) };
    return err;
}

enum err
entries_head_read(struct db *db, struct entries_head *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct entries_head head;
    enum err err = db_run(db, &ENTRIES_HEAD, DB_NO_ARGS, &rows);

    if (err != OK)
        return err;
    if (PQntuples(rows) != 1 || !db_get_hash(rows, 0, 1, &head.root))
        return db_corrupt(db, &ENTRIES_HEAD, "the table head has %d rows, or a root of another length", PQntuples(rows));
    head.size = db_get_u64(rows, 0, 0);
    head.time_ms = db_get_i64(rows, 0, 2);
    *ret = head;
    return OK;
}

/* The entry's bytes from its columns: layout version 1, or what would be it. */
static bool
read_row(const PGresult *rows, int i, uint8_t bytes[ENTRY_ROW_MAX], struct entry_row *ret)
{
    struct wire_out w = { bytes, bytes + ENTRY_ROW_MAX };
    struct bytes body = db_get_bytes(rows, i, 12);

    if (body.len > ENTRY_ROW_MAX - HEADER || !db_get_hash(rows, i, 13, &ret->leaf))
        return false;
    put_u16(&w, (uint16_t)db_get_i64(rows, i, 0));
    put_u16(&w, (uint16_t)db_get_i64(rows, i, 1));
    put_i64(&w, db_get_i64(rows, i, 2));
    put_i64(&w, db_get_i64(rows, i, 3));
    put_i64(&w, db_get_i64(rows, i, 4));
    put_u16(&w, (uint16_t)db_get_i64(rows, i, 5));
    put_u16(&w, (uint16_t)db_get_i64(rows, i, 6));
    for (int col = 7; col < 12; col++)
        put_i64(&w, db_get_i64(rows, i, col));
    put_bytes(&w, body.data, body.len);
    ret->index = db_get_u64(rows, i, 2);
    ret->bytes = bytes;
    ret->len = (size_t)(w.at - bytes);
    return true;
}

enum err
entries_each(struct db *db, enum err (*take)(void *ctx, const struct entry_row *row), void *ctx)
{
    uint8_t bytes[ENTRY_ROW_MAX];
    int64_t after = INT64_MIN;

    for (;;) {
        _cleanup_result_ PGresult *rows = NULL;
        enum err err = db_run(db, &ENTRIES_PAGE, DB_ARGS(db_i64(after), db_i64(PAGE)), &rows);

        for (int i = 0; err == OK && i < PQntuples(rows); i++) {
            struct entry_row row;

            after = db_get_i64(rows, i, 2);
            err = read_row(rows, i, bytes, &row) ? take(ctx, &row)
                                                 : db_corrupt(db, &ENTRIES_PAGE, "entry %" PRId64 " has a leaf hash or a body of another length", after);
        }
        if (err != OK || PQntuples(rows) < PAGE)
            return err;
    }
}

enum err
entries_range(struct db *db, uint64_t first, unsigned count, enum err (*take)(void *ctx, const struct entry_row *row), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    uint8_t bytes[ENTRY_ROW_MAX];
    enum err err = db_run(db, &ENTRIES_PAGE, DB_ARGS(db_i64((int64_t)first - 1), db_i64(count)), &rows);

    for (int i = 0; err == OK && i < PQntuples(rows); i++) {
        struct entry_row row;
        err = read_row(rows, i, bytes, &row) ? take(ctx, &row) : ERR_CORRUPT;
    }
    return err;
}

enum err
account_rows_each(struct db *db, enum err (*take)(void *ctx, const struct account_row *row), void *ctx)
{
    int64_t after = INT64_MIN;

    for (;;) {
        _cleanup_result_ PGresult *rows = NULL;
        enum err err = db_run(db, &ACCOUNT_ROWS_PAGE, DB_ARGS(db_i64(after), db_i64(PAGE)), &rows);

        for (int i = 0; err == OK && i < PQntuples(rows); i++) {
            struct account_row row = {
                .index = db_get_u64(rows, i, 0), .class = db_get_i64(rows, i, 1), .closed = db_get_bool(rows, i, 2),
                .owner_org = db_get_uuid(rows, i, 3), .owner_site = db_get_u64(rows, i, 4),
                .parent = db_get_u64(rows, i, 5), .posted_debits = db_get_i64(rows, i, 6),
                .posted_credits = db_get_i64(rows, i, 7), .held_debits = db_get_i64(rows, i, 8),
                .held_credits = db_get_i64(rows, i, 9), .last_index = db_get_u64(rows, i, 10),
            };

            after = db_get_i64(rows, i, 0);
            err = take(ctx, &row);
        }
        if (err != OK || PQntuples(rows) < PAGE)
            return err;
    }
}

static struct held_row
held_row(const PGresult *rows, int i)
{
    return (struct held_row){
        .reservation = db_get_uuid(rows, i, 0), .request = db_get_uuid(rows, i, 1), .org = db_get_uuid(rows, i, 2),
        .hold = db_get_u64(rows, i, 3), .grant = db_get_u64(rows, i, 4), .site = db_get_u64(rows, i, 5),
        .offering = db_get_u64(rows, i, 6), .rate = db_get_u64(rows, i, 7), .fence = db_get_u64(rows, i, 8),
        .gpus = db_get_i64(rows, i, 9), .walltime_s = db_get_i64(rows, i, 10), .rate_milli = db_get_i64(rows, i, 11),
        .amount = db_get_i64(rows, i, 12), .window_start_ms = db_get_i64(rows, i, 13), .window_end_ms = db_get_i64(rows, i, 14),
        .start_by_ms = db_get_i64(rows, i, 15), .paid = db_get_i64(rows, i, 16),
    };
}

enum err
held_rows_each(struct db *db, enum err (*take)(void *ctx, const struct held_row *row), void *ctx)
{
    struct uuid after = { { 0 } };

    for (;;) {
        _cleanup_result_ PGresult *rows = NULL;
        enum err err = db_run(db, &HELD_ROWS_PAGE, DB_ARGS(db_uuid(after), db_i64(PAGE)), &rows);

        for (int i = 0; err == OK && i < PQntuples(rows); i++) {
            struct held_row row = held_row(rows, i);

            err = take(ctx, &row);
            after = row.reservation;
        }
        if (err != OK || PQntuples(rows) < PAGE)
            return err;
    }
}
