/* tests/sim/pg.h
 * The simulated database: committed rows in memory, sessions with one transaction each, the lock on the head row, the
 * advisory lock, and a life of its own: it answers late, stalls in COMMIT, loses connections, crashes. What a statement
 * does is decided when it arrives here, not when it was sent. store_db.c is the product's side of the connection. */
#ifndef TESTS_SIM_PG_H
#define TESTS_SIM_PG_H

#include "market/rows.h"
#include "sim.h"
#include "store/journal.h"

enum { CODES_MAX = 1, SESSIONS_MAX = 64, STATEMENTS_MAX = 24 };

struct pgrow {
    const void *object;           /* BYTES columns are copies of its own */
    struct bytes codes[CODES_MAX]; /* coded columns, in order */
};

struct pgtable {
    char name[24];
    struct pgrow **rows; /* rows never move; a change is a new row in the old one's place */
    size_t n, cap;
};

struct pgentry {
    uint64_t index;
    const uint8_t *bytes;
    size_t len;
    struct hash leaf;
};

struct statement {
    enum { ST_MOVE, ST_WRITE, ST_OPEN, ST_INSERT, ST_UPDATE } kind;
    const char *name;
    struct journal_head have, next;
    const struct pgentry *entries;
    const struct account *accounts;
    const uint64_t *old;
    size_t entries_n, accounts_n;
    struct pgtable *table;
    const struct table_def *def;
    struct pgrow **rows;
    size_t *places; /* of rows that are updated */
    size_t n;
    int64_t affected, counts[3];
};

struct flight { struct statement s[STATEMENTS_MAX]; size_t n; };

enum pgop { OP_PLAIN, OP_SCRIPT, OP_LEASE, OP_BEAT, OP_TERM, OP_FLIGHT, OP_COMMIT, OP_ROLLBACK };

struct request {
    struct pgsession *session;
    struct db *db; /* NULL: nobody waits for the answer any more */
    enum pgop op;
    struct flight *flight;
    bool done, lose_reply, warning, granted;
    enum err err;
    char sqlstate[6];
    struct journal_head head;
};

struct pgsession {
    bool alive, busy, in_tx, leaving; /* leaving: ends as soon as it is not busy */
    int server;
    uint64_t number;
    int64_t used;          /* when it was last asked anything */
    struct flight *flight; /* what its transaction has done */
    struct request *stalled; /* the COMMIT under way */
    struct db *client;       /* who waits for an answer; NULL: nobody */
};

struct pg {
    bool up;
    struct journal_head head;
    struct pgentry *entries;
    size_t entries_n, entries_cap;
    struct account *accounts;
    size_t accounts_n, accounts_cap;
    struct pgtable tables[ROWS];
    struct pgsession *sessions[SESSIONS_MAX];
    size_t sessions_n;
    uint64_t sessions_ever;
    struct journal_leader leader;
    struct pgsession *lease, *head_lock;
    struct request *waiting[16];
    size_t waiting_n;
    int64_t off_us; /* how wrong its clock is */
    int64_t cut_until[SERVERS];
};
extern struct pg pg;

void pg_keep(void);  /* what it holds is what each history begins with */
void pg_begin(void); /* a history begins */
struct pgtable *pg_table(const char *name);
struct pgsession *pg_connect(int server); /* NULL: it is down or out of reach */
void pg_leave(struct pgsession *s);       /* the client has gone; noticed when it is not busy */
void pg_ask(struct request *r);         /* arrives now */
void pg_crash(void);
int64_t hop(void); /* one way through the network */

/* check.c: told of every commit, before it is applied. */
void check_commit(const struct flight *f);
/* store_db.c */
void request_done(struct request *r);
void connection_gone(struct db *db);

/* A column of a row, for the checks and what workers read. */
int64_t pgrow_i64(const struct table_def *def, const struct pgrow *row, const char *column);
struct uuid pgrow_uuid(const struct table_def *def, const struct pgrow *row, const char *column);
bool pgrow_same_key(const struct table_def *def, const struct pgrow *a, const struct pgrow *b);

#endif
