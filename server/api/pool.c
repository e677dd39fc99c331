/* api/pool.c
 * The workers: threads with a database connection each, for reads, plain writes, rendering and signatures; and two more
 * for what takes long by design (argon2id at 19 MiB each). What the market has answered goes first. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/text.h"

enum { FRESH_MAX = 20000, FRESH_OF_ONE = 5000, SLOW_MAX = 400, SLOW_OF_ONE = 50, SLOW_THREADS = 2, THREADS_MAX = 258, BACK_AT_ONCE = REPLIES_AT_ONCE };

struct task {
    void (*run)(void *ctx, struct db *db);
    void *ctx;
    struct task *next;
};

struct queue {
    struct call *first, **end;
    size_t n;
};

struct worker {
    struct pool *pool;
    struct db *db;
    pthread_t thread;
    bool slow;
};

struct pool {
    struct api *api;
    pthread_mutex_t lock;
    pthread_cond_t work, slow_work;
    struct queue back;
    struct fair *fresh, *waiting_slow;
    struct task *first_task, **task_end;
    bool stopping;
    size_t working;      /* workers, slow ones too, that have something in hand */
    size_t idle, waking; /* workers that sleep; those of them that were woken and do not run yet */
    struct worker workers[THREADS_MAX];
    size_t n;
};

struct pool *
pool_new(struct api *api)
{
    struct pool *p = xcalloc(1, sizeof *p);

    p->api = api;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->slow_work, NULL);
    p->back.end = &p->back.first;
    p->fresh = fair_new(FRESH_MAX, FRESH_OF_ONE);
    p->waiting_slow = fair_new(SLOW_MAX, SLOW_OF_ONE);
    p->task_end = &p->first_task;
    return p;
}

/* What the market has answered is taken several at a time, but leaves some for the others. */
static struct call *
take_back(struct pool *p)
{
    struct queue *q = &p->back;
    size_t share = q->n / (p->n > SLOW_THREADS ? p->n - SLOW_THREADS : 1) + 1;
    struct call *list = q->first, *last = list;

    if (!list)
        return NULL;
    if (share > BACK_AT_ONCE)
        share = BACK_AT_ONCE;
    q->n--;
    while (--share > 0 && last->next) {
        last = last->next;
        q->n--;
    }
    q->first = last->next;
    if (!q->first)
        q->end = &q->first;
    last->next = NULL;
    return list;
}

/* Workers wake one another: whoever brings work wakes one only, and that one the next if there is more. So a batch of a
 * thousand answers costs the sequencer one wake. Under the lock. */
static void
wake_one(struct pool *p)
{
    if ((p->back.n || fair_count(p->fresh) || p->first_task) && p->idle > p->waking && p->waking == 0) {
        p->waking++;
        pthread_cond_signal(&p->work);
    }
}

/* Sleep until woken, or for so many µs (0: however long). */
static void
rest(pthread_cond_t *more, pthread_mutex_t *lock, int64_t most_us)
{
    struct timespec until;

    if (most_us == 0) {
        pthread_cond_wait(more, lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += most_us * 1000; /* less than a second */
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_clockwait(more, lock, CLOCK_MONOTONIC, &until);
}

/* The next piece of work for this worker, under the lock; false when it is to end. *ret_from: where it was taken from in
 * turn, or NULL. */
static bool
next_work(struct worker *w, struct call **ret_call, struct task **ret_task, struct fair **ret_from)
{
    struct pool *p = w->pool;

    *ret_call = NULL;
    *ret_task = NULL;
    for (;;) {
        *ret_from = NULL;
        if (w->slow) {
            *ret_call = fair_take(*ret_from = p->waiting_slow);
        } else if ((*ret_task = p->first_task) != NULL) {
            p->first_task = (*ret_task)->next;
            if (!p->first_task)
                p->task_end = &p->first_task;
        } else {
            *ret_call = take_back(p);
            if (!*ret_call)
                *ret_call = fair_take(*ret_from = p->fresh);
        }
        if (*ret_call || *ret_task) {
            if (!w->slow)
                wake_one(p); /* if there is more */
            return true;
        }
        if (p->stopping)
            return false;
        if (w->slow) {
            rest(&p->slow_work, &p->lock, fair_held_us(p->waiting_slow));
            continue;
        }
        p->idle++;
        rest(&p->work, &p->lock, fair_held_us(p->fresh));
        p->idle--;
        if (p->waking) /* in time or not: a signal may be lost to one whose time was over; one wake too many does no harm */
            p->waking--;
    }
}

static void
send_replies(struct replies *r)
{
    http_complete_many(r->calls, r->responses, r->n);
    r->n = 0;
}

/* What the database's own log shows beside each statement: the call that it is for. */
static void
tag(const struct call *call, struct db *db)
{
    char text[DB_TAG_MAX];

    text_format(text, sizeof text, "kontord req=%s", call->request_id);
    db_tag(db, text);
}

/* Calls that have come back together: their replies go out together, which wakes each socket thread once; but none waits
 * for a slow one behind it. */
static void
run_calls(struct call *list, struct db *db)
{
    struct replies replies = { .n = 0 };
    int64_t began_ms = monotonic_ms();
    struct call *next;

    for (; list; list = next) {
        next = list->next;
        list->db = db;
        call_act(list);
        tag(list, db);
        list->replies = next || replies.n ? &replies : NULL;
        list->stage(list);
        if (monotonic_ms() != began_ms) {
            send_replies(&replies);
            began_ms = monotonic_ms();
        }
    }
    send_replies(&replies);
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    struct fair *from;
    struct call *call;
    struct task *task;

    pthread_mutex_lock(&p->lock);
    while (next_work(w, &call, &task, &from)) {
        uint64_t share = from ? call->share : 0; /* the call is gone afterwards */

        p->working++;
        pthread_mutex_unlock(&p->lock);
        if (task) {
            db_act_as(w->db, DB_ACTOR_SERVER);
            db_tag(w->db, "");
            task->run(task->ctx, w->db);
            free(task);
        } else {
            run_calls(call, w->db);
        }
        db_act_as(w->db, DB_ACTOR_UNSET);
        pthread_mutex_lock(&p->lock);
        p->working--;
        if (from)
            fair_done(from, share);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum err
pool_start(struct pool *p, int workers, struct err_detail *d)
{
    sigset_t all, before;
    enum err err = OK;

    assert(workers >= 1 && workers <= THREADS_MAX - SLOW_THREADS);
    fair_workers(p->fresh, (size_t)workers);
    fair_workers(p->waiting_slow, SLOW_THREADS);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&p->lock); /* the first ones ask how many there are */
    for (int i = 0; i < workers + SLOW_THREADS && !err; i++) {
        struct worker *w = &p->workers[p->n];

        *w = (struct worker){ .pool = p,
                              .slow = i >= workers,
                              .db = db_new(&(struct db_config){ .conninfo = p->api->db_worker, .name = "kontord worker",
                                                                .seals = p->api->seals }) };
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            db_delete(w->db);
            err = err_internal(d, ERR_IO, "cannot start a worker");
        } else {
            p->n++;
        }
    }
    pthread_mutex_unlock(&p->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}

void
pool_stop(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_cond_broadcast(&p->slow_work);
    pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->n; i++) {
        pthread_join(p->workers[i].thread, NULL);
        db_delete(p->workers[i].db);
    }
    p->n = 0;
}

void
pool_delete(struct pool *p)
{
    if (!p)
        return;
    pool_stop(p);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->slow_work);
    pthread_mutex_destroy(&p->lock);
    fair_delete(p->fresh);
    fair_delete(p->waiting_slow);
    free(p);
}

enum err
pool_put(struct pool *p, enum pool_lane lane, struct call *call, handler_fn *stage)
{
    struct fair *queue = lane == LANE_SLOW ? p->waiting_slow : p->fresh;
    enum err err = OK;

    call->stage = stage;
    call->db = NULL;
    call->replies = NULL;
    call->next = NULL;
    pthread_mutex_lock(&p->lock);
    if (lane == LANE_BACK) {
        *p->back.end = call;
        p->back.end = &call->next;
        p->back.n++;
    } else {
        err = fair_put(queue, call);
    }
    if (err)
        call->detail.retry_after_s = fair_again_s(queue);
    if (!err && lane == LANE_SLOW)
        pthread_cond_signal(&p->slow_work);
    else if (!err)
        wake_one(p);
    pthread_mutex_unlock(&p->lock);
    return err;
}

void
pool_task(struct pool *p, void (*run)(void *ctx, struct db *db), void *ctx)
{
    struct task *t = xcalloc(1, sizeof *t);

    t->run = run;
    t->ctx = ctx;
    pthread_mutex_lock(&p->lock);
    *p->task_end = t;
    p->task_end = &t->next;
    wake_one(p);
    pthread_mutex_unlock(&p->lock);
}

struct pool_load
pool_load(struct pool *p)
{
    struct pool_load load;

    pthread_mutex_lock(&p->lock);
    load = (struct pool_load){ .workers = p->n, .busy = p->working };
    load.waiting[LANE_FRESH] = fair_count(p->fresh);
    load.waiting[LANE_BACK] = p->back.n;
    load.waiting[LANE_SLOW] = fair_count(p->waiting_slow);
    pthread_mutex_unlock(&p->lock);
    return load;
}

bool
pool_still(struct pool *p)
{
    bool still;

    pthread_mutex_lock(&p->lock);
    still = !p->working && !p->first_task && !fair_count(p->fresh) && !p->back.n && !fair_count(p->waiting_slow);
    pthread_mutex_unlock(&p->lock);
    return still;
}
