/* core/idle.h
 * What the time of an offering's GPUs went to: booked, free, or away for a cause. Fed with what changed when, it splits a
 * stretch of time so that the parts add up to the whole, whatever the changes say. Amounts are GPU-milliseconds of real
 * GPUs. Pure. */
#ifndef CORE_IDLE_H
#define CORE_IDLE_H

#include <stddef.h>
#include <stdint.h>

enum idle_what { IDLE_ALL, IDLE_OFFERED, IDLE_DOWN, IDLE_MAINTENANCE, IDLE_BOOKED, IDLE_WHATS };

/* From at_ms on there are so many more GPUs (fewer: negative) of a kind. */
struct idle_change {
    int64_t at_ms;
    enum idle_what what;
    int64_t gpus;
};

/* all = booked + free + down + maintenance + unoffered. Where more is booked or offered than there is, all is that. */
struct idle {
    int64_t all, booked, free, down, maintenance, unoffered;
};

/* Adds what [from_ms, to_ms) went to; sorts the changes. What would pass INT64_MAX stays there. */
void idle_sum(struct idle_change *changes, size_t n, int64_t from_ms, int64_t to_ms, struct idle *sum);

#endif
