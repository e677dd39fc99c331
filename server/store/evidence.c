/* store/evidence.c */
#include "store/evidence.h"

#include "store/record.h"
#include "store/seals.h"

enum { COLUMNS = 10, UUID_OID = 2950, PEOPLE_MAX = 64 };

DB_QUERY(EVIDENCE_ADD, .name = "evidence_add",
         .sql = "INSERT INTO evidence (order_id, salt, text, people, created_ms, concerns, site, seal)"
                " VALUES ($1, $2, $3, $4::uuid[], $5, $6, nullif($7::bigint, 0), $8) ON CONFLICT DO NOTHING",
         .params = 8, .columns = 0);

#define EVIDENCE_COLUMNS "order_id, salt, text, people[1], people[2], created_ms, concerns, erased_ms, erasure, site"

DB_QUERY(EVIDENCE_FIND, .name = "evidence_find",
         .sql = "SELECT " EVIDENCE_COLUMNS ", pg_catalog.record_send(evidence) FROM evidence WHERE order_id = $1", .params = 1, .columns = 11);

DB_QUERY(EVIDENCE_EACH, .name = "evidence_each", .sql = "SELECT " EVIDENCE_COLUMNS " FROM evidence ORDER BY order_id",
         .params = 0, .columns = 10);

DB_QUERY(EVIDENCE_ERASE, .name = "evidence_erase",
         .sql = "UPDATE evidence SET salt = NULL, text = NULL, people = '{}', erasure = $2, erased_ms = $3, seal = $4"
                " WHERE order_id = $1 AND erased_ms IS NULL",
         .params = 4, .columns = 0);

DB_QUERY(ASSERTIONS_FIND, .name = "assertions_find", .sql = "SELECT bytes FROM assertion WHERE sha256 = $1", .params = 1,
         .columns = 1, .whole = "assertion", .key = 0);

DB_QUERY(ASSERTIONS_EACH, .name = "assertions_each", .sql = "SELECT sha256, bytes FROM assertion ORDER BY sha256",
         .params = 0, .columns = 2, .whole = "assertion", .key = 0);

DB_QUERY(ACCOUNT_NAMES_ADD, .name = "account_names_add",
         .sql = "INSERT INTO account_name (account, name, reference) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
         .params = 3, .columns = 0);

DB_QUERY(ACCOUNT_NAMES_ALL, .name = "account_names_all",
         .sql = "SELECT account, name, reference FROM account_name ORDER BY account", .params = 0, .columns = 3);

DB_QUERY(CALL_ANSWERS_ADD, .name = "call_answers_add",
         .sql = "INSERT INTO call_answer (scope, request, id, created_ms) VALUES ($1, $2, $3, $4)", .params = 4,
         .columns = 0);

DB_QUERY(CALL_ANSWERS_FIND, .name = "call_answers_find", .sql = "SELECT request, id FROM call_answer WHERE scope = $1",
         .params = 1, .columns = 2);

DB_QUERY(
    CALL_ANSWERS_KEYS, .name = "call_answers_keys",
    .sql = "SELECT substring(scope, 1, 8) FROM call_answer WHERE created_ms >= $1 ORDER BY created_ms DESC LIMIT $2",
    .params = 2, .columns = 1);

DB_QUERY(CALL_ANSWERS_REMOVE_OLD, .name = "call_answers_remove_old",
         .sql = "DELETE FROM call_answer WHERE created_ms < $1", .params = 1, .columns = 0);

/* uuid[] in binary form: number of dimensions, has-null flag, element type; of one dimension its length and lower bound; each
 * element's length and bytes. */
static struct bytes
people_array(const struct evidence *e, uint8_t ret[PEOPLE_MAX])
{
    struct wire_out w = { ret, ret + PEOPLE_MAX };
    uint32_t n = 0;

    for (size_t i = 0; i < 2; i++)
        n += !uuid_is_zero(e->people[i]);
    put_u32(&w, n > 0);
    put_u32(&w, 0);
    put_u32(&w, UUID_OID);
    if (n > 0) {
        put_u32(&w, n);
        put_u32(&w, 1);
    }
    for (size_t i = 0; i < 2; i++)
        if (!uuid_is_zero(e->people[i])) {
            put_u32(&w, sizeof e->people[i].b);
            put_bytes(&w, e->people[i].b, sizeof e->people[i].b);
        }
    return BYTES(ret, (size_t)(w.at - ret));
}

static void
seal_evidence(const struct seals *seals, const struct evidence *e, struct bytes people, uint8_t ret[ROWSEAL_LEN])
{
    struct records r = { 0 };
    bool erased = e->erased_ms != 0;

    records_begin(&r);
    records_row(&r, COLUMNS);
    records_bytes(&r, RECORD_UUID, e->order.b, sizeof e->order.b);
    if (erased) {
        records_null(&r, RECORD_BYTES);
        records_null(&r, RECORD_TEXT);
    } else {
        records_bytes(&r, RECORD_BYTES, e->salt.b, sizeof e->salt.b);
        records_bytes(&r, RECORD_TEXT, e->text, strlen(e->text));
    }
    records_bytes(&r, RECORD_UUIDS, people.data, people.len);
    records_i64(&r, RECORD_I64, e->created_ms);
    if (uuid_is_zero(e->concerns))
        records_null(&r, RECORD_UUID);
    else
        records_bytes(&r, RECORD_UUID, e->concerns.b, sizeof e->concerns.b);
    if (erased) {
        records_i64(&r, RECORD_I64, e->erased_ms);
        records_i64(&r, RECORD_I64, (int64_t)e->erasure);
    } else {
        records_null(&r, RECORD_I64);
        records_null(&r, RECORD_I64);
    }
    if (e->site != 0)
        records_i64(&r, RECORD_I64, (int64_t)e->site);
    seals_make(seals, SEALED_EVIDENCE, records_fields(&r), BYTES(NULL, 0), ret);
    records_free(&r);
}

enum err
evidence_add(struct db *db, const struct evidence *e)
{
    struct evidence new = *e;
    uint8_t array[PEOPLE_MAX], seal[ROWSEAL_LEN];
    struct bytes people = people_array(e, array);

    new.erased_ms = 0;
    seal_evidence(db_seals(db), &new, people, seal);
    return db_run(db, &EVIDENCE_ADD,
                  DB_ARGS(db_uuid(e->order), db_hash(&e->salt), db_text(e->text), db_bytes(people), db_i64(e->created_ms),
                          db_uuid_or_null(e->concerns), db_u64(e->site), db_bytes(BYTES(seal, sizeof seal))),
                  NULL);
}

/* text lives as long as rows. */
static enum err
read_evidence(const PGresult *rows, int i, struct evidence *ret)
{
    bool erased = !db_is_null(rows, i, 7);

    *ret = (struct evidence){
        .order = db_get_uuid(rows, i, 0),
        .text = db_get_text(rows, i, 2),
        .people = { db_get_uuid(rows, i, 3), db_get_uuid(rows, i, 4) },
        .created_ms = db_get_i64(rows, i, 5),
        .concerns = db_get_uuid(rows, i, 6),
        .erased_ms = db_get_i64(rows, i, 7),
        .erasure = erased ? db_get_u64(rows, i, 8) : UINT64_MAX,
        .site = db_get_u64(rows, i, 9),
    };
    return erased || db_get_hash(rows, i, 1, &ret->salt) ? OK : ERR_CORRUPT;
}

/* The row, if it is as it was sealed. */
static enum err
find(struct db *db, struct uuid order, PGresult **rows, struct evidence *ret)
{
    char key[UUID_TEXT];
    enum err err = db_run(db, &EVIDENCE_FIND, DB_ARGS(db_uuid(order)), rows);

    if (err)
        return err;
    if (PQntuples(*rows) == 0)
        return ERR_NOT_FOUND;
    uuid_text(order, key);
    err = seals_check_row(db, &EVIDENCE_FIND, SEALED_EVIDENCE, key, db_get_bytes(*rows, 0, 10));
    return err ? err : read_evidence(*rows, 0, ret);
}

enum err
evidence_find(struct db *db, struct uuid order, struct arena *a, struct evidence *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct evidence e;
    enum err err = find(db, order, &rows, &e);

    if (err)
        return err;
    *ret = e;
    ret->text = arena_text(a, e.text);
    return OK;
}

enum err
evidence_each(struct db *db, enum err (*take)(void *ctx, const struct evidence *e), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &EVIDENCE_EACH, DB_NO_ARGS, &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct evidence e;

        err = read_evidence(rows, i, &e);
        if (err) {
            char key[UUID_TEXT];

            uuid_text(e.order, key);
            err = db_corrupt(db, &EVIDENCE_EACH, "row %s of the table evidence has no salt of 32 bytes, and is not erased", key);
        } else
            err = take(ctx, &e);
    }
    return err;
}

enum err
evidence_erase(struct db *db, struct uuid order, uint64_t notice, int64_t now_ms, bool *ret)
{
    _cleanup_result_ PGresult *rows = NULL, *changed = NULL;
    struct evidence e;
    uint8_t array[PEOPLE_MAX], seal[ROWSEAL_LEN];
    enum err err = find(db, order, &rows, &e);

    if (err && err != ERR_NOT_FOUND)
        return err;
    *ret = false;
    if (err == ERR_NOT_FOUND || e.erased_ms != 0)
        return OK;
    e.people[0] = e.people[1] = (struct uuid){ { 0 } };
    e.erased_ms = now_ms;
    e.erasure = notice;
    seal_evidence(db_seals(db), &e, people_array(&e, array), seal);
    err = db_run(db, &EVIDENCE_ERASE, DB_ARGS(db_uuid(order), db_u64(notice), db_i64(now_ms), db_bytes(BYTES(seal, sizeof seal))), &changed);
    if (err)
        return err;
    *ret = db_affected(changed) == 1;
    return OK;
}

enum err
assertions_find(struct db *db, struct hash sha256, struct arena *a, struct bytes *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ASSERTIONS_FIND, DB_ARGS(db_hash(&sha256)), &rows);
    struct bytes found;

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    found = db_get_bytes(rows, 0, 0);
    *ret = BYTES(arena_textn(a, (const char *)found.data, found.len), found.len);
    return OK;
}

enum err
assertions_each(struct db *db, enum err (*take)(void *ctx, const struct hash *sha256, struct bytes assertion), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ASSERTIONS_EACH, DB_NO_ARGS, &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct hash sha256;

        err = db_get_hash(rows, i, 0, &sha256) ? take(ctx, &sha256, db_get_bytes(rows, i, 1)) : ERR_CORRUPT;
    }
    return err;
}

enum err
account_names_add(struct db *db, const struct account_name *n)
{
    return db_run(db, &ACCOUNT_NAMES_ADD, DB_ARGS(db_u64(n->account), db_text(n->name), db_text(n->reference)), NULL);
}

enum err
account_names_all(struct db *db, struct arena *a, struct account_name **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &ACCOUNT_NAMES_ALL, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct account_name){
            .account = db_get_u64(rows, i, 0),
            .name = arena_text(a, db_get_text(rows, i, 1)),
            .reference = arena_text(a, db_get_text(rows, i, 2)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
call_answers_add(struct db *db, struct hash scope, struct hash request, struct uuid id, int64_t now_ms)
{
    return db_run(db, &CALL_ANSWERS_ADD, DB_ARGS(db_hash(&scope), db_hash(&request), db_uuid(id), db_i64(now_ms)),
                  NULL);
}

enum err
call_answers_find(struct db *db, struct hash scope, struct hash request, struct uuid *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CALL_ANSWERS_FIND, DB_ARGS(db_hash(&scope)), &rows);
    struct hash before;

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    if (!db_get_hash(rows, 0, 0, &before) || !hash_equal(before, request))
        return ERR_KEY_CONFLICT;
    *ret = db_get_uuid(rows, 0, 1);
    return OK;
}

enum err
call_answers_remove_old(struct db *db, int64_t before_ms)
{
    return db_run(db, &CALL_ANSWERS_REMOVE_OLD, DB_ARGS(db_i64(before_ms)), NULL);
}

enum err
call_answers_keys(struct db *db, int64_t since_ms, size_t max, void (*take)(void *ctx, uint64_t head), void *ctx)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &CALL_ANSWERS_KEYS, DB_ARGS(db_i64(since_ms), db_i64((int64_t)max)), &rows);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        struct bytes head = db_get_bytes(rows, i, 0);
        struct wire_in in = { head.data, head.data + head.len, false };

        take(ctx, get_u64(&in));
    }
    return err;
}
