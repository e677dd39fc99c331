/* core/ticket: every cell of the table, no state without an exit, and how reports and timers are judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/ticket.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])
#define RESOLVES_HOLD \
    (TICKET_SETTLE_FINAL | TICKET_RESOLVE | TICKET_CORRECT_AND_VOID | TICKET_VOID | TICKET_EXPIRE)

#define EACH_CELL(s, e) \
    for (unsigned s = 0; s < TICKET_STATES; s++) \
        for (unsigned e = 0; e < TICKET_EVENTS; e++)

static bool
is_report(unsigned event)
{
    return event <= TICKET_ON_BAD_REPORT;
}

static bool
is_timer(unsigned event)
{
    return event >= TICKET_ON_ACCEPT_BY;
}

static bool
hold_is_open(unsigned state)
{
    return state != TICKET_CONTESTED && !ticket_state_is_end(state);
}

#define CELL_FAIL(s, e, text) fail_msg("%s × %s: " text, ticket_state_word(s), ticket_event_name(e))

/* A cell that was forgotten would be all zeros: a way back to "issued", which nothing has. */
static void
test_every_cell_is_given(void **state)
{
    (void)state;
    EACH_CELL (s, e) {
        const struct ticket_cell *c = ticket_next(s, e);

        if (c->verdict == TICKET_GO && (c->next == TICKET_ISSUED || c->why))
            CELL_FAIL(s, e, "forgotten, or a change with an excuse");
        if (c->verdict != TICKET_GO && (!c->why || c->next != s || (c->effects & ~TICKET_REFUSE_PERMIT)))
            CELL_FAIL(s, e, "an impossible cell must stay, do nothing and say why");
        if (c->verdict == TICKET_GO && c->next == s && c->effects == 0)
            CELL_FAIL(s, e, "changes nothing");
    }
}

/* Reports are never refused (their numbers have no gaps), timers never speak to anybody, only people are refused. */
static void
test_verdicts_fit_their_events(void **state)
{
    (void)state;
    EACH_CELL (s, e) {
        enum ticket_verdict v = ticket_next(s, e)->verdict;

        if (is_report(e) && v != TICKET_GO && v != TICKET_KEEP)
            CELL_FAIL(s, e, "a report is taken or kept");
        if (is_timer(e) && v != TICKET_GO && v != TICKET_STALE)
            CELL_FAIL(s, e, "a timer acts or is stale");
        if (!is_report(e) && !is_timer(e) && v == TICKET_STALE)
            CELL_FAIL(s, e, "a person gets an answer");
    }
}

/* A hold is resolved exactly once: on the way from a state with an open hold to one without, and nowhere else. */
static void
test_hold_is_resolved_once(void **state)
{
    (void)state;
    EACH_CELL (s, e) {
        const struct ticket_cell *c = ticket_next(s, e);
        unsigned ends = c->effects & RESOLVES_HOLD;
        bool leaves = hold_is_open(s) && !hold_is_open(c->next);

        if (leaves ? __builtin_popcount(ends) != 1 : ends != 0)
            CELL_FAIL(s, e, "the hold must be resolved exactly once");
        if ((c->effects & TICKET_SETTLE_DAILY) && (!hold_is_open(c->next) || !is_report(e)))
            CELL_FAIL(s, e, "a daily settlement needs an open hold and a report");
        if ((c->effects & (TICKET_VOID | TICKET_CORRECT_AND_VOID)) && c->void_reason == 0)
            CELL_FAIL(s, e, "a VOID says why");
        if (leaves && c->outcome == OUTCOME_NONE)
            CELL_FAIL(s, e, "an end says how it went");
    }
}

static void
test_permits(void **state)
{
    (void)state;
    EACH_CELL (s, e) {
        const struct ticket_cell *c = ticket_next(s, e);
        bool asks = e == TICKET_ON_ACCEPTED || e == TICKET_ON_ACCEPTED_LATE;
        unsigned answer = c->effects & (TICKET_GIVE_PERMIT | TICKET_REFUSE_PERMIT);

        if (asks ? __builtin_popcount(answer) != 1 : answer != 0)
            CELL_FAIL(s, e, "who asks for a permit, and nobody else, gets one answer");
        if ((answer & TICKET_GIVE_PERMIT)
            && (c->next != TICKET_PERMITTED || (s != TICKET_ISSUED && s != TICKET_PERMITTED)))
            CELL_FAIL(s, e, "a permit is given before the start only");
        /* Once a permit was given, nothing but the site's signature, an officer or the end of time releases it. */
        if (ticket_has_permit(s) && (c->effects & TICKET_BROKER_ANEW) && !is_report(e))
            CELL_FAIL(s, e, "brokered anew while the site may run it");
        if (ticket_has_permit(s) && (c->effects & (TICKET_VOID | TICKET_CORRECT_AND_VOID)) && !is_report(e))
            CELL_FAIL(s, e, "voided while the site may run it");
    }
}

static void
test_disputes_open_and_close(void **state)
{
    (void)state;
    EACH_CELL (s, e) {
        const struct ticket_cell *c = ticket_next(s, e);
        bool was = ticket_state_is_disputed(s), is = ticket_state_is_disputed(c->next);
        bool opens = c->effects & TICKET_OPEN_DISPUTE;
        bool closes = c->effects & (TICKET_CLOSE_DISPUTE | TICKET_RESOLVE | TICKET_EXPIRE);

        if (opens != (!was && is))
            CELL_FAIL(s, e, "a dispute is opened where one begins");
        if (was && !is && !closes)
            CELL_FAIL(s, e, "a dispute that ends is closed");
        if ((c->effects & TICKET_CLOSE_DISPUTE) && !(was && !is))
            CELL_FAIL(s, e, "only an open dispute is closed");
    }
}

/* From every state that is no end, time alone leads to one. */
static void
test_no_state_without_exit(void **state)
{
    (void)state;
    for (unsigned s = 0; s < TICKET_STATES; s++) {
        struct ticket_facts f = {
            .state = s, .gpus = 1, .permit_from_ms = 1000, .accept_by_ms = 2000, .start_by_ms = 3000,
            .window_end_ms = 4000, .expiry_ms = 100000, .start_grace_ms = 100, .end_grace_ms = 100,
            .cancel_grace_ms = 100, .dispute_ms = 50000, .cancel_ms = 2500, .contested_ms = 5000,
        };
        int64_t now_ms = 0;
        unsigned steps = 0;

        while (!ticket_state_is_end(f.state)) {
            struct ticket_timer t;

            assert_true(ticket_due(&f, now_ms, &t));
            if (t.at_ms > now_ms)
                now_ms = t.at_ms;
            if (ticket_next(f.state, t.event)->verdict != TICKET_GO)
                CELL_FAIL(f.state, t.event, "the timer of this state must act");
            f.state = ticket_next(f.state, t.event)->next;
            assert_true(++steps < TICKET_STATES);
        }
        assert_true(now_ms <= f.expiry_ms + f.dispute_ms);
    }
}

/* After an outage beyond the hold's expiry the ledger takes only EXPIRE, unless a dispute was open. */
static void
test_late_timers(void **state)
{
    (void)state;
    for (unsigned s = 0; s < TICKET_STATES; s++) {
        struct ticket_facts f = { .state = s, .accept_by_ms = 2, .start_by_ms = 3, .window_end_ms = 4, .expiry_ms = 1000,
                                  .dispute_ms = 500 };
        struct ticket_timer t;

        if (ticket_state_is_end(s)) {
            assert_false(ticket_due(&f, 5000, &t));
            continue;
        }
        assert_true(ticket_due(&f, 5000, &t));
        assert_int_equal(t.event, ticket_state_is_disputed(s) ? TICKET_ON_DISPUTE_TIME : TICKET_ON_EXPIRY);
    }
}

/* The stories of the design, as walks. */
static const struct { const char *why; enum ticket_event step[6]; enum ticket_state end; enum ticket_outcome outcome; } walks[] = {
    { "as it should", { TICKET_ON_ACCEPTED, TICKET_ON_QUEUED, TICKET_ON_STARTED, TICKET_ON_USAGE, TICKET_ON_FINISHED },
      TICKET_SETTLED, OUTCOME_FINISHED },
    { "cancelled before a permit", { TICKET_ON_CANCEL, TICKET_ON_ACCEPTED_LATE }, TICKET_VOIDED, OUTCOME_CANCELLED },
    { "cancelled in time", { TICKET_ON_ACCEPTED, TICKET_ON_CANCEL, TICKET_ON_CANCELLED_UNUSED }, TICKET_VOIDED, OUTCOME_CANCELLED },
    { "finished wins over cancelled", { TICKET_ON_ACCEPTED, TICKET_ON_STARTED, TICKET_ON_CANCEL, TICKET_ON_FINISHED, TICKET_ON_CANCELLED },
      TICKET_SETTLED, OUTCOME_FINISHED },
    { "cancelled wins over finished", { TICKET_ON_ACCEPTED, TICKET_ON_STARTED, TICKET_ON_CANCEL, TICKET_ON_CANCELLED, TICKET_ON_FINISHED },
      TICKET_SETTLED, OUTCOME_CANCELLED },
    { "silence ends by itself", { TICKET_ON_ACCEPTED, TICKET_ON_START_GRACE, TICKET_ON_STARTED, TICKET_ON_FINISHED },
      TICKET_SETTLED, OUTCOME_FINISHED },
    { "silence until the end", { TICKET_ON_ACCEPTED, TICKET_ON_STARTED, TICKET_ON_END_GRACE, TICKET_ON_UNKNOWN_GRACE, TICKET_ON_DISPUTE_TIME },
      TICKET_VOIDED, OUTCOME_EXPIRED },
    { "a bad report waits for a person", { TICKET_ON_ACCEPTED, TICKET_ON_STARTED, TICKET_ON_BAD_REPORT, TICKET_ON_FINISHED, TICKET_ON_RESOLVE },
      TICKET_SETTLED, OUTCOME_RESOLVED },
    { "never accepted", { TICKET_ON_ACCEPT_BY, TICKET_ON_ACCEPTED_LATE }, TICKET_VOIDED, OUTCOME_LAPSED },
    { "the site fails", { TICKET_ON_ACCEPTED, TICKET_ON_STARTED, TICKET_ON_FAILED_SITE }, TICKET_VOIDED, OUTCOME_FAILED_SITE },
    { "an allocation: opened, used, closed", { TICKET_ON_ACCEPTED, TICKET_ON_QUEUED, TICKET_ON_OPENED, TICKET_ON_USAGE_DAY, TICKET_ON_FINISHED },
      TICKET_SETTLED, OUTCOME_FINISHED },
    { "an allocation that its site gives up", { TICKET_ON_ACCEPTED, TICKET_ON_OPENED, TICKET_ON_FAILED_SITE }, TICKET_VOIDED, OUTCOME_FAILED_SITE },
    { "an allocation cancelled while it is open", { TICKET_ON_ACCEPTED, TICKET_ON_OPENED, TICKET_ON_CANCEL, TICKET_ON_CANCELLED }, TICKET_SETTLED, OUTCOME_CANCELLED },
    { "an allocation's silence ends by itself", { TICKET_ON_ACCEPTED, TICKET_ON_START_GRACE, TICKET_ON_OPENED, TICKET_ON_FINISHED },
      TICKET_SETTLED, OUTCOME_FINISHED },
    { "contested for nothing", { TICKET_ON_ACCEPTED, TICKET_ON_STARTED, TICKET_ON_FINISHED, TICKET_ON_CONTEST, TICKET_ON_DISPUTE_TIME },
      TICKET_SETTLED, OUTCOME_FINISHED },
};

static void
test_walks(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(walks); i++) {
        enum ticket_state at = TICKET_ISSUED;
        enum ticket_outcome outcome = OUTCOME_NONE;

        for (size_t k = 0; k < LEN(walks[i].step) && (k == 0 || walks[i].step[k] != 0); k++) {
            const struct ticket_cell *c = ticket_next(at, walks[i].step[k]);

            assert_int_not_equal(c->verdict, TICKET_REFUSE);
            assert_int_not_equal(c->verdict, TICKET_STALE);
            at = c->next;
            outcome = c->outcome ? c->outcome : outcome;
        }
        if (at != walks[i].end || outcome != walks[i].outcome)
            fail_msg("%s: ends %s, %s", walks[i].why, ticket_state_word(at), ticket_outcome_name(outcome));
    }
}

static void
test_names(void **state)
{
    enum ticket_state back;

    (void)state;
    for (unsigned s = 0; s < TICKET_STATES; s++) {
        assert_true(ticket_state_from_word(ticket_state_word(s), &back));
        assert_int_equal(back, s);
    }
    assert_false(ticket_state_from_word("", &back));
    assert_string_equal(ticket_state_name(TICKET_SILENT), "disputed");
    assert_string_equal(ticket_event_name(TICKET_ON_DISPUTE_TIME), "dispute-time");
    assert_string_equal(ticket_outcome_name(OUTCOME_EXPIRED), "expired");
    for (unsigned i = 0; i < TICKET_FAULTS; i++)
        assert_non_null(ticket_fault_sentence(i));
}

#define T0 1800000000000
#define MIN_MS 60000

static struct ticket_facts
facts(void)
{
    return (struct ticket_facts){
        .state = TICKET_PERMITTED, .fence = 3, .gpus = 4, .permit_from_ms = T0 - 60 * MIN_MS,
        .accept_by_ms = T0 + 10 * MIN_MS, .start_by_ms = T0 + 30 * MIN_MS, .window_end_ms = T0 + 90 * MIN_MS,
        .permit_life_ms = MIN_MS, .permitted_ms = T0, .first_permitted_ms = T0,
    };
}

static const struct { const char *why; struct report r; enum ticket_fault fault; } reports[] = {
    { "started", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0 + 10, .started_ms = T0 + 5 }, FAULT_NONE },
    { "another fence", { .kind = REPORT_STARTED, .fence = 2, .time_ms = T0 + 10, .started_ms = T0 + 5 }, FAULT_FENCE },
    { "started without a start", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0 + 10 }, FAULT_TIMES },
    { "started after its report", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0 + 10, .started_ms = T0 + 11 }, FAULT_TIMES },
    { "negative", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0, .started_ms = -1 }, FAULT_TIMES },
    { "usage with an end", { .kind = REPORT_USAGE, .fence = 3, .time_ms = T0 + 10, .started_ms = T0 + 5, .ended_ms = T0 + 6 }, FAULT_TIMES },
    { "finished without an end", { .kind = REPORT_FINISHED, .fence = 3, .time_ms = T0 + 10, .started_ms = T0 + 5 }, FAULT_TIMES },
    { "ended before it started", { .kind = REPORT_FINISHED, .fence = 3, .time_ms = T0 + 10, .started_ms = T0 + 5, .ended_ms = T0 + 4 }, FAULT_TIMES },
    { "use without a start", { .kind = REPORT_CANCELLED, .fence = 3, .time_ms = T0 + 10, .gpu_seconds = 1 }, FAULT_TIMES },
    { "cancelled before the start", { .kind = REPORT_CANCELLED, .fence = 3, .time_ms = T0 + 10 }, FAULT_NONE },
    { "clocks a minute apart", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0, .started_ms = T0 - MIN_MS }, FAULT_NONE },
    { "before the permit", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0, .started_ms = T0 - 3 * MIN_MS }, FAULT_BEFORE_PERMIT },
    { "after start-by", { .kind = REPORT_STARTED, .fence = 3, .time_ms = T0 + 40 * MIN_MS, .started_ms = T0 + 33 * MIN_MS }, FAULT_LATE_START },
    { "all it could use", { .kind = REPORT_FINISHED, .fence = 3, .time_ms = T0 + 20 * MIN_MS, .started_ms = T0 + 1, .ended_ms = T0 + 10 * MIN_MS + 1,
        .gpu_seconds = 4 * 600 }, FAULT_NONE },
    { "just within the slack", { .kind = REPORT_FINISHED, .fence = 3, .time_ms = T0 + 20 * MIN_MS, .started_ms = T0 + 1,
        .ended_ms = T0 + 10 * MIN_MS + 1, .gpu_seconds = 4 * 720 }, FAULT_NONE },
    { "a GPU-second too much", { .kind = REPORT_FINISHED, .fence = 3, .time_ms = T0 + 20 * MIN_MS, .started_ms = T0 + 1,
        .ended_ms = T0 + 10 * MIN_MS + 1, .gpu_seconds = 4 * 720 + 1 }, FAULT_TOO_MUCH },
    { "absurd", { .kind = REPORT_USAGE, .fence = 3, .time_ms = T0 + 9, .started_ms = T0 + 1, .gpu_seconds = UINT64_MAX }, FAULT_TOO_MUCH },
    { "the site's fault is never disputed", { .kind = REPORT_FAILED, .fence = 3, .reason = REASON_SITE, .time_ms = T0, .gpu_seconds = 99 }, FAULT_NONE },
};

static void
test_report_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN(reports); i++) {
        struct ticket_facts f = facts();
        enum ticket_fault fault = ticket_check_report(&f, &reports[i].r);

        if (fault != reports[i].fault)
            fail_msg("%s: %s", reports[i].why, ticket_fault_sentence(fault));
    }
}

static void
test_numbers_that_pay_nothing_are_judged_all_the_same(void **state)
{
    struct ticket_facts f = facts();
    struct report r = { .kind = REPORT_FAILED, .fence = 3, .reason = REASON_SITE, .time_ms = T0, .gpu_seconds = UINT64_MAX };

    (void)state;
    assert_int_equal(ticket_check_numbers(&f, &r), FAULT_TIMES);
    r.started_ms = T0;
    assert_int_equal(ticket_check_numbers(&f, &r), FAULT_TOO_MUCH);
    assert_int_equal(ticket_check_report(&f, &r), FAULT_NONE);
    r.fence = 4;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_FENCE);
}

static void
test_reports_of_times_to_come(void **state)
{
    struct ticket_facts f = facts();
    struct report r = { .kind = REPORT_FINISHED, .fence = 3, .time_ms = T0 + 9 * MIN_MS, .started_ms = T0 + 5, .ended_ms = T0 + 9 * MIN_MS,
                        .gpu_seconds = 4 * 500 };

    (void)state;
    f.latest_ms = r.time_ms;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_NONE);
    f.latest_ms--;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_FUTURE);
}

static void
test_report_against_earlier_ones(void **state)
{
    struct ticket_facts f = facts();
    struct report r = { .kind = REPORT_USAGE, .fence = 3, .time_ms = T0 + 9 * MIN_MS, .started_ms = T0 + 5, .gpu_seconds = 99 };

    (void)state;
    f.state = TICKET_RUNNING;
    f.started_ms = T0 + 5;
    f.gpu_seconds = 99;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_NONE);
    f.gpu_seconds = 100;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_FALLING);
    f.started_ms = T0 + 6;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_RESTARTED);
    f.first_permitted_ms = 0;
    assert_int_equal(ticket_check_report(&f, &r), FAULT_BEFORE_PERMIT);
}

static void
test_events_of_reports(void **state)
{
    struct ticket_facts f = facts();
    struct report r = { .kind = REPORT_ACCEPTED };

    (void)state;
    assert_int_equal(ticket_permit_earliest(&f), T0 + 90000); /* one and a half lives after the older permit */
    assert_int_equal(ticket_event_of_report(&f, &r, f.start_by_ms), TICKET_ON_ACCEPTED);
    assert_int_equal(ticket_event_of_report(&f, &r, f.start_by_ms + 1), TICKET_ON_ACCEPTED_LATE);
    f.permitted_ms = 0;
    assert_int_equal(ticket_permit_earliest(&f), f.permit_from_ms);
    assert_int_equal(ticket_event_of_report(&f, &r, f.accept_by_ms), TICKET_ON_ACCEPTED);
    assert_int_equal(ticket_event_of_report(&f, &r, f.accept_by_ms + 1), TICKET_ON_ACCEPTED_LATE);

    r = (struct report){ .kind = REPORT_USAGE, .started_ms = T0, .time_ms = T0 + 86400000 - 1 };
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_USAGE);
    r.time_ms++;
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_USAGE_DAY);
    f.settled_ms = T0 + 1;
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_USAGE);

    r = (struct report){ .kind = REPORT_FAILED, .reason = REASON_JOB };
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_FAILED_JOB);
    for (uint16_t reason = 0; reason <= REASON_LAST; reason++)
        if (reason != REASON_JOB) {
            r.reason = reason;
            assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_FAILED_SITE);
        }
    r = (struct report){ .kind = REPORT_CANCELLED };
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_CANCELLED_UNUSED);
    r.gpu_seconds = 1;
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_CANCELLED);
}

/* A job and an allocation differ in where they are when they have begun. */
static void
test_events_of_an_allocation(void **state)
{
    struct ticket_facts f = facts();
    struct report r = { .kind = REPORT_STARTED, .started_ms = T0, .time_ms = T0 };
    static const enum ticket_state UNSEEN[] = { TICKET_PERMITTED, TICKET_SILENT };

    (void)state;
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_STARTED);
    f.allocation = true;
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_OPENED);
    r = (struct report){ .kind = REPORT_USAGE, .started_ms = T0, .time_ms = T0 + 86400000 };
    for (size_t i = 0; i < LEN(UNSEEN); i++) {
        f.state = UNSEEN[i];
        assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_OPENED);
    }
    f.state = TICKET_OPEN;
    assert_int_equal(ticket_event_of_report(&f, &r, T0), TICKET_ON_USAGE_DAY);
    assert_string_equal(ticket_state_name(TICKET_OPEN), "open");
    for (unsigned e = 0; e < TICKET_EVENTS; e++)
        if (ticket_next(TICKET_OPEN, e)->effects & TICKET_BROKER_ANEW)
            CELL_FAIL(TICKET_OPEN, e, "who works at a site is not sent to another");
}

static void
test_spans_in_a_simulation(void **state)
{
    (void)state;
    assert_int_equal(ticket_span(60000, 1), 60000);
    assert_int_equal(ticket_span(1, 1), 1);
    assert_int_equal(ticket_span(60000, 2), 60000);
    assert_int_equal(ticket_span(60000, 10), 300000);
    assert_int_equal(ticket_span(86400000, 1000), 86400000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_is_given), cmocka_unit_test(test_verdicts_fit_their_events),
        cmocka_unit_test(test_hold_is_resolved_once), cmocka_unit_test(test_permits),
        cmocka_unit_test(test_disputes_open_and_close), cmocka_unit_test(test_no_state_without_exit),
        cmocka_unit_test(test_late_timers), cmocka_unit_test(test_walks), cmocka_unit_test(test_names),
        cmocka_unit_test(test_report_faults),
        cmocka_unit_test(test_numbers_that_pay_nothing_are_judged_all_the_same),
        cmocka_unit_test(test_reports_of_times_to_come), cmocka_unit_test(test_report_against_earlier_ones),
        cmocka_unit_test(test_events_of_reports), cmocka_unit_test(test_events_of_an_allocation),
        cmocka_unit_test(test_spans_in_a_simulation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
