/* market/open.c: an account begins. */
#include "market/market_internal.h"

/* Security: funds, tranches and grants are opened by programme officers, sites' accounts by administrators, and by the
 * officer with whose signature the site came to be. */
static bool
may_open(const struct actor *a, uint8_t class)
{
    switch (class) {
    case ACCOUNT_FUND:
    case ACCOUNT_TRANCHE:
    case ACCOUNT_GRANT:
        return a->kind == ACTOR_LOCAL || (a->kind == ACTOR_PERSON && (a->programme_roles & ROLE_OFFICER) != 0);
    case ACCOUNT_SITE:
        return a->kind == ACTOR_LOCAL || (a->kind == ACTOR_PERSON && (a->programme_roles & (ROLE_ADMINISTRATOR | ROLE_OFFICER)) != 0);
    default:
        return false;
    }
}

/* in.open: class, and who owns it (grant: an organisation; site: a SITE index). answer.index: the account.
 * ERR_FORBIDDEN; else what the ledger says. */
enum err
decide_open(struct deciding *d, struct command *c)
{
    struct entry e = entry_new(OPEN);
    enum err err;

    if (!may_open(&c->actor, c->in.open.class))
        return err_say(d->detail, ERR_FORBIDDEN, "This account may not be opened by you.");
    e.u.open.class = c->in.open.class;
    e.u.open.owner_org = c->in.open.owner_org;
    e.u.open.owner_site = c->in.open.owner_site;
    err = batch_group(d, &e, 1);
    if (err)
        return err;
    c->answer.index = e.index;
    c->answer.time_ms = e.time_ms;
    return OK;
}
