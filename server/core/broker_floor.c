/* core/broker_floor.c: what an offering keeps free of its whole nodes for other access modes than the asker's. */
#include <string.h>

#include "base/num.h"
#include "core/broker.h"
#include "core/broker_probe.h"

int32_t
broker_floor(const char *floors, const char *mode)
{
    size_t len = mode ? strlen(mode) : 0;
    int64_t kept = 0;

    if (!floors || floors[0] == '\0' || len == 0)
        return 0;
    for (const char *at = floors; *at != '\0';) {
        size_t code = strcspn(at, ":");
        int64_t gpus = 0;
        const char *digit = at + code + (at[code] == ':');

        for (; *digit >= '0' && *digit <= '9' && gpus <= CALENDAR_GPUS_MAX; digit++)
            gpus = gpus * 10 + (*digit - '0');
        if (code != len || memcmp(at, mode, len) != 0)
            kept += gpus;
        at = digit + strcspn(digit, " ");
        at += *at == ' ';
    }
    return (int32_t)min_i64(kept, CALENDAR_GPUS_MAX);
}

int32_t
probe_kept(const struct broker_offering *o, const struct broker_ask *ask)
{
    return broker_in_pool(ask->gpus, o->gpus_per_node) ? 0 : broker_floor(o->floors, ask->mode);
}

/* For so many more, of which only those asked for are paid. What is told of the calendar is told of what is free beyond
 * the floors: that is what who asks may have. */
enum broker_code
probe_calendar(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, struct offer *ret,
               struct calendar_why *why)
{
    int32_t kept = probe_kept(o, ask);
    struct broker_ask with;
    struct offer offer;
    enum broker_code code;

    if (kept == 0)
        return probe_free(o, ask, now_ms, ret, why);
    with = *ask;
    with.gpus += kept;
    code = probe_free(o, &with, now_ms, &offer, why);
    if (why) {
        why->most_free -= kept;
        why->most_throughout = (int32_t)max_i64(0, (int64_t)why->most_throughout - kept);
        for (size_t i = 0; i < why->blocked_count; i++)
            why->blocked[i].gpus -= kept;
    }
    if (code != BROKER_OFFERED)
        return code;
    if (!probe_cost(o, ask, &offer.cost_gpums))
        return BROKER_COST;
    *ret = offer;
    return BROKER_OFFERED;
}

bool
probe_without_floors(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, int64_t *ret_start_ms)
{
    struct offer offer;

    if (probe_free(o, ask, now_ms, &offer, NULL) != BROKER_OFFERED)
        return false;
    *ret_start_ms = offer.start_ms;
    return true;
}
