/* market/index.c */
#include "market/index.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/num.h"
#include "core/needs.h"
#include "market/command.h"
#include "market/due.h"
#include "market/timing.h"

struct quote *
index_quote(const struct state *s, struct uuid id)
{
    return map_get(s->quotes, &id);
}

struct reservation *
index_reservation(const struct state *s, struct uuid id)
{
    return map_get(s->reservations, &id);
}

struct reservation *
index_jti(const struct state *s, struct uuid jti)
{
    return map_get(s->reservations, &jti);
}

struct reservation *
index_ticket_received(struct state *s, uint64_t site, uint64_t seq, struct undo *u)
{
    struct pair_key key = { site, seq };

    return map_remove(s->by_ticket, &key, u);
}

struct site_state *
index_site(const struct state *s, uint64_t site)
{
    return map_get_u64(s->sites, site);
}

struct offering_state *
index_offering(const struct state *s, uint64_t offering)
{
    return map_get_u64(s->offerings, offering);
}

static void
free_back(void *ptr, void *unused)
{
    (void)unused;
    free(ptr);
}

/* A record that came into being: a map holds it; taken back, it is freed. The map's own change is undone first. */
static void
keep(struct map *map, const void *key, void *record, struct undo *u)
{
    undo_call(u, free_back, record, NULL);
    map_put(map, key, record, u);
}

static void
recent_back(void *site, void *unused)
{
    struct site_state *s = site;

    (void)unused;
    free(s->recent);
    s->recent = NULL;
}

struct report_seen *
index_recent(struct site_state *site, uint64_t number, struct undo *u)
{
    if (site->recent == NULL) {
        site->recent = xcalloc(RECENT_REPORTS, sizeof *site->recent);
        undo_call(u, recent_back, site, NULL);
    }
    return &site->recent[number % RECENT_REPORTS];
}

struct request_state *
index_request(struct state *s, struct uuid request, struct undo *u)
{
    struct request_state *r = map_get(s->by_request, &request);

    if (r == NULL) {
        r = xcalloc(1, sizeof *r);
        r->request = request;
        keep(s->by_request, &request, r, u);
    }
    return r;
}

struct grant_state *
index_grant(struct state *s, uint64_t grant, struct undo *u)
{
    struct grant_state *g = map_get_u64(s->grants, grant);

    if (g == NULL) {
        g = xcalloc(1, sizeof *g);
        g->grant = grant;
        keep(s->grants, &grant, g, u);
    }
    return g;
}

/* Without padding, as it is compared byte by byte, and of a length that a map has keys of. */
struct parking_key {
    struct uuid org;
    uint64_t site, zero;
};
_Static_assert(sizeof(struct parking_key) == 32, "as the map is made for");

const struct parking *
index_parked(const struct state *s, struct uuid org, uint64_t site)
{
    struct parking_key key = { org, site, 0 };

    return map_get(s->parking, &key);
}

struct parking *
index_parking(struct state *s, struct uuid org, uint64_t site, struct undo *u)
{
    struct parking_key key = { org, site, 0 };
    struct parking *p = map_get(s->parking, &key);

    if (p == NULL) {
        p = xcalloc(1, sizeof *p);
        p->org = org;
        p->site = site;
        keep(s->parking, &key, p, u);
    }
    return p;
}

/* ---- capacity ---------------------------------------------------------------------------------------------------- */

static struct calendar *
calendar_for(const struct state *s, uint64_t offering, uint32_t gpus)
{
    const struct offering *o = ledger_offering(s->ledger, offering);
    struct offering_state *os = index_offering(s, offering);

    assert(o != NULL && os != NULL);
    return broker_in_pool((int32_t)gpus, (int32_t)o->entry.u.offering.gpus_per_node) ? os->pool : os->calendar;
}

/* The calendar in which that is booked. A leader whose clock was ahead may have promised what lies beyond the horizon that
 * the right time has: then the calendar begins later, as that leader's did. NULL: a pool may have been dissolved by a change
 * of capacity while something was booked in it: then nothing is counted. */
static struct calendar *
calendar_reaching(struct state *s, uint64_t offering, uint32_t gpus, int64_t end_slot)
{
    struct calendar *c = calendar_for(s, offering, gpus);

    if (c != NULL && end_slot > calendar_end(c))
        calendar_advance(c, calendar_first(c) + end_slot - calendar_end(c));
    return c;
}

static void
book(struct state *s, uint64_t offering, uint32_t gpus, int64_t start_slot, int64_t slots, struct undo *u)
{
    struct calendar *c = calendar_reaching(s, offering, gpus, start_slot + slots);

    if (c != NULL && slots > 0)
        calendar_reserve_undo(c, start_slot, slots, (int32_t)gpus, u);
}

static void
unbook(struct state *s, uint64_t offering, uint32_t gpus, int64_t start_slot, int64_t slots, struct undo *u)
{
    struct calendar *c = calendar_reaching(s, offering, gpus, start_slot + slots);

    if (c != NULL && slots > 0)
        calendar_release_undo(c, start_slot, slots, (int32_t)gpus, u);
}

void
index_advance(struct state *s, int64_t now_ms)
{
    int64_t slot = calendar_slot_of(now_ms);
    size_t it = 0;
    void *value;

    while (map_next(s->offerings, &it, NULL, &value)) {
        struct offering_state *os = value;
        if (os->calendar != NULL && calendar_first(os->calendar) < slot)
            calendar_advance(os->calendar, slot);
        if (os->pool != NULL && calendar_first(os->pool) < slot)
            calendar_advance(os->pool, slot);
    }
}

/* ---- quotes ------------------------------------------------------------------------------------------------------ */

void
index_quote_open(struct state *s, struct quote *q, struct undo *u)
{
    struct grant_state *g = index_grant(s, q->grant, u);
    struct request_state *r = index_request(s, q->request, u);
    struct parking *all;

    assert(q->state == QUOTE_OPEN);
    map_put(s->quotes, &q->id, q, u);
    for (int night = 0; night == 0 || night < q->nights; night++)
        book(s, q->offering, q->gpus, q->start_slot + night * CALENDAR_DAY_SLOTS, q->slots, u);
    undo_save(u, g, sizeof *g);
    g->open_quotes++;
    g->open_quotes_gpums += q->cost_gpums;
    all = index_parking(s, q->org, 0, u);
    undo_save(u, all, sizeof *all);
    all->open_quotes++;
    undo_save(u, r, sizeof *r);
    r->open = q;
    if (!q->first) {
        struct parking *p = index_parking(s, q->org, q->site, u);
        undo_save(u, p, sizeof *p);
        p->beyond_gpus += q->gpus;
    }
    due_set(s->due, DUE_QUOTE, q->id, 0, q->expires_ms, u);
}

static void
quote_release(void *ptr)
{
    struct quote *q = ptr;

    free((void *)(uintptr_t)q->answer.data);
    free(q);
}

void
index_quote_close(struct state *s, struct quote *q, int64_t ttl_ms, struct undo *u)
{
    struct grant_state *g = index_grant(s, q->grant, u);
    struct request_state *r = index_request(s, q->request, u);
    struct parking *all;

    assert(q->state != QUOTE_OPEN && g->open_quotes > 0);
    for (int night = 0; night == 0 || night < q->nights; night++)
        unbook(s, q->offering, q->gpus, q->start_slot + night * CALENDAR_DAY_SLOTS, q->slots, u);
    undo_save(u, g, sizeof *g);
    g->open_quotes--;
    g->open_quotes_gpums -= q->cost_gpums;
    all = index_parking(s, q->org, 0, u);
    undo_save(u, all, sizeof *all);
    all->open_quotes--;
    if (r->open == q) {
        undo_save(u, r, sizeof *r);
        r->open = NULL;
    }
    if (!q->first) {
        struct parking *p = index_parking(s, q->org, q->site, u);
        undo_save(u, p, sizeof *p);
        p->beyond_gpus -= q->gpus;
    }
    index_quote_recall(s, q, ttl_ms, u);
    due_set(s->due, DUE_QUOTE, q->id, 0, DUE_NEVER, u);
    map_remove(s->quotes, &q->id, u);
    undo_free_on_commit(u, quote_release, q);
}

/* More than this part of a site is much of it: in short quotes too it must not be booked all the time. */
#define MUCH_PART 10

static bool
is_much_of_site(const struct state *s, uint64_t site, uint32_t asked)
{
    int64_t gpus = 0;
    size_t it = 0;
    void *value;

    while (map_next(s->offerings, &it, NULL, &value)) {
        const struct offering_state *os = value;
        if (os->site == site)
            gpus += os->brokered_gpus;
    }
    return asked > gpus / MUCH_PART;
}

/* A booking that came to nothing. */
struct unused {
    uint32_t gpus;
    int64_t from_ms, to_ms;
    bool renewed, much;
};

/* How long much of the site was booked and not used; what passed since is taken off. */
static int64_t
idle_left(const struct parking *p, int64_t at_ms)
{
    return max_i64(0, p->idle_ms - max_i64(0, at_ms - p->idle_at_ms));
}

/* Nobody parks capacity for nothing: what was booked for most of a quote's time and was not used makes the next one count
 * as its renewal, and so do short ones one after the other that book much of the site; after a renewal there is a pause. */
static void
note_unused(struct parking *p, const struct unused *b, int64_t ttl_ms)
{
    bool more = (p->last_end_ms != 0 && b->from_ms < p->last_end_ms + ttl_ms) || idle_left(p, b->from_ms) > 0;

    p->left_gpus = more && p->left_gpus > b->gpus ? p->left_gpus : b->gpus;
    if (b->renewed) {
        p->last_end_ms = 0;
        p->idle_ms = 0;
        p->pause_until_ms = b->to_ms + ttl_ms;
        return;
    }
    if (b->much) {
        p->idle_ms = idle_left(p, b->from_ms) + b->to_ms - b->from_ms;
        p->idle_at_ms = b->to_ms;
    }
    if (max_i64(b->to_ms - b->from_ms, b->much ? p->idle_ms : 0) > ttl_ms / 2)
        p->last_end_ms = b->to_ms;
}

/* One that was used leaves nothing behind, and makes good for what was not, if that was no larger: else a single GPU would. */
static void
note_used(struct parking *p, const struct quote *q)
{
    if (q->renewed)
        p->pause_until_ms = 0;
    if (q->gpus < p->left_gpus)
        return;
    p->last_end_ms = 0;
    p->idle_ms = 0;
    p->left_gpus = 0;
}

void
index_quote_recall(struct state *s, const struct quote *q, int64_t ttl_ms, struct undo *u)
{
    struct unused unused = { q->gpus, q->created_ms, q->ended_ms, q->renewed, is_much_of_site(s, q->site, q->gpus) };
    struct parking *p;

    if (q->state == QUOTE_NO_OFFER || (q->state == QUOTE_USED && index_parked(s, q->org, q->site) == NULL))
        return;
    p = index_parking(s, q->org, q->site, u);
    undo_save(u, p, sizeof *p);
    if (q->state == QUOTE_USED)
        note_used(p, q);
    else
        note_unused(p, &unused, ttl_ms);
}

void
index_reservation_unused(struct state *s, const struct reservation *r, int64_t now_ms, int64_t ttl_ms, struct undo *u)
{
    struct unused unused = { r->gpus, r->created_ms - r->quoted_s * INT64_C(1000), now_ms, r->renewed, true };
    struct parking *p;

    if (!is_much_of_site(s, r->site, r->gpus))
        return;
    p = index_parking(s, r->org, r->site, u);
    undo_save(u, p, sizeof *p);
    note_unused(p, &unused, ttl_ms);
}

void
index_quote_renewed(struct state *s, const struct quote *q, int64_t ttl_ms, struct undo *u)
{
    struct parking *p = index_parking(s, q->org, q->site, u);

    undo_save(u, p, sizeof *p);
    p->pause_until_ms = q->expires_ms + ttl_ms;
}

/* ---- reservations ------------------------------------------------------------------------------------------------ */

bool
index_reservation_over(const struct reservation *r)
{
    return ticket_state_is_end(r->state) || r->state == TICKET_CONTESTED;
}

struct ticket_facts
index_facts(const struct state *s, const struct reservation *r)
{
    struct timing t = timing_of_grant(s, r->grant);
    const struct hold *hold = ledger_hold(s->ledger, r->hold);

    assert(hold != NULL);
    return (struct ticket_facts){
        .state = r->state,
        .fence = r->fence,
        .allocation = (r->needs & NEED_BIT(NEED_ALLOCATION)) != 0,
        .gpus = r->gpus,
        .permit_from_ms = r->permit_from_ms,
        .accept_by_ms = r->accept_by_ms,
        .start_by_ms = r->start_by_ms,
        .window_end_ms = r->window_end_ms,
        .expiry_ms = hold->expiry_ms,
        .permit_life_ms = t.permit_life_ms,
        .start_grace_ms = t.start_grace_ms,
        .end_grace_ms = t.end_grace_ms,
        .cancel_grace_ms = t.cancel_grace_ms,
        .dispute_ms = t.dispute_ms,
        .permitted_ms = r->permit_ms,
        .first_permitted_ms = r->first_permit_ms,
        .started_ms = r->started_ms,
        .ended_ms = r->ended_ms,
        .settled_ms = r->daily_settle_ms,
        .cancel_ms = r->cancel_ms,
        .contested_ms = r->disputed_ms,
        .gpu_seconds = r->reported_gpu_seconds,
    };
}

void
index_reservation_due(struct state *s, const struct reservation *r, int64_t now_ms, struct undo *u)
{
    int64_t at_ms = DUE_NEVER;
    struct ticket_timer timer;

    if (r->state == TICKET_SETTLED) {
        at_ms = r->settled_ms + timing_of_grant(s, r->grant).contest_ms;
    } else if (r->state != TICKET_VOIDED) {
        struct ticket_facts facts = index_facts(s, r);
        if (ticket_due(&facts, now_ms, &timer))
            at_ms = timer.at_ms;
    }
    due_set(s->due, DUE_RESERVATION, r->id, 0, at_ms, u);
}

/* A ticket that the agent has not confirmed yet. 0: there is none. */
static void
await_ticket(struct state *s, struct reservation *r, uint64_t seq, struct undo *u)
{
    const struct site_state *site = index_site(s, r->site);
    struct pair_key key = { r->site, seq };

    if (seq > (site != NULL ? site->confirmed_seq : 0))
        map_put(s->by_ticket, &key, r, u);
}

void
index_reservation_add(struct state *s, struct reservation *r, struct undo *u)
{
    struct request_state *request = index_request(s, r->request, u);

    assert(r->state != TICKET_VOIDED);
    map_put(s->reservations, &r->id, r, u);
    assert(uuid_equal(r->id, r->jti));
    await_ticket(s, r, r->seq, u);
    await_ticket(s, r, r->cancel_seq, u);
    book(s, r->offering, r->gpus, r->booked_slot, r->booked_slots, u);
    undo_save(u, request, sizeof *request);
    if (request->fence < r->fence)
        request->fence = r->fence;
    if (!ticket_state_is_end(r->state) && r->state != TICKET_CONTESTED) {
        assert(request->live == NULL);
        request->live = r;
    }
    index_reservation_due(s, r, r->changed_ms, u);
}

void
index_reservation_ended(struct state *s, struct reservation *r, struct undo *u)
{
    struct request_state *request = index_request(s, r->request, u);

    if (request->live != r)
        return;
    undo_save(u, request, sizeof *request);
    request->live = NULL;
}

void
index_reservation_free(struct state *s, struct reservation *r, struct undo *u)
{
    unbook(s, r->offering, r->gpus, r->booked_slot, r->booked_slots, u);
    r->booked_slots = 0;
}

void
index_reservation_release(void *reservation)
{
    struct reservation *r = reservation;

    free((void *)(uintptr_t)r->ask.data);
    free(r);
}

void
index_reservation_drop(struct state *s, struct reservation *r, struct undo *u)
{
    struct pair_key ticket = { r->site, r->seq }, cancel = { r->site, r->cancel_seq };

    assert(r->booked_slots == 0);
    index_reservation_ended(s, r, u);
    map_remove(s->reservations, &r->id, u);
    map_remove(s->by_ticket, &ticket, u);
    if (r->cancel_seq != 0)
        map_remove(s->by_ticket, &cancel, u);
    due_set(s->due, DUE_RESERVATION, r->id, 0, DUE_NEVER, u);
    undo_free_on_commit(u, index_reservation_release, r);
}

void
index_grant_due(struct state *s, const struct account *grant, struct undo *u)
{
    struct uuid none = { { 0 } };
    bool lapsed = ledger_time(s->ledger) >= grant->end_ms && account_free(grant) == 0;
    bool ends = !grant->closed && grant->grant_entry != NO_INDEX && !lapsed;

    due_set(s->due, DUE_GRANT, none, grant->index, ends ? grant->end_ms : DUE_NEVER, u);
}
