/* tests/bench/evaluate.h
 * The evaluation: the same arrivals under several policies, side by side, in simulated time. The broker's part calls
 * broker_quote() and the calendar themselves; nothing of them is rebuilt here. No clock, no database, no chance but what
 * a seed gives: equal worlds and policies give equal outcomes.
 *
 * Units: instants and durations whole seconds, capacity GPUs. A site is a number of GPUs: nodes, memory, countries and
 * prices play no part, so that what differs is where and when alone. */
#ifndef TESTS_BENCH_EVALUATE_H
#define TESTS_BENCH_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SITES_MAX = 26, GROUPS_MAX = 64 };

/* ---- evaluate_world.c: what happens, whatever the policy ---------------------------------------------------------- */

struct job {
    int64_t submit_s;
    int64_t runtime_s;  /* how long it runs; no policy knows */
    int64_t walltime_s; /* what is asked; at least the runtime */
    int64_t patience_s; /* wanted by submit + walltime + patience; no policy knows */
    int32_t gpus;
    int16_t group, home; /* who asks, and the site of theirs */
    bool movable;        /* may run elsewhere than at home */
    bool no_show;        /* nobody comes when it could start */
};

struct trace {
    struct job *jobs; /* by submission; walltime, home and the rest are not yet drawn */
    size_t count;
    int groups;
};

struct scenario {
    uint64_t seed;
    int sites;
    int load_percent;
    int movable_percent;
    int no_show_percent;
    bool failure; /* one site is down for two days */
};

struct world {
    struct job *jobs;
    size_t count;
    int groups, sites;
    int32_t gpus[SITES_MAX];
    int32_t total_gpus;
    int64_t begin_s, end_s; /* the time in which jobs arrive, but for the first thousandth of them */
    int down_site;          /* -1: none */
    int64_t down_from_s, down_until_s;
};

uint64_t draw_next(uint64_t *seed);
int64_t draw_below(uint64_t *seed, int64_t below);

bool trace_read(FILE *in, struct trace *ret); /* columns timestamp, duration, num_gpus, gpu_time, cluster */
void trace_make(uint64_t seed, size_t count, struct trace *ret);
void trace_free(struct trace *t);
void world_make(const struct trace *t, const struct scenario *s, struct world *ret);
/* All of the world as one site: what a perfect federation would be. */
void world_pool(const struct world *w, struct world *ret);
void world_free(struct world *w);

/* ---- evaluate_sim.c: time, and what is physically so --------------------------------------------------------------- */

enum route { ROUTE_HOME, ROUTE_RANDOM, ROUTE_ROUND_ROBIN, ROUTE_LEAST_LOADED, ROUTE_POOLED, ROUTE_BROKER };
enum order {
    ORDER_FIRST_COME,
    ORDER_SHORT_FIRST, /* by submit + AGEING x walltime: who waits long enough is overtaken by nobody */
    ORDER_LARGE_LATER, /* who asks for much stands behind what is asked within a day */
    ORDER_FAIR         /* the group with the smallest share of its due first; first come within it */
};
enum promise {
    PROMISE_FIRM,  /* a booking stays as it was made */
    PROMISE_KEPT,  /* a booking may only come forward */
    PROMISE_HEADS, /* only the first few that wait have a booking; it is made anew each time */
    PROMISE_NONE
};

struct policy {
    const char *name;
    enum route route; /* all but ROUTE_BROKER: a queue for each site with EASY backfill */
    enum order order;
    enum promise promise; /* of the broker */
    bool explain;         /* the broker gives its reasons with every quote */
};
extern const struct policy POLICIES[];
extern const size_t POLICIES_COUNT;
const struct policy *policy_find(const char *name); /* NULL: no such */

enum job_state { JOB_TO_COME, JOB_WAITING, JOB_RUNNING, JOB_OVER };

struct outcome {
    enum job_state state;
    int16_t site;
    int32_t runs; /* 1, or more if its site failed */
    uint32_t version;
    int64_t start_s, end_s; /* of the last run */
};

enum event_kind { EVENT_END, EVENT_DOWN, EVENT_UP, EVENT_BOOKED, EVENT_ARRIVAL, EVENT_PASS };

struct event {
    int64_t at_s;
    enum event_kind kind;
    uint32_t job, version;
};

struct run {
    const struct world *world;
    const struct policy *policy;
    struct outcome *outcomes;
    int64_t now_s;
    bool down[SITES_MAX];
    int32_t used[SITES_MAX];
    int32_t used_most[SITES_MAX];
    int64_t busy_gpu_s;   /* within the world's begin and end */
    int64_t wasted_gpu_s; /* killed by a failure, or kept for nobody */
    int64_t hold_s;       /* how long the GPUs of who does not come stand idle */
    struct event *heap;
    size_t heap_count, heap_room;
    uint64_t events;
};

/* Runs every job of the world to its end. Aborts where a policy breaks a rule (capacity, twice, before it was asked). */
void run_world(const struct world *w, const struct policy *p, struct run *ret);
void run_free(struct run *r);

/* For policies. */
void run_start(struct run *r, uint32_t job, int site);
void run_event(struct run *r, int64_t at_s, enum event_kind kind, uint32_t job, uint32_t version);
int64_t order_key(const struct policy *p, const struct job *j);

/* Waiting jobs, the smallest (key, job) first. */
struct line_entry {
    int64_t key;
    uint32_t job;
};
struct line {
    struct line_entry *at;
    size_t count, room;
};
void line_add(struct line *l, int64_t key, uint32_t job);
void line_remove(struct line *l, size_t i);
size_t line_find(const struct line *l, int64_t key, uint32_t job); /* it is in there */

struct queues;
struct queues *queues_new(struct run *r);
void queues_free(struct queues *q);
void queues_arrival(struct queues *q, uint32_t job);
void queues_end(struct queues *q, uint32_t job, int site);
void queues_killed(struct queues *q, uint32_t job, int site);
void queues_up(struct queues *q, int site);

struct desk;
struct desk *desk_new(struct run *r);
void desk_free(struct desk *d);
void desk_arrival(struct desk *d, uint32_t job);
void desk_booked(struct desk *d, uint32_t job);
void desk_end(struct desk *d, uint32_t job, int site);
void desk_killed(struct desk *d, uint32_t job);
void desk_down(struct desk *d, int site);
void desk_up(struct desk *d, int site);
void desk_pass(struct desk *d);

/* ---- evaluate_measure.c -------------------------------------------------------------------------------------------- */

struct measures {
    double wait_mean_h, wait_p95_h, wait_max_h;
    double slowdown;        /* bounded at 10 minutes, mean */
    double wait_weighted_h; /* each GPU-hour counts once */
    double utilisation;     /* of all GPUs while jobs arrive */
    double jain;            /* of the groups' stretch: (wait + run) / run, by their sums */
    double wait_group_h;    /* mean wait of the worst-off group */
    double wasted_gpu_h;
    double late_share;  /* ended after it was wanted */
    double moved_share; /* ran elsewhere than at home */
};

void measure(const struct run *r, struct measures *ret);

/* evaluate_bound.c: no schedule of these jobs on this many GPUs, made by whoever knows all beforehand and may pool all
 * sites, has a smaller mean wait. Hours. The more rounds, the closer; known_h, the mean wait of a schedule that is known,
 * sets how far each of them goes. */
double bound_wait_mean_h(const struct world *w, int rounds, double known_h);

#endif
