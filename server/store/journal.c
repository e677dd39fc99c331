/* store/journal.c */
#include "store/journal.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"

enum { CHUNK = 2000, RAISE_TRIES = 8, HEAD_COLUMNS = 7 };

DB_QUERY(JOURNAL_LEASE,
    .name = "journal_lease",
    .sql = "SELECT pg_try_advisory_lock(hashtextextended('kontor sequencer', 0))",
    .params = 0, .columns = 1);

DB_QUERY(JOURNAL_TERM,
    .name = "journal_term",
    .sql = "UPDATE head SET term = $1 + 1, seal = $3 WHERE term = $1 AND batch = $2",
    .params = 3, .columns = 0);

DB_QUERY(JOURNAL_HEAD,
    .name = "journal_head",
    .sql = "SELECT term, batch, size, root, time_ms, pg_catalog.record_send(head) FROM head",
    .params = 0, .columns = 6, .whole = "head", .key = 0);

DB_QUERY(JOURNAL_BEAT,
    .name = "journal_beat",
    .sql = "SELECT term = $1 AND batch = $2 FROM head",
    .params = 2, .columns = 1, .whole = "head", .key = 0);

DB_QUERY(JOURNAL_LEADER_TELL,
    .name = "journal_leader_tell",
    .sql = "UPDATE leader SET term = $1, people = $2, agents = $3 WHERE term < $1",
    .params = 3, .columns = 0);

DB_QUERY(JOURNAL_LEADER_READ,
    .name = "journal_leader_read",
    .sql = "SELECT term, people, agents FROM leader",
    .params = 0, .columns = 3);

/* The key of the lock as pg_locks shows it: its upper half is classid, its lower objid. */
DB_QUERY(JOURNAL_UNBLOCK,
    .name = "journal_unblock",
    .sql = "SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
           " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
           " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
           " AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('kontor sequencer', 0)"
           " AND a.wait_event = 'ClientWrite' AND a.state_change < clock_timestamp() - $1 * interval '1 ms'",
    .params = 1, .columns = 1);

/* For the server's log and pg_stat_activity: which batch a statement is of. The request log names the batch of each call. */
DB_QUERY(JOURNAL_TAG,
    .name = "journal_tag",
    .sql = "SELECT set_config('application_name', 'kontord batch ' || $1::bigint, true)",
    .params = 1, .columns = 1);

/* $1 term, $2 batch, $3 to $5 the new head, $6 its seal. A batch without entries. */
DB_QUERY(JOURNAL_MOVE,
    .name = "journal_move",
    .sql = "UPDATE head SET batch = batch + 1, size = $3, root = $4, time_ms = $5, seal = $6 WHERE term = $1 AND batch = $2",
    .params = 6, .columns = 0);

/* The same; $7 entries; $8 accounts as they will be, $9 their last entries as they must be. */
DB_QUERY(JOURNAL_WRITE,
    .name = "journal_write",
    .sql = "WITH h AS (UPDATE head SET batch = batch + 1, size = $3, root = $4, time_ms = $5, seal = $6"
           "   WHERE term = $1 AND batch = $2 RETURNING 1),"
           " e AS (INSERT INTO entry SELECT * FROM pg_catalog.unnest($7::entry[]) RETURNING 1),"
           " a AS (UPDATE account t SET closed = u.closed, parent = u.parent, posted_debits = u.posted_debits,"
           "     posted_credits = u.posted_credits, held_debits = u.held_debits, held_credits = u.held_credits,"
           "     last_index = u.last_index"
           "   FROM ROWS FROM (pg_catalog.unnest($8::account[]), pg_catalog.unnest($9::bigint[]))"
           "     AS u(index, class, closed, owner_org, owner_site, parent, posted_debits, posted_credits, held_debits,"
           "          held_credits, last_index, old)"
           "   WHERE t.index = u.index AND t.last_index = u.old RETURNING 1)"
           " SELECT (SELECT pg_catalog.count(*) FROM h), (SELECT pg_catalog.count(*) FROM e), (SELECT pg_catalog.count(*) FROM a)",
    .params = 9, .columns = 3);

/* Accounts that begin in this batch. */
DB_QUERY(JOURNAL_OPEN,
    .name = "journal_open",
    .sql = "INSERT INTO account SELECT * FROM pg_catalog.unnest($1::account[])",
    .params = 1, .columns = 0);

DB_QUERY(JOURNAL_READ,
    .name = "journal_read",
    .sql = "SELECT version, kind, index, time_ms, group_first, group_len, group_pos, debit, credit, amount, prev_debit,"
           " prev_credit, body, leaf_hash FROM entry WHERE index >= $1 AND index < $2 ORDER BY index",
    .params = 2, .columns = 14, .whole = "entry", .key = 2);

/* Each by its key; NULL is one too. */
DB_QUERY(JOURNAL_STRAY,
    .name = "journal_stray",
    .sql = "SELECT * FROM ((SELECT index FROM entry WHERE index < 0 ORDER BY index LIMIT 1)"
           " UNION ALL (SELECT index FROM entry WHERE index >= $1 ORDER BY index LIMIT 1)"
           " UNION ALL (SELECT index FROM entry WHERE index IS NULL LIMIT 1)) stray LIMIT 1",
    .params = 1, .columns = 1);

DB_QUERY(JOURNAL_ACCOUNTS,
    .name = "journal_accounts",
    .sql = "SELECT index, class, closed, owner_org, owner_site, parent, posted_debits, posted_credits, held_debits,"
           " held_credits, last_index FROM account WHERE index > $1 ORDER BY index LIMIT $2",
    .params = 2, .columns = 11, .whole = "account", .key = 0);

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
read_head(struct db *db, struct journal_head *ret, PGresult **rows)
{
    enum err err = db_run(db, &JOURNAL_HEAD, DB_NO_ARGS, rows);
    struct hash root;

    if (err)
        return err;
    if (PQntuples(*rows) != 1 || !db_get_hash(*rows, 0, 3, &root)) {
        (void)db_complain(db, &JOURNAL_HEAD, "the table head has no row");
        return ERR_CORRUPT;
    }
    *ret = (struct journal_head){ .term = db_get_u64(*rows, 0, 0), .batch = db_get_u64(*rows, 0, 1),
                                  .size = db_get_u64(*rows, 0, 2), .root = root, .time_ms = db_get_i64(*rows, 0, 4) };
    return OK;
}

enum err
journal_head_read(struct db *db, struct journal_head *ret)
{
    _cleanup_result_ PGresult *rows = NULL;

    return read_head(db, ret, &rows);
}

static void
seal_head(struct records *r, const struct seals *seals, const struct journal_head *h, uint8_t ret[ROWSEAL_LEN])
{
    records_begin(r);
    records_row(r, HEAD_COLUMNS);
    records_i64(r, RECORD_BOOL, 1);
    records_i64(r, RECORD_I64, (int64_t)h->term);
    records_i64(r, RECORD_I64, (int64_t)h->batch);
    records_i64(r, RECORD_I64, (int64_t)h->size);
    records_bytes(r, RECORD_BYTES, h->root.b, sizeof h->root.b);
    records_i64(r, RECORD_I64, h->time_ms);
    seals_make(seals, SEALED_HEAD, records_fields(r), BYTES(NULL, 0), ret);
}

/* The head, as whoever led before has sealed it. One that nobody has led is as the migration made it. */
static enum err
sealed_head(struct db *db, struct journal_head *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct journal_head head;
    enum err err = read_head(db, &head, &rows);
    bool bare;

    if (err)
        return err;
    if (!seals_hold(db_seals(db), SEALED_HEAD, db_get_bytes(rows, 0, 5), &bare) &&
        !(bare && head.term == 0 && head.batch == 0 && head.size == 0))
        return seals_complain(db, &JOURNAL_HEAD, SEALED_HEAD, "row", bare);
    *ret = head;
    return OK;
}

/* Compared and set, and again where it has moved in between: a batch that an older leader had under way may still land. */
enum err
journal_raise_term(struct db *db, struct journal_head *ret)
{
    struct records row = { 0 };
    bool raised = false;
    enum err err = OK;

    for (int i = 0; !err && !raised && i < RAISE_TRIES; i++) {
        _cleanup_result_ PGresult *rows = NULL;
        struct journal_head head;
        uint8_t seal[ROWSEAL_LEN];

        err = sealed_head(db, &head);
        if (err)
            break;
        head.term++;
        seal_head(&row, db_seals(db), &head, seal);
        err = db_run(db, &JOURNAL_TERM, DB_ARGS(db_u64(head.term - 1), db_u64(head.batch), db_bytes(BYTES(seal, sizeof seal))), &rows);
        raised = !err && db_affected(rows) == 1;
        if (raised)
            *ret = head;
    }
    records_free(&row);
    return err || raised ? err : ERR_BUSY;
}

enum err
journal_beat(struct db *db, const struct journal_head *have)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &JOURNAL_BEAT, DB_ARGS(db_u64(have->term), db_u64(have->batch)), &rows);

    if (err)
        return err;
    return PQntuples(rows) == 1 && db_get_bool(rows, 0, 0) ? OK : ERR_NOT_LEADER;
}

enum err
journal_leader_tell(struct db *db, const struct journal_leader *l)
{
    return db_run(db, &JOURNAL_LEADER_TELL, DB_ARGS(db_u64(l->term), db_text(l->people), db_text(l->agents)), NULL);
}

enum err
journal_leader_read(struct db *db, struct journal_leader *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &JOURNAL_LEADER_READ, DB_NO_ARGS, &rows);

    if (err)
        return err;
    if (PQntuples(rows) != 1)
        return ERR_CORRUPT;
    ret->term = db_get_u64(rows, 0, 0);
    text_format(ret->people, sizeof ret->people, "%s", db_get_text(rows, 0, 1));
    text_format(ret->agents, sizeof ret->agents, "%s", db_get_text(rows, 0, 2));
    return OK;
}

enum err
journal_unblock(struct db *db)
{
    return db_run(db, &JOURNAL_UNBLOCK, DB_ARGS(db_i64(JOURNAL_IDLE_MS)), NULL);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static const struct record_column ENTRY_COLUMNS[] = {
    { "index", RECORD_I64 },       { "version", RECORD_I16 },   { "kind", RECORD_I16 },     { "time_ms", RECORD_I64 },
    { "group_first", RECORD_I64 }, { "group_len", RECORD_I16 }, { "group_pos", RECORD_I16 }, { "debit", RECORD_I64 },
    { "credit", RECORD_I64 },      { "amount", RECORD_I64 },    { "prev_debit", RECORD_I64 },
    { "prev_credit", RECORD_I64 }, { "body", RECORD_BYTES },    { "leaf_hash", RECORD_BYTES },
};
static const struct record_column ACCOUNT_COLUMNS[] = {
    { "index", RECORD_I64 },          { "class", RECORD_I16 },       { "closed", RECORD_BOOL },
    { "owner_org", RECORD_UUID },     { "owner_site", RECORD_I64 },  { "parent", RECORD_I64 },
    { "posted_debits", RECORD_I64 },  { "posted_credits", RECORD_I64 }, { "held_debits", RECORD_I64 },
    { "held_credits", RECORD_I64 },   { "last_index", RECORD_I64 },
};
enum {
    ENTRY_COLUMNS_N = sizeof ENTRY_COLUMNS / sizeof ENTRY_COLUMNS[0],
    ACCOUNT_COLUMNS_N = sizeof ACCOUNT_COLUMNS / sizeof ACCOUNT_COLUMNS[0],
};

enum err
journal_prepare(struct journal_writer *w, struct db *db)
{
    enum err err = record_shape(db, "entry", ENTRY_COLUMNS, ENTRY_COLUMNS_N, &w->entry_type);

    if (!err)
        err = record_shape(db, "account", ACCOUNT_COLUMNS, ACCOUNT_COLUMNS_N, &w->account_type);
    if (!err)
        err = db_prepare(db, &JOURNAL_TAG);
    if (!err)
        err = db_prepare(db, &JOURNAL_MOVE);
    if (!err)
        err = db_prepare(db, &JOURNAL_WRITE);
    return err ? err : db_prepare(db, &JOURNAL_OPEN);
}

void
journal_writer_free(struct journal_writer *w)
{
    records_free(&w->head);
    records_free(&w->entries);
    records_free(&w->accounts);
    records_free(&w->opens);
    array_free(&w->old);
}

void
journal_begin(struct journal_writer *w)
{
    records_begin(&w->entries);
    records_begin(&w->accounts);
    records_begin(&w->opens);
    array_begin(&w->old, ARRAY_I64);
}

void
journal_entry(struct journal_writer *w, const struct entry *header, struct bytes encoded, const struct hash *leaf)
{
    struct records *r = &w->entries;

    assert(encoded.len > ENTRY_HEADER);
    if (r->n == 0)
        w->first = header->index;
    assert(header->index == w->first + r->n); /* no gap */
    records_row(r, ENTRY_COLUMNS_N);
    records_i64(r, RECORD_I64, (int64_t)header->index);
    records_i64(r, RECORD_I16, header->version);
    records_i64(r, RECORD_I16, header->kind);
    records_i64(r, RECORD_I64, header->time_ms);
    records_i64(r, RECORD_I64, (int64_t)header->group_first);
    records_i64(r, RECORD_I16, header->group_len);
    records_i64(r, RECORD_I16, header->group_pos);
    records_i64(r, RECORD_I64, (int64_t)header->debit);
    records_i64(r, RECORD_I64, (int64_t)header->credit);
    records_i64(r, RECORD_I64, header->amount);
    records_i64(r, RECORD_I64, (int64_t)header->prev_debit);
    records_i64(r, RECORD_I64, (int64_t)header->prev_credit);
    records_bytes(r, RECORD_BYTES, encoded.data + ENTRY_HEADER, encoded.len - ENTRY_HEADER);
    records_bytes(r, RECORD_BYTES, leaf->b, sizeof leaf->b);
    records_row_end(r);
}

void
journal_account(struct journal_writer *w, const struct account *a)
{
    struct records *r = a->stored ? &w->accounts : &w->opens;

    records_row(r, ACCOUNT_COLUMNS_N);
    records_i64(r, RECORD_I64, (int64_t)a->index);
    records_i64(r, RECORD_I16, a->class);
    records_i64(r, RECORD_BOOL, a->closed);
    records_bytes(r, RECORD_UUID, a->owner_org.b, sizeof a->owner_org.b);
    records_i64(r, RECORD_I64, (int64_t)a->owner_site);
    records_i64(r, RECORD_I64, (int64_t)a->parent);
    records_i64(r, RECORD_I64, a->posted_debits);
    records_i64(r, RECORD_I64, a->posted_credits);
    records_i64(r, RECORD_I64, a->held_debits);
    records_i64(r, RECORD_I64, a->held_credits);
    records_i64(r, RECORD_I64, (int64_t)a->last_index);
    records_row_end(r);
    if (a->stored)
        array_i64(&w->old, (int64_t)a->saved_last_index);
}

enum err
journal_fly(struct journal_writer *w, struct db *db, const struct journal_head *have, const struct journal_head *next,
            size_t *flown)
{
    struct journal_head after = *next;
    uint8_t seal[ROWSEAL_LEN];
    struct db_arg args[9] = { db_u64(have->term), db_u64(have->batch), db_u64(next->size), db_hash(&next->root),
                              db_i64(next->time_ms), db_bytes(BYTES(seal, sizeof seal)) };
    enum err err = db_flight_add(db, &JOURNAL_TAG, DB_ARGS(db_u64(next->batch)));

    *flown += 2;
    if (err)
        return err;
    after.term = have->term;
    after.batch = have->batch + 1;
    seal_head(&w->head, db_seals(db), &after, seal);
    if (w->entries.n == 0) {
        assert(w->accounts.n == 0 && w->opens.n == 0 && next->size == have->size);
        return db_flight_add(db, &JOURNAL_MOVE, args, 6);
    }
    assert(w->first == have->size && next->size == have->size + w->entries.n);
    args[6] = records_arg(&w->entries, w->entry_type);
    args[7] = records_arg(&w->accounts, w->account_type);
    args[8] = array_arg(&w->old);
    err = db_flight_add(db, &JOURNAL_WRITE, args, 9);
    if (err || w->opens.n == 0)
        return err;
    ++*flown;
    return db_flight_add(db, &JOURNAL_OPEN, DB_ARGS(records_arg(&w->opens, w->account_type)));
}

enum err
journal_landed(const struct journal_writer *w, const struct db_landed *landed, size_t *from)
{
    const struct db_landed *tag = &landed[(*from)++], *first = &landed[(*from)++];

    if (tag->affected != 1)
        return ERR_CORRUPT;
    if (first->affected != 1 || (w->entries.n > 0 && db_get_i64(first->rows, 0, 0) != 1))
        return ERR_NOT_LEADER;
    if (w->entries.n > 0 && (db_get_i64(first->rows, 0, 1) != w->entries.n || db_get_i64(first->rows, 0, 2) != w->accounts.n))
        return ERR_CORRUPT;
    if (w->opens.n > 0 && landed[(*from)++].affected != w->opens.n)
        return ERR_CORRUPT;
    return OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* At the place in the order where an entry of this index must be. */
static enum err
read_entry(struct db *db, const PGresult *rows, int row, uint64_t index, struct entry *ret, struct hash *ret_leaf)
{
    uint8_t encoded[ENTRY_MAX];
    struct hash leaf;
    size_t len;

    ret->version = (uint16_t)db_get_i64(rows, row, 0);
    ret->kind = (uint16_t)db_get_i64(rows, row, 1);
    ret->index = db_get_u64(rows, row, 2);
    if (ret->index != index)
        return db_corrupt(db, &JOURNAL_READ, "entry %" PRIu64 " %s", ret->index < index ? ret->index : index, ret->index < index ? "is there twice" : "is missing");
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
        return db_corrupt(db, &JOURNAL_READ, "entry %" PRIu64 ": its bytes are no entry's", index);
    len = entry_encode(ret, encoded);
    leaf = entry_leaf_hash(BYTES(encoded, len));
    return hash_equal(leaf, *ret_leaf) ? OK : db_corrupt(db, &JOURNAL_READ, "entry %" PRIu64 ": its bytes do not fit its leaf hash", index);
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
        for (int row = 0; !err && row < PQntuples(rows); row++, from++) {
            struct entry e;
            struct hash leaf;

            err = read_entry(db, rows, row, from, &e, &leaf);
            if (!err)
                err = take(ctx, &e, &leaf);
        }
        if (!err && from != until)
            err = db_corrupt(db, &JOURNAL_READ, "entry %" PRIu64 " is missing", from);
    }
    return err;
}

enum err
journal_no_more(struct db *db, uint64_t size)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &JOURNAL_STRAY, DB_ARGS(db_u64(size)), &rows);

    if (err || PQntuples(rows) == 0)
        return err;
    if (db_is_null(rows, 0, 0))
        return db_corrupt(db, &JOURNAL_STRAY, "a row of the table entry has no index");
    return db_corrupt(db, &JOURNAL_STRAY, "entry %" PRId64 " is in the table, and the head covers %" PRIu64 " entries", db_get_i64(rows, 0, 0), size);
}

enum err
journal_accounts(struct db *db, enum err (*take)(void *ctx, const struct account *a), void *ctx)
{
    int64_t after = INT64_MIN; /* and not below the first that there should be */
    enum err err = OK;
    int n = CHUNK;

    while (!err && n == CHUNK) {
        _cleanup_result_ PGresult *rows = NULL;

        err = db_run(db, &JOURNAL_ACCOUNTS, DB_ARGS(db_i64(after), db_i64(CHUNK)), &rows);
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
            after = (int64_t)a.index;
            err = take(ctx, &a);
        }
    }
    return err;
}
