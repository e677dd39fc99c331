/* market/timing.h
 * How long things last: a policy's spans, for the market's clock. In a simulation each lasts at least 30 s of real
 * time.
 * All in ms of the journal's clock. */
#ifndef MARKET_TIMING_H
#define MARKET_TIMING_H

#include "market/state.h"

struct timing {
    int64_t longest_ms; /* of a job; 0: no limit */
    int64_t quote_ttl_ms, permit_before_ms, permit_life_ms, accept_within_ms, start_slack_ms;
    int64_t start_grace_ms, end_grace_ms, cancel_grace_ms, report_grace_ms, dispute_ms, contest_ms;
};

/* By the policy of the grant's mode. The grant must have its GRANT entry (assert). */
struct timing timing_of_grant(const struct state *s, uint64_t grant);
/* The real ms that a permit lasts at an agent: the least over all policies, so that no agent uses one longer than the
 * sequencer thinks. What a reply to POST /v1/agent/instance carries. */
int64_t timing_permit_life_real_ms(const struct state *s);

/* The permit is asked for from permit_from to accept_by, both included: from permit_before ahead of the window (or the
 * issue, if later) and for accept_within; never after start-by. */
struct permit_span {
    int64_t from_ms, until_ms;
};
struct permit_span timing_permit(const struct timing *t, int64_t issued_ms, int64_t start_ms, int64_t start_by_ms);

/* An instant of the journal's clock in real seconds since 1970: for JWS lifetimes. */
int64_t timing_real_s(const struct state *s, int64_t ms);

#endif
