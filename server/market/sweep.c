/* market/sweep.c */
#include "market/sweep.h"

#include "market/index.h"

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

bool
sweep_wanted(const struct state *s)
{
    size_t it = 0;
    void *value;

    while (map_next(s->sites, &it, NULL, &value))
        if (turns_away(value))
            return true;
    return false;
}

size_t
sweep_withdrawals(const struct state *s, struct due_item *ret, size_t max)
{
    size_t n = 0, it = 0;
    void *value;

    while (n < max && map_next(s->reservations, &it, NULL, &value)) {
        const struct reservation *r = value;
        const struct site_state *site = r->state == TICKET_ISSUED ? index_site(s, r->site) : NULL;

        if (site != NULL && turns_away(site))
            ret[n++] = (struct due_item){ .what = DUE_WITHDRAW, .id = r->id };
    }
    return n;
}
