/* tests/sim/pg.c */
#include "pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

struct pg pg;
static struct pg kept;

int64_t
hop(void)
{
    if (sim.stretch == 0)
        return 0;
    return draw(200) == 0 ? draw_span(1000, 900000) : draw_span(40, 600);
}

struct pgtable *
pg_table(const char *name)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct pgtable *t = &pg.tables[i];

        if (t->name[0] == '\0')
            text_format(t->name, sizeof t->name, "%s", name);
        if (strcmp(t->name, name) == 0)
            return t;
    }
    abort();
}

void
pg_keep(void)
{
    kept = pg;
}

static void *
copy_of(const void *from, size_t len, size_t room)
{
    char *to = xmalloc(len + room);

    if (len > 0)
        memcpy(to, from, len);
    return to;
}

void
pg_begin(void)
{
    pg = kept;
    pg.up = true;
    pg.sessions_n = 0;
    pg.lease = pg.head_lock = NULL;
    pg.waiting_n = 0;
    pg.entries_cap = pg.entries_n + 64;
    pg.entries = copy_of(kept.entries, kept.entries_n * sizeof *kept.entries, 64 * sizeof *kept.entries);
    pg.accounts_cap = pg.accounts_n + 8;
    pg.accounts = copy_of(kept.accounts, kept.accounts_n * sizeof *kept.accounts, 8 * sizeof *kept.accounts);
    for (size_t i = 0; i < ROWS; i++) {
        struct pgtable *t = &pg.tables[i];

        t->cap = t->n + 16;
        t->rows = copy_of(kept.tables[i].rows, t->n * sizeof(void *), 16 * sizeof(void *));
    }
}

/* ---- sessions --------------------------------------------------------------------------------------------------------- */

struct pgsession *
pg_connect(int server)
{
    size_t i = 0;

    if (!pg.up || pg.cut_until[server] > sim.now)
        return NULL;
    while (i < pg.sessions_n && pg.sessions[i]->alive)
        i++;
    if (i == SESSIONS_MAX) {
        violation("more than %d connections to the database", SESSIONS_MAX);
        return NULL;
    }
    if (i == pg.sessions_n)
        pg.sessions_n++;
    pg.sessions[i] = xcalloc(1, sizeof *pg.sessions[i]); /* a client may still think of the one before */
    *pg.sessions[i] = (struct pgsession){ .alive = true, .server = server, .number = ++pg.sessions_ever };
    return pg.sessions[i];
}

static void try_waiting(void);

static void
end_tx(struct pgsession *s)
{
    s->in_tx = false;
    s->flight = NULL;
    if (pg.head_lock == s)
        pg.head_lock = NULL;
}

static void
end_session(struct pgsession *s)
{
    s->alive = false;
    end_tx(s);
    if (s->client != NULL)
        connection_gone(s->client);
    if (pg.lease == s)
        pg.lease = NULL;
    try_waiting();
}

void
pg_leave(struct pgsession *s)
{
    if (!s->alive)
        return;
    if (s->busy)
        s->leaving = true;
    else
        end_session(s);
}

static void
answer(struct request *r)
{
    struct pgsession *s = r->session;

    s->busy = false;
    s->used = sim.now;
    r->done = true;
    if (!r->lose_reply)
        request_done(r);
    if (s->alive && (s->leaving || r->lose_reply))
        end_session(s);
}

static void
fail(struct request *r, enum err err, const char *state)
{
    r->err = err;
    text_format(r->sqlstate, sizeof r->sqlstate, "%s", state);
    answer(r);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */

static const struct table_column *
column_of(const struct table_def *def, const char *name)
{
    for (size_t i = 0; i < def->columns_n; i++)
        if (strcmp(def->columns[i].name, name) == 0)
            return &def->columns[i];
    abort();
}

int64_t
pgrow_i64(const struct table_def *def, const struct pgrow *row, const char *column)
{
    const struct table_column *c = column_of(def, column);
    const char *p = (const char *)row->object + c->offset;
    int64_t v64;
    int32_t v32;

    if (c->size == 8) {
        memcpy(&v64, p, 8);
        return v64;
    }
    assert(c->size == 4);
    memcpy(&v32, p, 4);
    return v32;
}

struct uuid
pgrow_uuid(const struct table_def *def, const struct pgrow *row, const char *column)
{
    struct uuid id;

    memcpy(&id, (const char *)row->object + column_of(def, column)->offset, sizeof id);
    return id;
}

bool
pgrow_same_key(const struct table_def *def, const struct pgrow *a, const struct pgrow *b)
{
    for (size_t i = 0; i < def->columns_n; i++) {
        const struct table_column *c = &def->columns[i];

        if ((c->flags & TABLE_KEY) &&
            memcmp((const char *)a->object + c->offset, (const char *)b->object + c->offset, c->size) != 0)
            return false;
    }
    return true;
}

static size_t
place_of(const struct statement *st, const struct pgrow *row)
{
    for (size_t i = st->table->n; i > 0; i--)
        if (pgrow_same_key(st->def, st->table->rows[i - 1], row))
            return i - 1;
    return SIZE_MAX;
}

/* ---- statements ------------------------------------------------------------------------------------------------------- */

static struct account *
account_at(uint64_t index)
{
    for (size_t i = 0; i < pg.accounts_n; i++)
        if (pg.accounts[i].index == index)
            return &pg.accounts[i];
    return NULL;
}

/* Compare and set the head, append entries, move accounts: each part runs whether or not the others find anything. */
static const char *
run_write(struct statement *st)
{
    bool ours = st->have.term == pg.head.term && st->have.batch == pg.head.batch;

    if (sim.plant == PLANT_NO_FENCE)
        ours = true;
    st->counts[0] = ours;
    if (st->kind == ST_MOVE) {
        st->affected = ours;
        return NULL;
    }
    for (size_t i = 0; i < st->entries_n; i++)
        if (st->entries[i].index < pg.entries_n)
            return "23505";
    st->counts[1] = (int64_t)st->entries_n;
    for (size_t i = 0; i < st->accounts_n; i++) {
        const struct account *a = account_at(st->accounts[i].index);

        st->counts[2] += a != NULL && a->last_index == st->old[i];
    }
    st->affected = 1;
    return NULL;
}

static const char *
run_rows(struct statement *st)
{
    if (st->kind == ST_OPEN) {
        for (size_t i = 0; i < st->accounts_n; i++)
            if (account_at(st->accounts[i].index) != NULL)
                return "23505";
        st->affected = (int64_t)st->accounts_n;
        return NULL;
    }
    for (size_t i = 0; i < st->n; i++) {
        size_t place = place_of(st, st->rows[i]);

        if (st->kind == ST_INSERT && place != SIZE_MAX)
            return "23505";
        if (st->kind == ST_UPDATE)
            st->places[i] = place;
        st->affected += st->kind == ST_INSERT || place != SIZE_MAX;
    }
    return NULL;
}

static const char *
some_failure(void)
{
    static const char *const STATES[] = { "40001", "57014", "53100", "53200", "22021", "23514", "XX000" };

    return STATES[draw(sizeof STATES / sizeof STATES[0])];
}

static enum err
err_of(const char *state)
{
    return strcmp(state, "53100") == 0 ? ERR_DISK : strncmp(state, "40", 2) == 0 ? ERR_BUSY
         : strncmp(state, "5", 1) == 0 ? ERR_DB : strncmp(state, "23", 2) == 0 ? ERR_CONFLICT : ERR_INTERNAL;
}

static void
run_flight(struct request *r)
{
    struct pgsession *s = r->session;

    s->in_tx = true;
    s->flight = r->flight;
    pg.head_lock = s;
    for (size_t i = 0; i < r->flight->n; i++) {
        struct statement *st = &r->flight->s[i];
        const char *state;

        if (fault(FAULT_DB_CRASH_AT_STATEMENT_)) {
            pg_crash();
            return;
        }
        state = st->kind <= ST_WRITE ? run_write(st) : run_rows(st);
        if (state == NULL && fault(FAULT_STATEMENT_FAILS_))
            state = some_failure();
        if (state != NULL) {
            note("statement failed", i, (uint64_t)state[0] << 8 | (unsigned char)state[1]);
            fail(r, err_of(state), state);
            return;
        }
    }
    answer(r);
}

static void
put_row(struct pgtable *t, struct pgrow *row)
{
    if (t->n == t->cap) {
        t->cap = t->cap * 2 + 16;
        t->rows = xrealloc(t->rows, t->cap * sizeof *t->rows);
    }
    t->rows[t->n++] = row;
}

/* A new row: what may change from the new one, the rest from the old one. */
static struct pgrow *
changed_row(const struct table_def *def, const struct pgrow *old, const struct pgrow *new)
{
    struct pgrow *row = xmalloc(sizeof *row);
    char *object = copy_of(old->object, def->object_size, 0);

    *row = *old;
    row->object = object;
    for (size_t i = 0; i < def->columns_n; i++) {
        const struct table_column *c = &def->columns[i];

        if (!(c->flags & TABLE_ONCE))
            memcpy(object + c->offset, (const char *)new->object + c->offset, c->size);
    }
    return row;
}

static void
apply_account(const struct account *a, bool new)
{
    struct account *to = account_at(a->index);

    if (new) {
        if (pg.accounts_n == pg.accounts_cap) {
            pg.accounts_cap = pg.accounts_cap * 2 + 8;
            pg.accounts = xrealloc(pg.accounts, pg.accounts_cap * sizeof *pg.accounts);
        }
        to = &pg.accounts[pg.accounts_n++];
        for (; to > pg.accounts && to[-1].index > a->index; to--) /* in order, as they are read */
            *to = to[-1];
    }
    if (to != NULL)
        *to = *a;
}

static void
apply(const struct flight *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct statement *st = &f->s[i];

        if (st->kind <= ST_WRITE) {
            uint64_t term = pg.head.term;

            pg.head = st->next;
            pg.head.term = term;
            for (size_t k = 0; k < st->entries_n; k++) {
                if (pg.entries_n == pg.entries_cap) {
                    pg.entries_cap = pg.entries_cap * 2 + 64;
                    pg.entries = xrealloc(pg.entries, pg.entries_cap * sizeof *pg.entries);
                }
                pg.entries[pg.entries_n++] = st->entries[k];
            }
        }
        for (size_t k = 0; k < st->accounts_n; k++)
            apply_account(&st->accounts[k], st->kind == ST_OPEN);
        for (size_t k = 0; k < st->n; k++)
            if (st->kind == ST_INSERT)
                put_row(st->table, st->rows[k]);
            else if (st->places[k] != SIZE_MAX)
                st->table->rows[st->places[k]] = changed_row(st->def, st->table->rows[st->places[k]], st->rows[k]);
    }
}

static void
commit(struct pgsession *s)
{
    if (s->flight != NULL) {
        check_commit(s->flight);
        if (sim.plant != PLANT_LOST_COMMIT || draw(30) != 0)
            apply(s->flight);
        totals.commits++;
    }
    end_tx(s);
}

/* ---- requests --------------------------------------------------------------------------------------------------------- */

static void
commit_lasts(void *a, uint64_t number)
{
    struct request *r = a;
    struct pgsession *s = r->session;

    if (!s->alive || s->stalled != r || s->number != number)
        return;
    s->stalled = NULL;
    commit(s);
    try_waiting();
    answer(r);
}

/* A sequencer's connection is ended after so much silence. */
static void
too_silent(void *a, uint64_t number)
{
    struct pgsession *s = a;
    int64_t until = s->used + JOURNAL_IDLE_MS * 1000;

    if (!s->alive || s->number != number)
        return;
    if (s->busy || until > sim.now)
        at(s->busy ? sim.now + SECOND : until, too_silent, s, number);
    else
        end_session(s);
}

/* True if it was dealt with, false if it waits for the head row. */
static bool
run(struct request *r)
{
    struct pgsession *s = r->session;

    switch (r->op) {
    case OP_PLAIN:
        answer(r);
        return true;
    case OP_SCRIPT: /* it sets the limits of silence */
        at(sim.now + JOURNAL_IDLE_MS * 1000, too_silent, s, s->number);
        answer(r);
        return true;
    case OP_BEAT:
        r->granted = r->head.term == pg.head.term && r->head.batch == pg.head.batch;
        answer(r);
        return true;
    case OP_LEASE:
        r->granted = pg.lease == NULL || pg.lease == s;
        if (r->granted)
            pg.lease = s;
        answer(r);
        return true;
    case OP_TERM:
        if (pg.head_lock != NULL && pg.head_lock != s)
            return false;
        pg.head.term++;
        r->head = pg.head;
        note("term", pg.head.term, pg.head.batch);
        answer(r);
        return true;
    case OP_FLIGHT:
        if (pg.head_lock != NULL && pg.head_lock != s)
            return false;
        run_flight(r);
        return true;
    case OP_COMMIT:
        s->stalled = r;
        at(sim.now + (fault(FAULT_COMMIT_STALLS_) ? draw_span(SECOND, 14 * SECOND) : hop()), commit_lasts, r, s->number);
        return true;
    case OP_ROLLBACK:
        end_tx(s);
        answer(r);
        try_waiting();
        return true;
    }
    abort();
}

static void
try_waiting(void)
{
    for (size_t i = 0; i < pg.waiting_n;) {
        struct request *r = pg.waiting[i];

        if (r->session->alive && pg.head_lock != NULL && pg.head_lock != r->session) {
            i++;
            continue;
        }
        pg.waiting[i] = pg.waiting[--pg.waiting_n];
        if (r->session->alive)
            run(r);
        i = 0;
    }
}

void
pg_ask(struct request *r)
{
    struct pgsession *s = r->session;

    if (!s->alive || s->leaving || !pg.up)
        return;
    s->busy = true;
    if (run(r))
        return;
    note("waits for the head row", s->number, 0);
    assert(pg.waiting_n < sizeof pg.waiting / sizeof pg.waiting[0]);
    pg.waiting[pg.waiting_n++] = r;
}

static void
up_again(void *a, uint64_t b)
{
    (void)a;
    (void)b;
    pg.up = true;
    note("database is up", pg.head.size, pg.head.batch);
}

/* Every session ends. A COMMIT under way was written down or it was not. */
void
pg_crash(void)
{
    if (!pg.up)
        return;
    note("database crashes", pg.head.term, pg.head.batch);
    pg.up = false;
    pg.waiting_n = 0;
    for (size_t i = 0; i < pg.sessions_n; i++) {
        struct pgsession *s = pg.sessions[i];

        if (s->alive && s->stalled != NULL && draw(2) == 0)
            commit(s);
        s->alive = false;
        end_tx(s);
        if (s->client != NULL)
            connection_gone(s->client);
    }
    pg.lease = NULL;
    at(sim.now + draw_span(SECOND / 2, 8 * SECOND), up_again, NULL, 0);
}
