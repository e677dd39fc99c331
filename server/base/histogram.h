/* base/histogram.h
 * How often a value fell into which range: counted with relaxed atomics only, so that hot paths pay one addition. Read by
 * whoever shows figures; a reading may miss what is being counted at that moment, never more. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX 16

/* The upper ends of the ranges, each included, rising; what is above the last one is counted too. */
struct histogram_bounds {
    size_t n; /* at most HISTOGRAM_MAX */
    int64_t at[HISTOGRAM_MAX];
};

/* All zero to begin with. */
struct histogram {
    atomic_uint_fast64_t counts[HISTOGRAM_MAX + 1];
    atomic_uint_fast64_t sum;
};

/* Microseconds: 100 us to 10 s; and commands in a batch: 1 to 1,000. */
extern const struct histogram_bounds HISTOGRAM_TIME, HISTOGRAM_COUNT;

/* value >= 0; what is below is taken as 0. */
void histogram_add(struct histogram *h, const struct histogram_bounds *bounds, int64_t value);
/* ret[i]: how many values were at most bounds->at[i] (i = bounds->n: all of them); the sum of all values. */
void histogram_read(const struct histogram *h, const struct histogram_bounds *bounds, uint64_t ret[HISTOGRAM_MAX + 1],
                    uint64_t *ret_sum);

#endif
