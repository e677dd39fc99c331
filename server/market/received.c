/* market/received.c: the agent confirms that all tickets up to a number are in its spool. Delivery alone permits
 * nothing. */
#include "base/num.h"
#include "market/actor.h"
#include "market/index.h"
#include "market/life.h"
#include "market/spool.h"

static void
mark_received(struct deciding *d, uint64_t site, uint64_t seq)
{
    struct reservation *r = index_ticket_received(d->state, site, seq, d->undo);

    if (r == NULL || seq != r->seq)
        return; /* a cancel ticket, or one that is over */
    life_touch(d, r);
    r->received_ms = d->now_ms;
}

enum err
decide_received(struct deciding *d, struct command *c)
{
    struct site_state *site = index_site(d->state, c->in.received.site);
    uint64_t seq = c->in.received.seq;

    if (site == NULL)
        return ERR_NOT_FOUND;
    if (!actor_is_agent_of(&c->actor, site->site))
        return ERR_FORBIDDEN;
    if (spool_awaited(site)) /* Security: an instance's number can be guessed */
        return ERR_SUPERSEDED;
    if (c->in.received.instance != site->instance)
        return c->in.received.instance < site->instance ? ERR_SUPERSEDED : ERR_SPOOL_AHEAD;
    if (seq > site->last_seq)
        return err_at(d->detail, ERR_FIELD_RANGE, "/seq", "The newest ticket is %llu.",
                      (unsigned long long)site->last_seq);
    if (seq > site->confirmed_seq) {
        uint64_t from = site->confirmed_seq + 1;

        batch_changed(d, &site->row, sizeof *site);
        site->confirmed_seq = seq;
        for (uint64_t i = from; i <= seq; i++)
            mark_received(d, site->site, i);
    }
    c->answer.number = site->confirmed_seq;
    c->answer.time_ms = d->now_ms;
    return OK;
}
