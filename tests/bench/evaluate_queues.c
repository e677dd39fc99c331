/* tests/bench/evaluate_queues.c: a queue at each site, with EASY backfill (Lifka 1995). The first in the queue has a
 * reservation at the shadow time, the earliest at which running jobs, by what they asked for, leave it enough. Another
 * one may start before it if it fits now and either is over by the shadow time, or takes only GPUs that the first one
 * leaves even then. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "evaluate.h"

struct running {
    int64_t until_s; /* start + walltime: the latest end */
    uint32_t job;
    int32_t gpus;
};

struct queue {
    struct line waiting;
    struct running *running; /* by (until, job) */
    size_t running_count, running_room;
    int32_t free;
    int64_t queued_gpu_s; /* asked for by those that wait */
    int64_t until_gpu_s;  /* over those that run: GPUs x until */
    uint32_t head;        /* whom the promise below was made to */
    int64_t head_by_s;    /* INT64_MAX: to nobody */
};

struct queues {
    struct run *run;
    uint64_t chance;
    uint32_t turn;
    struct queue at[SITES_MAX];
};

struct queues *
queues_new(struct run *r)
{
    struct queues *q = xcalloc(1, sizeof *q);

    q->run = r;
    q->chance = 1;
    for (int i = 0; i < r->world->sites; i++) {
        q->at[i].free = r->world->gpus[i];
        q->at[i].head_by_s = INT64_MAX;
    }
    return q;
}

void
queues_free(struct queues *q)
{
    for (int i = 0; q && i < SITES_MAX; i++) {
        free(q->at[i].waiting.at);
        free(q->at[i].running);
    }
    free(q);
}

/* ---- who runs ------------------------------------------------------------------------------------------------------ */

static size_t
running_place(const struct queue *s, int64_t until_s, uint32_t job)
{
    size_t low = 0, high = s->running_count;

    while (low < high) {
        size_t i = low + (high - low) / 2;

        if (s->running[i].until_s < until_s || (s->running[i].until_s == until_s && s->running[i].job < job))
            low = i + 1;
        else
            high = i;
    }
    return low;
}

static void
begin(struct queues *q, int site, size_t waiting)
{
    struct queue *s = &q->at[site];
    uint32_t job = s->waiting.at[waiting].job;
    const struct job *j = &q->run->world->jobs[job];
    int64_t until_s = q->run->now_s + j->walltime_s;
    size_t i = running_place(s, until_s, job);

    if (s->running_count == s->running_room)
        s->running =
            xrealloc(s->running, (s->running_room = s->running_room ? 2 * s->running_room : 64) * sizeof *s->running);
    memmove(&s->running[i + 1], &s->running[i], (s->running_count - i) * sizeof *s->running);
    s->running[i] = (struct running){ until_s, job, j->gpus };
    s->running_count++;
    s->free -= j->gpus;
    s->until_gpu_s += j->gpus * until_s;
    s->queued_gpu_s -= j->gpus * j->walltime_s;
    line_remove(&s->waiting, waiting);
    run_start(q->run, job, site);
}

static void
end(struct queues *q, int site, uint32_t job)
{
    struct queue *s = &q->at[site];
    const struct job *j = &q->run->world->jobs[job];
    int64_t until_s = q->run->outcomes[job].start_s + j->walltime_s;
    size_t i = running_place(s, until_s, job);

    assert(i < s->running_count && s->running[i].job == job);
    s->running_count--;
    memmove(&s->running[i], &s->running[i + 1], (s->running_count - i) * sizeof *s->running);
    s->free += j->gpus;
    s->until_gpu_s -= j->gpus * until_s;
}

/* ---- EASY ---------------------------------------------------------------------------------------------------------- */

/* When enough is free for so many GPUs, and how many more than that are free then. */
static int64_t
shadow_of(const struct queue *s, int32_t gpus, int32_t *ret_extra)
{
    int32_t free = s->free;
    size_t i = 0;

    while (i < s->running_count) {
        int64_t until_s = s->running[i].until_s;

        for (; i < s->running_count && s->running[i].until_s == until_s; i++)
            free += s->running[i].gpus;
        if (free >= gpus) {
            *ret_extra = free - gpus;
            return until_s;
        }
    }
    assert(!"a job larger than its site");
    return INT64_MAX;
}

/* Nobody may push back whom a start was promised to (in other orders than first come, who comes later may be first). */
static void
check_promise(struct queues *q, struct queue *s, uint32_t head, int64_t by_s)
{
    if (q->run->policy->order == ORDER_FIRST_COME && s->head_by_s != INT64_MAX && s->head == head)
        assert(by_s <= s->head_by_s);
    s->head = head;
    s->head_by_s = by_s;
}

static void
schedule(struct queues *q, int site)
{
    struct queue *s = &q->at[site];
    const struct job *jobs = q->run->world->jobs;
    int64_t now_s = q->run->now_s, shadow_s;
    int32_t extra;

    if (q->run->down[site])
        return;
    while (s->waiting.count > 0 && jobs[s->waiting.at[0].job].gpus <= s->free) {
        check_promise(q, s, s->waiting.at[0].job, now_s);
        s->head_by_s = INT64_MAX;
        begin(q, site, 0);
    }
    if (s->waiting.count == 0 || s->free == 0)
        return;
    shadow_s = shadow_of(s, jobs[s->waiting.at[0].job].gpus, &extra);
    check_promise(q, s, s->waiting.at[0].job, shadow_s);
    for (size_t i = 1; i < s->waiting.count && s->free > 0;) {
        const struct job *j = &jobs[s->waiting.at[i].job];
        bool beyond = now_s + j->walltime_s > shadow_s;

        if (j->gpus > s->free || (beyond && j->gpus > extra)) {
            i++;
            continue;
        }
        if (beyond)
            extra -= j->gpus;
        begin(q, site, i);
    }
}

/* ---- where --------------------------------------------------------------------------------------------------------- */

static bool
may(const struct queues *q, int site, const struct job *j)
{
    return q->run->world->gpus[site] >= j->gpus && !q->run->down[site];
}

/* What is asked for there, running and waiting, in seconds of the whole site. */
static int64_t
load_of(const struct queues *q, int site)
{
    const struct queue *s = &q->at[site];
    int32_t gpus = q->run->world->gpus[site];

    return (s->queued_gpu_s + s->until_gpu_s - (gpus - s->free) * q->run->now_s) / gpus;
}

static int
route(struct queues *q, const struct job *j)
{
    int sites = q->run->world->sites, best = -1;

    if (q->run->policy->route == ROUTE_HOME || q->run->policy->route == ROUTE_POOLED || !j->movable)
        return j->home;
    if (q->run->policy->route == ROUTE_LEAST_LOADED) {
        for (int i = 0; i < sites; i++)
            if (may(q, i, j) && (best < 0 || load_of(q, i) < load_of(q, best)))
                best = i;
        return best < 0 ? j->home : best;
    }
    for (int tries = 0; tries < 64 * sites; tries++) {
        best = q->run->policy->route == ROUTE_RANDOM ? (int)draw_below(&q->chance, sites)
                                                     : (int)(q->turn++ % (unsigned)sites);
        if (may(q, best, j))
            return best;
    }
    return j->home;
}

static void
enqueue(struct queues *q, uint32_t job, int site)
{
    const struct job *j = &q->run->world->jobs[job];

    q->at[site].queued_gpu_s += j->gpus * j->walltime_s;
    line_add(&q->at[site].waiting, order_key(q->run->policy, j), job);
}

void
queues_arrival(struct queues *q, uint32_t job)
{
    int site = route(q, &q->run->world->jobs[job]);

    enqueue(q, job, site);
    schedule(q, site);
}

void
queues_end(struct queues *q, uint32_t job, int site)
{
    end(q, site, job);
    schedule(q, site);
}

/* Back into the queue of its site, in its old place: a queue knows no other site. */
void
queues_killed(struct queues *q, uint32_t job, int site)
{
    end(q, site, job);
    q->at[site].head_by_s = INT64_MAX;
    enqueue(q, job, site);
}

void
queues_up(struct queues *q, int site)
{
    q->at[site].head_by_s = INT64_MAX;
    schedule(q, site);
}
