/* store/db.h
 * One connection to PostgreSQL. The only users of libpq are the files of store/. Everything goes as constant, prepared
 * queries with binary parameters and binary results; a query is prepared at its first use on a connection (or ahead, by
 * db_prepare) and then checked against the number of parameters and columns that it declares.
 *
 * A connection belongs to one thread at a time. All waiting has a limit in real time; past it the connection is given
 * up, since nobody knows what the server is still doing. A connection that was lost is opened anew by the next db_run
 * or db_tx outside a transaction.
 *
 * Errors of all that talk to the server:
 *   ERR_DB          no connection, lost, or timed out; SQLSTATE classes 08, 57, 53 (but for the disk)
 *   ERR_DISK        53100
 *   ERR_EXISTS      23505 (unique)
 *   ERR_CONFLICT    other class 23
 *   ERR_BUSY        40001, 40P01 (db_tx tries again)
 *   ERR_INTERNAL    anything else, above all our own mistakes
 * db_sqlstate() has the code itself, db_message() what the server said (for the operator, never for a client). */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/uuid.h"

struct db;
struct seals;

/* For whom a connection's queries are run, as row security sees it (migrations/0006_row_security.sql): the setting
 * app.actor. DB_ACTOR_UNSET: nothing is said, and a worker's connection then sees nothing. */
struct db_actor {
    char text[40];
};
#define DB_ACTOR_UNSET  ((struct db_actor){ "" })
#define DB_ACTOR_NOBODY ((struct db_actor){ "nobody" }) /* a stranger: what is everybody's */
#define DB_ACTOR_SERVER ((struct db_actor){ "server" }) /* the server for itself: everything */

/* A query: a file-scope constant above the function that runs it. columns: of its result, 0 if it returns no rows.
 * whole: the table whose rows they are, no column of which is ever NULL; then one that is NULL is no zero, but ERR_CORRUPT and a complaint
 * that names the row by its column `key` (from 0) of the result. NULL: columns may be NULL. */
struct db_query {
    const char *name;
    const char *sql;
    int params, columns;
    const char *whole;
    int key;
};

/* Define a query and put it on the list that db_check_queries() walks (a test prepares each one). */
#define DB_QUERY(ident, ...)                                                                                           \
    static const struct db_query ident = { __VA_ARGS__ };                                                              \
    static const struct db_query *const ident##_listed                                                                 \
        __attribute__((used, section("db_queries"))) = &ident

/* A parameter. Its data must live until the query is sent; small values are kept inside. */
struct db_arg {
    const void *data;
    int len;
    bool null, inside;
    uint8_t small[16];
};

struct db_arg db_i64(int64_t v);                /* bigint */
struct db_arg db_u64(uint64_t v);               /* bigint; NO_INDEX (all ones) is -1 in the database */
struct db_arg db_i32(int32_t v);                /* integer */
struct db_arg db_i16(int16_t v);                /* smallint */
struct db_arg db_bool(bool v);
struct db_arg db_text(const char *text);        /* text; NULL: SQL NULL */
struct db_arg db_textn(const char *text, size_t len);
struct db_arg db_bytes(struct bytes b);         /* bytea; also arrays made by store/array.h */
struct db_arg db_uuid(struct uuid id);
struct db_arg db_uuid_or_null(struct uuid id);  /* zero: NULL */
struct db_arg db_hash(const struct hash *h);    /* bytea of 32 */
struct db_arg db_null(void);

#define DB_ARGS(...)                                                                                                   \
    (const struct db_arg[]){ __VA_ARGS__ }, sizeof((const struct db_arg[]){ __VA_ARGS__ }) / sizeof(struct db_arg)
#define DB_NO_ARGS NULL, 0

static inline void
db_result_cleanup(PGresult **rows)
{
    PQclear(*rows);
}
#define _cleanup_result_ __attribute__((cleanup(db_result_cleanup)))

/* Where names are looked for, whatever the role, the database or the connection string says: PostgreSQL's own first, then ours. */
#define DB_SEARCH_PATH "public,pg_temp"

struct db_config {
    const char *conninfo;
    const char *name;         /* application_name */
    int timeout_ms;           /* longest wait for one query or flight; 0: 10 s */
    int connect_timeout_s;    /* 0: 5 */
    bool no_reconnect;        /* only db_connect connects: for who holds a lock on this connection */
    const struct seals *seals; /* for who writes or checks sealed rows (store/seals.h); lives as long as the connection */
};

/* Never fails but for memory: it connects at first use. Strings are copied. */
struct db *db_new(const struct db_config *config);
void db_delete(struct db *db);
/* Connect now if there is no connection. */
enum err db_connect(struct db *db, struct err_detail *d) MUST_USE;
/* Close; what was under way is given up. */
void db_disconnect(struct db *db);
bool db_connected(const struct db *db);
const struct seals *db_seals(const struct db *db); /* as configured */
/* Asks the socket: false if the server has gone. */
bool db_alive(struct db *db);
/* Of the last error: five characters, "" if it did not come from the server. */
const char *db_sqlstate(const struct db *db);
const char *db_message(const struct db *db);
/* The same into d->internal; returns err. */
enum err db_explain(const struct db *db, enum err err, struct err_detail *d);

/* For store/: what came from the server is not what it should be. Returns ERR_INTERNAL; db_corrupt() ERR_CORRUPT. */
enum err db_complain(struct db *db, const struct db_query *q, const char *fmt, ...) PRINTF(3, 4);
enum err db_corrupt(struct db *db, const struct db_query *q, const char *fmt, ...) PRINTF(3, 4);

struct db_actor db_actor_person(struct uuid person); /* all ones: the operator on the unix socket */
struct db_actor db_actor_agent(uint64_t site);
/* From now on queries are run for this actor; what it was before is returned. It goes with each query, in the same
 * flight, and for its transaction only: a connection never keeps it. Not while flying. */
struct db_actor db_act_as(struct db *db, struct db_actor actor);
/* Which call it is for, for the server's own log and pg_stat_activity: application_name of the queries that go for an actor,
 * with the actor, for their transaction only. At most 63 bytes; "": the connection's own name. */
#define DB_TAG_MAX 64
void db_tag(struct db *db, const char *tag);

enum err db_prepare(struct db *db, const struct db_query *q) MUST_USE;
/* Run one query. *rows (may be NULL) is the result, to be cleared by the caller (_cleanup_result_); NULL on an error. */
enum err db_run(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows) MUST_USE;
/* Rows that the query inserted, changed or removed. */
int64_t db_affected(const PGresult *rows);

/* Run body in a transaction; on 40001 and 40P01 the whole of it again, at most 8 times, with jitter, then ERR_BUSY.
 * If body returns an error, nothing has happened. The body neither signs, logs nor replies, and leaves no trace outside
 * the database but in its ctx. ERR_UNKNOWN_OUTCOME: the connection was lost while committing. */
enum err db_tx(struct db *db, enum err (*body)(struct db *db, void *ctx), void *ctx) MUST_USE;
enum err db_begin(struct db *db) MUST_USE;
/* ERR_UNKNOWN_OUTCOME: it may or may not have been committed: lost, timed out, or the server said a WARNING. */
enum err db_commit(struct db *db) MUST_USE;
void db_rollback(struct db *db); /* if that fails, the connection is closed */

/* Several statements, text without parameters, for migrations only. */
enum err db_script(struct db *db, const char *sql) MUST_USE;

/* A flight: BEGIN and several prepared queries sent without waiting in between, one round trip. After db_flight_begin
 * add queries, then land: landed[i] is the i-th query's result, BEGIN not counted; db_landed_clear() it, also after an
 * error. The first error ends the flight: the queries after it were not run, and the caller owes a db_rollback. */
#define DB_FLIGHT_MAX 32
struct db_landed {
    PGresult *rows;
    int64_t affected;
};
enum err db_flight_begin(struct db *db) MUST_USE;
enum err db_flight_add(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n) MUST_USE;
enum err db_flight_land(struct db *db, struct db_landed landed[DB_FLIGHT_MAX]) MUST_USE;
void db_landed_clear(struct db_landed landed[DB_FLIGHT_MAX]);
/* While the server is waited for, fn is called again and again, each quarter of a millisecond at least, at once where it
 * returns true (it did something, and there may be more): it should do little each time, since what is to be sent waits
 * for it, and must not use this db. NULL: nothing is done meanwhile. */
typedef bool db_meanwhile_fn(void *ctx);
void db_meanwhile(struct db *db, db_meanwhile_fn *fn, void *ctx);
/* Name of the query that failed last ("" if none), for the operator. */
const char *db_failed_query(const struct db *db);

/* Reading a result: column of a row, NULL asks before. Types are not converted: the SQL casts. */
bool db_is_null(const PGresult *rows, int row, int col);
int64_t db_get_i64(const PGresult *rows, int row, int col);     /* bigint, integer, smallint; NULL: 0 */
uint64_t db_get_u64(const PGresult *rows, int row, int col);    /* the same of db_u64() */
bool db_get_bool(const PGresult *rows, int row, int col);
const char *db_get_text(const PGresult *rows, int row, int col); /* text; lives as long as rows; NULL: "" */
struct bytes db_get_bytes(const PGresult *rows, int row, int col);
struct uuid db_get_uuid(const PGresult *rows, int row, int col); /* NULL: zero */
bool db_get_hash(const PGresult *rows, int row, int col, struct hash *ret); /* false unless 32 bytes */

/* The i-th DB_QUERY of the program, NULL after the last. For tests. */
const struct db_query *db_query_at(size_t i);
/* Prepare every DB_QUERY of the program on this connection: the first that does not fit, in d. For a test. */
enum err db_check_queries(struct db *db, size_t *ret_count, struct err_detail *d) MUST_USE;

/* Faults, for torture tests: asked before each query (BEGIN, COMMIT and ROLLBACK by these names). */
enum db_fault_kind {
    DB_FAULT_NONE,
    DB_FAULT_ERROR,       /* the server raises `sqlstate` in its place */
    DB_FAULT_LOST_BEFORE, /* the connection is cut before it is sent */
    DB_FAULT_LOST_AFTER,  /* … after the server has carried it out, before the answer is seen */
    DB_FAULT_COUNT,       /* in a flight: it says one row fewer than it touched */
    DB_FAULT_WARNING,     /* at COMMIT: the server adds a WARNING */
};
struct db_fault { enum db_fault_kind kind; char sqlstate[6]; };
typedef struct db_fault db_fault_fn(void *ctx, const char *query);
void db_set_fault(struct db *db, db_fault_fn *fn, void *ctx);

#endif
