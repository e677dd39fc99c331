/* store/db.c: connections, waiting with a limit, what went wrong, transactions. Flights: db_flight.c; parameters and
 * results: db_value.c. */
#include "store/db_internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"

enum { TIMEOUT_MS = 10000, CONNECT_TIMEOUT_S = 5, TX_TRIES = 8, DB_ARGS_MAX = 96 };

const struct db_query DB_BEGIN = { .name = "BEGIN", .sql = "BEGIN", .params = 0, .columns = 0 };
static const struct db_query COMMIT = { .name = "COMMIT", .sql = "COMMIT", .params = 0, .columns = 0 };
static const struct db_query ROLLBACK = { .name = "ROLLBACK", .sql = "ROLLBACK", .params = 0, .columns = 0 };

DB_QUERY(DB_SET_ACTOR,
    .name = "db_set_actor",
    .sql = "SELECT set_config('app.actor', $1, true),"
           " set_config('application_name', coalesce($2, current_setting('application_name')), true)",
    .params = 2, .columns = 2);

struct db *
db_new(const struct db_config *config)
{
    struct db *db = xcalloc(1, sizeof *db);

    db->conninfo = xstrdup(config->conninfo);
    db->name = xstrdup(config->name);
    db->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS;
    db->connect_timeout_s = config->connect_timeout_s > 0 ? config->connect_timeout_s : CONNECT_TIMEOUT_S;
    db->no_reconnect = config->no_reconnect;
    db->seals = config->seals;
    return db;
}

void
db_delete(struct db *db)
{
    if (db == NULL)
        return;
    db_disconnect(db);
    free(db->prepared);
    free(db->conninfo);
    free(db->name);
    free(db);
}

bool
db_connected(const struct db *db)
{
    return db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK;
}

const struct seals *
db_seals(const struct db *db)
{
    return db->seals;
}

void
db_disconnect(struct db *db)
{
    if (db->conn != NULL)
        PQfinish(db->conn);
    db->conn = NULL;
    db->in_tx = false;
    db->flying = false;
    if (db->prepared_cap > 0)
        memset(db->prepared, 0, db->prepared_cap * sizeof db->prepared[0]);
    db->prepared_n = 0;
}

struct db_actor
db_actor_person(struct uuid person)
{
    struct db_actor actor;

    uuid_text(person, actor.text);
    return actor;
}

struct db_actor
db_actor_agent(uint64_t site)
{
    struct db_actor actor;

    text_format(actor.text, sizeof actor.text, "site %" PRIu64, site);
    return actor;
}

void
db_tag(struct db *db, const char *tag)
{
    text_format(db->tag, sizeof db->tag, "%s", tag);
}

struct db_actor
db_act_as(struct db *db, struct db_actor actor)
{
    struct db_actor before = db->actor;

    assert(!db->flying);
    db->actor = actor;
    return before;
}

const char *
db_sqlstate(const struct db *db)
{
    return db->sqlstate;
}

const char *
db_message(const struct db *db)
{
    return db->message;
}

const char *
db_failed_query(const struct db *db)
{
    return db->failed != NULL ? db->failed->name : "";
}

enum err
db_explain(const struct db *db, enum err err, struct err_detail *d)
{
    return err_internal(d, err, "%s: %s %s", db->failed != NULL ? db->failed->name : "connection", db->sqlstate,
                        db->message);
}

static void
note_message(struct db *db, const char *message)
{
    text_show(db->message, sizeof db->message, message != NULL ? message : ""); /* libpq quotes what it cannot read, as it came */
}

enum err
db_lost(struct db *db, const char *why)
{
    db->sqlstate[0] = '\0';
    note_message(db, why);
    db_disconnect(db);
    return ERR_DB;
}

static enum err
err_of_sqlstate(const char *state)
{
    if (strcmp(state, "53100") == 0)
        return ERR_DISK;
    if (strcmp(state, "23505") == 0)
        return ERR_EXISTS;
    if (strncmp(state, "23", 2) == 0)
        return ERR_CONFLICT;
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0)
        return ERR_BUSY;
    if (strncmp(state, "08", 2) == 0 || strncmp(state, "53", 2) == 0 || strncmp(state, "57", 2) == 0)
        return ERR_DB;
    return ERR_INTERNAL;
}

/* What a result's error means; the connection is given up if the server closes it. */
enum err
db_error_of(struct db *db, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool over = severity != NULL && strcmp(severity, "ERROR") != 0;

    if (state == NULL)
        return db_lost(db, PQresultErrorMessage(res));
    text_format(db->sqlstate, sizeof db->sqlstate, "%s", state);
    note_message(db, PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
    if (over) {
        db_disconnect(db);
        return ERR_DB;
    }
    return err_of_sqlstate(db->sqlstate);
}

/* Notices are not printed; a WARNING is remembered until the next query, since at COMMIT it is news. */
static void
on_notice(void *arg, const PGresult *res)
{
    struct db *db = arg;
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity != NULL && strcmp(severity, "WARNING") == 0) {
        db->warned = true;
        note_message(db, PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
    }
}

/* A connection that the server has closed meanwhile shows as readable: first its last words, then the end. */
static bool
still_open(struct db *db)
{
    enum { READS_MAX = 16 }; /* more than an idle connection ever has to say */

    for (int i = 0; i < READS_MAX; i++) {
        struct pollfd fd = { .fd = PQsocket(db->conn), .events = POLLIN };

        if (PQstatus(db->conn) != CONNECTION_OK || fd.fd < 0)
            return false;
        if (poll(&fd, 1, 0) == 0)
            return true;
        if (PQconsumeInput(db->conn) != 1)
            return false;
    }
    return false;
}

bool
db_alive(struct db *db)
{
    if (db->conn != NULL && still_open(db))
        return true;
    db_disconnect(db);
    return false;
}

/* Connect where that is not left to the caller. */
static enum err
reconnect(struct db *db)
{
    if (!db->no_reconnect)
        return db_connect(db, NULL);
    return db->conn != NULL ? OK : db_lost(db, "not connected");
}

enum err
db_connect(struct db *db, struct err_detail *d)
{
    char timeout[16], options[400];
    const char *const names[] = { "dbname", "fallback_application_name", "connect_timeout", "client_encoding",
                                  "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
                                  "tcp_user_timeout", "options", NULL };
    const char *const values[] = { db->conninfo, db->name, timeout, "UTF8", "1", "5", "2", "3", "10000", options, NULL };
    enum err err;

    if (db->conn != NULL && still_open(db))
        return OK;
    db_disconnect(db);
    db->failed = NULL;
    text_format(timeout, sizeof timeout, "%d", db->connect_timeout_s);
    /* A process that is frozen within a transaction must not keep its locks: another server may need them. What a role or a
     * database was set to must not change what statements mean, nor the words in which PostgreSQL gives expressions back. */
    text_format(options, sizeof options,
                "-c statement_timeout=%d -c idle_in_transaction_session_timeout=%d -c client_min_messages=warning"
                " -c timezone=UTC -c row_security=on -c standard_conforming_strings=on -c bytea_output=hex"
                " -c quote_all_identifiers=off -c search_path=" DB_SEARCH_PATH,
                db->timeout_ms, db->timeout_ms <= TIMEOUT_MS ? db->timeout_ms / 2 : db->timeout_ms);
    db->conn = PQconnectdbParams(names, values, 1);
    if (PQstatus(db->conn) == CONNECTION_OK && PQsetnonblocking(db->conn, 1) == 0) {
        PQsetNoticeReceiver(db->conn, on_notice, db);
        return OK;
    }
    err = db_lost(db, PQerrorMessage(db->conn));
    return d != NULL ? db_explain(db, err, d) : err;
}

/* Read results up to the NULL that ends a query; the last one counts. */
static enum err
one_result(struct db *db, PGresult **ret)
{
    int64_t deadline_ms = db_deadline(db);
    PGresult *last = NULL, *res;
    enum err err;

    while ((err = db_next_result(db, deadline_ms, &res)) == OK && res != NULL) {
        PQclear(last);
        last = res;
    }
    if (err || last == NULL) {
        PQclear(last);
        return err ? err : db_lost(db, "no result");
    }
    switch (PQresultStatus(last)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        *ret = last;
        return OK;
    default:
        err = db_error_of(db, last);
        PQclear(last);
        return err;
    }
}

/* ---- preparing ---------------------------------------------------------------------------------------------------- */

static size_t
slot_of(const struct db *db, const struct db_query *q)
{
    size_t i = ((uintptr_t)q >> 4) * 2654435761u % db->prepared_cap;

    while (db->prepared[i] != NULL && db->prepared[i] != q)
        i = (i + 1) % db->prepared_cap;
    return i;
}

static void
prepared_add(struct db *db, const struct db_query *q)
{
    if (db->prepared_n * 2 >= db->prepared_cap) {
        const struct db_query **old = db->prepared;
        size_t old_cap = db->prepared_cap;

        db->prepared_cap = old_cap > 0 ? old_cap * 2 : 64;
        db->prepared = xcalloc(db->prepared_cap, sizeof db->prepared[0]);
        for (size_t i = 0; i < old_cap; i++)
            if (old[i] != NULL)
                db->prepared[slot_of(db, old[i])] = old[i];
        free(old);
    }
    db->prepared[slot_of(db, q)] = q;
    db->prepared_n++;
}

bool
db_is_prepared(const struct db *db, const struct db_query *q)
{
    return db->prepared_cap > 0 && db->prepared[slot_of(db, q)] == q;
}

static enum err
check_shape(struct db *db, const struct db_query *q)
{
    _cleanup_result_ PGresult *res = NULL;
    enum err err;

    if (PQsendDescribePrepared(db->conn, q->name) != 1)
        return db_lost(db, PQerrorMessage(db->conn));
    err = one_result(db, &res);
    if (err)
        return err;
    if (PQnparams(res) != q->params || PQnfields(res) != q->columns)
        return db_complain(db, q, "%s has %d parameters and %d columns, declared are %d and %d", q->name,
                           PQnparams(res), PQnfields(res), q->params, q->columns);
    for (int i = 0; i < q->columns; i++)
        if (!db_type_is_read(PQftype(res, i)))
            return db_complain(db, q, "column %s of %s is of the type %u, which this program does not read: was a column altered?", PQfname(res, i),
                               q->name, PQftype(res, i));
    return OK;
}

enum err
db_prepare(struct db *db, const struct db_query *q)
{
    PGresult *res = NULL;
    enum err err;

    assert(!db->flying);
    if (db_is_prepared(db, q))
        return OK;
    db->failed = q;
    if (db->conn == NULL)
        return db_lost(db, "not connected");
    if (PQsendPrepare(db->conn, q->name, q->sql, 0, NULL) != 1)
        return db_lost(db, PQerrorMessage(db->conn));
    err = one_result(db, &res);
    PQclear(res);
    if (err)
        return err;
    err = check_shape(db, q);
    if (err) /* the server has it and would refuse it the next time: a new connection has neither */
        db_disconnect(db);
    else
        prepared_add(db, q);
    return err;
}

/* Bounds of the section that DB_QUERY fills, made by the linker. */
extern const struct db_query *const __start_db_queries[];
extern const struct db_query *const __stop_db_queries[];

const struct db_query *
db_query_at(size_t i)
{
    return i < (size_t)(__stop_db_queries - __start_db_queries) ? __start_db_queries[i] : NULL;
}

enum err
db_check_queries(struct db *db, size_t *ret_count, struct err_detail *d)
{
    size_t count = 0;
    enum err err = db_connect(db, d);

    for (const struct db_query *const *q = __start_db_queries; !err && q < __stop_db_queries; q++, count++) {
        err = db_prepare(db, *q);
        if (err)
            return db_explain(db, err, d);
    }
    *ret_count = count;
    return err;
}

/* ---- faults ------------------------------------------------------------------------------------------------------- */

void
db_set_fault(struct db *db, db_fault_fn *fn, void *ctx)
{
    db->fault = fn;
    db->fault_ctx = ctx;
}

struct db_fault
db_fault_for(struct db *db, const struct db_query *q)
{
    return db->fault != NULL ? db->fault(db->fault_ctx, q->name) : (struct db_fault){ .kind = DB_FAULT_NONE };
}

/* Cut the line as a broken network would: the server is not told. */
static void
cut(struct db *db)
{
    if (db->conn != NULL)
        shutdown(PQsocket(db->conn), SHUT_RDWR);
}

/* Send q, or what the fault puts in its place. */
enum err
db_send(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n, const struct db_fault *fault)
{
    const char *values[DB_ARGS_MAX];
    int lengths[DB_ARGS_MAX], formats[DB_ARGS_MAX];
    char raise[128];
    int sent;

    assert(n <= DB_ARGS_MAX && n == (size_t)q->params);
    for (size_t i = 0; i < n; i++) {
        values[i] = args[i].null ? NULL : args[i].inside ? (const char *)args[i].small : args[i].data;
        lengths[i] = args[i].len;
        formats[i] = 1;
    }
    if (fault->kind == DB_FAULT_LOST_BEFORE)
        cut(db);
    if (fault->kind == DB_FAULT_ERROR) {
        text_format(raise, sizeof raise, "DO $$BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '%s'; END$$",
                    fault->sqlstate);
        sent = PQsendQueryParams(db->conn, raise, 0, NULL, NULL, NULL, NULL, 1);
    } else {
        sent = PQsendQueryPrepared(db->conn, q->name, (int)n, values, lengths, formats, 1);
    }
    return sent == 1 ? OK : db_lost(db, PQerrorMessage(db->conn));
}

/* ---- running ------------------------------------------------------------------------------------------------------ */

static enum err
run_here(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows)
{
    struct db_fault fault = db_fault_for(db, q);
    PGresult *res = NULL;
    enum err err;

    db->failed = q;
    db->sqlstate[0] = '\0';
    db->warned = false;
    err = db_prepare(db, q);
    if (!err)
        err = db_send(db, q, args, n, &fault);
    if (!err)
        err = one_result(db, &res);
    if (!err && fault.kind == DB_FAULT_LOST_AFTER) {
        cut(db);
        err = db_lost(db, "cut after it was carried out");
    }
    if (fault.kind == DB_FAULT_WARNING)
        db->warned = true;
    if (err || rows == NULL)
        PQclear(res);
    else
        *rows = res;
    return err;
}

/* In pipeline mode: the next result but those that end a query. */
static enum err
landed_result(struct db *db, int64_t deadline_ms, PGresult **ret)
{
    enum err err;

    do
        err = db_next_result(db, deadline_ms, ret);
    while (!err && *ret == NULL);
    return err;
}

/* What was sent in run_for_actor() up to the mark at its end: the query's result, or the first error. */
static enum err
land_for_actor(struct db *db, PGresult **ret)
{
    int64_t deadline_ms = db_deadline(db);
    PGresult *last = NULL, *res = NULL;
    enum err err, failed = OK;

    while ((err = landed_result(db, deadline_ms, &res)) == OK && PQresultStatus(res) != PGRES_PIPELINE_SYNC) {
        switch (PQresultStatus(res)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_PIPELINE_ABORTED:
            break;
        default:
            failed = failed ? failed : db_error_of(db, res);
        }
        PQclear(last);
        last = res;
        if (db->conn == NULL)
            break;
    }
    if (!err && db->conn != NULL) {
        PQclear(res);
        if (PQexitPipelineMode(db->conn) != 1)
            err = db_lost(db, PQerrorMessage(db->conn));
    }
    err = err ? err : failed;
    if (err)
        PQclear(last);
    else
        *ret = last;
    return err;
}

/* Tell the server for whom, then the query: one round trip, and outside a transaction one transaction. */
static enum err
run_for_actor(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows)
{
    struct db_fault fault = db_fault_for(db, q), none = { DB_FAULT_NONE, "" };
    PGresult *res = NULL;
    enum err err;

    db->failed = q;
    db->sqlstate[0] = '\0';
    db->warned = false;
    err = db_prepare(db, &DB_SET_ACTOR);
    if (!err)
        err = db_prepare(db, q);
    if (err)
        return err;
    if (PQenterPipelineMode(db->conn) != 1)
        return db_lost(db, PQerrorMessage(db->conn));
    err = db_send(db, &DB_SET_ACTOR, DB_ARGS(db_text(db->actor.text), db_text(db->tag[0] != '\0' ? db->tag : NULL)),
                      &none);
    if (!err)
        err = db_send(db, q, args, n, &fault);
    if (!err && PQpipelineSync(db->conn) != 1)
        err = db_lost(db, PQerrorMessage(db->conn));
    if (!err)
        err = land_for_actor(db, &res);
    if (!err && fault.kind == DB_FAULT_LOST_AFTER) {
        cut(db);
        err = db_lost(db, "cut after it was carried out");
    }
    if (fault.kind == DB_FAULT_WARNING)
        db->warned = true;
    if (!err)
        db->actor_in_tx = db->actor;
    if (err || rows == NULL)
        PQclear(res);
    else
        *rows = res;
    return err;
}

static enum err
run(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows)
{
    if (strcmp(db->actor.text, db->in_tx ? db->actor_in_tx.text : "") != 0)
        return run_for_actor(db, q, args, n, rows);
    return run_here(db, q, args, n, rows);
}

enum err
db_run(struct db *db, const struct db_query *q, const struct db_arg *args, size_t n, PGresult **rows)
{
    enum err err;

    assert(!db->flying);
    if (rows != NULL)
        *rows = NULL;
    if (!db->in_tx) {
        err = reconnect(db);
        if (err)
            return err;
    } else if (db->conn == NULL) {
        return ERR_DB; /* lost earlier in this transaction */
    }
    err = run(db, q, args, n, rows);
    if (!err && rows != NULL && q->whole != NULL) {
        err = db_check_whole(db, q, *rows);
        if (err) {
            PQclear(*rows);
            *rows = NULL;
        }
    }
    return err;
}

int64_t
db_affected(const PGresult *rows)
{
    int64_t n = 0;

    return text_to_i64(PQcmdTuples((PGresult *)rows), 0, INT64_MAX, &n) ? n : 0;
}

/* These must be there before they are needed: a failed transaction takes no PREPARE. */
enum err
db_prepare_ends(struct db *db)
{
    enum err err = db_prepare(db, &DB_BEGIN);

    if (!err)
        err = db_prepare(db, &COMMIT);
    return err ? err : db_prepare(db, &ROLLBACK);
}

enum err
db_begin(struct db *db)
{
    enum err err = reconnect(db);

    assert(!db->in_tx);
    if (!err)
        err = db_prepare_ends(db);
    if (!err)
        err = run_here(db, &DB_BEGIN, NULL, 0, NULL);
    if (!err) {
        db->in_tx = true;
        db->actor_in_tx = DB_ACTOR_UNSET;
    }
    return err;
}

enum err
db_commit(struct db *db)
{
    _cleanup_result_ PGresult *res = NULL;
    enum err err;

    assert(!db->flying);
    if (db->conn == NULL) {
        db->in_tx = false;
        return ERR_DB; /* lost before COMMIT was sent: rolled back */
    }
    err = run_here(db, &COMMIT, NULL, 0, &res);
    db->in_tx = false;
    if (err && db->sqlstate[0] != '\0' && db->conn != NULL) {
        /* Refused by a deferred constraint or the like: the server rolled back. Cancelled before it was carried out, it
         * has not yet: nothing else would ever run on this connection. */
        if (PQtransactionStatus(db->conn) != PQTRANS_IDLE)
            db_disconnect(db);
        return err;
    }
    if (err || db->warned) {
        db_disconnect(db);
        return ERR_UNKNOWN_OUTCOME;
    }
    if (strcmp(PQcmdStatus(res), "COMMIT") != 0)
        return ERR_INTERNAL; /* the transaction had failed already */
    return OK;
}

void
db_rollback(struct db *db)
{
    char state[sizeof db->sqlstate], message[sizeof db->message];
    const struct db_query *failed = db->failed;

    if (db->flying || db->conn == NULL) {
        db_disconnect(db);
        return;
    }
    memcpy(state, db->sqlstate, sizeof state); /* keep what went wrong before */
    memcpy(message, db->message, sizeof message);
    if (run_here(db, &ROLLBACK, NULL, 0, NULL) != OK)
        db_disconnect(db);
    memcpy(db->sqlstate, state, sizeof state);
    memcpy(db->message, message, sizeof message);
    db->failed = failed;
    db->in_tx = false;
}

static void
wait_jitter(int try)
{
    struct timespec now, pause = { 0 };

    clock_gettime(CLOCK_MONOTONIC, &now); /* its low bits are jitter enough */
    pause.tv_nsec = 1000000L + (now.tv_nsec / 7 * 2654435761u % 4000000L) * (1L << (try < 5 ? try : 5));
    nanosleep(&pause, NULL);
}

struct tx {
    enum err (*body)(struct db *db, void *ctx);
    void *ctx;
};

static enum err
tx_once(struct db *db, const struct tx *tx)
{
    enum err err = db_begin(db);

    if (err)
        return err;
    err = tx->body(db, tx->ctx);
    if (!err)
        return db_commit(db);
    db_rollback(db);
    return err;
}

static enum err
tx_run(struct db *db, const struct tx *tx)
{
    enum err err = OK;

    for (int try = 0; try < TX_TRIES; try++) {
        err = tx_once(db, tx);
        if (strcmp(db->sqlstate, "40001") != 0 && strcmp(db->sqlstate, "40P01") != 0)
            return err;
        if (err != ERR_BUSY)
            return err;
        wait_jitter(try);
    }
    return err;
}

enum err
db_tx(struct db *db, enum err (*body)(struct db *db, void *ctx), void *ctx)
{
    return tx_run(db, &(struct tx){ .body = body, .ctx = ctx });
}

enum err
db_script(struct db *db, const char *sql)
{
    PGresult *res = NULL;
    enum err err = db->conn != NULL || !db->in_tx ? OK : ERR_DB;

    assert(!db->flying);
    if (!err && !db->in_tx)
        err = reconnect(db);
    if (err)
        return err;
    db->failed = NULL;
    db->sqlstate[0] = '\0';
    if (PQsendQuery(db->conn, sql) != 1)
        return db_lost(db, PQerrorMessage(db->conn));
    err = one_result(db, &res);
    PQclear(res);
    return err;
}
