/* tests/bench/evaluate.c: evaluate [OPTION…]: runs policies on worlds and prints a line of CSV for each run; see usage().
 * tests/bench/replay asks the questions and puts the answers together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "evaluate.h"

struct options {
    const char *trace;    /* NULL: a made-up one */
    const char *policies; /* names with commas between; NULL: all */
    const char *loads;    /* percent */
    const char *movable;  /* percent */
    int64_t jobs;         /* at most so many, from the trace's first on; 0: all */
    int64_t first_seed, seeds;
    int64_t sites, no_shows, failure, bound, speed;
};

static void
usage(void)
{
    fputs("usage: evaluate [--trace FILE] [--jobs N] [--seed N] [--seeds N] [--sites N] [--loads PERCENT,…]\n"
          "                [--movable PERCENT,…] [--no-shows PERCENT] [--failure 1] [--policies NAME,…]\n"
          "       evaluate … --bound ROUNDS   the bound on the mean wait instead, a line for each load\n"
          "       evaluate … --speed ROUNDS   processor seconds of the broker's replay with reasons instead\n"
          "policies:",
          stderr);
    for (size_t i = 0; i < POLICIES_COUNT; i++)
        fprintf(stderr, " %s", POLICIES[i].name);
    fputc('\n', stderr);
    exit(2);
}

static int64_t
number(const char *text, int64_t least, int64_t most, const char **ret_end)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    if (end == text || errno != 0 || n < least || n > most || (*end != '\0' && (*end != ',' || !ret_end)))
        usage();
    if (ret_end)
        *ret_end = *end == ',' ? end + 1 : end;
    return n;
}

static void
options_read(int argc, char **argv, struct options *o)
{
    struct {
        const char *name;
        const char **text;
        int64_t *number;
        int64_t most;
    } known[] = {
        { "--trace", &o->trace, NULL, 0 },         { "--policies", &o->policies, NULL, 0 },
        { "--loads", &o->loads, NULL, 0 },         { "--movable", &o->movable, NULL, 0 },
        { "--jobs", NULL, &o->jobs, 10000000 },    { "--seed", NULL, &o->first_seed, 1000000 },
        { "--seeds", NULL, &o->seeds, 1000 },      { "--sites", NULL, &o->sites, SITES_MAX },
        { "--no-shows", NULL, &o->no_shows, 100 }, { "--failure", NULL, &o->failure, 1 },
        { "--bound", NULL, &o->bound, 10000 },     { "--speed", NULL, &o->speed, 100 },
    };

    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;

        while (k < sizeof known / sizeof known[0] && strcmp(argv[i], known[k].name) != 0)
            k++;
        if (k == sizeof known / sizeof known[0] || i + 1 == argc)
            usage();
        if (known[k].text)
            *known[k].text = argv[i + 1];
        else
            *known[k].number = number(argv[i + 1], 0, known[k].most, NULL);
    }
    if (o->sites == 0 || o->seeds == 0)
        usage();
}

static void
trace_open(const struct options *o, struct trace *ret)
{
    if (!o->trace) {
        trace_make(1, o->jobs > 0 ? (size_t)o->jobs : 4000, ret);
        return;
    }
    FILE *in = fopen(o->trace, "re");

    if (!in || !trace_read(in, ret)) {
        fprintf(stderr, "evaluate: %s: %s\n", o->trace, in ? "not a trace" : strerror(errno));
        exit(1);
    }
    fclose(in);
    if (o->jobs > 0 && (size_t)o->jobs < ret->count)
        ret->count = (size_t)o->jobs;
}

static bool
wanted(const struct options *o, const char *name)
{
    size_t len = strlen(name);

    if (!o->policies)
        return true;
    for (const char *at = o->policies; *at != '\0'; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == len && strncmp(at, name, len) == 0)
            return true;
    return false;
}

static double
spent_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
print_run(const struct scenario *s, const struct policy *p, const struct world *w)
{
    struct world pool;
    struct measures m;
    struct run r;
    double begin = spent_s();

    if (p->route == ROUTE_POOLED) {
        world_pool(w, &pool);
        run_world(&pool, p, &r);
    } else {
        run_world(w, p, &r);
    }
    measure(&r, &m);
    printf("%s,%d,%d,%d,%d,%d,%llu,%.3f,%.5f,%.5f,%.5f,%.4f,%.5f,%.5f,%.5f,%.5f,%.2f,%.6f,%.5f\n", p->name,
           s->load_percent, s->movable_percent, s->no_show_percent, (int)s->failure, w->total_gpus,
           (unsigned long long)s->seed, spent_s() - begin, m.wait_mean_h, m.wait_p95_h, m.wait_max_h, m.slowdown,
           m.wait_weighted_h, m.utilisation, m.jain, m.wait_group_h, m.wasted_gpu_h, m.late_share, m.moved_share);
    fflush(stdout);
    run_free(&r);
    if (p->route == ROUTE_POOLED)
        world_free(&pool);
}

/* The best schedule that we know is that of one pooled site: it sets how far the search for a bound steps. */
static void
print_bound(const struct scenario *s, const struct world *w, int rounds)
{
    struct world pool;
    struct measures m;
    struct run r;

    world_pool(w, &pool);
    run_world(&pool, policy_find("pooled-short"), &r);
    measure(&r, &m);
    printf("%d,%.5f\n", s->load_percent, bound_wait_mean_h(&pool, rounds, m.wait_mean_h));
    fflush(stdout);
    run_free(&r);
    world_free(&pool);
}

static void
print_runs(const struct options *o, const struct trace *t, struct scenario s)
{
    for (int64_t i = 0; i < o->seeds; i++) {
        struct world w;

        s.seed = (uint64_t)(o->first_seed + i);
        world_make(t, &s, &w);
        if (o->bound > 0)
            print_bound(&s, &w, (int)o->bound);
        for (size_t k = 0; o->bound == 0 && k < POLICIES_COUNT; k++)
            if (wanted(o, POLICIES[k].name))
                print_run(&s, &POLICIES[k], &w);
        world_free(&w);
    }
}

/* The trace at its own pace, every job quoted with all its reasons, booked, run and given back. */
static void
print_speed(const struct options *o, const struct trace *t, struct scenario s)
{
    struct policy p = *policy_find("broker-firm");
    struct world w;

    p.explain = true;
    s.load_percent = 70; /* as world_make() says */
    s.seed = (uint64_t)o->first_seed;
    world_make(t, &s, &w);
    for (int64_t i = 0; i < o->speed; i++) {
        struct run r;
        double begin = spent_s();

        run_world(&w, &p, &r);
        printf("%zu,%.4f\n", w.count, spent_s() - begin);
        fflush(stdout);
        run_free(&r);
    }
    world_free(&w);
}

int
main(int argc, char **argv)
{
    struct options o = { .loads = "80", .movable = "100", .first_seed = 1, .seeds = 1, .sites = 11 };
    struct trace t;
    const char *load, *movable;

    options_read(argc, argv, &o);
    trace_open(&o, &t);
    if (o.speed == 0 && o.bound == 0)
        puts("policy,load,movable,no_shows,failure,gpus,seed,seconds,wait_mean_h,wait_p95_h,wait_max_h,slowdown,"
             "wait_weighted_h,utilisation,jain,wait_group_h,wasted_gpu_h,late_share,moved_share");
    for (load = o.loads; *load != '\0';) {
        struct scenario s = { .sites = (int)o.sites, .failure = o.failure != 0, .no_show_percent = (int)o.no_shows };

        s.load_percent = (int)number(load, 1, 1000, &load);
        for (movable = o.movable; *movable != '\0';) {
            s.movable_percent = (int)number(movable, 0, 100, &movable);
            if (o.speed > 0)
                print_speed(&o, &t, s);
            else
                print_runs(&o, &t, s);
        }
    }
    trace_free(&t);
    return 0;
}
