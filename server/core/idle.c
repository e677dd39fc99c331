/* core/idle.c */
#include "core/idle.h"

#include <stdlib.h>

#include "base/num.h"

static int
by_time(const void *a, const void *b)
{
    const struct idle_change *x = a, *y = b;

    return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static void
add(int64_t *sum, int64_t gpus, int64_t ms)
{
    int64_t more;

    if (!mul_i64(gpus, ms, &more) || !add_i64(*sum, more, sum))
        *sum = INT64_MAX;
}

/* The most of it that is left, which becomes less by that. */
static int64_t
take(int64_t *left, int64_t wanted)
{
    int64_t taken = min_i64(*left, max_i64(0, wanted));

    *left -= taken;
    return taken;
}

/* A stretch in which nothing changes. What is booked comes first: it may stand on what was taken out since. */
static void
add_stretch(const int64_t gpus[IDLE_WHATS], int64_t ms, struct idle *sum)
{
    int64_t booked = max_i64(0, gpus[IDLE_BOOKED]);
    int64_t all = max_i64(max_i64(gpus[IDLE_ALL], gpus[IDLE_OFFERED]), booked), left = all - booked;

    add(&sum->all, all, ms);
    add(&sum->booked, booked, ms);
    add(&sum->free, take(&left, gpus[IDLE_OFFERED] - booked), ms);
    add(&sum->down, take(&left, gpus[IDLE_DOWN]), ms);
    add(&sum->maintenance, take(&left, gpus[IDLE_MAINTENANCE]), ms);
    add(&sum->unoffered, left, ms);
}

void
idle_sum(struct idle_change *changes, size_t n, int64_t from_ms, int64_t to_ms, struct idle *sum)
{
    int64_t gpus[IDLE_WHATS] = { 0 }, at = from_ms;

    if (n > 0)
        qsort(changes, n, sizeof *changes, by_time);
    for (size_t i = 0; i < n && changes[i].at_ms < to_ms; i++) {
        if (changes[i].at_ms > at) {
            add_stretch(gpus, changes[i].at_ms - at, sum);
            at = changes[i].at_ms;
        }
        gpus[changes[i].what] += changes[i].gpus;
    }
    if (to_ms > at)
        add_stretch(gpus, to_ms - at, sum);
}
