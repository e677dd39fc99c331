/* agent/spool_witness.c: what the witness must not forget. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/claims.h"
#include "agent/spool_sql.h"
#include "base/arena.h"

static const char TABLES[] =
    "CREATE TABLE IF NOT EXISTS cosigned (role INTEGER PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,"
    " time_s INTEGER NOT NULL, told INTEGER NOT NULL, note TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS refusal (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, says TEXT NOT NULL,"
    " origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, had_size INTEGER NOT NULL, had_root BLOB NOT NULL,"
    " told INTEGER NOT NULL, settled TEXT, note TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS owed (reservation BLOB PRIMARY KEY, number INTEGER NOT NULL, since_ms INTEGER NOT NULL)"
    " WITHOUT ROWID;";

enum err
spool_witness_tables(struct spool *s)
{
    enum err err;

    if (spool_number_of(s, "SELECT count(*) FROM sqlite_master WHERE name IN ('cosigned', 'refusal', 'owed')") == 3)
        return OK;
    err = spool_begin(s);
    if (err == OK)
        err = sql_execute(s, TABLES);
    return err == OK ? spool_commit(s) : err;
}

enum err
spool_cosigned(struct spool *s, enum witness_role role, struct spool_cosigned *ret)
{
    STATEMENT st = sql_prepare(s, "SELECT size, root, time_s, told, note FROM cosigned WHERE role = ?1");
    enum err err;

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, role);
    err = sql_row(st);
    if (err)
        return err;
    if (!sql_blob_is(st, 1, ret->at.root.b, 32))
        return ERR_CORRUPT;
    ret->at.size = (uint64_t)sqlite3_column_int64(st, 0);
    ret->time_s = (uint64_t)sqlite3_column_int64(st, 2);
    ret->told = sqlite3_column_int(st, 3) != 0;
    ret->note = xstrdup((const char *)sqlite3_column_text(st, 4));
    return OK;
}

enum err
spool_set_cosigned(struct spool *s, enum witness_role role, const struct spool_cosigned *c)
{
    STATEMENT st = sql_prepare(s, "INSERT OR REPLACE INTO cosigned VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, role);
    sql_bind_i64(st, 2, (int64_t)c->at.size);
    sql_bind_blob(st, 3, c->at.root.b, 32);
    sql_bind_i64(st, 4, (int64_t)c->time_s);
    sql_bind_i64(st, 5, c->told);
    sql_bind_text(st, 6, c->note);
    return sql_run_to_end(st);
}

enum err
spool_cosigned_told(struct spool *s, enum witness_role role, uint64_t size)
{
    STATEMENT st = sql_prepare(s, "UPDATE cosigned SET told = 1 WHERE role = ?1 AND size = ?2");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, role);
    sql_bind_i64(st, 2, (int64_t)size);
    return sql_run_to_end(st);
}

enum err
spool_add_refusal(struct spool *s, const struct spool_refusal *r)
{
    STATEMENT st = sql_prepare(s, "INSERT INTO refusal (at_ms, says, origin, size, root, had_size, had_root, told, note)"
                                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)");

    if (!st)
        return ERR_IO;
    sql_bind_i64(st, 1, r->at_ms);
    sql_bind_text(st, 2, witness_name(r->says));
    sql_bind_text(st, 3, r->shown.origin);
    sql_bind_i64(st, 4, (int64_t)r->shown.size);
    sql_bind_blob(st, 5, r->shown.root.b, 32);
    sql_bind_i64(st, 6, (int64_t)r->had.size);
    sql_bind_blob(st, 7, r->had.root.b, 32);
    sql_bind_text(st, 8, r->note);
    return sql_run_to_end(st);
}

enum err
spool_refusal(struct spool *s, struct spool_refusal *ret)
{
    STATEMENT st = sql_prepare(s, "SELECT at_ms, says, origin, size, root, had_size, had_root, told, note FROM refusal"
                                  " WHERE settled IS NULL ORDER BY id LIMIT 1");
    struct spool_refusal r = { 0 };
    enum err err;

    if (!st)
        return ERR_IO;
    err = sql_row(st);
    if (err)
        return err;
    if (!witness_fork_from_name((const char *)sqlite3_column_text(st, 1), &r.says) ||
        !sql_blob_is(st, 4, r.shown.root.b, 32) || !sql_blob_is(st, 6, r.had.root.b, 32))
        return ERR_CORRUPT;
    r.at_ms = sqlite3_column_int64(st, 0);
    snprintf(r.shown.origin, sizeof r.shown.origin, "%s", (const char *)sqlite3_column_text(st, 2));
    r.shown.size = (uint64_t)sqlite3_column_int64(st, 3);
    r.had.size = (uint64_t)sqlite3_column_int64(st, 5);
    r.told = sqlite3_column_int(st, 7) != 0;
    r.note = xstrdup((const char *)sqlite3_column_text(st, 8));
    *ret = r;
    return OK;
}

enum err
spool_refusal_told(struct spool *s)
{
    STATEMENT st = sql_prepare(s, "UPDATE refusal SET told = 1 WHERE settled IS NULL");

    return sql_run_to_end(st);
}

/* In a transaction. What is admitted takes the place of what either role has cosigned: time 0, it is yet to be cosigned. */
static enum err
settle(struct spool *s, bool admit, const struct spool_refusal *r)
{
    STATEMENT st = sql_prepare(s, "UPDATE refusal SET settled = ?1 WHERE settled IS NULL");
    struct spool_cosigned shown = { .at = { r->shown.size, r->shown.root }, .told = true, .note = r->note };
    enum err err = ERR_IO;

    if (!st)
        return err;
    sql_bind_text(st, 1, admit ? "admitted" : "dismissed");
    err = sql_run_to_end(st);
    for (int role = 0; err == OK && admit && role < WITNESS_ROLES; role++)
        err = spool_set_cosigned(s, (enum witness_role)role, &shown);
    return err;
}

enum err
spool_settle_refusal(struct spool *s, bool admit)
{
    struct spool_refusal r;
    enum err err = spool_refusal(s, &r);

    if (err)
        return err;
    err = spool_begin(s);
    if (err == OK)
        err = settle(s, admit, &r);
    if (err == OK)
        err = spool_commit(s);
    free(r.note);
    return err == OK ? spool_sync(s) : err;
}

enum err
spool_log_vkey(struct spool *s, char ret[VKEY_TEXT_MAX])
{
    return spool_meta_get(s, "log_vkey", ret, VKEY_TEXT_MAX);
}

enum err
spool_set_log_vkey(struct spool *s, const char *vkey)
{
    return spool_meta_set(s, "log_vkey", vkey);
}

/* ---- what the journal owes ---- */

enum err
spool_owe(struct spool *s, const struct spool_owed *o)
{
    STATEMENT st = sql_prepare(s, "INSERT OR IGNORE INTO owed VALUES (?1, ?2, ?3)");

    if (!st)
        return ERR_IO;
    sql_bind_blob(st, 1, o->reservation.b, 16);
    sql_bind_i64(st, 2, (int64_t)o->number);
    sql_bind_i64(st, 3, o->since_ms);
    return sql_run_to_end(st);
}

/* What a report claims. */
static uint64_t
claimed(sqlite3_stmt *st, int column)
{
    uint8_t statement[REPORT_STATEMENT_LEN];
    struct report r;
    struct hash genesis;

    if (!sql_blob_is(st, column, statement, sizeof statement) || report_parse(BYTES(statement, sizeof statement), &r, &genesis) != OK)
        return 0;
    return report_is_owed(&r) ? r.gpu_seconds : 0;
}

enum err
spool_owed(struct spool *s, void (*take)(void *with, const struct spool_owed *o), void *with)
{
    STATEMENT st = sql_prepare(s, "SELECT o.reservation, o.number, o.since_ms, r.statement, r.receipt FROM owed o LEFT JOIN report r ON r.number = o.number"
                                  " ORDER BY o.number");
    enum err err;

    while ((err = sql_row(st)) == OK) {
        struct spool_owed o = { .number = (uint64_t)sqlite3_column_int64(st, 1), .since_ms = sqlite3_column_int64(st, 2) };
        const char *receipt = (const char *)sqlite3_column_text(st, 4);

        if (!sql_blob_is(st, 0, o.reservation.b, 16))
            return ERR_CORRUPT;
        o.gpu_seconds = claimed(st, 3);
        o.receipted_s = receipt ? receipt_claims_time(receipt) : -1;
        take(with, &o);
    }
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err
spool_paid(struct spool *s, struct uuid reservation)
{
    STATEMENT st = sql_prepare(s, "DELETE FROM owed WHERE reservation = ?1");

    if (!st)
        return ERR_IO;
    sql_bind_blob(st, 1, reservation.b, 16);
    return sql_run_to_end(st);
}

enum err
spool_forgive(struct spool *s, uint64_t *ret_n)
{
    STATEMENT st = NULL;
    enum err err = spool_begin(s);

    if (err == OK)
        st = sql_prepare(s, "DELETE FROM owed");
    if (err == OK)
        err = st ? sql_run_to_end(st) : ERR_IO;
    if (err == OK) {
        *ret_n = (uint64_t)sqlite3_changes(s->db);
        err = spool_commit(s);
    }
    return err == OK ? spool_sync(s) : err;
}

enum err
spool_attest_trouble(struct spool *s, char ret[300])
{
    return spool_meta_get(s, "attest_trouble", ret, 300);
}

enum err
spool_set_attest_trouble(struct spool *s, const char *why)
{
    return spool_meta_set(s, "attest_trouble", why);
}
