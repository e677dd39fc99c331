/* tests/bench/evaluate_sim.c: the event queue, and the rules that hold whatever a policy does. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "evaluate.h"

enum {
    NO_SHOW_HOLD_S = 900, /* a reservation nobody comes to is given back after so long */
    AGEING = 8,           /* an hour of walltime weighs as much as so many hours of waiting */
    LARGE_GPU_S = 64 * 86400,
    LARGE_LATER_S = 86400,
};

const struct policy POLICIES[] = {
    { "home", ROUTE_HOME, ORDER_FIRST_COME, PROMISE_NONE, false },
    { "random", ROUTE_RANDOM, ORDER_FIRST_COME, PROMISE_NONE, false },
    { "round-robin", ROUTE_ROUND_ROBIN, ORDER_FIRST_COME, PROMISE_NONE, false },
    { "least-loaded", ROUTE_LEAST_LOADED, ORDER_FIRST_COME, PROMISE_NONE, false },
    { "least-loaded-short", ROUTE_LEAST_LOADED, ORDER_SHORT_FIRST, PROMISE_NONE, false },
    { "broker-firm", ROUTE_BROKER, ORDER_FIRST_COME, PROMISE_FIRM, false },
    { "broker-kept", ROUTE_BROKER, ORDER_FIRST_COME, PROMISE_KEPT, false },
    { "broker-kept-short", ROUTE_BROKER, ORDER_SHORT_FIRST, PROMISE_KEPT, false },
    { "broker-kept-fair", ROUTE_BROKER, ORDER_FAIR, PROMISE_KEPT, false },
    { "broker-heads", ROUTE_BROKER, ORDER_FIRST_COME, PROMISE_HEADS, false },
    { "broker-heads-short", ROUTE_BROKER, ORDER_SHORT_FIRST, PROMISE_HEADS, false },
    { "broker-heads-large", ROUTE_BROKER, ORDER_LARGE_LATER, PROMISE_HEADS, false },
    { "broker-heads-fair", ROUTE_BROKER, ORDER_FAIR, PROMISE_HEADS, false },
    { "pooled", ROUTE_POOLED, ORDER_FIRST_COME, PROMISE_NONE, false },
    { "pooled-short", ROUTE_POOLED, ORDER_SHORT_FIRST, PROMISE_NONE, false },
};
const size_t POLICIES_COUNT = sizeof POLICIES / sizeof POLICIES[0];

const struct policy *
policy_find(const char *name)
{
    for (size_t i = 0; i < POLICIES_COUNT; i++)
        if (strcmp(POLICIES[i].name, name) == 0)
            return &POLICIES[i];
    return NULL;
}

int64_t
order_key(const struct policy *p, const struct job *j)
{
    if (p->order == ORDER_SHORT_FIRST)
        return j->submit_s + AGEING * j->walltime_s;
    if (p->order == ORDER_LARGE_LATER && j->gpus * j->walltime_s >= LARGE_GPU_S)
        return j->submit_s + LARGE_LATER_S;
    return j->submit_s;
}

/* ---- lines --------------------------------------------------------------------------------------------------------- */

static size_t
line_place(const struct line *l, int64_t key, uint32_t job)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t i = low + (high - low) / 2;

        if (l->at[i].key < key || (l->at[i].key == key && l->at[i].job < job))
            low = i + 1;
        else
            high = i;
    }
    return low;
}

void
line_add(struct line *l, int64_t key, uint32_t job)
{
    size_t i = line_place(l, key, job);

    if (l->count == l->room)
        l->at = xrealloc(l->at, (l->room = l->room ? 2 * l->room : 64) * sizeof *l->at);
    memmove(&l->at[i + 1], &l->at[i], (l->count - i) * sizeof *l->at);
    l->at[i] = (struct line_entry){ key, job };
    l->count++;
}

void
line_remove(struct line *l, size_t i)
{
    assert(i < l->count);
    l->count--;
    memmove(&l->at[i], &l->at[i + 1], (l->count - i) * sizeof *l->at);
}

size_t
line_find(const struct line *l, int64_t key, uint32_t job)
{
    size_t i = line_place(l, key, job);

    assert(i < l->count && l->at[i].job == job);
    return i;
}

/* ---- events -------------------------------------------------------------------------------------------------------- */

static bool
event_before(const struct event *a, const struct event *b)
{
    if (a->at_s != b->at_s)
        return a->at_s < b->at_s;
    if (a->kind != b->kind)
        return a->kind < b->kind;
    if (a->job != b->job)
        return a->job < b->job;
    return a->version < b->version;
}

void
run_event(struct run *r, int64_t at_s, enum event_kind kind, uint32_t job, uint32_t version)
{
    struct event new = { at_s, kind, job, version };
    size_t i = r->heap_count++;

    assert(at_s >= r->now_s);
    if (i == r->heap_room)
        r->heap = xrealloc(r->heap, (r->heap_room = r->heap_room ? 2 * r->heap_room : 1024) * sizeof *r->heap);
    for (; i > 0 && event_before(&new, &r->heap[(i - 1) / 2]); i = (i - 1) / 2)
        r->heap[i] = r->heap[(i - 1) / 2];
    r->heap[i] = new;
}

static struct event
next_event(struct run *r)
{
    struct event first = r->heap[0], last = r->heap[--r->heap_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= r->heap_count)
            break;
        if (child + 1 < r->heap_count && event_before(&r->heap[child + 1], &r->heap[child]))
            child++;
        if (!event_before(&r->heap[child], &last))
            break;
        r->heap[i] = r->heap[child];
        i = child;
    }
    r->heap[i] = last;
    return first;
}

/* ---- what is so ---------------------------------------------------------------------------------------------------- */

void
run_start(struct run *r, uint32_t job, int site)
{
    const struct job *j = &r->world->jobs[job];
    struct outcome *o = &r->outcomes[job];

    assert(o->state == JOB_WAITING && r->now_s >= j->submit_s);
    assert(site >= 0 && site < r->world->sites && !r->down[site]);
    assert(j->movable || site == j->home);
    assert(r->used[site] + j->gpus <= r->world->gpus[site]);
    r->used[site] += j->gpus;
    r->used_most[site] = (int32_t)max_i64(r->used_most[site], r->used[site]);
    o->state = JOB_RUNNING;
    o->site = (int16_t)site;
    o->runs++;
    o->start_s = r->now_s;
    o->version++;
    run_event(r, r->now_s + (j->no_show ? r->hold_s : j->runtime_s), EVENT_END, job, o->version);
}

static void
count_busy(struct run *r, const struct job *j, const struct outcome *o)
{
    int64_t from_s = max_i64(o->start_s, r->world->begin_s), until_s = min_i64(r->now_s, r->world->end_s);

    if (until_s > from_s)
        r->busy_gpu_s += j->gpus * (until_s - from_s);
}

/* It runs no more, for whatever reason. */
static void
leave(struct run *r, uint32_t job, bool done)
{
    const struct job *j = &r->world->jobs[job];
    struct outcome *o = &r->outcomes[job];

    assert(o->state == JOB_RUNNING);
    r->used[o->site] -= j->gpus;
    assert(r->used[o->site] >= 0);
    o->end_s = r->now_s;
    o->state = done ? JOB_OVER : JOB_WAITING;
    if (done && !j->no_show)
        count_busy(r, j, o);
    else
        r->wasted_gpu_s += j->gpus * (r->now_s - o->start_s);
}

/* ---- the loop ------------------------------------------------------------------------------------------------------ */

struct policies {
    struct queues *queues;
    struct desk *desk;
};

static void
site_down(struct run *r, struct policies *p)
{
    int site = r->world->down_site;

    r->down[site] = true;
    if (p->desk)
        desk_down(p->desk, site);
    for (uint32_t job = 0; job < r->world->count; job++) {
        if (r->outcomes[job].state != JOB_RUNNING || r->outcomes[job].site != site)
            continue;
        leave(r, job, false);
        r->outcomes[job].version++;
        if (p->desk)
            desk_killed(p->desk, job);
        else
            queues_killed(p->queues, job, site);
    }
}

static void
happen(struct run *r, struct policies *p, const struct event *e)
{
    struct outcome *o = &r->outcomes[e->job];

    switch (e->kind) {
    case EVENT_ARRIVAL:
        assert(o->state == JOB_TO_COME);
        o->state = JOB_WAITING;
        if (p->desk)
            desk_arrival(p->desk, e->job);
        else
            queues_arrival(p->queues, e->job);
        break;
    case EVENT_END:
        if (o->version != e->version)
            break; /* killed since */
        leave(r, e->job, true);
        if (p->desk)
            desk_end(p->desk, e->job, o->site);
        else
            queues_end(p->queues, e->job, o->site);
        break;
    case EVENT_BOOKED:
        if (o->version == e->version)
            desk_booked(p->desk, e->job);
        break;
    case EVENT_DOWN:
        site_down(r, p);
        break;
    case EVENT_UP:
        r->down[r->world->down_site] = false;
        if (p->desk)
            desk_up(p->desk, r->world->down_site);
        else
            queues_up(p->queues, r->world->down_site);
        break;
    case EVENT_PASS:
        desk_pass(p->desk);
        break;
    }
}

void
run_world(const struct world *w, const struct policy *policy, struct run *ret)
{
    struct run *r = ret;
    struct policies p = { 0 };
    uint32_t arrived = 0;

    *r = (struct run){ .world = w, .policy = policy, .outcomes = xcalloc(w->count, sizeof *r->outcomes) };
    r->hold_s = policy->route == ROUTE_BROKER ? NO_SHOW_HOLD_S : 0;
    if (policy->route == ROUTE_BROKER)
        p.desk = desk_new(r);
    else
        p.queues = queues_new(r);
    if (w->down_site >= 0) {
        run_event(r, w->down_from_s, EVENT_DOWN, 0, 0);
        run_event(r, w->down_until_s, EVENT_UP, 0, 0);
    }
    for (;;) { /* arrivals are in order already: they need no heap */
        struct event e;
        bool arrival = arrived < w->count;

        if (arrival)
            e = (struct event){ w->jobs[arrived].submit_s, EVENT_ARRIVAL, arrived, 0 };
        if (r->heap_count > 0 && (!arrival || event_before(&r->heap[0], &e)))
            e = next_event(r);
        else if (arrival)
            arrived++;
        else
            break;
        r->now_s = e.at_s;
        r->events++;
        happen(r, &p, &e);
    }
    for (size_t i = 0; i < w->count; i++)
        assert(r->outcomes[i].state == JOB_OVER && r->outcomes[i].runs >= 1);
    queues_free(p.queues);
    desk_free(p.desk);
}

void
run_free(struct run *r)
{
    free(r->outcomes);
    free(r->heap);
}
