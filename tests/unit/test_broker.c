/* tests/unit/test_broker.c: every reason, the order, the cost, help and what-ifs, and an oracle that tries every start. */
#include "core/broker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "core/needs.h"
#include "core/organisation.h"

#define HOUR_MS  INT64_C(3600000)
#define DAY_MS   (24 * HOUR_MS)
#define NOW_MS   INT64_C(1778594400000) /* 2026-05-12T14:00:00Z, on a slot's edge */
#define NOW_SLOT (NOW_MS / CALENDAR_SLOT_MS)

enum { SITES = 7 };

/* The federation of the screens: a calendar and a pool each. */
struct world {
    struct broker_offering o[SITES];
    struct calendar *calendar[SITES], *pool[SITES];
    struct broker_view view;
    struct broker_line lines[SITES];
    struct broker_answer answer;
};

static const struct {
    const char *code, *country, *model;
    int32_t memory, per_node, island, brokered, pool;
    int64_t rate;
    int32_t lat, lon;
} SEED[SITES] = {
    { "bsc", "ES", "H100", 64, 4, 512, 400, 8, 1850, 41390, 2116 },
    { "cineca", "IT", "A100", 64, 4, 256, 800, 8, 1000, 44494, 11343 },
    { "lumi", "FI", "MI250X", 128, 4, 256, 600, 8, 1250, 64230, 27700 },
    { "lxp", "LU", "A100", 40, 4, 128, 200, 4, 900, 49722, 6117 },
    { "mimer", "SE", "H200", 141, 8, 64, 160, 2, 2100, 58411, 15621 },
    { "hlrs", "DE", "MI300A", 128, 4, 64, 96, 0, 1700, 48740, 9097 },
    { "grnet", "GR", "H100", 80, 4, 96, 128, 2, 1800, 37715, 24056 },
};

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    for (size_t i = 0; i < SITES; i++) {
        struct broker_offering *o = &w->o[i];

        o->offering = 200 + i;
        o->site = 100 + i;
        text_format(o->site_code, sizeof o->site_code, "%s", SEED[i].code);
        text_format(o->country, sizeof o->country, "%s", SEED[i].country);
        text_format(o->model, sizeof o->model, "%s", SEED[i].model);
        o->has_place = true;
        o->lat = SEED[i].lat;
        o->lon = SEED[i].lon;
        o->memory_gb = SEED[i].memory;
        o->gpus_per_node = SEED[i].per_node;
        o->max_gpus_one_island = SEED[i].island;
        o->brokered_gpus = SEED[i].brokered;
        o->pool_nodes = SEED[i].pool;
        o->rate = 300 + i;
        o->rate_milli = SEED[i].rate;
        w->calendar[i] = calendar_new(o->brokered_gpus - o->pool_nodes * o->gpus_per_node, NOW_SLOT);
        w->pool[i] = o->pool_nodes > 0 ? calendar_new(o->pool_nodes * o->gpus_per_node, NOW_SLOT) : NULL;
        o->calendar = w->calendar[i];
        o->pool = w->pool[i];
    }
    w->view = (struct broker_view){ .offerings = w->o, .count = SITES, .now_ms = NOW_MS };
    w->answer.lines = w->lines;
    w->answer.lines_max = SITES;
}

static void
world_close(struct world *w)
{
    for (size_t i = 0; i < SITES; i++) {
        calendar_delete(w->calendar[i]);
        calendar_delete(w->pool[i]);
    }
}

static struct broker_ask
ask_for(int32_t gpus, int64_t hours)
{
    return (struct broker_ask){ .gpus = gpus, .walltime_s = hours * 3600, .explain = true };
}

static const struct broker_line *
quote(struct world *w, const struct broker_ask *ask, size_t site)
{
    broker_quote(&w->view, ask, &w->answer);
    return &w->answer.lines[site];
}

/* ---- reasons ------------------------------------------------------------------------------------------------------ */

static void
reason_is(struct world *w, const struct broker_ask *ask, size_t site, enum broker_code code, const char *text)
{
    const struct broker_line *line = quote(w, ask, site);
    char is[BROKER_TEXT];

    broker_reason_text(line, &w->o[site], ask, is);
    if (line->code != code || strcmp(is, text) != 0)
        fail_msg("%s: got %s \"%s\", want %s \"%s\"", w->o[site].site_code, broker_code_wire(line->code), is,
                 broker_code_wire(code), text);
    assert_int_equal(line->rank, code == BROKER_OFFERED ? 0 : -1);
}

static void
each_reason_of_a_state(void **state)
{
    static const struct {
        enum broker_state state;
        enum broker_code code;
        const char *text;
    } rows[] = {
        { BROKER_STATE_RETIRED, BROKER_RETIRED, "bsc no longer offers these GPUs." },
        { BROKER_STATE_PAUSED, BROKER_PAUSED, "bsc takes no new work at the moment." },
        { BROKER_STATE_DRAINING, BROKER_DRAINING, "bsc is being drained and takes no new work." },
        { BROKER_STATE_SILENT, BROKER_SILENT, "bsc has not been in touch; new work waits until it is." },
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct broker_ask ask = ask_for(128, 48);

        world_open(&w);
        w.o[0].state = rows[i].state;
        reason_is(&w, &ask, 0, rows[i].code, rows[i].text);
        assert_int_equal(w.lines[0].help.change, CHANGE_NONE);
        world_close(&w);
    }
}

/* What stands in the way of a fixed question at a fixed site, and the change that would help. */
static void
each_reason_of_a_question(void **state)
{
    struct row {
        size_t site;
        struct broker_ask ask;
        enum broker_code code;
        const char *text;
        enum broker_change change;
        int64_t to;
    } rows[] = {
        { 3,
          { .gpus = 64, .walltime_s = 3600, .memory_gb_min = 80 },
          BROKER_MEMORY,
          "Needs 80 GB per GPU, has 40.",
          CHANGE_MEMORY,
          40 },
        { 3,
          { .gpus = 64, .walltime_s = 3600, .model = "H100" },
          BROKER_MODEL,
          "Has A100, asked for is H100.",
          CHANGE_MODEL,
          0 },
        { 6,
          { .gpus = 64, .walltime_s = 3600 },
          BROKER_COUNTRY,
          "GR is not among the 2 countries you chose.",
          CHANGE_COUNTRY,
          'G' << 8 | 'R' },
        { 0,
          { .gpus = 64, .walltime_s = 3600, .kind = BROKER_KIND_EXPERIMENTAL },
          BROKER_KIND,
          "This is not the kind of offering asked for.",
          CHANGE_NONE,
          0 },
        { 0,
          { .gpus = 64, .walltime_s = 3600, .excluded = { 7, 100 }, .excluded_count = 2 },
          BROKER_EXCLUDED,
          "bsc has turned this request down before.",
          CHANGE_NONE,
          0 },
        { 0,
          { .gpus = 6, .walltime_s = 3600 },
          BROKER_SHAPE,
          "6 GPUs do not fill whole nodes of 4 GPUs. Possible: 4 or 8.",
          CHANGE_GPUS,
          4 },
        { 0,
          { .gpus = 3, .walltime_s = 3600 },
          BROKER_SHAPE,
          "3 GPUs do not fill whole nodes of 4 GPUs. Possible: 2 or 4.",
          CHANGE_GPUS,
          2 },
        { 4,
          { .gpus = 3, .walltime_s = 3600 },
          BROKER_SHAPE,
          "3 GPUs do not fill whole nodes of 8 GPUs. Possible: 2 or 4.",
          CHANGE_GPUS,
          2 },
        { 5,
          { .gpus = 3, .walltime_s = 3600 },
          BROKER_SHAPE,
          "3 GPUs do not fill whole nodes of 4 GPUs. Possible: 4.",
          CHANGE_GPUS,
          4 },
        { 5,
          { .gpus = 2, .walltime_s = 3600 },
          BROKER_POOL,
          "Sells whole nodes of 4 GPUs only, asked for are 2.",
          CHANGE_GPUS,
          4 },
        { 4,
          { .gpus = 96, .walltime_s = 3600, .one_island = true },
          BROKER_ISLAND,
          "Its largest interconnect island has 64 GPUs, asked for are 96 in one.",
          CHANGE_ISLAND,
          0 },
        { 5,
          { .gpus = 128, .walltime_s = 3600 },
          BROKER_TOO_LARGE,
          "Brokers 96 GPUs in all, asked for are 128.",
          CHANGE_GPUS,
          96 },
        { 0, { .gpus = 368, .walltime_s = 3600 }, BROKER_OFFERED, "Starts 12 May 2026, 14:00 UTC.", CHANGE_NONE, 0 },
        { 0,
          { .gpus = 372, .walltime_s = 3600 },
          BROKER_TOO_LARGE,
          "Brokers 368 GPUs in all, asked for are 372.",
          CHANGE_GPUS,
          368 },
        { 0,
          { .gpus = 128, .walltime_s = 172800, .max_cost_gpums = 6000 * INT64_C(3600000) },
          BROKER_PRICE,
          "Would cost 11,366.400 credits, the limit is 6,000.000.",
          CHANGE_PRICE,
          INT64_C(40919040000) },
        { 0,
          { .gpus = 64, .walltime_s = 7200, .start_slack_s = 1800, .deadline_ms = NOW_MS + HOUR_MS },
          BROKER_WINDOW,
          "A job of 2 h, started at any time within 30 min, cannot end by 12 May 2026, 15:00 UTC.",
          CHANGE_DEADLINE,
          NOW_MS + 2 * HOUR_MS + HOUR_MS / 2 + CALENDAR_SLOT_MS },
        { 0,
          { .gpus = 64, .walltime_s = 7200, .earliest_start_ms = NOW_MS + 1200 * DAY_MS },
          BROKER_WINDOW,
          "A job of 2 h, started at any time within 0 s, cannot end by 12 May 2029, 14:00 UTC.",
          CHANGE_NONE,
          0 },
    };
    struct world w;

    (void)state;
    world_open(&w);
    country_add(&rows[2].ask.countries, "FI");
    country_add(&rows[2].ask.countries, "ES");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row *r = &rows[i];
        const struct broker_line *line = &w.lines[r->site];
        char is[BROKER_TEXT];

        r->ask.explain = true;
        quote(&w, &r->ask, r->site);
        broker_reason_text(line, &w.o[r->site], &r->ask, is);
        if (line->code != r->code || strcmp(is, r->text) != 0)
            fail_msg("row %d: got %s \"%s\", want %s \"%s\"", (int)i, broker_code_wire(line->code), is,
                     broker_code_wire(r->code), r->text);
        if (line->help.change != r->change || (r->change != CHANGE_NONE && line->help.to != r->to))
            fail_msg("row %d: help %d to %lld", (int)i, (int)line->help.change, (long long)line->help.to);
        if (r->change != CHANGE_NONE)
            assert_int_equal(line->help.start_ms, NOW_MS); /* all is free */
    }
    world_close(&w);
}

/* For whom an offering is: the grant's access mode, the asker's class, and another grant of theirs that would do. */
static void
access_is_a_hard_filter(void **state)
{
    struct broker_ask ask = ask_for(64, 1);
    struct world w;

    (void)state;
    world_open(&w);
    w.o[0].modes = "fast-lane large-scale";
    text_format(ask.mode, sizeof ask.mode, "playground");
    reason_is(&w, &ask, 0, BROKER_MODE, "Serves fast-lane and large-scale only, the grant is for playground.");
    assert_int_equal(w.lines[0].help.change, CHANGE_NONE);
    assert_int_equal(w.lines[1].code, BROKER_OFFERED);
    ask.other_count = 2;
    ask.other[0].grant = 41;
    text_format(ask.other[0].mode, sizeof ask.mode, "lane");
    ask.other[1].grant = 42;
    text_format(ask.other[1].mode, sizeof ask.mode, "large-scale");
    ask.other[0].free_gpums = INT64_MAX;
    ask.other[1].free_gpums = INT64_C(64) * 3600 * w.o[0].rate_milli - 1; /* not enough for it */
    assert_int_equal(quote(&w, &ask, 0)->help.change, CHANGE_NONE);
    ask.other[1].free_gpums++;
    quote(&w, &ask, 0);
    assert_int_equal(w.lines[0].help.change, CHANGE_GRANT);
    assert_int_equal(w.lines[0].help.to, 42);
    assert_int_equal(w.lines[0].help.start_ms, NOW_MS);
    for (size_t i = 0; i < 3; i++) { /* a part of a code is none */
        static const char *const WORDS[] = { "fast", "lane", "scale" };

        text_format(ask.mode, sizeof ask.mode, "%s", WORDS[i]);
        quote(&w, &ask, 0);
        assert_int_equal(w.lines[0].code, BROKER_MODE);
    }
    text_format(ask.mode, sizeof ask.mode, "large-scale");
    assert_int_equal(quote(&w, &ask, 0)->code, BROKER_OFFERED);
    w.o[0].open_to = ORGANISATION_BIT(ORGANISATION_SME) | ORGANISATION_BIT(ORGANISATION_RESEARCH);
    assert_int_equal(quote(&w, &ask, 0)->code, BROKER_OFFERED); /* nobody knows what they are */
    ask.organisation = ORGANISATION_BIT(ORGANISATION_START_UP);
    reason_is(&w, &ask, 0, BROKER_ELIGIBLE,
              "Is open to sme and research only, your organisation is registered as start-up.");
    ask.organisation = ORGANISATION_BIT(ORGANISATION_RESEARCH);
    assert_int_equal(quote(&w, &ask, 0)->code, BROKER_OFFERED);
    world_close(&w);
}

/* What a ticket needs of a site's agent, the agent must have said that it takes. */
static void
an_agent_must_take_what_is_asked(void **state)
{
    struct broker_ask ask = ask_for(64, 1);
    uint8_t bytes[BROKER_ASK_LEN];
    struct broker_ask back;
    struct json_out out = { 0 };
    struct world w;

    (void)state;
    world_open(&w);
    assert_int_equal(quote(&w, &ask, 0)->code, BROKER_OFFERED);
    ask.needs = NEED_BIT(NEED_ALLOCATION);
    reason_is(&w, &ask, 0, BROKER_NEEDS, "Does not take allocations for people who log in.");
    json_open(&out, NULL);
    broker_answer_json(&out, &w.view, &ask, &w.answer, false);
    json_shut(&out);
    assert_non_null(strstr(out.text, "\"lacks\":[\"allocation\"]"));
    json_out_free(&out);
    w.o[0].takes = NEED_BIT(NEED_ALLOCATION);
    assert_int_equal(quote(&w, &ask, 0)->code, BROKER_OFFERED);
    broker_ask_encode(&ask, bytes);
    assert_int_equal(broker_ask_decode(BYTES(bytes, sizeof bytes), &back), OK);
    assert_int_equal(back.needs, ask.needs);
    ask.needs = 0x8000; /* of a newer program */
    broker_ask_encode(&ask, bytes);
    assert_int_equal(broker_ask_decode(BYTES(bytes, sizeof bytes), &back), ERR_CORRUPT);
    world_close(&w);
}

/* What is kept free for other modes: 368 GPUs in whole nodes at bsc, 64 of them for fast-lane, 32 for playground. */
static void
floors_are_kept_free_for_other_modes(void **state)
{
    struct broker_ask ask = ask_for(328, 1);
    const struct broker_line *line;
    struct world w;
    char text[BROKER_TEXT];

    (void)state;
    assert_int_equal(broker_floor("fast-lane:64 playground:32", "large-scale"), 96);
    assert_int_equal(broker_floor("fast-lane:64 playground:32", "fast-lane"), 32);
    assert_int_equal(broker_floor("fast-lane:64 playground:32", "lane"), 96);
    assert_int_equal(broker_floor("fast-lane:64", "fast-lane"), 0);
    assert_int_equal(broker_floor("", "fast-lane"), 0);
    assert_int_equal(broker_floor(NULL, "fast-lane"), 0);
    assert_int_equal(broker_floor("fast-lane:64", ""), 0);
    world_open(&w);
    for (size_t i = 1; i < SITES; i++)
        w.o[i].state = BROKER_STATE_PAUSED;
    w.o[0].floors = "fast-lane:64 playground:32";
    text_format(ask.mode, sizeof ask.mode, "large-scale");
    reason_is(&w, &ask, 0, BROKER_FLOOR, "Keeps 96 of its 368 GPUs free for other access modes, asked for are 328.");
    assert_int_equal(w.lines[0].help.change, CHANGE_GPUS);
    assert_int_equal(w.lines[0].help.to, 272);
    text_format(ask.mode, sizeof ask.mode, "fast-lane");
    line = quote(&w, &ask, 0); /* the playground's 32 are kept from it, its own are not */
    assert_int_equal(line->code, BROKER_OFFERED);
    assert_int_equal(line->gpus, 328);
    assert_int_equal(line->cost_gpums, 328 * INT64_C(3600) * 1850);

    /* 200 are booked for two hours: 168 are free, 72 of them to others than fast-lane and playground */
    calendar_reserve(w.calendar[0], NOW_SLOT, 8, 200);
    ask = ask_for(72, 1);
    text_format(ask.mode, sizeof ask.mode, "large-scale");
    assert_int_equal(quote(&w, &ask, 0)->start_ms, NOW_MS);
    ask.gpus = 76;
    line = quote(&w, &ask, 0);
    assert_int_equal(line->start_ms, NOW_MS + 2 * HOUR_MS);
    assert_int_equal(line->sooner, SOONER_FLOOR);
    broker_sooner_text(line, text);
    assert_string_equal(text, "96 GPUs are kept free for other access modes; without that 76 could start 12 May 2026, 14:00 UTC.");
    ask.gpus = 172; /* not even without the floors: what is told is what is free to this mode */
    line = quote(&w, &ask, 0);
    assert_int_equal(line->sooner, SOONER_BUSY);
    assert_int_equal(line->number[0], 72);
    ask.gpus = 76;
    ask.deadline_ms = NOW_MS + 2 * HOUR_MS;
    reason_is(&w, &ask, 0, BROKER_FLOOR,
              "Keeps 96 of its 368 GPUs free for other access modes, asked for are 76. Without that: 12 May 2026, 14:00 UTC. "
              "Earliest: 12 May 2026, 16:00 UTC.");
    ask.gpus = 2; /* a part of a node is taken from the pool, of which nothing is kept */
    assert_int_equal(quote(&w, &ask, 0)->code, BROKER_OFFERED);
    world_close(&w);
}

static void
rates_missing_or_absurd(void **state)
{
    struct broker_ask ask = ask_for(64, 1);
    struct world w;

    (void)state;
    world_open(&w);
    w.o[0].rate_milli = 0;
    reason_is(&w, &ask, 0, BROKER_RATE, "No rate is in force for these GPUs.");
    w.o[0].rate_milli = INT64_MAX / 100000;
    reason_is(&w, &ask, 0, BROKER_COST, "The cost is larger than an account can hold.");
    assert_int_equal(w.lines[0].help.change, CHANGE_NONE);
    world_close(&w);
}

/* A site's entry may hold what nobody would ask for: never a reason to stop. */
static void
odd_places_are_survived(void **state)
{
    struct broker_ask ask = ask_for(64, 1);
    struct world w;

    (void)state;
    world_open(&w);
    text_format(w.o[0].country, sizeof w.o[0].country, "%s", "x");
    w.o[1].lat = 90001;
    ask.has_home = true;
    country_add(&ask.countries, "IT");
    quote(&w, &ask, 0);
    assert_int_equal(w.lines[0].code, BROKER_COUNTRY);
    assert_int_equal(w.lines[0].help.change, CHANGE_NONE);
    assert_int_equal(w.lines[1].distance_km, -1);
    ask.home_lon = 200000;
    assert_int_equal(quote(&w, &ask, 2)->distance_km, -1);
    world_close(&w);
}

/* Two reasons at once: the first is told, and no single change is promised to help. */
static void
two_reasons_have_no_single_help(void **state)
{
    struct broker_ask ask = ask_for(64, 1);
    struct world w;

    (void)state;
    world_open(&w);
    ask.memory_gb_min = 80;
    country_add(&ask.countries, "FI");
    quote(&w, &ask, 3);
    assert_int_equal(w.lines[3].code, BROKER_COUNTRY);
    assert_int_equal(w.lines[3].help.change, CHANGE_NONE);
    assert_int_equal(w.lines[6].help.change, CHANGE_COUNTRY); /* Greece has 80 GB */
    world_close(&w);
}

/* ---- time --------------------------------------------------------------------------------------------------------- */

static void
not_sooner_and_no_gap(void **state)
{
    struct broker_ask ask = ask_for(128, 48);
    const struct broker_line *line;
    struct world w;
    char text[BROKER_TEXT];

    (void)state;
    world_open(&w);
    calendar_reserve(w.calendar[2], NOW_SLOT, 40 * 4, 480);          /* 88 free of 568 for 40 h */
    calendar_reserve(w.calendar[1], NOW_SLOT + 42 * 4, 12 * 4, 700); /* a gap of 42 h, then 68 free for 12 h */
    ask.deadline_ms = NOW_MS + 96 * HOUR_MS;
    line = quote(&w, &ask, 2);
    assert_int_equal(line->code, BROKER_OFFERED);
    assert_int_equal(line->start_ms, NOW_MS + 40 * HOUR_MS);
    broker_sooner_text(line, text);
    assert_string_equal(text,
                        "From 12 May 2026, 14:00 UTC to 14 May 2026, 06:00 UTC at most 88 of 568 GPUs are free at "
                        "once; 128 asked.");
    assert_int_equal(w.lines[0].sooner, SOONER_NONE);
    line = &w.lines[1]; /* ends after 102 h */
    broker_reason_text(line, &w.o[1], &ask, text);
    assert_string_equal(text, "No gap of 48 h for 128 GPUs ends by 16 May 2026, 14:00 UTC. Longest: 42 h. Earliest: "
                              "14 May 2026, 20:00 UTC.");
    assert_int_equal(line->blocked_count, 1);
    assert_int_equal(line->blocked[0].start_slot, NOW_SLOT + 42 * 4);
    assert_int_equal(line->blocked[0].slots, 12 * 4);
    assert_int_equal(line->blocked[0].gpus, 68);
    assert_int_equal(line->help.change, CHANGE_DEADLINE);
    assert_int_equal(line->help.to, NOW_MS + 102 * HOUR_MS);
    ask.deadline_ms = 0;
    line = quote(&w, &ask, 1);
    assert_int_equal(line->start_ms, NOW_MS + 54 * HOUR_MS);
    broker_sooner_text(line, text);
    assert_string_equal(text,
                        "The longest gap for 128 GPUs before is 42 h (12 May 2026, 14:00 UTC to 14 May 2026, 08:00 "
                        "UTC); 48 h asked.");
    calendar_reserve(w.calendar[0], NOW_SLOT, CALENDAR_SLOTS, 300); /* 68 left for good */
    line = quote(&w, &ask, 0);
    broker_reason_text(line, &w.o[0], &ask, text);
    assert_string_equal(text,
                        "Until 12 May 2029, 14:00 UTC at most 68 of 368 GPUs are free at once, asked for are 128.");
    assert_int_equal(line->help.change, CHANGE_GPUS);
    assert_int_equal(line->help.to, 68);
    world_close(&w);
}

/* A start in the middle of a slot books that slot too; a later one begins on an edge. */
static void
instants_within_slots(void **state)
{
    struct broker_ask ask = ask_for(128, 1);
    const struct broker_line *line;
    struct world w;

    (void)state;
    world_open(&w);
    w.view.now_ms = NOW_MS + 300000;
    ask.start_slack_s = 600;
    line = quote(&w, &ask, 0); /* 14:05 to 15:15, booked 14:00 to 15:15 */
    assert_int_equal(line->start_ms, NOW_MS + 300000);
    assert_int_equal(line->start_by_ms, NOW_MS + 900000);
    assert_int_equal(line->end_ms, NOW_MS + 900000 + HOUR_MS);
    assert_int_equal(line->start_slot, NOW_SLOT);
    assert_int_equal(line->slots, 5);
    ask.start_slack_s = 900; /* to 15:20, booked to 15:30 */
    line = quote(&w, &ask, 0);
    assert_int_equal(line->slots, 6);
    calendar_reserve(w.calendar[0], NOW_SLOT + 5, 1,
                     300); /* 15:15 to 15:30 is taken: the gap now lacks part of a slot */
    line = quote(&w, &ask, 0);
    assert_int_equal(line->start_ms, NOW_MS + 6 * 900000);
    assert_int_equal(line->slots, 5);
    assert_int_equal(line->sooner, SOONER_GAP);
    assert_int_equal(line->number[0], 70 * 60); /* 14:05 to 15:15 */
    assert_int_equal(line->number[1], 75 * 60);
    ask.at_once = true;
    line = quote(&w, &ask, 0);
    assert_int_equal(line->code, BROKER_NO_GAP);
    assert_int_equal(line->number[3], 70 * 60);
    assert_int_equal(line->number[5], NOW_MS + 6 * 900000);
    assert_int_equal(quote(&w, &ask, 1)->start_ms, NOW_MS + 300000);
    world_close(&w);
}

static void
below_a_node_the_pool_is_booked(void **state)
{
    struct broker_ask ask = ask_for(1, 4);
    const struct broker_line *line;
    struct world w;

    (void)state;
    world_open(&w);
    calendar_reserve(w.calendar[0], NOW_SLOT, 400, 368);
    line = quote(&w, &ask, 0);
    assert_int_equal(line->code, BROKER_OFFERED);
    assert_true(line->in_pool);
    assert_int_equal(line->nodes, 1);
    assert_int_equal(line->start_ms, NOW_MS);
    calendar_reserve(w.pool[0], NOW_SLOT, 8, 32);
    line = quote(&w, &ask, 0);
    assert_int_equal(line->start_ms, NOW_MS + 2 * HOUR_MS);
    w.o[0].pool_nodes = 0; /* dissolved; its calendar stays while something is booked there */
    reason_is(&w, &ask, 0, BROKER_POOL, "Sells whole nodes of 4 GPUs only, asked for are 1.");
    w.o[0].pool_nodes = 8;
    ask.gpus = 8;
    line = quote(&w, &ask, 0);
    assert_false(line->in_pool);
    assert_int_equal(line->nodes, 2);
    assert_int_equal(line->start_ms, NOW_MS + 100 * HOUR_MS);
    world_close(&w);
}

/* ---- order -------------------------------------------------------------------------------------------------------- */

static void
preferences_order_the_offers(void **state)
{
    static const struct {
        enum broker_preference preference;
        const char *order[4];
    } rows[] = {
        { BROKER_SOONEST, { "cineca", "grnet", "bsc", "lumi" } }, /* 0 h cheap, 0 h dear, 2 h, 40 h */
        { BROKER_CHEAPEST, { "cineca", "lumi", "grnet", "bsc" } },
        { BROKER_NEAREST, { "bsc", "cineca", "grnet", "lumi" } },  /* from Valencia */
        { BROKER_BALANCED, { "cineca", "lumi", "bsc", "grnet" } }, /* 1055; 1250+408+165; 1850+20+15; 1800+105 */
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct broker_ask ask = ask_for(100, 48);

        world_open(&w);
        calendar_reserve(w.calendar[2], NOW_SLOT, 160, 560);
        calendar_reserve(w.calendar[0], NOW_SLOT, 8, 300);
        ask.memory_gb_min = 64; /* not lxp */
        ask.preference = rows[i].preference;
        ask.has_home = true;
        ask.home_lat = 39470;
        ask.home_lon = -376;
        w.o[4].state = BROKER_STATE_PAUSED;
        broker_quote(&w.view, &ask, &w.answer);
        assert_int_equal(w.answer.offered, 4);
        for (size_t rank = 0; rank < 4; rank++) {
            const struct broker_line *line = broker_ranked(&w.answer, rank);

            assert_non_null(line);
            if (strcmp(w.o[line->site - 100].site_code, rows[i].order[rank]) != 0)
                fail_msg("preference %d, rank %d: %s, want %s", (int)i, (int)rank, w.o[line->site - 100].site_code,
                         rows[i].order[rank]);
        }
        assert_null(broker_ranked(&w.answer, 4));
        assert_ptr_equal(broker_line_of(&w.answer, 203), &w.lines[3]);
        assert_null(broker_line_of(&w.answer, 9));
        world_close(&w);
    }
}

/* Equal in everything: the lower SITE index, then the lower OFFERING index, whatever the view's order. */
static void
ties_end_in_the_site(void **state)
{
    struct broker_ask ask = ask_for(4, 1);
    struct world w;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i < SITES; i++) {
        w.o[i].rate_milli = 1000;
        w.o[i].site = 500 - i / 2;
        w.o[i].offering = 900 - i;
        w.o[i].gpus_per_node = 4;
    }
    broker_quote(&w.view, &ask, &w.answer);
    for (size_t i = 0; i < SITES; i++)
        assert_int_equal(w.lines[i].rank, SITES - 1 - i);
    world_close(&w);
}

static void
cost_is_exact(void **state)
{
    int64_t cost = -1;

    (void)state;
    assert_true(broker_cost(128, 172800, 1850, &cost));
    assert_int_equal(cost, INT64_C(40919040000));
    assert_true(broker_cost(1, 1, 1, &cost));
    assert_int_equal(cost, 1);
    assert_true(broker_cost(BROKER_GPUS_MAX, BROKER_WALLTIME_MAX, 97000, &cost));
    assert_int_equal(cost, INT64_C(1000000) * BROKER_WALLTIME_MAX * 97000);
    cost = -1;
    assert_false(broker_cost(BROKER_GPUS_MAX, BROKER_WALLTIME_MAX, 98000, &cost));
    assert_int_equal(cost, -1);
}

static void
distances(void **state)
{
    uint64_t seed = 5;

    (void)state;
    assert_int_equal(broker_distance_km(41390, 2116, 41390, 2116), 0);
    assert_int_equal(broker_distance_km(0, 0, 0, 180000), 20015);
    assert_int_equal(broker_distance_km(90000, 0, -90000, 77000), 20015);
    for (int i = 0; i < 20000; i++) { /* against the textbook, in floating point */
        const double rad = acos(-1) / 180000;
        int32_t at[4];
        double a, want;

        for (int j = 0; j < 4; j++) {
            int32_t half = j % 2 == 0 ? 90000 : 180000;

            seed = seed * UINT64_C(6364136223846793005) + 1;
            at[j] = (int32_t)((seed >> 33) % (uint32_t)(2 * half + 1)) - half;
        }
        a = pow(sin((at[2] - at[0]) * rad / 2), 2) +
            cos(at[0] * rad) * cos(at[2] * rad) * pow(sin((at[3] - at[1]) * rad / 2), 2);
        want = 2 * 6371 * asin(sqrt(a < 1 ? a : 1));
        if (fabs(want - broker_distance_km(at[0], at[1], at[2], at[3])) > 2)
            fail_msg("%d %d to %d %d: %d, want %f", at[0], at[1], at[2], at[3],
                     broker_distance_km(at[0], at[1], at[2], at[3]), want);
    }
}

static void
countries(void **state)
{
    struct country_set s = { 0 };
    char code[3];

    (void)state;
    country_add(&s, "AA");
    country_add(&s, "ZZ");
    country_add(&s, "ZZ");
    assert_int_equal(country_count(&s), 2);
    assert_true(country_has(&s, "AA") && country_has(&s, "ZZ") && !country_has(&s, "AZ"));
    assert_false(country_valid("fi") || country_valid("F") || country_valid("FIN") || country_valid(""));
    assert_false(country_has(&s, ""));
    country_unpack(country_pack("FI"), code);
    assert_string_equal(code, "FI");
}

/* ---- what if ------------------------------------------------------------------------------------------------------ */

static const struct broker_what_if *
what_if_of(const struct broker_answer *a, enum broker_change change)
{
    for (size_t i = 0; i < a->what_if_count; i++)
        if (a->what_if[i].change == change)
            return &a->what_if[i];
    return NULL;
}

static void
what_ifs_say_what_would_change_it(void **state)
{
    struct broker_ask ask = ask_for(128, 48);
    const struct broker_what_if *f;
    struct world w;

    (void)state;
    world_open(&w);
    calendar_reserve(w.calendar[2], NOW_SLOT, 160, 480);      /* lumi: 88 free for 40 h */
    calendar_reserve(w.calendar[1], NOW_SLOT + 168, 48, 700); /* cineca: a gap of 42 h */
    calendar_reserve(w.calendar[0], NOW_SLOT, 600, 300);      /* bsc: 68 for 150 h */
    w.o[4].state = BROKER_STATE_PAUSED;                       /* hlrs and grnet are too small */
    ask.memory_gb_min = 64;
    broker_quote(&w.view, &ask, &w.answer);
    assert_int_equal(broker_ranked(&w.answer, 0)->site, 102); /* lumi after 40 h */
    f = what_if_of(&w.answer, CHANGE_GPUS);
    assert_non_null(f);
    assert_int_equal(f->to, 88);
    assert_int_equal(f->start_ms, NOW_MS);
    assert_int_equal(f->sooner_ms, 40 * HOUR_MS);
    assert_int_equal(f->cost_gpums, INT64_C(88) * 172800 * 1250);
    f = what_if_of(&w.answer, CHANGE_WALLTIME);
    assert_non_null(f);
    assert_int_equal(f->to, 42 * 3600);
    assert_int_equal(f->site, 101);
    f = what_if_of(&w.answer, CHANGE_STRETCH);
    assert_non_null(f);
    assert_int_equal(f->to, 64);
    assert_int_equal(f->to_walltime_s, 96 * 3600);
    f = what_if_of(&w.answer, CHANGE_MEMORY);
    assert_non_null(f);
    assert_int_equal(f->to, 40);
    assert_int_equal(f->site, 103);
    assert_int_equal(f->sooner_ms, 40 * HOUR_MS);
    assert_null(what_if_of(&w.answer, CHANGE_COUNTRY));
    country_add(&ask.countries, "FI");
    ask.memory_gb_min = 0;
    broker_quote(&w.view, &ask, &w.answer);
    f = what_if_of(&w.answer, CHANGE_COUNTRY);
    assert_non_null(f);
    assert_int_equal(w.answer.offered, 1);
    for (size_t i = 0; i < w.answer.what_if_count; i++) /* Spain is neither sooner nor cheaper */
        assert_false(w.answer.what_if[i].change == CHANGE_COUNTRY && w.answer.what_if[i].to == country_pack("ES"));
    ask.deadline_ms = NOW_MS + 50 * HOUR_MS;
    broker_quote(&w.view, &ask, &w.answer);
    assert_int_equal(w.answer.offered, 0);
    f = what_if_of(&w.answer, CHANGE_DEADLINE);
    assert_non_null(f);
    assert_int_equal(f->to, NOW_MS + 88 * HOUR_MS);
    assert_int_equal(f->sooner_ms, 0);
    world_close(&w);
}

/* What help and what-ifs promise is there when it is asked for a little later, as people write times, and within the grant. */
static void
promises_are_kept(void **state)
{
    struct broker_ask ask = ask_for(128, 48), changed;
    const struct broker_line *line;
    struct world w;

    (void)state;
    world_open(&w);
    w.view.now_ms = NOW_MS + 123456;
    ask.start_slack_s = 3600;
    ask.deadline_ms = NOW_MS + 48 * HOUR_MS + HOUR_MS / 2;
    line = quote(&w, &ask, 2);
    assert_int_equal(line->code, BROKER_WINDOW);
    assert_int_equal(line->help.change, CHANGE_DEADLINE);
    assert_int_equal(line->help.to % CALENDAR_SLOT_MS, 0);
    assert_non_null(what_if_of(&w.answer, CHANGE_DEADLINE));
    assert_int_equal(what_if_of(&w.answer, CHANGE_DEADLINE)->to, line->help.to);
    changed = ask;
    changed.deadline_ms = line->help.to;
    w.view.now_ms += 10 * 60000; /* ten minutes to read it */
    assert_int_equal(quote(&w, &changed, 2)->code, BROKER_OFFERED);
    w.view.now_ms = NOW_MS + 123456;
    ask.latest_end_ms = ask.deadline_ms; /* the grant ends then */
    line = quote(&w, &ask, 2);
    assert_int_equal(line->help.change, CHANGE_NONE);
    assert_null(what_if_of(&w.answer, CHANGE_DEADLINE));
    ask.latest_end_ms = NOW_MS + 49 * HOUR_MS + 124000; /* just enough */
    assert_int_equal(quote(&w, &ask, 2)->help.to, ask.latest_end_ms);
    /* half the GPUs for twice the time: not where the mode has no jobs as long */
    calendar_reserve(w.calendar[2], NOW_SLOT, 160, 480);
    for (int i = 0; i < 5; i++)
        w.o[i].state = i == 2 ? BROKER_STATE_ACTIVE : BROKER_STATE_PAUSED;
    ask.deadline_ms = 0;
    ask.longest_s = 96 * 3600;
    quote(&w, &ask, 2);
    assert_non_null(what_if_of(&w.answer, CHANGE_STRETCH));
    ask.longest_s--;
    quote(&w, &ask, 2);
    assert_null(what_if_of(&w.answer, CHANGE_STRETCH));
    world_close(&w);
}

/* ---- oracle ------------------------------------------------------------------------------------------------------- */

static uint32_t
draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) % below);
}

static void
fill_world(struct world *w, uint64_t *seed)
{
    for (size_t i = 0; i < SITES; i++)
        for (int tries = 0; tries < 150; tries++) {
            bool pool = w->pool[i] && draw(seed, 4) == 0;
            struct calendar *c = pool ? w->pool[i] : w->calendar[i];
            int32_t gpus = pool ? 1 + (int32_t)draw(seed, 2) : 4 * (1 + (int32_t)draw(seed, 30));
            int64_t start = NOW_SLOT + draw(seed, 500), slots = 1 + draw(seed, 80);

            if (calendar_fits(c, start, slots, gpus))
                calendar_reserve(c, start, slots, gpus);
        }
}

static struct broker_ask
draw_ask(uint64_t *seed)
{
    static const int32_t GPUS[] = { 1, 2, 3, 4, 8, 12, 16, 32, 64, 96, 128, 240, 512 };
    static const char *const MODELS[] = { "", "", "", "A100", "H100" };
    struct broker_ask ask = {
        .gpus = GPUS[draw(seed, sizeof GPUS / sizeof GPUS[0])],
        .walltime_s = 1 + draw(seed, 100 * 3600),
        .start_slack_s = draw(seed, 3) * 900,
        .memory_gb_min = (int32_t)draw(seed, 3) * 64,
        .one_island = draw(seed, 4) == 0,
        .preference = (enum broker_preference)draw(seed, 4),
        .deadline_ms = draw(seed, 2) == 0 ? 0 : NOW_MS + draw(seed, 600) * INT64_C(900000),
        .earliest_start_ms = draw(seed, 2) == 0 ? 0 : NOW_MS + draw(seed, 300) * INT64_C(600000),
        .max_cost_gpums = draw(seed, 3) == 0 ? 1 + draw(seed, 2000000000) * INT64_C(40) : 0,
        .at_once = draw(seed, 8) == 0,
        .has_home = draw(seed, 2) == 0,
        .home_country = "FI",
        .explain = true,
    };

    text_format(ask.model, sizeof ask.model, "%s", MODELS[draw(seed, 5)]);
    if (draw(seed, 3) == 0)
        for (size_t i = 0; i < SITES; i++)
            if (draw(seed, 2) == 0)
                country_add(&ask.countries, SEED[i].country);
    return ask;
}

/* The earliest start by trying all, in the plainest words; -1 if none. */
static int64_t
oracle(const struct broker_offering *o, const struct broker_ask *ask)
{
    const struct calendar *c = ask->gpus < o->gpus_per_node ? o->pool : o->calendar;
    int64_t first = ask->earliest_start_ms > NOW_MS ? ask->earliest_start_ms : NOW_MS;
    int64_t length = (ask->start_slack_s + ask->walltime_s) * 1000;
    int64_t cost = ask->gpus * ask->walltime_s * o->rate_milli;
    bool fits_shape =
        ask->gpus < o->gpus_per_node ? c && o->gpus_per_node % ask->gpus == 0 : ask->gpus % o->gpus_per_node == 0;

    if (!fits_shape || o->memory_gb < ask->memory_gb_min || (ask->max_cost_gpums > 0 && cost > ask->max_cost_gpums) ||
        (ask->model[0] && strcmp(ask->model, o->model) != 0) ||
        (country_count(&ask->countries) > 0 && !country_has(&ask->countries, o->country)) ||
        (ask->gpus >= o->gpus_per_node && ask->one_island && ask->gpus > o->max_gpus_one_island))
        return -1;
    for (int64_t start = first; start < NOW_MS + 60 * DAY_MS; start = (start / 900000 + 1) * 900000) {
        bool free = true;

        if (ask->deadline_ms > 0 && start + length > ask->deadline_ms)
            return -1;
        for (int64_t slot = start / 900000; slot * 900000 < start + length; slot++)
            free = free && calendar_free(c, slot) >= ask->gpus;
        if (free)
            return start;
        if (ask->at_once)
            return -1;
    }
    return -1; /* the random calendars are empty after 6 days: only for what is too large */
}

static void
check_answer(struct world *w, const struct broker_ask *ask, uint64_t round)
{
    for (size_t i = 0; i < SITES; i++) {
        const struct broker_line *line = &w->lines[i];
        int64_t want = oracle(&w->o[i], ask);
        int64_t is = line->code == BROKER_OFFERED ? line->start_ms : -1;
        char text[BROKER_TEXT];

        broker_reason_text(line, &w->o[i], ask, text);
        if (is != want)
            fail_msg("seed %d, %s: %lld, want %lld; %s", (int)round, w->o[i].site_code, (long long)is, (long long)want,
                     text);
        if (line->code != BROKER_OFFERED) {
            if (line->help.change != CHANGE_NONE)
                assert_true(line->help.start_ms >= NOW_MS && line->help.cost_gpums > 0);
            continue;
        }
        assert_true(
            calendar_fits(line->in_pool ? w->o[i].pool : w->o[i].calendar, line->start_slot, line->slots, ask->gpus));
        assert_true(line->start_slot * 900000 <= line->start_ms);
        assert_true((line->start_slot + line->slots) * 900000 >= line->end_ms);
        assert_true((line->start_slot + line->slots - 1) * 900000 < line->end_ms);
        assert_int_equal(line->sooner == SOONER_NONE,
                         line->start_ms == (ask->earliest_start_ms > NOW_MS ? ask->earliest_start_ms : NOW_MS));
        if (line->sooner == SOONER_BUSY)
            assert_true(line->number[0] < ask->gpus);
        if (line->sooner == SOONER_GAP)
            assert_true(line->number[0] < line->number[1]);
    }
}

/* A what-if holds what it promises: ask so, and that is the best offer. */
static void
check_what_ifs(struct world *w, const struct broker_ask *ask)
{
    struct broker_answer asked = w->answer;

    for (size_t i = 0; i < asked.what_if_count; i++) {
        const struct broker_what_if *f = &asked.what_if[i];
        struct broker_ask changed = *ask;
        struct broker_line lines[SITES];
        struct broker_answer a = { .lines = lines, .lines_max = SITES };
        char code[3];

        switch (f->change) {
        case CHANGE_GPUS:
            changed.gpus = (int32_t)f->to;
            break;
        case CHANGE_WALLTIME:
            changed.walltime_s = f->to;
            break;
        case CHANGE_MEMORY:
            changed.memory_gb_min = (int32_t)f->to;
            break;
        case CHANGE_MODEL:
            changed.model[0] = '\0';
            break;
        case CHANGE_ISLAND:
            changed.one_island = false;
            break;
        case CHANGE_PRICE:
            changed.max_cost_gpums = f->to;
            break;
        case CHANGE_STRETCH:
            changed.gpus = (int32_t)f->to, changed.walltime_s = f->to_walltime_s;
            break;
        case CHANGE_DEADLINE:
            changed.deadline_ms = f->to, changed.at_once = false;
            break;
        case CHANGE_COUNTRY:
            country_unpack(f->to, code), country_add(&changed.countries, code);
            break;
        default:
            fail();
        }
        broker_quote(&w->view, &changed, &a);
        assert_true(a.offered > 0);
        assert_non_null(broker_line_of(&a, f->offering));
        assert_int_equal(broker_line_of(&a, f->offering)->code, BROKER_OFFERED);
        assert_int_equal(broker_line_of(&a, f->offering)->start_ms, f->start_ms);
        assert_int_equal(broker_line_of(&a, f->offering)->cost_gpums, f->cost_gpums);
        if (f->change != CHANGE_PRICE && f->change != CHANGE_DEADLINE)
            assert_int_equal(broker_ranked(&a, 0)->offering, f->offering);
    }
}

/* Half the GPUs, half the time: what starts sooner then is told. */
static void
check_nothing_untold(struct world *w, const struct broker_ask *ask)
{
    struct broker_answer asked = w->answer;
    const struct broker_line *best = broker_ranked(&asked, 0);

    for (int i = 0; i < 3; i++) {
        struct broker_ask changed = *ask;
        struct broker_line lines[SITES];
        struct broker_answer a = { .lines = lines, .lines_max = SITES };
        enum broker_change change = i == 0 ? CHANGE_GPUS : i == 1 ? CHANGE_WALLTIME : CHANGE_STRETCH;
        bool told = asked.what_if_count == BROKER_WHAT_IFS;

        if ((i != 1 && ask->gpus < 2) || (i == 1 && ask->walltime_s < 7200))
            continue;
        changed.gpus = i == 1 ? ask->gpus : ask->gpus / 2;
        changed.walltime_s = i == 0 ? ask->walltime_s : i == 1 ? ask->walltime_s / 2 : ask->walltime_s * 2;
        changed.explain = false;
        broker_quote(&w->view, &changed, &a);
        for (size_t k = 0; k < asked.what_if_count; k++)
            told = told || (asked.what_if[k].change == change &&
                            asked.what_if[k].to == (i == 1 ? changed.walltime_s : changed.gpus));
        if (a.offered > 0 && (!best || best->start_ms - broker_ranked(&a, 0)->start_ms >= CALENDAR_SLOT_MS))
            assert_true(told);
        else
            assert_true(!told || asked.what_if_count == BROKER_WHAT_IFS);
    }
}

static void
answers_agree_with_the_oracle(void **state)
{
    size_t offered = 0, refused = 0, what_ifs = 0;

    (void)state;
    for (uint64_t round = 1; round <= 40; round++) {
        uint64_t seed = round;
        struct world w;

        world_open(&w);
        fill_world(&w, &seed);
        for (int i = 0; i < 25; i++) {
            struct broker_ask ask = draw_ask(&seed);
            uint8_t *first, *second;
            size_t len;

            broker_quote(&w.view, &ask, &w.answer);
            check_answer(&w, &ask, round);
            check_what_ifs(&w, &ask);
            if (ask.explain)
                check_nothing_untold(&w, &ask);
            offered += w.answer.offered;
            refused += SITES - w.answer.offered;
            what_ifs += w.answer.what_if_count;
            /* the same again, bit for bit, whatever lay in the lines before; and through the stored form */
            len = broker_answer_len(&w.answer);
            first = malloc(len);
            second = malloc(len);
            broker_answer_encode(&w.answer, first);
            memset(w.lines, 0xa5, sizeof w.lines);
            broker_quote(&w.view, &ask, &w.answer);
            assert_int_equal(broker_answer_len(&w.answer), len);
            broker_answer_encode(&w.answer, second);
            assert_memory_equal(first, second, len);
            memset(w.lines, 0x5a, sizeof w.lines);
            assert_int_equal(broker_answer_decode(BYTES(first, len), &w.answer), OK);
            assert_int_equal(broker_answer_lines(BYTES(first, len)), SITES);
            memset(second, 0, len);
            broker_answer_encode(&w.answer, second);
            assert_memory_equal(first, second, len);
            free(first);
            free(second);
        }
        world_close(&w);
    }
    assert_true(offered > 1000 && refused > 1000 && what_ifs > 300); /* the draw does try all sides */
}

/* ---- stored forms and JSON ---------------------------------------------------------------------------------------- */

static void
damaged_answers_are_refused(void **state)
{
    struct broker_ask ask = ask_for(128, 48);
    struct broker_answer back = { 0 };
    struct broker_line lines[SITES];
    struct world w;
    uint8_t *bytes, *cut;
    size_t len;

    (void)state;
    world_open(&w);
    ask.deadline_ms = NOW_MS + 96 * HOUR_MS;
    calendar_reserve(w.calendar[1], NOW_SLOT + 168, 48, 700);
    broker_quote(&w.view, &ask, &w.answer);
    len = broker_answer_len(&w.answer);
    bytes = malloc(len + 1);
    broker_answer_encode(&w.answer, bytes);
    bytes[len] = 0;
    back.lines = lines;
    back.lines_max = SITES;
    for (size_t n = 0; n < len; n++) { /* cut anywhere; a copy of that size, so that a checker sees a read beyond */
        cut = malloc(n > 0 ? n : 1);
        memcpy(cut, bytes, n);
        assert_int_equal(broker_answer_decode(BYTES(cut, n), &back), ERR_CORRUPT);
        free(cut);
    }
    assert_int_equal(broker_answer_decode(BYTES(bytes, len + 1), &back), ERR_CORRUPT);
    back.lines_max = SITES - 1;
    assert_int_equal(broker_answer_decode(BYTES(bytes, len), &back), ERR_CORRUPT);
    back.lines_max = SITES;
    assert_int_equal(broker_answer_decode(BYTES(bytes, len), &back), OK);
    bytes[1]++; /* another version */
    assert_int_equal(broker_answer_decode(BYTES(bytes, len), &back), ERR_CORRUPT);
    assert_int_equal(broker_answer_lines(BYTES(bytes, len)), 0);
    free(bytes);
    world_close(&w);
}

static void
questions_are_stored_whole(void **state)
{
    uint8_t bytes[BROKER_ASK_LEN], again[BROKER_ASK_LEN];
    uint64_t seed = 3;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct broker_ask ask = draw_ask(&seed), back = { 0 };

        ask.excluded_count = (uint8_t)draw(&seed, BROKER_EXCLUDED_MAX + 1);
        for (size_t j = 0; j < ask.excluded_count; j++)
            ask.excluded[j] = draw(&seed, 1000);
        ask.home_lat = -(int32_t)draw(&seed, 90001);
        ask.home_lon = (int32_t)draw(&seed, 180001);
        broker_ask_encode(&ask, bytes);
        assert_int_equal(broker_ask_decode(BYTES(bytes, sizeof bytes), &back), OK);
        broker_ask_encode(&back, again);
        assert_memory_equal(bytes, again, sizeof bytes);
        assert_int_equal(back.gpus, ask.gpus);
        assert_int_equal(back.deadline_ms, ask.deadline_ms);
        assert_int_equal(back.home_lat, ask.home_lat);
        assert_string_equal(back.model, ask.model);
        assert_string_equal(back.home_country, "FI");
        assert_int_equal(back.at_once, ask.at_once);
        assert_memory_equal(back.excluded, ask.excluded, ask.excluded_count * sizeof ask.excluded[0]);
        assert_memory_equal(&back.countries, &ask.countries, sizeof ask.countries);
        bytes[BROKER_ASK_LEN - 1] = 1; /* reserved */
        assert_int_equal(broker_ask_decode(BYTES(bytes, sizeof bytes), &back), ERR_CORRUPT);
        assert_int_equal(broker_ask_decode(BYTES(again, sizeof again - 1), &back), ERR_CORRUPT);
    }
}

static void
has_text(const struct json_out *out, const char *part)
{
    if (!memmem(out->text, out->len, part, strlen(part)))
        fail_msg("no %s in %.*s", part, (int)out->len, out->text);
}

static void
json_of_an_answer(void **state)
{
    struct broker_ask ask = ask_for(128, 48);
    struct json_out out = { 0 };
    struct json_in in;
    struct err_detail detail;
    struct world w;

    (void)state;
    world_open(&w);
    calendar_reserve(w.calendar[1], NOW_SLOT + 168, 48, 700);
    calendar_reserve(w.calendar[2], NOW_SLOT, 160, 480);
    w.o[4].state = BROKER_STATE_PAUSED;
    ask.memory_gb_min = 64;
    ask.deadline_ms = NOW_MS + 96 * HOUR_MS;
    broker_quote(&w.view, &ask, &w.answer);
    json_open(&out, NULL);
    broker_answer_json(&out, &w.view, &ask, &w.answer, true);
    json_shut(&out);
    in = json_in_open(BYTES(out.text, out.len), &detail); /* strict: what we write we would also read */
    assert_int_equal(json_in_array(&in, "options", SITES), 2);
    assert_int_equal(json_in_array(&in, "refusals", SITES), 5);
    assert_true(json_in_array(&in, "what_if", BROKER_WHAT_IFS) > 0);
    assert_int_equal(json_in_close(&in), OK);
    has_text(
        &out,
        "{\"rank\":0,\"site\":\"bsc\",\"offering\":200,\"model\":\"H100\",\"memory_gb\":64,\"gpus\":128,\"nodes\":32,"
        "\"start\":\"2026-05-12T14:00:00.000Z\",\"end\":\"2026-05-14T14:00:00.000Z\","
        "\"start_by\":\"2026-05-12T14:00:00.000Z\",\"nights\":[],\"rate\":300,\"rate_milli\":1850,"
        "\"cost_gpums\":\"40919040000\",\"cost_credits\":\"11366.400\",\"distance_km\":null,\"booked\":true");
    has_text(&out, "\"rank\":1,\"site\":\"lumi\"");
    has_text(&out, "\"booked\":false,\"not_sooner\":{\"code\":\"busy\"");
    has_text(&out,
             "\"code\":\"memory\",\"text\":\"Needs 64 GB per GPU, has 40.\",\"numbers\":{\"needs\":64,\"has\":40},"
             "\"certificate\":[],\"certificate_more\":0,\"help\":{\"change\":\"memory_gb\",\"to\":40,"
             "\"start\":\"2026-05-12T14:00:00.000Z\",\"cost_gpums\":\"19906560000\",\"cost_credits\":\"5529.600\"}");
    has_text(
        &out,
        "\"certificate\":[{\"from\":\"2026-05-14T08:00:00.000Z\",\"to\":\"2026-05-14T20:00:00.000Z\",\"free\":68}]");
    has_text(&out, "\"change\":\"memory_gb\",\"to\":40,\"text\":\"40 GB per GPU will do\",\"site\":\"lxp\"");
    json_out_free(&out);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_of_a_state),
        cmocka_unit_test(each_reason_of_a_question),
        cmocka_unit_test(access_is_a_hard_filter),
        cmocka_unit_test(an_agent_must_take_what_is_asked),
        cmocka_unit_test(floors_are_kept_free_for_other_modes),
        cmocka_unit_test(rates_missing_or_absurd),
        cmocka_unit_test(odd_places_are_survived),
        cmocka_unit_test(two_reasons_have_no_single_help),
        cmocka_unit_test(not_sooner_and_no_gap),
        cmocka_unit_test(instants_within_slots),
        cmocka_unit_test(below_a_node_the_pool_is_booked),
        cmocka_unit_test(preferences_order_the_offers),
        cmocka_unit_test(ties_end_in_the_site),
        cmocka_unit_test(cost_is_exact),
        cmocka_unit_test(distances),
        cmocka_unit_test(countries),
        cmocka_unit_test(what_ifs_say_what_would_change_it),
        cmocka_unit_test(promises_are_kept),
        cmocka_unit_test(answers_agree_with_the_oracle),
        cmocka_unit_test(damaged_answers_are_refused),
        cmocka_unit_test(questions_are_stored_whole),
        cmocka_unit_test(json_of_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
