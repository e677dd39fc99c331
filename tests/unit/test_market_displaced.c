/* market/displaced.c: what cannot stay where it is, because its site drains, stands still or is silent, or was cut. Each case's
 * world is checked at its end, and each command is taken back once and run again (market_case.h). */
#include "market/displaced.h"
#include "market/sweep.h"
#include "market_case.h"

static int64_t contact_ms;

static int64_t
contact_of(void *ctx, uint64_t site)
{
    return site == *(uint64_t *)ctx ? contact_ms : 0;
}

static struct reservation *
live_of(struct uuid request)
{
    return ((struct request_state *)map_get(m->state.by_request, &request))->live;
}

static enum err
move(int grant, const struct reservation *r, const struct broker_ask *ask)
{
    struct command c = { .kind = COMMAND_MOVE, .actor = { .kind = ACTOR_PERSON, .orgs_n = 1 } };

    c.actor.orgs[0].id = m->w->org[grant];
    c.in.move.reservation = r->id;
    c.in.move.ask = ask;
    c.new_id[0] = world_uuid(m->w);
    return mw_run(m, &c);
}

static enum err
cut(int site, uint32_t brokered_gpus)
{
    struct command c = { .kind = COMMAND_CAPACITY, .actor.kind = ACTOR_LOCAL };

    c.in.capacity.offering = m->w->offering[site];
    c.in.capacity.nodes = MW_GPUS / 4;
    c.in.capacity.brokered_gpus = brokered_gpus;
    c.in.capacity.pool_nodes = MW_POOL_NODES;
    return mw_run(m, &c);
}

/* The other site is dearer: nothing is dropped, it stays, and is looked at again after a minute. */
static void
test_nothing_is_dropped_where_no_place_is_as_cheap(void **unused)
{
    struct reservation *r = reserve(8, 3600, true);
    struct due_item items[4];

    (void)unused;
    site_state(1)->draining = true;
    assert_int_equal(displaced_why(&m->state, r, m->w->now), DISPLACED_DRAINING);
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 1);
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, r->id, 0));
    assert_int_equal(r->state, TICKET_ISSUED);
    assert_int_equal(r->version, 1);
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 0);
    mw_advance(m, 60000);
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 1);
    site_state(1)->draining = false; /* it is back */
    assert_int_equal(displaced_why(&m->state, r, m->w->now), DISPLACED_NOT);
    assert_err(OK, say(r, REPORT_ACCEPTED));
    assert_int_equal(r->state, TICKET_PERMITTED);
}

/* What came last goes, until all that is left fits; a later time at the same site is as good a place as another. */
static void
test_a_cut_moves_the_newest_until_the_rest_fits(void **unused)
{
    struct reservation *old = reserve(40, 3600, true), *new = reserve(16, 3600, true), *next;
    struct uuid request = new->request;
    struct due_item items[4];

    (void)unused;
    assert_false(sweep_wanted(&m->state, m->w->now));
    assert_err(OK, cut(1, 48)); /* 40 of them for whole nodes: 16 too few */
    assert_true(displaced_overbooked(index_offering(&m->state, m->w->offering[1])));
    assert_true(sweep_wanted(&m->state, m->w->now));
    assert_int_equal(displaced_why(&m->state, old, m->w->now), DISPLACED_CUT);
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 2);
    assert_true(uuid_equal(items[0].id, new->id) && uuid_equal(items[1].id, old->id));
    for (int i = 0; i < 2; i++)
        assert_err(OK, mw_timer(m, DUE_WITHDRAW, items[i].id, items[i].index));
    assert_int_equal(old->state, TICKET_ISSUED);
    assert_int_equal(displaced_why(&m->state, old, m->w->now), DISPLACED_NOT);
    assert_false(displaced_overbooked(index_offering(&m->state, m->w->offering[1])));
    next = live_of(request);
    assert_int_equal(next->site, m->w->site[1]);
    assert_true(next->window_start_ms >= old->window_end_ms - HOUR_MS); /* when the older one is over at the latest */
    assert_true(next->moves == 1 && next->move_freely);
}

static void
test_the_start_up_moves_what_may_not_move_freely(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id, request = world_uuid(m->w);
    struct reservation *r, *next;
    int64_t cost_gpums;

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 1, false, &id)); /* the dearer site */
    r = mw_reservation(m, id);
    cost_gpums = r->cost_gpums;
    assert_err(ERR_STATE, move(0, r, &ask)); /* nothing is in its way */
    site_state(0)->paused = true;
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, id, 0));
    assert_int_equal(r->state, TICKET_ISSUED);
    assert_err(ERR_NOT_FOUND, move(1, r, &ask));
    site_state(1)->paused = true;
    assert_err(ERR_OPTION_GONE, move(0, r, &ask));
    assert_true(r->state == TICKET_ISSUED && r->version == 1);
    site_state(1)->paused = false;
    assert_err(OK, move(0, r, &ask));
    next = live_of(request);
    assert_true(uuid_equal(m->answer.id, next->id) && next->site == m->w->site[1] && !next->move_freely && next->ask.len == 0);
    assert_true(next->cost_gpums <= cost_gpums);
    assert_null(mw_reservation(m, id));
    assert_err(OK, say(next, REPORT_ACCEPTED));
    site_state(1)->paused = true;
    assert_err(ERR_STATE, move(0, next, &ask)); /* it has its permit */
}

/* Five minutes without a word: no new work comes, an open quote's place neither; what is there waits until it might ask for
 * its permit, then it moves by itself, or before when the start-up says so. */
static void
test_a_silent_site_gets_no_new_work(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, open, id, request = world_uuid(m->w);
    struct reservation *r, *next;
    struct due_item items[4];
    struct clock real = clock_real();
    int64_t cost_gpums;

    (void)unused;
    ask.earliest_start_ms = m->w->now + 24 * HOUR_MS;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    assert_err(OK, mw_accept(m, 0, quote, 1, true, &quote)); /* the dearer site */
    r = mw_reservation(m, quote);
    assert_true(r->site == m->w->site[0] && r->permit_from_ms > m->w->now);
    assert_err(OK, mw_quote(m, 0, world_uuid(m->w), &ask, &open));
    m->state.contact = contact_of;
    m->state.contact_ctx = &m->w->site[0];
    m->state.since_ms = m->w->now - HOUR_MS;
    contact_ms = m->w->now - 300000;
    assert_int_equal(displaced_why(&m->state, r, m->w->now), DISPLACED_NOT);
    contact_ms--;
    assert_int_equal(displaced_why(&m->state, r, m->w->now), DISPLACED_SILENT);
    assert_true(sweep_wanted(&m->state, m->w->now));
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 0);
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, r->id, 0));
    assert_true(r->state == TICKET_ISSUED && r->version == 1);
    assert_err(ERR_OPTION_GONE, mw_accept(m, 0, open, 1, true, &id));
    site_state(1)->paused = true;
    assert_err(OK, mw_quote(m, 1, world_uuid(m->w), &ask, &quote));
    assert_true(m->answer.flags & ANSWER_NO_OFFER);
    site_state(1)->paused = false;
    m->state.since_ms = m->w->now; /* a server that has just begun has heard nobody yet */
    assert_int_equal(displaced_why(&m->state, r, m->w->now), DISPLACED_NOT);
    m->state.since_ms -= HOUR_MS;
    m->state.clock = clock_simulated(contact_ms, clock_now(&real), 1); /* the journal's time is ahead of it */
    assert_int_equal(displaced_why(&m->state, r, m->w->now), DISPLACED_NOT);
    m->state.clock = clock_simulated(m->w->now, clock_now(&real), 1);
    cost_gpums = r->cost_gpums;
    assert_err(OK, move(0, r, &ask));
    next = live_of(request);
    assert_true(next->site == m->w->site[1] && next->moves == 1 && next->cost_gpums <= cost_gpums);
}

static void
test_what_waits_at_a_silent_site_moves_by_itself(void **unused)
{
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, id, request[3];
    struct reservation *r[3];
    struct due_item items[4];
    struct clock real = clock_real();

    (void)unused;
    ask.earliest_start_ms = m->w->now + 24 * HOUR_MS;
    for (int i = 0; i < 3; i++) { /* one that may move, one that may not, one that has its permit when the site falls silent */
        request[i] = world_uuid(m->w);
        assert_err(OK, mw_quote(m, i == 1, request[i], &ask, &quote));
        assert_err(OK, mw_accept(m, i == 1, quote, 1, i != 1, &id));
        r[i] = mw_reservation(m, id);
        assert_int_equal(r[i]->site, m->w->site[0]);
    }
    mw_advance(m, r[0]->permit_from_ms - 1 - m->w->now);
    m->state.clock = clock_simulated(m->w->now + HOUR_MS, clock_now(&real), 1);
    m->state.contact = contact_of;
    m->state.contact_ctx = &m->w->site[0];
    m->state.since_ms = 0;
    contact_ms = m->w->now - 300001;
    assert_int_equal(displaced_why(&m->state, r[0], m->w->now), DISPLACED_SILENT);
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 0);
    mw_advance(m, 1);
    assert_err(OK, say(r[2], REPORT_ACCEPTED));
    assert_int_equal(sweep_sites(&m->state, m->w->now, items, 4), 1);
    assert_true(items[0].what == DUE_WITHDRAW && uuid_equal(items[0].id, r[0]->id));
    assert_err(OK, mw_timer(m, DUE_WITHDRAW, r[0]->id, items[0].index));
    assert_int_equal(live_of(request[0])->site, m->w->site[1]);
    assert_true(live_of(request[1]) == r[1] && r[1]->state == TICKET_ISSUED);
    assert_true(live_of(request[2]) == r[2] && r[2]->state == TICKET_PERMITTED);
    contact_ms = m->w->now; /* it is back */
    assert_false(sweep_wanted(&m->state, m->w->now));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_nothing_is_dropped_where_no_place_is_as_cheap),
        CASE(test_a_cut_moves_the_newest_until_the_rest_fits),
        CASE(test_the_start_up_moves_what_may_not_move_freely),
        CASE(test_a_silent_site_gets_no_new_work),
        CASE(test_what_waits_at_a_silent_site_moves_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
