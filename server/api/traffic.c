/* api/traffic.c: how many calls each route has had, how they ended and how long they took. */
#include <stdlib.h>

#include "api/internal.h"
#include "base/histogram.h"

struct of_route {
    atomic_uint_fast64_t by_class[6]; /* status / 100; 0: none of them */
    struct histogram times;           /* us */
};

struct traffic {
    struct of_route *routes; /* as in ROUTES, then what is none of them */
};

struct traffic *
traffic_new(void)
{
    struct traffic *t = xcalloc(1, sizeof *t);

    t->routes = xcalloc(ROUTES_COUNT + 1, sizeof *t->routes);
    return t;
}

void
traffic_delete(struct traffic *t)
{
    if (!t)
        return;
    free(t->routes);
    free(t);
}

void
traffic_count(struct traffic *t, const struct route *route, int status, int64_t us)
{
    struct of_route *r = &t->routes[route ? (size_t)(route - ROUTES) : ROUTES_COUNT];
    int class = status / 100;

    atomic_fetch_add_explicit(&r->by_class[class > 0 && class < 6 ? class : 0], 1, memory_order_relaxed);
    histogram_add(&r->times, &HISTOGRAM_TIME, us);
}

uint64_t
traffic_calls(const struct traffic *t, size_t i, int status_class)
{
    return atomic_load_explicit(&t->routes[i].by_class[status_class], memory_order_relaxed);
}

const struct histogram *
traffic_times(const struct traffic *t, size_t i)
{
    return &t->routes[i].times;
}
