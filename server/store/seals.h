/* store/seals.h
 * Which rows bear a seal (crypto/rowseal.h), and of what: each table whose columns nothing signed repeats. A row's bytes are
 * its columns but the seal, in the table's order, each as PostgreSQL sends a record's: u32 type, i32 length (−1: NULL),
 * the value in binary form; the NULLs at the end are left out, so that a column may be added to a table whose rows are
 * sealed. Who writes such a row seals it; who reads it may ask whether it is as it was written. That a row was put back
 * to an older state of its own, seal and all, no seal tells; nor that a row is gone. */
#ifndef STORE_SEALS_H
#define STORE_SEALS_H

#include "crypto/rowseal.h"
#include "store/db.h"

enum sealed_table { SEALED_HEAD, SEALED_CHECKPOINT, SEALED_EVIDENCE, SEALED_RESERVATION, SEALED_TABLES };

/* Each connection that writes or reads sealed rows is given them (struct db_config). */
struct seals { struct rowseal of[SEALED_TABLES]; };
struct seals seals_new(const struct rowseal_key *key);
/* Of a row's fields before and after its seal. */
void seals_make(const struct seals *s, enum sealed_table table, struct bytes before, struct bytes after, uint8_t ret[ROWSEAL_LEN]);
/* Is this row, as record_send() gives it, as it was sealed? *ret_bare (may be NULL): it has no seal at all. */
bool seals_hold(const struct seals *s, enum sealed_table table, struct bytes record, bool *ret_bare);
/* The same of a row that this connection has read; else a complaint that names it, and ERR_CORRUPT. */
enum err seals_check_row(struct db *db, const struct db_query *q, enum sealed_table table, const char *key, struct bytes record) MUST_USE;
enum err seals_complain(struct db *db, const struct db_query *q, enum sealed_table table, const char *key, bool bare);

/* A row whose seal is wrong, or that has none (bare). key NULL: so many rows (hidden) are in no order of their keys, which are
 * NULL, or there twice: they were looked at by nobody, and can be sealed by nobody. */
struct seals_wrong { const char *table, *key; bool bare; uint64_t hidden; };
typedef void seals_tell_fn(void *ctx, const struct seals_wrong *w);
struct seals_count { uint64_t rows, wrong; };
/* Every row of every sealed table. `renew`: what is wrong is sealed as it is now; within the caller's transaction. */
enum err seals_each(struct db *db, bool renew, seals_tell_fn *tell, void *ctx, struct seals_count *ret) MUST_USE;
/* Does any row bear a seal? Not, in a database from before there were any, and in a new one. ERR_CORRUPT: there is no head. */
enum err seals_begun(struct db *db, bool *ret) MUST_USE;

#endif
