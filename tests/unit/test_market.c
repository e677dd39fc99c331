/* market/: the rules of quotes, acceptances, permits, reports and timers, each by its case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "market/clock_guard.h"
#include "market/packed_ask.h"
#include "market/sweep.h"
#include "market/timing.h"
#include "market/view.h"
#include "market_world.h"

#define MINUTE_MS INT64_C(60000)
#define TTL_MS    (10 * MINUTE_MS)

static struct market_world *m;

static int
setup(void **unused)
{
    (void)unused;
    m = mw_new();
    m->undo_twice = true;
    return 0;
}

static int
teardown(void **unused)
{
    const char *broken = mw_broken(m);

    (void)unused;
    if (broken != NULL)
        fprintf(stderr, "broken: %s\n", broken);
    mw_delete(m);
    return broken != NULL ? -1 : 0;
}

#define assert_err(want, got)                                                                                         \
    do {                                                                                                              \
        enum err got_ = (got);                                                                                        \
        if (got_ != (want))                                                                                           \
            fprintf(stderr, "want %s, got %s: %s %s\n", (want) ? err_wire(want) : "ok", got_ ? err_wire(got_) : "ok", \
                    m->detail.text, m->detail.internal);                                                              \
        assert_int_equal(want, got_);                                                                                 \
    } while (0)

static int64_t
free_credits(int grant)
{
    return account_free(ledger_account(m->w->l, m->w->grant[grant]));
}

static const struct calendar *
whole(int site)
{
    return index_offering(&m->state, m->w->offering[site])->calendar;
}

static int32_t
free_now(int site)
{
    return calendar_free(whole(site), calendar_slot_of(m->w->now));
}

static struct site_state *
site_state(int site)
{
    return index_site(&m->state, m->w->site[site]);
}

/* A reservation of these GPUs for so long, starting now at the cheaper site (1). */
static struct reservation *
reserve(int32_t gpus, int64_t walltime_s, bool move_freely)
{
    struct broker_ask ask = mw_ask(gpus, walltime_s);
    struct uuid quote, id;

    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 0, move_freely, &id));
    assert_non_null(mw_reservation(m, id));
    return mw_reservation(m, id);
}

static enum err
say(struct reservation *r, enum report_kind kind)
{
    struct report report = mw_report_of(m, r, kind);

    return mw_report(m, &report);
}

static struct reservation *
running(int32_t gpus, int64_t walltime_s, bool move_freely)
{
    struct reservation *r = reserve(gpus, walltime_s, move_freely);

    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_err(OK, say(r, REPORT_STARTED));
    assert_int_equal(r->state, TICKET_RUNNING);
    return r;
}

/* ---- quotes ------------------------------------------------------------------------------------------------------ */

static void
test_quote_books_its_best_option_only(void **unused)
{
    struct broker_ask ask = mw_ask(8, 7200);
    struct uuid quote;
    struct quote *q;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    q = index_quote(&m->state, quote);
    assert_int_equal(q->state, QUOTE_OPEN);
    assert_int_equal(q->site, m->w->site[1]); /* cheaper: rate 1500 */
    assert_int_equal(q->cost_gpums, 8 * 7200 * 1500);
    assert_int_equal(q->expires_ms, m->w->now + TTL_MS);
    assert_int_equal(free_now(1), 56 - 8);
    assert_int_equal(free_now(0), 56);
    assert_int_equal(free_credits(0), 5000 * CREDIT); /* a quote costs nothing */
    mw_advance(m, TTL_MS - 1);
    assert_int_equal(mw_timers(m), 0);
    assert_err(OK, mw_timer(m, DUE_QUOTE, quote, 0)); /* sent too early: nothing happens */
    assert_non_null(index_quote(&m->state, quote));
    mw_advance(m, 1);
    assert_int_equal(mw_timers(m), 1);
    assert_null(index_quote(&m->state, quote));
    assert_int_equal(free_now(1), 56);
    assert_err(ERR_QUOTE_EXPIRED, mw_accept(m, 0, quote, 0, false, NULL));
}

static void
test_quote_without_an_offer_is_kept_with_its_reasons(void **unused)
{
    struct broker_ask ask = mw_ask(8, 7200);

    (void)unused;
    ask.memory_gb_min = 500;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    assert_true(m->answer.flags & ANSWER_NO_OFFER);
    assert_int_equal(map_count(m->state.quotes), 0);
}

static void
test_quote_refusals(void **unused)
{
    struct broker_ask ask = mw_ask(8, 7200), zero = mw_ask(0, 7200), long_ask = mw_ask(8, 93 * 86400);
    struct command c = { .kind = COMMAND_QUOTE, .in.quote = { .grant = m->w->grant[0], .ask = &ask } };
    struct reservation *r = reserve(8, 3600, false);
    int64_t now = m->w->now;

    (void)unused;
    c.actor.kind = ACTOR_PERSON; /* of the other organisation */
    c.actor.orgs[0].id = m->w->org[1];
    c.actor.orgs_n = 1;
    assert_err(ERR_FORBIDDEN, mw_run(m, &c));
    assert_err(ERR_REQUEST_BUSY, mw_quote(m, 0, r->request, &ask, NULL));
    assert_err(ERR_FIELD_RANGE, mw_quote(m, 0, world_uuid(m->w), &zero, NULL));
    assert_err(ERR_FIELD_RANGE, mw_quote(m, 0, world_uuid(m->w), &long_ask, NULL));
    m->w->now = ledger_account(m->w->l, m->w->grant[0])->end_ms;
    assert_err(ERR_GRANT_NOT_ACTIVE, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    m->w->now = ledger_account(m->w->l, m->w->grant[0])->end_ms - 2 * HOUR_MS; /* it would end after the grant */
    index_advance(&m->state, m->w->now);
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    assert_true(m->answer.flags & ANSWER_NO_OFFER);
    m->w->now = now;
}

static void
test_open_quotes_never_cost_more_than_is_free(void **unused)
{
    struct broker_ask ask = mw_ask(32, 60 * 3600), small = mw_ask(4, 3600); /* 32 × 60 h × 1.5 = 2,880 credits */

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    assert_err(ERR_QUOTE_OVERCOMMITTED, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    ask.walltime_s = 400 * 3600;
    assert_err(ERR_INSUFFICIENT_CREDITS, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &small, NULL));
}

static void
test_beyond_the_first_a_tenth_of_a_site(void **unused)
{
    struct broker_ask ask = mw_ask(32, 3600), small = mw_ask(4, 3600);
    struct uuid first;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &first)); /* the first: any size */
    assert_err(ERR_QUOTE_PARKING, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &small, NULL)); /* 4 ≤ 64 / 10 */
    assert_err(ERR_QUOTE_PARKING, mw_quote(m, 0, world_uuid(m->w), &small, NULL));
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &small, NULL)); /* another grant's first */
    assert_err(OK, mw_accept(m, 0, first, 0, false, NULL));
    assert_err(ERR_QUOTE_PARKING, mw_quote(m, 0, world_uuid(m->w), &small, NULL)); /* one is open still */
}

static void
test_a_new_question_takes_the_place_of_the_older(void **unused)
{
    struct broker_ask ask = mw_ask(32, 3600);
    struct uuid request = world_uuid(m->w), first, second;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &first));
    assert_err(OK, mw_quote(m, 0, request, &ask, &second));
    assert_null(index_quote(&m->state, first));
    assert_err(ERR_NOT_FOUND, mw_quote(m, 1, request, &ask, NULL)); /* not another organisation's */
    assert_non_null(index_quote(&m->state, second));
    assert_int_equal(free_now(1), 56 - 32);
}

static void
test_renewal_once_then_a_pause(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid request = world_uuid(m->w), quote;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    mw_advance(m, 9 * MINUTE_MS);
    assert_err(OK, mw_renew(m, 0, quote));
    assert_int_equal(m->answer.time_ms, m->w->now + TTL_MS);
    assert_err(ERR_QUOTE_RENEWED, mw_renew(m, 0, quote));
    mw_advance(m, 9 * MINUTE_MS);
    assert_int_equal(mw_timers(m), 0);
    assert_err(OK, mw_release(m, 0, quote));
    assert_err(ERR_QUOTE_RENEWED, mw_quote(m, 0, request, &ask, NULL)); /* the pause, as long as the time to live */
    assert_true(m->detail.retry_after_s > 0 && m->detail.retry_after_s <= 601);
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &ask, NULL)); /* another grant has no pause */
    mw_advance(m, TTL_MS);
    assert_err(OK, mw_quote(m, 0, request, &ask, NULL));
}

static void
test_asking_again_counts_as_renewal(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    mw_advance(m, TTL_MS);
    mw_timers(m);
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote)); /* booked for ten minutes already */
    assert_true(index_quote(&m->state, quote)->renewed);
    mw_advance(m, TTL_MS);
    mw_timers(m);
    assert_err(ERR_QUOTE_RENEWED, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
    mw_advance(m, TTL_MS);
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_false(index_quote(&m->state, quote)->renewed);
    assert_err(OK, mw_accept(m, 0, quote, 0, false, NULL)); /* a quote that is used leaves no pause behind */
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, NULL));
}

/* ---- accept ------------------------------------------------------------------------------------------------------ */

static void
test_accept(void **unused)
{
    struct broker_ask ask = mw_ask(8, 7200);
    struct uuid request = world_uuid(m->w), quote, id;
    const struct told_ticket *t;
    const struct hold *h;
    struct reservation *r;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    mw_advance(m, MINUTE_MS);
    assert_err(OK, mw_accept(m, 0, quote, 0, true, &id));
    r = mw_reservation(m, id);
    h = ledger_hold(m->w->l, m->answer.index);
    assert_true(uuid_equal(h->reservation, id) && uuid_equal(h->request, request));
    assert_int_equal(h->amount, 8 * 7200 * 1500);
    assert_int_equal(free_credits(0), 5000 * CREDIT - h->amount);
    assert_int_equal(h->start_by_ms, r->start_by_ms);
    assert_int_equal(r->start_by_ms, r->window_start_ms + HOUR_MS);
    assert_int_equal(r->window_end_ms, r->start_by_ms + 7200 * 1000);
    assert_int_equal(r->permit_from_ms, r->created_ms); /* the window is near */
    assert_int_equal(r->accept_by_ms, r->start_by_ms);  /* not after start-by */
    assert_int_equal(r->fence, 1);
    assert_int_equal(m->answer.number, 1);
    assert_int_equal(free_now(1), 56 - 8);
    t = mw_last_ticket(m);
    assert_int_equal(t->seq, 1);
    assert_int_equal(site_state(1)->last_seq, 1);
    assert_true(uuid_equal(t->jti, r->jti));
    assert_err(ERR_QUOTE_EXPIRED, mw_accept(m, 0, quote, 0, true, NULL)); /* used */
}

static void
test_claims(void **unused)
{
    struct reservation *r = reserve(8, 7200, true);
    const char *names[] = { "iss",         "aud",          "jti",         "iat",       "nbf",
                            "exp",         "seq",          "fence",       "do",        "request",
                            "reservation", "organisation", "offering",    "model",     "gpus",
                            "nodes",       "window",       "permit_from", "accept_by", "start_by",
                            "walltime_s",  "rate_milli",   "max_gpums",   "workload",  "hold" };
    const char *claims = mw_last_ticket(m)->claims, *at = claims;
    struct err_detail detail = { 0 };
    struct json_in in = json_in_open(BYTES_TEXT(claims), &detail), workload;
    char jti[UUID_TEXT];

    (void)unused;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) { /* the order is part of the form */
        char quoted[32];
        snprintf(quoted, sizeof quoted, "\"%s\":", names[i]);
        at = strstr(at, quoted);
        assert_non_null(at);
    }
    assert_null(strchr(claims, '\n'));
    uuid_text(r->jti, jti);
    assert_string_equal(json_in_text(&in, "iss", 1, 64), "kontor.example/journal");
    assert_string_equal(json_in_text(&in, "aud", 1, 64), "lumi");
    assert_string_equal(json_in_text(&in, "jti", 1, 64), jti);
    assert_int_equal(json_in_i64(&in, "iat", 0, INT64_MAX), m->w->now / 1000);
    assert_int_equal(json_in_i64(&in, "nbf", 0, INT64_MAX), m->w->now / 1000);
    assert_int_equal(json_in_i64(&in, "exp", 0, INT64_MAX), r->window_end_ms / 1000 + 30 * 86400);
    assert_int_equal(json_in_i64(&in, "seq", 0, INT64_MAX), 1);
    assert_int_equal(json_in_i64(&in, "fence", 0, INT64_MAX), 1);
    assert_string_equal(json_in_text(&in, "do", 1, 8), "run");
    assert_true(uuid_equal(json_in_uuid(&in, "request"), r->request));
    assert_true(uuid_equal(json_in_uuid(&in, "reservation"), r->id));
    assert_true(uuid_equal(json_in_uuid(&in, "organisation"), m->w->org[0]));
    assert_int_equal(json_in_i64(&in, "offering", 0, INT64_MAX), m->w->offering[1]);
    assert_string_equal(json_in_text(&in, "model", 1, 32), "AMD Instinct MI250X");
    assert_int_equal(json_in_i64(&in, "gpus", 0, INT64_MAX), 8);
    assert_int_equal(json_in_i64(&in, "nodes", 0, INT64_MAX), 2);
    assert_int_equal(json_in_array(&in, "window", 2), 2);
    assert_int_equal(json_in_i64(&in, "permit_from", 0, INT64_MAX), r->permit_from_ms);
    assert_int_equal(json_in_i64(&in, "accept_by", 0, INT64_MAX), r->accept_by_ms);
    assert_int_equal(json_in_i64(&in, "start_by", 0, INT64_MAX), r->start_by_ms);
    assert_int_equal(json_in_i64(&in, "walltime_s", 0, INT64_MAX), 7200);
    assert_int_equal(json_in_i64(&in, "rate_milli", 0, INT64_MAX), 1500);
    assert_string_equal(json_in_text(&in, "max_gpums", 1, 24), "86400000");
    workload = json_in_object(&in, "workload");
    assert_int_equal(strlen(json_in_text(&workload, "sha256", 64, 64)), 64);
    assert_int_equal(json_in_i64(&workload, "len", 0, INT64_MAX), 9);
    assert_err(OK, json_in_close(&workload));
    assert_int_equal(json_in_i64(&in, "hold", 0, INT64_MAX), r->hold);
    assert_err(OK, json_in_close(&in));
}

static void
test_accept_an_indicative_option(void **unused)
{
    struct broker_ask ask = mw_ask(56, 3600);
    struct uuid quote, other, id;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 1, false, &id));
    assert_int_equal(mw_reservation(m, id)->site, m->w->site[0]);
    assert_int_equal(free_now(1), 56);
    assert_int_equal(free_now(0), 0);
    assert_err(OK,
               mw_quote(m, 0, world_uuid(m->w), &ask, &quote)); /* booked at 1; at 0 later, after the other's window */
    assert_err(ERR_OPTION_GONE, mw_accept(m, 0, quote, 2, false, NULL));
    assert_non_null(index_quote(&m->state, quote));                 /* nothing was spent, the quote stands */
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &ask, &other)); /* takes site 0 after that window, or 1 */
    assert_err(OK, mw_accept(m, 1, other, 0, false, NULL));
    assert_int_equal(free_now(1), 0);
}

static void
test_option_gone_when_taken_or_repriced(void **unused)
{
    struct broker_ask ask = mw_ask(56, 3600);
    struct uuid first, second;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &first));  /* booked at 1, indicative at 0 now */
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &ask, &second)); /* cheapest is 1, later; indicative 0 now */
    assert_err(OK, mw_accept(m, 1, second, index_quote(&m->state, second)->site == m->w->site[0] ? 0 : 1, false, NULL));
    if (free_now(0) == 0) {
        assert_err(ERR_OPTION_GONE, mw_accept(m, 0, first, 1, false, NULL));
        assert_int_equal(free_credits(0), 5000 * CREDIT);
    } else {
        fail();
    }
    assert_err(OK, mw_accept(m, 0, first, 0, false, NULL)); /* the booked one is still there */
}

static void
set_rate(int site, uint32_t rate_milli, int64_t from_ms)
{
    struct entry e = world_order(m->w, RATE);

    e.u.rate.offering = m->w->offering[site];
    e.u.rate.rate_milli = rate_milli;
    e.u.rate.valid_from_ms = from_ms;
    world_sign(m->w, &e, "S");
    world_add(m->w, e);
}

static void
test_a_quote_fixes_its_rate(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    set_rate(0, 1, m->w->now + MINUTE_MS); /* dated: not in force yet */
    set_rate(1, 3000, m->w->now);
    mw_advance(m, 1000);
    assert_err(OK, mw_accept(m, 0, quote, 0, false, &id)); /* booked: as quoted */
    assert_int_equal(mw_reservation(m, id)->rate_milli, 1500);
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_int_equal(index_quote(&m->state, quote)->rate_milli, 2000); /* site 0's old one is the best now */
    mw_advance(m, MINUTE_MS);
    set_rate(1, 2999, m->w->now);
    assert_err(ERR_OPTION_GONE, mw_accept(m, 0, quote, 1, false, NULL)); /* the other is asked for afresh */
    assert_err(OK, mw_accept(m, 0, quote, 0, false, NULL));
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_int_equal(index_quote(&m->state, quote)->rate_milli, 1);
}

static void
test_accept_refusals(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(ERR_NOT_FOUND, mw_accept(m, 1, quote, 0, false, NULL)); /* another organisation's */
    site_state(1)->paused = true;
    assert_err(ERR_SITE_PAUSED, mw_accept(m, 0, quote, 0, false, NULL));
    site_state(1)->paused = false;
    mw_advance(m, TTL_MS);
    assert_err(ERR_QUOTE_EXPIRED, mw_accept(m, 0, quote, 0, false, NULL)); /* also before its timer has run */
}

/* ---- permit ------------------------------------------------------------------------------------------------------ */

/* A reservation whose window begins in so many hours. */
static struct reservation *
reserve_later(int64_t hours)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id;

    ask.earliest_start_ms = m->w->now + hours * HOUR_MS;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 0, false, &id));
    return mw_reservation(m, id);
}

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
    assert_int_equal(m->answer.index, ERR_FIELD_INVALID);
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
    struct reservation *r = reserve(8, 3600, false), *s = running(8, 3600, false);
    struct due_item items[4];

    (void)unused;
    assert_int_equal(sweep_due(&m->state, m->w->now, items, 4), 0);
    assert_false(sweep_wanted(&m->state));
    assert_int_equal(sweep_withdrawals(&m->state, items, 4), 0);
    site_state(1)->paused = true;
    assert_true(sweep_wanted(&m->state));
    assert_int_equal(sweep_withdrawals(&m->state, items, 4), 1); /* not the running one */
    assert_int_equal(items[0].what, DUE_WITHDRAW);
    assert_true(uuid_equal(items[0].id, r->id));
    mw_advance(m, 90 * DAY_MS);
    assert_int_equal(sweep_due(&m->state, m->w->now, items, 4), 4); /* both, and two grants' ends */
    assert_int_equal(sweep_due(&m->state, m->w->now, items, 3), 3);
    assert_true(s->state == TICKET_RUNNING);
    mw_advance(m, -90 * DAY_MS);
}

static void
test_clock_guard(void **unused)
{
    static const struct {
        const char *why;
        int64_t real_ms, boot_ms, other_ms;
        bool good;
    } rows[] = {
        { "both run", 1000000 + 60000, 1000 + 60000, 0, true },
        { "a little apart", 1000000 + 4000, 1000, 1000000, true },
        { "moved forward", 1000000 + 65001, 1000 + 60000, 0, false },
        { "moved back", 1000000 + 54999, 1000 + 60000, 0, false },
        { "PostgreSQL behind", 1000000, 1000, 1000000 - 5001, false },
        { "PostgreSQL ahead", 1000000, 1000, 1000000 + 5001, false },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clock_guard g = { 0 };
        assert_true(clock_guard_check(&g, 1000000, 1000, 0));
        assert_int_equal(clock_guard_check(&g, rows[i].real_ms, rows[i].boot_ms, rows[i].other_ms), rows[i].good);
        assert_int_equal(g.why[0] == '\0', rows[i].good);
        assert_int_equal(clock_guard_check(&g, 1000000, 1000, 0), rows[i].good); /* it stays stopped */
        clock_guard_confirm(&g);
        assert_true(clock_guard_check(&g, rows[i].real_ms, rows[i].boot_ms, 0));
    }
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

/* ---- orders ------------------------------------------------------------------------------------------------------ */

static enum err
order(struct entry e)
{
    struct command c = { .kind = COMMAND_ORDER, .actor.kind = ACTOR_LOCAL, .in.order.entry = e };

    return mw_run(m, &c);
}

static void
test_orders_keep_reservations_in_step(void **unused)
{
    struct reservation *r = running(8, 3600, false), *s = running(8, 3600, false);
    const struct hold *h = ledger_hold(m->w->l, r->hold), *g = ledger_hold(m->w->l, s->hold);
    struct entry correct;

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
    correct = world_order(m->w, CORRECT);
    correct.u.correct.entry = g->index;
    correct.u.correct.of_hold = 1;
    correct.debit = g->site_account;
    correct.credit = g->grant;
    correct.amount = g->settled;
    world_sign(m->w, &correct, "AB");
    assert_err(OK, order(correct));
    assert_int_equal(s->state, TICKET_SETTLED);
    assert_false(g->disputed);
    assert_int_equal(s->settled_gpums, 0);
}

static void
test_a_packed_question_is_the_same_question(void **unused)
{
    struct broker_ask asks[3] = { mw_ask(1, 60), mw_ask(56, 86400), mw_ask(BROKER_GPUS_MAX, BROKER_WALLTIME_MAX) },
                      back;
    uint8_t plain[BROKER_ASK_LEN], again[BROKER_ASK_LEN];

    (void)unused;
    country_add(&asks[1].countries, "FI");
    memset(asks[2].model, 'x', sizeof asks[2].model - 1);
    asks[2].deadline_ms = INT64_C(4102444800000);
    for (asks[2].excluded_count = 0; asks[2].excluded_count < BROKER_EXCLUDED_MAX; asks[2].excluded_count++)
        asks[2].excluded[asks[2].excluded_count] = (UINT64_C(1) << 40) + asks[2].excluded_count;
    for (size_t i = 0; i < 3; i++) {
        struct bytes packed = packed_ask_make(&asks[i]);
        assert_err(OK, packed_ask_read(packed, &back));
        broker_ask_encode(&asks[i], plain);
        broker_ask_encode(&back, again);
        assert_memory_equal(plain, again, sizeof plain);
        assert_true(i > 0 || packed.len < 100);
        for (size_t len = 0; len < packed.len; len++) /* a part of it is none */
            assert_err(ERR_CORRUPT, packed_ask_read(BYTES(packed.data, len), &back));
        free((void *)(uintptr_t)packed.data);
    }
}

static void
test_timers_stretch_in_a_simulation(void **unused)
{
    struct timing t;

    (void)unused;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_quote_books_its_best_option_only),
        TEST(test_quote_without_an_offer_is_kept_with_its_reasons),
        TEST(test_quote_refusals),
        TEST(test_open_quotes_never_cost_more_than_is_free),
        TEST(test_beyond_the_first_a_tenth_of_a_site),
        TEST(test_a_new_question_takes_the_place_of_the_older),
        TEST(test_renewal_once_then_a_pause),
        TEST(test_asking_again_counts_as_renewal),
        TEST(test_accept),
        TEST(test_claims),
        TEST(test_accept_an_indicative_option),
        TEST(test_option_gone_when_taken_or_repriced),
        TEST(test_a_quote_fixes_its_rate),
        TEST(test_accept_refusals),
        TEST(test_permit_in_its_time_only),
        TEST(test_permit_again_after_one_and_a_half_lives),
        TEST(test_an_older_instance_gets_no_permit_it_could_use),
        TEST(test_late_acceptance_withdraws),
        TEST(test_a_paused_site_gets_no_permit),
        TEST(test_the_same_number_gets_the_same_answer),
        TEST(test_finished_pays_what_was_used),
        TEST(test_a_settlement_never_pays_more_than_is_held),
        TEST(test_failed_job_is_paid_failed_site_is_not),
        TEST(test_a_long_job_is_settled_daily_and_taken_back_if_the_site_fails),
        TEST(test_a_daily_settlement_leaves_something_held),
        TEST(test_a_rejection_of_what_was_paid_is_for_a_person),
        TEST(test_rejected_moves_never_dearer_and_leaves_the_site_out),
        TEST(test_not_moved_unless_the_request_says_so),
        TEST(test_implausible_reports_are_put_before_a_person),
        TEST(test_reports_about_nothing_known_are_kept),
        TEST(test_cancel_before_a_permit),
        TEST(test_cancel_after_a_permit_waits_for_the_site),
        TEST(test_cancelled_without_use_is_void),
        TEST(test_accept_by_passes),
        TEST(test_silence_is_a_dispute_that_ends_by_itself),
        TEST(test_never_started_and_cancelling_fall_silent),
        TEST(test_after_its_expiry_a_hold_takes_no_report),
        TEST(test_credits_lapse_at_the_end_and_what_comes_back_with_them),
        TEST(test_a_draining_site_loses_its_unpermitted_tickets),
        TEST(test_sweep_finds_what_is_due_and_what_to_withdraw),
        cmocka_unit_test(test_clock_guard),
        TEST(test_instances_and_spools),
        TEST(test_orders_keep_reservations_in_step),
        TEST(test_a_packed_question_is_the_same_question),
        TEST(test_timers_stretch_in_a_simulation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
