/* store/orders.c */
#include "store/orders.h"

#define ORDER                                                                                                          \
    "SELECT id, entry, basis, proposer, proposer_name, signers, created_ms, lapses_ms, state, tries, ended_ms, ended_by, reason," \
    " journal_entry FROM signed_order WHERE "
enum { ORDER_COLUMNS = 14 };
/* Older than the one of this id; all ones: the newest. */
#define AFTER                                                                                                          \
    "($1::uuid = 'ffffffff-ffff-ffff-ffff-ffffffffffff' OR (created_ms, id) < (SELECT b.created_ms, b.id FROM signed_order b WHERE b.id = $1))"

DB_QUERY(ORDERS_ADD, .name = "orders_add",
         .sql = "INSERT INTO signed_order (id, entry, basis, proposer, proposer_name, signers, created_ms, lapses_ms)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
         .params = 8, .columns = 0);

DB_QUERY(ORDERS_FIND, .name = "orders_find", .sql = ORDER "id = $1", .params = 1, .columns = ORDER_COLUMNS);

DB_QUERY(ORDERS_LOCK, .name = "orders_lock", .sql = ORDER "id = $1 FOR UPDATE", .params = 1, .columns = ORDER_COLUMNS);

DB_QUERY(ORDERS_LIST, .name = "orders_list", .sql = ORDER AFTER " ORDER BY created_ms DESC, id DESC LIMIT $2", .params = 2, .columns = ORDER_COLUMNS);

DB_QUERY(ORDERS_OPEN, .name = "orders_open",
         .sql = ORDER AFTER " AND state <= 2 AND lapses_ms > $2 ORDER BY created_ms DESC, id DESC LIMIT $3", .params = 3, .columns = ORDER_COLUMNS);

DB_QUERY(ORDERS_APPROVE, .name = "orders_approve", .sql = "UPDATE signed_order SET state = 2 WHERE id = $1 AND state = 1", .params = 1, .columns = 0);

DB_QUERY(ORDERS_TRIED, .name = "orders_tried", .sql = "UPDATE signed_order SET tries = tries + 1 WHERE id = $1 AND state = 2", .params = 1, .columns = 0);

DB_QUERY(ORDERS_DONE, .name = "orders_done",
         .sql = "UPDATE signed_order SET state = 3, journal_entry = $2, ended_ms = $3 WHERE id = $1 AND state <= 2", .params = 3, .columns = 0);

DB_QUERY(ORDERS_END, .name = "orders_end",
         .sql = "UPDATE signed_order SET state = $2, ended_by = $3, reason = $4, ended_ms = $5 WHERE id = $1 AND state <= 2", .params = 5,
         .columns = 0);

DB_QUERY(SIGNATURES_ADD, .name = "order_signatures_add",
         .sql = "INSERT INTO order_signature (order_id, person, name, class, key, signature, at_ms, assertion) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
         .params = 8, .columns = 0);

DB_QUERY(SIGNATURES_OF, .name = "order_signatures_of",
         .sql = "SELECT person, name, class, key, signature, at_ms, assertion FROM order_signature WHERE order_id = $1 ORDER BY at_ms, person", .params = 1,
         .columns = 7);

#define OFFICER_KEY                                                                                                    \
    "SELECT id, person, person_name, name, ed25519, created_ms, confirmed_ms, confirmed_by, ended_ms, site, cose, credential FROM officer_key WHERE "
enum { KEY_COLUMNS = 12 };

DB_QUERY(KEYS_ADD, .name = "officer_keys_add",
         .sql = "INSERT INTO officer_key (id, person, person_name, name, ed25519, created_ms, site, cose, credential) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
         .params = 9,
         .columns = 0);

DB_QUERY(KEYS_FIND, .name = "officer_keys_find", .sql = OFFICER_KEY "id = $1", .params = 1, .columns = KEY_COLUMNS);

DB_QUERY(KEYS_OF, .name = "officer_keys_of", .sql = OFFICER_KEY "person = $1 ORDER BY id DESC LIMIT $2", .params = 2, .columns = KEY_COLUMNS);

DB_QUERY(KEYS_ALL, .name = "officer_keys_all", .sql = OFFICER_KEY "true ORDER BY id DESC LIMIT $1", .params = 1, .columns = KEY_COLUMNS);

DB_QUERY(KEYS_CONFIRM, .name = "officer_keys_confirm",
         .sql = "UPDATE officer_key SET confirmed_ms = $3, confirmed_by = $2 WHERE id = $1 AND confirmed_ms = 0 AND ended_ms = 0", .params = 3, .columns = 0);

DB_QUERY(KEYS_END, .name = "officer_keys_end", .sql = "UPDATE officer_key SET ended_ms = $2 WHERE id = $1 AND ended_ms = 0", .params = 2,
         .columns = 0);

static struct bytes
kept(const PGresult *rows, int row, int col, struct arena *a)
{
    struct bytes b = db_get_bytes(rows, row, col);

    return BYTES(arena_textn(a, (const char *)b.data, b.len), b.len);
}

static struct order_row
read_order(const PGresult *rows, int row, struct arena *a)
{
    int64_t entry = db_get_i64(rows, row, 13);

    return (struct order_row){
        .id = db_get_uuid(rows, row, 0),
        .entry = kept(rows, row, 1, a),
        .basis = arena_text(a, db_get_text(rows, row, 2)),
        .proposer = db_get_uuid(rows, row, 3),
        .proposer_name = arena_text(a, db_get_text(rows, row, 4)),
        .signers = (int)db_get_i64(rows, row, 5),
        .created_ms = db_get_i64(rows, row, 6),
        .lapses_ms = db_get_i64(rows, row, 7),
        .state = (enum order_state)db_get_i64(rows, row, 8),
        .tries = (int)db_get_i64(rows, row, 9),
        .ended_ms = db_get_i64(rows, row, 10),
        .ended_by = arena_text(a, db_get_text(rows, row, 11)),
        .reason = arena_text(a, db_get_text(rows, row, 12)),
        .journal_entry = (uint64_t)entry,
    };
}

enum err
orders_add(struct db *db, const struct order_row *o)
{
    return db_run(db, &ORDERS_ADD,
                  DB_ARGS(db_uuid(o->id), db_bytes(o->entry), db_text(o->basis), db_uuid(o->proposer), db_text(o->proposer_name),
                          db_i16((int16_t)o->signers), db_i64(o->created_ms), db_i64(o->lapses_ms)),
                  NULL);
}

static enum err
find_one(struct db *db, const struct db_query *q, struct uuid id, struct arena *a, struct order_row *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_order(rows, 0, a);
    return OK;
}

enum err
orders_find(struct db *db, struct uuid id, struct arena *a, struct order_row *ret)
{
    return find_one(db, &ORDERS_FIND, id, a, ret);
}

enum err
orders_lock(struct db *db, struct uuid id, struct arena *a, struct order_row *ret)
{
    return find_one(db, &ORDERS_LOCK, id, a, ret);
}

enum err
orders_list(struct db *db, struct uuid before, int64_t open_ms, int max, struct arena *a, struct order_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = open_ms ? db_run(db, &ORDERS_OPEN, DB_ARGS(db_uuid(before), db_i64(open_ms), db_i64(max)), &rows)
                           : db_run(db, &ORDERS_LIST, DB_ARGS(db_uuid(before), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_order(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
orders_approve(struct db *db, struct uuid id)
{
    return db_run(db, &ORDERS_APPROVE, DB_ARGS(db_uuid(id)), NULL);
}

enum err
orders_tried(struct db *db, struct uuid id)
{
    return db_run(db, &ORDERS_TRIED, DB_ARGS(db_uuid(id)), NULL);
}

enum err
orders_done(struct db *db, struct uuid id, uint64_t entry, int64_t now_ms)
{
    return db_run(db, &ORDERS_DONE, DB_ARGS(db_uuid(id), db_u64(entry), db_i64(now_ms)), NULL);
}

static enum err
run_once(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, args, n, &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_FOUND;
}

enum err
orders_end(struct db *db, struct uuid id, enum order_state how, const char *by, const char *reason, int64_t now_ms)
{
    return run_once(db, &ORDERS_END, DB_ARGS(db_uuid(id), db_i16((int16_t)how), db_text(by), db_text(reason), db_i64(now_ms)));
}

/* ---- signatures --------------------------------------------------------------------------------------------------- */

enum err
order_signatures_add(struct db *db, const struct order_signature *s)
{
    return db_run(db, &SIGNATURES_ADD,
                  DB_ARGS(db_uuid(s->order), db_uuid(s->person), db_text(s->name), db_i16((int16_t)s->class), db_u64(s->key),
                          db_bytes(s->signature), db_i64(s->at_ms), db_bytes(s->assertion)),
                  NULL);
}

enum err
order_signatures_of(struct db *db, struct uuid order, struct arena *a, struct order_signature **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &SIGNATURES_OF, DB_ARGS(db_uuid(order)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct order_signature){
            .order = order,
            .person = db_get_uuid(rows, i, 0),
            .name = arena_text(a, db_get_text(rows, i, 1)),
            .class = (int)db_get_i64(rows, i, 2),
            .key = (uint64_t)db_get_i64(rows, i, 3),
            .signature = kept(rows, i, 4, a),
            .at_ms = db_get_i64(rows, i, 5),
            .assertion = kept(rows, i, 6, a),
        };
    *ret_n = (size_t)n;
    return OK;
}

/* ---- officers' keys ----------------------------------------------------------------------------------------------- */

static struct officer_key
read_key(const PGresult *rows, int row, struct arena *a)
{
    return (struct officer_key){
        .id = db_get_uuid(rows, row, 0),
        .person = db_get_uuid(rows, row, 1),
        .person_name = arena_text(a, db_get_text(rows, row, 2)),
        .name = arena_text(a, db_get_text(rows, row, 3)),
        .ed25519 = kept(rows, row, 4, a),
        .created_ms = db_get_i64(rows, row, 5),
        .confirmed_ms = db_get_i64(rows, row, 6),
        .confirmed_by = arena_text(a, db_get_text(rows, row, 7)),
        .ended_ms = db_get_i64(rows, row, 8),
        .site = arena_text(a, db_get_text(rows, row, 9)),
        .cose = kept(rows, row, 10, a),
        .credential = kept(rows, row, 11, a),
    };
}

enum err
officer_keys_add(struct db *db, const struct officer_key *k)
{
    return db_run(db, &KEYS_ADD,
                  DB_ARGS(db_uuid(k->id), db_uuid(k->person), db_text(k->person_name), db_text(k->name), db_bytes(k->ed25519),
                          db_i64(k->created_ms), db_text(k->site), db_bytes(k->cose), db_bytes(k->credential)),
                  NULL);
}

enum err
officer_keys_find(struct db *db, struct uuid id, struct arena *a, struct officer_key *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &KEYS_FIND, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_key(rows, 0, a);
    return OK;
}

enum err
officer_keys_list(struct db *db, struct uuid person, int max, struct arena *a, struct officer_key **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = uuid_is_zero(person) ? db_run(db, &KEYS_ALL, DB_ARGS(db_i64(max)), &rows)
                                        : db_run(db, &KEYS_OF, DB_ARGS(db_uuid(person), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_key(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
officer_keys_confirm(struct db *db, struct uuid id, const char *by, int64_t now_ms)
{
    return run_once(db, &KEYS_CONFIRM, DB_ARGS(db_uuid(id), db_text(by), db_i64(now_ms)));
}

enum err
officer_keys_end(struct db *db, struct uuid id, int64_t now_ms)
{
    return run_once(db, &KEYS_END, DB_ARGS(db_uuid(id), db_i64(now_ms)));
}
