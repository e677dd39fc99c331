/* tests/unit/test_evaluate.c: the evaluation's simulator against cases worked by hand, and what must hold of every run
 * of every policy. */
#include "../bench/evaluate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BEGIN (INT64_C(2000000) * 900) /* on the edge of a calendar's slot */

enum { JOBS_MAX = 8 };

struct small {
    const char *why, *policy;
    int32_t gpus[3]; /* of the sites; 0: no more */
    struct {
        int32_t gpus;
        int64_t submit, walltime, runtime;
        int16_t group;
        int64_t start; /* wanted */
    } job[JOBS_MAX];
};

/* Instants are seconds after BEGIN. */
static const struct small SMALL[] = {
    { "who is over by the shadow time starts before",
      "home",
      { 10 },
      { { 6, 0, 100, 100, 0, 0 }, { 8, 1, 50, 50, 0, 100 }, { 4, 2, 98, 98, 0, 2 }, { 2, 3, 200, 200, 0, 100 } } },
    { "who would be over a second late does not, unless the first one leaves it room",
      "home",
      { 10 },
      { { 6, 0, 100, 100, 0, 0 }, { 8, 1, 50, 50, 0, 100 }, { 4, 2, 99, 99, 0, 150 }, { 2, 3, 1000, 1000, 0, 3 } } },
    { "what the first one leaves is given once",
      "home",
      { 10 },
      { { 6, 0, 100, 100, 0, 0 }, { 8, 1, 50, 50, 0, 100 }, { 2, 2, 500, 500, 0, 2 }, { 2, 3, 500, 500, 0, 150 } } },
    { "what ends early counts at once",
      "home",
      { 10 },
      { { 6, 0, 100, 40, 0, 0 }, { 8, 1, 50, 50, 0, 40 }, { 4, 2, 99, 99, 0, 90 } } },
    { "the shadow time waits for as many as are needed",
      "home",
      { 10 },
      { { 3, 0, 100, 100, 0, 0 },
        { 3, 0, 200, 200, 0, 0 },
        { 3, 0, 300, 300, 0, 0 },
        { 7, 1, 10, 10, 0, 200 },
        { 1, 2, 198, 198, 0, 2 },
        { 1, 3, 10, 10, 0, 100 } } },
    { "all that end at the shadow time make room",
      "home",
      { 4 },
      { { 2, 0, 100, 100, 0, 0 }, { 1, 0, 100, 100, 0, 0 }, { 2, 1, 50, 50, 0, 100 }, { 1, 2, 900, 900, 0, 2 } } },
    { "least loaded: by what is asked for, for its size",
      "least-loaded",
      { 4, 8 },
      { { 4, 0, 100, 100, 0, 0 }, { 4, 1, 300, 300, 0, 1 }, { 4, 2, 10, 10, 0, 100 }, { 8, 3, 10, 10, 0, 301 } } },
    { "a firm booking stays where it is",
      "broker-firm",
      { 4, 4 },
      { { 4, 0, 3600, 1800, 0, 0 },
        { 4, 0, 7200, 7200, 0, 0 },
        { 4, 60, 900, 900, 0, 3600 },
        { 4, 1900, 900, 60, 0, 1900 } } },
    { "a kept one comes forward",
      "broker-kept",
      { 4, 4 },
      { { 4, 0, 3600, 1800, 0, 0 }, { 4, 0, 7200, 7200, 0, 0 }, { 4, 60, 900, 900, 0, 1800 } } },
    { "a kept one is in the way of who is shorter",
      "broker-kept-short",
      { 1 },
      { { 1, 0, 10800, 10000, 0, 0 }, { 1, 1, 36000, 36000, 0, 10000 }, { 1, 2, 900, 900, 0, 46000 } } },
    { "where only heads have one, who is shorter goes first",
      "broker-heads-short",
      { 1 },
      { { 1, 0, 10800, 10000, 0, 0 }, { 1, 1, 36000, 36000, 0, 10900 }, { 1, 2, 900, 900, 0, 10000 } } },
    { "but not before who has waited long enough",
      "broker-heads-short",
      { 1 },
      { { 1, 0, 108000, 100000, 0, 0 }, { 1, 1, 3600, 3600, 0, 100000 }, { 1, 50000, 900, 900, 0, 103600 } } },
    { "whose group had nothing goes first",
      "broker-heads-fair",
      { 1 },
      { { 1, 0, 10800, 10000, 0, 0 }, { 1, 1, 900, 900, 0, 10900 }, { 1, 2, 900, 900, 1, 10000 } } },
};

static void
small_world(const struct small *s, struct job jobs[JOBS_MAX], struct world *ret)
{
    *ret = (struct world){ .jobs = jobs, .groups = 2, .down_site = -1, .begin_s = BEGIN };
    while (ret->sites < 3 && s->gpus[ret->sites] > 0) {
        ret->gpus[ret->sites] = s->gpus[ret->sites];
        ret->total_gpus += s->gpus[ret->sites++];
    }
    while (ret->count < JOBS_MAX && s->job[ret->count].gpus > 0) {
        size_t i = ret->count++;

        jobs[i] = (struct job){ .submit_s = BEGIN + s->job[i].submit,
                                .walltime_s = s->job[i].walltime,
                                .runtime_s = s->job[i].runtime,
                                .gpus = s->job[i].gpus,
                                .group = s->job[i].group,
                                .movable = true };
        ret->end_s = jobs[i].submit_s + 1;
    }
}

static void
test_by_hand(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof SMALL / sizeof SMALL[0]; k++) {
        struct job jobs[JOBS_MAX];
        struct world w;
        struct run r;

        small_world(&SMALL[k], jobs, &w);
        assert_non_null(policy_find(SMALL[k].policy));
        run_world(&w, policy_find(SMALL[k].policy), &r);
        for (size_t i = 0; i < w.count; i++)
            if (r.outcomes[i].start_s - BEGIN != SMALL[k].job[i].start)
                fail_msg("%s: job %zu starts at %lld, not %lld", SMALL[k].why, i,
                         (long long)(r.outcomes[i].start_s - BEGIN), (long long)SMALL[k].job[i].start);
        run_free(&r);
    }
}

/* ---- every policy -------------------------------------------------------------------------------------------------- */

struct change {
    int64_t at_s;
    int32_t gpus;
};

static int
by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->at_s != y->at_s)
        return x->at_s < y->at_s ? -1 : 1;
    return (x->gpus > y->gpus) - (x->gpus < y->gpus); /* who leaves makes room first */
}

/* Counted afresh from the outcomes: at no time more than a site has. */
static void
check_capacity(const struct world *w, const struct run *r)
{
    struct change *changes = calloc(2 * w->count, sizeof *changes);

    for (int site = 0; site < w->sites; site++) {
        size_t n = 0;
        int32_t used = 0;

        for (size_t i = 0; i < w->count; i++) {
            if (r->outcomes[i].site != site || r->outcomes[i].end_s == r->outcomes[i].start_s)
                continue;
            changes[n++] = (struct change){ r->outcomes[i].start_s, w->jobs[i].gpus };
            changes[n++] = (struct change){ r->outcomes[i].end_s, -w->jobs[i].gpus };
        }
        qsort(changes, n, sizeof *changes, by_time);
        for (size_t i = 0; i < n; i++) {
            used += changes[i].gpus;
            assert_true(used >= 0 && used <= w->gpus[site]);
        }
        assert_int_equal(used, 0);
    }
    free(changes);
}

static void
check_jobs(const struct world *w, const struct run *r)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct job *j = &w->jobs[i];
        const struct outcome *o = &r->outcomes[i];

        assert_int_equal(o->state, JOB_OVER);
        assert_true(o->runs >= 1 && (w->down_site >= 0 || o->runs == 1));
        assert_true(o->start_s >= j->submit_s);
        assert_int_equal(o->end_s - o->start_s, j->no_show ? r->hold_s : j->runtime_s);
        assert_true(j->movable || o->site == j->home);
        if (w->down_site == o->site)
            assert_true(o->end_s <= w->down_from_s || o->start_s >= w->down_until_s);
    }
}

static void
check_policy(const struct world *world, const struct policy *p, double bound_h)
{
    struct world pool, w = *world;
    struct run r, again;
    struct measures m;

    if (p->route == ROUTE_POOLED) {
        world_pool(world, &pool);
        w = pool;
    }
    run_world(&w, p, &r);
    check_jobs(&w, &r);
    check_capacity(&w, &r);
    measure(&r, &m);
    if (m.wait_mean_h < bound_h - 1e-9)
        fail_msg("%s: mean wait %.4f h is below the bound %.4f h", p->name, m.wait_mean_h, bound_h);
    assert_true(m.jain > 0 && m.jain <= 1 + 1e-9 && m.slowdown >= 1);
    assert_true(m.utilisation > 0 && m.utilisation <= 1);
    run_world(&w, p, &again);
    assert_memory_equal(r.outcomes, again.outcomes, w.count * sizeof *r.outcomes);
    run_free(&r);
    run_free(&again);
    if (p->route == ROUTE_POOLED)
        world_free(&pool);
}

static void
check_scenario(const struct scenario *s)
{
    struct trace t;
    struct world w;
    double bound_h;

    trace_make(s->seed, 300, &t);
    world_make(&t, s, &w);
    bound_h = s->no_show_percent == 0 ? bound_wait_mean_h(&w, 30, 1) : 0; /* it counts all jobs as run */
    for (size_t i = 0; i < POLICIES_COUNT; i++)
        check_policy(&w, &POLICIES[i], bound_h);
    world_free(&w);
    trace_free(&t);
}

static void
test_all_at_once(void **state)
{
    (void)state;
    check_scenario(&(struct scenario){ .seed = 1, .sites = 4, .load_percent = 95, .movable_percent = 100 });
}

static void
test_half_movable(void **state)
{
    (void)state;
    check_scenario(&(struct scenario){ .seed = 2, .sites = 3, .load_percent = 80, .movable_percent = 50 });
}

static void
test_trouble(void **state)
{
    (void)state;
    check_scenario(&(struct scenario){
        .seed = 3, .sites = 4, .load_percent = 90, .movable_percent = 70, .no_show_percent = 10, .failure = true });
}

/* ---- the bound ----------------------------------------------------------------------------------------------------- */

/* Eight jobs of two hours on one GPU, all at once: no order has a mean wait other than seven hours. */
static void
test_bound(void **state)
{
    struct job jobs[8];
    struct world w = { .jobs = jobs, .count = 8, .groups = 1, .sites = 1, .gpus = { 1 }, .total_gpus = 1 };
    double bound_h;

    (void)state;
    for (int i = 0; i < 8; i++)
        jobs[i] = (struct job){ .submit_s = BEGIN, .runtime_s = 7200, .walltime_s = 7200, .gpus = 1 };
    bound_h = bound_wait_mean_h(&w, 400, 7);
    if (!(bound_h > 6.5 && bound_h <= 7))
        fail_msg("bound %.4f h", bound_h);
    w.gpus[0] = w.total_gpus = 8; /* room for all: nothing to wait for */
    assert_true(bound_wait_mean_h(&w, 100, 1) <= 0);
}

/* A trace is read as it is written, and what is not one is refused. */
static void
test_trace(void **state)
{
    char good[] = "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,1,66.0,b\n"
                  "2017-10-09 06:13:03,2951.0,2,5902.0,a\n\n";
    char bad[] = "2017-10-09 07:01:55,66.0,many,66.0,b\n";
    FILE *in = fmemopen(good, strlen(good), "r");
    struct trace t;

    (void)state;
    assert_true(trace_read(in, &t));
    fclose(in);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.groups, 2);
    assert_int_equal(t.jobs[0].runtime_s, 2951);
    assert_int_equal(t.jobs[1].submit_s - t.jobs[0].submit_s, 48 * 60 + 52);
    trace_free(&t);
    in = fmemopen(bad, strlen(bad), "r");
    assert_false(trace_read(in, &t));
    fclose(in);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_half_movable),
        cmocka_unit_test(test_trouble), cmocka_unit_test(test_bound),       cmocka_unit_test(test_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
