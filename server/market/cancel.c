/* market/cancel.c: the requester cancels. Before a permit: void at once; after: the site's signed answer is awaited. */
#include "market/actor.h"
#include "market/index.h"
#include "market/life.h"

/* Security: the actor acts for the reservation's organisation. */
enum err
decide_cancel(struct deciding *d, struct command *c)
{
    struct reservation *r = index_reservation(d->state, c->in.cancel.reservation);
    struct cause cause = { .dispute_why = DISPUTE_SILENCE };
    const struct ticket_cell *cell;
    enum err err;

    if (r == NULL)
        return err_say(d->detail, ERR_STATE, "The reservation has ended.");
    if (!actor_spends(&c->actor, r->org))
        return ERR_NOT_FOUND;
    err = life_event(d, r, TICKET_ON_CANCEL, &cause, &cell);
    if (err)
        return err;
    c->answer.id = r->id;
    c->answer.number = r->cancel_seq;
    c->answer.time_ms = d->now_ms;
    return OK;
}
