/* store/mail.c */
#include "store/mail.h"

#include "store/notices.h"

/* ---- languages --------------------------------------------------------------------------------------------------------- */

const char *const MAIL_LANGUAGES[] = { "en", "fr", "de", "es", "it", "fi", "sv", "el", NULL };

DB_QUERY(MAIL_LANGUAGE, .name = "mail_language", .sql = "SELECT language FROM person_language WHERE person = $1", .params = 1, .columns = 1);
DB_QUERY(MAIL_LANGUAGE_SET, .name = "mail_language_set",
         .sql = "INSERT INTO person_language (person, language) VALUES ($1, $2) ON CONFLICT (person) DO UPDATE SET language = excluded.language",
         .params = 2, .columns = 0);
DB_QUERY(MAIL_LANGUAGE_DROP, .name = "mail_language_drop", .sql = "DELETE FROM person_language WHERE person = $1", .params = 1, .columns = 0);

enum err
mail_language(struct db *db, struct uuid person, struct arena *a, const char **ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MAIL_LANGUAGE, DB_ARGS(db_uuid(person)), &rows);

    if (!err)
        *ret = PQntuples(rows) ? arena_text(a, db_get_text(rows, 0, 0)) : "";
    return err;
}

enum err
mail_language_choose(struct db *db, struct uuid person, const char *language)
{
    if (!language[0])
        return db_run(db, &MAIL_LANGUAGE_DROP, DB_ARGS(db_uuid(person)), NULL);
    return db_run(db, &MAIL_LANGUAGE_SET, DB_ARGS(db_uuid(person), db_text(language)), NULL);
}

/* ---- addresses --------------------------------------------------------------------------------------------------------- */

DB_QUERY(MAIL_FIND, .name = "mail_find", .sql = "SELECT address, wanted, wanted_until_ms FROM mail_address WHERE person = $1", .params = 1, .columns = 3);

DB_QUERY(MAIL_ASKED, .name = "mail_asked",
         .sql = "SELECT count(*) FROM delivery d JOIN notice_event e ON e.id = d.event WHERE d.person = $1 AND d.created_ms > $2 AND e.kind = 9",
         .params = 2, .columns = 1);

DB_QUERY(MAIL_WANT, .name = "mail_want",
         .sql = "INSERT INTO mail_address (person, wanted, wanted_id, wanted_until_ms) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (person) DO UPDATE SET wanted = excluded.wanted, wanted_id = excluded.wanted_id, wanted_until_ms = excluded.wanted_until_ms",
         .params = 4, .columns = 0);

DB_QUERY(MAIL_SEND, .name = "mail_send",
         .sql = "INSERT INTO delivery (id, event, person, organisation, created_ms, since_ms, next_ms) VALUES ($1, $2, $3, $4, $5::bigint, $5, $5)",
         .params = 5, .columns = 0);

DB_QUERY(MAIL_CONFIRM, .name = "mail_confirm",
         .sql = "UPDATE mail_address SET address = wanted, wanted = '', wanted_id = NULL, wanted_until_ms = 0 WHERE wanted_id = $1 AND wanted_until_ms > $2"
                " RETURNING person",
         .params = 2, .columns = 1);

DB_QUERY(MAIL_REMOVE, .name = "mail_remove", .sql = "DELETE FROM mail_address WHERE person = $1", .params = 1, .columns = 0);
DB_QUERY(MAIL_DROP, .name = "mail_drop",
         .sql = "UPDATE delivery SET state = 3, why = 'The address was removed.', done_ms = $2 WHERE person = $1 AND state = 1", .params = 2, .columns = 0);

enum err
mail_find(struct db *db, struct uuid person, struct arena *a, struct mail_address *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MAIL_FIND, DB_ARGS(db_uuid(person)), &rows);

    if (err)
        return err;
    *ret = (struct mail_address){ .address = "", .wanted = "" };
    if (PQntuples(rows))
        *ret = (struct mail_address){ arena_text(a, db_get_text(rows, 0, 0)), arena_text(a, db_get_text(rows, 0, 1)), db_get_i64(rows, 0, 2) };
    return OK;
}

static enum err
want(struct db *db, const struct mail_asking *m)
{
    _cleanup_result_ PGresult *rows = NULL;
    char subject[UUID_TEXT];
    struct notices_event e = { .id = m->event, .kind = NOTICES_ADDRESS, .subject = subject, .site = NO_INDEX, .at_ms = m->now_ms, .title = "Confirm your address",
                               .text = "Whoever has the link of this letter confirms its address.", .facts = "{}", .link = "/me", .real_ms = m->real_ms };
    bool is_new;
    enum err err;

    uuid_text(m->id, subject); /* the row first: who asks at the same time waits for it, and then counts this one */
    err = db_run(db, &MAIL_WANT, DB_ARGS(db_uuid(m->person), db_text(m->wanted), db_uuid(m->id), db_i64(m->until_ms)), NULL);
    if (!err)
        err = db_run(db, &MAIL_ASKED, DB_ARGS(db_uuid(m->person), db_i64(m->real_ms - 3600000)), &rows);
    if (!err && db_get_i64(rows, 0, 0) >= MAIL_ASKED_MAX)
        err = ERR_RATE_LIMITED;
    if (!err)
        err = notices_tell(db, &e, &is_new);
    if (!err)
        err = db_run(db, &MAIL_SEND,
                     DB_ARGS(db_uuid(m->delivery), db_uuid(m->event), db_uuid(m->person), db_uuid((struct uuid){ { 0 } }), db_i64(m->real_ms)), NULL);
    return err;
}

enum err
mail_want(struct db *db, const struct mail_asking *m)
{
    struct db_actor before = db_act_as(db, DB_ACTOR_SERVER);
    enum err err = want(db, m);

    db_act_as(db, before);
    return err;
}

enum err
mail_confirm(struct db *db, struct uuid id, int64_t real_ms, struct uuid *ret_person)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MAIL_CONFIRM, DB_ARGS(db_uuid(id), db_i64(real_ms)), &rows);

    if (err)
        return err;
    if (PQntuples(rows) != 1)
        return ERR_NOT_FOUND;
    *ret_person = db_get_uuid(rows, 0, 0);
    return OK;
}

enum err
mail_remove(struct db *db, struct uuid person, int64_t real_ms)
{
    enum err err = db_run(db, &MAIL_REMOVE, DB_ARGS(db_uuid(person)), NULL);
    struct db_actor before = db_act_as(db, DB_ACTOR_SERVER);

    if (!err)
        err = db_run(db, &MAIL_DROP, DB_ARGS(db_uuid(person), db_i64(real_ms)), NULL);
    db_act_as(db, before);
    return err;
}

/* ---- letters that did not go out ----------------------------------------------------------------------------------------- */

DB_QUERY(MAIL_FAILURES, .name = "mail_failures",
         .sql = "SELECT d.id, p.name, d.state = 3, d.tries, d.status, d.created_ms, d.next_ms, d.why FROM delivery d JOIN person p ON p.id = d.person"
                " WHERE (d.state = 3 OR d.state = 1 AND d.tries > 0) AND d.created_ms > $1 ORDER BY d.created_ms DESC, d.id LIMIT $2",
         .params = 2, .columns = 8);

DB_QUERY(MAIL_AGAIN, .name = "mail_again",
         .sql = "UPDATE delivery SET state = 1, since_ms = $2, next_ms = $2, done_ms = 0 WHERE person IS NOT NULL AND state = 3 AND created_ms > $1",
         .params = 2, .columns = 0);

DB_QUERY(MAIL_FAULT, .name = "mail_fault",
         .sql = "SELECT d.state, d.why FROM delivery d WHERE d.person = $1 AND d.created_ms > $2 AND d.state IN (2, 3) ORDER BY d.created_ms DESC, d.id LIMIT 1",
         .params = 2, .columns = 2);

enum err
mail_failures(struct db *db, int64_t since_ms, int max, struct arena *a, struct mail_failure **ret, size_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MAIL_FAILURES, DB_ARGS(db_i64(since_ms), db_i64(max)), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    *ret = arena_alloc(a, ((size_t)n + 1) * sizeof **ret);
    for (int i = 0; i < n; i++)
        (*ret)[i] = (struct mail_failure){
            .id = db_get_uuid(rows, i, 0),
            .person = arena_text(a, db_get_text(rows, i, 1)),
            .given_up = db_get_bool(rows, i, 2),
            .tries = (int)db_get_i64(rows, i, 3),
            .status = (int)db_get_i64(rows, i, 4),
            .created_ms = db_get_i64(rows, i, 5),
            .next_ms = db_get_i64(rows, i, 6),
            .why = arena_text(a, db_get_text(rows, i, 7)),
        };
    *ret_n = (size_t)n;
    return OK;
}

enum err
mail_again(struct db *db, int64_t since_ms, int64_t real_ms, int64_t *ret_n)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MAIL_AGAIN, DB_ARGS(db_i64(since_ms), db_i64(real_ms)), &rows);

    if (!err)
        *ret_n = (int64_t)db_affected(rows);
    return err;
}

enum err
mail_fault(struct db *db, struct uuid person, int64_t since_ms, struct arena *a, const char **ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &MAIL_FAULT, DB_ARGS(db_uuid(person), db_i64(since_ms)), &rows);

    if (!err)
        *ret = PQntuples(rows) && db_get_i64(rows, 0, 0) == 3 ? arena_text(a, db_get_text(rows, 0, 1)) : "";
    return err;
}
