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
