/* store/aid.c */
#include "store/aid.h"

#include "core/entry.h"

/* u: $1 and all that are linked to it. */
#define UNDERTAKING "WITH RECURSIVE u(id) AS (SELECT $1::uuid UNION SELECT CASE WHEN l.a = u.id THEN l.b ELSE l.a END"            \
                    " FROM u JOIN aid_link l ON l.ended_ms IS NULL AND (l.a = u.id OR l.b = u.id)) "
#define AID "SELECT order_id, organisation, rule, cents, before_cents, granted_ms, account, older FROM aid "

DB_QUERY(AID_RULES, .name = "aid_rules",
         .sql = "SELECT id, code, name, reference, cap_cents, years, declared_within_ms, valid_from_ms, created_ms, by_person FROM aid_rule"
                " ORDER BY code, valid_from_ms",
         .params = 0, .columns = 10);

DB_QUERY(AID_RULES_ADD, .name = "aid_rules_add",
         .sql = "INSERT INTO aid_rule (id, code, name, reference, cap_cents, years, declared_within_ms, valid_from_ms, created_ms, by_person)"
                " VALUES ($1, $2, $3, $4, nullif($5::bigint, 0), $6, nullif($7::bigint, 0), $8, $9, $10)",
         .params = 10, .columns = 0);

DB_QUERY(AID_LOCK, .name = "aid_lock", .sql = "SELECT pg_advisory_xact_lock(hashtextextended('kontor aid', 0))", .params = 0, .columns = 1);

DB_QUERY(AID_UNDERTAKING, .name = "aid_undertaking", .sql = UNDERTAKING "SELECT id FROM u ORDER BY id", .params = 1, .columns = 1);

DB_QUERY(AID_OF, .name = "aid_of", .sql = UNDERTAKING AID "WHERE organisation IN (SELECT id FROM u) ORDER BY granted_ms, order_id",
         .params = 1, .columns = 8);

DB_QUERY(AID_BETWEEN, .name = "aid_between", .sql = AID "WHERE granted_ms >= $1 AND granted_ms < $2 ORDER BY granted_ms, order_id",
         .params = 2, .columns = 8);

DB_QUERY(AID_OF_ACCOUNT, .name = "aid_of_account", .sql = AID "WHERE account = $1", .params = 1, .columns = 8);

DB_QUERY(AID_ADD, .name = "aid_add",
         .sql = "INSERT INTO aid (order_id, organisation, rule, cents, before_cents, granted_ms) VALUES ($1, $2, $3, $4, $5, $6)",
         .params = 6, .columns = 0);

DB_QUERY(AID_GRANTED, .name = "aid_granted", .sql = "UPDATE aid SET account = $2 WHERE order_id = $1", .params = 2, .columns = 0);

DB_QUERY(AID_DROP, .name = "aid_drop", .sql = "DELETE FROM aid WHERE order_id = $1 AND account IS NULL", .params = 1, .columns = 0);

DB_QUERY(AID_DECLARED, .name = "aid_declared",
         .sql = UNDERTAKING "SELECT DISTINCT ON (organisation) id, organisation, made_ms, by_person, by_name, body FROM aid_declaration"
                            " WHERE organisation IN (SELECT id FROM u) ORDER BY organisation, id DESC",
         .params = 1, .columns = 6);

DB_QUERY(AID_DECLARE, .name = "aid_declare",
         .sql = "INSERT INTO aid_declaration (id, organisation, made_ms, by_person, by_name, body) VALUES ($1, $2, $3, $4, $5, $6)",
         .params = 6, .columns = 0);

DB_QUERY(AID_LINKS, .name = "aid_links",
         .sql = "SELECT a, b, since_ms, by_person, by_name, reason FROM aid_link WHERE ended_ms IS NULL AND (a = $1 OR b = $1) ORDER BY since_ms, a, b",
         .params = 1, .columns = 6);

DB_QUERY(AID_LINKS_ADD, .name = "aid_links_add",
         .sql = "INSERT INTO aid_link (a, b, since_ms, by_person, by_name, reason) VALUES (least($1::uuid, $2::uuid), greatest($1::uuid, $2::uuid), $3, $4, $5, $6)",
         .params = 6, .columns = 0);

DB_QUERY(AID_LINKS_END, .name = "aid_links_end",
         .sql = "UPDATE aid_link SET ended_ms = $3 WHERE a = least($1::uuid, $2::uuid) AND b = greatest($1::uuid, $2::uuid) AND ended_ms IS NULL",
         .params = 3, .columns = 0);

/* ---- rules -------------------------------------------------------------------------------------------------------- */

static int64_t
i64_or_0(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) ? 0 : db_get_i64(rows, row, column);
}

enum err
aid_rules(struct db *db, struct arena *a, struct aid_rule **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AID_RULES, DB_NO_ARGS, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct aid_rule){
            .id = db_get_uuid(rows, i, 0),
            .code = arena_text(a, db_get_text(rows, i, 1)),
            .name = arena_text(a, db_get_text(rows, i, 2)),
            .reference = arena_text(a, db_get_text(rows, i, 3)),
            .cap_cents = i64_or_0(rows, i, 4),
            .years = (int)db_get_i64(rows, i, 5),
            .declared_within_ms = i64_or_0(rows, i, 6),
            .valid_from_ms = db_get_i64(rows, i, 7),
            .created_ms = db_get_i64(rows, i, 8),
            .by = db_get_uuid(rows, i, 9),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
aid_rules_add(struct db *db, const struct aid_rule *r)
{
    return db_run(db, &AID_RULES_ADD,
                  DB_ARGS(db_uuid(r->id), db_text(r->code), db_text(r->name), db_text(r->reference), db_i64(r->cap_cents),
                          db_i16((int16_t)r->years), db_i64(r->declared_within_ms), db_i64(r->valid_from_ms), db_i64(r->created_ms),
                          db_uuid(r->by)),
                  NULL);
}

/* ---- aid ---------------------------------------------------------------------------------------------------------- */

enum err
aid_lock(struct db *db)
{
    _cleanup_result_ PGresult *rows = NULL;

    return db_run(db, &AID_LOCK, DB_NO_ARGS, &rows);
}

enum err
aid_undertaking(struct db *db, struct uuid organisation, struct arena *a, struct uuid **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AID_UNDERTAKING, DB_ARGS(db_uuid(organisation)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = db_get_uuid(rows, i, 0);
    *ret_n = (size_t)n;
    return OK;
}

static struct aid
read_aid(const PGresult *rows, int row)
{
    return (struct aid){
        .order = db_get_uuid(rows, row, 0),
        .organisation = db_get_uuid(rows, row, 1),
        .rule = db_get_uuid(rows, row, 2),
        .cents = db_get_i64(rows, row, 3),
        .before_cents = db_get_i64(rows, row, 4),
        .granted_ms = db_get_i64(rows, row, 5),
        .account = PQgetisnull(rows, row, 6) ? NO_INDEX : db_get_u64(rows, row, 6),
        .older = db_get_bool(rows, row, 7),
    };
}

static enum err
list_aid(struct db *db, const struct db_query *q, const struct db_arg *args, size_t args_n, struct arena *a, struct aid **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, q, args, args_n, &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_aid(rows, i);
    *ret_n = (size_t)n;
    return OK;
}

enum err
aid_of(struct db *db, struct uuid organisation, struct arena *a, struct aid **ret, size_t *ret_n)
{
    return list_aid(db, &AID_OF, DB_ARGS(db_uuid(organisation)), a, ret, ret_n);
}

enum err
aid_between(struct db *db, int64_t from_ms, int64_t until_ms, struct arena *a, struct aid **ret, size_t *ret_n)
{
    return list_aid(db, &AID_BETWEEN, DB_ARGS(db_i64(from_ms), db_i64(until_ms)), a, ret, ret_n);
}

enum err
aid_of_account(struct db *db, uint64_t account, struct aid *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AID_OF_ACCOUNT, DB_ARGS(db_u64(account)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_aid(rows, 0);
    return OK;
}

enum err
aid_add(struct db *db, const struct aid *aid)
{
    return db_run(db, &AID_ADD,
                  DB_ARGS(db_uuid(aid->order), db_uuid(aid->organisation), db_uuid(aid->rule), db_i64(aid->cents), db_i64(aid->before_cents),
                          db_i64(aid->granted_ms)),
                  NULL);
}

enum err
aid_granted(struct db *db, struct uuid order, uint64_t account)
{
    return db_run(db, &AID_GRANTED, DB_ARGS(db_uuid(order), db_u64(account)), NULL);
}

enum err
aid_drop(struct db *db, struct uuid order)
{
    return db_run(db, &AID_DROP, DB_ARGS(db_uuid(order)), NULL);
}

/* ---- declarations and links --------------------------------------------------------------------------------------- */

enum err
aid_declared(struct db *db, struct uuid organisation, struct arena *a, struct aid_declaration **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AID_DECLARED, DB_ARGS(db_uuid(organisation)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct aid_declaration){
            .id = db_get_uuid(rows, i, 0),
            .organisation = db_get_uuid(rows, i, 1),
            .made_ms = db_get_i64(rows, i, 2),
            .by = db_get_uuid(rows, i, 3),
            .by_name = arena_text(a, db_get_text(rows, i, 4)),
            .body = arena_text(a, db_get_text(rows, i, 5)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
aid_declare(struct db *db, const struct aid_declaration *d)
{
    return db_run(db, &AID_DECLARE,
                  DB_ARGS(db_uuid(d->id), db_uuid(d->organisation), db_i64(d->made_ms), db_uuid(d->by), db_text(d->by_name), db_text(d->body)),
                  NULL);
}

enum err
aid_links(struct db *db, struct uuid organisation, struct arena *a, struct aid_link **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AID_LINKS, DB_ARGS(db_uuid(organisation)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, (size_t)n * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct aid_link){
            .a = db_get_uuid(rows, i, 0),
            .b = db_get_uuid(rows, i, 1),
            .since_ms = db_get_i64(rows, i, 2),
            .by = db_get_uuid(rows, i, 3),
            .by_name = arena_text(a, db_get_text(rows, i, 4)),
            .reason = arena_text(a, db_get_text(rows, i, 5)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
aid_links_add(struct db *db, const struct aid_link *l)
{
    return db_run(db, &AID_LINKS_ADD,
                  DB_ARGS(db_uuid(l->a), db_uuid(l->b), db_i64(l->since_ms), db_uuid(l->by), db_text(l->by_name), db_text(l->reason)), NULL);
}

enum err
aid_links_end(struct db *db, struct uuid a, struct uuid b, int64_t now_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &AID_LINKS_END, DB_ARGS(db_uuid(a), db_uuid(b), db_i64(now_ms)), &rows);

    return err ? err : db_affected(rows) == 0 ? ERR_NOT_FOUND : OK;
}
