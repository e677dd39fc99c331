/* market/herald: what the state shows that people are to be told of, once. */
#include "market/herald.h"
#include "base/num.h"
#include "market/index.h"
#include "market_case.h"

#define DAY_MS (24 * HOUR_MS)

static int64_t contact_ms;

static int64_t
contact_of(void *ctx, uint64_t site)
{
    return site == *(uint64_t *)ctx ? contact_ms : 0;
}

static size_t
look(struct map *told, struct herald_item ret[8])
{
    return herald_look(&m->state, m->w->now, told, ret, 8);
}

static void
note(struct map *told, const struct herald_item *item)
{
    struct hash key = herald_key(item);

    map_put(told, &key, told, NULL);
}

static void
test_a_quote_is_told_in_its_last_minutes_once(void **unused)
{
    struct map *told = map_new(sizeof(struct hash));
    struct broker_ask ask = mw_ask(8, 3600);
    struct uuid quote, request = world_uuid(m->w);
    struct herald_item items[8];

    (void)unused;
    assert_err(OK, mw_quote(m, 0, request, &ask, &quote));
    mw_advance(m, TTL_MS - 3 * MINUTE_MS - 1);
    assert_int_equal(look(told, items), 0);
    mw_advance(m, 1);
    assert_int_equal(look(told, items), 1);
    assert_true(items[0].kind == NOTICES_QUOTE_ENDING && uuid_equal(items[0].id, quote) && uuid_equal(items[0].request, request));
    assert_true(uuid_equal(items[0].organisation, m->w->org[0]) && items[0].gpums > 0 && items[0].code[0]);
    note(told, &items[0]);
    assert_int_equal(look(told, items), 0);
    map_delete(told);
}

static void
test_a_silent_site_is_told_and_one_in_touch_is_not(void **unused)
{
    struct map *told = map_new(sizeof(struct hash));
    struct clock real = m->state.clock;
    struct herald_item items[8];

    (void)unused;
    m->state.clock = clock_simulated(m->w->now + HOUR_MS, clock_now(&real), 1);
    m->state.contact = contact_of;
    m->state.contact_ctx = &m->w->site[0];
    m->state.since_ms = 0;
    contact_ms = m->w->now - 300001;
    assert_int_equal(look(told, items), 1);
    assert_true(items[0].kind == NOTICES_AGENT_SILENT && items[0].site == m->w->site[0] && items[0].since_ms == contact_ms + 1);
    note(told, &items[0]);
    assert_int_equal(look(told, items), 0);
    contact_ms = m->w->now;
    assert_int_equal(look(told, items), 0);
    map_delete(told);
}

static void
test_a_cut_place_is_told(void **unused)
{
    struct map *told = map_new(sizeof(struct hash));
    struct reservation *r = reserve(40, 3600, false);
    struct command c = { .kind = COMMAND_CAPACITY, .actor.kind = ACTOR_LOCAL };
    struct herald_item items[8];

    (void)unused;
    assert_int_equal(look(told, items), 0);
    c.in.capacity.offering = m->w->offering[1];
    c.in.capacity.nodes = MW_GPUS / 4;
    c.in.capacity.brokered_gpus = 24;
    c.in.capacity.pool_nodes = MW_POOL_NODES;
    assert_err(OK, mw_run(m, &c));
    assert_int_equal(look(told, items), 1);
    assert_true(items[0].kind == NOTICES_MAINTENANCE && uuid_equal(items[0].id, r->id) && uuid_equal(items[0].request, r->request));
    note(told, &items[0]);
    assert_int_equal(look(told, items), 0);
    c.in.capacity.brokered_gpus = 64; /* as the world's invariants want it: all that is booked fits */
    assert_err(OK, mw_run(m, &c));
    map_delete(told);
}

/* Also where enough stays for all; those that were made later knew. */
static void
test_maintenance_is_told_where_a_place_stays(void **unused)
{
    struct map *told = map_new(sizeof(struct hash));
    struct reservation *r = reserve(40, 3600, false);
    int64_t from_ms = r->booked_slot * CALENDAR_SLOT_MS, until_ms = (r->booked_slot + r->booked_slots) * CALENDAR_SLOT_MS;
    struct notices_window w = { .offering = r->offering, .number = 3, .from_ms = until_ms - 1, .until_ms = until_ms + HOUR_MS, .set_ms = m->w->now, .less_nodes = 1 };
    struct herald_item items[8];

    (void)unused;
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 1);
    assert_true(items[0].kind == NOTICES_MAINTENANCE && strcmp(items[0].how, "planned") == 0 && uuid_equal(items[0].id, r->id));
    assert_true(uuid_equal(items[0].organisation, r->org) && items[0].at_ms == w.from_ms && items[0].until_ms == w.until_ms && items[0].code[0]);
    assert_int_equal(herald_window(&m->state, &w, told, items, 0), 0);
    note(told, &items[0]);
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 0);
    w.number = 4; /* another one */
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 1);
    w.from_ms = until_ms; /* after it, and before it */
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 0);
    w.from_ms = from_ms - HOUR_MS;
    w.until_ms = from_ms;
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 0);
    w.until_ms = until_ms;
    w.set_ms = r->created_ms - 1;
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 0);
    w.set_ms = m->w->now;
    w.less_nodes = 0; /* of the pool alone: it has whole nodes */
    w.less_pool_nodes = 1;
    assert_int_equal(herald_window(&m->state, &w, told, items, 8), 0);
    map_delete(told);
}

static void
test_who_is_told(void **unused)
{
    (void)unused;
    assert_int_equal(notices_audience(NOTICES_AGENT_SILENT), NOTICES_TO_OPERATORS | NOTICES_TO_ADMINISTRATORS);
    assert_int_equal(notices_audience(NOTICES_MAINTENANCE), NOTICES_TO_ASKER | NOTICES_TO_OWNERS);
    assert_int_equal(notices_audience(NOTICES_CREDITS_LAPSE), NOTICES_TO_OWNERS);
}

static void
test_grants_near_their_end_are_looked_at_in_turn(void **unused)
{
    struct map *told = map_new(sizeof(struct hash));
    const struct account *a = ledger_newest_grant(m->state.ledger, m->w->org[0]);
    struct herald_item items[8];
    uint64_t after = 0;

    (void)unused;
    assert_int_equal(herald_grants(&m->state, a->end_ms - 31 * DAY_MS, told, &after, items, 8), 0);
    assert_int_equal(herald_grants(&m->state, a->end_ms, told, &after, items, 8), 0); /* over */
    assert_true(herald_grants(&m->state, a->end_ms - 30 * DAY_MS, told, &after, items, 1) == 1 && after == items[0].account);
    assert_true(items[0].days == 30 && items[0].free_gpums > 0);
    note(told, &items[0]);
    assert_true(herald_grants(&m->state, a->end_ms - 30 * DAY_MS, told, &after, items, 8) == 1 && after == 0); /* the other one */
    note(told, &items[0]);
    assert_int_equal(herald_grants(&m->state, a->end_ms - 30 * DAY_MS, told, &after, items, 8), 0);
    assert_true(herald_grants(&m->state, a->end_ms - 7 * DAY_MS, told, &after, items, 8) == 2 && items[0].days == 7);
    map_delete(told);
}

static void
test_what_lapses_at_the_present_pace(void **unused)
{
    static const struct { const char *why; int64_t paid, from_day, left_days; bool tells; int64_t lapses; } PACES[] = {
        { "nothing used", 0, 50, 10, true, 1000 },
        { "half of what is needed", 700, 50, 10, true, 500 },
        { "on pace", 1400, 50, 10, false, 0 },
        { "nearly on pace", 1350, 50, 10, false, 36 },
        { "ahead, and beyond 64 bits on the way", INT64_MAX / 2, 50, 10, false, 0 },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof PACES / sizeof PACES[0]; i++) {
        int64_t now_ms = (PACES[i].from_day + 14) * DAY_MS;
        struct herald_item g = { .free_gpums = 1000, .start_ms = 0, .at_ms = now_ms + PACES[i].left_days * DAY_MS };

        assert_int_equal(herald_lapses(&g, now_ms, PACES[i].paid, PACES[i].from_day * DAY_MS), PACES[i].tells);
        assert_int_equal(g.gpums, PACES[i].lapses);
    }
}

static void
test_words_fit_their_columns(void **unused)
{
    struct arena *a = arena_new();

    (void)unused;
    for (int kind = NOTICES_JOB_ENDED; kind < NOTICES_TEST; kind++) {
        struct herald_item item = { .kind = (enum notices_kind)kind, .gpums = INT64_MAX, .free_gpums = INT64_MAX, .how = "closed", .site = NO_INDEX,
                                    .account = UINT64_MAX >> 1, .at_ms = INT64_C(253402300799999), .id = { { 1 } }, .other = { { 2 } } };
        struct notices_event e;

        if (kind == NOTICES_APPROVAL)
            continue;
        memset(item.name, '"', sizeof item.name - 1);
        memset(item.code, 'x', sizeof item.code - 1);
        e = herald_words(&item, (struct uuid){ { 3 } }, 5, a);
        assert_true(strlen(e.title) <= 200 && strlen(e.text) <= 2000 && strlen(e.facts) <= 2000 && strlen(e.link) <= 200 && e.facts[0] == '{');
    }
    arena_delete(a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_quote_is_told_in_its_last_minutes_once),
        CASE(test_a_silent_site_is_told_and_one_in_touch_is_not),
        CASE(test_a_cut_place_is_told),
        CASE(test_maintenance_is_told_where_a_place_stays),
        CASE(test_who_is_told),
        CASE(test_grants_near_their_end_are_looked_at_in_turn),
        CASE(test_what_lapses_at_the_present_pace),
        CASE(test_words_fit_their_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
