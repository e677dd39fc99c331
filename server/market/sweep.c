/* market/sweep.c */
#include "market/sweep.h"

#include <stdlib.h>

#include "market/displaced.h"
#include "market/index.h"
#include "market/spool.h"

size_t
sweep_due(const struct state *s, int64_t now_ms, struct due_item *ret, size_t max)
{
    return due_list(s->due, now_ms, ret, max);
}

/* Is it one to place elsewhere, or to see to because its spool was retired? */
static bool
find(const struct state *s, const struct reservation *r, int64_t now_ms, struct due_item *ret)
{
    const struct site_state *site = index_site(s, r->site);

    if (displaced_moves(s, r, now_ms))
        *ret = (struct due_item){ .what = DUE_WITHDRAW, .id = r->id, .index = r->hold };
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
sweep_wanted(const struct state *s, int64_t now_ms)
{
    size_t it = 0;
    void *value;

    while (map_next(s->sites, &it, NULL, &value)) {
        const struct site_state *site = value;

        if (site->recovering || displaced_by_site(s, site->site, now_ms) != DISPLACED_NOT)
            return true;
    }
    it = 0;
    while (map_next(s->offerings, &it, NULL, &value))
        if (displaced_overbooked(value))
            return true;
    return false;
}

/* The newest hold first: where capacity was cut, who came first stays. */
static int
newest_first(const void *a, const void *b)
{
    const struct due_item *x = a, *y = b;

    return x->index > y->index ? -1 : x->index < y->index;
}

size_t
sweep_sites(const struct state *s, int64_t now_ms, struct due_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    while (n < max && map_next(s->reservations, &it, NULL, &value))
        if (find(s, value, now_ms, &ret[n]))
            n++;
    n = recovered(s, ret, n, max);
    qsort(ret, n, sizeof *ret, newest_first);
    return n;
}
