/* core/share.h
 * How much of what has accrued to a grant it has used, and its dominant share. Pure, integers only: the same facts give
 * the same numbers, bit for bit.
 *
 * Accrual: a grant's credits accrue evenly from its start to its end, so that who keeps pace has used everything at the
 * end and nothing too early. Decay: what was used, and what accrued, so many half-lives ago counts half as often; in
 * between the weight runs in straight lines (1 now, 1/2 after a half-life, 3/8 after one and a half, 1/4 after two). Both
 * sides decay alike: who keeps pace stands at 1.000 at any time, and an old month of idleness or haste is forgotten.
 *
 * A class is a model of GPU. The share of a class = what is committed in it (held, or paid) ÷ what accrued; in GPU-hours
 * both sides would be divided by the class's rate, which leaves it as it is. The dominant share is the largest of them.
 * Amounts are gpums, times ms, shares thousandths, rounded up: who has used anything is never shown as 0. */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include <stddef.h>
#include <stdint.h>

#define SHARE_NONE (-1)      /* nothing has accrued yet: there is no share */
#define SHARE_MOST 1000000   /* a thousand times what accrued, or more */

struct share_terms {
    int64_t granted_gpums;      /* 0 to 2^62 */
    int64_t start_ms, end_ms;   /* start before end */
    int64_t half_life_ms;       /* 0: nothing decays */
};

/* What a grant has committed in one class. All zero: nothing. */
struct share_class {
    int64_t committed_gpums;    /* all of it: held or paid */
    int64_t weighed_gpums;      /* the same, decayed */
    int64_t gpu_seconds;        /* of real GPUs */
};

struct share {
    int64_t accrued_gpums;      /* by now, without decay */
    int64_t committed_gpums;    /* in all classes, without decay */
    int32_t used_milli;         /* committed ÷ accrued, both without decay; SHARE_NONE */
    int64_t weighed_accrued_gpums;
    int32_t dominant_milli;     /* the largest of the classes' shares; SHARE_NONE */
    size_t dominant;            /* that class; of equals the first */
};

/* amount × 2^−(age ÷ half-life) in straight lines, rounded down. amount ≥ 0; an age below 0 counts as 0. */
int64_t share_weigh(int64_t amount, int64_t age_ms, int64_t half_life_ms);
/* So much was committed at a rate (thousandths, > 0), that long ago; what is still held: age 0. */
void share_add(struct share_class *c, int64_t gpums, int64_t rate_milli, int64_t age_ms, int64_t half_life_ms);
/* What has accrued by now, decayed; without decay if half_life_ms is 0. */
int64_t share_accrued(const struct share_terms *t, int64_t now_ms);
/* part ÷ of in thousandths, rounded up; SHARE_NONE if `of` is 0, at most SHARE_MOST. */
int32_t share_milli(int64_t part, int64_t of);
/* n may be 0. */
struct share share_of(const struct share_terms *t, const struct share_class *classes, size_t n, int64_t now_ms);

#endif
