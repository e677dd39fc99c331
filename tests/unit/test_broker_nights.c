/* tests/unit/test_broker_nights.c: the same hours on several nights in a row: an oracle that tries every start, certificates
 * for every "no" and for every "not sooner", the words, help, what-ifs, the stored form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "core/broker.h"
#include "core/certificate.h"

#define HOUR_MS   INT64_C(3600000)
#define DAY       CALENDAR_DAY_SLOTS
#define NOW_MS    INT64_C(1778594400000) /* 2026-05-12T14:00:00Z, on a slot's edge */
#define NOW_SLOT  (NOW_MS / CALENDAR_SLOT_MS)
#define TONIGHT   ((NOW_MS / BROKER_DAY_MS) * DAY + 80) /* 20:00 of that day */
#define NIGHT_OF(k) (TONIGHT + (k)*DAY)

struct world {
    struct broker_offering o[2];
    struct broker_view view;
    struct broker_line lines[2];
    struct broker_answer answer;
};

static void
world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    for (int i = 0; i < 2; i++) {
        w->o[i] = (struct broker_offering){
            .offering = 200 + (uint64_t)i,
            .site = 100 + (uint64_t)i,
            .country = "FI",
            .model = "A100",
            .memory_gb = 64,
            .gpus_per_node = 4,
            .max_gpus_one_island = 100,
            .brokered_gpus = 100,
            .rate_milli = 1000 + i,
            .calendar = calendar_new(100, NOW_SLOT),
        };
        text_format(w->o[i].site_code, sizeof w->o[i].site_code, "%s", i ? "bsc" : "lumi");
    }
    w->view = (struct broker_view){ w->o, 2, NOW_MS };
    w->answer = (struct broker_answer){ .lines = w->lines, .lines_max = 2 };
}

static void
world_close(struct world *w)
{
    for (int i = 0; i < 2; i++)
        calendar_delete((struct calendar *)(uintptr_t)w->o[i].calendar);
}

static void
take(struct world *w, int i, int64_t slot, int64_t slots, int32_t gpus)
{
    calendar_reserve((struct calendar *)(uintptr_t)w->o[i].calendar, slot, slots, gpus);
}

/* 20:00 to 06:00, ten hours less an hour's slack, for a week. */
static struct broker_ask
week(void)
{
    return (struct broker_ask){ .gpus = 64, .walltime_s = 9 * 3600, .start_slack_s = 3600, .nights = 7, .night_from = 1200,
                                .night_until = 360, .explain = true };
}

static const struct broker_line *
quote(struct world *w, const struct broker_ask *ask, int i)
{
    broker_quote(&w->view, ask, &w->answer);
    return &w->lines[i];
}

static void
a_week_of_nights(void **state)
{
    struct broker_ask ask = week();
    const struct broker_line *line;
    struct world w;

    (void)state;
    world_open(&w);
    line = quote(&w, &ask, 0);
    assert_int_equal(line->code, BROKER_OFFERED);
    assert_int_equal(line->sooner, SOONER_NONE);
    assert_int_equal(line->nights, 7);
    assert_int_equal(line->start_slot, TONIGHT);
    assert_int_equal(line->slots, 40);
    assert_int_equal(line->start_by_ms, line->start_ms + HOUR_MS);
    assert_int_equal(line->end_ms, TONIGHT * CALENDAR_SLOT_MS + 10 * HOUR_MS + 6 * BROKER_DAY_MS);
    assert_int_equal(line->cost_gpums, INT64_C(7) * 64 * 9 * 3600 * 1000);
    /* by day all is taken: of no concern */
    for (int k = 0; k < 20; k++)
        take(&w, 0, NIGHT_OF(k) + 40, 56, 100);
    assert_int_equal(quote(&w, &ask, 0)->start_slot, TONIGHT);
    /* the fourth night is not to be had: a week from the fifth on; site 1 goes before */
    take(&w, 0, NIGHT_OF(3) + 39, 1, 40);
    line = quote(&w, &ask, 0);
    assert_int_equal(line->start_slot, NIGHT_OF(4));
    assert_int_equal(line->rank, 1);
    assert_int_equal(line->sooner, SOONER_NIGHTS);
    assert_int_equal(line->number[0], 3);
    assert_int_equal(line->number[1], 7);
    /* a shorter job has another time of day, the same each night */
    ask.walltime_s = 8 * 3600;
    assert_int_equal(quote(&w, &ask, 0)->start_slot, TONIGHT);
    take(&w, 0, NIGHT_OF(2), 1, 40);
    assert_int_equal(quote(&w, &ask, 0)->start_slot, TONIGHT + 1 > NIGHT_OF(4) ? 0 : TONIGHT + 1);
    world_close(&w);
}

static void
reason_is(struct world *w, const struct broker_ask *ask, int i, const char *text)
{
    char is[BROKER_TEXT];
    const struct broker_line *line = quote(w, ask, i);

    assert_int_equal(line->code, BROKER_NIGHTS);
    broker_reason_text(line, &w->o[i], ask, is);
    assert_string_equal(is, text);
}

static void
no_run_of_nights(void **state)
{
    struct broker_ask ask = week();
    struct world w;
    char text[BROKER_TEXT];

    (void)state;
    world_open(&w);
    for (int i = 0; i < 2; i++)
        for (int k = 3; k < 30; k += 4)
            take(&w, i, NIGHT_OF(k), 4, 37);
    ask.deadline_ms = NOW_MS + 20 * BROKER_DAY_MS;
    reason_is(&w, &ask, 0,
              "No run of 7 nights in which 64 GPUs are free for 10 h, at the same time each night, ends by 1 June 2026, 14:00 UTC."
              " Longest: 3 nights. Earliest: 9 June 2026, 20:00 UTC.");
    assert_int_equal(w.lines[0].help.change, CHANGE_DEADLINE);
    assert_int_equal(w.lines[0].help.to, NIGHT_OF(28) * CALENDAR_SLOT_MS + 10 * HOUR_MS + 6 * BROKER_DAY_MS);
    assert_int_equal(w.answer.offered, 0);
    /* fewer GPUs, fewer nights, a shorter job, later: each with its first night */
    for (size_t i = 0, found = 0; i <= w.answer.what_if_count; i++) {
        const struct broker_what_if *f = &w.answer.what_if[i];

        if (i == w.answer.what_if_count) {
            assert_int_equal(found, 1 << CHANGE_GPUS | 1 << CHANGE_NIGHTS | 1 << CHANGE_WALLTIME | 1 << CHANGE_DEADLINE);
            break;
        }
        found |= (size_t)1 << f->change;
        if (f->change == CHANGE_NIGHTS)
            assert_int_equal(f->to, 3);
        assert_true(f->change == CHANGE_DEADLINE || f->start_ms < NOW_MS + BROKER_DAY_MS);
    }
    ask.walltime_s = 10 * 3600; /* with its slack no night is that long */
    reason_is(&w, &ask, 0,
              "No run of 7 nights in which 64 GPUs are free for 11 h, at the same time each night, ends by 1 June 2026, 14:00 UTC."
              " Longest: 0 nights.");
    assert_int_equal(w.lines[0].help.change, CHANGE_NONE);
    ask = week();
    ask.max_cost_gpums = INT64_C(7) * 64 * 9 * 3600 * 1000 - 1; /* the sum counts */
    quote(&w, &ask, 0);
    assert_int_equal(w.lines[0].code, BROKER_PRICE);
    assert_int_equal(w.lines[0].help.change, CHANGE_PRICE); /* the price of all nights, which then is enough */
    assert_int_equal(w.lines[0].help.to, INT64_C(7) * 64 * 9 * 3600 * 1000);
    broker_reason_text(&w.lines[0], &w.o[0], &ask, text);
    assert_string_equal(text, "Would cost 4,032.000 credits, the limit is 4,031.999.");
    world_close(&w);
}

/* Of a night that goes its own way the window is asked for, as far as the first and last day that were asked for leave it. */
static void
a_night_alone(void **state)
{
    int64_t first_ms = TONIGHT * CALENDAR_SLOT_MS;

    (void)state;
    for (int night = 0; night < 3; night++) {
        struct broker_ask ask = week();

        ask.nights = 3;
        ask.walltime_s = 3600;
        ask.max_cost_gpums = 1;
        ask.earliest_start_ms = first_ms + HOUR_MS;
        ask.deadline_ms = first_ms + 2 * BROKER_DAY_MS + 4 * HOUR_MS;
        broker_night_only(&ask, first_ms + HOUR_MS + night * BROKER_DAY_MS);
        assert_int_equal(ask.nights + ask.night_from + ask.night_until, 0);
        assert_int_equal(ask.max_cost_gpums, 0);
        assert_int_equal(ask.earliest_start_ms, first_ms + night * BROKER_DAY_MS + (night == 0 ? HOUR_MS : 0));
        assert_int_equal(ask.deadline_ms, first_ms + night * BROKER_DAY_MS + (night == 2 ? 4 : 10) * HOUR_MS);
    }
}

static void
one_night_is_told_as_one(void **state)
{
    struct broker_ask ask = week();
    struct world w;

    (void)state;
    world_open(&w);
    ask.nights = 2;
    take(&w, 0, NIGHT_OF(1), 4, 37);
    take(&w, 1, NIGHT_OF(1), 4, 37);
    ask.deadline_ms = NOW_MS + 2 * BROKER_DAY_MS;
    reason_is(&w, &ask, 0,
              "No run of 2 nights in which 64 GPUs are free for 10 h, at the same time each night, ends by 14 May 2026, 14:00 UTC."
              " Longest: 1 night. Earliest: 14 May 2026, 20:00 UTC.");
    world_close(&w);
}

/* ---- oracle ------------------------------------------------------------------------------------------------------- */

static uint32_t
draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) % below);
}

static bool
free_on(const struct broker_offering *o, const struct broker_ask *ask, int64_t start, int64_t slots)
{
    for (int64_t at = start; at < start + slots; at++)
        if (calendar_free(o->calendar, at) < ask->gpus)
            return false;
    return true;
}

/* The first slot of the earliest run of nights, by trying all; -1: none. *ret_longest: the longest run that begins before. */
static int64_t
oracle(const struct broker_offering *o, const struct broker_ask *ask)
{
    int64_t length_ms = (ask->walltime_s + ask->start_slack_s) * 1000;
    int64_t slots = (length_ms + CALENDAR_SLOT_MS - 1) / CALENDAR_SLOT_MS;
    int64_t minutes = (ask->night_until + 1440 - ask->night_from) % 1440;

    if (minutes == 0)
        minutes = 1440;
    for (int64_t night = NOW_SLOT / DAY - 1; night < NOW_SLOT / DAY + 60; night++)
        for (int64_t start = night * DAY + ask->night_from / 15; start * 15 + length_ms / 60000 <= night * 1440 + ask->night_from + minutes;
             start++) {
            bool all = true;

            if (start * CALENDAR_SLOT_MS < NOW_MS || start * CALENDAR_SLOT_MS < ask->earliest_start_ms ||
                start * CALENDAR_SLOT_MS + length_ms > (night * 1440 + ask->night_from + minutes) * 60000)
                continue;
            if (ask->deadline_ms > 0 &&
                start * CALENDAR_SLOT_MS + length_ms + (ask->nights - 1) * BROKER_DAY_MS > ask->deadline_ms)
                continue;
            for (int k = 0; all && k < ask->nights; k++)
                all = free_on(o, ask, start + k * DAY, slots);
            if (all)
                return start;
        }
    return -1;
}

static void
check_certificate(const struct broker_offering *o, const struct broker_ask *ask, const struct broker_line *line)
{
    int64_t span_ms = (ask->walltime_s + ask->start_slack_s) * 1000;
    int64_t last_ms = ask->deadline_ms > 0 ? ask->deadline_ms : calendar_end(o->calendar) * CALENDAR_SLOT_MS;
    int64_t earliest_ms = ask->earliest_start_ms > NOW_MS ? ask->earliest_start_ms : NOW_MS;
    struct certificate_nights c = {
        .gpus = ask->gpus,
        .slots = calendar_slot_after(span_ms),
        .first_slot = calendar_slot_after(earliest_ms),
        .latest_slot = (last_ms - span_ms) / CALENDAR_SLOT_MS,
        .window_slot = (NOW_SLOT / DAY - 1) * DAY + ask->night_from / 15,
        .window = broker_night_slots(ask),
        .nights = ask->nights,
        .blocked = line->blocked,
        .count = line->blocked_count,
        .more = line->blocked_more,
    };

    assert_int_equal(certificate_check_nights(&c), line->blocked_more ? CERTIFICATE_IN_PART : CERTIFICATE_PROVES);
    for (size_t i = 0; i < c.count; i++) {
        int32_t most = INT32_MIN;

        for (int64_t slot = c.blocked[i].start_slot; slot < c.blocked[i].start_slot + c.blocked[i].slots; slot++)
            most = calendar_free(o->calendar, slot) > most ? calendar_free(o->calendar, slot) : most;
        assert_int_equal(most, c.blocked[i].gpus);
    }
    if (c.count > 0) { /* without its stretches it proves only what is impossible on a free machine too */
        struct broker_offering idle = *o;

        idle.calendar = calendar_new(100, NOW_SLOT);
        c.blocked = NULL;
        c.count = 0;
        c.more = 0;
        assert_int_equal(certificate_check_nights(&c), oracle(&idle, ask) < 0 ? CERTIFICATE_PROVES : CERTIFICATE_GAP);
        calendar_delete((struct calendar *)(uintptr_t)idle.calendar);
    }
}

static void
check_stored(const struct broker_answer *a, const struct broker_ask *ask)
{
    uint8_t bytes[16384], asked[BROKER_ASK_LEN];
    struct broker_line lines[2];
    struct broker_answer back = { .lines = lines, .lines_max = 2 };
    struct broker_ask again;

    assert_true(broker_answer_len(a) <= sizeof bytes);
    broker_answer_encode(a, bytes);
    assert_int_equal(broker_answer_decode(BYTES(bytes, broker_answer_len(a)), &back), OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(lines[i].nights, a->lines[i].nights);
    broker_ask_encode(ask, asked);
    assert_int_equal(broker_ask_decode(BYTES(asked, sizeof asked), &again), OK);
    assert_int_equal(again.nights, ask->nights);
    assert_int_equal(again.night_from, ask->night_from);
    assert_int_equal(again.night_until, ask->night_until);
}

static struct broker_ask
draw_ask(uint64_t *seed)
{
    struct broker_ask ask = {
        .gpus = 4 * (1 + (int32_t)draw(seed, 25)),
        .walltime_s = 60 + draw(seed, 9 * 3600),
        .start_slack_s = draw(seed, 3) * 900,
        .nights = (uint8_t)(1 + draw(seed, 9)),
        .night_from = (uint16_t)(15 * draw(seed, 96)),
        .night_until = (uint16_t)(15 * draw(seed, 96)),
        .earliest_start_ms = draw(seed, 2) == 0 ? 0 : NOW_MS + draw(seed, 300) * INT64_C(600000),
        .deadline_ms = draw(seed, 2) == 0 ? 0 : NOW_MS + draw(seed, 2000) * INT64_C(900000) + draw(seed, 2) * 1000,
        .explain = draw(seed, 4) > 0,
    };

    if (draw(seed, 2) == 0) { /* a night's job often fills its window */
        int64_t left_s = broker_night_slots(&ask) * 900 - ask.start_slack_s;

        if (left_s > 0)
            ask.walltime_s = left_s;
    }
    return ask;
}

static void
answers_agree_with_the_oracle(void **state)
{
    uint64_t seed = 20260512;
    int offered = 0, refused = 0;

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct world w;

        world_open(&w);
        for (int i = 0; i < 2; i++)
            for (int tries = 0; tries < 20 + 20 * (round % 8); tries++)
                take(&w, i, NOW_SLOT + draw(&seed, 14 * DAY), 1 + draw(&seed, 60), 4 * (int32_t)(1 + draw(&seed, 12)));
        for (int n = 0; n < 40; n++) {
            struct broker_ask ask = draw_ask(&seed);

            broker_quote(&w.view, &ask, &w.answer);
            check_stored(&w.answer, &ask);
            for (int i = 0; i < 2; i++) {
                const struct broker_line *line = &w.lines[i];
                int64_t want = oracle(&w.o[i], &ask);

                if (want < 0 ? line->code != BROKER_NIGHTS : line->code != BROKER_OFFERED || line->start_slot != want)
                    fail_msg("round %d ask %d offering %d: got %s at %lld, want %lld", round, n, i, broker_code_wire(line->code),
                             (long long)line->start_slot, (long long)want);
                offered += want >= 0;
                if (want >= 0)
                    continue;
                refused++;
                if (ask.explain)
                    check_certificate(&w.o[i], &ask, line);
            }
        }
        world_close(&w);
    }
    assert_true(offered > 500 && refused > 200);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_week_of_nights),
        cmocka_unit_test(no_run_of_nights),
        cmocka_unit_test(a_night_alone),
        cmocka_unit_test(one_night_is_told_as_one),
        cmocka_unit_test(answers_agree_with_the_oracle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
