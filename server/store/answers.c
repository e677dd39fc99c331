/* store/answers.c */
#include "store/answers.h"

#include <stddef.h>

#include "base/text.h"
#include "store/array.h"

static const char *
err_word(int err)
{
    return err == OK ? "ok" : err_wire((enum err)err);
}

static bool
err_of_word(const char *word, int *ret)
{
    *ret = strcmp(word, "ok") == 0 ? OK : (int)err_from_wire(word);
    return true;
}

static const struct table_column COLUMNS[] = {
    TABLE_COLUMN(TABLE_FIXED, struct answer_row, scope, TABLE_KEY | TABLE_ONCE),
    TABLE_COLUMN(TABLE_FIXED, struct answer_row, request, TABLE_ONCE),
    TABLE_WORDS(struct answer_row, err, TABLE_ONCE, err_word, err_of_word),
    TABLE_COLUMN(TABLE_UUID, struct answer_row, id, TABLE_ONCE),
    TABLE_COLUMN(TABLE_U64, struct answer_row, index, TABLE_ONCE),
    TABLE_COLUMN(TABLE_U64, struct answer_row, number, TABLE_ONCE),
    TABLE_COLUMN(TABLE_I64, struct answer_row, time_ms, TABLE_ONCE),
    TABLE_COLUMN(TABLE_U32, struct answer_row, flags, TABLE_ONCE),
    TABLE_COLUMN(TABLE_TEXT, struct answer_row, text, TABLE_ONCE),
    TABLE_COLUMN(TABLE_I64, struct answer_row, created_ms, TABLE_ONCE),
};

const struct table_def answers_table = {
    .name = "answer", .columns = COLUMNS, .columns_n = sizeof COLUMNS / sizeof COLUMNS[0],
    .object_size = sizeof(struct answer_row),
};

#define ANSWER_SQL "SELECT scope, request, err, id, index, number, time_ms, flags, text, created_ms FROM answer"

DB_QUERY(ANSWERS_FIND_ALL,
    .name = "answers_find_all",
    .sql = ANSWER_SQL " WHERE scope = ANY($1::bytea[])",
    .params = 1, .columns = 10);

DB_QUERY(ANSWERS_KEYS,
    .name = "answers_keys",
    .sql = "SELECT coalesce(string_agg(head, ''::bytea), ''::bytea) FROM (SELECT substring(scope FOR 8) AS head FROM answer"
           "  WHERE created_ms >= $1 ORDER BY created_ms DESC LIMIT $2) newest",
    .params = 2, .columns = 1);

DB_QUERY(ANSWERS_PRUNE,
    .name = "answers_prune",
    .sql = "DELETE FROM answer WHERE scope IN"
           " (SELECT scope FROM answer WHERE created_ms < $1 ORDER BY created_ms LIMIT $2)",
    .params = 2, .columns = 0);

static enum err
read_answer(const PGresult *rows, int row, struct answer_row *ret)
{
    struct answer_row a = {
        .id = db_get_uuid(rows, row, 3), .index = db_get_u64(rows, row, 4), .number = db_get_u64(rows, row, 5),
        .time_ms = db_get_i64(rows, row, 6), .flags = (uint32_t)db_get_i64(rows, row, 7),
        .created_ms = db_get_i64(rows, row, 9),
    };
    int err;

    if (!db_get_hash(rows, row, 0, &a.scope) || !db_get_hash(rows, row, 1, &a.request) ||
        !err_of_word(db_get_text(rows, row, 2), &err))
        return ERR_CORRUPT;
    a.err = (enum err)err;
    text_format(a.text, sizeof a.text, "%s", db_get_text(rows, row, 8));
    *ret = a;
    return OK;
}

enum err
answers_find_all(struct db *db, const struct hash *scopes, size_t n,
                 void (*take)(void *ctx, const struct answer_row *a), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct array keys = { 0 };
    struct answer_row a;
    enum err err;

    array_begin(&keys, ARRAY_BYTES);
    for (size_t i = 0; i < n; i++)
        array_bytes(&keys, scopes[i].b, sizeof scopes[i].b);
    err = db_run(db, &ANSWERS_FIND_ALL, DB_ARGS(array_arg(&keys)), &rows);
    array_free(&keys);
    for (int row = 0; !err && row < PQntuples(rows); row++) {
        err = read_answer(rows, row, &a);
        if (!err)
            take(ctx, &a);
    }
    return err;
}

enum err
answers_keys(struct db *db, int64_t since_ms, size_t max, void (*take)(void *ctx, uint64_t head), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ANSWERS_KEYS, DB_ARGS(db_i64(since_ms), db_i64((int64_t)max)), &rows);
    struct bytes heads;
    uint64_t head;

    if (err)
        return err;
    heads = db_get_bytes(rows, 0, 0);
    if (heads.len % sizeof head != 0)
        return ERR_CORRUPT;
    for (size_t at = 0; at < heads.len; at += sizeof head) {
        memcpy(&head, heads.data + at, sizeof head);
        take(ctx, head);
    }
    return OK;
}

enum err
answers_prune(struct db *db, int64_t before_ms, int64_t max, int64_t *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ANSWERS_PRUNE, DB_ARGS(db_i64(before_ms), db_i64(max)), &rows);

    if (!err)
        *ret = db_affected(rows);
    return err;
}
