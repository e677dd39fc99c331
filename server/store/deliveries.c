/* store/deliveries.c */
#include "store/deliveries.h"

#include "store/array.h"

/* ---- webhooks -------------------------------------------------------------------------------------------------------- */

#define WEBHOOK "SELECT w.id, w.organisation, w.url, w.kinds, w.secret, w.created_ms, w.by_name," \
                " (SELECT count(*) FROM delivery d WHERE d.webhook = w.id AND d.state = 1)," \
                " (SELECT count(*) FROM delivery d WHERE d.webhook = w.id AND d.state = 3) FROM webhook w WHERE w.ended_ms IS NULL AND "

DB_QUERY(WEBHOOKS_ADD, .name = "webhooks_add",
         .sql = "INSERT INTO webhook (id, organisation, url, kinds, secret, created_ms, by_name) VALUES ($1, $2, $3, $4, $5, $6, $7)",
         .params = 7, .columns = 0);
DB_QUERY(WEBHOOKS_OF, .name = "webhooks_of", .sql = WEBHOOK "w.organisation = $1 ORDER BY w.id LIMIT $2", .params = 2, .columns = 9);
DB_QUERY(WEBHOOKS_FIND, .name = "webhooks_find", .sql = WEBHOOK "w.id = $1", .params = 1, .columns = 9);
DB_QUERY(WEBHOOKS_END, .name = "webhooks_end", .sql = "UPDATE webhook SET ended_ms = $2 WHERE id = $1 AND ended_ms IS NULL", .params = 2, .columns = 0);
DB_QUERY(DELIVERIES_DROP, .name = "deliveries_drop",
         .sql = "UPDATE delivery SET state = 3, why = 'The webhook was removed.', done_ms = $2 WHERE webhook = $1 AND state = 1", .params = 2, .columns = 0);

static struct webhook
read_webhook(const PGresult *rows, int i, struct arena *a)
{
    return (struct webhook){
        .id = db_get_uuid(rows, i, 0),
        .organisation = db_get_uuid(rows, i, 1),
        .url = arena_text(a, db_get_text(rows, i, 2)),
        .kinds = (int)db_get_i64(rows, i, 3),
        .secret = arena_text(a, db_get_text(rows, i, 4)),
        .created_ms = db_get_i64(rows, i, 5),
        .by_name = arena_text(a, db_get_text(rows, i, 6)),
        .waiting = db_get_i64(rows, i, 7),
        .given_up = db_get_i64(rows, i, 8),
    };
}

enum err
webhooks_add(struct db *db, const struct webhook *w)
{
    return db_run(db, &WEBHOOKS_ADD,
                  DB_ARGS(db_uuid(w->id), db_uuid(w->organisation), db_text(w->url), db_i32(w->kinds), db_text(w->secret), db_i64(w->created_ms),
                          db_text(w->by_name)),
                  NULL);
}

enum err
webhooks_of(struct db *db, struct uuid organisation, int max, struct arena *a, struct webhook **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &WEBHOOKS_OF, DB_ARGS(db_uuid(organisation), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_webhook(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
webhooks_find(struct db *db, struct uuid id, struct arena *a, struct webhook *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &WEBHOOKS_FIND, DB_ARGS(db_uuid(id)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NOT_FOUND;
    *ret = read_webhook(rows, 0, a);
    return OK;
}

enum err
webhooks_end(struct db *db, struct uuid id, int64_t now_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &WEBHOOKS_END, DB_ARGS(db_uuid(id), db_i64(now_ms)), &rows);

    if (err)
        return err;
    if (db_affected(rows) == 0)
        return ERR_NOT_FOUND;
    return db_run(db, &DELIVERIES_DROP, DB_ARGS(db_uuid(id), db_i64(now_ms)), NULL);
}

/* ---- deliveries ------------------------------------------------------------------------------------------------------- */

/* The id follows from what is told to whom. What waits beyond measure is given up at once, so that a receiver that never answers
 * does not fill the table with what will be tried. */
DB_QUERY(DELIVERIES_ADD, .name = "deliveries_add",
         .sql = "INSERT INTO delivery (id, event, webhook, organisation, created_ms, since_ms, next_ms, state, why)"
                " SELECT encode(substr(sha256(uuid_send($1::uuid) || uuid_send(w.id)), 1, 16), 'hex')::uuid, $1, w.id, w.organisation, $5::bigint, $5, $5,"
                " CASE WHEN f.many THEN 3 ELSE 1 END, CASE WHEN f.many THEN 'Too many wait for this webhook.' ELSE '' END"
                " FROM webhook w, LATERAL (SELECT count(*) >= 1000 AS many FROM delivery d WHERE d.webhook = w.id AND d.state = 1) f"
                " WHERE w.organisation = $2::uuid AND w.ended_ms IS NULL AND ($4::uuid IS NULL AND (w.kinds >> $3::integer) & 1 = 1 OR w.id = $4)"
                " ON CONFLICT (id) DO NOTHING",
         .params = 5, .columns = 0);

#define DELIVERY "d.id, d.event, d.webhook, d.organisation, d.state, d.tries, d.created_ms, d.since_ms, d.next_ms, d.done_ms, d.status, d.why," \
                 " e.kind, e.at_ms, e.title, e.text, e.facts, e.link"

DB_QUERY(DELIVERIES_CLAIM, .name = "deliveries_claim",
         .sql = "WITH due AS (SELECT DISTINCT ON (webhook) id, next_ms FROM delivery WHERE state = 1 AND webhook IS NOT NULL AND next_ms <= $2 AND NOT webhook = ANY($4::uuid[])"
                " ORDER BY webhook, next_ms),"
                " pick AS (SELECT id FROM due ORDER BY next_ms LIMIT $5::integer)"
                " UPDATE delivery d SET tries = d.tries + 1, next_ms = $3 FROM pick, notice_event e, webhook w"
                " WHERE d.id = pick.id AND e.id = d.event AND w.id = d.webhook AND d.state = 1 AND EXISTS (SELECT FROM head WHERE term = $1)"
                " RETURNING " DELIVERY ", w.url, w.secret",
         .params = 5, .columns = 20);

/* The address as it is now; of the letter that confirms one, as long as it is the newest and not too old; of any other, as long as its person
 * wants letters of its kind and has a role there: what has waited may have waited for somebody who has left meanwhile. */
DB_QUERY(DELIVERIES_LETTERS, .name = "deliveries_letters",
         .sql = "WITH pick AS (SELECT id FROM delivery WHERE state = 1 AND person IS NOT NULL AND next_ms <= $2 ORDER BY next_ms LIMIT $4::integer)"
                " UPDATE delivery d SET tries = d.tries + 1, next_ms = $3 FROM pick, notice_event e, person p"
                " LEFT JOIN mail_address m ON m.person = p.id LEFT JOIN person_language l ON l.person = p.id"
                " WHERE d.id = pick.id AND e.id = d.event AND p.id = d.person AND d.state = 1 AND EXISTS (SELECT FROM head WHERE term = $1)"
                " RETURNING " DELIVERY ", d.person, coalesce(CASE WHEN e.kind = 9 THEN CASE WHEN m.wanted_id::text = e.subject AND m.wanted_until_ms > $2"
                " THEN m.wanted END WHEN coalesce((SELECT c.by_mail FROM notice_choice c WHERE c.person = p.id AND c.kind = e.kind), true)"
                " AND EXISTS (SELECT FROM role r WHERE r.person = p.id AND (r.role <= 2 AND r.organisation = e.organisation OR r.role = 6 AND r.site = e.site"
                " OR r.role IN (3, 5)))"
                " THEN m.address END, ''), coalesce(l.language, 'en'), e.subject",
         .params = 4, .columns = 22);

DB_QUERY(DELIVERIES_DONE, .name = "deliveries_done",
         .sql = "UPDATE delivery SET state = $3, next_ms = $4, done_ms = $5, status = $6, why = $7 WHERE id = $1 AND tries = $2 AND state = 1",
         .params = 7, .columns = 0);

DB_QUERY(DELIVERIES_LIST, .name = "deliveries_list",
         .sql = "SELECT " DELIVERY " FROM delivery d JOIN notice_event e ON e.id = d.event"
                " WHERE d.organisation = $1 AND ($2::smallint = 0 OR d.state = $2) ORDER BY d.created_ms DESC, d.id LIMIT $3",
         .params = 3, .columns = 18);

/* How many are tried again, and how many there are. */
DB_QUERY(DELIVERIES_AGAIN, .name = "deliveries_again",
         .sql = "WITH u AS (UPDATE delivery SET state = 1, since_ms = $2, next_ms = $2, done_ms = 0 WHERE id = $1 AND state = 3"
                " AND EXISTS (SELECT FROM webhook w WHERE w.id = delivery.webhook AND w.ended_ms IS NULL) RETURNING 1)"
                " SELECT (SELECT count(*) FROM u), (SELECT count(*) FROM delivery WHERE id = $1)",
         .params = 2, .columns = 2);

DB_QUERY(DELIVERIES_COUNT, .name = "deliveries_count",
         .sql = "SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 3), coalesce(min(since_ms) FILTER (WHERE state = 1), 0) FROM delivery"
                " WHERE state IN (1, 3) AND (person IS NOT NULL) = $1",
         .params = 1, .columns = 3);

enum err
deliveries_add(struct db *db, struct uuid event, struct uuid organisation, enum notices_kind kind, struct uuid only, int64_t real_ms)
{
    return db_run(db, &DELIVERIES_ADD, DB_ARGS(db_uuid(event), db_uuid(organisation), db_i32((int32_t)kind), db_uuid_or_null(only), db_i64(real_ms)), NULL);
}

static struct delivery
read_delivery(const PGresult *rows, int i, struct arena *a)
{
    return (struct delivery){
        .id = db_get_uuid(rows, i, 0),
        .event = db_get_uuid(rows, i, 1),
        .webhook = db_get_uuid(rows, i, 2),
        .organisation = db_get_uuid(rows, i, 3),
        .state = (enum delivery_state)db_get_i64(rows, i, 4),
        .tries = (int)db_get_i64(rows, i, 5),
        .created_ms = db_get_i64(rows, i, 6),
        .since_ms = db_get_i64(rows, i, 7),
        .next_ms = db_get_i64(rows, i, 8),
        .done_ms = db_get_i64(rows, i, 9),
        .status = (int)db_get_i64(rows, i, 10),
        .why = arena_text(a, db_get_text(rows, i, 11)),
        .kind = (enum notices_kind)db_get_i64(rows, i, 12),
        .at_ms = db_get_i64(rows, i, 13),
        .title = arena_text(a, db_get_text(rows, i, 14)),
        .text = arena_text(a, db_get_text(rows, i, 15)),
        .facts = arena_text(a, db_get_text(rows, i, 16)),
        .link = arena_text(a, db_get_text(rows, i, 17)),
    };
}

enum err
deliveries_claim(struct db *db, uint64_t term, int64_t real_ms, int64_t lease_ms, const struct uuid *busy, size_t n_busy, int max, struct arena *a,
                 struct delivery **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    struct array list = { .n = 0 };
    enum err err;
    int n;

    array_begin(&list, ARRAY_UUID);
    for (size_t i = 0; i < n_busy; i++)
        array_bytes(&list, busy[i].b, sizeof busy[i].b);
    err = db_run(db, &DELIVERIES_CLAIM, DB_ARGS(db_u64(term), db_i64(real_ms), db_i64(lease_ms), array_arg(&list), db_i32(max)), &rows);
    array_free(&list);
    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        (*ret)[i] = read_delivery(rows, i, a);
        (*ret)[i].url = arena_text(a, db_get_text(rows, i, 18));
        (*ret)[i].secret = arena_text(a, db_get_text(rows, i, 19));
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
deliveries_letters(struct db *db, uint64_t term, int64_t real_ms, int64_t lease_ms, int max, struct arena *a, struct delivery **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &DELIVERIES_LETTERS, DB_ARGS(db_u64(term), db_i64(real_ms), db_i64(lease_ms), db_i32(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        (*ret)[i] = read_delivery(rows, i, a);
        (*ret)[i].person = db_get_uuid(rows, i, 18);
        (*ret)[i].address = arena_text(a, db_get_text(rows, i, 19));
        (*ret)[i].language = arena_text(a, db_get_text(rows, i, 20));
        (*ret)[i].subject = arena_text(a, db_get_text(rows, i, 21));
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
deliveries_done(struct db *db, const struct delivery *d)
{
    return db_run(db, &DELIVERIES_DONE,
                  DB_ARGS(db_uuid(d->id), db_i32(d->tries), db_i16((int16_t)d->state), db_i64(d->next_ms), db_i64(d->done_ms), db_i32(d->status),
                          db_text(d->why)),
                  NULL);
}

enum err
deliveries_list(struct db *db, struct uuid organisation, int state, int max, struct arena *a, struct delivery **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &DELIVERIES_LIST, DB_ARGS(db_uuid(organisation), db_i16((int16_t)state), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = read_delivery(rows, i, a);
    *ret_n = (size_t)n;
    return OK;
}

enum err
deliveries_again(struct db *db, struct uuid id, int64_t real_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &DELIVERIES_AGAIN, DB_ARGS(db_uuid(id), db_i64(real_ms)), &rows);

    if (err || db_get_i64(rows, 0, 0) == 1)
        return err;
    return db_get_i64(rows, 0, 1) == 0 ? ERR_NOT_FOUND : ERR_STATE;
}

enum err
deliveries_count(struct db *db, bool letters, struct deliveries_figures *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &DELIVERIES_COUNT, DB_ARGS(db_bool(letters)), &rows);

    if (!err)
        *ret = (struct deliveries_figures){ db_get_i64(rows, 0, 0), db_get_i64(rows, 0, 1), db_get_i64(rows, 0, 2) };
    return err;
}
