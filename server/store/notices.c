/* store/notices.c */
#include "store/notices.h"

#include <assert.h>

#include "store/deliveries.h"

const char *const NOTICES_WORDS[] = { "job-ended", "quote-ending", "credits-lapse", "dispute", "approval", "agent-silent", "maintenance", "test", "address", NULL };

const char *
notices_word(enum notices_kind kind)
{
    assert(kind >= NOTICES_JOB_ENDED && kind < NOTICES_KINDS);
    return NOTICES_WORDS[kind - NOTICES_JOB_ENDED];
}

unsigned
notices_audience(enum notices_kind kind)
{
    static const unsigned TO[NOTICES_KINDS] = {
        [NOTICES_JOB_ENDED] = NOTICES_TO_ASKER | NOTICES_TO_OWNERS,
        [NOTICES_QUOTE_ENDING] = NOTICES_TO_ASKER | NOTICES_TO_OWNERS,
        [NOTICES_CREDITS_LAPSE] = NOTICES_TO_OWNERS,
        [NOTICES_DISPUTE] = NOTICES_TO_ASKER | NOTICES_TO_OWNERS | NOTICES_TO_OPERATORS | NOTICES_TO_OFFICERS,
        [NOTICES_APPROVAL] = NOTICES_TO_OFFICERS,
        [NOTICES_AGENT_SILENT] = NOTICES_TO_OPERATORS | NOTICES_TO_ADMINISTRATORS,
        [NOTICES_MAINTENANCE] = NOTICES_TO_ASKER | NOTICES_TO_OWNERS,
        [NOTICES_TEST] = 0,
        [NOTICES_ADDRESS] = 0,
    };

    assert(kind >= NOTICES_JOB_ENDED && kind < NOTICES_KINDS);
    return TO[kind];
}

/* ---- telling --------------------------------------------------------------------------------------------------------- */

DB_QUERY(NOTICES_ADD, .name = "notices_add",
         .sql = "INSERT INTO notice_event (id, kind, subject, organisation, site, at_ms, title, text, facts, link)"
                " SELECT $1::uuid, $2::smallint, $3::text, $4::uuid, $5::bigint, $6::bigint, $7::text, $8::text, $9::text, $10::text"
                " WHERE $11::bigint = 0 OR NOT EXISTS (SELECT FROM notice_event o WHERE o.kind = $2 AND o.site = $5 AND o.at_ms >= $11)"
                " ON CONFLICT (kind, subject) DO NOTHING",
         .params = 11, .columns = 0);

/* Whom a kind is told, but for whose deed it was. Bits of $2: enum notices_to. */
#define AUDIENCE "(SELECT DISTINCT r.person FROM role r WHERE r.person <> $6::uuid AND (" \
                 " (($2::integer & 1) <> 0 AND r.person = $5::uuid AND r.organisation = $3::uuid AND r.role IN (1, 2))" \
                 " OR (($2 & 2) <> 0 AND r.organisation = $3 AND r.role = 1)" \
                 " OR (($2 & 4) <> 0 AND r.site = $4::bigint AND r.role = 6)" \
                 " OR (($2 & 8) <> 0 AND r.role = 3) OR (($2 & 16) <> 0 AND r.role = 5))" \
                 " AND (($2 & 32) = 0 OR (r.person <> $5 AND NOT EXISTS (SELECT FROM role x WHERE x.person = r.person" \
                 " AND ((x.organisation = $3 AND x.role IN (1, 2)) OR (x.site = $4 AND x.role = 6)) OFFSET 0)))) w" \
                 " LEFT JOIN notice_choice c ON c.person = w.person AND c.kind = $7::smallint"

DB_QUERY(NOTICES_TO, .name = "notices_to", .sql = "INSERT INTO notice (event, person) SELECT $1::uuid, w.person FROM " AUDIENCE " WHERE coalesce(c.in_page, true)",
         .params = 7, .columns = 0);

/* Those who have a confirmed address. More letters than that within an hour are none: the page has them. */
DB_QUERY(NOTICES_MAIL, .name = "notices_mail",
         .sql = "INSERT INTO delivery (id, event, person, organisation, created_ms, since_ms, next_ms, state, why)"
                " SELECT encode(substr(sha256(uuid_send($1::uuid) || uuid_send(w.person)), 1, 16), 'hex')::uuid, $1, w.person, $8::uuid, $9::bigint, $9, $9,"
                " CASE WHEN f.many THEN 3 ELSE 1 END, CASE WHEN f.many THEN 'Too many letters within an hour: the page has it.' ELSE '' END"
                " FROM " AUDIENCE " JOIN mail_address m ON m.person = w.person AND m.address <> '',"
                " LATERAL (SELECT count(*) >= 60 AS many FROM delivery d WHERE d.person = w.person AND d.created_ms > $9::bigint - 3600000) f"
                " WHERE coalesce(c.by_mail, true) ON CONFLICT (id) DO NOTHING",
         .params = 9, .columns = 0);

static enum err
tell_people(struct db *db, const struct notices_event *e)
{
    int32_t to = (int32_t)(notices_audience(e->kind) | e->also);
    int16_t kind = (int16_t)e->kind;
    enum err err = db_run(db, &NOTICES_TO,
                          DB_ARGS(db_uuid(e->id), db_i32(to), db_uuid(e->organisation), db_u64(e->site), db_uuid(e->asker), db_uuid(e->not_to),
                                  db_i16(kind)),
                          NULL);

    if (err)
        return err;
    return db_run(db, &NOTICES_MAIL,
                  DB_ARGS(db_uuid(e->id), db_i32(to), db_uuid(e->organisation), db_u64(e->site), db_uuid(e->asker), db_uuid(e->not_to), db_i16(kind),
                          db_uuid((struct uuid){ { 0 } }), db_i64(e->real_ms)),
                  NULL);
}

static enum err
tell(struct db *db, const struct notices_event *e, bool *ret_new)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_ADD,
                          DB_ARGS(db_uuid(e->id), db_i16((int16_t)e->kind), db_text(e->subject), db_uuid(e->organisation), db_u64(e->site),
                                  db_i64(e->at_ms), db_text(e->title), db_text(e->text), db_text(e->facts), db_text(e->link),
                                  db_i64(e->since_ms)),
                          &rows);

    if (err)
        return err;
    *ret_new = db_affected(rows) == 1;
    if (!*ret_new)
        return OK;
    if (notices_audience(e->kind))
        err = tell_people(db, e);
    return err || uuid_is_zero(e->organisation) || (e->also & NOTICES_TO_NOBODY_CONCERNED) ? err : deliveries_add(db, e->id, e->organisation, e->kind, e->only, e->real_ms);
}

enum err
notices_tell(struct db *db, const struct notices_event *e, bool *ret_new)
{
    struct db_actor before = db_act_as(db, DB_ACTOR_SERVER);
    enum err err = tell(db, e, ret_new);

    db_act_as(db, before);
    return err;
}

/* ---- how far --------------------------------------------------------------------------------------------------------- */

DB_QUERY(NOTICES_CURSOR, .name = "notices_cursor", .sql = "SELECT c.next, h.size, h.term FROM notice_cursor c, head h", .params = 0, .columns = 3);

DB_QUERY(NOTICES_CURSOR_MOVE, .name = "notices_cursor_move",
         .sql = "UPDATE notice_cursor SET next = $2 WHERE next = $1 AND EXISTS (SELECT FROM head WHERE term = $3)", .params = 3, .columns = 0);

/* SETTLE, VOID, EXPIRE, NOTICE. */
DB_QUERY(NOTICES_ENTRIES, .name = "notices_entries",
         .sql = "SELECT index, kind, time_ms, body FROM entry WHERE index >= $1 AND index < $2 AND kind IN (9, 10, 11, 19) ORDER BY index",
         .params = 2, .columns = 4);

/* Entries walked. */
#define PAID_MOST      5000
#define PAID_MOST_TEXT "5000"
DB_QUERY(NOTICES_PAID, .name = "notices_paid",
         .sql = "WITH RECURSIVE w AS ("
                "SELECT e.kind, e.time_ms, e.amount, CASE WHEN e.debit = $1 THEN e.prev_debit ELSE e.prev_credit END AS prev, 1 AS n"
                " FROM account a JOIN entry e ON e.index = a.last_index WHERE a.index = $1"
                " UNION ALL SELECT e.kind, e.time_ms, e.amount, CASE WHEN e.debit = $1 THEN e.prev_debit ELSE e.prev_credit END, w.n + 1"
                " FROM w JOIN entry e ON e.index = w.prev WHERE w.prev >= 0 AND w.time_ms > $2 AND w.n < " PAID_MOST_TEXT ")"
                " SELECT coalesce(sum(CASE kind WHEN 9 THEN amount WHEN 12 THEN amount WHEN 13 THEN -amount ELSE 0 END) FILTER (WHERE time_ms > $2), 0)::bigint,"
                " coalesce(min(time_ms), 0), count(*) FROM w",
         .params = 2, .columns = 3);

DB_QUERY(NOTICES_WINDOWS, .name = "notices_windows",
         .sql = "SELECT c.offering, c.number, c.from_ms, c.until_ms, c.set_ms, c.less_nodes, c.less_pool_nodes FROM capacity c"
                " WHERE c.number = c.window_number AND c.set_ms >= $1 AND c.until_ms > $2 AND c.less_nodes + c.less_pool_nodes > 0"
                " AND NOT EXISTS (SELECT FROM capacity e WHERE e.offering = c.offering AND e.window_number = c.number AND e.less_nodes + e.less_pool_nodes < 0)"
                " ORDER BY c.set_ms, c.offering, c.number LIMIT $3",
         .params = 3, .columns = 7);

enum err
notices_windows(struct db *db, int64_t since_ms, int64_t now_ms, int max, struct arena *a, struct notices_window **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_WINDOWS, DB_ARGS(db_i64(since_ms), db_i64(now_ms), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct notices_window){
            .offering = db_get_u64(rows, i, 0),
            .number = (uint32_t)db_get_i64(rows, i, 1),
            .from_ms = db_get_i64(rows, i, 2),
            .until_ms = db_get_i64(rows, i, 3),
            .set_ms = db_get_i64(rows, i, 4),
            .less_nodes = (int32_t)db_get_i64(rows, i, 5),
            .less_pool_nodes = (int32_t)db_get_i64(rows, i, 6),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
notices_cursor_read(struct db *db, struct notices_cursor *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_CURSOR, DB_NO_ARGS, &rows);

    if (err)
        return err;
    if (PQntuples(rows) != 1)
        return ERR_NOT_FOUND;
    *ret = (struct notices_cursor){ db_get_u64(rows, 0, 0), db_get_u64(rows, 0, 1), db_get_u64(rows, 0, 2) };
    return OK;
}

enum err
notices_cursor_move(struct db *db, const struct notices_cursor *from, uint64_t to)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_CURSOR_MOVE, DB_ARGS(db_u64(from->next), db_u64(to), db_u64(from->term)), &rows);

    if (err)
        return err;
    return db_affected(rows) == 1 ? OK : ERR_NOT_LEADER;
}

enum err
notices_entries(struct db *db, uint64_t first, uint64_t end, struct arena *a, struct entry **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_ENTRIES, DB_ARGS(db_u64(first), db_u64(end)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++) {
        struct entry *e = &(*ret)[i];

        *e = entry_new((enum entry_kind)db_get_i64(rows, i, 1));
        e->index = db_get_u64(rows, i, 0);
        e->time_ms = db_get_i64(rows, i, 2);
        if (entry_decode_body(db_get_bytes(rows, i, 3), e))
            return db_corrupt(db, &NOTICES_ENTRIES, "entry %llu does not decode", (unsigned long long)e->index);
    }
    *ret_n = (size_t)n;
    return OK;
}

enum err
notices_paid(struct db *db, uint64_t account, int64_t since_ms, int64_t *ret_gpums, int64_t *ret_from_ms)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_PAID, DB_ARGS(db_u64(account), db_i64(since_ms)), &rows);

    if (err)
        return err;
    *ret_gpums = db_get_i64(rows, 0, 0);
    *ret_from_ms = db_get_i64(rows, 0, 2) < PAID_MOST ? since_ms : db_get_i64(rows, 0, 1);
    return OK;
}

/* ---- people's -------------------------------------------------------------------------------------------------------- */

DB_QUERY(NOTICES_OF, .name = "notices_of",
         .sql = "SELECT e.id, e.kind, e.at_ms, n.read_ms, e.title, e.text, e.facts, e.link FROM notice n JOIN notice_event e ON e.id = n.event"
                " WHERE n.person = $1 AND n.event < $2 ORDER BY n.event DESC LIMIT $3",
         .params = 3, .columns = 8);

DB_QUERY(NOTICES_UNREAD, .name = "notices_unread",
         .sql = "SELECT count(*) FROM (SELECT FROM notice WHERE person = $1 AND read_ms = 0 LIMIT 100) n", .params = 1, .columns = 1);

DB_QUERY(NOTICES_READ, .name = "notices_read", .sql = "UPDATE notice SET read_ms = $3 WHERE person = $1 AND event <= $2 AND read_ms = 0",
         .params = 3, .columns = 0);

DB_QUERY(NOTICES_CHOICES, .name = "notices_choices", .sql = "SELECT kind, in_page, by_mail FROM notice_choice WHERE person = $1", .params = 1,
         .columns = 3);

DB_QUERY(NOTICES_CHOOSE, .name = "notices_choose",
         .sql = "INSERT INTO notice_choice (person, kind, in_page, by_mail) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (person, kind) DO UPDATE SET in_page = excluded.in_page, by_mail = excluded.by_mail",
         .params = 4, .columns = 0);

DB_QUERY(NOTICES_STOP_MAIL, .name = "notices_stop_mail",
         .sql = "INSERT INTO notice_choice (person, kind, in_page, by_mail) VALUES ($1, $2, true, false) ON CONFLICT (person, kind) DO UPDATE SET by_mail = false",
         .params = 2, .columns = 0);

DB_QUERY(NOTICES_REMOVE_OLD, .name = "notices_remove_old", .sql = "DELETE FROM notice_event WHERE at_ms <= $1", .params = 1, .columns = 0);

enum err
notices_of(struct db *db, struct uuid person, struct uuid before, int max, struct arena *a, struct notices_row **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_OF, DB_ARGS(db_uuid(person), db_uuid(before), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct notices_row){
            .id = db_get_uuid(rows, i, 0),
            .kind = (enum notices_kind)db_get_i64(rows, i, 1),
            .at_ms = db_get_i64(rows, i, 2),
            .read_ms = db_get_i64(rows, i, 3),
            .title = arena_text(a, db_get_text(rows, i, 4)),
            .text = arena_text(a, db_get_text(rows, i, 5)),
            .facts = arena_text(a, db_get_text(rows, i, 6)),
            .link = arena_text(a, db_get_text(rows, i, 7)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
notices_unread(struct db *db, struct uuid person, int64_t *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_UNREAD, DB_ARGS(db_uuid(person)), &rows);

    if (!err)
        *ret = db_get_i64(rows, 0, 0);
    return err;
}

enum err
notices_mark_read(struct db *db, struct uuid person, struct uuid until, int64_t now_ms)
{
    return db_run(db, &NOTICES_READ, DB_ARGS(db_uuid(person), db_uuid(until), db_i64(now_ms)), NULL);
}

enum err
notices_choices(struct db *db, struct uuid person, struct notices_choice ret[NOTICES_KINDS])
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &NOTICES_CHOICES, DB_ARGS(db_uuid(person)), &rows);

    if (err)
        return err;
    for (int i = 0; i < NOTICES_KINDS; i++)
        ret[i] = (struct notices_choice){ .in_page = true, .by_mail = true };
    for (int i = 0; i < PQntuples(rows); i++) {
        int64_t kind = db_get_i64(rows, i, 0);

        if (kind > 0 && kind < NOTICES_KINDS)
            ret[kind] = (struct notices_choice){ db_get_bool(rows, i, 1), db_get_bool(rows, i, 2) };
    }
    return OK;
}

enum err
notices_choose(struct db *db, struct uuid person, enum notices_kind kind, struct notices_choice choice)
{
    return db_run(db, &NOTICES_CHOOSE, DB_ARGS(db_uuid(person), db_i16((int16_t)kind), db_bool(choice.in_page), db_bool(choice.by_mail)), NULL);
}

enum err
notices_stop_mail(struct db *db, struct uuid person, enum notices_kind kind)
{
    return db_run(db, &NOTICES_STOP_MAIL, DB_ARGS(db_uuid(person), db_i16((int16_t)kind)), NULL);
}

enum err
notices_remove_old(struct db *db, int64_t before_ms)
{
    return db_run(db, &NOTICES_REMOVE_OLD, DB_ARGS(db_i64(before_ms)), NULL);
}
