/* market/sweep.c */
#include "market/sweep.h"

#include "market/index.h"
#include "market/spool.h"

size_t
sweep_due(const struct state *s, int64_t now_ms, struct due_item *ret, size_t max)
{
    return due_list(s->due, now_ms, ret, max);
}

static bool
turns_away(const struct site_state *site)
{
    return site->paused || site->draining;
}

/* Is it one to withdraw, or to see to because its spool was retired? */
static bool
find(const struct site_state *site, const struct reservation *r, struct due_item *ret)
{
    if (r->state == TICKET_ISSUED && turns_away(site))
        *ret = (struct due_item){ .what = DUE_WITHDRAW, .id = r->id };
    else if (site->recovering && (spool_permit_lost(site, r) || spool_ticket_lost(site, r)))
        *ret = (struct due_item){ .what = DUE_SPOOL, .id = r->id, .index = r->site };
    else
        return false;
    return true;
}

/* Sites that recover and for which a whole scan has found nothing. */
static size_t
recovered(const struct state *s, struct due_item *ret, size_t n, size_t max)
{
    size_t it = 0, found = n;
    void *value;

    while (n < max && map_next(s->sites, &it, NULL, &value)) {
        const struct site_state *site = value;
        bool busy = !site->recovering;

        for (size_t i = 0; i < found && !busy; i++)
            busy = ret[i].what == DUE_SPOOL && ret[i].index == site->site;
        if (!busy)
            ret[n++] = (struct due_item){ .what = DUE_RECOVERED, .index = site->site };
    }
    return n;
}

bool
sweep_wanted(const struct state *s)
{
    size_t it = 0;
    void *value;

    while (map_next(s->sites, &it, NULL, &value))
        if (turns_away(value) || ((const struct site_state *)value)->recovering)
            return true;
    return false;
}

size_t
sweep_sites(const struct state *s, struct due_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    while (n < max && map_next(s->reservations, &it, NULL, &value)) {
        const struct reservation *r = value;

        if (find(index_site(s, r->site), r, &ret[n]))
            n++;
    }
    return recovered(s, ret, n, max);
}
