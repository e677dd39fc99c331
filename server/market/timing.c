/* market/timing.c */
#include "market/timing.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

struct timing
timing_of_grant(const struct state *s, uint64_t grant)
{
    const struct account *account = ledger_account(s->ledger, grant);
    const struct policy *policy;
    int64_t rate = s->clock.rate;

    assert(account != NULL && account->grant_entry != NO_INDEX);
    policy = ledger_policy(s->ledger, account->policy);
    assert(policy != NULL); /* the ledger took the GRANT */

#define SPAN(name) .name = ticket_span(policy->entry.u.policy.name, rate)
    return (struct timing){
        .longest_ms = policy->entry.u.policy.longest_ms,
        .permit_before_ms = policy->entry.u.policy.permit_before_ms,
        SPAN(quote_ttl_ms),
        SPAN(permit_life_ms),
        SPAN(accept_within_ms),
        SPAN(start_slack_ms),
        SPAN(start_grace_ms),
        SPAN(end_grace_ms),
        SPAN(cancel_grace_ms),
        SPAN(report_grace_ms),
        SPAN(dispute_ms),
        SPAN(contest_ms),
    };
#undef SPAN
}

int64_t
timing_permit_life_real_ms(const struct state *s)
{
    const struct policy *policy;
    int64_t least = INT64_MAX;
    size_t it = 0;

    while ((policy = ledger_next_policy(s->ledger, &it)) != NULL)
        if (strcmp(policy->entry.u.policy.code, ORDERS_CODE) != 0) /* no access mode: nothing is permitted by it */
            least = min_i64(least, ticket_span(policy->entry.u.policy.permit_life_ms, s->clock.rate));
    return least == INT64_MAX ? 0 : clock_to_real(&s->clock, least);
}

struct permit_span
timing_permit(const struct timing *t, int64_t issued_ms, int64_t start_ms, int64_t start_by_ms)
{
    int64_t from = min_i64(max_i64(start_ms - t->permit_before_ms, issued_ms), start_by_ms);

    return (struct permit_span){ .from_ms = from, .until_ms = min_i64(start_by_ms, from + t->accept_within_ms) };
}

int64_t
timing_real_s(const struct state *s, int64_t ms)
{
    return (s->clock.real_origin_ms + (ms - s->clock.origin_ms) / s->clock.rate) / 1000;
}
