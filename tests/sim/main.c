/* tests/sim/main.c
 * sim --seed N             one history, told event by event, with its hash
 * sim --hash FROM N        the hashes of N histories, one a line
 * sim --histories N [--from SEED] [--jobs J] [--seconds S] [--plant BUG] [--strict]
 *                          a campaign: progress, then a report. --seconds: no longer than that. --strict: a pair of the state table that was neither
 *                          reached nor is named impossible fails it. --plant: ends at the first violation. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "core/ticket.h"
#include "coverage.h"
#include "world_sim.h"

enum { JOBS_MAX = 64, BAD_MAX = 64 };

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __real_nanosleep(const struct timespec *span, struct timespec *left);
int __real_waitpid(int pid, int *status, int options);
void __real__exit(int status) __attribute__((noreturn));

struct bad { uint64_t seed; char what[400]; };

/* What the processes of a campaign share. */
struct shared {
    struct worker {
        pid_t pid;
        uint64_t seed, next; /* under way; the first that is not begun */
        struct totals totals;
        struct bad bad[BAD_MAX];
        size_t bad_n;
    } jobs[JOBS_MAX];
    volatile bool stop;
};

struct options {
    uint64_t from, histories, jobs, seconds; /* seconds: it stops after so many; 0: when it is done */
    enum planted plant;
    bool strict, first_only;
};

static struct shared *shared;

static double
real_s(void)
{
    struct timespec t;

    __real_clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
remember_bad(struct worker *job, uint64_t seed, const char *what)
{
    if (job->bad_n < BAD_MAX) {
        job->bad[job->bad_n].seed = seed;
        text_format(job->bad[job->bad_n].what, sizeof job->bad[0].what, "%s", what);
    }
    job->bad_n++;
}

static void
work(struct worker *job, const struct options *o)
{
    base_build();
    totals = job->totals;
    while (job->next < o->from + o->histories && !shared->stop) {
        job->seed = job->next;
        job->next += o->jobs;
        if (history_run(job->seed, false, o->plant) == HISTORY_BAD) {
            remember_bad(job, job->seed, sim.violation);
            if (o->first_only)
                shared->stop = true;
        }
        job->totals = totals;
    }
    __real__exit(0);
}

static void
start_job(struct worker *job, const struct options *o)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0)
        work(job, o);
    job->pid = pid;
}

/* Asked to end, it ends after the histories under way, with its report. */
static void
stop(int sig)
{
    (void)sig;
    shared->stop = true;
}

/* A process that dies of a signal has met something worse than a violation; the others of its seeds follow. */
static bool
tend_jobs(const struct options *o)
{
    bool any = false;

    for (uint64_t i = 0; i < o->jobs; i++) {
        struct worker *job = &shared->jobs[i];
        int status;

        if (job->pid <= 0)
            continue;
        if (__real_waitpid(job->pid, &status, WNOHANG) != job->pid) {
            any = true;
            continue;
        }
        job->pid = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            char what[80];

            text_format(what, sizeof what, "the simulator died: %s %d", WIFSIGNALED(status) ? "signal" : "status",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            remember_bad(job, job->seed, what);
            if (job->bad_n < 20) {
                start_job(job, o);
                any = true;
            }
        }
    }
    return any;
}

static void
add_totals(struct totals *to, const struct totals *t)
{
    const uint64_t *from = (const uint64_t *)t;
    uint64_t *sum = (uint64_t *)to;

    for (size_t i = 0; i < sizeof *t / sizeof *sum; i++)
        sum[i] += from[i];
}

static struct totals
all_totals(const struct options *o)
{
    struct totals sum = { 0 };

    for (uint64_t i = 0; i < o->jobs; i++)
        add_totals(&sum, &shared->jobs[i].totals);
    return sum;
}

static size_t
report_bad(const struct options *o)
{
    size_t n = 0;

    for (uint64_t i = 0; i < o->jobs; i++) {
        const struct worker *job = &shared->jobs[i];

        n += job->bad_n;
        for (size_t k = 0; k < job->bad_n && k < BAD_MAX; k++)
            printf("violation  seed %" PRIu64 ": %s\n", job->bad[k].seed, job->bad[k].what);
    }
    return n;
}

/* While it runs: those that were not told yet. */
static void
tell_bad(const struct options *o)
{
    static size_t told[JOBS_MAX];

    for (uint64_t i = 0; i < o->jobs; i++)
        for (; told[i] < shared->jobs[i].bad_n && told[i] < BAD_MAX; told[i]++)
            fprintf(stderr, "# violation: seed %" PRIu64 ": %s\n", shared->jobs[i].bad[told[i]].seed,
                    shared->jobs[i].bad[told[i]].what);
}

static const char *
build_kind(void)
{
#ifdef __SANITIZE_ADDRESS__
    return "sanitized: for errors of memory, not for numbers of histories";
#elif !defined __OPTIMIZE__
    return "not optimised";
#else
    return "optimised";
#endif
}

static void
report_totals(const struct totals *t, double s)
{
    printf("build      %s\n", build_kind());
    printf("histories  %" PRIu64 " in %.0f s (%.0f a second), %" PRIu64 " events\n", t->histories, s,
           (double)t->histories / s, t->events);
    printf("work       %" PRIu64 " commits, %" PRIu64 " permits, %" PRIu64 " jobs started, of these %" PRIu64 " settled\n",
           t->commits, t->permits, t->starts, t->settled);
    for (size_t i = 0; i < FAULT_COUNT; i++)
        printf("fault      %12" PRIu64 "  %s\n", t->faults[i], FAULT_WORDS[i]);
    for (size_t i = 0; i < sizeof t->outcomes / sizeof t->outcomes[0]; i++)
        if (t->outcomes[i] > 0)
            printf("ended      %12" PRIu64 "  %s\n", t->outcomes[i], ticket_outcome_name((enum ticket_outcome)i));
}

static int
campaign(const struct options *o)
{
    double begin = real_s(), told = begin;
    struct totals sum;
    size_t bad, missing, wrong;

    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = stop }, NULL);
    sigaction(SIGINT, &(struct sigaction){ .sa_handler = stop }, NULL);
    for (uint64_t i = 0; i < o->jobs; i++) {
        shared->jobs[i].next = o->from + i;
        start_job(&shared->jobs[i], o);
    }
    while (tend_jobs(o)) {
        __real_nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        if (o->seconds > 0 && real_s() - begin > (double)o->seconds)
            shared->stop = true;
        if (real_s() - told < 5)
            continue;
        told = real_s();
        tell_bad(o);
        sum = all_totals(o);
        fprintf(stderr, "# %" PRIu64 " of %" PRIu64 " histories, %.0f a second\n", sum.histories, o->histories,
                (double)sum.histories / (told - begin));
    }
    sum = all_totals(o);
    report_totals(&sum, real_s() - begin);
    missing = coverage_report(sum.reached, &wrong);
    bad = report_bad(o) + wrong;
    printf("violations %zu\n", bad);
    return bad > 0 || (o->strict && missing > 0) ? 1 : 0;
}

static uint64_t
number(const char *text)
{
    int64_t v;

    if (text == NULL || !text_to_i64(text, 0, INT64_MAX, &v)) {
        fprintf(stderr, "sim: a number is missing\n");
        exit(2);
    }
    return (uint64_t)v;
}

static enum planted
planted_named(const char *name)
{
    for (int i = 0; i < PLANTS; i++)
        if (name != NULL && strcmp(PLANT_WORDS[i], name) == 0)
            return (enum planted)i;
    fprintf(stderr, "sim: there is no such mistake to plant\n");
    exit(2);
}

static int
one(uint64_t seed, enum planted plant)
{
    int bad;

    base_build();
    bad = history_run(seed, true, plant);
    printf("seed %" PRIu64 " hash %016" PRIx64 " events %" PRIu64 " %s\n", seed, sim.hash, sim.events,
           bad == HISTORY_BAD ? sim.violation : "no violation");
    return bad;
}

static int
hashes(uint64_t from, uint64_t n)
{
    int bad = 0;

    base_build();
    for (uint64_t seed = from; seed < from + n; seed++) {
        bad |= history_run(seed, false, PLANT_NONE);
        printf("%" PRIu64 " %016" PRIx64 " %s\n", seed, sim.hash, sim.violation);
    }
    return bad;
}

int
main(int argc, char **argv)
{
    struct options o = { .from = 1, .histories = 1000, .jobs = 1 };
    const char *seed = NULL;

    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--strict") == 0) {
            o.strict = true;
            continue;
        }
        if (strcmp(argv[i], "--hash") == 0 && i + 2 < argc)
            return hashes(number(next), number(argv[i + 2]));
        if (strcmp(argv[i], "--seed") == 0)
            seed = next;
        else if (strcmp(argv[i], "--from") == 0)
            o.from = number(next);
        else if (strcmp(argv[i], "--histories") == 0)
            o.histories = number(next);
        else if (strcmp(argv[i], "--seconds") == 0)
            o.seconds = number(next);
        else if (strcmp(argv[i], "--jobs") == 0)
            o.jobs = number(next);
        else if (strcmp(argv[i], "--plant") == 0)
            o.plant = planted_named(next);
        else
            number(NULL);
        i++;
    }
    o.first_only = o.plant != PLANT_NONE;
    if (seed != NULL)
        return one(number(seed), o.plant);
    if (o.jobs == 0 || o.jobs > JOBS_MAX)
        number(NULL);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? 3 : campaign(&o);
}
