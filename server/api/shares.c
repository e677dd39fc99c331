/* api/shares.c */
#include "api/shares.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/num.h"
#include "market/index.h"

enum { KEPT_MS = 1000 };

struct waiting {
    struct uuid id, org;
    uint64_t grant, offering, site;
    int64_t start_ms;
    uint32_t ahead;
};

struct delay {
    uint64_t site;
    int64_t ms;
};

/* In an arena of its own. */
struct table {
    struct arena *arena;
    struct delay *delays;
    size_t delays_n;
    int64_t as_of_ms, half_life_ms;
    struct grant_share *grants;
    size_t grants_n;
    struct waiting *waiting;
    size_t waiting_n;
};

struct shares_cache {
    pthread_mutex_t lock;
    struct table table;
    int64_t made_ms; /* monotonic; 0: never */
    int64_t half_life_ms;
};

struct shares_cache *
shares_cache_new(int64_t half_life_days)
{
    struct shares_cache *c = xcalloc(1, sizeof *c);

    c->half_life_ms = half_life_days * SHARE_DAY_MS;
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void
table_free(struct table *t)
{
    if (t->arena)
        arena_delete(t->arena);
    *t = (struct table){ 0 };
}

void
shares_cache_delete(struct shares_cache *c)
{
    if (!c)
        return;
    table_free(&c->table);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool
shares_waits(const struct reservation *r)
{
    return r->state == TICKET_ISSUED || (r->state == TICKET_PERMITTED && r->started_ms == 0);
}

/* ---- who waits ---------------------------------------------------------------------------------------------------- */

static int
by_start(const void *a, const void *b)
{
    const struct waiting *x = a, *y = b;

    if (x->offering != y->offering)
        return x->offering < y->offering ? -1 : 1;
    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? -1 : 1;
    return memcmp(x->id.b, y->id.b, sizeof x->id.b);
}

static void
list_waiting(struct table *t, const struct state *s)
{
    size_t it = 0;
    void *value;

    t->waiting = arena_alloc(t->arena, (map_count(s->reservations) + 1) * sizeof *t->waiting);
    t->delays = arena_alloc(t->arena, (map_count(s->reservations) + 1) * sizeof *t->delays);
    while (map_next(s->reservations, &it, NULL, &value)) {
        const struct reservation *r = value;

        if (shares_waits(r))
            t->waiting[t->waiting_n++] = (struct waiting){
                .id = r->id, .org = r->org, .grant = r->grant, .offering = r->offering, .site = r->site,
                .start_ms = r->window_start_ms,
            };
        if (r->started_ms != 0)
            t->delays[t->delays_n++] = (struct delay){ r->site, max_i64(0, r->started_ms - max_i64(r->window_start_ms, r->created_ms)) };
    }
}

static int
by_delay(const void *a, const void *b)
{
    const struct delay *x = a, *y = b;

    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* Of those in order: how many of the same offering start earlier, less one's own. `own` counts by organisation what stands
 * before in the offering; those that start at the same time are not ahead of each other. */
static void
count_ahead(struct table *t)
{
    struct map *own = NULL;
    size_t first = 0, same = 0;

    for (size_t i = 0; i < t->waiting_n; i++) {
        struct waiting *w = &t->waiting[i];
        uint32_t *mine;

        if (i == 0 || w->offering != t->waiting[i - 1].offering) {
            if (own)
                map_delete(own);
            own = map_new(sizeof w->org.b);
            first = same = i;
        } else if (w->start_ms != t->waiting[i - 1].start_ms) {
            for (; same < i; same++) {
                mine = map_get(own, &t->waiting[same].org);
                if (!mine) {
                    mine = arena_alloc(t->arena, sizeof *mine);
                    map_put(own, &t->waiting[same].org, mine, NULL);
                }
                ++*mine;
            }
        }
        mine = map_get(own, &w->org);
        w->ahead = (uint32_t)(same - first) - (mine ? *mine : 0);
    }
    if (own)
        map_delete(own);
}

/* ---- what was used ------------------------------------------------------------------------------------------------ */

static void
begin_grant(struct table *t, const struct state *s, const struct account *a)
{
    const struct policy *p = ledger_policy(s->ledger, a->policy);
    struct grant_share *g = &t->grants[t->grants_n++];

    g->account = *a;
    if (p) {
        snprintf(g->mode, sizeof g->mode, "%.16s", p->entry.u.policy.code);
        snprintf(g->mode_name, sizeof g->mode_name, "%.32s", p->entry.u.policy.name);
    }
}

/* The class of a model; a grant uses few. */
static struct grant_class *
class_of(struct table *t, struct grant_share *g, const char *model)
{
    struct grant_class *more;

    for (size_t i = 0; i < g->classes_n; i++)
        if (strncmp(g->classes[i].model, model, sizeof g->classes[i].model - 1) == 0)
            return &g->classes[i];
    if ((g->classes_n & (g->classes_n - 1)) == 0) { /* full: 0, 1, 2, 4 … */
        more = arena_alloc(t->arena, (g->classes_n ? 2 * g->classes_n : 1) * sizeof *more);
        if (g->classes_n)
            memcpy(more, g->classes, g->classes_n * sizeof *more);
        g->classes = more;
    }
    more = &g->classes[g->classes_n++];
    snprintf(more->model, sizeof more->model, "%.32s", model);
    return more;
}

/* What is paid of a hold is dated by its end; what is still held is committed now. Of a grant: *paid and *back (what
 * corrections have returned to it). */
static void
add_hold(struct table *t, const struct state *s, const struct hold *h, struct grant_share *g, int64_t *paid, int64_t *back)
{
    const struct offering *o = ledger_offering(s->ledger, h->offering);
    int64_t given = h->settled + h->resolved_gpums, returned = h->corrected + h->unresolved_gpums;
    int64_t committed = max_i64(0, given - returned) + hold_left(h);

    *paid += given;
    *back += returned;
    if (committed == 0 || !o)
        return;
    share_add(&class_of(t, g, o->entry.u.offering.model)->use, committed, h->rate_milli,
              h->open ? 0 : t->as_of_ms - h->resolved_ms, t->half_life_ms);
}

/* What accrues: what was granted less what was taken back. After the end nobody can say from the balance what lapsed and
 * what was taken back: then all counts. */
static void
end_grant(struct table *t, struct grant_share *g, int64_t paid, int64_t back)
{
    const struct account *a = &g->account;
    struct share_class *use = arena_alloc(t->arena, (g->classes_n + 1) * sizeof *use);
    int64_t granted = a->posted_credits - back;

    if (t->as_of_ms < a->end_ms)
        granted -= a->posted_debits - paid;
    g->terms = (struct share_terms){
        .granted_gpums = max_i64(0, granted), .start_ms = a->start_ms, .end_ms = a->end_ms, .half_life_ms = t->half_life_ms,
    };
    for (size_t i = 0; i < g->classes_n; i++)
        use[i] = g->classes[i].use;
    g->share = share_of(&g->terms, use, g->classes_n, t->as_of_ms);
    for (size_t i = 0; i < g->classes_n; i++)
        g->classes[i].share_milli = share_milli(use[i].weighed_gpums, g->share.weighed_accrued_gpums);
}

/* The largest first; of equals the older grant. */
static int
by_share(const void *a, const void *b)
{
    const struct grant_share *x = a, *y = b;

    if (x->share.dominant_milli != y->share.dominant_milli)
        return x->share.dominant_milli > y->share.dominant_milli ? -1 : 1;
    return x->account.index < y->account.index ? -1 : x->account.index > y->account.index;
}

static struct grant_share *
grant_of(const struct table *t, const struct map *places, uint64_t account)
{
    const size_t *place = map_get_u64(places, account);

    return place ? &t->grants[*place] : NULL;
}

static void
add_next(struct table *t, const struct map *places)
{
    for (size_t i = 0; i < t->waiting_n; i++) {
        const struct waiting *w = &t->waiting[i];
        struct grant_share *g = grant_of(t, places, w->grant);

        if (!g)
            continue;
        if (g->waiting++ == 0 || w->start_ms < g->next.start_ms)
            g->next = (struct grant_next){ w->id, w->offering, w->site, w->start_ms, w->ahead };
    }
}

static void
table_make(struct table *t, const struct state *s, int64_t now_ms, int64_t half_life_ms)
{
    struct map *places = map_new(sizeof(uint64_t));
    const struct account *a;
    const struct hold *h;
    size_t n = 0;
    int64_t (*sums)[2];

    *t = (struct table){ .arena = arena_new(), .as_of_ms = now_ms, .half_life_ms = half_life_ms };
    for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
        n += a->class == ACCOUNT_GRANT && a->grant_entry != NO_INDEX;
    t->grants = arena_alloc(t->arena, (n + 1) * sizeof *t->grants);
    sums = arena_alloc(t->arena, (n + 1) * sizeof *sums);
    for (size_t it = 0; (a = ledger_next_account(s->ledger, &it)) != NULL;)
        if (a->class == ACCOUNT_GRANT && a->grant_entry != NO_INDEX) {
            size_t *place = arena_alloc(t->arena, sizeof *place);

            *place = t->grants_n;
            begin_grant(t, s, a);
            map_put(places, &a->index, place, NULL);
        }
    for (size_t it = 0; (h = ledger_next_hold(s->ledger, &it)) != NULL;) {
        struct grant_share *g = grant_of(t, places, h->grant);

        if (g)
            add_hold(t, s, h, g, &sums[g - t->grants][0], &sums[g - t->grants][1]);
    }
    for (size_t i = 0; i < t->grants_n; i++)
        end_grant(t, &t->grants[i], sums[i][0], sums[i][1]);
    list_waiting(t, s);
    qsort(t->waiting, t->waiting_n, sizeof *t->waiting, by_start);
    qsort(t->delays, t->delays_n, sizeof *t->delays, by_delay);
    count_ahead(t);
    add_next(t, places);
    map_delete(places);
    qsort(t->grants, t->grants_n, sizeof *t->grants, by_share);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

/* The table under the cache's lock, made anew if it is old. */
static enum err
table_lock(struct call *call, const struct table **ret)
{
    struct shares_cache *c = call->api->shares;
    int64_t now_ms = monotonic_ms();

    pthread_mutex_lock(&c->lock);
    if (c->made_ms == 0 || now_ms - c->made_ms >= KEPT_MS) {
        const struct state *s = market_read_lock(call->api->market);
        struct table fresh;

        if (!s) {
            pthread_mutex_unlock(&c->lock);
            return ERR_NOT_LEADER;
        }
        table_make(&fresh, s, call->now_ms, c->half_life_ms);
        market_read_unlock(call->api->market);
        table_free(&c->table);
        c->table = fresh;
        c->made_ms = now_ms;
    }
    *ret = &c->table;
    return OK;
}

static struct grant_share
copy_of(struct call *call, const struct grant_share *g)
{
    struct grant_share copy = *g;

    copy.classes = arena_alloc(call->arena, (g->classes_n + 1) * sizeof *copy.classes);
    if (g->classes_n)
        memcpy(copy.classes, g->classes, g->classes_n * sizeof *copy.classes);
    return copy;
}

enum err
shares_list(struct call *call, bool ended, struct grant_share **ret, size_t *ret_n, int64_t *ret_as_of_ms)
{
    const struct table *t;
    enum err err = table_lock(call, &t);
    size_t n = 0;

    if (err)
        return err;
    *ret = arena_alloc(call->arena, (t->grants_n + 1) * sizeof **ret);
    for (size_t i = 0; i < t->grants_n; i++) {
        const struct account *a = &t->grants[i].account;

        if (!a->closed && t->as_of_ms >= a->start_ms && (ended || t->as_of_ms < a->end_ms))
            (*ret)[n++] = copy_of(call, &t->grants[i]);
    }
    *ret_n = n;
    *ret_as_of_ms = t->as_of_ms;
    pthread_mutex_unlock(&call->api->shares->lock);
    return OK;
}

enum err
shares_find(struct call *call, uint64_t account, struct grant_share *ret, int64_t *ret_as_of_ms)
{
    const struct table *t;
    enum err err = table_lock(call, &t);

    if (err)
        return err;
    err = ERR_NOT_FOUND;
    for (size_t i = 0; err && i < t->grants_n; i++)
        if (t->grants[i].account.index == account) {
            *ret = copy_of(call, &t->grants[i]);
            *ret_as_of_ms = t->as_of_ms;
            err = OK;
        }
    pthread_mutex_unlock(&call->api->shares->lock);
    return err;
}

enum err
shares_ahead(struct call *call, struct uuid reservation, uint32_t *ret)
{
    const struct table *t;
    enum err err = table_lock(call, &t);

    if (err)
        return err;
    err = ERR_NOT_FOUND;
    for (size_t i = 0; err && i < t->waiting_n; i++)
        if (uuid_equal(t->waiting[i].id, reservation)) {
            *ret = t->waiting[i].ahead;
            err = OK;
        }
    pthread_mutex_unlock(&call->api->shares->lock);
    return err;
}

enum err
shares_delays(struct call *call, uint64_t site, struct start_delays *ret)
{
    const struct table *t;
    enum err err = table_lock(call, &t);
    size_t first = 0, end;

    if (err)
        return err;
    while (first < t->delays_n && t->delays[first].site != site)
        first++;
    for (end = first; end < t->delays_n && t->delays[end].site == site;)
        end++;
    *ret = (struct start_delays){ .n = end - first };
    if (ret->n > 0) {
        ret->median_ms = t->delays[first + (ret->n - 1) / 2].ms;
        ret->most_ms = t->delays[end - 1].ms;
    }
    pthread_mutex_unlock(&call->api->shares->lock);
    return OK;
}
