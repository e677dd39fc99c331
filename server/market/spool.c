/* market/spool.c
 * A site's agent has lost its spool, and an operator says so: it is retired. From then on nobody can go on with it (its
 * instance is over, its key opens no other), and an empty spool under a new key may begin, at the numbers on record here.
 * What the lost one had is seen to one by one, by the janitor: where there is a permit, only people can tell what became
 * of it (a dispute); where there is none, nothing was started, and the ticket is delivered again. */
#include "market/actor.h"
#include "market/due.h"
#include "market/life.h"
#include "market/reserve.h"
#include "market/spool.h"

#include "base/text.h"
#include "market/index.h"

bool
spool_permit_lost(const struct site_state *site, const struct reservation *r)
{
    return r->permit_instance != 0 && r->permit_instance <= site->retired_instance &&
           ticket_next(r->state, TICKET_ON_SPOOL_LOST)->verdict == TICKET_GO;
}

bool
spool_ticket_lost(const struct site_state *site, const struct reservation *r)
{
    return r->state == TICKET_ISSUED && r->seq <= site->base_seq;
}

bool
spool_begins(const struct site_state *site)
{
    return site->retired_ms != 0 && site->confirmed_seq == site->base_seq && site->last_report == site->base_report;
}

bool
spool_awaited(const struct site_state *site)
{
    return site->retired_ms != 0 && site->instance_key == site->retired_key;
}

/* Security: the site's own operators, and administrators. ERR_CONFLICT where there is nothing to retire. */
enum err
decide_spool_retire(struct deciding *d, struct command *c)
{
    struct site_state *site = index_site(d->state, c->in.spool_retire.site);
    char since[TIME_TEXT];

    if (!actor_runs_site(&c->actor, c->in.spool_retire.site))
        return err_say(d->detail, ERR_FORBIDDEN, "This is for the site's operators.");
    if (site == NULL)
        return err_say(d->detail, ERR_NOT_FOUND, "There is no such site.");
    if (site->instance == 0)
        return err_say(d->detail, ERR_CONFLICT, "No agent has begun to work at this site: it has no spool to retire.");
    if (site->retired_ms != 0 && site->instance_key == site->retired_key) {
        time_text(site->retired_ms, since);
        return err_say(d->detail, ERR_CONFLICT,
                       "The spool was retired at %s already: enrol the agent anew, with an empty folder.", since);
    }
    batch_changed(d, &site->row, sizeof *site);
    site->retired_ms = d->now_ms;
    site->retired_instance = site->instance;
    site->retired_key = site->instance_key;
    text_format(site->retired_reason, sizeof site->retired_reason, "%s", c->in.spool_retire.reason);
    site->base_seq = site->confirmed_seq;
    site->base_report = site->last_report;
    site->recovering = true;
    site->instance++; /* whoever still has the old one is superseded */
    c->answer.index = site->site;
    c->answer.number = site->instance;
    c->answer.time_ms = d->now_ms;
    return OK;
}

enum err
spool_see_to(struct deciding *d, struct uuid reservation)
{
    struct reservation *r = index_reservation(d->state, reservation);
    const struct site_state *site = r != NULL ? index_site(d->state, r->site) : NULL;
    struct cause cause = { .dispute_why = DISPUTE_SPOOL_LOST };
    const struct ticket_cell *cell;

    if (site == NULL)
        return OK;
    if (spool_permit_lost(site, r))
        return life_event(d, r, TICKET_ON_SPOOL_LOST, &cause, &cell);
    if (spool_ticket_lost(site, r)) {
        life_touch(d, r);
        reserve_deliver_again(d, r);
    }
    return OK;
}

/* A reservation that is not seen to yet cannot come into being after a spool was retired: so what was found done stays
 * done. */
enum err
spool_seen_to(struct deciding *d, uint64_t site)
{
    struct site_state *s = index_site(d->state, site);

    if (s == NULL || !s->recovering)
        return OK;
    batch_changed(d, &s->row, sizeof *s);
    s->recovering = false;
    return OK;
}
