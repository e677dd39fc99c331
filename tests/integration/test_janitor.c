/* tests/integration/test_janitor.c: jobs through the sequencer into PostgreSQL, and what the janitor does when time passes.
 * Time passes by a restart with a later clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "market/janitor.h"
#include "market_fixture.h"

enum { WAIT_MS = 20000 };

struct scene {
    struct fixture *f;
    struct janitor *janitor;
};

static int
setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->f = fixture_new();
    fixture_start(s->f);
    fixture_seed(s->f);
    *state = s;
    return 0;
}

static void
stop_janitor(struct scene *s)
{
    janitor_stop(s->janitor);
    janitor_delete(s->janitor);
    s->janitor = NULL;
}

static int
teardown(void **state)
{
    struct scene *s = *state;

    stop_janitor(s);
    fixture_delete(s->f);
    free(s);
    return 0;
}

static void
start_janitor(struct scene *s)
{
    struct janitor_config config = { .market = s->f->m, .db_worker = s->f->t.worker };
    struct err_detail d = { 0 };

    assert_int_equal(janitor_start(&config, &s->janitor, &d), OK);
}

/* The server was away for so long. */
static void
pass(struct scene *s, int64_t ms)
{
    bool watched = s->janitor != NULL;

    stop_janitor(s);
    fixture_stop(s->f);
    s->f->config.clock.origin_ms += ms;
    fixture_start(s->f);
    if (watched)
        start_janitor(s);
}

static void
wait_for(struct scene *s, const char *sql, int64_t want)
{
    int64_t until_ms = monotonic_ms() + WAIT_MS, got;

    while ((got = test_sql_i64(&s->f->t, sql)) != want && monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    if (got != want)
        fail_msg("%s: %lld, not %lld", sql, (long long)got, (long long)want);
}

/* ---- the site ---- */

static struct reservation
look(struct scene *s, struct uuid id)
{
    const struct state *state = market_read_lock(s->f->m);
    const struct reservation *r = map_get(state->reservations, &id);
    struct reservation copy = { 0 };

    assert_non_null(r);
    copy = *r;
    copy.ask = (struct bytes){ 0 };
    market_read_unlock(s->f->m);
    return copy;
}

static uint64_t
open_instance(struct scene *s, int site)
{
    struct command c = { .kind = COMMAND_INSTANCE };

    c.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { s->f->w->site[site] }, .sites_n = 1 };
    c.in.instance.site = s->f->w->site[site];
    c.in.instance.key = s->f->w->site_key[site];
    c.in.instance.last_confirmed_seq = 0;
    assert_int_equal(fixture_send(s->f, &c), OK);
    return c.answer.number;
}

static struct answer
say(struct scene *s, const struct reservation *r, uint64_t instance, uint64_t number, enum report_kind kind,
    int64_t ran_s)
{
    int site = r->site == s->f->w->site[0] ? 0 : 1;
    struct command c = { .kind = COMMAND_REPORT };
    struct report *report = &c.in.report.report;
    struct hash genesis;
    int64_t now_ms = market_now(s->f->m);

    genesis = ledger_genesis(market_read_lock(s->f->m)->ledger);
    market_read_unlock(s->f->m);
    *report = (struct report){
        .site = r->site,
        .number = number,
        .instance = instance,
        .kind = (uint16_t)kind,
        .jti = r->jti,
        .fence = r->fence,
        .time_ms = now_ms,
    };
    if (kind == REPORT_REJECTED)
        report->reason = REASON_NO_USER;
    if (kind == REPORT_STARTED || kind == REPORT_FINISHED)
        report->started_ms = r->started_ms != 0 ? r->started_ms : now_ms;
    if (kind == REPORT_FINISHED) {
        report->gpu_seconds = (uint64_t)ran_s * r->gpus;
        report->ended_ms = now_ms;
    }
    c.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { r->site }, .sites_n = 1, .instance = instance };
    c.in.report.key = s->f->w->site_key[site];
    report_statement(report, genesis, c.in.report.statement);
    sign_make(&s->f->w->site_keys[site], BYTES(c.in.report.statement, sizeof c.in.report.statement),
              c.in.report.signature);
    for (size_t i = 0; i < 3; i++)
        c.new_id[i] = fixture_uuid(s->f);
    if (fixture_send(s->f, &c) != OK)
        fail_msg("report %d: %s %s", kind, err_wire(c.err), c.detail.text);
    return c.answer;
}

/* Accepted with leave to move: option 1 is the dearer site, option 0 the cheaper. */
static struct reservation
reserve(struct scene *s, uint32_t option)
{
    struct command quote = fixture_quote(s->f, 0, fixture_uuid(s->f), 4, 3600), accept;

    assert_int_equal(fixture_send(s->f, &quote), OK);
    free((void *)(uintptr_t)quote.in.quote.ask);
    accept = fixture_accept(s->f, 0, quote.answer.id);
    accept.in.accept.option = option;
    accept.in.accept.move_freely = true;
    assert_int_equal(fixture_send(s->f, &accept), OK);
    return look(s, accept.answer.id);
}

/* ---- cases ---- */

static void
a_job_runs_and_is_settled_across_a_restart(void **state)
{
    struct scene *s = *state;
    struct reservation r = reserve(s, 0);
    int site = r.site == s->f->w->site[0] ? 0 : 1;
    uint64_t instance = open_instance(s, site);

    assert_int_equal(say(s, &r, instance, 1, REPORT_ACCEPTED, 0).flags, ANSWER_PERMIT_GRANTED);
    say(s, &r, instance, 2, REPORT_STARTED, 0);
    pass(s, 600 * 1000);
    r = look(s, r.id);
    assert_int_equal(r.state, TICKET_RUNNING);
    say(s, &r, instance, 3, REPORT_FINISHED, 600);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM report"), 3);
    assert_int_equal(
        test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation WHERE state = 'settled' AND booked_slots = 0"), 1);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT settled_gpums FROM reservation"),
                     (int64_t)r.gpus * 600 * r.rate_milli);
    pass(s, CONTEST_MS);
    start_janitor(s); /* the contest's time is over: it leaves the memory, its row stays */
    for (int64_t until_ms = monotonic_ms() + WAIT_MS; fixture_summary(s->f->m).reservations != 0;)
        assert_true(monotonic_ms() < until_ms);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation"), 1);
}

static void
a_rejected_job_moves(void **state)
{
    struct scene *s = *state;
    struct reservation r = reserve(s, 1);
    int site = r.site == s->f->w->site[0] ? 0 : 1;
    uint64_t instance = open_instance(s, site);

    say(s, &r, instance, 1, REPORT_REJECTED, 0);
    assert_int_equal(
        test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation WHERE state = 'voided' AND moved_to IS NOT NULL"), 1);
    assert_int_equal(test_sql_i64(&s->f->t,
                                  "SELECT count(*) FROM reservation WHERE state = 'issued' AND moves = 1 AND fence = 2"
                                  " AND moved_from IS NOT NULL AND ask IS NOT NULL"),
                     1);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM ticket"), 2);
    pass(s, 1000); /* what it may still need is there after a restart */
    assert_int_equal(fixture_summary(s->f->m).reservations, 1);
}

static void
quotes_expire_and_unasked_tickets_lapse(void **state)
{
    struct scene *s = *state;
    struct command quote = fixture_quote(s->f, 1, fixture_uuid(s->f), 4, 60);

    assert_int_equal(fixture_send(s->f, &quote), OK);
    free((void *)(uintptr_t)quote.in.quote.ask);
    (void)fixture_reserve(s->f, 0);
    start_janitor(s);
    stop_janitor(s); /* nothing was due */
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM quote WHERE state = 'open'"), 1);
    pass(s, 2 * HOUR_MS);
    start_janitor(s);
    wait_for(s, "SELECT count(*) FROM quote WHERE state = 'expired'", 1);
    wait_for(s, "SELECT count(*) FROM reservation WHERE state = 'voided' AND void_entry > 0", 1);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT sum(held_debits) FROM account"), 0);
}

static void
what_is_free_lapses_at_the_grants_end(void **state)
{
    struct scene *s = *state;
    char why[160];

    pass(s, 91 * DAY_MS);
    start_janitor(s);
    wait_for(s, "SELECT count(*) FROM entry WHERE kind = 7", 2);
    assert_true(janitor_trouble(s->janitor, why));
    assert_string_equal(why, ""); /* this clock and PostgreSQL's agree */
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT sum(posted_credits - posted_debits) FROM account WHERE class = 5"),
                     0);
}

static void
a_draining_site_is_cleared(void **state)
{
    struct scene *s = *state;
    struct command drain = fixture_command(COMMAND_SITE_STATUS);
    uint64_t site;

    for (int i = 0; i < 20; i++)
        site = reserve(s, 1).site; /* the dearer one */
    start_janitor(s);
    drain.in.site_status.site = site;
    drain.in.site_status.paused = -1;
    drain.in.site_status.draining = 1;
    assert_int_equal(fixture_send(s->f, &drain), OK);
    wait_for(s, "SELECT count(*) FROM reservation WHERE state = 'voided' AND moved_to IS NOT NULL", 20);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation WHERE state = 'issued' AND moves = 1"), 20);
    drain.in.site_status.site = look(s, reserve(s, 0).id).site;
    assert_int_equal(fixture_send(s->f, &drain), OK);
    pass(s, 1000); /* nothing is dropped: there is no other place, so they stay until accept-by */
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation WHERE state = 'issued'"), 21);
}

static void
await(struct scene *s, bool trusted, int64_t rounds_until_ms)
{
    int64_t until_ms = monotonic_ms() + WAIT_MS;
    char why[160];

    while ((janitor_trouble(s->janitor, why) != trusted || janitor_clocks(s->janitor).real_ms < rounds_until_ms) &&
           monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    assert_int_equal(janitor_trouble(s->janitor, why), trusted);
}

static void
what_is_due_waits_while_the_clock_is_in_doubt(void **state)
{
    struct scene *s = *state;
    struct command drain = fixture_command(COMMAND_SITE_STATUS);
    int64_t began_ms;

    drain.in.site_status.site = reserve(s, 1).site;
    drain.in.site_status.paused = -1;
    drain.in.site_status.draining = 1;
    start_janitor(s);
    for (uint64_t site = 1; site <= 3; site++)
        for (int i = 0; i < 2; i++)
            site_clocks_note(janitor_site_clocks(s->janitor), site, 60000, monotonic_ms());
    await(s, false, 0);
    began_ms = real_now_ms();
    assert_int_equal(fixture_send(s->f, &drain), OK);
    await(s, false, began_ms + 2500); /* it has looked at the clocks again, twice at least */
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation WHERE state = 'voided'"), 0);
    janitor_confirm(s->janitor);
    wait_for(s, "SELECT count(*) FROM reservation WHERE state = 'voided'", 1);
    await(s, true, 0);
}

/* Until somebody has compared the clocks, and found them right, no key is thrown away. */
static void
old_keys_wait_for_a_clock_that_is_sure(void **state)
{
    static const char OLD[] = "SELECT count(*) FROM answer WHERE created_ms = 1";
    static const char BEAT[] = "SELECT (extract(epoch FROM max(query_start)) * 1e6)::bigint FROM pg_stat_activity"
                               " WHERE application_name = 'kontord sequencer' AND datname = current_database()";
    struct scene *s = *state;
    struct command move = fixture_move(s->f, 1);

    move.idem = fixture_key(s->f);
    assert_int_equal(fixture_send(s->f, &move), OK);
    test_sql(&s->f->t, "UPDATE answer SET created_ms = 1");
    assert_true(test_sql_i64(&s->f->t, OLD) > 0);
    for (int i = 0; i < 3; i++) { /* idle rounds, in which they could go */
        int64_t beat = test_sql_i64(&s->f->t, BEAT), until_ms = monotonic_ms() + WAIT_MS;

        while (test_sql_i64(&s->f->t, BEAT) == beat && monotonic_ms() < until_ms)
            nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        assert_true(test_sql_i64(&s->f->t, BEAT) > beat);
    }
    assert_true(test_sql_i64(&s->f->t, OLD) > 0);
    start_janitor(s);
    wait_for(s, OLD, 0);
}

static void
a_lost_spool_is_seen_to(void **state)
{
    struct scene *s = *state;
    struct command retire = fixture_command(COMMAND_SPOOL_RETIRE);
    struct command received = { .kind = COMMAND_RECEIVED };
    struct reservation r;
    uint64_t instance;

    for (int i = 0; i < 5; i++)
        r = reserve(s, 0);
    instance = open_instance(s, r.site == s->f->w->site[0] ? 0 : 1);
    say(s, &r, instance, 1, REPORT_ACCEPTED, 0);
    received.actor = (struct actor){ .kind = ACTOR_AGENT, .sites = { r.site }, .sites_n = 1, .instance = instance };
    received.in.received.site = r.site;
    received.in.received.instance = instance;
    received.in.received.seq = 5;
    assert_int_equal(fixture_send(s->f, &received), OK);
    retire.in.spool_retire.site = r.site;
    memcpy(retire.in.spool_retire.reason, "fire", 5);
    assert_int_equal(fixture_send(s->f, &retire), OK);
    pass(s, 1000); /* what is not seen to yet is seen to after a restart */
    start_janitor(s);
    wait_for(s, "SELECT count(*) FROM reservation WHERE state = 'disputed'", 1);
    wait_for(s, "SELECT count(*) FROM site_status WHERE retired_ms > 0 AND NOT recovering", 1);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM reservation WHERE state = 'issued' AND seq > 5"), 4);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT count(*) FROM ticket"), 9);
    assert_int_equal(test_sql_i64(&s->f->t, "SELECT base_seq FROM site_status WHERE retired_ms > 0"), 5);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_job_runs_and_is_settled_across_a_restart),
        CASE(a_rejected_job_moves),
        CASE(quotes_expire_and_unasked_tickets_lapse),
        CASE(what_is_free_lapses_at_the_grants_end),
        CASE(a_draining_site_is_cleared),
        CASE(what_is_due_waits_while_the_clock_is_in_doubt),
        CASE(old_keys_wait_for_a_clock_that_is_sure),
        CASE(a_lost_spool_is_seen_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
