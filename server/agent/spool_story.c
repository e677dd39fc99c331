/* agent/spool_story.c: what the agent did and why, kept in its spool for the people who run it. */
#include "agent/spool_sql.h"

enum err
spool_tell(struct spool *s, const struct spool_line *line)
{
    STATEMENT st = sql_prepare(s, "INSERT INTO story (at_ms, jti, what, why) VALUES (?1, ?2, ?3, ?4)");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, line->at_ms);
    sql_bind_blob(st, 2, line->jti.b, 16);
    sql_bind_text(st, 3, line->what);
    sql_bind_text(st, 4, line->why);
    return sql_run_to_end(st);
}

static enum err
hand_out(sqlite3_stmt *st, void (*take)(void *with, const struct spool_line *line), void *with)
{
    enum err err;

    while ((err = sql_row(st)) == OK) {
        struct spool_line line = { .at_ms = sqlite3_column_int64(st, 0),
                                   .what = (const char *)sqlite3_column_text(st, 2),
                                   .why = (const char *)sqlite3_column_text(st, 3) };

        if (!sql_blob_is(st, 1, line.jti.b, 16) || !line.what || !line.why)
            return ERR_CORRUPT;
        take(with, &line);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err
spool_story(struct spool *s, const struct uuid *jti, void (*take)(void *with, const struct spool_line *line), void *with)
{
    STATEMENT st = NULL;

    if (spool_number_of(s, "SELECT count(*) FROM sqlite_master WHERE name = 'story'") == 0)
        return OK;
    st = jti ? sql_prepare(s, "SELECT at_ms, jti, what, why FROM story WHERE jti = ?1"
                              " AND jti <> x'00000000000000000000000000000000' ORDER BY rowid")
             : sql_prepare(s, "SELECT at_ms, jti, what, why FROM story ORDER BY rowid");
    if (!st)
        return ERR_IO;
    if (jti)
        sql_bind_blob(st, 1, jti->b, 16);
    return hand_out(st, take, with);
}

enum err
spool_story_prune(struct spool *s, int64_t before_ms)
{
    STATEMENT st = sql_prepare(s, "DELETE FROM story WHERE at_ms < ?1");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, before_ms);
    return sql_run_to_end(st);
}
