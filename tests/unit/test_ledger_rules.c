/* core/ledger: each rule broken once. It is refused by its name, and nothing has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "world.h"

/* What a case makes: a group that must be refused, in a world that it may have prepared. */
struct bad { struct entry g[GROUP_MAX]; size_t n; };
typedef void bad_fn(struct world *w, struct bad *b);

static void
one(struct bad *b, struct entry e)
{
    b->g[0] = e;
    b->n = 1;
}

#define CASE(name) static void name(struct world *w, struct bad *b)

/* ---- place ------------------------------------------------------------------------------------------------------- */

static void tamper_index(struct entry *e) { e->index++; }
static void tamper_time(struct entry *e) { e->time_ms--; }
static void tamper_group_first(struct entry *e) { e->group_first--; }
static void tamper_group_len(struct entry *e) { if (e->group_pos == 1) e->group_len = 3; }
static void tamper_group_pos(struct entry *e) { e->group_len = 2; e->group_pos = 1; }
static void tamper_link(struct entry *e) { e->prev_debit--; }
static void tamper_link_credit(struct entry *e) { e->prev_credit = NO_INDEX; }
static void tamper_link_none(struct entry *e) { e->prev_credit = 5; }
static void tamper_open(struct entry *e) { e->u.open.prev_open = 3; }
static void tamper_as_of(struct entry *e) { e->u.notice.as_of--; }
static void tamper_root(struct entry *e) { e->u.notice.root.b[5] ^= 1; }

static struct entry
good(struct world *w)
{
    return world_move(w, TRANCHE, w->fund, w->tranche, CREDIT);
}

CASE(field) { struct entry e = good(w); e.u.move.reference[0] = '\0'; one(b, e); }
CASE(gap) { w->tamper = tamper_index; one(b, good(w)); }
CASE(time_back) { w->tamper = tamper_time; one(b, good(w)); }
CASE(group_first) { w->tamper = tamper_group_first; one(b, good(w)); }
CASE(group_len) { w->tamper = tamper_group_len; b->g[0] = good(w); b->g[1] = good(w); b->n = 2; }
CASE(group_pos) { w->tamper = tamper_group_pos; one(b, good(w)); }
CASE(second_genesis) { one(b, w->entries[0]); (void)w; }
CASE(second_mint) { struct uuid none = { { 0 } }; one(b, world_open(w, ACCOUNT_MINT, none, 0)); }
CASE(second_reserve) { struct uuid none = { { 0 } }; one(b, world_open(w, ACCOUNT_RESERVE, none, 0)); }
CASE(stray_account) { struct entry e = w->entries[w->rate[0]]; e.u.rate.order = world_uuid(w); e.credit = w->fund; one(b, e); }
CASE(stray_link) { struct entry e = w->entries[w->rate[0]]; e.u.rate.order = world_uuid(w); w->tamper = tamper_link_none; one(b, e); }
CASE(no_account) { struct entry e = good(w); e.credit = w->rate[0]; one(b, e); }
CASE(no_debit) { struct entry e = good(w); e.debit = NO_INDEX; one(b, e); }
CASE(wrong_link) { w->tamper = tamper_link; one(b, good(w)); }
CASE(wrong_credit_link) { w->tamper = tamper_link_credit; one(b, good(w)); }
CASE(stray_amount) { struct entry e = w->entries[w->rate[0]]; e.u.rate.order = world_uuid(w); e.amount = 1; one(b, e); }
CASE(zero_amount) { struct entry e = good(w); e.amount = 0; one(b, e); }
CASE(zero_settle)
{
    struct entry e = world_settle(w, world_add(w, world_hold(w, 0, 0, 4, 3600)), REPORT_USAGE, 0);
    one(b, e);
}
CASE(same_account) { struct entry e = good(w); e.credit = e.debit; one(b, e); }
CASE(too_much) { struct entry e = good(w); e.amount = 490000 * CREDIT + 1; one(b, e); }

static uint64_t
closed_tranche(struct world *w)
{
    struct uuid none = { { 0 } };
    uint64_t account = world_add(w, world_open(w, ACCOUNT_TRANCHE, none, 0));
    struct entry e = world_order(w, CLOSE);

    ledger_fill_close(w->l, account, &e);
    world_sign(w, &e, "SS");
    world_add(w, e);
    return account;
}

CASE(closed) { struct entry e = good(w); e.credit = closed_tranche(w); one(b, e); }

/* ---- OPEN, CLOSE ------------------------------------------------------------------------------------------------- */

static const struct uuid NOBODY;

CASE(grant_without_owner) { one(b, world_open(w, ACCOUNT_GRANT, NOBODY, 0)); }
CASE(fund_with_owner) { one(b, world_open(w, ACCOUNT_FUND, w->org[0], 0)); }
CASE(site_without_site) { one(b, world_open(w, ACCOUNT_SITE, NOBODY, w->fund)); }
CASE(fund_with_site) { one(b, world_open(w, ACCOUNT_FUND, NOBODY, w->site[0])); }
CASE(second_site_account) { one(b, world_open(w, ACCOUNT_SITE, NOBODY, w->site[0])); }
CASE(open_link) { w->tamper = tamper_open; one(b, world_open(w, ACCOUNT_GRANT, w->org[0], 0)); }

static void
close_of(struct world *w, struct bad *b, uint64_t account)
{
    struct entry e = world_order(w, CLOSE);

    ledger_fill_close(w->l, account, &e);
    world_sign(w, &e, "AB");
    one(b, e);
}

CASE(close_repeats) { close_of(w, b, w->grant[0]); b->g[0].u.close.owner_org = w->org[1]; }
CASE(close_mint) { close_of(w, b, MINT_ACCOUNT); }
CASE(close_full) { close_of(w, b, w->grant[0]); }
CASE(close_parent)
{
    for (int i = 0; i < 2; i++)
        world_add(w, world_move(w, CLAWBACK, w->grant[i], w->tranche, 5000 * CREDIT));
    world_add(w, world_correct(w, w->tranche_entry, account_free(ledger_account(w->l, w->tranche))));
    close_of(w, b, w->tranche);
}
CASE(close_early)
{
    world_add(w, world_move(w, CLAWBACK, w->grant[0], w->tranche, 5000 * CREDIT));
    close_of(w, b, w->grant[0]);
}

/* ---- funds to grants --------------------------------------------------------------------------------------------- */

CASE(fund_too_large) { one(b, world_move(w, FUND, MINT_ACCOUNT, w->fund, ((int64_t)1 << 60) + 1)); }
CASE(funds_too_large)
{
    for (int i = 0; i < 3; i++)
        world_add(w, world_move(w, FUND, MINT_ACCOUNT, w->fund, (int64_t)1 << 60));
    one(b, world_move(w, FUND, MINT_ACCOUNT, w->fund, (int64_t)1 << 60));
}
CASE(sums_too_large)
{
    for (int i = 0; i < 7; i++) {
        uint64_t fund = world_add(w, world_move(w, FUND, MINT_ACCOUNT, w->fund, (int64_t)1 << 60));
        world_add(w, world_correct(w, fund, (int64_t)1 << 60));
    }
    one(b, world_move(w, FUND, MINT_ACCOUNT, w->fund, (int64_t)1 << 60));
}
CASE(fund_to_tranche) { one(b, world_move(w, FUND, MINT_ACCOUNT, w->tranche, CREDIT)); }
CASE(tranche_to_grant) { one(b, world_move(w, TRANCHE, w->fund, w->grant[0], CREDIT)); }
CASE(tranche_of_two)
{
    uint64_t other = world_add(w, world_open(w, ACCOUNT_FUND, NOBODY, 0));

    world_add(w, world_move(w, FUND, MINT_ACCOUNT, other, CREDIT));
    one(b, world_move(w, TRANCHE, other, w->tranche, CREDIT));
}

static struct entry
new_grant(struct world *w)
{
    return world_move(w, GRANT, w->tranche, world_add(w, world_open(w, ACCOUNT_GRANT, w->org[0], 0)), CREDIT);
}

CASE(grant_from_fund) { struct entry e = new_grant(w); e.debit = w->fund; one(b, e); }
CASE(second_grant) { one(b, world_move(w, GRANT, w->tranche, w->grant[0], CREDIT)); }
CASE(grant_no_policy) { struct entry e = new_grant(w); e.u.move.policy = w->rate[0]; one(b, e); }
CASE(grant_backwards) { struct entry e = new_grant(w); e.u.move.start_ms = e.u.move.end_ms; one(b, e); }
CASE(grant_over) { struct entry e = new_grant(w); e.u.move.start_ms = 1; e.u.move.end_ms = w->now; one(b, e); }
CASE(grant_over_cap) { struct entry e = new_grant(w); e.amount = 50000 * CREDIT + 1; one(b, e); }
CASE(grant_too_long) { struct entry e = new_grant(w); e.u.move.end_ms = w->now + 92 * DAY_MS + 1; one(b, e); }

CASE(clawback_held)
{
    world_add(w, world_hold(w, 0, 0, 4, 3600));
    one(b, world_move(w, CLAWBACK, w->grant[0], w->tranche, 5000 * CREDIT));
}
CASE(clawback_terms) { struct entry e = world_move(w, CLAWBACK, w->grant[0], w->tranche, CREDIT); e.u.move.gge_cents++; one(b, e); }
CASE(clawback_elsewhere) { struct entry e = world_move(w, CLAWBACK, w->grant[0], w->tranche, CREDIT); e.credit = w->fund; one(b, e); }
CASE(clawback_other_tranche)
{
    struct entry e = world_move(w, CLAWBACK, w->grant[0], w->tranche, CREDIT);
    e.credit = world_add(w, world_open(w, ACCOUNT_TRANCHE, NOBODY, 0));
    one(b, e);
}
CASE(lapse_early) { w->now = w->grant_end - 1; one(b, world_lapse(w, w->grant[0])); }
CASE(lapse_part) { struct entry e = world_lapse(w, w->grant[0]); w->now = w->grant_end; e.amount--; one(b, e); }

/* ---- HOLD -------------------------------------------------------------------------------------------------------- */

CASE(hold_from_tranche) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.debit = w->tranche; one(b, e); }
CASE(hold_no_grant)
{
    struct entry e = world_hold(w, 0, 0, 4, 3600);
    e.debit = world_add(w, world_open(w, ACCOUNT_GRANT, w->org[0], 0));
    one(b, e);
}
CASE(hold_after_end) { w->now = w->grant_end; one(b, world_hold(w, 0, 0, 4, 3600)); }
CASE(hold_other_site) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.credit = w->site_account[1]; one(b, e); }
CASE(hold_other_rate) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.rate = w->rate[1]; one(b, e); }
CASE(hold_late_rate)
{
    struct entry rate = w->entries[w->rate[0]], e = world_hold(w, 0, 0, 4, 3600);
    rate.u.rate.order = world_uuid(w);
    rate.u.rate.valid_from_ms = w->now + 1;
    e.u.hold.rate = world_add(w, rate);
    one(b, e);
}
CASE(hold_amount) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.amount++; one(b, e); }
CASE(hold_overflow) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.gpus = e.u.hold.walltime_s = UINT32_MAX; one(b, e); }
CASE(hold_start_over) { struct entry e = world_hold(w, 0, 0, 4, 3600); w->now += HOUR_MS + 1; one(b, e); }
CASE(hold_window_late) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.window_start_ms = e.u.hold.start_by_ms + 1; one(b, e); }
CASE(hold_window_short) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.window_end_ms = w->now + HOUR_MS - 1; one(b, e); }
CASE(hold_past_end) { w->now = w->grant_end - 2 * HOUR_MS + 1; one(b, world_hold(w, 0, 0, 4, 3600)); }
CASE(hold_expiry) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.expiry_ms++; one(b, e); }
CASE(hold_nothing) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.request = NOBODY; one(b, e); }
CASE(hold_twice)
{
    struct entry e = world_hold(w, 0, 0, 4, 3600);
    world_add(w, e);
    e.u.hold.request = world_uuid(w);
    one(b, e);
}
CASE(hold_two_of_request)
{
    struct entry e = world_hold(w, 0, 0, 4, 3600);
    world_add(w, e);
    e.u.hold.reservation = world_uuid(w);
    e.u.hold.fence = 2;
    one(b, e);
}
CASE(hold_fence)
{
    struct entry e = world_hold(w, 0, 0, 4, 3600);
    world_add(w, world_void(w, world_add(w, e), VOID_CANCELLED));
    e.u.hold.reservation = world_uuid(w);
    one(b, e);
}
CASE(hold_fence_zero) { struct entry e = world_hold(w, 0, 0, 4, 3600); e.u.hold.fence = 0; one(b, e); }
CASE(hold_too_much) { one(b, world_hold(w, 0, 0, 2501, 3600)); }

/* ---- what a hold comes to ---------------------------------------------------------------------------------------- */

static uint64_t
running(struct world *w) /* 4 GPUs × 1 h at bsc, an hour ago */
{
    uint64_t hold = world_add(w, world_hold(w, 0, 0, 4, 3600));

    w->now += HOUR_MS;
    return hold;
}

CASE(no_hold) { uint64_t hold = running(w); struct entry e = world_settle(w, hold, REPORT_FINISHED, 100); e.u.settle.hold = w->fund; one(b, e); }
CASE(resolved_hold)
{
    uint64_t hold = running(w);
    struct entry e = world_settle(w, hold, REPORT_FINISHED, 100);
    world_add(w, e);
    one(b, e);
}
CASE(void_resolved)
{
    uint64_t hold = running(w);
    struct entry e = world_void(w, hold, VOID_CANCELLED);
    world_add(w, e);
    one(b, e);
}
CASE(other_accounts)
{
    uint64_t hold = running(w);
    struct entry e = world_settle(w, hold, REPORT_FINISHED, 100);
    e.credit = w->site_account[1];
    one(b, e);
}
CASE(settle_disputed) { uint64_t hold = running(w); world_add(w, world_dispute(w, hold, true)); one(b, world_settle(w, hold, REPORT_FINISHED, 100)); }
CASE(void_disputed) { uint64_t hold = running(w); world_add(w, world_dispute(w, hold, true)); one(b, world_void(w, hold, VOID_BY_OFFICERS)); }
CASE(settle_expired)
{
    uint64_t hold = running(w);
    w->now = ledger_hold(w->l, hold)->expiry_ms;
    one(b, world_settle(w, hold, REPORT_FINISHED, 100));
}
CASE(void_expired)
{
    uint64_t hold = running(w);
    w->now = ledger_hold(w->l, hold)->expiry_ms;
    one(b, world_void(w, hold, VOID_BY_OFFICERS));
}

static struct entry
resigned(struct world *w, struct entry e)
{
    world_sign_report(w, &e);
    return e;
}

CASE(final_on_usage) { struct entry e = world_settle(w, running(w), REPORT_USAGE, 100); e.u.settle.final = 1; one(b, e); }
CASE(usage_on_end) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.u.settle.final = 0; one(b, e); }
CASE(pay_failed_site)
{
    struct entry e = world_settle(w, running(w), REPORT_FAILED, 100);
    e.u.settle.report.reason = REASON_SITE;
    one(b, resigned(w, e));
}
CASE(usage_falls)
{
    uint64_t hold = running(w);
    world_add(w, world_settle(w, hold, REPORT_USAGE, 400));
    one(b, world_settle(w, hold, REPORT_FINISHED, 396));
}
CASE(report_ahead)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 400);
    e.u.settle.report.time_ms = w->now + 5 * 365 * DAY_MS;
    world_sign_report(w, &e);
    one(b, e);
}
CASE(usage_implausible)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 400);
    e.u.settle.report.gpu_seconds = 4 * (100 + 120) + 1;
    ledger_fill_hold(w->l, e.u.settle.hold, &e);
    one(b, resigned(w, e));
}
CASE(usage_before_start)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 400);
    e.u.settle.report.started_ms = 0;
    one(b, resigned(w, e));
}
CASE(usage_backwards)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 0);
    e.u.settle.report.started_ms = e.u.settle.report.ended_ms + 1;
    one(b, resigned(w, e));
}
CASE(settle_more) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.amount++; one(b, e); }
CASE(settle_less) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.amount--; one(b, e); }
CASE(settle_twice_paid)
{
    uint64_t hold = running(w);
    struct entry e;
    world_add(w, world_settle(w, hold, REPORT_USAGE, 400));
    e = world_settle(w, hold, REPORT_FINISHED, 800);
    e.amount = 800 * 2000;
    one(b, e);
}
CASE(settle_empties) { uint64_t hold = running(w); w->now += HOUR_MS; one(b, world_settle(w, hold, REPORT_USAGE, 4 * 3600)); }
CASE(overrun)
{
    uint64_t hold = running(w);
    struct entry e;
    w->now += HOUR_MS;
    e = world_settle(w, hold, REPORT_FINISHED, 4 * 3700);
    e.amount = 4 * 3700 * 2000;
    one(b, e);
}

/* ---- VOID and EXPIRE --------------------------------------------------------------------------------------------- */

CASE(void_with_authority) { struct entry e = world_void(w, running(w), VOID_CANCELLED); e.u.release.order = world_uuid(w); one(b, e); }
CASE(void_paid)
{
    uint64_t hold = running(w);
    world_add(w, world_settle(w, hold, REPORT_USAGE, 400));
    one(b, world_void(w, hold, VOID_ACCEPT_BY));
}
CASE(void_no_report)
{
    struct entry e = world_void(w, running(w), VOID_REJECTED);
    memset(&e.u.release.report, 0, sizeof e.u.release.report);
    one(b, e);
}
CASE(void_other_report)
{
    struct entry e = world_void(w, running(w), VOID_REJECTED);
    e.u.release.reason = VOID_SITE_FAILED;
    one(b, e);
}
CASE(void_failed_paid)
{
    uint64_t hold = running(w);
    world_add(w, world_settle(w, hold, REPORT_USAGE, 400));
    one(b, world_void(w, hold, VOID_SITE_FAILED));
}
CASE(void_both)
{
    struct entry e = world_void(w, running(w), VOID_REJECTED);
    e.u.release.reason = VOID_BY_OFFICERS;
    one(b, e);
}
CASE(void_reason) { struct entry e = world_void(w, running(w), VOID_CANCELLED); e.u.release.reason = EXPIRE_TIME; one(b, e); }
CASE(void_part) { struct entry e = world_void(w, running(w), VOID_CANCELLED); e.amount--; one(b, e); }
CASE(void_moved_alone) { one(b, world_void(w, running(w), VOID_MOVED)); }
CASE(expire_reason)
{
    uint64_t hold = running(w);
    struct entry e = world_expire(w, hold);
    w->now = ledger_hold(w->l, hold)->expiry_ms;
    e.u.release.reason = VOID_CANCELLED;
    one(b, e);
}
CASE(expire_early) { uint64_t hold = running(w); w->now = ledger_hold(w->l, hold)->expiry_ms - 1; one(b, world_expire(w, hold)); }
CASE(expire_disputed)
{
    uint64_t hold = running(w);
    world_add(w, world_dispute(w, hold, true));
    w->now = ledger_hold(w->l, hold)->expiry_ms + DISPUTE_MS - 1;
    one(b, world_expire(w, hold));
}
CASE(expire_part)
{
    uint64_t hold = running(w);
    struct entry e = world_expire(w, hold);
    w->now = ledger_hold(w->l, hold)->expiry_ms;
    e.amount--;
    one(b, e);
}
CASE(no_lapse)
{
    uint64_t hold = world_add(w, world_hold(w, 0, 0, 4, 3600));
    w->now = w->grant_end;
    b->g[0] = world_expire(w, hold); /* its expiry is before the grant's end */
    b->n = 1;
}

/* ---- disputes, RESOLVE, CORRECT ---------------------------------------------------------------------------------- */

static uint64_t
disputed(struct world *w)
{
    uint64_t hold = running(w);

    world_add(w, world_dispute(w, hold, true));
    return hold;
}

static struct entry
said(struct world *w, uint64_t hold, uint16_t by, const char *signers)
{
    struct entry e = world_order(w, NOTICE);

    e.u.notice.type = NOTICE_SAID;
    e.u.notice.ref = hold;
    e.u.notice.reason = by;
    world_sign(w, &e, signers);
    return e;
}
CASE(said_undisputed) { one(b, said(w, running(w), SAID_BY_SITE, "S")); }
CASE(said_of_nothing) { one(b, said(w, w->grant[0], SAID_BY_SITE, "S")); }
CASE(said_by_a_third) { one(b, said(w, disputed(w), SAID_BY_SITE + 1, "S")); }
CASE(said_unsigned) { one(b, said(w, disputed(w), SAID_BY_REQUESTER, "")); }
CASE(said_after)
{
    uint64_t hold = disputed(w);
    world_add(w, said(w, hold, SAID_BY_REQUESTER, "S"));
    world_add(w, world_dispute(w, hold, false));
    one(b, said(w, hold, SAID_BY_REQUESTER, "S"));
}
CASE(resolve_undisputed) { one(b, world_resolve(w, running(w), 500)); }
CASE(resolve_one_signer) { struct entry e = world_resolve(w, disputed(w), 500); world_sign(w, &e, "A"); one(b, e); }
CASE(resolve_same_person) { struct entry e = world_resolve(w, disputed(w), 500); world_sign(w, &e, "AA"); one(b, e); }
CASE(resolve_share) { struct entry e = world_resolve(w, disputed(w), 500); e.amount++; one(b, e); }
CASE(resolve_late)
{
    uint64_t hold = disputed(w);
    w->now = ledger_hold(w->l, hold)->expiry_ms + DISPUTE_MS;
    one(b, world_resolve(w, hold, 500));
}
CASE(resolve_from_tranche) { struct entry e = world_resolve(w, disputed(w), 500); e.debit = w->tranche; one(b, e); }
CASE(resolve_from_other_grant) { struct entry e = world_resolve(w, disputed(w), 500); e.debit = w->grant[1]; one(b, e); }
CASE(reserve_first) { struct entry e = world_resolve(w, disputed(w), 500); e.debit = RESERVE_ACCOUNT; one(b, e); }
CASE(reserve_other_site)
{
    uint64_t hold = disputed(w);
    struct entry e;
    world_add(w, world_resolve(w, hold, 1000));
    e = world_resolve(w, hold, 100);
    e.credit = w->site_account[1];
    one(b, e);
}
CASE(reserve_undisputed)
{
    uint64_t hold = disputed(w);
    world_add(w, world_resolve(w, hold, 1000)); /* the dispute is over with this group */
    one(b, world_resolve(w, hold, 100));
}
CASE(reserve_share)
{
    uint64_t hold = disputed(w);
    world_add(w, world_resolve(w, hold, 1000));
    world_add(w, world_dispute(w, hold, true));
    one(b, world_resolve(w, hold, 100));
    b->g[0].amount--;
}
CASE(reserve_twice)
{
    uint64_t hold = disputed(w);
    struct entry e;
    b->g[0] = world_resolve(w, hold, 1000);
    for (int i = 1; i < 3; i++) {
        e = world_resolve(w, hold, 100);
        e.debit = RESERVE_ACCOUNT;
        e.amount = ledger_hold(w->l, hold)->amount / 10;
        b->g[i] = e;
    }
    b->n = 3;
}
CASE(dispute_nothing) { one(b, world_dispute(w, w->fund, true)); }
CASE(dispute_twice) { uint64_t hold = disputed(w); one(b, world_dispute(w, hold, true)); }
CASE(dispute_expired) { uint64_t hold = running(w); w->now = ledger_hold(w->l, hold)->expiry_ms; one(b, world_dispute(w, hold, true)); }
CASE(contest_late)
{
    uint64_t hold = running(w);
    world_add(w, world_settle(w, hold, REPORT_FINISHED, 100));
    w->now += CONTEST_MS + 1;
    one(b, world_dispute(w, hold, true));
}

static uint64_t
paid(struct world *w, uint64_t *ret_hold)
{
    *ret_hold = running(w);
    return world_add(w, world_settle(w, *ret_hold, REPORT_USAGE, 400));
}

static struct entry
correct_of_hold(struct world *w, uint64_t hold)
{
    const struct hold *h = ledger_hold(w->l, hold);
    struct entry e = world_order(w, CORRECT);

    e.u.correct.entry = hold;
    e.u.correct.of_hold = 1;
    e.debit = h->site_account;
    e.credit = h->grant;
    e.amount = h->settled - h->corrected;
    world_sign(w, &e, "A");
    return e;
}

CASE(correct_nothing) { uint64_t hold, settle = paid(w, &hold); struct entry e = world_correct(w, settle, 1); e.u.correct.entry = hold; one(b, e); }
CASE(correct_correct) { uint64_t hold, c = world_add(w, world_correct(w, paid(w, &hold), 5)); one(b, world_correct(w, c, 1)); }
CASE(correct_direction) { uint64_t hold; struct entry e = world_correct(w, paid(w, &hold), 1); e.credit = w->grant[1]; one(b, e); }
CASE(correct_more) { uint64_t hold, settle = paid(w, &hold); world_add(w, world_correct(w, settle, 1)); one(b, world_correct(w, settle, 400 * 2000)); }
CASE(correct_after_hold)
{
    uint64_t hold, settle = paid(w, &hold);
    world_add(w, correct_of_hold(w, hold));
    one(b, world_correct(w, settle, 1));
}
CASE(correct_hold_part) { uint64_t hold; struct entry e; paid(w, &hold); e = correct_of_hold(w, hold); e.amount--; one(b, e); }
CASE(correct_hold_nothing) { uint64_t hold; struct entry e; paid(w, &hold); e = correct_of_hold(w, hold); e.u.correct.entry = w->fund; one(b, e); }
CASE(correct_hold_direction) { uint64_t hold; struct entry e; paid(w, &hold); e = correct_of_hold(w, hold); e.debit = w->site_account[1]; one(b, e); }
CASE(correct_hold_report)
{
    uint64_t hold;
    struct entry e;
    paid(w, &hold);
    e = correct_of_hold(w, hold);
    e.u.correct.report = world_report(w, hold, REPORT_FINISHED, 400);
    one(b, resigned(w, e));
}
CASE(correct_both)
{
    uint64_t hold;
    struct entry e;
    paid(w, &hold);
    e = correct_of_hold(w, hold);
    e.u.correct.report = world_report(w, hold, REPORT_FAILED, 400);
    e.u.correct.report.reason = REASON_SITE;
    one(b, resigned(w, e));
}
CASE(correct_without_void)
{
    correct_both(w, b);
    b->g[0].u.correct.order = NOBODY;
}
CASE(correct_one_on_report)
{
    uint64_t hold, settle = paid(w, &hold);
    struct entry e = world_correct(w, settle, 1);
    e.u.correct.report = world_report(w, hold, REPORT_FAILED, 400);
    e.u.correct.report.reason = REASON_SITE;
    one(b, resigned(w, e));
}
CASE(correct_disputed) { uint64_t hold, settle = paid(w, &hold); world_add(w, world_dispute(w, hold, true)); one(b, world_correct(w, settle, 1)); }
CASE(correct_expired)
{
    uint64_t hold, settle = paid(w, &hold);
    w->now = ledger_hold(w->l, hold)->expiry_ms;
    one(b, world_correct(w, settle, 1));
}
CASE(correct_contested_alone)
{
    uint64_t hold, settle = paid(w, &hold);
    world_add(w, world_settle(w, hold, REPORT_FINISHED, 400));
    world_add(w, world_dispute(w, hold, true));
    one(b, world_correct(w, settle, 1));
}
CASE(correct_no_lapse)
{
    uint64_t hold = world_add(w, world_hold(w, 0, 0, 4, 3600)), settle;
    w->now += HOUR_MS;
    settle = world_add(w, world_settle(w, hold, REPORT_FINISHED, 400));
    w->now = w->grant_end;
    one(b, world_correct(w, settle, 5));
}

/* ---- authority --------------------------------------------------------------------------------------------------- */

CASE(no_order) { struct entry e = good(w); e.u.move.order = NOBODY; one(b, e); }
CASE(no_signer) { struct entry e = good(w); world_sign(w, &e, ""); one(b, e); }
CASE(order_twice) { struct entry e = good(w); world_add(w, e); one(b, e); }
CASE(order_in_group) { b->g[0] = good(w); b->g[1] = b->g[0]; b->n = 2; }
CASE(order_of_new)
{
    b->g[0] = world_open(w, ACCOUNT_TRANCHE, NOBODY, 0);
    b->g[1] = good(w);
    b->g[1].credit = ledger_size(w->l);
    b->n = 2;
}

/* A row of the rule of orders; its order is signed by these. */
static struct entry
order_rule(struct world *w, unsigned classes, int64_t alone_gpums, const char *signers)
{
    struct order_rule before = ledger_order_rule(w->l, w->now);
    struct entry e = ledger_policy(w->l, w->policy)->entry;

    memset(e.u.policy.code, 0, sizeof e.u.policy.code);
    memcpy(e.u.policy.code, ORDERS_CODE, sizeof ORDERS_CODE);
    e.u.policy.first = before.policy == NO_INDEX ? NO_INDEX : ledger_policy(w->l, before.policy)->entry.u.policy.first;
    if (before.policy != NO_INDEX && e.u.policy.first == NO_INDEX)
        e.u.policy.first = before.policy;
    e.u.policy.order = world_uuid(w);
    e.u.policy.eligible = (uint16_t)classes;
    e.u.policy.cap_gpums = alone_gpums;
    memset(&e.u.policy.auth, 0, sizeof e.u.policy.auth);
    world_sign(w, &e, signers);
    return e;
}

CASE(rule_of_nothing) { one(b, order_rule(w, 0, 0, "A")); }
CASE(rule_of_unknown) { one(b, order_rule(w, 8, 0, "A")); }
CASE(rule_by_what_it_forbids) { one(b, order_rule(w, ORDER_CLASS(1), 0, "S")); }
CASE(forbidden_class)
{
    struct entry e = good(w);

    world_add(w, order_rule(w, ORDER_CLASS(1) | ORDER_CLASS(2), 0, "A"));
    world_sign(w, &e, "AS");
    one(b, e);
}
CASE(forbidden_by_the_old_rule)
{
    world_add(w, order_rule(w, ORDER_CLASS(1), 0, "A"));
    one(b, order_rule(w, ORDER_CLASSES, 0, "S"));
}
CASE(above_the_limit)
{
    struct entry e = good(w);

    world_add(w, order_rule(w, ORDER_CLASSES, e.amount - 1, "S"));
    world_sign(w, &e, "A");
    one(b, e);
}
CASE(officers_key_alone)
{
    struct entry e = ledger_key(w->l, w->officer[0])->entry;

    world_add(w, order_rule(w, ORDER_CLASSES, INT64_MAX / 4, "S"));
    e.u.key.first = w->officer[0];
    e.u.key.order = world_uuid(w);
    e.u.key.ed25519[0] ^= 1;
    world_sign(w, &e, "B");
    one(b, e);
}
CASE(grant_of_the_rule)
{
    struct entry e = new_grant(w);

    e.u.move.policy = world_add(w, order_rule(w, ORDER_CLASSES, 0, "A"));
    one(b, e);
}
CASE(unknown_key) { struct entry e = good(w); e.u.move.auth.slot[0].key = w->fund; one(b, e); }
CASE(site_key_orders) { struct entry e = good(w); world_sign(w, &e, "A"); e.u.move.auth.slot[0].key = w->site_key[0]; one(b, e); }
CASE(passkey_of_the_server) { struct entry e = good(w); e.u.move.auth.slot[0].class = 2; memset(e.u.move.auth.slot[0].sig + 32, 0, 32); one(b, e); }
CASE(forbidden_passkey)
{
    struct entry e = good(w);

    world_add(w, order_rule(w, ORDER_CLASS(1), 0, "A"));
    world_sign(w, &e, "A");
    e.u.move.auth.slot[0].class = 2;
    memset(e.u.move.auth.slot[0].sig + 32, 0, 32);
    one(b, e);
}
CASE(officer_vouches) { struct entry e = good(w); e.u.move.auth.slot[0].key = w->officer[0]; one(b, e); }

static struct entry
key_change(struct world *w, uint64_t key, enum key_status status)
{
    struct entry e = ledger_key(w->l, key)->entry;

    e.u.key.order = world_uuid(w);
    e.u.key.first = key_chain(ledger_key(w->l, key));
    e.u.key.status = (uint8_t)status;
    if (status == KEY_ACTIVE)
        e.u.key.ed25519[0] ^= 0x40;
    e.version = ENTRY_VERSION;
    e.group_len = 1;
    world_sign(w, &e, "S");
    return e;
}

CASE(retired_key) { struct entry e = good(w); world_sign(w, &e, "A"); world_add(w, key_change(w, w->officer[0], KEY_RETIRED)); one(b, e); }
CASE(rotated_key)
{
    struct entry e = good(w);
    world_sign(w, &e, "A");
    world_add(w, key_change(w, w->officer[0], KEY_ACTIVE));
    w->now += DAY_MS;
    one(b, e);
}
CASE(key_not_yet)
{
    struct entry e = good(w), key = key_change(w, w->officer[0], KEY_ACTIVE);
    key.u.key.valid_from_ms = w->now + 5;
    world_sign(w, &e, "A");
    e.u.move.auth.slot[0].key = world_add(w, key);
    one(b, e);
}
CASE(report_by_officer) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.u.settle.auth.slot[0].class = 3; one(b, e); }
CASE(report_two_signers) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.u.settle.auth.slot[1] = e.u.settle.auth.slot[0]; one(b, e); }
CASE(report_other_key) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.u.settle.auth.slot[0].key = w->site_key[1]; one(b, e); }
CASE(report_compromised_key)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100);
    world_add(w, key_change(w, w->site_key[0], KEY_COMPROMISED));
    one(b, e);
}
CASE(report_other_fence) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.u.settle.report.fence++; one(b, e); }
CASE(report_other_site)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100);
    e.u.settle.report.site = w->site[1];
    one(b, resigned(w, e));
}
CASE(report_other_ticket)
{
    uint64_t hold = running(w);
    struct entry e;
    world_add(w, world_settle(w, hold, REPORT_USAGE, 400));
    e = world_settle(w, hold, REPORT_FINISHED, 400);
    e.u.settle.report.jti.b[4] ^= 1;
    one(b, resigned(w, e));
}
CASE(report_number_used)
{
    struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100);
    uint64_t other = world_add(w, world_hold(w, 1, 0, 4, 3600));
    struct entry first = world_settle(w, other, REPORT_CANCELLED, 0);
    first.u.settle.report.number = e.u.settle.report.number;
    world_add(w, resigned(w, first));
    one(b, e);
}
CASE(report_number_zero) { struct entry e = world_settle(w, running(w), REPORT_FINISHED, 100); e.u.settle.report.number = 0; one(b, resigned(w, e)); }
CASE(report_order)
{
    uint64_t hold = running(w);
    struct entry older = world_settle(w, hold, REPORT_USAGE, 400), e;
    world_add(w, world_settle(w, hold, REPORT_USAGE, 400));
    e = older;
    e.u.settle.final = 1;
    e.u.settle.report.kind = REPORT_FINISHED;
    e.u.settle.report.ended_ms = w->now;
    e.amount = 0;
    one(b, resigned(w, e));
}

/* ---- registry ---------------------------------------------------------------------------------------------------- */

CASE(genesis_key_zero)
{
    struct entry e = entry_new(GENESIS);
    /* an empty ledger beside this world's */
    ledger_delete(w->l);
    w->l = ledger_new();
    undo_commit(w->undo);
    snprintf(e.u.genesis.origin, sizeof e.u.genesis.origin, "x");
    e.u.genesis.format = 1;
    one(b, e);
}
CASE(genesis_old) { genesis_key_zero(w, b); b->g[0].u.genesis.server_key[0] = 1; b->g[0].u.genesis.old_size = 5; }
CASE(not_genesis) { struct entry e = good(w); genesis_key_zero(w, b); b->g[0] = e; }

static struct entry
again(struct world *w, uint64_t index) /* an entry of the registry once more, under a new order */
{
    struct entry e = w->entries[index];

    *(struct uuid *)entry_order(&e) = world_uuid(w);
    return e;
}

CASE(site_code_twice) { one(b, again(w, w->site[0])); }
CASE(site_other_chain) { struct entry e = again(w, w->site[0]); e.u.site.first = w->site[1]; one(b, e); }
CASE(site_new_code) { struct entry e = again(w, w->site[0]); e.u.site.first = w->site[0]; e.u.site.code[0] = 'x'; one(b, e); }
CASE(offering_no_site) { struct entry e = again(w, w->offering[0]); e.u.offering.site = w->fund; one(b, e); }
CASE(rate_no_offering) { struct entry e = again(w, w->rate[0]); e.u.rate.offering = w->site[0]; one(b, e); }
CASE(policy_code_twice) { one(b, again(w, w->policy)); }
CASE(key_no_site) { struct entry e = again(w, w->site_key[0]); e.u.key.site = NO_INDEX; one(b, e); }
CASE(key_officer_site) { struct entry e = again(w, w->officer[0]); e.u.key.site = w->site[0]; one(b, e); }
CASE(key_no_person) { struct entry e = again(w, w->officer[0]); e.u.key.person = NOBODY; one(b, e); }
CASE(key_no_public) { struct entry e = again(w, w->officer[0]); memset(e.u.key.ed25519, 0, 32); one(b, e); }
CASE(key_public_twice) { one(b, again(w, w->officer[0])); }
CASE(key_second_server) { struct entry e = again(w, w->officer[0]); e.u.key.use = KEY_SERVER; e.u.key.person = NOBODY; one(b, e); }
CASE(key_second_chain) { struct entry e = again(w, w->site_key[0]); e.u.key.ed25519[0] ^= 1; one(b, e); }
CASE(key_no_chain) { struct entry e = key_change(w, w->officer[0], KEY_ACTIVE); e.u.key.first = w->fund; one(b, e); }
CASE(key_other_owner) { struct entry e = key_change(w, w->officer[0], KEY_ACTIVE); e.u.key.first = w->officer[1]; one(b, e); }
CASE(key_end_other)
{
    struct entry e = key_change(w, w->officer[0], KEY_RETIRED);
    e.u.key.ed25519[0] ^= 1;
    one(b, e);
}

static struct sign_key
key_of(uint8_t n)
{
    uint8_t seed[SIGN_SEED_LEN] = { n };

    return sign_key_from_seed(seed);
}

/* The log's key: first announced, then changed, signed by these two. old: NO_INDEX for the first. */
static struct entry
log_key(struct world *w, uint64_t old, struct sign_key before, struct sign_key new)
{
    struct entry e = world_order(w, KEY);
    uint8_t bytes[ENTRY_MAX];
    size_t len;

    e.u.key.first = old == NO_INDEX ? NO_INDEX : key_chain(ledger_key(w->l, old));
    e.u.key.use = KEY_LOG;
    e.u.key.status = KEY_ACTIVE;
    e.u.key.site = NO_INDEX;
    memcpy(e.u.key.ed25519, new.public, 32);
    len = entry_order_bytes(&e, ledger_genesis(w->l), bytes);
    e.u.key.auth.slot[0].class = old == NO_INDEX ? 3 : 1;
    e.u.key.auth.slot[0].key = old == NO_INDEX ? 0 : old;
    sign_make(&before, BYTES(bytes, len), e.u.key.auth.slot[0].sig);
    e.u.key.auth.slot[1].class = 1;
    sign_make(&new, BYTES(bytes, len), e.u.key.auth.slot[1].sig);
    return e;
}

static uint64_t
first_log_key(struct world *w)
{
    return world_add(w, log_key(w, NO_INDEX, w->server, key_of(101)));
}

static void tamper_own_key(struct entry *e) { e->u.key.auth.slot[1].key--; }
CASE(log_key_by_officer) { struct entry e = log_key(w, NO_INDEX, w->server, key_of(101)); e.u.key.auth.slot[0].key = w->officer[0]; one(b, e); }
CASE(log_key_not_own) { w->tamper = tamper_own_key; one(b, log_key(w, NO_INDEX, w->server, key_of(101))); }
CASE(log_key_unsigned) { struct entry e = log_key(w, NO_INDEX, w->server, key_of(101)); e.u.key.auth.slot[1].class = 3; one(b, e); }
CASE(log_key_second_chain) { first_log_key(w); one(b, log_key(w, NO_INDEX, w->server, key_of(102))); }
CASE(log_key_by_server)
{
    struct entry e = log_key(w, first_log_key(w), w->server, key_of(102));
    e.u.key.auth.slot[0] = (struct authority_slot){ .class = 3 };
    one(b, e);
}
CASE(log_key_by_old)
{
    uint64_t first = first_log_key(w);
    world_add(w, log_key(w, first, key_of(101), key_of(102)));
    one(b, log_key(w, first, key_of(101), key_of(103)));
}
CASE(log_key_ended)
{
    uint64_t first = first_log_key(w);
    world_add(w, key_change(w, first, KEY_COMPROMISED));
    one(b, log_key(w, first, key_of(101), key_of(102)));
}
CASE(log_key_order_twice)
{
    struct entry e = log_key(w, first_log_key(w), key_of(101), key_of(102));
    e.u.key.order = ledger_key(w->l, ledger_size(w->l) - 1)->entry.u.key.order;
    one(b, e);
}
CASE(log_key_orders)
{
    struct entry e = good(w);
    world_sign(w, &e, "A");
    e.u.move.auth.slot[0].key = first_log_key(w);
    one(b, e);
}
CASE(witnesses_no_order) { struct entry e = entry_new(NOTICE); e.u.notice.type = NOTICE_WITNESSES; one(b, e); (void)w; }

static struct entry
statement(void)
{
    struct entry e = entry_new(NOTICE);

    e.u.notice.type = NOTICE_STATE;
    return e;
}

CASE(state_signed) { struct entry e = statement(); e.u.notice.order = world_uuid(w); one(b, e); }
CASE(state_as_of) { w->tamper = tamper_as_of; one(b, statement()); }
CASE(state_in_group) { b->g[0] = statement(); b->g[1] = good(w); b->n = 2; }
CASE(state_root) { w->tamper = tamper_root; one(b, statement()); }

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const struct { bad_fn *make; const char *name; enum err err; const char *rule; } rows[] = {
#define ROW(name, err, rule) { name, #name, err, rule }
#define FIELDS "every field of an entry is within its limits"
#define GROUPS "a group's entries follow one another, whole"
#define ACCOUNTS "a kind names the accounts that it moves, and no others"
#define LINKS "an entry links to the one before on each of its accounts"
#define DISPUTED "while a dispute is open on a hold, only a RESOLVE or its expiry touches it"
#define EXPIRED "after a hold's expiry only an EXPIRE touches it"
#define SETTLES "a SETTLE pays GPU-seconds × rate less what was paid, at most what is held"
#define LAPSES "what comes back to a grant past its end lapses in the same group"
#define IN_FORCE "a signer's key is in force"
#define ALLOWED "an order is signed in a way that the rule of orders allows"
#define SITE_REPORT "a report is of the hold's site, fence and ticket"
#define RULE ERR_LEDGER_RULE
    ROW(field, ERR_ENTRY_INVALID, FIELDS),
    ROW(gap, RULE, "indexes have no gap"),
    ROW(time_back, RULE, "time never goes back"),
    ROW(group_first, RULE, GROUPS),
    ROW(group_len, RULE, GROUPS),
    ROW(group_pos, RULE, GROUPS),
    ROW(second_genesis, RULE, "entry 0, and no other, is GENESIS"),
    ROW(not_genesis, RULE, "entry 0, and no other, is GENESIS"),
    ROW(second_mint, RULE, "entries 1 and 2, and no others, open mint and reserve"),
    ROW(second_reserve, RULE, "entries 1 and 2, and no others, open mint and reserve"),
    ROW(stray_account, ERR_ENTRY_INVALID, ACCOUNTS),
    ROW(stray_link, ERR_ENTRY_INVALID, ACCOUNTS),
    ROW(no_account, ERR_ACCOUNT_UNKNOWN, "an account was opened before"),
    ROW(no_debit, ERR_ACCOUNT_UNKNOWN, "an account was opened before"),
    ROW(wrong_link, RULE, LINKS),
    ROW(wrong_credit_link, RULE, LINKS),
    ROW(stray_amount, ERR_ENTRY_INVALID, "only a money entry has an amount"),
    ROW(zero_amount, RULE, "an amount is more than zero, but for a final SETTLE"),
    ROW(zero_settle, RULE, "an amount is more than zero, but for a final SETTLE"),
    ROW(same_account, RULE, "debit and credit are different accounts"),
    ROW(too_much, ERR_INSUFFICIENT_CREDITS, "only mint may be negative: free credits cover what is taken"),
    ROW(hold_too_much, ERR_INSUFFICIENT_CREDITS, "only mint may be negative: free credits cover what is taken"),
    ROW(closed, ERR_ACCOUNT_CLOSED, "a closed account takes no more entries"),
    ROW(grant_without_owner, ERR_ENTRY_INVALID, "a grant's account has an organisation as its owner, and no other has one"),
    ROW(fund_with_owner, ERR_ENTRY_INVALID, "a grant's account has an organisation as its owner, and no other has one"),
    ROW(site_without_site, ERR_ENTRY_INVALID, "a site's account names its SITE, and no other names one"),
    ROW(fund_with_site, ERR_ENTRY_INVALID, "a site's account names its SITE, and no other names one"),
    ROW(second_site_account, RULE, "a site has one open account"),
    ROW(open_link, RULE, "an OPEN links to the owner's OPEN before"),
    ROW(close_repeats, ERR_ENTRY_INVALID, "a CLOSE repeats its account's OPEN"),
    ROW(close_mint, RULE, "mint and reserve are never closed"),
    ROW(close_full, RULE, "an account is closed with nothing in it and nothing held"),
    ROW(close_parent, RULE, "an account is closed after those that were given from it"),
    ROW(close_early, RULE, "a grant's account is closed at its end, not before"),
    ROW(fund_too_large, RULE, "a fund is at most 2^60 GPU-milliseconds"),
    ROW(funds_too_large, RULE, "all funds together are at most 2^62 GPU-milliseconds"),
    ROW(sums_too_large, RULE, "an account's sums stay within 63 bits"),
    ROW(fund_to_tranche, RULE, "a FUND goes from mint to a fund"),
    ROW(tranche_to_grant, RULE, "a TRANCHE goes from a fund to a tranche or to reserve"),
    ROW(tranche_of_two, RULE, "a tranche is of one fund"),
    ROW(grant_from_fund, RULE, "a GRANT goes from a tranche to a grant's account"),
    ROW(second_grant, RULE, "an account takes one GRANT: a top-up is a new grant"),
    ROW(grant_no_policy, RULE, "a GRANT names a POLICY in force"),
    ROW(grant_backwards, RULE, "a grant starts before it ends, and ends after it is given"),
    ROW(grant_over, RULE, "a grant starts before it ends, and ends after it is given"),
    ROW(grant_over_cap, RULE, "a grant is at most its access mode's cap"),
    ROW(grant_too_long, RULE, "a grant is at most as long as its access mode allows"),
    ROW(clawback_held, ERR_INSUFFICIENT_CREDITS, "a CLAWBACK takes free credits only"),
    ROW(clawback_terms, RULE, "what goes back repeats its grant's terms"),
    ROW(clawback_elsewhere, RULE, "credits go back from a grant to its tranche"),
    ROW(clawback_other_tranche, RULE, "credits go back from a grant to its tranche"),
    ROW(lapse_early, RULE, "credits lapse at the grant's end, not before"),
    ROW(lapse_part, RULE, "a LAPSE takes all that is free, and nothing else"),
    ROW(hold_from_tranche, RULE, "a HOLD goes from a grant to a site"),
    ROW(hold_no_grant, ERR_GRANT_NOT_ACTIVE, "a HOLD is made between its grant's start and end"),
    ROW(hold_after_end, ERR_GRANT_NOT_ACTIVE, "a HOLD is made between its grant's start and end"),
    ROW(hold_other_site, RULE, "a HOLD names an OFFERING of the site that it may pay"),
    ROW(hold_other_rate, RULE, "a HOLD names a RATE of its OFFERING, in force"),
    ROW(hold_late_rate, RULE, "a HOLD names a RATE of its OFFERING, in force"),
    ROW(hold_amount, RULE, "a HOLD is exactly GPUs × walltime × rate"),
    ROW(hold_overflow, RULE, "a HOLD is exactly GPUs × walltime × rate"),
    ROW(hold_start_over, RULE, "a HOLD's latest start is not over, and not before its window"),
    ROW(hold_window_late, RULE, "a HOLD's latest start is not over, and not before its window"),
    ROW(hold_window_short, RULE, "a HOLD's window is at least its walltime"),
    ROW(hold_past_end, ERR_GRANT_NOT_ACTIVE, "a request ends, walltime included, before its grant does"),
    ROW(hold_expiry, RULE, "a HOLD expires at its latest end plus its policy's report grace"),
    ROW(hold_nothing, ERR_ENTRY_INVALID, "a HOLD names a request and a reservation"),
    ROW(hold_twice, RULE, "a reservation has one HOLD"),
    ROW(hold_two_of_request, RULE, "a request has at most one open hold"),
    ROW(hold_fence, RULE, "a request's fence grows with every HOLD"),
    ROW(hold_fence_zero, RULE, "a request's fence grows with every HOLD"),
    ROW(no_hold, RULE, "the entry names a HOLD"),
    ROW(resolved_hold, ERR_HOLD_RESOLVED, "a hold is resolved once"),
    ROW(void_resolved, ERR_HOLD_RESOLVED, "a hold is resolved once"),
    ROW(other_accounts, RULE, "the entry names its hold's two accounts"),
    ROW(settle_disputed, RULE, DISPUTED),
    ROW(void_disputed, RULE, DISPUTED),
    ROW(settle_expired, RULE, EXPIRED),
    ROW(void_expired, RULE, EXPIRED),
    ROW(final_on_usage, RULE, "a final SETTLE rests on a job's end, another on its usage so far"),
    ROW(usage_on_end, RULE, "a final SETTLE rests on a job's end, another on its usage so far"),
    ROW(pay_failed_site, RULE, "a job that failed by the site's fault is not paid"),
    ROW(report_ahead, RULE, "a report is older than the entry that rests on it, but for two minutes of its clock"),
    ROW(usage_falls, RULE, "cumulative usage never falls"),
    ROW(usage_implausible, RULE, "usage is at most GPUs × (run + 120 s) by the report's own times"),
    ROW(usage_before_start, RULE, "usage is at most GPUs × (run + 120 s) by the report's own times"),
    ROW(usage_backwards, RULE, "usage is at most GPUs × (run + 120 s) by the report's own times"),
    ROW(settle_more, RULE, SETTLES),
    ROW(settle_less, RULE, SETTLES),
    ROW(settle_twice_paid, RULE, SETTLES),
    ROW(overrun, RULE, SETTLES),
    ROW(settle_empties, RULE, "a SETTLE that is not final leaves something held"),
    ROW(void_with_authority, ERR_AUTHORITY, "a VOID before a permit rests on nothing but the rules"),
    ROW(void_paid, ERR_AUTHORITY, "a hold that was paid from had a permit"),
    ROW(void_no_report, ERR_AUTHORITY, "a VOID for what the site did rests on its report"),
    ROW(void_other_report, RULE, "a VOID's reason is its report's"),
    ROW(void_failed_paid, RULE, "what a hold paid is taken back before it is voided for what the site did"),
    ROW(void_both, ERR_AUTHORITY, "an entry rests on a report or on an order, not on both"),
    ROW(void_reason, ERR_ENTRY_INVALID, "a VOID has a reason of its own"),
    ROW(void_part, RULE, "a hold is released whole"),
    ROW(void_moved_alone, RULE, "a hold voided to be moved is followed by its request's next HOLD in the same group"),
    ROW(expire_reason, ERR_ENTRY_INVALID, "an EXPIRE's reason is time"),
    ROW(expire_early, RULE, "a hold expires at its expiry, not before"),
    ROW(expire_disputed, RULE, "a disputed hold expires when the officers' time is over, not before"),
    ROW(expire_part, RULE, "a hold is released whole"),
    ROW(no_lapse, RULE, LAPSES),
    ROW(resolve_undisputed, RULE, "a RESOLVE ends a dispute"),
    ROW(resolve_one_signer, ERR_AUTHORITY, "the entry needs two signers"),
    ROW(resolve_same_person, ERR_AUTHORITY, "two signers are two persons"),
    ROW(resolve_share, RULE, "a RESOLVE pays its share of what is held"),
    ROW(resolve_late, RULE, EXPIRED),
    ROW(resolve_from_tranche, RULE, "a RESOLVE pays from the hold or from reserve"),
    ROW(resolve_from_other_grant, RULE, "the entry names its hold's two accounts"),
    ROW(reserve_first, RULE, "a RESOLVE pays from the hold first, then from reserve"),
    ROW(reserve_other_site, RULE, "a RESOLVE pays the site of a HOLD"),
    ROW(reserve_undisputed, RULE, "a RESOLVE ends a dispute"),
    ROW(reserve_share, RULE, "a RESOLVE from reserve pays its share of what was held"),
    ROW(reserve_twice, RULE, "a dispute is paid from reserve once"),
    ROW(dispute_nothing, RULE, "a dispute is about a HOLD"),
    ROW(dispute_twice, RULE, "a dispute is opened once and closed once"),
    ROW(dispute_expired, RULE, EXPIRED),
    ROW(contest_late, RULE, "a hold's outcome is contested within its policy's time"),
    ROW(correct_nothing, RULE, "a CORRECT names an earlier entry that moved credits, and no CORRECT"),
    ROW(correct_correct, RULE, "a CORRECT names an earlier entry that moved credits, and no CORRECT"),
    ROW(correct_direction, RULE, "a CORRECT goes exactly the opposite way"),
    ROW(correct_more, RULE, "all CORRECTs of an entry together never exceed it"),
    ROW(correct_after_hold, RULE, "all CORRECTs of an entry together never exceed it"),
    ROW(correct_hold_part, RULE, "a CORRECT of a hold takes back all that its SETTLEs paid and none took back yet"),
    ROW(correct_hold_nothing, RULE, "a CORRECT of a hold names a HOLD"),
    ROW(correct_hold_direction, RULE, "a CORRECT goes exactly the opposite way"),
    ROW(correct_hold_report, RULE, "a CORRECT rests on the site's report that the job of an open hold failed by its fault"),
    ROW(correct_both, ERR_AUTHORITY, "an entry rests on a report or on an order, not on both"),
    ROW(correct_without_void, RULE, "a CORRECT on a site's report is followed by the hold's VOID in the same group"),
    ROW(correct_one_on_report, ERR_AUTHORITY, "a CORRECT of one entry rests on an order"),
    ROW(correct_disputed, RULE, DISPUTED),
    ROW(correct_expired, RULE, EXPIRED),
    ROW(correct_contested_alone, ERR_AUTHORITY, "the entry needs two signers"),
    ROW(correct_no_lapse, RULE, LAPSES),
    ROW(no_order, ERR_AUTHORITY, "the entry rests on a signed order"),
    ROW(no_signer, ERR_AUTHORITY, "the entry rests on a signed order"),
    ROW(order_twice, ERR_ORDER_USED, "an order is carried out once"),
    ROW(order_in_group, ERR_ORDER_USED, "an order is carried out once"),
    ROW(order_of_new, ERR_AUTHORITY, "what an order names was committed before it was signed"),
    ROW(rule_of_nothing, RULE, "the rule of orders allows some of the classes of authority that there are"),
    ROW(rule_of_unknown, RULE, "the rule of orders allows some of the classes of authority that there are"),
    ROW(rule_by_what_it_forbids, ERR_AUTHORITY, ALLOWED),
    ROW(forbidden_class, ERR_AUTHORITY, ALLOWED),
    ROW(forbidden_by_the_old_rule, ERR_AUTHORITY, ALLOWED),
    ROW(above_the_limit, ERR_AUTHORITY, "by the rule of orders two sign this"),
    ROW(officers_key_alone, ERR_AUTHORITY, "by the rule of orders two sign this"),
    ROW(grant_of_the_rule, RULE, "a GRANT names a POLICY in force"),
    ROW(unknown_key, ERR_AUTHORITY, IN_FORCE),
    ROW(site_key_orders, ERR_AUTHORITY, "an order is signed by an officer's key, or vouched for by the server's"),
    ROW(passkey_of_the_server, ERR_AUTHORITY, "an order is signed by an officer's key, or vouched for by the server's"),
    ROW(forbidden_passkey, ERR_AUTHORITY, "an order is signed in a way that the rule of orders allows"),
    ROW(officer_vouches, ERR_AUTHORITY, "an order is signed by an officer's key, or vouched for by the server's"),
    ROW(retired_key, ERR_AUTHORITY, IN_FORCE),
    ROW(rotated_key, ERR_AUTHORITY, IN_FORCE),
    ROW(key_not_yet, ERR_AUTHORITY, IN_FORCE),
    ROW(report_by_officer, ERR_AUTHORITY, "a report is signed by its site, once"),
    ROW(report_two_signers, ERR_AUTHORITY, "a report is signed by its site, once"),
    ROW(report_other_key, ERR_AUTHORITY, "a report is signed by a key of its site, in force"),
    ROW(report_compromised_key, ERR_AUTHORITY, "a report is signed by a key of its site, in force"),
    ROW(report_other_fence, RULE, SITE_REPORT),
    ROW(report_other_site, RULE, SITE_REPORT),
    ROW(report_other_ticket, RULE, SITE_REPORT),
    ROW(report_number_used, RULE, "a report's number is used once"),
    ROW(report_number_zero, RULE, "a report's number is used once"),
    ROW(report_order, RULE, "a hold's reports are taken in their order"),
    ROW(genesis_key_zero, ERR_ENTRY_INVALID, "GENESIS names the server's key"),
    ROW(genesis_old, ERR_ENTRY_INVALID, "an older origin has a size and a root, or neither"),
    ROW(site_code_twice, RULE, "a SITE's code belongs to one chain, and a change names its first SITE"),
    ROW(site_other_chain, RULE, "a SITE's code belongs to one chain, and a change names its first SITE"),
    ROW(site_new_code, RULE, "a SITE's code belongs to one chain, and a change names its first SITE"),
    ROW(offering_no_site, RULE, "an OFFERING names its SITE"),
    ROW(rate_no_offering, RULE, "a RATE names its OFFERING"),
    ROW(policy_code_twice, RULE, "a POLICY's code belongs to one chain, and a change names its first POLICY"),
    ROW(key_no_site, ERR_ENTRY_INVALID, "a site's key names its SITE"),
    ROW(key_officer_site, ERR_ENTRY_INVALID, "a site's key names its SITE"),
    ROW(key_no_person, ERR_ENTRY_INVALID, "an officer's key names a person, and no other does"),
    ROW(key_no_public, ERR_ENTRY_INVALID, "a KEY has a public key"),
    ROW(key_public_twice, RULE, "a public key is registered once"),
    ROW(key_second_server, RULE, "the server's keys follow the one in GENESIS"),
    ROW(key_second_chain, RULE, "a site's keys are one chain: a change names its first KEY"),
    ROW(key_no_chain, RULE, "a change names the first KEY of its chain"),
    ROW(key_other_owner, RULE, "a chain of keys keeps its use and its owner"),
    ROW(key_end_other, RULE, "what ends a key names one of its chain"),
    ROW(log_key_by_officer, ERR_AUTHORITY, "a signer's key is in force"),
    ROW(log_key_not_own, ERR_AUTHORITY, "a new key of the log signs its own KEY"),
    ROW(log_key_unsigned, ERR_AUTHORITY, "a new key of the log signs its own KEY"),
    ROW(log_key_second_chain, RULE, "the log's keys are one chain: a change names its first KEY"),
    ROW(log_key_by_server, ERR_AUTHORITY, "the log's first key rests on the server's word, each later one on the log's key before it"),
    ROW(log_key_by_old, ERR_AUTHORITY, "a signer's key is in force"),
    ROW(log_key_ended, ERR_AUTHORITY, "a signer's key is in force"),
    ROW(log_key_order_twice, ERR_ORDER_USED, "an order is carried out once"),
    ROW(log_key_orders, ERR_AUTHORITY, "an order is signed by an officer's key, or vouched for by the server's"),
    ROW(witnesses_no_order, ERR_AUTHORITY, "the entry rests on a signed order"),
    ROW(said_undisputed, RULE, "what is said in a dispute is about a HOLD whose dispute is open"),
    ROW(said_of_nothing, RULE, "what is said in a dispute is about a HOLD whose dispute is open"),
    ROW(said_after, RULE, "what is said in a dispute is about a HOLD whose dispute is open"),
    ROW(said_by_a_third, RULE, "a dispute has two sides"),
    ROW(said_unsigned, ERR_AUTHORITY, "the entry rests on a signed order"),
    ROW(state_signed, ERR_ENTRY_INVALID, "a statement of state rests on nothing but the state"),
    ROW(state_as_of, RULE, "a statement of state stands alone and is as of the entry before"),
    ROW(state_in_group, RULE, "a statement of state stands alone and is as of the entry before"),
    ROW(state_root, RULE, "a statement of state has the root over all accounts"),
};

static void
test_each_rule(void **unused)
{
    int wrong = 0;

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = world_new();
        struct bad *b = xcalloc(1, sizeof *b);
        struct world_image before, after;
        enum err err;

        world_seed(w);
        rows[i].make(w, b);
        before = world_image(w);
        w->rule = "";
        err = world_try(w, b->g, b->n);
        after = world_image(w);
        if (err != rows[i].err || strcmp(w->rule, rows[i].rule) != 0) {
            printf("# %s: %s, \"%s\" instead of %s, \"%s\"\n", rows[i].name, err_wire(err), w->rule, err_wire(rows[i].err), rows[i].rule);
            wrong++;
        } else if (!world_image_same(&before, &after)) {
            printf("# %s: the refusal changed something\n", rows[i].name);
            wrong++;
        }
        world_image_free(&before);
        world_image_free(&after);
        free(b);
        world_delete(w);
    }
    assert_int_equal(wrong, 0);
}

/* Every rule that the sources name has its row. */
static void
test_no_rule_without_a_case(void **unused)
{
    static const char *const sources[] = { "ledger.c", "ledger_money.c", "ledger_hold.c", "ledger_order.c", "ledger_registry.c" };
    const char *src = getenv("KONTOR_SRC") != NULL ? getenv("KONTOR_SRC") : getenv("srcdir");
    int missing = 0, seen = 0;

    (void)unused;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char path[4096], line[1024];
        FILE *f;

        snprintf(path, sizeof path, "%s/server/core/%s", src != NULL ? src : "..", sources[i]);
        f = fopen(path, "r");
        if (f == NULL)
            fail_msg("cannot read %s", path);
        while (fgets(line, sizeof line, f) != NULL) {
            char *at = strstr(line, "REFUSE(a, ERR_"), *end;
            bool found = false;

            at = at == NULL ? NULL : strchr(at, '"');
            end = at == NULL ? NULL : strrchr(line, '"');
            if (at == NULL || end <= at)
                continue;
            *end = '\0';
            seen++;
            for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
                found = found || strcmp(rows[k].rule, at + 1) == 0;
            if (!found) {
                printf("# no case for: %s\n", at + 1);
                missing++;
            }
        }
        fclose(f);
    }
    assert_true(seen > 80);
    assert_int_equal(missing, 0);
}

/* May an entry like this one rest on no order? A VOID by one of its other reasons; what states, disputes and erasures say. */
static bool
needs_order(const struct entry *e)
{
    const struct uuid *order = entry_order(e);
    uint16_t type = e->kind == NOTICE ? e->u.notice.type : 0;

    return order != NULL && !uuid_is_zero(*order) && entry_report(e) == NULL &&
           (e->kind != NOTICE || type == NOTICE_WITNESSES || type == NOTICE_ROLLBACK);
}

/* The story again, and each entry of it that rests on an order first without the order's number, then without signers. */
static void
test_no_order_no_entry(void **unused)
{
    struct world *w = world_new();
    struct ledger *l = ledger_new();
    bool seen[ENTRY_KINDS] = { false };

    (void)unused;
    world_seed(w);
    world_story(w);
    for (size_t i = 0; i < w->n; i++) {
        struct entry bare = w->entries[i];

        if (needs_order(&bare)) {
            seen[bare.kind] = true;
            memset((void *)(uintptr_t)entry_order(&bare)->b, 0, 16);
            assert_int_not_equal(ledger_apply(l, &bare, NULL, NULL), OK);
            bare = w->entries[i];
            memset(entry_authority(&bare), 0, sizeof *entry_authority(&bare));
            assert_int_not_equal(ledger_apply(l, &bare, NULL, NULL), OK);
        }
        assert_int_equal(ledger_apply(l, &w->entries[i], NULL, NULL), OK);
    }
    for (int kind = 0; kind < ENTRY_KINDS; kind++)
        if (kind != GENESIS && kind != OPEN && kind != LAPSE && kind != HOLD && kind != SETTLE && kind != EXPIRE)
            assert_true(seen[kind]);
    ledger_delete(l);
    world_delete(w);
}

/* By what the rule does not forbid all goes on: keys, two people above the limit, a key's end, and what no person orders. */
static void
test_the_rule_of_orders(void **unused)
{
    struct world *w = world_new();
    struct entry e;

    (void)unused;
    world_seed(w);
    assert_int_equal(ledger_order_rule(w->l, w->now).policy, NO_INDEX);
    assert_int_equal(ledger_order_rule(w->l, w->now).classes, ORDER_CLASSES);
    world_add(w, order_rule(w, ORDER_CLASS(1) | ORDER_CLASS(2), CREDIT, "A"));
    e = good(w);
    assert_int_equal(e.amount, CREDIT);
    world_sign(w, &e, "A");
    world_add(w, e); /* not above it */
    e = good(w);
    e.amount = CREDIT + 1;
    world_sign(w, &e, "BA");
    world_add(w, e);
    e = order_rule(w, ORDER_CLASSES, 0, "A");
    assert_int_equal(world_try(w, &e, 1), ERR_AUTHORITY);
    e = key_change(w, w->officer[1], KEY_COMPROMISED);
    world_sign(w, &e, "S");
    world_add(w, e);
    e = key_change(w, w->site_key[0], KEY_RETIRED);
    world_sign(w, &e, "S");
    world_add(w, e);
    world_delete(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule),
        cmocka_unit_test(test_no_rule_without_a_case),
        cmocka_unit_test(test_no_order_no_entry),
        cmocka_unit_test(test_the_rule_of_orders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
