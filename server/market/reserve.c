/* market/reserve.c */
#include "market/reserve.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "market/index.h"
#include "market/packed_ask.h"
#include "market/ticket_claims.h"
#include "market/timing.h"
#include "market/view.h"

struct option
reserve_option(const struct broker_line *line)
{
    return (struct option){
        .site = line->site,
        .offering = line->offering,
        .rate = line->rate,
        .gpus = (uint32_t)line->gpus,
        .nodes = (uint32_t)line->nodes,
        .rate_milli = (uint32_t)line->rate_milli,
        .start_slot = line->start_slot,
        .slots = line->slots,
        .start_ms = line->start_ms,
        .start_by_ms = line->start_by_ms,
        .end_ms = line->end_ms - (line->nights > 0 ? line->nights - 1 : 0) * BROKER_DAY_MS,
        .cost_gpums = line->cost_gpums,
        .nights = line->nights,
    };
}

struct option
reserve_night(const struct option *o, int night)
{
    struct option one = *o;

    if (o->nights == 0)
        return one;
    one.nights = 0;
    one.cost_gpums = o->cost_gpums / o->nights; /* GPUs x walltime x rate each: nothing is left over */
    one.start_slot += (int64_t)night * CALENDAR_DAY_SLOTS;
    one.start_ms += night * BROKER_DAY_MS;
    one.start_by_ms += night * BROKER_DAY_MS;
    one.end_ms += night * BROKER_DAY_MS;
    return one;
}

enum err
reserve_possible(const struct deciding *d, const struct option *o)
{
    const struct offering *offering = ledger_offering(d->state->ledger, o->offering);
    const struct offering_state *os = index_offering(d->state, o->offering);
    const struct site_state *site = index_site(d->state, o->site);
    const struct calendar *calendar;

    assert(offering != NULL);
    if (site == NULL || site->paused || site->draining)
        return ERR_SITE_PAUSED;
    if (view_silent(d->state, o->site, d->now_ms))
        return err_say(d->detail, ERR_OPTION_GONE, "The site has not been in touch; nothing was spent.");
    if (o->start_by_ms <= d->now_ms)
        return err_say(d->detail, ERR_OPTION_GONE, "The time for this place is over; nothing was spent.");
    if (os == NULL)
        return ERR_OPTION_GONE;
    calendar =
        broker_in_pool((int32_t)o->gpus, (int32_t)offering->entry.u.offering.gpus_per_node) ? os->pool : os->calendar;
    if (calendar == NULL)
        return ERR_OPTION_GONE;
    for (int night = 0; night == 0 || night < o->nights; night++)
        if (!calendar_fits(calendar, o->start_slot + night * CALENDAR_DAY_SLOTS, o->slots, (int32_t)o->gpus))
            return ERR_OPTION_GONE;
    return OK;
}

static void
release_back(void *reservation, void *unused)
{
    (void)unused;
    index_reservation_release(reservation);
}

struct reservation *
reserve_make(struct deciding *d, const struct reservation *from, const struct option *o, const struct broker_ask *ask,
             struct uuid id)
{
    struct timing timing = timing_of_grant(d->state, from->grant);
    struct permit_span permit = timing_permit(&timing, d->now_ms, o->start_ms, o->start_by_ms);
    struct reservation *r = xmalloc(sizeof *r);

    *r = *from;
    if (from->move_freely)
        r->ask = packed_ask_make(ask);
    undo_call(d->undo, release_back, r, NULL);
    r->row = (struct row){ .kind = ROW_RESERVATION };
    r->id = id;
    r->jti = id; /* one run ticket a reservation: they share the UUID */
    r->site = o->site;
    r->offering = o->offering;
    r->rate = o->rate;
    r->gpus = o->gpus;
    r->nodes = o->nodes;
    r->rate_milli = o->rate_milli;
    r->walltime_s = (uint32_t)ask->walltime_s;
    r->needs = ask->needs;
    r->cost_gpums = o->cost_gpums;
    r->window_start_ms = o->start_ms;
    r->window_end_ms = o->end_ms;
    r->start_by_ms = o->start_by_ms;
    r->permit_from_ms = permit.from_ms;
    r->accept_by_ms = permit.until_ms;
    r->booked_slot = o->start_slot;
    r->booked_slots = o->slots;
    r->fence = ledger_request_fence(d->state->ledger, from->request) + 1;
    r->state = TICKET_ISSUED;
    r->created_ms = r->changed_ms = d->now_ms;
    r->version = 1;
    return r;
}

void
reserve_hold_entry(const struct deciding *d, const struct reservation *r, struct entry *e)
{
    const struct account *grant = ledger_account(d->state->ledger, r->grant);
    const struct policy *policy = ledger_policy(d->state->ledger, grant->policy);
    const struct site *site = ledger_site(d->state->ledger, r->site);

    *e = entry_new(HOLD);
    e->debit = r->grant;
    e->credit = site->account;
    e->amount = r->cost_gpums;
    e->u.hold.request = r->request;
    e->u.hold.reservation = r->id;
    e->u.hold.offering = r->offering;
    e->u.hold.rate = r->rate;
    e->u.hold.gpus = r->gpus;
    e->u.hold.walltime_s = r->walltime_s;
    e->u.hold.window_start_ms = r->window_start_ms;
    e->u.hold.window_end_ms = r->window_end_ms;
    e->u.hold.start_by_ms = r->start_by_ms;
    /* as the policy has it, also in a simulation: the ledger knows nothing of the clock's rate */
    e->u.hold.expiry_ms = r->start_by_ms + r->walltime_s * INT64_C(1000) + policy->entry.u.policy.report_grace_ms;
    e->u.hold.fence = r->fence;
}

void
reserve_hold(const struct deciding *d, const struct reservation *r, struct group *g)
{
    reserve_hold_entry(d, r, group_add(g, HOLD));
}

void
reserve_issue(struct deciding *d, struct reservation *r, uint64_t hold)
{
    struct site_state *site = index_site(d->state, r->site);
    struct json_out claims = { 0 };
    uint64_t seq;

    r->hold = hold;
    r->seq = site->last_seq + 1;
    ticket_claims_run(d->state, r, d->now_ms, &claims);
    seq = batch_ticket(d, r->site, r->jti, r->id, claims.text, claims.len);
    json_out_free(&claims);
    assert(seq == r->seq);
    batch_new(d, &r->row);
    index_reservation_add(d->state, r, d->undo);
    batch_event(d, EVENT_RESERVATION, 0, r->id);
}

void
reserve_deliver_again(struct deciding *d, struct reservation *r)
{
    struct pair_key key = { r->site, index_site(d->state, r->site)->last_seq + 1 };
    struct json_out claims = { 0 };
    uint64_t seq;

    r->seq = key.b;
    r->received_ms = 0;
    ticket_claims_run(d->state, r, d->now_ms, &claims);
    seq = batch_ticket(d, r->site, r->jti, r->id, claims.text, claims.len);
    json_out_free(&claims);
    assert(seq == r->seq);
    map_put(d->state->by_ticket, &key, r, d->undo);
}

void
reserve_cancel_ticket(struct deciding *d, struct reservation *r)
{
    struct pair_key key = { r->site, index_site(d->state, r->site)->last_seq + 1 };
    struct json_out claims = { 0 };
    uint64_t seq;

    r->cancel_seq = key.b;
    ticket_claims_cancel(d->state, r, d->now_ms, &claims);
    seq = batch_ticket(d, r->site, r->jti, r->id, claims.text, claims.len);
    json_out_free(&claims);
    assert(seq == r->cancel_seq);
    map_put(d->state->by_ticket, &key, r, d->undo);
}
