/* market/lease.c
 * The lease: an advisory lock that lives as long as the sequencer's connection. The database ends that connection after
 * five seconds of silence, so a leader that is dead, cut off or frozen loses it without anybody's doing; and a leader that
 * has heard nothing for four seconds no longer takes itself for one. Both by their own monotonic clocks: no clock is
 * compared with another's. Writes need none of this: the head row's term refuses an old leader's. */
#include "market/market_internal.h"

#include <assert.h>

#include "base/text.h"

enum { SURE_MS = 4000, BEAT_MS = 1000, LOOK_MS = 1000 };

static_assert(SURE_MS + BEAT_MS <= JOURNAL_IDLE_MS, "a beat a second must not come too late");

static enum err
prepare_all(struct market *m)
{
    /* Arrays are opaque to the planner: one plan for all batches, made while the tables are perhaps empty and kept as they
     * grow; so every row is to be found by its key, never by reading all the others. The database's end must notice that
     * we are gone, or it would keep the lease for us: a dead line is silent, and so is a process that is frozen while its
     * kernel still answers for it. */
    char script[512];
    enum err err;

    text_format(script, sizeof script,
                "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;"
                " SET enable_mergejoin = off; SET jit = off; SET synchronous_commit = on;"
                " SET idle_session_timeout = %d; SET idle_in_transaction_session_timeout = %d;"
                " SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;"
                " SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000",
                JOURNAL_IDLE_MS, JOURNAL_IDLE_MS);
    err = db_script(m->db, script);

    if (!err)
        err = journal_prepare(&m->writer, m->db);
    return err ? err : rows_prepare(&m->rows, m->db);
}

void
lease_sure(struct market *m, int64_t asked_ms)
{
    atomic_store(&m->sure_until_ms, asked_ms + SURE_MS);
}

void
lease_lost(struct market *m)
{
    atomic_store(&m->sure_until_ms, 0);
    m->leased = false;
}

static void
note_leader(struct market *m, const struct journal_leader *l)
{
    pthread_mutex_lock(&m->queue_lock);
    m->leader.term = l->term;
    text_format(m->leader.people, sizeof m->leader.people, "%s", l->people);
    text_format(m->leader.agents, sizeof m->leader.agents, "%s", l->agents);
    pthread_mutex_unlock(&m->queue_lock);
}

/* Who has the lease, for callers; and if it is a process that is frozen, its connection is ended. */
static void
look_at_leader(struct market *m)
{
    struct journal_leader l;

    if (monotonic_ms() < m->look_ms)
        return;
    m->look_ms = monotonic_ms() + LOOK_MS;
    if (journal_leader_read(m->db, &l) == OK)
        note_leader(m, &l);
    if (journal_unblock(m->db) != OK)
        db_disconnect(m->db);
}

static enum err
tell_leader(struct market *m)
{
    struct journal_leader l = { .term = m->head.term };

    text_format(l.people, sizeof l.people, "%s", m->people_url != NULL ? m->people_url : "");
    text_format(l.agents, sizeof l.agents, "%s", m->agents_url != NULL ? m->agents_url : "");
    note_leader(m, &l);
    return journal_leader_tell(m->db, &l);
}

bool
lease_is_quiet(const struct market *m)
{
    return monotonic_ms() >= atomic_load(&m->sure_until_ms) - SURE_MS + BEAT_MS;
}

enum err
lease_beat(struct market *m)
{
    int64_t asked_ms = monotonic_ms();
    enum err err = journal_beat(m->db, &m->head);

    if (!err)
        lease_sure(m, asked_ms);
    return err;
}

enum err
lease_take(struct market *m, bool *ret_same, struct err_detail *d)
{
    struct journal_head head;
    int64_t asked_ms;
    enum err err;

    lease_lost(m);
    if (!m->asking) /* else this connection has no lock and no transaction: it asks again */
        db_disconnect(m->db);
    m->asking = false;
    err = db_connect(m->db, d);
    if (err)
        return err;
    err = journal_lease(m->db);
    if (err == ERR_NOT_LEADER) {
        look_at_leader(m);
        m->asking = true;
        return err_internal(d, err, "another server holds the lease");
    }
    if (!err)
        err = prepare_all(m);
    asked_ms = monotonic_ms();
    if (!err)
        err = journal_raise_term(m->db, &head);
    if (err)
        return db_explain(m->db, err, d);
    *ret_same = m->state != NULL && !m->stale && head.term == m->head.term + 1 && head.batch == m->head.batch;
    m->stale = !*ret_same; /* also if what follows fails, and the lease is taken once more */
    if (!*ret_same) /* before it takes itself for the leader: what it has in memory is old */
        queue_phase(m, MARKET_REBUILDING, ERR_DB, "building the state from the database");
    m->head = head;
    m->leased = true;
    figures_head(&m->figures, head.term, head.batch, head.size);
    lease_sure(m, asked_ms);
    err = tell_leader(m);
    return err ? db_explain(m->db, err, d) : OK;
}

bool
market_leads(const struct market *m)
{
    enum market_phase phase = market_phase(m);

    return (phase == MARKET_LEADING || phase == MARKET_TROUBLED || phase == MARKET_GUARDED) && monotonic_ms() < atomic_load(&m->sure_until_ms);
}

void
market_leader(struct market *m, struct market_leader *ret)
{
    pthread_mutex_lock(&m->queue_lock);
    *ret = m->leader;
    pthread_mutex_unlock(&m->queue_lock);
}
