/* base/histogram.c */
#include "base/histogram.h"

const struct histogram_bounds HISTOGRAM_TIME = {
    16, { 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 }
};
const struct histogram_bounds HISTOGRAM_COUNT = { 10, { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 } };

void
histogram_add(struct histogram *h, const struct histogram_bounds *bounds, int64_t value)
{
    size_t i = 0;

    if (value < 0)
        value = 0;
    while (i < bounds->n && value > bounds->at[i])
        i++;
    atomic_fetch_add_explicit(&h->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, (uint64_t)value, memory_order_relaxed);
}

void
histogram_read(const struct histogram *h, const struct histogram_bounds *bounds, uint64_t ret[HISTOGRAM_MAX + 1],
               uint64_t *ret_sum)
{
    uint64_t so_far = 0;

    for (size_t i = 0; i <= bounds->n; i++) {
        so_far += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        ret[i] = so_far;
    }
    *ret_sum = atomic_load_explicit(&h->sum, memory_order_relaxed);
}
