/* core/certificate.h
 * Is the reason for a "no" one? A certificate lists stretches of time in which fewer GPUs are free than were asked for; it
 * proves that no window of the length asked starts in a range of slots if whatever they leave over is shorter than that.
 * This is checked by the definition alone, without the calendar or the search that wrote the certificate, so that a
 * mistake there shows here. Pure: no allocation, no clock. */
#ifndef CORE_CERTIFICATE_H
#define CORE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/calendar.h"

/* No window of `slots` slots with `gpus` GPUs starts in [from_slot, from_slot + windows). */
struct certificate {
    int32_t gpus;              /* 1 or more */
    int64_t slots;             /* 1 or more */
    int64_t from_slot, windows;
    const struct calendar_range *blocked; /* by time, apart or touching; gpus: the most free in any slot of the stretch */
    size_t count;
    uint64_t more; /* stretches that are not listed, after those that are */
};

enum certificate_says {
    CERTIFICATE_PROVES,   /* every window is ruled out */
    CERTIFICATE_IN_PART,  /* those up to the last stretch listed are; there are more stretches than are listed */
    CERTIFICATE_DISORDER, /* a stretch is empty, or begins before the one before it ends, or before from_slot */
    CERTIFICATE_ENOUGH,   /* a stretch has as many GPUs free as were asked for */
    CERTIFICATE_GAP,      /* a window fits between the stretches */
    CERTIFICATE_UNTRUE    /* certificate_compare() only: what is free differs from what is written */
};

/* *ret_ruled_out (may be NULL): how many of the windows the stretches rule out, from the first on. */
enum certificate_says certificate_check(const struct certificate *c, int64_t *ret_ruled_out);
/* The same, and each stretch against what is free in truth: free_at(with, slot), whatever it is computed from. */
enum certificate_says certificate_compare(const struct certificate *c, int32_t (*free_at)(const void *with, int64_t slot),
                                          const void *with);

/* No job of `slots` slots with `gpus` GPUs starts at one offset within [0, window - slots] of the window of each of so
 * many nights in a row, the first start at first_slot or later, the last at latest_slot or earlier. A night's window
 * begins at window_slot and a day later each. Stretches as above; each lies within a window. */
struct certificate_nights {
    int32_t gpus;
    int64_t slots;
    int64_t first_slot, latest_slot;
    int64_t window_slot, window; /* the first night's, and how long it is */
    int nights;
    const struct calendar_range *blocked;
    size_t count;
    uint64_t more;
};
/* CERTIFICATE_GAP: some run of nights is not ruled out. CERTIFICATE_IN_PART: likewise, but more stretches are not listed. */
enum certificate_says certificate_check_nights(const struct certificate_nights *c);

#endif
