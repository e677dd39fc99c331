/* market/work.c
 * A batch on its way: its commands are taken and decided, it is sealed (encoded: nothing more goes in), written, and its
 * callers are answered. While PostgreSQL writes one, the next is decided on top of it, as if it were committed already, and
 * sealed while it waits for COMMIT. Nothing of the next is sent before the first is committed; if the first fails, the next
 * is taken back with it and decided anew. So at most two are on their way, and no caller learns of anything uncommitted. */
#include "market/market_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/text.h"
#include "market/index.h"

enum { LOCK_TURN = 32, AHEAD_TURN = 64, ANSWER_TURN = 128 };

void
work_init(struct work *w, size_t room)
{
    *w = (struct work){ .commands = xcalloc(room, sizeof(struct command *)), .room = room, .tiles = tiles_new() };
    batch_init(&w->batch);
}

void
work_free(struct work *w)
{
    free(w->commands);
    free(w->tiles);
    batch_free(&w->batch);
    map_delete(w->seen);
}

void
work_forget(struct work *w)
{
    w->decided = 0;
    w->waiting = 0;
    w->sealed = false;
    map_delete(w->seen);
    w->seen = NULL;
    batch_clear(&w->batch);
}

void
work_undo(struct market *m)
{
    pthread_rwlock_wrlock(&m->state_lock);
    undo_back(m->undo, 0);
    pthread_rwlock_unlock(&m->state_lock);
    undo_commit(m->undo);
    work_forget(&m->work[0]);
    work_forget(&m->work[1]);
}

/* ---- deciding ------------------------------------------------------------------------------------------------------- */

struct lookup { struct command **commands; size_t n; };

static void
take_answer(void *ctx, const struct answer_row *a)
{
    const struct lookup *l = ctx;

    for (size_t i = 0; i < l->n; i++) {
        struct command *c = l->commands[i];

        if (!c->idem.present || c->stage == COMMAND_ANSWERED || !hash_equal(c->idem.scope, a->scope))
            continue;
        c->stage = COMMAND_ANSWERED;
        c->err = hash_equal(c->idem.request, a->request) ? a->err : ERR_KEY_CONFLICT;
        if (c->err == ERR_KEY_CONFLICT)
            continue;
        if (c->err)
            text_format(c->detail.text, sizeof c->detail.text, "%s", a->text);
        c->answer = (struct answer){ .id = a->id, .index = a->index, .number = a->number, .time_ms = a->time_ms,
                                     .flags = a->flags | ANSWER_REPEATED };
    }
}

/* Begin anew with these; the scopes of those whose key may have been used before. */
static size_t
keys_to_ask(struct market *m, struct command **commands, size_t n, struct hash *ret)
{
    size_t maybe = 0;

    for (size_t i = 0; i < n; i++) {
        struct command *c = commands[i];

        if (c->stage != COMMAND_POISONED)
            c->stage = COMMAND_FRESH;
        c->detail = (struct err_detail){ 0 };
        if (c->idem.present && c->stage == COMMAND_FRESH && keys_maybe(&m->keys, keys_of(&c->idem.scope)))
            ret[maybe++] = c->idem.scope;
    }
    return maybe;
}

/* The same key twice in a batch: the later one gets the earlier one's answer. */
static bool
is_twin(struct map *seen, struct command *c)
{
    struct command *first = map_get(seen, c->idem.scope.b);

    if (first == NULL) {
        map_put(seen, c->idem.scope.b, c, NULL);
        return false;
    }
    c->twin = first;
    c->stage = COMMAND_TWIN;
    return true;
}

static void
decide_one(struct deciding *d, struct market *m, struct command *c)
{
    undo_mark mark = undo_here(m->undo);

    d->detail = &c->detail;
    c->answer = (struct answer){ 0 };
    c->err = c->stage == COMMAND_POISONED ? ERR_POISONED : decide_command(d, c);
    if (c->err)
        undo_back(m->undo, mark);
    if (c->idem.present && decide_is_final(c->err)) {
        batch_answer(d, c);
        keys_add(&m->keys, keys_of(&c->idem.scope)); /* not undone: a key too many costs a look-up */
    }
}

struct deciding
work_deciding(struct market *m, struct work *w)
{
    return (struct deciding){
        .state = m->state, .undo = m->undo, .batch = &w->batch,
        .now_ms = max_i64(ledger_time(m->state->ledger), clock_now(&m->config.clock)),
    };
}

static void
decide_all(struct market *m, struct work *w)
{
    struct deciding d = work_deciding(m, w);
    size_t turn = 0;

    if (w->seen == NULL)
        w->seen = map_new(sizeof(struct hash));
    pthread_rwlock_wrlock(&m->state_lock);
    index_advance(m->state, d.now_ms);
    while (w->decided < w->n) {
        struct command *c = w->commands[w->decided++];

        if (c->stage == COMMAND_ANSWERED || (c->idem.present && is_twin(w->seen, c)))
            continue;
        decide_one(&d, m, c);
        w->waiting++;
        if (++turn % LOCK_TURN == 0) { /* readers need not wait for the whole batch */
            pthread_rwlock_unlock(&m->state_lock);
            pthread_rwlock_wrlock(&m->state_lock);
        }
    }
    pthread_rwlock_unlock(&m->state_lock);
}

/* Decide what was taken. Where one's key may have been used before and nothing can be asked, all wait until it can: one of
 * them may be the same as a command of the batch under way. */
static enum err
decide_taken(struct market *m, struct work *w, bool can_ask)
{
    struct command **commands = w->commands + w->decided;
    size_t n = w->n - w->decided;
    struct hash *scopes = xcalloc(n > 0 ? n : 1, sizeof scopes[0]);
    size_t maybe = keys_to_ask(m, commands, n, scopes);
    enum err err = OK;

    if (maybe > 0 && can_ask) {
        work_answer(m); /* they need not wait for this one's questions */
        err = answers_find_all(m->db, scopes, maybe, take_answer, &(struct lookup){ .commands = commands, .n = n });
    }
    if (!err && (maybe == 0 || can_ask))
        decide_all(m, w);
    free(scopes);
    return err;
}

/* ---- while another is written ---------------------------------------------------------------------------------------- */

static void
copy_twin(struct command *c)
{
    const struct command *first = c->twin;

    if (!hash_equal(first->idem.request, c->idem.request)) {
        c->err = ERR_KEY_CONFLICT;
        return;
    }
    c->err = first->err;
    c->detail = first->detail;
    c->answer = first->answer;
    c->answer.flags |= ANSWER_REPEATED;
}

/* What was committed is told, and its callers are answered. False: all were. */
static bool
answer_some(struct market *m, size_t most)
{
    struct work *w = m->committed;

    if (w == NULL)
        return false;
    for (size_t i = 0; w->answered == 0 && i < w->n; i++) /* before any goes: twins point at each other */
        if (w->commands[i]->stage == COMMAND_TWIN)
            copy_twin(w->commands[i]);
    for (; w->answered < w->n && most > 0; most--)
        queue_complete(m, w->commands[w->answered++]);
    if (w->answered < w->n)
        return true;
    w->n = 0;
    w->answered = 0;
    work_forget(w);
    m->committed = NULL;
    return true;
}

void
work_answer(struct market *m)
{
    answer_some(m, SIZE_MAX);
}

/* Called while the database works at m->flying. */
static bool
meanwhile(void *ctx)
{
    struct market *m = ctx;
    struct work *w = m->ahead;
    size_t room, came;

    if (answer_some(m, ANSWER_TURN))
        return true;
    if (w == NULL || w->sealed || w->decided < w->n)
        return false;
    if (m->ending) {
        if (w->waiting > 0)
            commit_seal(m, w, m->flying);
        return false;
    }
    room = w->room - w->n < AHEAD_TURN ? w->room - w->n : AHEAD_TURN;
    came = queue_take(m, w->commands + w->n, room, 0, w->n > 0);
    w->n += came;
    if (came > 0 && decide_taken(m, w, false) != OK)
        abort(); /* nothing was asked */
    return came > 0;
}

/* ---- one batch ------------------------------------------------------------------------------------------------------ */

static void
announce(struct market *m, struct work *w)
{
    struct vector *events = &w->batch.events;

    if (w->batch.entries.n > 0) {
        struct market_event head = { .kind = EVENT_HEAD, .index = w->next.size };
        *(struct market_event *)vector_add(events, NULL, 1) = head;
    }
    if (m->config.on_commit != NULL && events->n > 0)
        m->config.on_commit(m->config.ctx, events->items, events->n);
}

/* What was decided is so. */
static void
keep(struct market *m, struct work *w)
{
    struct work *other = &m->work[w == &m->work[0]];

    pthread_rwlock_wrlock(&m->state_lock);
    undo_commit_to(m->undo, w->end);
    pthread_rwlock_unlock(&m->state_lock);
    if (other->sealed)
        other->end -= w->end;
    for (size_t k = 0; k < w->n; k++)
        if (w->commands[k]->stage != COMMAND_ANSWERED)
            w->commands[k]->batch = w->next.batch;
    announce(m, w);
}

static void
log_batch(struct market *m, const struct work *w, enum commit_result result, enum commit_outcome outcome, int64_t took_us)
{
    bool done = result == COMMIT_DONE;

    LOG_WRITE(m->config.log, done ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "batch",
              LOG_I64("batch", (int64_t)w->next.batch), LOG_I64("term", (int64_t)w->next.term),
              LOG_I64("entries", (int64_t)w->batch.entries.n), LOG_TEXT("outcome", commit_outcome_name(outcome)),
              LOG_TEXT("query", done ? NULL : db_failed_query(m->db)),
              LOG_TEXT("sqlstate", done ? NULL : db_sqlstate(m->db)),
              LOG_TEXT("detail", done ? NULL : db_message(m->db)), LOG_I64("us", took_us));
}

static enum commit_result
commit_and_count(struct market *m, struct work *w)
{
    static const enum commit_outcome OUTCOME[] = {
        [COMMIT_DONE] = COMMITS_DONE, [COMMIT_DATA] = COMMITS_DATA, [COMMIT_ROWS] = COMMITS_ROWS,
        [COMMIT_TROUBLE] = COMMITS_TROUBLE, [COMMIT_UNKNOWN] = COMMITS_UNKNOWN,
    };
    struct market_figures *f = &m->figures;
    int64_t begin_us = monotonic_us(), took_us;
    uint64_t size = m->head.size;
    enum commit_result result;

    atomic_store_explicit(&f->commit_since_ms, begin_us / 1000, memory_order_relaxed);
    result = commit_batch(m, w);
    atomic_store_explicit(&f->commit_since_ms, 0, memory_order_relaxed);
    took_us = monotonic_us() - begin_us;
    histogram_add(&f->commit_time, &HISTOGRAM_TIME, took_us);
    atomic_fetch_add_explicit(&f->commits[OUTCOME[result]], 1, memory_order_relaxed);
    if (result == COMMIT_DONE) {
        atomic_fetch_add_explicit(&f->entries, m->head.size - size, memory_order_relaxed);
        figures_head(f, m->head.term, m->head.batch, m->head.size);
    }
    log_batch(m, w, result, OUTCOME[result], took_us);
    return result;
}

static enum commit_result
write_sealed(struct market *m, struct work *w, struct work *ahead)
{
    int64_t asked_ms = monotonic_ms();
    enum commit_result result;

    m->flying = w;
    m->ahead = ahead;
    db_meanwhile(m->db, meanwhile, m);
    result = commit_and_count(m, w);
    db_meanwhile(m->db, NULL, NULL);
    m->flying = NULL;
    m->ahead = NULL;
    if (result == COMMIT_DONE)
        lease_sure(m, asked_ms);
    return result;
}

enum commit_result
work_attempt(struct market *m, struct work *w, struct work *ahead)
{
    enum commit_result result = COMMIT_TROUBLE;

    if (db_connected(m->db) && decide_taken(m, w, true) == OK) {
        if (w->waiting == 0 && w->n > 0) {
            work_answer(m);
            m->committed = w; /* all were answered before */
            return COMMIT_DONE;
        }
        if (!w->sealed)
            commit_seal(m, w, NULL);
        result = write_sealed(m, w, ahead);
    }
    work_answer(m);
    if (result == COMMIT_DONE) {
        keep(m, w);
        m->committed = w;
    } else if (result != COMMIT_UNKNOWN) {
        work_undo(m);
    }
    return result;
}
