/* api/subject.c */
#include "api/subject.h"

#include <stdio.h>

#include "api/internal.h"
#include "store/evidence.h"

static void
of_grant(const struct state *s, const struct account *a, struct subject *u)
{
    const struct policy *p = a->grant_entry != NO_INDEX ? ledger_policy(s->ledger, a->policy) : NULL;

    u->has_grant = true;
    u->org = a->owner_org;
    u->gge_cents = a->gge_cents;
    if (p) {
        snprintf(u->mode, sizeof u->mode, "%.16s", p->entry.u.policy.code);
        snprintf(u->mode_name, sizeof u->mode_name, "%.32s", p->entry.u.policy.name);
    }
}

void
subject_add(struct call *call, const struct state *s, uint64_t account, struct subject *u)
{
    const struct account *a = ledger_account(s->ledger, account);
    const struct account_name *name;

    if (a && a->class == ACCOUNT_SITE) {
        const struct site *site = ledger_site(s->ledger, a->owner_site);

        u->site = a->owner_site;
        if (site)
            snprintf(u->site_code, sizeof u->site_code, "%.16s", site->entry.u.site.code);
    }
    if (a && a->class == ACCOUNT_GRANT)
        of_grant(s, a, u);
    while (a && (a->class == ACCOUNT_GRANT || a->class == ACCOUNT_TRANCHE))
        a = ledger_account(s->ledger, a->parent);
    if (!a || a->class != ACCOUNT_FUND)
        return;
    name = directory_account(call->api->directory, a->index);
    u->fund = a->index;
    snprintf(u->fund_name, sizeof u->fund_name, "%s", name ? name->name : "");
}
