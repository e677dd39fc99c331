/* market/instance.c
 * An agent opens an instance: the newest one alone may act for its site. Its spool must hold what it has confirmed, and
 * must not know more than we do. */
#include "market/actor.h"
#include "market/batch.h"
#include "market/index.h"

/* In: last_confirmed_seq: the newest ticket in the agent's spool; last_receipted_report: the newest report in it whose
 * receipt it has. Security: the caller has checked the agent's signature under in.instance.key. */
enum err
decide_instance(struct deciding *d, struct command *c)
{
    struct site_state *site = index_site(d->state, c->in.instance.site);
    const struct key *key = ledger_key(d->state->ledger, c->in.instance.key);

    if (site == NULL)
        return ERR_NOT_FOUND;
    if (!actor_is_agent_of(&c->actor, site->site) || key == NULL || key->entry.u.key.use != KEY_SITE ||
        key->entry.u.key.site != site->site)
        return ERR_FORBIDDEN;
    if (c->in.instance.last_confirmed_seq > site->last_seq || c->in.instance.last_receipted_report > site->last_report)
        return ERR_SPOOL_AHEAD;
    if (c->in.instance.last_confirmed_seq < site->confirmed_seq)
        return err_say(d->detail, ERR_SPOOL_BEHIND, "Ticket %llu is confirmed; the spool ends at %llu.",
                       (unsigned long long)site->confirmed_seq, (unsigned long long)c->in.instance.last_confirmed_seq);
    batch_changed(d, &site->row, sizeof *site);
    site->instance++;
    site->instance_ms = d->now_ms;
    site->instance_key = c->in.instance.key;
    c->answer.number = site->instance;
    c->answer.index = site->last_report;
    c->answer.time_ms = d->now_ms;
    return OK;
}
