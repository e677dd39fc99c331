/* core/ledger_hold.c
 * Holds: credits set aside for one reservation until the site is paid or they return. A hold is resolved once. While it
 * is open something is left in it. What leaves a hold without being paid is free in the grant's account again; past the
 * grant's end it lapses in the same group. */
#include "base/num.h"
#include "core/entry_layout.h"
#include "core/ledger_state.h"

#define DISPUTED "while a dispute is open on a hold, only a RESOLVE or its expiry touches it"
#define EXPIRED "after a hold's expiry only an EXPIRE touches it"
enum { REPORT_SLACK_MS = 120000 };

bool
ledger_settle_amount(const struct hold *h, uint64_t gpu_seconds, int64_t *ret)
{
    unsigned __int128 cost = (unsigned __int128)gpu_seconds * h->rate_milli;

    if (cost < (unsigned __int128)h->settled)
        return false;
    cost -= (unsigned __int128)h->settled;
    *ret = cost > (unsigned __int128)hold_left(h) ? hold_left(h) : (int64_t)cost;
    return true;
}

int64_t
ledger_share(int64_t amount, uint32_t share_milli)
{
    return (int64_t)((__int128)amount * share_milli / 1000);
}

static const struct entry *
policy_of(const struct ledger *l, const struct hold *h)
{
    const struct account *grant = ledger_account(l, h->grant);

    return &ledger_policy(l, grant->policy)->entry;
}

/* ---- HOLD -------------------------------------------------------------------------------------------------------- */

static enum err
check_hold_terms(struct applying *a, const struct offering *offering, const struct rate *rate)
{
    const struct entry *e = a->e;
    const struct account *grant = a->debit, *site = a->credit;
    int64_t cost;

    if (grant->class != ACCOUNT_GRANT || site->class != ACCOUNT_SITE)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD goes from a grant to a site");
    if (grant->grant_entry == NO_INDEX || e->time_ms < grant->start_ms || e->time_ms >= grant->end_ms)
        return REFUSE(a, ERR_GRANT_NOT_ACTIVE, "a HOLD is made between its grant's start and end");
    if (offering == NULL || offering->entry.u.offering.site != site->owner_site)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD names an OFFERING of the site that it may pay");
    if (rate == NULL || rate->entry.u.rate.offering != e->u.hold.offering || rate->entry.u.rate.valid_from_ms > e->time_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD names a RATE of its OFFERING, in force");
    if (!mul_i64((int64_t)e->u.hold.gpus, e->u.hold.walltime_s, &cost) ||
        !mul_i64(cost, rate->entry.u.rate.rate_milli, &cost) || cost != e->amount)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD is exactly GPUs × walltime × rate");
    return OK;
}

static enum err
check_hold_times(struct applying *a)
{
    const struct entry *e = a->e;
    const struct account *grant = a->debit;
    int64_t walltime_ms = (int64_t)e->u.hold.walltime_s * 1000;
    int64_t last_end_ms = e->u.hold.start_by_ms + walltime_ms; /* both within field limits: no overflow */
    int64_t grace_ms = ledger_policy(a->l, grant->policy)->entry.u.policy.report_grace_ms;

    if (e->u.hold.start_by_ms < e->time_ms || e->u.hold.window_start_ms > e->u.hold.start_by_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD's latest start is not over, and not before its window");
    if (e->u.hold.window_end_ms - e->u.hold.window_start_ms < walltime_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD's window is at least its walltime");
    if (last_end_ms > grant->end_ms)
        return REFUSE(a, ERR_GRANT_NOT_ACTIVE, "a request ends, walltime included, before its grant does");
    if (e->u.hold.expiry_ms != last_end_ms + grace_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a HOLD expires at its latest end plus its policy's report grace");
    return OK;
}

/* The request's fence has grown, it holds nothing else, and the reservation is new. */
static enum err
check_request(struct applying *a, struct request **ret)
{
    struct ledger *l = a->l;
    const struct entry *e = a->e;
    struct request *request = map_get(l->by_request, e->u.hold.request.b);

    if (uuid_is_zero(e->u.hold.request) || uuid_is_zero(e->u.hold.reservation))
        return REFUSE(a, ERR_ENTRY_INVALID, "a HOLD names a request and a reservation");
    if (map_get(l->by_reservation, e->u.hold.reservation.b) != NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "a reservation has one HOLD");
    if (request != NULL && request->live != NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "a request has at most one open hold");
    if (e->u.hold.fence <= (request == NULL ? 0 : request->fence))
        return REFUSE(a, ERR_LEDGER_RULE, "a request's fence grows with every HOLD");
    if (request == NULL) {
        request = pool_add(&l->requests, a->undo);
        request->id = e->u.hold.request;
        map_put(l->by_request, e->u.hold.request.b, request, a->undo);
    }
    *ret = request;
    return OK;
}

enum err
ledger_hold_entry(struct applying *a)
{
    struct ledger *l = a->l;
    const struct entry *e = a->e;
    const struct offering *offering = ledger_offering(l, e->u.hold.offering);
    const struct rate *rate = ledger_rate(l, e->u.hold.rate);
    struct request *request = NULL;
    struct hold *h;
    enum err err = check_hold_terms(a, offering, rate);

    if (err == OK)
        err = check_hold_times(a);
    if (err == OK)
        err = check_request(a, &request);
    if (err != OK)
        return err;
    h = pool_add(&l->holds, a->undo);
    *h = (struct hold){
        .index = e->index, .grant = e->debit, .site_account = e->credit, .site = a->credit->owner_site,
        .offering = e->u.hold.offering, .rate = e->u.hold.rate, .request = e->u.hold.request,
        .reservation = e->u.hold.reservation, .gpus = e->u.hold.gpus, .walltime_s = e->u.hold.walltime_s,
        .rate_milli = rate->entry.u.rate.rate_milli, .amount = e->amount, .window_start_ms = e->u.hold.window_start_ms,
        .window_end_ms = e->u.hold.window_end_ms, .start_by_ms = e->u.hold.start_by_ms,
        .expiry_ms = e->u.hold.expiry_ms, .fence = e->u.hold.fence, .open = true, .resolved_by = NO_INDEX,
    };
    ledger_slot_set(a, SLOT_HOLD, h);
    map_put(l->by_reservation, h->reservation.b, h, a->undo);
    KEEP(a, request);
    request->fence = h->fence;
    request->live = h;
    if (!add_i64(a->debit->held_debits, e->amount, &a->debit->held_debits) ||
        !add_i64(a->credit->held_credits, e->amount, &a->credit->held_credits))
        return REFUSE(a, ERR_LEDGER_RULE, "an account's sums stay within 63 bits");
    return OK;
}

/* ---- what a hold comes to ---------------------------------------------------------------------------------------- */

/* The open hold that an entry names, with the hold's own two accounts. */
static enum err
open_hold(struct applying *a, uint64_t index, struct hold **ret)
{
    struct hold *h = ledger_slot(a->l, index, SLOT_HOLD);

    if (h == NULL)
        return REFUSE(a, ERR_LEDGER_RULE, "the entry names a HOLD");
    if (!h->open)
        return REFUSE(a, ERR_HOLD_RESOLVED, "a hold is resolved once");
    if (a->e->debit != h->grant || a->e->credit != h->site_account)
        return REFUSE(a, ERR_LEDGER_RULE, "the entry names its hold's two accounts");
    KEEP(a, h);
    *ret = h;
    return OK;
}

/* Undisputed and before its expiry. */
static enum err
check_running(struct applying *a, const struct hold *h)
{
    if (h->disputed)
        return REFUSE(a, ERR_LEDGER_RULE, DISPUTED);
    if (a->e->time_ms >= h->expiry_ms)
        return REFUSE(a, ERR_LEDGER_RULE, EXPIRED);
    return OK;
}

/* Take an amount out of what is held. */
static void
unhold(struct applying *a, int64_t amount)
{
    a->debit->held_debits -= amount;
    a->credit->held_credits -= amount;
}

/* Nothing is held any more; `back` of it is the grant's again. */
static void
resolve(struct applying *a, struct hold *h, int64_t back)
{
    struct request *request = map_get(a->l->by_request, h->request.b);

    unhold(a, back);
    h->open = false;
    h->disputed = false;
    h->resolved_by = a->e->index;
    h->resolved_ms = a->e->time_ms;
    KEEP(a, request);
    request->live = NULL;
    if (back > 0 && a->e->time_ms >= a->debit->end_ms)
        ledger_promise(a, PROMISE_LAPSE, a->debit);
}

/* The report's own numbers make sense: used since the start, on the GPUs that were bought, two minutes' slack. */
static bool
plausible(const struct hold *h, const struct report *r)
{
    int64_t until_ms = r->ended_ms != 0 ? r->ended_ms : r->time_ms;

    if (r->started_ms == 0)
        return r->gpu_seconds == 0;
    if (until_ms < r->started_ms)
        return false;
    return (unsigned __int128)r->gpu_seconds * 1000 <=
           (unsigned __int128)h->gpus * (uint64_t)(until_ms - r->started_ms + REPORT_SLACK_MS);
}

static enum err
check_settle_report(struct applying *a, const struct hold *h)
{
    const struct report *r = &a->e->u.settle.report;
    bool ends = r->kind == REPORT_FINISHED || r->kind == REPORT_CANCELLED || r->kind == REPORT_FAILED;

    if (a->e->u.settle.final ? !ends : r->kind != REPORT_USAGE)
        return REFUSE(a, ERR_LEDGER_RULE, "a final SETTLE rests on a job's end, another on its usage so far");
    if (r->kind == REPORT_FAILED && r->reason != REASON_JOB)
        return REFUSE(a, ERR_LEDGER_RULE, "a job that failed by the site's fault is not paid");
    if (r->gpu_seconds < h->gpu_seconds)
        return REFUSE(a, ERR_LEDGER_RULE, "cumulative usage never falls");
    if (!plausible(h, r))
        return REFUSE(a, ERR_LEDGER_RULE, "usage is at most GPUs × (run + 120 s) by the report's own times");
    return OK;
}

enum err
ledger_settle(struct applying *a)
{
    const struct entry *e = a->e;
    struct hold *h = NULL;
    int64_t due;
    enum err err = open_hold(a, e->u.settle.hold, &h);

    if (err == OK)
        err = check_running(a, h);
    if (err == OK)
        err = check_settle_report(a, h);
    if (err == OK)
        err = ledger_need_report(a, h, &e->u.settle.report, &e->u.settle.auth);
    if (err != OK)
        return err;
    if (!ledger_settle_amount(h, e->u.settle.report.gpu_seconds, &due) || e->amount != due)
        return REFUSE(a, ERR_LEDGER_RULE, "a SETTLE pays GPU-seconds × rate less what was paid, at most what is held");
    if (!e->u.settle.final && e->amount == hold_left(h))
        return REFUSE(a, ERR_LEDGER_RULE, "a SETTLE that is not final leaves something held");
    unhold(a, e->amount);
    if (e->u.settle.final)
        resolve(a, h, hold_left(h) - e->amount);
    h->settled += e->amount;
    h->gpu_seconds = e->u.settle.report.gpu_seconds;
    if (e->amount > 0)
        ledger_payment_add(a, h);
    return ledger_post(a);
}

/* What a VOID's reason demands: nothing before a permit, the site's report, or an order. */
static enum err
check_void_reason(struct applying *a, struct hold *h)
{
    const struct entry *e = a->e;
    const struct report *r = entry_report(e);
    bool moved_credits = h->settled > 0;

    switch (e->u.release.reason) {
    case VOID_CANCELLED:
    case VOID_ACCEPT_BY:
    case VOID_DRAINED:
    case VOID_MOVED:
        if (r != NULL || !ledger_no_authority(e->u.release.order, &e->u.release.auth))
            return REFUSE(a, ERR_AUTHORITY, "a VOID before a permit rests on nothing but the rules");
        return moved_credits ? REFUSE(a, ERR_AUTHORITY, "a hold that was paid from had a permit") : OK;
    case VOID_REJECTED:
    case VOID_SITE_FAILED:
    case VOID_NEVER_STARTED:
        if (r == NULL || !uuid_is_zero(e->u.release.order))
            return REFUSE(a, ERR_AUTHORITY, "a VOID for what the site did rests on its report");
        if (e->u.release.reason == VOID_REJECTED     ? r->kind != REPORT_REJECTED
            : e->u.release.reason == VOID_SITE_FAILED ? r->kind != REPORT_FAILED || r->reason == REASON_JOB
                                                      : r->kind != REPORT_CANCELLED || r->gpu_seconds != 0)
            return REFUSE(a, ERR_LEDGER_RULE, "a VOID's reason is its report's");
        if (h->settled != h->corrected)
            return REFUSE(a, ERR_LEDGER_RULE, "what a hold paid is taken back before it is voided for what the site did");
        return ledger_need_report(a, h, r, &e->u.release.auth);
    case VOID_BY_OFFICERS:
        if (r != NULL)
            return REFUSE(a, ERR_AUTHORITY, "an entry rests on a report or on an order, not on both");
        return ledger_need_order(a, e->u.release.order, &e->u.release.auth, 1);
    default:
        return REFUSE(a, ERR_ENTRY_INVALID, "a VOID has a reason of its own");
    }
}

enum err
ledger_void(struct applying *a)
{
    struct hold *h = NULL;
    enum err err = open_hold(a, a->e->u.release.hold, &h);

    if (err == OK)
        err = check_running(a, h);
    if (err == OK)
        err = check_void_reason(a, h);
    if (err != OK)
        return err;
    if (a->e->amount != hold_left(h))
        return REFUSE(a, ERR_LEDGER_RULE, "a hold is released whole");
    if (a->e->u.release.reason == VOID_MOVED)
        ledger_promise(a, PROMISE_HOLD, map_get(a->l->by_request, h->request.b));
    resolve(a, h, hold_left(h));
    return OK;
}

enum err
ledger_expire(struct applying *a)
{
    const struct entry *e = a->e;
    struct hold *h = NULL;
    enum err err = open_hold(a, e->u.release.hold, &h);

    if (err != OK)
        return err;
    if (e->u.release.reason != EXPIRE_TIME)
        return REFUSE(a, ERR_ENTRY_INVALID, "an EXPIRE's reason is time");
    if (e->time_ms < h->expiry_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a hold expires at its expiry, not before");
    if (h->disputed && e->time_ms < h->expiry_ms + policy_of(a->l, h)->u.policy.dispute_ms)
        return REFUSE(a, ERR_LEDGER_RULE, "a disputed hold expires when the officers' time is over, not before");
    if (e->amount != hold_left(h))
        return REFUSE(a, ERR_LEDGER_RULE, "a hold is released whole");
    resolve(a, h, hold_left(h));
    return OK;
}

/* ---- disputes ---------------------------------------------------------------------------------------------------- */

static enum err
resolve_from_hold(struct applying *a)
{
    const struct entry *e = a->e;
    struct hold *h = NULL;
    enum err err = open_hold(a, e->u.resolve.hold, &h);

    if (err != OK)
        return err;
    if (!h->disputed)
        return REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE ends a dispute");
    if (e->time_ms >= h->expiry_ms + policy_of(a->l, h)->u.policy.dispute_ms)
        return REFUSE(a, ERR_LEDGER_RULE, EXPIRED);
    if (e->amount != ledger_share(hold_left(h), e->u.resolve.share_milli))
        return REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE pays its share of what is held");
    unhold(a, e->amount);
    h->resolved_gpums = e->amount;
    resolve(a, h, hold_left(h) - e->amount);
    return OK;
}

/* The hold is gone, or its whole rest was paid by a RESOLVE in this group and does not do. */
static enum err
resolve_from_reserve(struct applying *a)
{
    const struct entry *e = a->e;
    struct hold *h = ledger_slot(a->l, e->u.resolve.hold, SLOT_HOLD);

    if (h == NULL || e->credit != h->site_account)
        return REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE pays the site of a HOLD");
    if (h->open)
        return REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE pays from the hold first, then from reserve");
    if (!h->disputed && !(h->resolved_by >= a->l->at.group_first && h->resolved_gpums > 0 &&
                          h->resolved_gpums == h->amount - h->settled))
        return REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE ends a dispute");
    if (h->reserve_paid)
        return REFUSE(a, ERR_LEDGER_RULE, "a dispute is paid from reserve once");
    if (e->amount != ledger_share(h->amount, e->u.resolve.share_milli))
        return REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE from reserve pays its share of what was held");
    KEEP(a, h);
    h->disputed = false;
    h->reserve_paid = true;
    return OK;
}

enum err
ledger_resolve(struct applying *a)
{
    enum err err = ledger_need_order(a, a->e->u.resolve.order, &a->e->u.resolve.auth, 2);

    if (err == OK && a->debit->class != ACCOUNT_RESERVE && a->debit->class != ACCOUNT_GRANT)
        err = REFUSE(a, ERR_LEDGER_RULE, "a RESOLVE pays from the hold or from reserve");
    if (err == OK)
        err = a->debit->class == ACCOUNT_RESERVE ? resolve_from_reserve(a) : resolve_from_hold(a);
    if (err != OK)
        return err;
    ledger_payment_add(a, ledger_slot(a->l, a->e->u.resolve.hold, SLOT_HOLD));
    return ledger_post(a);
}
