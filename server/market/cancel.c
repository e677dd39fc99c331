/* market/cancel.c: the requester cancels. Before a permit: void at once; after: the site's signed answer is awaited. */
#include "market/actor.h"
#include "market/displaced.h"
#include "market/index.h"
#include "market/life.h"
#include "market/timing.h"

static enum err
cancel(struct deciding *d, struct reservation *r)
{
    struct cause cause = { .dispute_why = DISPUTE_SILENCE };
    const struct ticket_cell *cell;
    bool unused = r->state == TICKET_ISSUED && displaced_why(d->state, r, d->now_ms) == DISPLACED_NOT;
    enum err err = life_event(d, r, TICKET_ON_CANCEL, &cause, &cell);

    if (err == OK && unused)
        index_reservation_unused(d->state, r, d->now_ms, timing_of_grant(d->state, r->grant).quote_ttl_ms, d->undo);
    return err;
}

/* All that a request has reserved and that may be cancelled: each night that is not over, or its one reservation.
 * Security: as below, of each. */
static enum err
cancel_all(struct deciding *d, struct command *c)
{
    struct uuid request = c->in.cancel.request;
    uint64_t cancelled = 0;

    for (unsigned night = 0; night < UUID_ROW; night++) {
        struct uuid id = uuid_row(request, night);
        const struct request_state *q = map_get(d->state->by_request, &id);
        struct reservation *r = q != NULL ? q->live : NULL;
        enum err err;

        if (r == NULL || (r->nights == 0 && !uuid_equal(id, request)))
            continue;
        if (!actor_spends(&c->actor, r->org))
            return ERR_NOT_FOUND;
        err = cancel(d, r);
        if (err == OK)
            cancelled++;
        else if (err != ERR_STATE) /* cancelled already, or past it: of no concern to the others */
            return err;
    }
    if (cancelled == 0)
        return err_say(d->detail, ERR_STATE, "Nothing is left to cancel.");
    *d->detail = (struct err_detail){ .retry_after_s = 0 };
    c->answer.id = request;
    c->answer.number = cancelled;
    c->answer.time_ms = d->now_ms;
    return OK;
}

/* Security: the actor acts for the reservation's organisation. */
enum err
decide_cancel(struct deciding *d, struct command *c)
{
    struct reservation *r = index_reservation(d->state, c->in.cancel.reservation);
    enum err err;

    if (!uuid_is_zero(c->in.cancel.request))
        return cancel_all(d, c);
    if (r == NULL)
        return err_say(d->detail, ERR_STATE, "The reservation has ended.");
    if (!actor_spends(&c->actor, r->org))
        return ERR_NOT_FOUND;
    err = cancel(d, r);
    if (err)
        return err;
    c->answer.id = r->id;
    c->answer.number = r->cancel_seq;
    c->answer.time_ms = d->now_ms;
    return OK;
}
