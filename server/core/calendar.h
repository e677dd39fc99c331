/* core/calendar.h
 * What is free when: one calendar per (offering, pool). Time is cut into slots of 15 minutes counted from 1970; a
 * calendar holds the next 105,216 of them (3 years) as a ring of signed numbers of free GPUs. Its cost does not depend
 * on how many reservations there are. Pure: no I/O, no clock, integers only.
 *
 * A capacity that is cut below what is booked makes slots negative: that blocks new bookings and lists as conflicts.
 * Ranges are (start_slot, slots): from start_slot up to, not including, start_slot + slots. What lies before the
 * calendar's first slot is over and is left out silently; what lies beyond its last slot never fits.
 * Reading is thread-safe while nobody writes. */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/undo.h"

#define CALENDAR_SLOT_MS     INT64_C(900000)
#define CALENDAR_DAY_SLOTS   96 /* days of UTC */
#ifndef CALENDAR_SLOTS /* a build may look less far ahead */
#define CALENDAR_SLOTS       105216    /* horizon: 3 years of 365 1/3 days */
#endif
#define CALENDAR_GPUS_MAX    100000000 /* capacity and single bookings */
#define CALENDAR_BLOCKED_MAX 64        /* intervals listed in a certificate */

struct calendar;

/* A stretch of time and the number of GPUs that goes with it. */
struct calendar_range {
    int64_t start_slot;
    int32_t slots;
    int32_t gpus;
};

/* Why nothing starts earlier. It speaks of the windows of the length asked that start in [from_slot, from_slot +
 * windows), every one of which is blocked, and of the time [from_slot, until_slot): up to the start found, or, if there
 * is none, up to the end of the last window allowed. Everything in it is exact. */
struct calendar_why {
    int64_t from_slot, until_slot;
    int64_t windows;               /* starts that were ruled out; 0: nothing was, the rest is empty */
    int32_t most_free;             /* the most GPUs free in any slot of this time (negative after a cut) */
    int32_t most_throughout;       /* the most GPUs free throughout any of these windows; at least 0 */
    struct calendar_range longest; /* the longest gap with enough GPUs in this time; slots 0: none */
    size_t blocked_count;          /* the certificate: blocked intervals that leave only gaps shorter than asked */
    uint64_t blocked_more;         /* how many more there are than listed */
    struct calendar_range blocked[CALENDAR_BLOCKED_MAX]; /* gpus: the most that is free in any slot of the interval */
};

/* Free GPUs over a stretch of time, for display. */
struct calendar_bin {
    int32_t least, most;
    int64_t sum; /* over the slots of the bin; the mean is sum / slots */
};

/* All slots from first_slot on have this capacity (0 to CALENDAR_GPUS_MAX). */
struct calendar *calendar_new(int32_t capacity, int64_t first_slot);
void calendar_delete(struct calendar *c);
/* A snapshot: a calendar of its own, to plan upon while the other goes on. */
struct calendar *calendar_copy(const struct calendar *c);
/* c becomes what `from` is, its place in time and capacity included. */
void calendar_restore(struct calendar *c, const struct calendar *from);

int64_t calendar_slot_of(int64_t ms);    /* the slot in which an instant lies; ms >= 0 */
int64_t calendar_slot_after(int64_t ms); /* the first slot that begins at or after it */
int64_t calendar_first(const struct calendar *c);
int64_t calendar_end(const struct calendar *c); /* one past the last slot */
int32_t calendar_capacity(const struct calendar *c, int64_t slot);
int64_t calendar_capacity_next(const struct calendar *c, int64_t slot); /* where it changes after a slot; INT64_MAX: nowhere */
int32_t calendar_free(const struct calendar *c, int64_t slot); /* slot within the calendar */
/* The least capacity in the range (1 slot or more). */
int32_t calendar_capacity_least(const struct calendar *c, int64_t start_slot, int64_t slots);

/* Is this number of GPUs free throughout? False beyond the horizon; false for an empty range. */
bool calendar_fits(const struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus);
/* Is more taken than there is anywhere in what lies of the range within the calendar (its capacity was cut)? */
bool calendar_overbooked(const struct calendar *c, int64_t start_slot, int64_t slots);

/* Take GPUs, give them back. Exact inverses of each other, also across calendar_advance() and calendar_resize().
 * Taking does not ask whether they are free (a rebuild puts back what was promised before a cut): the caller has
 * asked calendar_fits(). The range ends within the horizon. */
void calendar_reserve(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus);
void calendar_release(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus);
/* The same, noted in an undo log (NULL: none). */
void calendar_reserve_undo(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus, struct undo *u);
void calendar_release_undo(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus, struct undo *u);

/* From from_slot on, the capacity is this; whatever was set for later slots no longer counts. A window of maintenance
 * is two calls: down at its start, up at its end. from_slot may lie beyond the horizon. u as above. */
void calendar_resize(struct calendar *c, int64_t from_slot, int32_t capacity, struct undo *u);
/* The stretches in which more is booked than there is (gpus: the least free, negative). Lists up to max of them,
 * returns how many there are. */
size_t calendar_conflicts(const struct calendar *c, struct calendar_range *ret, size_t max);

/* The ring moves on; slots that come in have the capacity that holds for them. Going back is ignored. */
void calendar_advance(struct calendar *c, int64_t first_slot);

/* The first start in [from, latest_start] at which the GPUs are free for that many slots. False if there is none.
 * why (may be NULL) is filled in both cases; it costs a few more passes of the same kind. */
bool calendar_earliest(const struct calendar *c, int32_t gpus, int64_t slots, int64_t from, int64_t latest_start,
                       int64_t *ret_start, struct calendar_why *why);

/* bins stretches of bin_slots slots each, from from_slot on (24 slots are 6 h, 672 a week). Slots outside the calendar
 * are left out; a bin without any is {0, 0, 0}. */
void calendar_summary(const struct calendar *c, int64_t from_slot, int64_t bin_slots, size_t bins,
                      struct calendar_bin *ret);

#endif
