/* store/guides.c */
#include "store/guides.h"

DB_QUERY(GUIDES_OF, .name = "guides_of", .sql = "SELECT guide, seen, ended FROM guide WHERE person = $1", .params = 1, .columns = 3);

DB_QUERY(GUIDES_SEE, .name = "guides_see",
         .sql = "INSERT INTO guide (person, guide, seen) VALUES ($1, $2::bigint, $3)"
                " ON CONFLICT (person, guide) DO UPDATE SET seen = guide.seen | excluded.seen",
         .params = 3, .columns = 0);

DB_QUERY(GUIDES_END, .name = "guides_end",
         .sql = "INSERT INTO guide (person, guide, ended) VALUES ($1, $2::bigint, $3) ON CONFLICT (person, guide) DO UPDATE SET ended = excluded.ended",
         .params = 3, .columns = 0);

DB_QUERY(GUIDES_STARTUP, .name = "guides_startup",
         .sql = "SELECT EXISTS (SELECT FROM request WHERE organisation = $1), EXISTS (SELECT FROM reservation WHERE org = $1),"
                " EXISTS (SELECT FROM role WHERE organisation = $1 AND person <> $2) OR EXISTS (SELECT FROM invitation WHERE organisation = $1)",
         .params = 2, .columns = 3);

enum err
guides_of(struct db *db, struct uuid person, struct guide_state ret[GUIDES])
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &GUIDES_OF, DB_ARGS(db_uuid(person)), &rows);

    if (err)
        return err;
    memset(ret, 0, GUIDES * sizeof *ret);
    for (int i = 0; i < PQntuples(rows); i++)
        ret[db_get_i64(rows, i, 0)] = (struct guide_state){ .seen = db_get_i64(rows, i, 1), .ended = db_get_bool(rows, i, 2) };
    return OK;
}

enum err
guides_see(struct db *db, struct uuid person, enum guide guide, int64_t bits)
{
    return db_run(db, &GUIDES_SEE, DB_ARGS(db_uuid(person), db_i64(guide), db_i64(bits)), NULL);
}

enum err
guides_end(struct db *db, struct uuid person, enum guide guide, bool ended)
{
    return db_run(db, &GUIDES_END, DB_ARGS(db_uuid(person), db_i64(guide), db_bool(ended)), NULL);
}

enum err
guides_startup(struct db *db, struct uuid organisation, struct uuid person, struct guide_startup *ret)
{
    _cleanup_result_ PGresult *rows = NULL;
    enum err err = db_run(db, &GUIDES_STARTUP, DB_ARGS(db_uuid(organisation), db_uuid(person)), &rows);

    if (err)
        return err;
    *ret = (struct guide_startup){ .asked = db_get_bool(rows, 0, 0), .reserved = db_get_bool(rows, 0, 1), .colleagues = db_get_bool(rows, 0, 2) };
    return OK;
}
