/* core/share.c */
#include "core/share.h"

#include <assert.h>

#include "base/num.h"

#define HALVINGS_MAX 62 /* of an amount nothing is left after so many */

__extension__ typedef __int128 wide;

int64_t
share_weigh(int64_t amount, int64_t age_ms, int64_t half_life_ms)
{
    int64_t halvings, rest_ms;

    assert(amount >= 0 && half_life_ms >= 0);
    if (half_life_ms == 0 || age_ms <= 0)
        return amount;
    halvings = age_ms / half_life_ms;
    rest_ms = age_ms % half_life_ms;
    if (halvings >= HALVINGS_MAX)
        return 0;
    /* 2^-n of (1 - rest / 2H) */
    return (int64_t)((wide)amount * (2 * half_life_ms - rest_ms) / ((wide)2 * half_life_ms << halvings));
}

/* The sum of the weights of the last span_ms, each ms one, as 2^-62 of a ms: exact but for the last halving. */
static wide
weight_of(int64_t span_ms, int64_t half_life_ms)
{
    wide sum = 0, half = half_life_ms, rest;
    int64_t n = 0;

    for (; n < HALVINGS_MAX && span_ms >= half_life_ms; n++, span_ms -= half_life_ms)
        sum += (half * 3 << (HALVINGS_MAX - 2)) >> n; /* 3/4 of a half-life's length, halved n times */
    if (n == HALVINGS_MAX)
        return sum;
    rest = span_ms;
    return sum + (((rest * (4 * half - rest) << 20) / (4 * half)) << (HALVINGS_MAX - 20) >> n); /* x - x² / 4H */
}

int64_t
share_accrued(const struct share_terms *t, int64_t now_ms)
{
    int64_t length_ms = t->end_ms - t->start_ms, passed_ms = min_i64(now_ms, t->end_ms) - t->start_ms, idle_ms;
    wide weight;

    assert(t->granted_gpums >= 0 && length_ms > 0 && t->half_life_ms >= 0);
    if (passed_ms <= 0)
        return 0;
    if (t->half_life_ms == 0)
        return (int64_t)((wide)t->granted_gpums * passed_ms / length_ms);
    idle_ms = max_i64(0, now_ms - t->end_ms); /* since then nothing accrues any more */
    weight = weight_of(passed_ms + idle_ms, t->half_life_ms) - weight_of(idle_ms, t->half_life_ms);
    /* in parts of 2^-20 of a ms, so that the product fits: 2^62 gpums x 3 years in ms x 2^20 < 2^127 */
    weight >>= HALVINGS_MAX - 20;
    return (int64_t)((wide)t->granted_gpums * weight / length_ms >> 20);
}

void
share_add(struct share_class *c, int64_t gpums, int64_t rate_milli, int64_t age_ms, int64_t half_life_ms)
{
    assert(gpums >= 0 && rate_milli > 0);
    c->committed_gpums += gpums;
    c->weighed_gpums += share_weigh(gpums, age_ms, half_life_ms);
    c->gpu_seconds += gpums / rate_milli;
}

int32_t
share_milli(int64_t part, int64_t of)
{
    wide milli;

    assert(part >= 0 && of >= 0);
    if (of == 0)
        return SHARE_NONE;
    milli = ((wide)part * 1000 + of - 1) / of;
    return milli > SHARE_MOST ? SHARE_MOST : (int32_t)milli;
}

struct share
share_of(const struct share_terms *t, const struct share_class *classes, size_t n, int64_t now_ms)
{
    struct share_terms plain = *t;
    struct share s = { .weighed_accrued_gpums = share_accrued(t, now_ms) };

    plain.half_life_ms = 0;
    s.accrued_gpums = share_accrued(&plain, now_ms);
    for (size_t i = 0; i < n; i++) {
        s.committed_gpums += classes[i].committed_gpums;
        if (classes[i].weighed_gpums > classes[s.dominant].weighed_gpums)
            s.dominant = i;
    }
    s.dominant_milli = share_milli(n > 0 ? classes[s.dominant].weighed_gpums : 0, s.weighed_accrued_gpums);
    s.used_milli = share_milli(s.committed_gpums, s.accrued_gpums);
    return s;
}
