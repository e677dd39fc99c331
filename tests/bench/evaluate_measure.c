/* tests/bench/evaluate_measure.c: what the jobs of a run met with. Who did not come is not counted. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"
#include "evaluate.h"

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

struct sums {
    double wait, slowdown, weighted, work, late, moved;
    double group_wait[GROUPS_MAX], group_run[GROUPS_MAX];
    size_t group_jobs[GROUPS_MAX];
};

static void
add(struct sums *s, const struct job *j, const struct outcome *o)
{
    double wait = (double)(o->start_s - j->submit_s), run = (double)j->runtime_s;
    double work = (double)j->gpus * run, short_s = run < 600 ? 600 : run;

    s->wait += wait;
    s->slowdown += wait + run > short_s ? (wait + run) / short_s : 1;
    s->weighted += work * wait;
    s->work += work;
    s->late += o->end_s > j->submit_s + j->walltime_s + j->patience_s;
    s->moved += o->site != j->home;
    s->group_wait[j->group] += wait;
    s->group_run[j->group] += run;
    s->group_jobs[j->group]++;
}

/* Jain's index, 1: all alike, 1/n: one has it all. Groups with less than a thousandth of the jobs are left out. */
static void
compare_groups(const struct sums *s, size_t jobs, struct measures *ret)
{
    double sum = 0, squares = 0;
    int n = 0;

    ret->wait_group_h = 0;
    for (int g = 0; g < GROUPS_MAX; g++) {
        double stretch, wait_h;

        if (s->group_jobs[g] == 0 || s->group_jobs[g] < jobs / 1000)
            continue;
        stretch = (s->group_wait[g] + s->group_run[g]) / s->group_run[g];
        wait_h = s->group_wait[g] / (double)s->group_jobs[g] / 3600;
        if (wait_h > ret->wait_group_h)
            ret->wait_group_h = wait_h;
        sum += stretch;
        squares += stretch * stretch;
        n++;
    }
    ret->jain = n > 0 ? sum * sum / (n * squares) : 1;
}

void
measure(const struct run *r, struct measures *ret)
{
    const struct world *w = r->world;
    int64_t *waits = xmalloc(w->count * sizeof *waits);
    struct sums s = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < w->count; i++) {
        if (w->jobs[i].no_show)
            continue;
        waits[n++] = r->outcomes[i].start_s - w->jobs[i].submit_s;
        add(&s, &w->jobs[i], &r->outcomes[i]);
    }
    assert(n > 0);
    qsort(waits, n, sizeof *waits, by_size);
    *ret = (struct measures){
        .wait_mean_h = s.wait / (double)n / 3600,
        .wait_p95_h = (double)waits[n * 95 / 100] / 3600,
        .wait_max_h = (double)waits[n - 1] / 3600,
        .slowdown = s.slowdown / (double)n,
        .wait_weighted_h = s.weighted / s.work / 3600,
        .utilisation = (double)r->busy_gpu_s / ((double)w->total_gpus * (double)max_i64(1, w->end_s - w->begin_s)),
        .wasted_gpu_h = (double)r->wasted_gpu_s / 3600,
        .late_share = s.late / (double)n,
        .moved_share = s.moved / (double)n,
    };
    compare_groups(&s, n, ret);
    free(waits);
}
