/* store/journal_reads.c */
#include "store/journal_reads.h"

#define COLUMNS                                                                                                         \
    "index, version, kind, time_ms, group_first, group_len, group_pos, debit, credit, amount, prev_debit, prev_credit," \
    " body, leaf_hash"
enum { AT = 14 };

/* The page's numbers come from all entries, their contents under row security: a page ends where it would for anybody. */
DB_QUERY(ENTRIES_LIST, .name = "journal_reads_list",
         .sql = "SELECT " COLUMNS ", p.at FROM entry_page($1, $2, $3) p (at) LEFT JOIN entry ON index = p.at"
                " ORDER BY p.at DESC",
         .params = 3, .columns = 15);

DB_QUERY(ENTRIES_OF_ACCOUNT, .name = "entries_of_account",
         .sql = "SELECT " COLUMNS ", p.at FROM entry_page_of($1, $2, $3, $4) p (at) LEFT JOIN entry ON index = p.at"
                " ORDER BY p.at DESC",
         .params = 4, .columns = 15);

/* By back-links: as many steps as rows. OFFSET 0: the planner takes each step by the key. It would rather join with the
 * whole journal at each, as long as that is short. */
#define STEP " CROSS JOIN LATERAL (SELECT * FROM entry WHERE entry.index = walk.at OFFSET 0) e"

DB_QUERY(
    ENTRIES_SUM, .name = "journal_reads_sum",
    .sql =
        "WITH RECURSIVE walk (at) AS ("
        " SELECT last_index FROM account WHERE account.index = $1 AND last_index > $2"
        " UNION ALL SELECT CASE WHEN e.debit = $1 THEN e.prev_debit ELSE e.prev_credit END"
        " FROM walk" STEP
        " WHERE CASE WHEN e.debit = $1 THEN e.prev_debit ELSE e.prev_credit END > $2)"
        " SELECT e.kind, e.debit = $1, sum(e.amount)::bigint, max(e.index) FROM walk" STEP
        " GROUP BY 1, 2",
    .params = 2, .columns = 4);

DB_QUERY(
    BALANCE_OF, .name = "balance_of",
    .sql = "SELECT posted_debits, posted_credits, held_debits, held_credits, last_index FROM account WHERE index = $1",
    .params = 1, .columns = 5, .whole = "account", .key = 4);

DB_QUERY(BALANCE_OF_CHILDREN, .name = "balance_of_children",
         .sql = "SELECT coalesce(sum(posted_debits), 0)::bigint, coalesce(sum(posted_credits), 0)::bigint,"
                " coalesce(sum(held_debits), 0)::bigint, coalesce(sum(held_credits), 0)::bigint,"
                " coalesce(max(last_index), 0) FROM account WHERE parent = $1",
         .params = 1, .columns = 5);

DB_QUERY(ENTRIES_FIND, .name = "journal_reads_find", .sql = "SELECT " COLUMNS " FROM entry WHERE index = $1",
         .params = 1, .columns = 14, .whole = "entry", .key = 0);

/* With the whole tile of level 0 that it stands in: a receipt asks for both. NULL while that tile is not whole. */
DB_QUERY(ENTRIES_FIND_WITH_TILE, .name = "journal_reads_find_with_tile",
         .sql = "SELECT " COLUMNS ", (SELECT hashes FROM tile WHERE level = 0 AND n = $1::bigint / 256) FROM entry WHERE index = $1",
         .params = 1, .columns = 15);

DB_QUERY(ENTRIES_OF_DISPUTE, .name = "journal_reads_dispute",
         .sql = "SELECT " COLUMNS " FROM entry_page_of_dispute($1, $2) p (at) JOIN entry ON index = p.at ORDER BY p.at LIMIT $3",
         .params = 3, .columns = 14, .whole = "entry", .key = 0);

DB_QUERY(ENTRIES_HEAD, .name = "journal_reads_head", .sql = "SELECT term, size, root, time_ms FROM head", .params = 0,
         .columns = 4, .whole = "head", .key = 0);

/* As it was logged: its bytes are those of its leaf hash. */
static enum err
read_entry(const PGresult *rows, int i, struct entry_record *ret)
{
    struct entry *e = &ret->entry;
    uint8_t encoded[ENTRY_MAX];
    struct hash leaf;

    ret->hidden = false;
    *e = (struct entry){
        .index = db_get_u64(rows, i, 0),
        .version = (uint16_t)db_get_i64(rows, i, 1),
        .kind = (uint16_t)db_get_i64(rows, i, 2),
        .time_ms = db_get_i64(rows, i, 3),
        .group_first = db_get_u64(rows, i, 4),
        .group_len = (uint16_t)db_get_i64(rows, i, 5),
        .group_pos = (uint16_t)db_get_i64(rows, i, 6),
        .debit = (uint64_t)db_get_i64(rows, i, 7),
        .credit = (uint64_t)db_get_i64(rows, i, 8),
        .amount = db_get_i64(rows, i, 9),
        .prev_debit = (uint64_t)db_get_i64(rows, i, 10),
        .prev_credit = (uint64_t)db_get_i64(rows, i, 11),
    };
    if (!db_get_hash(rows, i, 13, &ret->leaf))
        return ERR_CORRUPT;
    if (entry_decode_body(db_get_bytes(rows, i, 12), e) != OK)
        return ERR_CORRUPT;
    leaf = entry_leaf_hash(BYTES(encoded, entry_encode(e, encoded)));
    return hash_equal(leaf, ret->leaf) ? OK : ERR_CORRUPT;
}

enum err
journal_reads_list(struct db *db, const struct entry_filter *f, int max, struct arena *a, struct entry_record **ret,
                   size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    int64_t before = f->before > INT64_MAX ? INT64_MAX : (int64_t)f->before;
    enum err err;
    int n;

    if (f->account == NO_INDEX)
        err = db_run(db, &ENTRIES_LIST, DB_ARGS(db_i64(before), db_i64(f->kind), db_i64(max)), &rows);
    else
        err = db_run(db, &ENTRIES_OF_ACCOUNT,
                     DB_ARGS(db_i64((int64_t)f->account), db_i64(before), db_i64(f->kind), db_i64(max)), &rows);
    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n && !err; i++) {
        (*ret)[i] = (struct entry_record){ .hidden = true, .entry.index = db_get_u64(rows, i, AT) };
        if (!db_is_null(rows, i, 0))
            err = read_entry(rows, i, &(*ret)[i]);
    }
    *ret_n = (size_t)n;
    return err;
}

enum err
journal_reads_dispute(struct db *db, uint64_t hold, uint64_t settled, int max, struct arena *a, struct entry_record **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ENTRIES_OF_DISPUTE, DB_ARGS(db_u64(hold), db_i64((int64_t)settled), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n && !err; i++)
        err = read_entry(rows, i, &(*ret)[i]);
    *ret_n = (size_t)n;
    return err;
}

enum err
journal_reads_find(struct db *db, uint64_t index, struct entry_record *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err;

    if (index > INT64_MAX)
        return ERR_NOT_FOUND;
    err = db_run(db, &ENTRIES_FIND, DB_ARGS(db_u64(index)), &rows);
    if (err)
        return err;
    return PQntuples(rows) == 0 ? ERR_NOT_FOUND : read_entry(rows, 0, ret);
}

enum err
journal_reads_find_with_tile(struct db *db, uint64_t index, struct entry_record *ret, struct hash ret_tile[TILE_WIDTH], bool *ret_whole)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct bytes found;
    enum err err;

    if (index > INT64_MAX)
        return ERR_NOT_FOUND;
    err = db_run(db, &ENTRIES_FIND_WITH_TILE, DB_ARGS(db_u64(index)), &rows);
    if (!err && PQntuples(rows) == 0)
        err = ERR_NOT_FOUND;
    if (!err)
        err = read_entry(rows, 0, ret);
    if (err)
        return err;
    *ret_whole = !db_is_null(rows, 0, AT);
    found = db_get_bytes(rows, 0, AT);
    if (*ret_whole && found.len != TILE_WIDTH * sizeof *ret_tile)
        return ERR_CORRUPT;
    if (*ret_whole)
        memcpy(ret_tile, found.data, found.len);
    return OK;
}

enum err
journal_reads_sum(struct db *db, uint64_t account, uint64_t since, struct entry_sums *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ENTRIES_SUM, DB_ARGS(db_u64(account), db_i64((int64_t)since)), &rows);

    if (err)
        return err;
    *ret = (struct entry_sums){ .last = since };
    for (int i = 0; i < PQntuples(rows); i++) {
        int64_t kind = db_get_i64(rows, i, 0);
        uint64_t last = db_get_u64(rows, i, 3);

        if (kind < 0 || kind >= ENTRY_KINDS)
            return ERR_CORRUPT;
        (db_get_bool(rows, i, 1) ? ret->debit : ret->credit)[kind] = db_get_i64(rows, i, 2);
        ret->last = last > ret->last ? last : ret->last;
    }
    return OK;
}

static enum err
read_balance(struct db *db, const struct db_query *q, uint64_t account, struct account_balance *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, DB_ARGS(db_u64(account)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = (struct account_balance){
        .posted_debits = db_get_i64(rows, 0, 0),
        .posted_credits = db_get_i64(rows, 0, 1),
        .held_debits = db_get_i64(rows, 0, 2),
        .held_credits = db_get_i64(rows, 0, 3),
        .last_index = db_get_u64(rows, 0, 4),
    };
    return OK;
}

enum err
journal_reads_balance(struct db *db, uint64_t account, struct account_balance *ret)
{
    return read_balance(db, &BALANCE_OF, account, ret);
}

enum err
journal_reads_children(struct db *db, uint64_t parent, struct account_balance *ret)
{
    return read_balance(db, &BALANCE_OF_CHILDREN, parent, ret);
}

enum err
journal_reads_head(struct db *db, struct journal_state *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ENTRIES_HEAD, DB_NO_ARGS, &rows);

    if (err)
        return err;
    if (PQntuples(rows) != 1 || !db_get_hash(rows, 0, 2, &ret->root))
        return ERR_CORRUPT;
    ret->term = db_get_u64(rows, 0, 0);
    ret->size = db_get_u64(rows, 0, 1);
    ret->time_ms = db_get_i64(rows, 0, 3);
    return OK;
}
