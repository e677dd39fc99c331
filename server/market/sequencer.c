/* market/sequencer.c
 * The one thread that decides. It holds the lease, takes what has queued up, decides each command in memory, commits the
 * batch, and only then answers. How each failure ends:
 *   data (SQLSTATE 22, 23)     undone; decided again in halves until the culprit stands alone: ERR_POISONED, and its key
 *                              says so for good; the others go through
 *   rows miscounted            undone; memory is thrown away and built anew; ERR_DB (nothing was committed)
 *   trouble before COMMIT      undone; three tries in two seconds; then ERR_DB or ERR_DISK to all, one probe a second
 *   at or after COMMIT         ERR_UNKNOWN_OUTCOME; memory is thrown away, the lease taken anew, all built anew */
#include "market/market_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/num.h"
#include "base/text.h"
#include "market/index.h"
#include "market/own_policy.h"

enum { TRIES = 3, TRIES_MS = 2000, TRY_PAUSE_MS = 100, IDLE_MS = 1000, GUARD_MS = 20, LEASE_PAUSE_MS = 100, PROBE_PAUSE_MS = 1000,
       STOP_MS = 4000, AHEAD_MIN = 256, GATHER_US = 1000, GATHER_REST = 32,
       PRUNE_EVERY_MS = 600000, PRUNE_MAX = 10000, KEY_EVERY_MS = 1000 };

static void
pause_ms(int64_t ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    nanosleep(&pause, NULL);
}

/* Wait, but not while stopping. */
static void
wait_ms(struct market *m, int64_t ms)
{
    int64_t until_ms = monotonic_ms() + ms;

    while (!queue_stopping(m) && monotonic_ms() < until_ms)
        pause_ms(20);
}

/* ---- one batch ------------------------------------------------------------------------------------------------------ */

static enum err
trouble_err(const struct market *m)
{
    return strcmp(db_sqlstate(m->db), "53100") == 0 ? ERR_DISK : ERR_DB;
}

static void
tell_trouble(struct market *m, const char *what)
{
    char why[320];

    text_format(why, sizeof why, "%s: %s %s %s", what, db_failed_query(m->db), db_sqlstate(m->db), db_message(m->db));
    queue_phase(m, MARKET_TROUBLED, trouble_err(m), why);
}

static void
fail_all(struct market *m, struct command **commands, size_t n, enum err err)
{
    for (size_t i = 0; i < n; i++) {
        commands[i]->err = err;
        commands[i]->answer = (struct answer){ 0 };
        commands[i]->detail = (struct err_detail){ .retry_after_s = 1 };
        queue_complete(m, commands[i]);
    }
}

/* Three tries in two seconds. A lost connection costs the lease, which another may have had meanwhile: then the memory is
 * old, and it is not for this batch to mend that. */
static enum commit_result
attempt_again(struct market *m, struct work *w, struct work *ahead)
{
    int64_t until_ms = monotonic_ms() + TRIES_MS;
    enum commit_result result = work_attempt(m, w, ahead);

    for (int try = 1; result == COMMIT_TROUBLE && try < TRIES; try++) {
        bool same = true;

        if (!db_connected(m->db))
            lease_lost(m);
        while (!m->leased && monotonic_ms() < until_ms)
            if (lease_take(m, &same, NULL) != OK)
                pause_ms(TRY_PAUSE_MS);
        if (!m->leased)
            return COMMIT_TROUBLE;
        if (!same) {
            text_format(m->why, sizeof m->why, "another server has led meanwhile");
            return COMMIT_ROWS;
        }
        result = work_attempt(m, w, NULL);
        if (result == COMMIT_TROUBLE && try + 1 < TRIES)
            pause_ms(TRY_PAUSE_MS * (1 << try));
    }
    return result;
}

static void
step_down(struct market *m)
{
    lease_lost(m);
    db_disconnect(m->db);
}

static void process(struct market *m, struct work *w, struct work *ahead);

/* The same for some of a batch's commands alone. */
static void
process_part(struct market *m, struct work *w, struct command *const *commands, size_t n)
{
    memcpy(w->commands, commands, n * sizeof commands[0]);
    w->n = n;
    process(m, w, NULL);
}

static void
process_culprit(struct market *m, struct work *w)
{
    struct command *c = w->commands[0];
    char scope[HEX_LEN(sizeof c->idem.scope.b)];

    if (c->stage == COMMAND_POISONED || !c->idem.present) { /* not even that could be stored, or nothing is to be */
        c->err = ERR_POISONED;
        c->answer = (struct answer){ 0 };
        w->n = 0;
        queue_complete(m, c);
        return;
    }
    hex_encode(BYTES(c->idem.scope.b, sizeof c->idem.scope.b), scope);
    log_error(m->config.log, "poisoned", LOG_TEXT("scope", scope), LOG_TEXT("command", command_name(c->kind)),
              LOG_TEXT("query", m->refused.query), LOG_TEXT("sqlstate", m->refused.sqlstate), LOG_TEXT("detail", m->refused.message));
    c->stage = COMMAND_POISONED;
    process(m, w, NULL);
}

/* Somebody's data was refused: in halves until the culprit stands alone. */
static void
process_halves(struct market *m, struct work *w)
{
    size_t n = w->n;
    struct command **all = xcalloc(n, sizeof all[0]);

    memcpy(all, w->commands, n * sizeof all[0]);
    process_part(m, w, all, n / 2);
    work_answer(m);
    process_part(m, w, all + n / 2, n - n / 2);
    free(all);
}

static void
fail_work(struct market *m, struct work *w, enum err err)
{
    size_t n = w->n;

    w->n = 0;
    fail_all(m, w->commands, n, err);
}

/* Afterwards w's commands have been answered, or wait for work_answer(). */
static void
process(struct market *m, struct work *w, struct work *ahead)
{
    enum err err;

    if (!m->leased || m->state == NULL) { /* the first half went wrong */
        fail_work(m, w, ERR_DB);
        return;
    }
    switch (attempt_again(m, w, ahead)) {
    case COMMIT_DONE:
        return;
    case COMMIT_DATA:
        if (w->n == 1) {
            process_culprit(m, w);
        } else if (w->n > 1) {
            process_halves(m, w);
        } else {
            tell_trouble(m, "an empty batch was refused");
            step_down(m);
        }
        return;
    case COMMIT_ROWS:
        queue_phase(m, MARKET_REBUILDING, ERR_DB, m->why);
        step_down(m);
        rebuild_drop(m);
        fail_work(m, w, ERR_DB);
        return;
    case COMMIT_TROUBLE:
        err = trouble_err(m);
        tell_trouble(m, "cannot commit");
        if (!db_connected(m->db))
            lease_lost(m);
        fail_work(m, w, err);
        return;
    case COMMIT_UNKNOWN:
        queue_phase(m, MARKET_REBUILDING, ERR_DB, "the outcome of a COMMIT is not known: building anew");
        step_down(m);
        rebuild_drop(m);
        fail_work(m, w, ERR_UNKNOWN_OUTCOME);
        return;
    }
}

/* ---- leading -------------------------------------------------------------------------------------------------------- */

/* Entries of the server's own, before anybody is served. */
static enum err
commit_own(struct market *m, struct err_detail *d)
{
    assert(m->work[0].n == 0);
    if (work_attempt(m, &m->work[0], NULL) != COMMIT_DONE)
        return db_explain(m->db, ERR_DB, d);
    work_answer(m);
    return OK;
}

static enum err
write_genesis(struct market *m, struct err_detail *d)
{
    struct deciding deciding = work_deciding(m, &m->work[0]);
    enum err err;

    if (m->config.origin == NULL)
        return err_internal(d, ERR_CONFIG, "the journal is empty, and no origin is configured");
    if (guard_expects_sites(m, m->config.origin))
        return err_internal(d, ERR_CONFIG, "the database is empty, but the policy names witnesses of %s: restore it, or begin a new origin", m->config.origin);
    deciding.detail = d;
    err = decide_genesis(&deciding, &m->config);
    if (err)
        return err;
    text_format(m->state->origin, sizeof m->state->origin, "%s", m->config.origin);
    return commit_own(m, d);
}

/* A journal that does not know its log's key yet is told of it before anything is signed with it; and of the policy of
 * witnesses before anything is shown by it. */
static enum err
announce(struct market *m, struct err_detail *d)
{
    struct log_policy_now policy = log_policy_now(m->config.policy);
    struct deciding deciding = work_deciding(m, &m->work[0]);
    struct entry e;
    bool news;
    enum err err;

    deciding.detail = d;
    pthread_rwlock_wrlock(&m->state_lock);
    err = own_keys_announce(&deciding, m, &news);
    if (!err && own_policy_lacks(m, &policy, &e)) {
        news = true;
        err = batch_group(&deciding, &e, 1);
    }
    pthread_rwlock_unlock(&m->state_lock);
    return err || !news ? err : commit_own(m, d);
}

static enum err
rebuild_and_count(struct market *m, struct err_detail *d)
{
    int64_t begin_us = monotonic_us();
    enum err err = rebuild(m, d);

    atomic_fetch_add_explicit(err ? &m->figures.rebuilds_failed : &m->figures.rebuilds, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->figures.rebuild_us, (uint64_t)(monotonic_us() - begin_us), memory_order_relaxed);
    return err;
}

/* Become the leader, with a state. Else the phase says why not. */
static bool
lead(struct market *m)
{
    struct err_detail d = { 0 };
    bool same = false;
    enum err err = lease_take(m, &same, &d);

    if (err == ERR_NOT_LEADER) {
        bool led = market_phase(m) != MARKET_WAITING_LEASE;

        queue_phase(m, MARKET_WAITING_LEASE, ERR_NOT_LEADER, d.internal); /* first: nobody leads without a state */
        rebuild_drop(m); /* who leads will change it */
        if (led && m->config.on_lead != NULL)
            m->config.on_lead(m->config.ctx, false);
        return false;
    }
    if (!err && !same) {
        rebuild_drop(m);
        guard_close(m, m->head.size); /* before there is a state: no poll is to wait for an open guard's tickets */
        err = rebuild_and_count(m, &d);
        if (!err && m->head.size == 0) {
            err = write_genesis(m, &d);
            guard_close(m, m->head.size);
        }
        if (!err)
            err = own_keys_check(m, &d);
        if (!err && !m->guard.on)
            err = announce(m, &d);
        if (!err)
            err = lease_beat(m); /* it has taken a while */
        if (err)
            rebuild_drop(m);
        else if (m->config.on_lead != NULL)
            m->config.on_lead(m->config.ctx, true);
    }
    if (!err && same) /* its time may be over since it led last */
        err = own_keys_check(m, &d);
    if (err) {
        queue_phase(m, MARKET_TROUBLED, err == ERR_DISK ? ERR_DISK : ERR_DB, d.internal);
        step_down(m);
        return false;
    }
    return true;
}

/* After trouble an empty batch shows whether it works again. */
static bool
probe(struct market *m)
{
    if (market_phase(m) != MARKET_TROUBLED)
        return true;
    switch (work_attempt(m, &m->work[0], NULL)) {
    case COMMIT_DONE:
        work_answer(m);
        return true;
    case COMMIT_UNKNOWN:
        step_down(m);
        rebuild_drop(m);
        return false;
    default:
        break;
    }
    if (!db_connected(m->db) || lease_beat(m) != OK) /* a full disk costs no lease */
        step_down(m);
    return false;
}

void
market_clock_sure(struct market *m, bool sure)
{
    atomic_store(&m->clock_sure, sure);
}

/* Keys whose time is over. A caller that comes again with one would have its command done anew: so not by a clock that is
 * in doubt. */
static void
prune(struct market *m)
{
    int64_t removed = PRUNE_MAX;

    if (monotonic_ms() - m->pruned_ms < PRUNE_EVERY_MS || !atomic_load(&m->clock_sure))
        return;
    if (answers_prune(m->db, clock_now(&m->config.clock) - ANSWERS_KEEP_MS, PRUNE_MAX, &removed) == OK &&
        removed < PRUNE_MAX)
        m->pruned_ms = monotonic_ms();
}

/* Callers that were just answered often have their next command ready. Those that come back within a tenth of what a batch
 * takes go into this batch, not the next: without that, callers fall into two halves that wait for each other. Where they
 * do not come back, it is left alone for a while. */
static void
gather(struct market *m, size_t answered)
{
    int64_t us = m->batch_us / 10 < GATHER_US ? m->batch_us / 10 : GATHER_US;

    if (m->gather_rest > 0)
        m->gather_rest--;
    else if (!queue_gather(m, answered, us))
        m->gather_rest = GATHER_REST;
}

/* Is there so much to do that the next batch had better be decided while this one is written? */
static bool
is_busy(struct market *m, const struct work *w)
{
    return m->lately + w->n + queue_next(m) >= (m->config.ahead_min > 0 ? m->config.ahead_min : AHEAD_MIN);
}

static void
serve_batch(struct market *m, struct work *w, struct work *other)
{
    int64_t begin_us = monotonic_us();
    size_t n = w->n;

    process(m, w, is_busy(m, w) ? other : NULL);
    m->lately = n;
    begin_us = monotonic_us() - begin_us;
    m->batch_us += (begin_us - m->batch_us) / 4;
    histogram_add(&m->figures.batch_size, &HISTOGRAM_COUNT, (int64_t)n);
    histogram_add(&m->figures.batch_time, &HISTOGRAM_TIME, begin_us);
    if (other->n == 0) {
        work_answer(m);
        gather(m, n);
    }
    m->turn ^= 1;
}

/* A key that another has followed ends a day later: what it signs then no agent takes, and no auditor. Who leads with it makes
 * room for a server that has the new one. */
static bool
key_is_over(struct market *m)
{
    struct err_detail d = { 0 };

    if (monotonic_ms() - m->key_looked_ms < KEY_EVERY_MS)
        return false;
    m->key_looked_ms = monotonic_ms();
    market_key_look(m);
    if (market_key_until(m) != 0 || own_keys_check(m, &d) == OK)
        return false;
    queue_phase(m, MARKET_TROUBLED, ERR_DB, d.internal);
    step_down(m);
    return true;
}

/* One batch: what was decided while the last one was written, or what waits. */
static void
serve(struct market *m)
{
    struct work *w = &m->work[m->turn], *other = &m->work[m->turn ^ 1];
    bool idle;

    if (key_is_over(m))
        return;
    if (w->n == 0)
        w->n = queue_take(m, w->commands, w->room, IDLE_MS, false);
    idle = w->n == 0;
    if (!idle)
        serve_batch(m, w, other);
    if (!m->leased || !lease_is_quiet(m))
        return;
    if (!db_alive(m->db) || lease_beat(m) != OK) /* nobody to tell, but the lease is gone, or may be */
        step_down(m);
    else if (idle)
        prune(m);
}

/* What was taken and is not written any more: the market does not lead, or it stops. */
static void
refuse_taken(struct market *m, enum err err)
{
    work_answer(m);
    if (m->state != NULL)
        work_undo(m);
    fail_work(m, &m->work[0], err);
    fail_work(m, &m->work[1], err);
}

static bool
time_is_over(struct market *m)
{
    bool none = m->work[0].n == 0 && m->work[1].n == 0, over;

    pthread_mutex_lock(&m->queue_lock);
    over = m->stopping && ((none && m->first == NULL) || monotonic_ms() >= m->stop_by_ms);
    pthread_mutex_unlock(&m->queue_lock);
    return over;
}

/* The guard is closed: what waits is refused, but for the operator's word. */
static void
serve_guarded(struct market *m)
{
    struct work *w = &m->work[m->turn];

    w->n = queue_take(m, w->commands, 1, GUARD_MS, false);
    if (w->n > 0 && !command_admits_rollback(w->commands[0]))
        fail_work(m, w, ERR_GUARDED);
    else if (w->n > 0) {
        guard_sends(m, m->head.size);
        process(m, w, NULL);
        work_answer(m);
    }
    if (m->leased && lease_is_quiet(m) && (!db_alive(m->db) || lease_beat(m) != OK))
        step_down(m);
}

/* Until the guard opens, or there is nothing to guard any more. True: it is open. */
static bool
stand_guard(struct market *m)
{
    struct guard_now now;
    struct err_detail d = { 0 };

    for (bool first = true; m->leased && m->state != NULL && !time_is_over(m); first = false) {
        uint64_t to, rolled_back;
        int64_t at_ms;

        guard_look(m, &now);
        if (first && now.open)
            return true;
        rolled_back = ledger_rollback(m->state->ledger, &to, &at_ms);
        guard_settle(m, rolled_back, clock_real_at(&m->config.clock, at_ms));
        guard_look(m, &now);
        if (now.open) {
            if (announce(m, &d) == OK)
                return true;
            step_down(m);
            rebuild_drop(m);
            return false;
        }
        queue_phase(m, MARKET_GUARDED, ERR_GUARDED, now.why);
        serve_guarded(m);
        if (market_phase(m) != MARKET_GUARDED) /* that went wrong */
            return false;
    }
    return false;
}

static void *
run(void *arg)
{
    struct market *m = arg;

    prctl(PR_SET_TIMERSLACK, 1000UL); /* ns: gathering waits for some ten microseconds */
    while (!time_is_over(m)) {
        bool leading = m->leased && m->state != NULL;

        if (!leading)
            leading = lead(m);
        if (leading && probe(m) && stand_guard(m)) {
            queue_phase(m, MARKET_LEADING, ERR_DB, "");
            while (!time_is_over(m) && m->leased && m->state != NULL && market_phase(m) == MARKET_LEADING)
                serve(m);
            refuse_taken(m, queue_stopping(m) ? ERR_SHUTDOWN : market_refusal(m));
            continue;
        }
        queue_refuse(m, market_phase(m) == MARKET_WAITING_LEASE ? ERR_NOT_LEADER : ERR_DB);
        if (queue_stopping(m))
            break;
        wait_ms(m, market_phase(m) == MARKET_WAITING_LEASE ? LEASE_PAUSE_MS : PROBE_PAUSE_MS);
    }
    queue_refuse(m, ERR_SHUTDOWN);
    return NULL;
}

/* ---- start and stop ------------------------------------------------------------------------------------------------- */

static void
market_delete(struct market *m)
{
    rebuild_drop(m);
    db_delete(m->db);
    undo_delete(m->undo);
    work_free(&m->work[0]);
    work_free(&m->work[1]);
    journal_writer_free(&m->writer);
    rows_free(&m->rows);
    queue_free(m);
    pthread_rwlock_destroy(&m->state_lock);
    pthread_mutex_destroy(&m->edge_lock);
    free(m->tiles);
    pthread_mutex_destroy(&m->guard.lock);
    free(m->conninfo);
    free(m->origin);
    free(m->people_url);
    free(m->agents_url);
    free(m);
}

enum err
market_start(const struct market_config *config, struct market **ret, struct err_detail *d)
{
    struct market *m;
    pthread_rwlockattr_t attr;

    if (config->db_writer == NULL || config->batch_max == 0 || config->queue_max == 0 ||
        config->queue_per_organisation == 0)
        return err_internal(d, ERR_CONFIG, "the market needs a database and limits of its queue");
    m = xcalloc(1, sizeof *m);
    m->config = *config;
    m->conninfo = xstrdup(config->db_writer);
    m->origin = config->origin != NULL ? xstrdup(config->origin) : NULL;
    m->people_url = config->people_url != NULL ? xstrdup(config->people_url) : NULL;
    m->agents_url = config->agents_url != NULL ? xstrdup(config->agents_url) : NULL;
    m->config.db_writer = m->conninfo;
    m->config.origin = m->origin;
    m->tiles = tiles_new();
    queue_init(m);
    pthread_mutex_init(&m->edge_lock, NULL);
    pthread_mutex_init(&m->guard.lock, NULL);
    m->guard.open = true;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&m->state_lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    m->db = db_new(&(struct db_config){ .conninfo = m->conninfo, .name = "kontord sequencer", .no_reconnect = true, .seals = config->seals });
    db_set_fault(m->db, config->fault, config->fault_ctx);
    m->undo = undo_new();
    work_init(&m->work[0], config->batch_max);
    work_init(&m->work[1], config->batch_max);
    rows_init(&m->rows);
    m->pruned_ms = monotonic_ms() - PRUNE_EVERY_MS;
    if (pthread_create(&m->thread, NULL, run, m) != 0) {
        market_delete(m);
        return err_internal(d, ERR_INTERNAL, "cannot start the sequencer's thread");
    }
    *ret = m;
    return OK;
}

void
market_stop(struct market *m)
{
    if (m == NULL)
        return;
    pthread_mutex_lock(&m->queue_lock);
    m->stopping = true;
    m->stop_by_ms = monotonic_ms() + STOP_MS;
    pthread_cond_broadcast(&m->queue_more);
    pthread_mutex_unlock(&m->queue_lock);
    pthread_join(m->thread, NULL);
    market_delete(m);
}

const struct state *
market_read_lock(struct market *m)
{
    pthread_rwlock_rdlock(&m->state_lock);
    if (m->state != NULL)
        return m->state;
    pthread_rwlock_unlock(&m->state_lock);
    return NULL;
}

void
market_read_unlock(struct market *m)
{
    pthread_rwlock_unlock(&m->state_lock);
}

int64_t
market_now(const struct market *m)
{
    return clock_now(&m->config.clock);
}
