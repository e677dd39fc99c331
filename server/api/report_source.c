/* api/report_source.c */
#include "api/report.h"

#include <stdio.h>

#include "api/internal.h"
#include "store/evidence.h"
#include "store/organisations.h"

static bool
account_of(void *ctx, uint64_t index, struct report_account *ret)
{
    const struct report_from_state *from = ctx;
    const struct account *a = ledger_account(from->state->ledger, index);

    if (!a)
        return false;
    *ret = (struct report_account){ .class = a->class, .parent = a->parent, .site = a->owner_site, .organisation = a->owner_org, .gge_cents = a->gge_cents,
                                    .policy = a->grant_entry != NO_INDEX ? a->policy : NO_INDEX };
    return true;
}

static bool
policy_of(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX], char ret_name[33])
{
    const struct report_from_state *from = ctx;
    const struct policy *p = ledger_policy(from->state->ledger, index);

    if (!p)
        return false;
    snprintf(ret_code, REPORT_CODE_MAX, "%.16s", p->entry.u.policy.code);
    snprintf(ret_name, 33, "%.32s", p->entry.u.policy.name);
    return true;
}

static bool
site_of(void *ctx, uint64_t index, char ret_code[REPORT_CODE_MAX])
{
    const struct report_from_state *from = ctx;
    const struct site *s = ledger_site(from->state->ledger, index);

    if (!s)
        return false;
    snprintf(ret_code, REPORT_CODE_MAX, "%.16s", s->entry.u.site.code);
    return true;
}

static void
fund_of(void *ctx, uint64_t index, char ret[REPORT_NAME_MAX])
{
    const struct report_from_state *from = ctx;
    const struct account_name *name = directory_account(from->call->api->directory, index);

    snprintf(ret, REPORT_NAME_MAX, "%s", name ? name->name : "");
}

static enum err
party_of(void *ctx, struct uuid organisation, struct report_party *ret)
{
    const struct report_from_state *from = ctx;
    const struct organisation *o;
    enum err err = directory_organisation(from->call->api->directory, from->call->db, organisation, &o);

    if (err)
        return err;
    *ret = (struct report_party){ .class = (int)o->class };
    snprintf(ret->name, sizeof ret->name, "%s", o->name);
    snprintf(ret->country, sizeof ret->country, "%s", o->country);
    return OK;
}

struct report_source
report_from_state(struct report_from_state *from)
{
    return (struct report_source){ account_of, policy_of, site_of, fund_of, party_of, from };
}
