/* market/: the rules of permits and reports, each by its case. */
#include "market/packed_ask.h"
#include "market_case.h"

/* ---- permit ------------------------------------------------------------------------------------------------------ */

static void
test_permit_in_its_time_only(void **unused)
{
    struct reservation *r = reserve_later(6);
    uint64_t next = site_state(1)->last_report + 1;

    (void)unused;
    assert_int_equal(r->permit_from_ms, r->window_start_ms - HOUR_MS);
    assert_int_equal(r->accept_by_ms, r->window_start_ms); /* permit-from and an hour */
    assert_err(ERR_TOO_EARLY, say(r, REPORT_ACCEPTED));
    assert_int_equal(m->answer.time_ms, r->permit_from_ms);
    assert_int_equal(site_state(1)->last_report, next - 1); /* the number is not used up */
    m->w->now = r->permit_from_ms;
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_GRANTED);
    assert_int_equal(r->state, TICKET_PERMITTED);
    assert_int_equal(r->permit_report, next);
}

static void
test_permit_again_after_one_and_a_half_lives(void **unused)
{
    struct reservation *r = reserve(8, 3600, false);

    (void)unused;
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_err(OK, mw_instance(m, 1));
    assert_err(ERR_TOO_EARLY, say(r, REPORT_ACCEPTED));
    mw_advance(m, 90000 - 1);
    assert_err(ERR_TOO_EARLY, say(r, REPORT_ACCEPTED));
    mw_advance(m, 1);
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_GRANTED);
    assert_int_equal(r->permit_instance, 2);
    assert_err(OK, say(r, REPORT_STARTED));
    mw_advance(m, 90000);
    assert_err(OK, say(r, REPORT_ACCEPTED)); /* it runs: not a second time */
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_REFUSED);
}

static void
test_an_older_instance_gets_no_permit_it_could_use(void **unused)
{
    struct reservation *r = reserve(8, 3600, false);
    struct report old = mw_report_of(m, r, REPORT_ACCEPTED), next;
    struct command c = { .kind = COMMAND_REPORT, .in.report.report = old };

    (void)unused;
    assert_err(OK, mw_instance(m, 1));
    c.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { m->w->site[1] }, .sites_n = 1, .instance = 1 };
    report_statement(&old, ledger_genesis(m->w->l), c.in.report.statement);
    assert_err(ERR_SUPERSEDED, mw_run(m, &c)); /* not stored */
    assert_int_equal(site_state(1)->last_report, 0);
    assert_err(OK, mw_report(m, &old)); /* out of the spool, sent on by the newer instance: a permit for nobody */
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_GRANTED);
    assert_int_equal(r->permit_instance, 1);
    next = mw_report_of(m, r, REPORT_ACCEPTED);
    assert_err(ERR_TOO_EARLY, mw_report(m, &next));
    mw_advance(m, 90000);
    assert_err(OK, mw_report(m, &next)); /* the newer asks for itself */
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_GRANTED);
    assert_int_equal(r->permit_instance, 2);
    next = mw_report_of(m, r, REPORT_ACCEPTED);
    next.instance = 3; /* of an instance that was never opened */
    assert_err(ERR_FIELD_INVALID, mw_report(m, &next));
}

static void
test_late_acceptance_withdraws(void **unused)
{
    struct reservation *r = reserve(8, 3600, false);
    struct uuid jti = r->jti;

    (void)unused;
    mw_advance(m, HOUR_MS + 1);
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_REFUSED);
    assert_int_equal(m->answer.index, ERR_TOO_LATE);
    assert_null(index_jti(&m->state, jti));
    assert_int_equal(free_credits(0), 5000 * CREDIT);
    assert_int_equal(free_now(1), 56);
}

static void
test_a_paused_site_gets_no_permit(void **unused)
{
    struct reservation *r = reserve(8, 3600, true);
    struct uuid request = r->request;

    (void)unused;
    site_state(1)->draining = true;
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_REFUSED);
    assert_int_equal(m->answer.index, ERR_SITE_PAUSED);
    /* moved: site 0 would cost more, so there is no place */
    assert_null(((struct request_state *)map_get(m->state.by_request, &request))->live);
    assert_int_equal(free_credits(0), 5000 * CREDIT);
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

static void
test_the_same_number_gets_the_same_answer(void **unused)
{
    struct reservation *r = reserve(8, 3600, false);
    struct report accepted = mw_report_of(m, r, REPORT_ACCEPTED), other, far;
    int64_t then = m->w->now;

    (void)unused;
    assert_err(OK, mw_report(m, &accepted));
    mw_advance(m, 5000);
    assert_err(OK, mw_report(m, &accepted));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_GRANTED | ANSWER_REPEATED);
    assert_int_equal(m->answer.time_ms, then);
    assert_int_equal(m->reports_n, 1);
    far = mw_report_of(m, r, REPORT_STARTED);
    far.number += 2;
    assert_err(ERR_GAP, mw_report(m, &far));
    assert_int_equal(m->answer.number, 2);
    other = accepted;
    other.time_ms++;
    assert_err(OK, mw_report(m, &other)); /* a fork: the command stands, since it opens a dispute */
    assert_true(m->answer.flags & ANSWER_FORKED);
    assert_int_equal(r->state, TICKET_DISPUTED);
    assert_int_equal(r->dispute_why, DISPUTE_FORKED);
    assert_int_equal(m->reports_n, 1);
    assert_err(ERR_FORKED, mw_report(m, &other)); /* opened once */
}

static void
test_finished_pays_what_was_used(void **unused)
{
    struct reservation *r = running(8, 7200, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);

    (void)unused;
    mw_advance(m, 1800 * 1000);
    assert_err(OK, say(r, REPORT_USAGE));
    assert_int_equal(r->reported_gpu_seconds, 8 * 1800);
    assert_int_equal(h->settled, 0); /* moves nothing */
    mw_advance(m, 600 * 1000);
    assert_err(OK, say(r, REPORT_FINISHED));
    assert_int_equal(r->state, TICKET_SETTLED);
    assert_int_equal(r->outcome, OUTCOME_FINISHED);
    assert_int_equal(h->settled, 8 * 2400 * 1500);
    assert_int_equal(free_credits(0), 5000 * CREDIT - h->settled);
    assert_int_equal(free_now(1), 56); /* freed at once */
    mw_advance(m, CONTEST_MS);
    mw_timers(m);
    assert_int_equal(map_count(m->state.reservations), 0);
}

static void
test_a_settlement_never_pays_more_than_is_held(void **unused)
{
    struct reservation *r = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);

    (void)unused;
    mw_advance(m, 3700 * 1000);
    assert_err(OK, say(r, REPORT_FINISHED)); /* batch systems overrun: lawful, not paid */
    assert_int_equal(h->settled, h->amount);
    assert_int_equal(r->state, TICKET_SETTLED);
}

static void
test_failed_job_is_paid_failed_site_is_not(void **unused)
{
    struct reservation *r = running(8, 3600, false), *s = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold), *g = ledger_hold(m->w->l, s->hold);
    struct report failed;

    (void)unused;
    mw_advance(m, 600 * 1000);
    assert_err(OK, say(r, REPORT_FAILED));
    assert_int_equal(h->settled, 8 * 600 * 1500);
    failed = mw_report_of(m, s, REPORT_FAILED);
    failed.reason = REASON_OTHER; /* in doubt the site's */
    assert_err(OK, mw_report(m, &failed));
    assert_false(g->open);
    assert_int_equal(g->settled, 0);
    assert_int_equal(free_credits(0), 5000 * CREDIT - h->settled);
    assert_int_equal(map_count(m->state.reservations), 1); /* the voided one has left */
}

static void
test_a_long_job_is_settled_daily_and_taken_back_if_the_site_fails(void **unused)
{
    struct reservation *r = running(4, 5 * 86400, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);
    struct report failed;

    (void)unused;
    mw_advance(m, 12 * HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE));
    assert_int_equal(h->settled, 0);
    mw_advance(m, 13 * HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE));
    assert_int_equal(h->settled, 4 * 25 * 3600 * INT64_C(1500));
    mw_advance(m, HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE)); /* once a day */
    assert_int_equal(h->settled, 4 * 25 * 3600 * INT64_C(1500));
    mw_advance(m, 25 * HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE));
    assert_int_equal(h->settled, 4 * 51 * 3600 * INT64_C(1500));
    assert_int_equal(r->settled_gpums, h->settled);
    failed = mw_report_of(m, r, REPORT_FAILED);
    failed.reason = REASON_SITE;
    assert_err(OK, mw_report(m, &failed));
    assert_int_equal(h->corrected, h->settled);
    assert_int_equal(free_credits(0), 5000 * CREDIT);
}

static void
test_a_daily_settlement_leaves_something_held(void **unused)
{
    struct reservation *r = running(4, 30 * 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold);
    struct report usage;

    (void)unused;
    mw_advance(m, 25 * HOUR_MS);
    usage = mw_report_of(m, r, REPORT_USAGE);
    usage.gpu_seconds = 0; /* a day without use: nothing to pay yet */
    assert_err(OK, mw_report(m, &usage));
    assert_int_equal(h->settled, 0);
    mw_advance(m, 6 * HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE)); /* overrun: all that is held waits for the job's end */
    assert_int_equal(h->settled, 0);
    assert_true(h->open);
    assert_err(OK, say(r, REPORT_FINISHED));
    assert_int_equal(h->settled, h->amount);
}

static void
test_a_rejection_of_what_was_paid_is_for_a_person(void **unused)
{
    struct reservation *r = running(4, 5 * 86400, false);

    (void)unused;
    mw_advance(m, 25 * HOUR_MS);
    assert_err(OK, say(r, REPORT_USAGE));
    assert_err(OK, mw_cancel(m, 0, r->id));
    assert_err(OK, say(r, REPORT_REJECTED));
    assert_int_equal(r->state, TICKET_DISPUTED);
}

static void
test_rejected_moves_never_dearer_and_leaves_the_site_out(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id, old_id;
    struct reservation *r;
    struct uuid request = world_uuid(m->w);
    struct told_ticket t;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 1, true, &id)); /* the dearer site, 0 */
    r = mw_reservation(m, id);
    old_id = r->id;
    assert_int_equal(r->site, m->w->site[0]);
    assert_err(OK, say(r, REPORT_REJECTED));
    assert_null(mw_reservation(m, old_id));
    r = ((struct request_state *)map_get(m->state.by_request, &request))->live;
    assert_non_null(r);
    assert_int_equal(r->site, m->w->site[1]);
    assert_int_equal(r->fence, 2);
    assert_int_equal(r->moves, 1);
    assert_true(uuid_equal(r->moved_from, old_id));
    assert_err(OK, packed_ask_read(r->ask, &ask));
    assert_int_equal(ask.excluded_count, 1);
    assert_int_equal(ask.excluded[0], m->w->site[0]);
    assert_int_equal(free_now(0), 56);
    assert_int_equal(free_now(1), 48);
    t = *mw_last_ticket(m);
    assert_int_equal(t.site, m->w->site[1]);
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_err(OK, say(r, REPORT_REJECTED)); /* after its permit; nowhere else to go */
    assert_null(((struct request_state *)map_get(m->state.by_request, &request))->live);
    assert_int_equal(free_credits(0), 5000 * CREDIT);
}

static void
test_not_moved_unless_the_request_says_so(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 1, false, &id));
    assert_err(OK, say(mw_reservation(m, id), REPORT_REJECTED));
    assert_int_equal(map_count(m->state.reservations), 0);
    assert_int_equal(m->tickets_n, 1);
}

static void
test_implausible_reports_are_put_before_a_person(void **unused)
{
    struct reservation *r = running(8, 7200, false);
    struct report usage;

    (void)unused;
    mw_advance(m, 600 * 1000);
    assert_err(OK, say(r, REPORT_USAGE));
    usage = mw_report_of(m, r, REPORT_USAGE);
    usage.gpu_seconds = 8 * 599; /* falls */
    assert_err(OK, mw_report(m, &usage));
    assert_int_equal(m->answer.index, ERR_REPORT_FALLING);
    assert_int_equal(r->state, TICKET_DISPUTED);
    assert_int_equal(r->dispute_why, DISPUTE_IMPLAUSIBLE);
    assert_true(ledger_hold(m->w->l, r->hold)->disputed);
    assert_err(OK, say(r, REPORT_FINISHED)); /* kept for the person; frees capacity, pays nothing */
    assert_int_equal(r->state, TICKET_DISPUTED);
    assert_int_equal(ledger_hold(m->w->l, r->hold)->settled, 0);
    assert_int_equal(free_now(1), 56);

    r = running(8, 7200, false);
    mw_advance(m, 600 * 1000);
    usage = mw_report_of(m, r, REPORT_FINISHED);
    usage.gpu_seconds = 8 * (600 + 120) + 1; /* more than the GPUs could give */
    assert_err(OK, mw_report(m, &usage));
    assert_int_equal(r->state, TICKET_DISPUTED);
}

static void
test_reports_about_nothing_known_are_kept(void **unused)
{
    struct reservation *r = reserve(8, 3600, false);
    struct report stray = mw_report_of(m, r, REPORT_ACCEPTED), inventory;

    (void)unused;
    stray.jti = world_uuid(m->w);
    assert_err(OK, mw_report(m, &stray));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_REFUSED);
    assert_int_equal(m->answer.index, ERR_NOT_FOUND);
    inventory =
        (struct report){ .site = m->w->site[1], .number = 2, .instance = 1, .kind = REPORT_INVENTORY, .time_ms = 1 };
    assert_err(OK, mw_report(m, &inventory));
    stray = mw_report_of(m, r, REPORT_ACCEPTED);
    stray.site = m->w->site[0]; /* another site's ticket */
    stray.number = 1;
    assert_err(OK, mw_report(m, &stray));
    assert_int_equal(m->answer.flags, ANSWER_PERMIT_REFUSED);
    assert_int_equal(r->state, TICKET_ISSUED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_permit_in_its_time_only),
        CASE(test_permit_again_after_one_and_a_half_lives),
        CASE(test_an_older_instance_gets_no_permit_it_could_use),
        CASE(test_late_acceptance_withdraws),
        CASE(test_a_paused_site_gets_no_permit),
        CASE(test_the_same_number_gets_the_same_answer),
        CASE(test_finished_pays_what_was_used),
        CASE(test_a_settlement_never_pays_more_than_is_held),
        CASE(test_failed_job_is_paid_failed_site_is_not),
        CASE(test_a_long_job_is_settled_daily_and_taken_back_if_the_site_fails),
        CASE(test_a_daily_settlement_leaves_something_held),
        CASE(test_a_rejection_of_what_was_paid_is_for_a_person),
        CASE(test_rejected_moves_never_dearer_and_leaves_the_site_out),
        CASE(test_not_moved_unless_the_request_says_so),
        CASE(test_implausible_reports_are_put_before_a_person),
        CASE(test_reports_about_nothing_known_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
