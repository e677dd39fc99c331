/* tests/bench/evaluate_bound.c: a bound that no schedule beats. Lagrange's: give each GPU-second a price that depends on
 * time alone, p(t) >= 0. For any schedule that keeps to the capacity C,
 *     sum of starts  >=  sum over jobs of min over S >= submit of ( S + gpus x integral of p over [S, S + runtime] )
 *                        - C x integral of p
 * whatever the prices are: what is paid for capacity is at most all of it. Rounds of a subgradient method raise prices
 * where the cheapest starts overfill the machine and lower them elsewhere; the best value met is the bound. Prices are
 * constant over cells of an hour, so each minimum lies where S or S + runtime is at a cell's edge, or at the submission;
 * it is searched from the submission on, until waiting alone costs more than the best found. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"
#include "evaluate.h"

enum { CELL_S = 3600 };

struct prices {
    int64_t from_s;
    size_t cells;
    double *price; /* of a GPU-second, in seconds of waiting */
    double *until; /* its integral from the beginning to a cell's start; beyond the last cell all is free */
    double *used;  /* GPU-seconds that the cheapest starts take there */
};

static double
integral(const struct prices *p, int64_t at_s)
{
    size_t cell = (size_t)((at_s - p->from_s) / CELL_S);

    if (cell >= p->cells)
        return p->until[p->cells];
    return p->until[cell] + p->price[cell] * (double)((at_s - p->from_s) % CELL_S);
}

static int64_t
edge_after(const struct prices *p, int64_t at_s)
{
    return at_s + CELL_S - (at_s - p->from_s) % CELL_S;
}

/* The least of wait + what is paid; *ret_start where. */
static double
cheapest(const struct prices *p, const struct job *j, int64_t *ret_start)
{
    double best = 0;
    int64_t at_s = j->submit_s;

    for (bool first = true;; first = false) {
        double paid = j->gpus * (integral(p, at_s + j->runtime_s) - integral(p, at_s));
        double wait = (double)(at_s - j->submit_s);

        if (first || wait + paid < best) {
            best = wait + paid;
            *ret_start = at_s;
        }
        if (wait >= best || paid <= 0)
            return best;
        at_s = min_i64(edge_after(p, at_s), edge_after(p, at_s + j->runtime_s) - j->runtime_s);
    }
}

static void
use(struct prices *p, int64_t from_s, int64_t until_s, int32_t gpus)
{
    while (from_s < until_s) {
        size_t cell = (size_t)((from_s - p->from_s) / CELL_S);
        int64_t to_s = min_i64(edge_after(p, from_s), until_s);

        if (cell >= p->cells)
            return;
        p->used[cell] += (double)gpus * (double)(to_s - from_s);
        from_s = to_s;
    }
}

/* The bound that these prices give, in seconds over all jobs; fills in used. */
static double
value_of(struct prices *p, const struct world *w)
{
    double value;

    p->until[0] = 0;
    for (size_t i = 0; i < p->cells; i++)
        p->until[i + 1] = p->until[i] + p->price[i] * CELL_S;
    memset(p->used, 0, p->cells * sizeof *p->used);
    value = -(double)w->total_gpus * p->until[p->cells];
    for (size_t i = 0; i < w->count; i++) {
        int64_t start_s;

        value += cheapest(p, &w->jobs[i], &start_s);
        use(p, start_s, start_s + w->jobs[i].runtime_s, w->jobs[i].gpus);
    }
    return value;
}

/* One step along the subgradient, as long as Polyak says for the value hoped for; prices stay at or above 0. */
static void
raise_prices(struct prices *p, double full, double missing)
{
    double squares = 0;

    for (size_t i = 0; i < p->cells; i++)
        if (p->price[i] > 0 || p->used[i] > full)
            squares += (p->used[i] - full) * (p->used[i] - full);
    for (size_t i = 0; squares > 0 && i < p->cells; i++) {
        p->price[i] += missing / squares * (p->used[i] - full);
        if (p->price[i] < 0)
            p->price[i] = 0;
    }
}

double
bound_wait_mean_h(const struct world *w, int rounds, double known_h)
{
    struct prices p = { .from_s = w->jobs[0].submit_s };
    double best = 0, known = known_h * 3600 * (double)w->count, part = 1;
    double *best_price;
    int since = 0; /* rounds without anything better */

    p.cells = (size_t)((w->jobs[w->count - 1].submit_s - p.from_s) / CELL_S) + 2 + 24 * 30;
    p.price = xcalloc(p.cells, sizeof *p.price);
    p.until = xcalloc(p.cells + 1, sizeof *p.until);
    p.used = xcalloc(p.cells, sizeof *p.used);
    best_price = xcalloc(p.cells, sizeof *best_price);
    for (int round = 0; round < rounds; round++) {
        double value = value_of(&p, w);

        if (value > best) {
            best = value;
            memcpy(best_price, p.price, p.cells * sizeof *p.price);
            since = 0;
        } else if (++since == 6) { /* too long a step: shorter ones from where it was best */
            part /= 2;
            since = 0;
            memcpy(p.price, best_price, p.cells * sizeof *p.price);
            value = value_of(&p, w);
        }
        raise_prices(&p, (double)w->total_gpus * CELL_S, part * (known - value));
    }
    free(p.price);
    free(p.until);
    free(p.used);
    free(best_price);
    return best / (double)w->count / 3600;
}
