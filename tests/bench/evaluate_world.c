/* tests/bench/evaluate_world.c: traces, and the worlds that a seed makes of them. */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/num.h"
#include "evaluate.h"

/* ---- chance -------------------------------------------------------------------------------------------------------- */

uint64_t
draw_next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int64_t
draw_below(uint64_t *seed, int64_t below)
{
    assert(below > 0);
    return (int64_t)((draw_next(seed) >> 1) % (uint64_t)below);
}

/* ---- traces -------------------------------------------------------------------------------------------------------- */

static int
by_submission(const void *a, const void *b)
{
    const struct job *x = a, *y = b;

    if (x->submit_s != y->submit_s)
        return x->submit_s < y->submit_s ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->runtime_s != y->runtime_s)
        return x->runtime_s < y->runtime_s ? -1 : 1;
    return (x->gpus > y->gpus) - (x->gpus < y->gpus);
}

static int
group_of(char names[GROUPS_MAX][32], int *count, const char *name)
{
    for (int i = 0; i < *count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    if (*count == GROUPS_MAX)
        return GROUPS_MAX - 1; /* the last one stands for all further ones */
    snprintf(names[*count], sizeof names[0], "%s", name);
    return (*count)++;
}

bool
trace_read(FILE *in, struct trace *ret)
{
    char line[256], names[GROUPS_MAX][32], cluster[32];
    struct trace t = { 0 };
    size_t room = 0;

    while (fgets(line, sizeof line, in)) {
        struct tm when = { 0 };
        double runtime, gpus, gpu_time;

        if (!isdigit((unsigned char)line[0]))
            continue; /* the head, an empty line */
        if (sscanf(line, "%d-%d-%d %d:%d:%d,%lf,%lf,%lf,%31s", &when.tm_year, &when.tm_mon, &when.tm_mday,
                   &when.tm_hour, &when.tm_min, &when.tm_sec, &runtime, &gpus, &gpu_time, cluster) != 10 ||
            !(runtime >= 0 && runtime < 1e9 && gpus >= 1 && gpus < 1e6)) {
            free(t.jobs);
            return false;
        }
        when.tm_year -= 1900;
        when.tm_mon -= 1;
        if (t.count == room)
            t.jobs = xrealloc(t.jobs, (room = room ? 2 * room : 1024) * sizeof *t.jobs);
        t.jobs[t.count++] = (struct job){
            .submit_s = timegm(&when),
            .runtime_s = max_i64(1, (int64_t)runtime),
            .gpus = (int32_t)gpus,
            .group = (int16_t)group_of(names, &t.groups, cluster),
        };
    }
    if (t.count == 0)
        return false;
    qsort(t.jobs, t.count, sizeof *t.jobs, by_submission);
    *ret = t;
    return true;
}

/* Most jobs small and short, a few large and long, in waves by day; eight groups of different size. */
void
trace_make(uint64_t seed, size_t count, struct trace *ret)
{
    static const int32_t GPUS[] = { 1, 1, 1, 1, 1, 2, 2, 4, 4, 8, 8, 16 };
    int64_t now_s = INT64_C(1700000000);

    *ret = (struct trace){ .jobs = xcalloc(count, sizeof *ret->jobs), .count = count, .groups = 8 };
    for (size_t i = 0; i < count; i++) {
        int64_t scale = INT64_C(60) << draw_below(&seed, 11);
        bool night = now_s % 86400 < 28800;

        now_s += draw_below(&seed, draw_below(&seed, 4) == 0 ? (night ? 7200 : 2400) : 300);
        ret->jobs[i] = (struct job){
            .submit_s = now_s,
            .runtime_s = scale + draw_below(&seed, scale),
            .gpus = GPUS[draw_below(&seed, sizeof GPUS / sizeof GPUS[0])],
            .group = (int16_t)draw_below(&seed, 1 + draw_below(&seed, ret->groups)),
        };
    }
}

void
trace_free(struct trace *t)
{
    free(t->jobs);
}

/* ---- worlds -------------------------------------------------------------------------------------------------------- */

/* People ask for round times, and for more than they need: the part used is drawn evenly between a tenth and all. */
static int64_t
draw_walltime(uint64_t *seed, int64_t runtime_s)
{
    static const int64_t ROUND_MINUTES[] = { 15,   30,   60,   120,  180,  240,  360,   480,   720,
                                             1080, 1440, 2160, 2880, 4320, 7200, 10080, 20160, 43200 };
    int64_t want_s = runtime_s * 1000 / (100 + draw_below(seed, 901));

    for (size_t i = 0; i < sizeof ROUND_MINUTES / sizeof ROUND_MINUTES[0]; i++)
        if (ROUND_MINUTES[i] * 60 >= want_s)
            return max_i64(ROUND_MINUTES[i] * 60, runtime_s);
    return max_i64(INT64_C(30) * 86400, runtime_s); /* sites give no more than that, but to who needs it */
}

/* Sites of one to eight parts; at least one takes the largest job. */
static void
draw_sites(uint64_t *seed, struct world *w, int32_t largest_job)
{
    int64_t part[SITES_MAX], parts = 0;
    int32_t least = (int32_t)min_i64(32, w->total_gpus / (2 * w->sites)), rest = w->total_gpus;
    int largest = 0;

    for (int i = 0; i < w->sites; i++)
        parts += part[i] = 1 + draw_below(seed, 8);
    for (int i = 0; i < w->sites; i++) {
        w->gpus[i] = least + (int32_t)((w->total_gpus - (int64_t)w->sites * least) * part[i] / parts);
        rest -= w->gpus[i];
        if (w->gpus[i] > w->gpus[largest])
            largest = i;
    }
    w->gpus[largest] += rest;
    while (w->gpus[largest] < largest_job) {
        int from = -1;

        for (int i = 0; i < w->sites; i++)
            if (i != largest && (from < 0 || w->gpus[i] > w->gpus[from]))
                from = i;
        if (from < 0 || w->gpus[from] <= least) {
            w->total_gpus += largest_job - w->gpus[largest];
            w->gpus[largest] = largest_job;
            return;
        }
        w->gpus[from]--;
        w->gpus[largest]++;
    }
}

/* Who asks most is at home where most is left for its size, as far as anyone could have known (give or take half). */
static void
draw_homes(uint64_t *seed, const struct trace *t, struct world *w, int16_t home[GROUPS_MAX])
{
    double demand[GROUPS_MAX] = { 0 }, given[SITES_MAX] = { 0 };
    int32_t largest[GROUPS_MAX] = { 0 };
    bool placed[GROUPS_MAX] = { false };

    for (size_t i = 0; i < t->count; i++) {
        demand[t->jobs[i].group] += (double)t->jobs[i].gpus * (double)t->jobs[i].runtime_s;
        largest[t->jobs[i].group] = (int32_t)max_i64(largest[t->jobs[i].group], t->jobs[i].gpus);
    }
    for (int g = 0; g < t->groups; g++)
        demand[g] *= 0.5 + (double)draw_below(seed, 1001) / 1000;
    for (int n = 0; n < t->groups; n++) {
        int next = -1, best = -1;

        for (int g = 0; g < t->groups; g++)
            if (!placed[g] && (next < 0 || demand[g] > demand[next]))
                next = g;
        for (int i = 0; i < w->sites; i++)
            if (w->gpus[i] >= largest[next] &&
                (best < 0 || (given[i] + demand[next]) / w->gpus[i] < (given[best] + demand[next]) / w->gpus[best]))
                best = i;
        assert(best >= 0);
        placed[next] = true;
        home[next] = (int16_t)best;
        given[best] += demand[next];
    }
}

static void
draw_jobs(uint64_t *seed, const struct trace *t, const struct scenario *s, struct world *w)
{
    int16_t home[GROUPS_MAX];

    draw_homes(seed, t, w, home);
    for (size_t i = 0; i < w->count; i++) {
        struct job *j = &w->jobs[i];

        j->home = home[j->group];
        j->walltime_s = draw_walltime(seed, j->runtime_s);
        j->patience_s = 3600 * (4 + draw_below(seed, 69));
        j->movable = draw_below(seed, 100) < s->movable_percent;
        j->no_show = draw_below(seed, 100) < s->no_show_percent;
    }
}

/* The GPUs are so many that the trace at its own pace is a load of 70%; other loads stretch or press the arrivals. */
void
world_make(const struct trace *t, const struct scenario *s, struct world *ret)
{
    struct world w = { .count = t->count, .groups = t->groups, .sites = s->sites, .down_site = -1 };
    uint64_t seed = s->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    int64_t first_s = t->jobs[t->count / 1000].submit_s;
    int64_t span_s = max_i64(1, t->jobs[t->count - 1].submit_s - first_s);
    double work = 0, pace;
    int32_t largest = 1;

    assert(s->sites >= 1 && s->sites <= SITES_MAX && s->load_percent > 0);
    w.jobs = xmalloc(w.count * sizeof *w.jobs);
    memcpy(w.jobs, t->jobs, w.count * sizeof *w.jobs);
    for (size_t i = 0; i < w.count; i++) {
        work += (double)w.jobs[i].gpus * (double)w.jobs[i].runtime_s;
        largest = (int32_t)max_i64(largest, w.jobs[i].gpus);
    }
    w.total_gpus = (int32_t)max_i64((int64_t)(work / (double)span_s / 0.70), 4 * (int64_t)s->sites);
    draw_sites(&seed, &w, largest);
    pace = work / ((double)w.total_gpus * (double)span_s * s->load_percent / 100);
    for (size_t i = 0; i < w.count; i++)
        w.jobs[i].submit_s = t->jobs[0].submit_s + (int64_t)((double)(w.jobs[i].submit_s - t->jobs[0].submit_s) * pace);
    w.begin_s = w.jobs[w.count / 1000].submit_s;
    w.end_s = w.jobs[w.count - 1].submit_s;
    draw_jobs(&seed, t, s, &w);
    if (s->failure) {
        w.down_site = (int)draw_below(&seed, w.sites);
        w.down_from_s = w.begin_s + (w.end_s - w.begin_s) / 4 + draw_below(&seed, (w.end_s - w.begin_s) / 2 + 1);
        w.down_until_s = w.down_from_s + INT64_C(2) * 86400;
    }
    *ret = w;
}

void
world_pool(const struct world *w, struct world *ret)
{
    *ret = *w;
    ret->jobs = xmalloc(w->count * sizeof *w->jobs);
    memcpy(ret->jobs, w->jobs, w->count * sizeof *w->jobs);
    for (size_t i = 0; i < w->count; i++)
        ret->jobs[i].home = 0;
    ret->sites = 1;
    ret->gpus[0] = w->total_gpus;
    ret->down_site = -1; /* one machine does not fail in part: it is shown without */
}

void
world_free(struct world *w)
{
    free(w->jobs);
}
