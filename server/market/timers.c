/* market/timers.c
 * What is due by time. The janitor says which thing; whether and what is due is decided here, by the head's clock. */
#include "market/displaced.h"
#include "market/due.h"
#include "market/group.h"
#include "market/index.h"
#include "market/life.h"
#include "market/quote.h"
#include "market/spool.h"
#include "market/timing.h"

static enum err
quote_due(struct deciding *d, struct uuid id)
{
    struct quote *q = index_quote(d->state, id);

    if (q != NULL && d->now_ms >= q->expires_ms)
        quote_end(d, q, QUOTE_EXPIRED);
    return OK;
}

/* The contest time is over: the settled reservation leaves the memory. Its row stands as it is. */
static void
forget(struct deciding *d, struct reservation *r)
{
    if (d->now_ms >= r->settled_ms + timing_of_grant(d->state, r->grant).contest_ms)
        index_reservation_drop(d->state, r, d->undo);
}

static enum err
reservation_due(struct deciding *d, struct command *c)
{
    struct reservation *r = index_reservation(d->state, c->in.timer.id);
    struct cause cause = life_cause(c);
    const struct ticket_cell *cell;
    struct ticket_facts facts;
    struct ticket_timer timer;

    if (r == NULL)
        return OK;
    if (r->state == TICKET_SETTLED) {
        forget(d, r);
        return OK;
    }
    facts = index_facts(d->state, r);
    if (!ticket_due(&facts, d->now_ms, &timer) || d->now_ms < timer.at_ms)
        return OK;
    cause.dispute_why = DISPUTE_SILENCE;
    return life_event(d, r, timer.event, &cause, &cell);
}

static enum err
grant_due(struct deciding *d, uint64_t index)
{
    const struct account *grant = ledger_account(d->state->ledger, index);
    struct entry lapse = entry_new(LAPSE);
    struct uuid none = { { 0 } };
    enum err err;

    if (grant == NULL || grant->class != ACCOUNT_GRANT || grant->closed || grant->grant_entry == NO_INDEX)
        return OK;
    if (d->now_ms >= grant->end_ms && account_free(grant) > 0) {
        ledger_fill_grant(d->state->ledger, index, &lapse);
        err = batch_group(d, &lapse, 1);
        if (err)
            return err;
    }
    if (d->now_ms >= grant->end_ms) /* what comes back later lapses in its own group */
        due_set(d->state->due, DUE_GRANT, none, index, DUE_NEVER, d->undo);
    return OK;
}

/* Security: only the market's own janitor sends this. new_id[0] is for a reservation brokered anew. */
enum err
decide_timer(struct deciding *d, struct command *c)
{
    if (c->actor.kind != ACTOR_JANITOR)
        return ERR_FORBIDDEN;
    switch ((enum due_what)c->in.timer.what) {
    case DUE_QUOTE:
        return quote_due(d, c->in.timer.id);
    case DUE_RESERVATION:
        return reservation_due(d, c);
    case DUE_GRANT:
        return grant_due(d, c->in.timer.index);
    case DUE_WITHDRAW:
        return displaced_withdraw(d, c);
    case DUE_SPOOL:
        return spool_see_to(d, c->in.timer.id);
    case DUE_RECOVERED:
        return spool_seen_to(d, c->in.timer.index);
    }
    return ERR_FIELD_INVALID;
}
