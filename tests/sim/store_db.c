/* tests/sim/store_db.c: store/db.h over the simulated database: the product's side of a connection. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "base/text.h"
#include "pg.h"
#include "store/server_clock.h"
#include "servers.h"

struct db {
    struct pgsession *session;
    struct fiber *fiber; /* who waits for an answer */
    struct flight *flight;
    char sqlstate[6], message[80];
    const char *failed;
    db_meanwhile_fn *meanwhile;
    void *meanwhile_ctx;
};

#define TIMEOUT (10 * SECOND)

struct db *
db_new(const struct db_config *config)
{
    (void)config;
    return xcalloc(1, sizeof(struct db));
}

const struct seals *
db_seals(const struct db *db)
{
    (void)db;
    return NULL;
}

void
db_delete(struct db *db)
{
    free(db);
}

static int
my_server(void)
{
    return sim.here != NULL ? sim.here->id : 0;
}

/* ---- asking ----------------------------------------------------------------------------------------------------------- */

static void
left(void *a, uint64_t number)
{
    struct pgsession *s = a;

    if (s->number == number)
        pg_leave(s);
}

void
db_disconnect(struct db *db)
{
    int64_t notice = hop();

    if (db->session == NULL)
        return;
    if (pg.cut_until[db->session->server] > sim.now) /* only its own time-outs tell the database */
        notice = draw_span(9 * SECOND, 13 * SECOND);
    at(sim.now + notice, left, db->session, db->session->number);
    db->session = NULL;
}

void
db_process_gone(struct db *db)
{
    db->fiber = NULL;
    if (db->session != NULL)
        db->session->client = NULL;
    db_disconnect(db);
}

static void
tell_gone(void *a, uint64_t b)
{
    struct db *db = a;

    (void)b;
    if (db->fiber != NULL)
        fiber_wake(db->fiber);
}

void
connection_gone(struct db *db)
{
    at(sim.now + hop(), tell_gone, db, 0);
}

static enum err
lost(struct db *db, const char *why)
{
    db->sqlstate[0] = '\0';
    text_format(db->message, sizeof db->message, "%s", why);
    db_disconnect(db);
    return ERR_DB;
}

static void
arrive(void *a, uint64_t number)
{
    struct request *r = a;

    if (r->session->number == number)
        pg_ask(r);
}

static void
come_back(void *a, uint64_t b)
{
    struct request *r = a;

    (void)b;
    if (r->db == NULL || r->db->fiber == NULL)
        return;
    r->granted = r->granted && r->done;
    fiber_wake(r->db->fiber);
}

void
request_done(struct request *r)
{
    if (r->db == NULL)
        return;
    if (pg.cut_until[r->session->server] > sim.now)
        return;
    at(sim.now + hop(), come_back, r, 0);
}

/* The server's process may end here: before anything was sent, or after the answer came. */
static void
crash_point(void)
{
    if (sim.here != NULL && fault(FAULT_KILL_AT_FLIGHT_))
        proc_kill(sim.here);
}

/* Until woken (true), or the time is over. */
static bool
wait_for_reply(struct db *db, const struct request *r, int64_t until)
{
    int64_t begin = sim.now;

    while (db->meanwhile != NULL && sim.now < until) {
        bool more = db->meanwhile(db->meanwhile_ctx);
        int64_t pause = 2000 + (sim.now - begin) / 4; /* the longer it takes, the more seldom it looks */

        if (r->done && !r->lose_reply)
            return true;
        if (!more && fiber_wait(min_i64(until, sim.now + draw_span(100, pause))))
            return true;
    }
    return fiber_wait(until);
}

/* A batch that takes so long that commands for the next one come meanwhile. */
static int64_t
slow(const struct db *db)
{
    return db->meanwhile != NULL && fault(FAULT_FLIGHT_SLOW_) ? draw_span(0, SECOND / 2) : 0;
}

static enum err
ask(struct db *db, struct request *r, const char *name)
{
    struct pgsession *s = db->session;

    db->failed = name;
    db->sqlstate[0] = '\0';
    db->message[0] = '\0';
    if (s == NULL)
        return lost(db, "not connected");
    crash_point();
    if (fault(FAULT_LOST_BEFORE_))
        return lost(db, "lost before");
    r->session = s;
    r->db = db;
    r->lose_reply = r->lose_reply || fault(FAULT_LOST_AFTER_);
    if (pg.cut_until[s->server] <= sim.now)
        at(sim.now + hop() + slow(db), arrive, r, s->number);
    db->fiber = fiber_self();
    s->client = db;
    while (!r->done || r->lose_reply) {
        int64_t until = r->lose_reply ? sim.now + draw_span(SECOND / 10, TIMEOUT) : sim.now + TIMEOUT;

        if (!wait_for_reply(db, r, until) || (!s->alive && !r->done)) {
            db->fiber = NULL;
            r->db = NULL;
            s->client = NULL;
            return lost(db, "timed out, or the connection is gone");
        }
    }
    db->fiber = NULL;
    r->db = NULL;
    s->client = NULL;
    crash_point();
    if (r->err) {
        memcpy(db->sqlstate, r->sqlstate, sizeof db->sqlstate);
        text_format(db->message, sizeof db->message, "as the simulator wants");
    }
    return r->err;
}

static struct request *
request_new(enum pgop op)
{
    struct request *r = xcalloc(1, sizeof *r);

    r->op = op;
    return r;
}

/* ---- connection ------------------------------------------------------------------------------------------------------- */

enum err
db_connect(struct db *db, struct err_detail *d)
{
    if (db->session != NULL)
        return OK;
    fiber_wait(sim.now + 3 * hop());
    db->session = pg_connect(my_server());
    if (db->session == NULL)
        return err_internal(d, ERR_DB, "the database is not to be reached");
    world_remember_db(db);
    return OK;
}

bool
db_connected(const struct db *db)
{
    return db->session != NULL;
}

bool
db_alive(struct db *db)
{
    if (db->session != NULL && (!db->session->alive || !pg.up))
        db_disconnect(db);
    return db->session != NULL;
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
    return db->failed != NULL ? db->failed : "";
}

enum err
db_explain(const struct db *db, enum err err, struct err_detail *d)
{
    return err_internal(d, err, "%s %s %s", db_failed_query(db), db->sqlstate, db->message);
}

void
db_meanwhile(struct db *db, db_meanwhile_fn *fn, void *ctx)
{
    db->meanwhile = fn;
    db->meanwhile_ctx = ctx;
}

void
db_set_fault(struct db *db, db_fault_fn *fn, void *ctx)
{
    (void)db;
    (void)fn;
    (void)ctx;
}

static enum err
plain(struct db *db, const char *name)
{
    return ask(db, request_new(OP_PLAIN), name);
}

enum err
db_script(struct db *db, const char *sql)
{
    (void)sql;
    return ask(db, request_new(OP_SCRIPT), "script");
}

enum err
db_begin(struct db *db)
{
    return plain(db, "BEGIN");
}

enum err
db_commit(struct db *db)
{
    struct request *r = request_new(OP_COMMIT);
    struct pgsession *s = db->session;
    enum err err;

    if (s == NULL)
        return ERR_UNKNOWN_OUTCOME;
    if (fault(FAULT_COMMIT_NOT_DONE_UNKNOWN_)) {
        pg_leave(s);
        lost(db, "at COMMIT");
        return ERR_UNKNOWN_OUTCOME;
    }
    r->lose_reply = fault(FAULT_COMMIT_DONE_UNKNOWN_);
    r->warning = fault(FAULT_COMMIT_WARNING_);
    err = ask(db, r, "COMMIT");
    return err || r->warning ? ERR_UNKNOWN_OUTCOME : OK;
}

void
db_rollback(struct db *db)
{
    char state[6];

    if (db == NULL) /* an export reads what is committed */
        return;
    memcpy(state, db->sqlstate, sizeof state);
    if (db->session != NULL && ask(db, request_new(OP_ROLLBACK), "ROLLBACK") != OK)
        db_disconnect(db);
    memcpy(db->sqlstate, state, sizeof state);
}

/* ---- flights ---------------------------------------------------------------------------------------------------------- */

enum err
db_flight_begin(struct db *db)
{
    db->flight = xcalloc(1, sizeof *db->flight);
    return OK;
}

struct statement *
flight_add(struct db *db, const char *name)
{
    struct statement *st;

    assert(db->flight->n < STATEMENTS_MAX);
    st = &db->flight->s[db->flight->n++];
    st->name = name;
    return st;
}

enum err
db_flight_land(struct db *db, struct db_landed landed[DB_FLIGHT_MAX])
{
    struct request *r = request_new(OP_FLIGHT);
    enum err err;

    r->flight = db->flight;
    err = ask(db, r, "flight");
    if (err)
        return err;
    for (size_t i = 0; i < r->flight->n; i++)
        landed[i] = (struct db_landed){ .rows = (PGresult *)(void *)&r->flight->s[i],
                                        .affected = r->flight->s[i].affected };
    return OK;
}

void
db_landed_clear(struct db_landed landed[DB_FLIGHT_MAX])
{
    (void)landed;
}

/* ---- what the files of store/ share ----------------------------------------------------------------------------------- */

enum err
store_read(struct db *db, const char *name)
{
    return plain(db, name);
}

enum err
journal_lease(struct db *db)
{
    struct request *r = request_new(OP_LEASE);
    enum err err = ask(db, r, "journal_lease");

    return err ? err : r->granted ? OK : ERR_NOT_LEADER;
}

enum err
journal_raise_term(struct db *db, struct journal_head *ret)
{
    struct request *r = request_new(OP_TERM);
    enum err err = ask(db, r, "journal_term");

    if (!err)
        *ret = r->head;
    return err;
}

enum err
journal_beat(struct db *db, const struct journal_head *have)
{
    struct request *r = request_new(OP_BEAT);
    enum err err;

    r->head = *have;
    err = ask(db, r, "journal_beat");
    return err ? err : r->granted ? OK : ERR_NOT_LEADER;
}

enum err
journal_leader_tell(struct db *db, const struct journal_leader *l)
{
    enum err err = plain(db, "journal_leader_tell");

    if (!err && l->term >= pg.leader.term)
        pg.leader = *l;
    return err;
}

enum err
journal_leader_read(struct db *db, struct journal_leader *ret)
{
    enum err err = plain(db, "journal_leader_read");

    if (!err)
        *ret = pg.leader;
    return err;
}

enum err
journal_unblock(struct db *db)
{
    return plain(db, "journal_unblock");
}

/* ---- row security is PostgreSQL's ------------------------------------------------------------------------------------- */

struct db_actor
db_act_as(struct db *db, struct db_actor actor)
{
    (void)db;
    (void)actor;
    return DB_ACTOR_UNSET;
}

struct db_actor
db_actor_agent(uint64_t site)
{
    (void)site;
    return DB_ACTOR_UNSET;
}

struct db_actor
db_actor_person(struct uuid person)
{
    (void)person;
    return DB_ACTOR_UNSET;
}

enum err
server_clock(struct db *db, int64_t *ret_ms)
{
    enum err err = db_connect(db, NULL);

    if (!err)
        err = plain(db, "server_clock");
    if (!err)
        *ret_ms = sim.epoch_ms + (sim.now + pg.off_us) / 1000;
    return err;
}
