/* agent/spool_sql.c */
#include "agent/spool_sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
sql_put_back(sqlite3_stmt **st)
{
    if (!*st)
        return;
    sqlite3_reset(*st);
    sqlite3_clear_bindings(*st);
}

sqlite3_stmt *
sql_prepare(struct spool *s, const char *sql)
{
    size_t i = 0;

    while (i + 1 < STATEMENTS_MAX && s->statements[i].sql && s->statements[i].sql != sql)
        i++;
    assert(!s->statements[i].sql || s->statements[i].sql == sql); /* there are not so many */
    if (!s->statements[i].sql) {
        if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i].st, NULL) != SQLITE_OK)
            return NULL;
        s->statements[i].sql = sql;
    }
    return s->statements[i].st;
}

void
sql_bind_i64(sqlite3_stmt *st, int at, int64_t value)
{
    sqlite3_bind_int64(st, at, value);
}

void
sql_bind_blob(sqlite3_stmt *st, int at, const void *data, int len)
{
    sqlite3_bind_blob(st, at, data, len, SQLITE_TRANSIENT);
}

void
sql_bind_text(sqlite3_stmt *st, int at, const char *text)
{
    sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
}

enum err
sql_run_to_end(sqlite3_stmt *st)
{
    return st && sqlite3_step(st) == SQLITE_DONE ? OK : ERR_IO;
}

enum err
sql_row(sqlite3_stmt *st)
{
    int rc = st ? sqlite3_step(st) : SQLITE_ERROR;

    return rc == SQLITE_ROW ? OK : rc == SQLITE_DONE ? ERR_NOT_FOUND : ERR_IO;
}

bool
sql_blob_is(sqlite3_stmt *st, int column, void *ret, int len)
{
    if (sqlite3_column_bytes(st, column) != len)
        return false;
    memcpy(ret, sqlite3_column_blob(st, column), (size_t)len);
    return true;
}

enum err
sql_execute(struct spool *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : ERR_IO;
}

/* ---- meta ---- */

enum err
spool_meta_set(struct spool *s, const char *name, const char *value)
{
    STATEMENT st = sql_prepare(s, "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2");

    if (!st)
        return ERR_IO;
    sql_bind_text(st, 1, name);
    sql_bind_text(st, 2, value);
    return sql_run_to_end(st);
}

enum err
spool_meta_set_u64(struct spool *s, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return spool_meta_set(s, name, text);
}

enum err
spool_meta_get(struct spool *s, const char *name, char *ret, size_t cap)
{
    STATEMENT st = sql_prepare(s, "SELECT value FROM meta WHERE name = ?1");
    enum err err;

    ret[0] = 0;
    if (!st)
        return ERR_IO;
    sql_bind_text(st, 1, name);
    err = sql_row(st);
    if (err == OK)
        snprintf(ret, cap, "%s", (const char *)sqlite3_column_text(st, 0));
    return err == ERR_NOT_FOUND ? OK : err;
}

uint64_t
spool_meta_u64(struct spool *s, const char *name)
{
    char text[24];

    return spool_meta_get(s, name, text, sizeof text) == OK ? strtoull(text, NULL, 10) : 0;
}

uint64_t
spool_number_of(struct spool *s, const char *sql)
{
    STATEMENT st = sql_prepare(s, sql);

    return st && sql_row(st) == OK ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
}
