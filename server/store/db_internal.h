/* store/db_internal.h: a connection as the files db*.c share it, and nobody else. */
#ifndef STORE_DB_INTERNAL_H
#define STORE_DB_INTERNAL_H

#include "store/db.h"

struct db {
    PGconn *conn;
    char *conninfo, *name;
    const struct seals *seals;
    int timeout_ms, connect_timeout_s;
    const struct db_query **prepared; /* open hash by address */
    size_t prepared_n, prepared_cap;
    const struct db_query *failed;
    char sqlstate[6];
    char message[320];
    bool in_tx, flying, warned, no_reconnect;
    char tag[DB_TAG_MAX];
    struct db_actor actor, actor_in_tx; /* in_tx: what the server has been told in this transaction */
    const struct db_query *flight[DB_FLIGHT_MAX + 1]; /* BEGIN first */
    enum db_fault_kind flight_fault[DB_FLIGHT_MAX + 1];
    size_t flight_n;
    db_fault_fn *fault;
    void *fault_ctx;
    db_meanwhile_fn *meanwhile; /* NULL: nothing */
    void *meanwhile_ctx;
};

extern const struct db_query DB_BEGIN;

/* Give the connection up: ERR_DB. */
enum err db_lost(struct db *db, const char *why);
/* What a result's error means; the connection is given up if the server closes it. */
enum err db_error_of(struct db *db, const PGresult *res);
/* The next result, NULL between two queries; ERR_DB when the connection is lost or the deadline (monotonic ms) over. */
enum err db_next_result(struct db *db, int64_t deadline_ms, PGresult **ret) MUST_USE;
int64_t db_deadline(const struct db *db);
bool db_is_prepared(const struct db *db, const struct db_query *q);
struct db_fault db_fault_for(struct db *db, const struct db_query *q);
/* Send a prepared query. */
enum err db_send(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n,
                 const struct db_fault *fault) MUST_USE;
/* Of a column of a result: is it one that db_value.c reads? */
bool db_type_is_read(Oid type);
/* Of a query whose rows have no NULL. */
enum err db_check_whole(struct db *db, const struct db_query *q, const PGresult *rows) MUST_USE;
/* BEGIN, COMMIT, ROLLBACK. */
enum err db_prepare_ends(struct db *db) MUST_USE;

#endif
