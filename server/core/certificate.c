/* core/certificate.c */
#include "core/certificate.h"

enum certificate_says
certificate_check(const struct certificate *c, int64_t *ret_ruled_out)
{
    int64_t at = c->from_slot; /* whatever window begins before it is ruled out, but for those that fit before a stretch */
    int64_t ruled_out;

    for (size_t i = 0; i < c->count; i++) {
        const struct calendar_range *b = &c->blocked[i];

        if (b->slots <= 0 || b->start_slot < at || b->start_slot > INT64_MAX - b->slots)
            return CERTIFICATE_DISORDER;
        if (b->gpus >= c->gpus)
            return CERTIFICATE_ENOUGH;
        if (b->start_slot - at >= c->slots && at < c->from_slot + c->windows)
            return CERTIFICATE_GAP;
        at = b->start_slot + b->slots;
    }
    ruled_out = at - c->from_slot < c->windows ? at - c->from_slot : c->windows;
    if (ret_ruled_out)
        *ret_ruled_out = ruled_out;
    if (ruled_out == c->windows)
        return CERTIFICATE_PROVES;
    return c->more > 0 ? CERTIFICATE_IN_PART : CERTIFICATE_GAP;
}

enum certificate_says
certificate_compare(const struct certificate *c, int32_t (*free_at)(const void *with, int64_t slot), const void *with)
{
    enum certificate_says says = certificate_check(c, NULL);

    if (says != CERTIFICATE_PROVES && says != CERTIFICATE_IN_PART)
        return says;
    for (size_t i = 0; i < c->count; i++) {
        int32_t most = INT32_MIN;

        for (int64_t slot = c->blocked[i].start_slot; slot < c->blocked[i].start_slot + c->blocked[i].slots; slot++) {
            int32_t free = free_at(with, slot);

            most = free > most ? free : most;
        }
        if (most != c->blocked[i].gpus)
            return CERTIFICATE_UNTRUE;
    }
    return says;
}

static bool
is_blocked(const struct certificate_nights *c, int64_t start)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->blocked[i].start_slot < start + c->slots && start < c->blocked[i].start_slot + c->blocked[i].slots)
            return true;
    return false;
}

/* Is any run that begins at this start left over? */
static bool
run_left(const struct certificate_nights *c, int64_t start)
{
    for (int night = 0; night < c->nights; night++)
        if (is_blocked(c, start + (int64_t)night * CALENDAR_DAY_SLOTS))
            return false;
    return true;
}

enum certificate_says
certificate_check_nights(const struct certificate_nights *c)
{
    int64_t last = c->latest_slot - (int64_t)(c->nights - 1) * CALENDAR_DAY_SLOTS;

    for (size_t i = 0; i < c->count; i++) {
        if (c->blocked[i].slots <= 0 || (i > 0 && c->blocked[i].start_slot < c->blocked[i - 1].start_slot + c->blocked[i - 1].slots))
            return CERTIFICATE_DISORDER;
        if (c->blocked[i].gpus >= c->gpus)
            return CERTIFICATE_ENOUGH;
    }
    for (int64_t night = c->window_slot; night <= last; night += CALENDAR_DAY_SLOTS)
        for (int64_t start = night; start <= night + c->window - c->slots && start <= last; start++)
            if (start >= c->first_slot && run_left(c, start))
                return c->more > 0 ? CERTIFICATE_IN_PART : CERTIFICATE_GAP;
    return CERTIFICATE_PROVES;
}
