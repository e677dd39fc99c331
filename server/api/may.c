/* api/may.c: who may see and do what. The first wall; row security and the market's own checks are behind it. */
#include "api/internal.h"

bool
is_administrator(const struct actor *a)
{
    return a->kind == ACTOR_LOCAL || (a->kind == ACTOR_PERSON && (a->programme_roles & ROLE_ADMINISTRATOR));
}

bool
is_officer(const struct actor *a)
{
    return a->kind == ACTOR_LOCAL || (a->kind == ACTOR_PERSON && (a->programme_roles & ROLE_OFFICER));
}

bool
may_see_programme(const struct actor *a)
{
    return a->kind == ACTOR_LOCAL || (a->kind == ACTOR_PERSON && a->programme_roles != 0);
}

bool
may_act_for(const struct actor *a, struct uuid organisation)
{
    if (a->kind != ACTOR_PERSON && a->kind != ACTOR_TOKEN)
        return false;
    for (size_t i = 0; i < a->orgs_n; i++)
        if (uuid_equal(a->orgs[i].id, organisation))
            return true;
    return false;
}

bool
owns_organisation(const struct actor *a, struct uuid organisation)
{
    for (size_t i = 0; a->kind == ACTOR_PERSON && i < a->orgs_n; i++)
        if (a->orgs[i].owner && uuid_equal(a->orgs[i].id, organisation))
            return true;
    return false;
}

bool
may_see_organisation(const struct actor *a, struct uuid organisation)
{
    return may_see_programme(a) || may_act_for(a, organisation);
}

/* Its operators and agent. */
bool
acts_for_site(const struct actor *a, uint64_t site)
{
    for (size_t i = 0; i < a->sites_n; i++)
        if (a->sites[i] == site)
            return true;
    return false;
}

bool
may_see_site(const struct actor *a, uint64_t site)
{
    return is_administrator(a) || acts_for_site(a, site);
}

bool
may_see_reservation(const struct actor *a, const struct reservation *r)
{
    return may_see_organisation(a, r->org) || acts_for_site(a, r->site);
}

static bool
is_of_dispute(const struct entry *e)
{
    return e->kind == NOTICE && (e->u.notice.type == NOTICE_DISPUTE_OPENED || e->u.notice.type == NOTICE_DISPUTE_CLOSED || e->u.notice.type == NOTICE_SAID);
}

/* Entries that name no organisation are everybody's; the others its own people's, the programme's and, of a hold at a
 * site, the site's. */
bool
may_see_entry(const struct actor *a, const struct state *s, const struct entry *e)
{
    uint64_t sides[2] = { e->debit, e->credit };
    const struct hold *h;
    bool private = false;

    if (may_see_programme(a))
        return true;
    if (e->kind == OPEN && e->u.open.class == ACCOUNT_GRANT)
        return may_act_for(a, e->u.open.owner_org);
    if (is_of_dispute(e) && (h = ledger_hold(s->ledger, e->u.notice.ref)) != NULL) { /* a dispute's: both sides' */
        private = true;
        sides[0] = h->grant;
        sides[1] = h->site_account;
    }
    for (int i = 0; i < 2; i++) {
        const struct account *account = sides[i] == NO_INDEX ? NULL : ledger_account(s->ledger, sides[i]);

        if (!account)
            continue;
        if (account->class == ACCOUNT_GRANT) {
            private = true;
            if (may_act_for(a, account->owner_org))
                return true;
        }
        if (account->class == ACCOUNT_SITE && acts_for_site(a, account->owner_site))
            return true;
    }
    return !private;
}
