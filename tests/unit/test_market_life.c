/* market/: cancelling, what time does, instances and orders, each by its case. */
#include "market/sweep.h"
#include "market/timing.h"
#include "market_case.h"

/* ---- cancel ------------------------------------------------------------------------------------------------------ */

static void
test_cancel_before_a_permit(void **unused)
{
    struct reservation *r = reserve(8, 3600, true);
    struct uuid id = r->id;

    (void)unused;
    assert_err(ERR_NOT_FOUND, mw_cancel(m, 1, id));
    assert_err(OK, mw_cancel(m, 0, id));
    assert_null(mw_reservation(m, id));
    assert_int_equal(free_credits(0), 5000 * CREDIT);
    assert_int_equal(m->tickets_n, 2); /* the run ticket may have been delivered */
    assert_non_null(strstr(mw_last_ticket(m)->claims, "\"do\":\"cancel\""));
    assert_null(strstr(mw_last_ticket(m)->claims, "\"offering\""));
    assert_err(ERR_STATE, mw_cancel(m, 0, id));
    assert_err(OK, mw_received(m, 1, 2));
    assert_int_equal(site_state(1)->confirmed_seq, 2);
}

static void
test_cancel_after_a_permit_waits_for_the_site(void **unused)
{
    struct reservation *r = running(8, 3600, true);
    const struct hold *h = ledger_hold(m->w->l, r->hold);

    (void)unused;
    mw_advance(m, 300 * 1000);
    assert_err(OK, mw_cancel(m, 0, r->id));
    assert_int_equal(r->state, TICKET_CANCELLING);
    assert_int_equal(r->cancel_seq, 2);
    assert_err(ERR_STATE, mw_cancel(m, 0, r->id));
    assert_err(OK, say(r, REPORT_CANCELLED));
    assert_int_equal(r->state, TICKET_SETTLED);
    assert_int_equal(r->outcome, OUTCOME_CANCELLED);
    assert_int_equal(h->settled, 8 * 300 * 1500); /* what was used is paid */
}

static void
test_cancelled_without_use_is_void(void **unused)
{
    struct reservation *r = reserve(8, 3600, true);

    (void)unused;
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_err(OK, mw_cancel(m, 0, r->id));
    assert_err(OK, say(r, REPORT_CANCELLED));
    assert_int_equal(map_count(m->state.reservations), 0);
    assert_int_equal(free_credits(0), 5000 * CREDIT);
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

static void
test_accept_by_passes(void **unused)
{
    struct reservation *r = reserve(8, 3600, false);

    (void)unused;
    assert_err(OK, mw_received(m, 1, 1)); /* delivery alone permits nothing */
    assert_int_equal(r->received_ms, m->w->now);
    mw_advance(m, HOUR_MS + 1);
    assert_int_equal(mw_timers(m), 1);
    assert_int_equal(map_count(m->state.reservations), 0);
    assert_int_equal(free_credits(0), 5000 * CREDIT);
    assert_int_equal(mw_timers(m), 0);
}

static void
test_silence_is_a_dispute_that_ends_by_itself(void **unused)
{
    struct reservation *r = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);
    struct report late = mw_report_of(m, r, REPORT_FINISHED);

    (void)unused;
    late.ended_ms = late.time_ms = m->w->now + 3000 * 1000;
    late.gpu_seconds = 8 * 3000;
    mw_advance(m, 2 * HOUR_MS + DAY_MS);
    mw_timers(m);
    assert_int_equal(r->state, TICKET_ENDED);
    mw_advance(m, DAY_MS);
    mw_timers(m);
    assert_int_equal(r->state, TICKET_SILENT);
    assert_true(h->disputed);
    assert_int_equal(r->dispute_why, DISPUTE_SILENCE);
    assert_err(OK, mw_report(m, &late));
    assert_int_equal(r->state, TICKET_SETTLED);
    assert_false(h->disputed);
    assert_int_equal(h->settled, 8 * 3000 * 1500);
}

static void
test_never_started_and_cancelling_fall_silent(void **unused)
{
    struct reservation *r = reserve(8, 3600, false), *s = reserve(8, 3600, false);

    (void)unused;
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_err(OK, say(s, REPORT_ACCEPTED));
    assert_err(OK, mw_cancel(m, 0, s->id));
    mw_advance(m, DAY_MS);
    mw_timers(m);
    assert_int_equal(s->state, TICKET_SILENT);
    mw_advance(m, HOUR_MS);
    mw_timers(m);
    assert_int_equal(r->state, TICKET_SILENT);
    assert_err(OK, say(s, REPORT_CANCELLED));
    assert_int_equal(map_count(m->state.reservations), 1);
    mw_advance(m, REPORT_GRACE_MS + DISPUTE_MS + 2 * HOUR_MS); /* nobody resolves it: in the requester's favour */
    mw_timers(m);
    assert_int_equal(map_count(m->state.reservations), 0);
}

static void
test_after_its_expiry_a_hold_takes_no_report(void **unused)
{
    struct reservation *r = running(8, 3600, false);
    struct uuid id = r->id;

    (void)unused;
    m->w->now = ledger_hold(m->w->l, r->hold)->expiry_ms; /* an outage of two weeks: no timer has run */
    index_advance(&m->state, m->w->now);
    assert_err(OK, say(r, REPORT_STARTED));
    assert_null(mw_reservation(m, id)); /* expired */
    assert_int_equal(free_credits(0), 5000 * CREDIT);
}

static void
test_credits_lapse_at_the_end_and_what_comes_back_with_them(void **unused)
{
    struct reservation *r;
    const struct account *grant = ledger_account(m->w->l, m->w->grant[0]);

    (void)unused;
    mw_advance(m, 90 * DAY_MS - 6 * HOUR_MS);
    r = running(8, 3 * 3600, false);
    m->w->now = grant->end_ms;
    assert_int_equal(due_at(m->state.due, DUE_GRANT, r->id, grant->index), grant->end_ms);
    assert_err(OK, mw_timer(m, DUE_GRANT, r->id, grant->index));
    assert_int_equal(account_free(grant), 0);
    assert_int_equal(due_at(m->state.due, DUE_GRANT, r->id, grant->index), DUE_NEVER);
    assert_int_equal(grant->held_debits, r->cost_gpums);
    struct report finished = mw_report_of(m, r, REPORT_FINISHED);
    finished.ended_ms = finished.started_ms + HOUR_MS;
    finished.gpu_seconds = 8 * 3600;
    assert_err(OK, mw_report(m, &finished)); /* the rest lapses in the same group */
    assert_int_equal(account_free(grant), 0);
    assert_int_equal(grant->held_debits, 0);
}

static void
test_a_draining_site_loses_its_unpermitted_tickets(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id, request = world_uuid(m->w);
    struct reservation *kept = running(8, 3600, true), *r;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 1, true, &id));
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, id, 0)); /* nothing drains */
    assert_non_null(mw_reservation(m, id));
    site_state(0)->draining = site_state(1)->draining = true;
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, kept->id, 0));
    assert_int_equal(kept->state, TICKET_RUNNING); /* a permit stands */
    site_state(1)->draining = false;
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, id, 0));
    r = ((struct request_state *)map_get(m->state.by_request, &request))->live;
    assert_int_equal(r->site, m->w->site[1]);
}

static void
test_sweep_finds_what_is_due_and_what_to_withdraw(void **unused)
{
    struct reservation *r = reserve(8, 3600, true), *s = running(8, 3600, false), *t = reserve(8, 3600, false);
    struct due_item items[4];

    (void)unused;
    assert_int_equal(sweep_due(&m->state, m->w->now, items, 4), 0);
    assert_false(sweep_wanted(&m->state, m->w->now));
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 0);
    site_state(1)->paused = true;
    assert_true(sweep_wanted(&m->state, m->w->now));
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 1); /* not the running one, nor the one that may not move */
    assert_int_equal(items[0].what, DUE_WITHDRAW);
    assert_true(uuid_equal(items[0].id, r->id));
    mw_advance(m, 90 * DAY_MS);
    assert_int_equal(sweep_due(&m->state, m->w->now, items, 4), 4); /* of all three and two grants' ends */
    assert_int_equal(sweep_due(&m->state, m->w->now, items, 3), 3);
    assert_true(t->state == TICKET_ISSUED);
    assert_true(s->state == TICKET_RUNNING);
    mw_advance(m, -90 * DAY_MS);
}

/* ---- instances --------------------------------------------------------------------------------------------------- */

static void
test_instances_and_spools(void **unused)
{
    struct command c = { .kind = COMMAND_INSTANCE };

    (void)unused;
    reserve(8, 3600, false);
    assert_err(OK, mw_received(m, 1, 1));
    c.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { m->w->site[1] }, .sites_n = 1 };
    c.in.instance.site = m->w->site[1];
    c.in.instance.key = m->w->site_key[1];
    assert_err(ERR_SPOOL_BEHIND, mw_run(m, &c));
    c.in.instance.last_confirmed_seq = 2;
    assert_err(ERR_SPOOL_AHEAD, mw_run(m, &c));
    c.in.instance.last_confirmed_seq = 1;
    c.in.instance.last_receipted_report = 1;
    assert_err(ERR_SPOOL_AHEAD, mw_run(m, &c));
    c.in.instance.last_receipted_report = 0;
    assert_err(OK, mw_run(m, &c));
    assert_int_equal(m->answer.number, 2);
    c.in.instance.key = m->w->site_key[0];
    assert_err(ERR_FORBIDDEN, mw_run(m, &c));
    assert_err(ERR_FIELD_RANGE, mw_received(m, 1, 9));
}

/* A copy of the spool from before its first ticket knows nothing of the reports that were sent since. */
static void
test_an_empty_copy_is_behind(void **unused)
{
    struct command c = { .kind = COMMAND_INSTANCE };
    struct reservation *r = reserve(8, 3600, false);

    (void)unused;
    c.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { m->w->site[1] }, .sites_n = 1 };
    c.in.instance.site = m->w->site[1];
    c.in.instance.key = m->w->site_key[1];
    assert_err(OK, mw_run(m, &c));
    assert_err(OK, say(r, REPORT_ACCEPTED)); /* and no ticket confirmed: that call was lost */
    assert_err(ERR_SPOOL_BEHIND, mw_run(m, &c));
    c.in.instance.last_confirmed_seq = 1;
    assert_err(OK, mw_run(m, &c)); /* the spool itself, without the receipt */
    c.in.instance.last_confirmed_seq = 0;
    c.in.instance.last_report = 1;
    assert_err(OK, mw_run(m, &c)); /* the same, though no ticket is confirmed: it says what it has */
    assert_err(OK, say(r, REPORT_QUEUED));
    assert_err(ERR_SPOOL_BEHIND, mw_run(m, &c)); /* a copy of then */
    c.in.instance.last_report = 2;
    assert_err(OK, mw_run(m, &c));
}

/* ---- spools that are lost ---------------------------------------------------------------------------------------- */

static enum err
retire(int site, const struct actor *actor)
{
    struct command c = { .kind = COMMAND_SPOOL_RETIRE, .actor = *actor };

    c.in.spool_retire.site = m->w->site[site];
    snprintf(c.in.spool_retire.reason, sizeof c.in.spool_retire.reason, "disk gone");
    return mw_run(m, &c);
}

static enum err
open_instance(int site, uint64_t seq, uint64_t report)
{
    struct command c = { .kind = COMMAND_INSTANCE };

    c.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { m->w->site[site] }, .sites_n = 1 };
    c.in.instance.site = m->w->site[site];
    c.in.instance.key = m->w->site_key[site];
    c.in.instance.last_confirmed_seq = seq;
    c.in.instance.last_receipted_report = report;
    return mw_run(m, &c);
}

static const struct actor OPERATOR = { .kind = ACTOR_LOCAL };

static void
test_who_may_retire_a_spool_and_when(void **unused)
{
    struct actor person = { .kind = ACTOR_PERSON, .orgs = { { .id = m->w->org[0] } }, .orgs_n = 1 };

    (void)unused;
    assert_err(ERR_FORBIDDEN, retire(1, &person));
    person.sites_n = 1;
    person.sites[0] = m->w->site[0];
    assert_err(ERR_FORBIDDEN, retire(1, &person));
    person.programme_roles = ROLE_OFFICER;
    assert_err(ERR_FORBIDDEN, retire(1, &person));
    person.sites[0] = m->w->site[1];
    site_state(1)->instance = 0;
    assert_err(ERR_CONFLICT, retire(1, &person)); /* nobody has worked there */
    site_state(1)->instance = 1;
    assert_err(OK, retire(1, &person));
    assert_int_equal(site_state(1)->instance, 2);
    assert_err(ERR_CONFLICT, retire(1, &OPERATOR)); /* no other spool has begun since */
    assert_err(ERR_SPOOL_BEHIND, open_instance(1, 0, 0)); /* its key is over, whatever the spool */
    world_new_site_key(m->w, 1);
    assert_err(OK, open_instance(1, 0, 0));
    running(8, 3600, false);
    world_new_site_key(m->w, 1);
    assert_err(ERR_SPOOL_BEHIND, open_instance(1, 0, 0)); /* an empty one alone is not enough */
    assert_err(OK, retire(1, &OPERATOR)); /* the new one may be lost as well */
    assert_err(OK, open_instance(1, 0, 0));
}

/* Who has the retired key and guesses the instance's number moves no number on: the new spool could not begin. */
static void
test_nobody_acts_while_a_spool_is_awaited(void **unused)
{
    struct reservation *r = running(8, 3600, false);
    struct report report;

    (void)unused;
    assert_err(OK, retire(1, &OPERATOR));
    report = mw_report_of(m, r, REPORT_USAGE); /* of the instance that the retirement has opened */
    assert_int_equal(report.instance, site_state(1)->instance);
    assert_err(ERR_SUPERSEDED, mw_report(m, &report));
    assert_err(ERR_SUPERSEDED, mw_received(m, 1, site_state(1)->last_seq));
    world_new_site_key(m->w, 1);
    assert_err(OK, open_instance(1, 0, 0));
}

/* One running, one whose ticket was confirmed, one whose ticket is not delivered yet. */
struct lost {
    struct reservation *ran, *confirmed, *fresh;
};

static struct lost
lose_a_spool(void)
{
    struct lost l = { .ran = running(8, 3600, true) };

    l.confirmed = reserve(8, 3600, true);
    assert_err(OK, mw_received(m, 1, l.confirmed->seq));
    l.fresh = reserve(8, 3600, true);
    assert_err(OK, retire(1, &OPERATOR));
    world_new_site_key(m->w, 1);
    return l;
}

static void
test_what_a_lost_spool_had_is_seen_to(void **unused)
{
    struct lost l = lose_a_spool();
    const struct hold *h = ledger_hold(m->w->l, l.ran->hold);
    uint64_t seq = site_state(1)->last_seq;
    struct due_item items[8];
    size_t n = sweep_sites(&m->state, m->w->now, items, 8);

    (void)unused;
    assert_true(sweep_wanted(&m->state, m->w->now));
    assert_int_equal(n, 2); /* the one that is not delivered needs nothing */
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].what, DUE_SPOOL);
        assert_err(OK, mw_timer(m, items[i].what, items[i].id, items[i].index));
        assert_err(OK, mw_timer(m, items[i].what, items[i].id, items[i].index)); /* sent twice: once is enough */
    }
    assert_int_equal(l.ran->state, TICKET_DISPUTED);
    assert_int_equal(l.ran->dispute_why, DISPUTE_SPOOL_LOST);
    assert_true(h->disputed);
    assert_int_equal(l.confirmed->state, TICKET_ISSUED);
    assert_int_equal(l.confirmed->seq, seq + 1);
    assert_int_equal(l.confirmed->received_ms, 0);
    assert_int_equal(site_state(1)->last_seq, seq + 1);
    assert_true(uuid_equal(mw_last_ticket(m)->jti, l.confirmed->jti));
    assert_non_null(strstr(mw_last_ticket(m)->claims, "\"do\":\"run\""));
    assert_null(mw_rebuilt_differs(m));

    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 8), 1);
    assert_int_equal(items[0].what, DUE_RECOVERED);
    assert_err(OK, mw_timer(m, items[0].what, items[0].id, items[0].index));
    assert_false(site_state(1)->recovering);
    assert_false(sweep_wanted(&m->state, m->w->now));
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 8), 0);
    assert_err(OK, order(world_resolve(m->w, h->index, 500))); /* people end the dispute */
    assert_int_equal(l.ran->state, TICKET_SETTLED);
}

static void
test_an_empty_spool_begins_at_the_numbers_on_record(void **unused)
{
    struct lost l = lose_a_spool();
    uint64_t confirmed = site_state(1)->confirmed_seq, report = site_state(1)->last_report;

    (void)unused;
    assert_err(OK, open_instance(1, 0, 0));
    assert_int_equal(m->answer.index, report);
    assert_err(OK, open_instance(1, 0, 0)); /* the answer was lost: it is still as empty */
    assert_int_equal(m->answer.index, report);
    assert_err(OK, open_instance(1, confirmed, report)); /* it has taken the numbers */
    assert_err(OK, mw_received(m, 1, l.fresh->seq));
    assert_err(ERR_SPOOL_BEHIND, open_instance(1, 0, 0)); /* lost again, and nobody has said so */
    assert_err(OK, open_instance(1, l.fresh->seq, report));
    assert_err(OK, say(l.fresh, REPORT_ACCEPTED));
    assert_int_equal(l.fresh->state, TICKET_PERMITTED);
    assert_err(OK, mw_timer(m, DUE_SPOOL, l.confirmed->id, 0));
    assert_err(OK, say(l.confirmed, REPORT_ACCEPTED));
    assert_int_equal(l.confirmed->state, TICKET_PERMITTED);
    assert_err(OK, mw_timer(m, DUE_SPOOL, l.confirmed->id, 0)); /* the new permit is not lost */
    assert_int_equal(l.confirmed->state, TICKET_PERMITTED);
}

static void
test_a_lost_permit_is_disputed_before_anything_else(void **unused)
{
    struct reservation *permitted = reserve(8, 3600, true), *asked = reserve(8, 3600, true);
    struct uuid id = permitted->id;
    struct lost l;

    (void)unused;
    assert_err(OK, say(permitted, REPORT_ACCEPTED));
    assert_err(OK, say(asked, REPORT_ACCEPTED));
    l = lose_a_spool();
    assert_err(ERR_STATE, mw_cancel(m, 0, permitted->id)); /* it may be running: people decide */
    assert_err(OK, open_instance(1, 0, 0));
    mw_advance(m, 10 * MINUTE_MS);
    assert_err(OK, say(asked, REPORT_ACCEPTED)); /* one and a half lives later: and yet it gets no second permit */
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_REFUSED);
    assert_int_equal(asked->state, TICKET_DISPUTED);
    assert_err(OK, say(l.ran, REPORT_FINISHED));
    assert_int_equal(l.ran->state, TICKET_DISPUTED); /* kept for the people who decide */
    mw_advance(m, 100 * DAY_MS);
    mw_timers(m);
    assert_err(OK, mw_timer(m, DUE_SPOOL, id, 0)); /* its hold has expired meanwhile, and it is gone */
}

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static struct entry
correction(const struct hold *h, uint64_t of, int64_t amount)
{
    struct entry e = world_order(m->w, CORRECT);

    e.u.correct.entry = of;
    e.u.correct.of_hold = of == h->index;
    e.debit = h->site_account;
    e.credit = h->grant;
    e.amount = amount;
    world_sign(m->w, &e, "AB");
    return e;
}

static void
test_orders_keep_reservations_in_step(void **unused)
{
    struct reservation *r = running(8, 3600, false), *s = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold), *g = ledger_hold(m->w->l, s->hold);

    (void)unused;
    mw_advance(m, HOUR_MS / 2);
    assert_err(ERR_STATE, order(world_resolve(m->w, h->index, 500))); /* no dispute */
    assert_err(OK, order(world_dispute(m->w, h->index, true)));
    assert_int_equal(r->state, TICKET_DISPUTED);
    assert_err(OK, order(world_resolve(m->w, h->index, 500)));
    assert_int_equal(r->state, TICKET_SETTLED);
    assert_int_equal(r->outcome, OUTCOME_RESOLVED);
    assert_int_equal(r->settled_gpums, h->amount / 2);

    assert_err(OK, say(s, REPORT_FINISHED));
    assert_err(OK, order(world_dispute(m->w, g->index, true)));
    assert_int_equal(s->state, TICKET_CONTESTED);
    assert_err(OK, order(correction(g, g->index, g->settled)));
    assert_int_equal(s->state, TICKET_SETTLED);
    assert_false(g->disputed);
    assert_int_equal(s->settled_gpums, 0);
}

/* Not only the newest: what is taken back of any is taken off what the reservation says, or is refused as the table says. */
static void
test_a_correction_may_name_any_payment(void **unused)
{
    struct reservation *r = running(4, 5 * 86400, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);
    uint64_t daily;

    (void)unused;
    mw_advance(m, 25 * HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE));
    daily = r->settle_entry;
    mw_advance(m, HOUR_MS);
    assert_err(ERR_STATE, order(correction(h, daily, 1000))); /* it runs */
    assert_err(OK, say(r, REPORT_FINISHED));
    assert_int_not_equal(r->settle_entry, daily);
    assert_err(ERR_STATE, order(correction(h, daily, 1000))); /* nobody contests it */
    assert_int_equal(h->corrected, 0);
    assert_err(OK, order(world_dispute(m->w, h->index, true)));
    assert_err(OK, order(correction(h, daily, 1000)));
    assert_int_equal(r->state, TICKET_SETTLED);
    assert_false(h->disputed);
    assert_int_equal(h->corrected, 1000);
    assert_int_equal(r->settled_gpums, h->settled - 1000);
}

/* The row of what has left the memory is never written again: so nothing is taken back of it. */
static void
test_no_correction_once_it_is_too_late_to_contest(void **unused)
{
    struct reservation *r = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);
    const struct account *grant = ledger_account(m->w->l, h->grant);
    struct entry of_grant = world_order(m->w, CORRECT);
    struct uuid id = r->id;
    uint64_t settled;

    (void)unused;
    mw_advance(m, HOUR_MS / 2);
    assert_err(OK, say(r, REPORT_FINISHED));
    settled = r->settle_entry;
    mw_advance(m, CONTEST_MS);
    mw_timers(m);
    assert_null(mw_reservation(m, id));
    assert_err(ERR_STATE, order(correction(h, settled, 1)));
    assert_err(ERR_STATE, order(correction(h, h->index, h->settled)));
    assert_int_equal(h->corrected, 0);
    of_grant.u.correct.entry = grant->grant_entry; /* what is about no reservation goes on */
    of_grant.debit = grant->index;
    of_grant.credit = grant->parent;
    of_grant.amount = 1;
    world_sign(m->w, &of_grant, "AB");
    assert_err(OK, order(of_grant));
}

/* Of what is voided or has expired nothing was paid: there is nothing to contest, and no timer would end the dispute. */
static void
test_no_dispute_about_what_is_voided(void **unused)
{
    struct reservation *cancelled = reserve(8, 3600, false), *silent = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, cancelled->hold), *g = ledger_hold(m->w->l, silent->hold);

    (void)unused;
    assert_err(OK, mw_cancel(m, 0, cancelled->id));
    assert_false(h->open);
    assert_err(ERR_STATE, order(world_dispute(m->w, h->index, true)));
    assert_false(h->disputed);
    assert_err(ERR_LEDGER_RULE, order(world_dispute(m->w, h->index, false)));
    mw_advance(m, 2 * HOUR_MS + REPORT_GRACE_MS);
    mw_timers(m);
    mw_advance(m, REPORT_GRACE_MS + DISPUTE_MS + 2 * HOUR_MS);
    mw_timers(m);
    mw_timers(m);
    assert_false(g->open);
    assert_err(ERR_STATE, order(world_dispute(m->w, g->index, true)));
    assert_false(g->disputed);
    assert_err(ERR_LEDGER_RULE, order(world_dispute(m->w, m->w->site[0], true))); /* no HOLD */
}

static void
test_timers_stretch_in_a_simulation(void **unused)
{
    struct entry rule = ledger_policy(m->state.ledger, m->w->policy)->entry; /* a rule of orders is no access mode, and has no times */
    struct timing t;

    (void)unused;
    memset(&rule.u.policy, 0, sizeof rule.u.policy);
    memcpy(rule.u.policy.code, ORDERS_CODE, sizeof ORDERS_CODE);
    memcpy(rule.u.policy.name, "Orders", 7);
    rule.u.policy.first = NO_INDEX;
    rule.u.policy.eligible = ORDER_CLASSES;
    rule.u.policy.order = world_uuid(m->w);
    world_sign(m->w, &rule, "S");
    assert_err(OK, order(rule));
    t = timing_of_grant(&m->state, m->w->grant[0]);
    assert_int_equal(t.quote_ttl_ms, TTL_MS);
    assert_int_equal(timing_permit_life_real_ms(&m->state), 60000);
    m->state.clock = clock_simulated(m->w->now, 1000000, 1000);
    t = timing_of_grant(&m->state, m->w->grant[0]);
    assert_int_equal(t.quote_ttl_ms, 30000 * 1000);
    assert_int_equal(t.permit_life_ms, 30000 * 1000);
    assert_int_equal(t.start_grace_ms, DAY_MS);
    assert_int_equal(timing_permit_life_real_ms(&m->state), 30000);
    assert_int_equal(timing_real_s(&m->state, m->w->now + 5000 * 1000), 1005);
    m->state.clock = clock_simulated(0, 0, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_cancel_before_a_permit),
        CASE(test_cancel_after_a_permit_waits_for_the_site),
        CASE(test_cancelled_without_use_is_void),
        CASE(test_accept_by_passes),
        CASE(test_silence_is_a_dispute_that_ends_by_itself),
        CASE(test_never_started_and_cancelling_fall_silent),
        CASE(test_after_its_expiry_a_hold_takes_no_report),
        CASE(test_credits_lapse_at_the_end_and_what_comes_back_with_them),
        CASE(test_a_draining_site_loses_its_unpermitted_tickets),
        CASE(test_sweep_finds_what_is_due_and_what_to_withdraw),
        CASE(test_instances_and_spools),
        CASE(test_an_empty_copy_is_behind),
        CASE(test_who_may_retire_a_spool_and_when),
        CASE(test_nobody_acts_while_a_spool_is_awaited),
        CASE(test_what_a_lost_spool_had_is_seen_to),
        CASE(test_an_empty_spool_begins_at_the_numbers_on_record),
        CASE(test_a_lost_permit_is_disputed_before_anything_else),
        CASE(test_orders_keep_reservations_in_step),
        CASE(test_a_correction_may_name_any_payment),
        CASE(test_no_correction_once_it_is_too_late_to_contest),
        CASE(test_no_dispute_about_what_is_voided),
        CASE(test_timers_stretch_in_a_simulation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
