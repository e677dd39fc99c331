/* market/instance.c
 * An agent opens an instance: the newest one alone may act for its site. Its spool must hold what it has confirmed, and
 * must not know more than we do. Under another key than the last instance's it is a new spool in the place of a lost one. */
#include "market/actor.h"
#include "market/index.h"
#include "market/life.h"

enum { LOST_MOST = 256 }; /* disputed at once; what is beyond them is by the timers of silence */

/* The site has enrolled anew: the older key's spool is gone, and with it the word on what was permitted. Those
 * reservations go before a person; what has no permit lapses at its accept-by and is brokered anew. */
static enum err
spool_lost(struct deciding *d, const struct site_state *site)
{
    struct reservation *lost[LOST_MOST];
    size_t n = 0, it = 0;
    void *value;

    while (n < LOST_MOST && map_next(d->state->reservations, &it, NULL, &value)) {
        struct reservation *r = value;

        if (r->site == site->site && ticket_has_permit(r->state))
            lost[n++] = r;
    }
    for (size_t i = 0; i < n; i++) {
        struct cause cause = { .dispute_why = DISPUTE_SPOOL_LOST };
        const struct ticket_cell *cell;
        enum err err = life_event(d, lost[i], TICKET_ON_SPOOL_LOST, &cause, &cell);

        if (err)
            return err;
    }
    return OK;
}

/* In: last_confirmed_seq: the newest ticket in the agent's spool; last_receipted_report: the newest report in it whose
 * receipt it has. Security: the caller has checked the agent's signature under in.instance.key. */
enum err
decide_instance(struct deciding *d, struct command *c)
{
    struct site_state *site = index_site(d->state, c->in.instance.site);
    const struct key *key = ledger_key(d->state->ledger, c->in.instance.key);
    bool new_key;
    enum err err;

    if (site == NULL)
        return ERR_NOT_FOUND;
    if (!actor_is_agent_of(&c->actor, site->site) || key == NULL || key->entry.u.key.use != KEY_SITE ||
        key->entry.u.key.site != site->site)
        return ERR_FORBIDDEN;
    if (c->in.instance.last_confirmed_seq > site->last_seq || c->in.instance.last_receipted_report > site->last_report)
        return ERR_SPOOL_AHEAD;
    new_key = site->instance != 0 && site->instance_key != c->in.instance.key;
    if (!new_key && c->in.instance.last_confirmed_seq < site->confirmed_seq)
        return err_say(d->detail, ERR_SPOOL_BEHIND, "Ticket %llu is confirmed; the spool ends at %llu.",
                       (unsigned long long)site->confirmed_seq, (unsigned long long)c->in.instance.last_confirmed_seq);
    if (new_key && (err = spool_lost(d, site)) != OK)
        return err;
    batch_changed(d, &site->row, sizeof *site);
    site->instance++;
    site->instance_ms = d->now_ms;
    site->instance_key = c->in.instance.key;
    c->answer.number = site->instance;
    c->answer.index = site->last_report;
    c->answer.time_ms = d->now_ms;
    return OK;
}
