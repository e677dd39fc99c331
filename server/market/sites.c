/* market/sites.c: what is in memory because a SITE or OFFERING entry exists: the site's status, the offering's calendars. */
#include "market/market_internal.h"

#include <stdlib.h>

#include "market/due.h"
#include "market/index.h"

static void
undo_free(void *a, void *b)
{
    struct site_state *s = a;

    (void)b;
    free(s->recent);
    free(s);
}

struct site_state *
site_state_new(struct state *s, uint64_t site, struct undo *u)
{
    struct site_state *new = xcalloc(1, sizeof *new);

    new->row.kind = ROW_SITE;
    new->site = site;
    new->recent = xcalloc(RECENT_REPORTS, sizeof new->recent[0]);
    undo_call(u, undo_free, new, NULL);
    map_put(s->sites, &site, new, u);
    return new;
}

static void
undo_free_offering(void *a, void *b)
{
    struct offering_state *o = a;

    (void)b;
    calendar_delete(o->calendar);
    calendar_delete(o->pool);
    free(o);
}

struct offering_state *
offering_state_new(struct state *s, uint64_t offering, int64_t now_ms, struct undo *u)
{
    struct offering_state *new = xcalloc(1, sizeof *new);

    new->row.kind = ROW_CAPACITY;
    new->offering = offering;
    new->site = ledger_offering(s->ledger, offering)->entry.u.offering.site;
    new->calendar = calendar_new(0, calendar_slot_of(now_ms));
    undo_call(u, undo_free_offering, new, NULL);
    map_put(s->offerings, &offering, new, u);
    return new;
}

static void
undo_pool(void *a, void *b)
{
    struct offering_state *o = a;

    (void)b;
    calendar_delete(o->pool);
    o->pool = NULL;
}

enum err
offering_resize(struct state *s, struct offering_state *o, const struct capacity_row *c, int64_t now_ms, struct undo *u,
                struct err_detail *d)
{
    const struct offering *offering = ledger_offering(s->ledger, o->offering);
    uint64_t per_node = offering->entry.u.offering.gpus_per_node;
    uint64_t all = c->nodes * per_node, pool = c->pool_nodes * per_node;
    int64_t from_slot = calendar_slot_of(c->from_ms);

    if (all > CALENDAR_GPUS_MAX)
        return err_at(d, ERR_FIELD_RANGE, "/nodes", "At most %d GPUs.", CALENDAR_GPUS_MAX);
    if (c->brokered_gpus > all)
        return err_at(d, ERR_FIELD_RANGE, "/brokered_gpus", "The offering has %llu GPUs.", (unsigned long long)all);
    if (pool > c->brokered_gpus)
        return err_at(d, ERR_FIELD_RANGE, "/pool_nodes", "The pool is more than what is brokered.");
    if (c->pool_nodes > 0 && o->pool == NULL) {
        o->pool = calendar_new(0, calendar_slot_of(now_ms));
        undo_call(u, undo_pool, o, NULL);
    }
    calendar_resize(o->calendar, from_slot, (int32_t)(c->brokered_gpus - pool), u);
    if (o->pool != NULL)
        calendar_resize(o->pool, from_slot, (int32_t)pool, u);
    undo_save(u, o, sizeof *o);
    o->nodes = c->nodes;
    o->brokered_gpus = c->brokered_gpus;
    o->pool_nodes = c->pool_nodes;
    o->from_ms = c->from_ms;
    o->changes = c->number;
    memcpy(o->modes, c->modes, sizeof o->modes);
    o->open_to = c->open_to;
    memcpy(o->floors, c->floors, sizeof o->floors);
    return OK;
}

/* ---- the end of a state --------------------------------------------------------------------------------------------- */

static void
free_plain(void *p)
{
    free(p);
}

static void
free_quote(void *p)
{
    struct quote *q = p;

    free((void *)q->answer.data);
    free(q);
}

static void
free_site(void *p)
{
    undo_free(p, NULL);
}

static void
free_offering(void *p)
{
    undo_free_offering(p, NULL);
}

static void
delete_map(struct map *m, void (*release)(void *))
{
    const void *key;
    void *value;
    size_t it = 0;

    if (m == NULL)
        return;
    while (release != NULL && map_next(m, &it, &key, &value))
        release(value);
    map_delete(m);
}

void
state_delete(struct state *s)
{
    if (s == NULL)
        return;
    delete_map(s->quotes, free_quote);
    delete_map(s->reservations, index_reservation_release);
    delete_map(s->by_ticket, NULL);
    delete_map(s->by_request, free_plain);
    delete_map(s->sites, free_site);
    delete_map(s->offerings, free_offering);
    delete_map(s->grants, free_plain);
    delete_map(s->parking, free_plain);
    due_delete(s->due);
    ledger_delete(s->ledger);
    free(s);
}
