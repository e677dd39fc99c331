/* agent/spool_sql.h: SQLite as the files agent/spool*.c use it, and for them only. */
#ifndef AGENT_SPOOL_SQL_H
#define AGENT_SPOOL_SQL_H

#include <limits.h>
#include <sqlite3.h>

#include "agent/spool.h"

enum { STATEMENTS_MAX = 64 };

struct spool {
    sqlite3 *db;
    int lock, wal; /* descriptors; -1: not open */
    uint64_t last_seq, last_number, last_receipted;
    bool within, unsynced; /* between begin and commit; there are changes that are perhaps not on disk */
    char path[PATH_MAX], wal_path[PATH_MAX];
    struct {
        const char *sql; /* a literal: told apart by its address */
        sqlite3_stmt *st;
    } statements[STATEMENTS_MAX];
};

void sql_put_back(sqlite3_stmt **st);
#define STATEMENT __attribute__((cleanup(sql_put_back))) sqlite3_stmt *

/* Prepared once. NULL: SQLite does not take it. */
sqlite3_stmt *sql_prepare(struct spool *s, const char *sql);
void sql_bind_i64(sqlite3_stmt *st, int at, int64_t value);
void sql_bind_blob(sqlite3_stmt *st, int at, const void *data, int len);
void sql_bind_text(sqlite3_stmt *st, int at, const char *text);
enum err sql_run_to_end(sqlite3_stmt *st) MUST_USE;
/* OK with a row, ERR_NOT_FOUND without, ERR_IO. */
enum err sql_row(sqlite3_stmt *st) MUST_USE;
bool sql_blob_is(sqlite3_stmt *st, int column, void *ret, int len);
enum err sql_execute(struct spool *s, const char *sql) MUST_USE;

enum err spool_meta_set(struct spool *s, const char *name, const char *value) MUST_USE;
enum err spool_meta_set_u64(struct spool *s, const char *name, uint64_t value) MUST_USE;
enum err spool_meta_get(struct spool *s, const char *name, char *ret, size_t cap) MUST_USE; /* "" if it is not there */
uint64_t spool_meta_u64(struct spool *s, const char *name);
uint64_t spool_number_of(struct spool *s, const char *sql); /* the statement's one number, 0 if none */

/* agent/spool_place.c: it lives here from now on. */
enum err spool_place_write(struct spool *s) MUST_USE;
/* agent/spool_witness.c: its tables, where they are not there yet. */
enum err spool_witness_tables(struct spool *s) MUST_USE;

#endif
