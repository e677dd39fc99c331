/* market/: the rules of quotes and acceptances, each by its case. */
#include "base/json.h"
#include "base/text.h"
#include "market/packed_ask.h"
#include "market_case.h"

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

/* Let go before half its time is over and asked for anew, for ever: that parks as well. */
static void
test_short_quotes_one_after_the_other_count_too(void **unused)
{
    struct broker_ask much = mw_ask(32, 3600), little = mw_ask(4, 3600), other = mw_ask(32, 3600);
    struct uuid request = world_uuid(m->w), quote;
    int asked = 0;
    enum err err;

    (void)unused;
    do { /* four minutes at a time; each question takes the place of the one before */
        err = mw_quote(m, 0, request, &much, &quote);
        mw_advance(m, 4 * MINUTE_MS);
        mw_timers(m);
        asked++;
    } while (err == OK && asked < 20);
    assert_err(ERR_QUOTE_RENEWED, err);
    assert_true(asked >= 3 && asked <= 5); /* the first ones, one that counts as a renewal, then the pause */
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &other, NULL)); /* the site is free for others meanwhile */
    for (int i = 0; i < 4; i++) { /* what is open runs out, and the pause after it */
        mw_advance(m, TTL_MS);
        mw_timers(m);
    }
    for (int i = 0; i < 20; i++) { /* who thinks as long as he books, or books little, may go on */
        assert_err(OK, mw_quote(m, 0, request, &much, &quote));
        mw_advance(m, 4 * MINUTE_MS);
        assert_err(OK, mw_release(m, 0, quote));
        mw_advance(m, 4 * MINUTE_MS);
    }
    for (int i = 0; i < 20; i++) {
        assert_err(OK, mw_quote(m, 0, request, &little, &quote));
        mw_advance(m, 4 * MINUTE_MS);
    }
}

/* All of a site for a quote's life, and then a job of one GPU there, for ever: the one does not make good for the other. */
static void
test_a_little_job_does_not_excuse_a_parked_site(void **unused)
{
    struct broker_ask much = mw_ask(56, 3600), little = mw_ask(1, 60);
    struct uuid quote;
    int held = 0;

    (void)unused;
    much.preference = little.preference = BROKER_CHEAPEST; /* at one site */
    for (int round = 0; round < 12; round++) {
        if (mw_quote(m, 0, world_uuid(m->w), &much, &quote) == OK)
            held++;
        mw_advance(m, TTL_MS);
        mw_timers(m);
        if (mw_quote(m, 0, world_uuid(m->w), &little, &quote) == OK)
            assert_err(OK, mw_accept(m, 0, quote, 0, false, NULL));
    }
    assert_in_range(held, 7, 9); /* two of three: the third is the pause */
    for (int i = 0; i < 3; i++) {
        mw_advance(m, TTL_MS);
        mw_timers(m);
    }
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &much, &quote));
    mw_advance(m, TTL_MS);
    mw_timers(m);
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &much, &quote)); /* used at last: as much as was parked */
    assert_err(OK, mw_accept(m, 0, quote, 0, false, NULL));
    much.earliest_start_ms = m->w->now + 10 * HOUR_MS;
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &much, &quote));
    assert_false(index_quote(&m->state, quote)->renewed);
}

/* Accepted when its time is nearly over, and cancelled at once, for ever. */
static void
test_accepted_and_cancelled_was_parked_too(void **unused)
{
    struct broker_ask much = mw_ask(56, 3600), little = mw_ask(4, 3600);
    struct uuid quote, id;
    int held = 0;

    (void)unused;
    much.preference = little.preference = BROKER_CHEAPEST;
    for (int round = 0; round < 12; round++) {
        enum err err = mw_quote(m, 0, world_uuid(m->w), &much, &quote);

        mw_advance(m, 9 * MINUTE_MS);
        mw_timers(m);
        if (err)
            continue;
        held++;
        assert_err(OK, mw_accept(m, 0, quote, 0, false, &id));
        assert_err(OK, mw_cancel(m, 0, id));
    }
    assert_in_range(held, 6, 9);
    for (int i = 0; i < 4; i++) {
        mw_advance(m, TTL_MS);
        mw_timers(m);
    }
    for (int i = 0; i < 6; i++) { /* little of a site: as often as one likes */
        assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &little, &quote));
        mw_advance(m, 9 * MINUTE_MS);
        assert_err(OK, mw_accept(m, 0, quote, 0, false, &id));
        assert_err(OK, mw_cancel(m, 0, id));
    }
}

/* ---- nights -------------------------------------------------------------------------------------------------------- */

static struct reservation *
live_night(struct uuid request, unsigned night)
{
    struct uuid id = uuid_row(request, night);
    const struct request_state *r = map_get(m->state.by_request, &id);

    return r != NULL ? r->live : NULL;
}

static struct broker_ask
three_nights(void)
{
    struct broker_ask ask = mw_ask(32, 9 * 3600);

    ask.nights = 3;
    ask.night_from = 1200;
    ask.night_until = 360;
    return ask;
}

/* Three nights, 20:00 to 06:00: booked, accepted, cancelled, all or one; what each case checks at its end (the books, the
 * calendars, what a rebuild makes of the rows) holds for them too. */
static void
test_nights(void **unused)
{
    struct broker_ask ask = three_nights();
    struct uuid request = uuid_row(world_uuid(m->w), 0), quote, id;
    int64_t before = free_credits(0), slot;
    uint64_t size = ledger_size(m->w->l);
    const struct quote *q;

    (void)unused;
    assert_err(ERR_FIELD_INVALID, mw_quote(m, 0, uuid_row(request, 1), &ask, NULL));
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    q = index_quote(&m->state, quote);
    slot = q->start_slot;
    assert_int_equal(q->nights, 3);
    assert_int_equal(q->start_ms % BROKER_DAY_MS, 20 * HOUR_MS);
    assert_int_equal(q->cost_gpums, INT64_C(3) * 32 * 9 * 3600 * 1500);
    for (int night = 0; night < 4; night++) /* each night, and none beyond, nor the days between */
        assert_int_equal(calendar_free(whole(1), slot + night * CALENDAR_DAY_SLOTS), night < 3 ? 56 - 32 : 56);
    assert_int_equal(calendar_free(whole(1), slot + q->slots), 56);
    assert_err(OK, mw_accept(m, 0, quote, 0, true, &id));
    assert_int_equal(ledger_size(m->w->l), size + 3);
    assert_int_equal(free_credits(0), before - INT64_C(3) * 32 * 9 * 3600 * 1500);
    assert_int_equal(site_state(1)->last_seq, 3);
    for (unsigned night = 0; night < 3; night++) {
        const struct reservation *r = live_night(request, night);

        assert_true(uuid_equal(r->id, uuid_row(id, night)));
        assert_int_equal(r->night, night + 1);
        assert_int_equal(r->nights, 3);
        assert_int_equal(r->fence, 1);
        assert_int_equal(r->booked_slot, slot + night * CALENDAR_DAY_SLOTS);
        assert_int_equal(r->window_end_ms - r->start_by_ms, 9 * HOUR_MS);
    }
    assert_err(ERR_REQUEST_BUSY, mw_quote(m, 0, request, &ask, NULL));
    assert_err(OK, mw_cancel(m, 0, live_night(request, 0)->id));
    assert_err(ERR_REQUEST_BUSY, mw_quote(m, 0, request, &ask, NULL)); /* two nights are reserved */
    assert_err(ERR_NOT_FOUND, mw_cancel_request(m, 1, request));
    assert_non_null(live_night(request, 2));
    assert_err(OK, mw_cancel_request(m, 0, request));
    assert_int_equal(m->answer.number, 2);
    assert_null(live_night(request, 1));
    assert_err(ERR_STATE, mw_cancel_request(m, 0, request));
    assert_int_equal(free_credits(0), before);
    for (int night = 0; night < 3; night++)
        assert_int_equal(calendar_free(whole(1), slot + night * CALENDAR_DAY_SLOTS), 56);
    for (int i = 0; i < UUID_ROW; i++) /* these ids are no random ones: on to another row */
        (void)world_uuid(m->w);
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote)); /* all of it anew, with higher fences */
    assert_err(OK, mw_accept(m, 0, quote, 0, true, &id));
    assert_int_equal(live_night(request, 1)->fence, 2);
}

/* The last night is taken after the quote was made: of an indicative option nothing is left. */
static void
test_nights_are_taken_whole(void **unused)
{
    struct broker_ask ask = three_nights(), other = mw_ask(56, 3600);
    struct uuid request = uuid_row(world_uuid(m->w), 0), quote, taken;
    uint64_t size;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    other.earliest_start_ms = index_quote(&m->state, quote)->start_ms + 2 * BROKER_DAY_MS;
    other.preference = BROKER_SOONEST;
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &other, &taken)); /* all of the other site, in the third night */
    assert_true(index_quote(&m->state, taken)->site != index_quote(&m->state, quote)->site);
    size = ledger_size(m->w->l);
    assert_err(ERR_OPTION_GONE, mw_accept(m, 0, quote, 1, true, NULL));
    assert_int_equal(ledger_size(m->w->l), size);
    assert_null(live_night(request, 0));
    assert_err(OK, mw_accept(m, 0, quote, 0, true, NULL));
    assert_non_null(live_night(request, 2));
}

/* Floors are asked about each night of another option, not about the first alone. */
static void
test_nights_leave_every_floor(void **unused)
{
    struct broker_ask ask = three_nights();
    struct offering_state *os = index_offering(&m->state, m->w->offering[0]);
    struct calendar *calendar = os->calendar;
    struct uuid request = uuid_row(world_uuid(m->w), 0), quote;
    int64_t third;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    assert_true(index_quote(&m->state, quote)->site == m->w->site[1]);
    third = index_quote(&m->state, quote)->start_slot + 2 * CALENDAR_DAY_SLOTS;
    text_format(os->floors, sizeof os->floors, "another:20");
    calendar_reserve(calendar, third, 1, 16);
    assert_err(ERR_OPTION_GONE, mw_accept(m, 0, quote, 1, false, NULL));
    calendar_release(calendar, third, 1, 16);
    assert_err(OK, mw_accept(m, 0, quote, 1, false, NULL));
    os->floors[0] = '\0';
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_quote_books_its_best_option_only),
        CASE(test_quote_without_an_offer_is_kept_with_its_reasons),
        CASE(test_quote_refusals),
        CASE(test_open_quotes_never_cost_more_than_is_free),
        CASE(test_beyond_the_first_a_tenth_of_a_site),
        CASE(test_a_new_question_takes_the_place_of_the_older),
        CASE(test_nights),
        CASE(test_nights_are_taken_whole),
        CASE(test_nights_leave_every_floor),
        CASE(test_renewal_once_then_a_pause),
        CASE(test_asking_again_counts_as_renewal),
        CASE(test_short_quotes_one_after_the_other_count_too),
        CASE(test_a_little_job_does_not_excuse_a_parked_site),
        CASE(test_accepted_and_cancelled_was_parked_too),
        CASE(test_accept),
        CASE(test_claims),
        CASE(test_accept_an_indicative_option),
        CASE(test_option_gone_when_taken_or_repriced),
        CASE(test_a_quote_fixes_its_rate),
        CASE(test_accept_refusals),
        CASE(test_a_packed_question_is_the_same_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
