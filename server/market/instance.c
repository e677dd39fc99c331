/* market/instance.c
 * An agent opens an instance: the newest one alone may act for its site. Its spool must hold what it has confirmed, and
 * must not know more than we do. An empty one under a new key begins only where the one before it was retired
 * (market/spool.h); one that has the numbers goes on under a new key as well. */
#include "market/actor.h"
#include "market/index.h"
#include "market/spool.h"

/* Is this the spool on record, or the one that may begin in its place? */
static enum err
check_spool(const struct deciding *d, const struct command *c, const struct site_state *site)
{
    uint64_t seq = c->in.instance.last_confirmed_seq, report = c->in.instance.last_receipted_report;
    uint64_t last = c->in.instance.last_report;
    bool empty = seq == 0 && report == 0 && last == 0;

    if (site->retired_ms != 0 && c->in.instance.key == site->retired_key)
        return err_say(d->detail, ERR_SPOOL_BEHIND,
                       "This spool was retired: enrol the agent anew, into an empty folder.");
    if (empty && spool_begins(site))
        return OK;
    /* whose reports are on record has had a ticket: an empty one, also under the same key, is a new one or a copy of then */
    if (empty && (site->confirmed_seq > 0 || site->last_report > 0))
        return err_say(d->detail, ERR_SPOOL_BEHIND,
                       "This is a new spool, and nobody has said that the one before it is lost: a site operator must "
                       "retire that first.");
    if (seq > site->last_seq || report > site->last_report)
        return ERR_SPOOL_AHEAD;
    if (last != 0 && last < site->last_report)
        return err_say(d->detail, ERR_SPOOL_BEHIND, "Report %llu is on record; the spool ends at %llu.",
                       (unsigned long long)site->last_report, (unsigned long long)last);
    if (seq < site->confirmed_seq)
        return err_say(d->detail, ERR_SPOOL_BEHIND, "Ticket %llu is confirmed; the spool ends at %llu.",
                       (unsigned long long)site->confirmed_seq, (unsigned long long)seq);
    return OK;
}

/* In: last_confirmed_seq: the newest ticket in the agent's spool; last_receipted_report: the newest report in it whose
 * receipt it has; last_report: the newest in it, 0: none, or it does not say. Security: the caller has checked the agent's
 * signature under in.instance.key. */
enum err
decide_instance(struct deciding *d, struct command *c)
{
    struct site_state *site = index_site(d->state, c->in.instance.site);
    const struct key *key = ledger_key(d->state->ledger, c->in.instance.key);
    enum err err;

    if (site == NULL)
        return ERR_NOT_FOUND;
    if (!actor_is_agent_of(&c->actor, site->site) || key == NULL || key->entry.u.key.use != KEY_SITE ||
        key->entry.u.key.site != site->site)
        return ERR_FORBIDDEN;
    err = check_spool(d, c, site);
    if (err)
        return err;
    batch_changed(d, &site->row, sizeof *site);
    site->instance++;
    site->instance_ms = d->now_ms;
    site->instance_key = c->in.instance.key;
    site->takes = c->in.instance.takes;
    site->seal_key = c->in.instance.seal_key;
    memcpy(site->seal_signature, c->in.instance.seal_signature, sizeof site->seal_signature);
    c->answer.number = site->instance;
    c->answer.index = site->last_report;
    c->answer.time_ms = d->now_ms;
    return OK;
}
