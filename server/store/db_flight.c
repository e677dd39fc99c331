/* store/db_flight.c: several prepared queries in one round trip. */
#include <assert.h>

#include "store/db_internal.h"

static enum err
flight_send(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n)
{
    struct db_fault fault = db_fault_for(db, q);

    assert(db->flight_n < DB_FLIGHT_MAX + 1);
    db->flight[db->flight_n] = q;
    db->flight_fault[db->flight_n] = fault.kind;
    db->flight_n++;
    return db_send(db, q, args, n, &fault);
}

enum err
db_flight_begin(struct db *db)
{
    enum err err;

    assert(!db->flying && !db->in_tx);
    db->sqlstate[0] = '\0';
    err = db_prepare_ends(db);
    if (err)
        return err;
    db->failed = &DB_BEGIN;
    if (PQenterPipelineMode(db->conn) != 1)
        return db_lost(db, PQerrorMessage(db->conn));
    db->flying = true;
    db->in_tx = true;
    db->flight_n = 0;
    return flight_send(db, &DB_BEGIN, NULL, 0);
}

enum err
db_flight_add(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n)
{
    assert(db->flying);
    assert(db_is_prepared(db, q));
    db->failed = q;
    return flight_send(db, q, args, n);
}

/* The result of the i-th query of the flight, its error in *ret_err; the error returned is the connection's. */
static enum err
land_one(struct db *db, size_t i, int64_t deadline_ms, struct db_landed *ret, enum err *ret_err)
{
    PGresult *res = NULL, *end = NULL;
    enum err err = db_next_result(db, deadline_ms, &res);

    if (err)
        return err;
    switch (PQresultStatus(res)) { /* NULL: PGRES_FATAL_ERROR */
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        break;
    case PGRES_PIPELINE_ABORTED:
        break;
    default:
        db->failed = db->flight[i];
        *ret_err = db_error_of(db, res);
        if (db->conn == NULL) {
            PQclear(res);
            return *ret_err;
        }
    }
    err = db_next_result(db, deadline_ms, &end); /* the NULL after each query's result */
    PQclear(end);
    if (!err && *ret_err == OK && db->flight_fault[i] == DB_FAULT_LOST_AFTER) {
        db->failed = db->flight[i];
        err = db_lost(db, "cut after it was carried out");
    }
    if (err || ret == NULL) {
        PQclear(res);
        return err;
    }
    ret->rows = res;
    ret->affected = db_affected(res) - (db->flight_fault[i] == DB_FAULT_COUNT ? 1 : 0);
    return OK;
}

enum err
db_flight_land(struct db *db, struct db_landed landed[DB_FLIGHT_MAX])
{
    int64_t deadline_ms = db_deadline(db);
    enum err first = OK, err = OK;
    PGresult *sync = NULL;

    assert(db->flying);
    for (size_t i = 0; i < DB_FLIGHT_MAX; i++)
        landed[i] = (struct db_landed){ .rows = NULL, .affected = -1 };
    if (PQpipelineSync(db->conn) != 1)
        return db_lost(db, PQerrorMessage(db->conn));
    for (size_t i = 0; !err && i < db->flight_n; i++)
        err = land_one(db, i, deadline_ms, i > 0 ? &landed[i - 1] : NULL, &first);
    if (!err)
        err = db_next_result(db, deadline_ms, &sync);
    if (!err && PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
        err = db_lost(db, "the flight did not end where it should");
    PQclear(sync);
    if (!err && PQexitPipelineMode(db->conn) != 1)
        err = db_lost(db, PQerrorMessage(db->conn));
    if (err)
        return err;
    db->flying = false;
    return first;
}

void
db_landed_clear(struct db_landed landed[DB_FLIGHT_MAX])
{
    for (size_t i = 0; i < DB_FLIGHT_MAX; i++) {
        PQclear(landed[i].rows);
        landed[i].rows = NULL;
    }
}
