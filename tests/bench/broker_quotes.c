/* tests/bench/broker_quotes.c: quotes a second in one process, on calendars that are nine tenths full for 90 days.
 * Prints marks for scripts/bench. One core; the seed is fixed, so two runs ask the same questions. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/broker.h"

enum { SITES_MAX = 48, QUESTIONS = 20000, DAYS = 90, SLOTS_A_DAY = 96, A_MILLION = 1000000 };
enum { LARGE = 3860 }; /* GPUs; a million small jobs take nine tenths of three years of so many */
#define NOW_SLOT INT64_C(2000000)

static uint64_t seed = 1;

static uint32_t
draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % below);
}

static int64_t
now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int
by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Jobs of all sizes, each where it first fits, until nine tenths of the 90 days are taken. Returns how many. */
static size_t
fill(struct calendar *c, int32_t capacity)
{
    int64_t want = (int64_t)capacity * DAYS * SLOTS_A_DAY * 9 / 10, taken = 0;
    size_t jobs = 0;

    for (int misses = 0; taken < want && misses < 20000;) {
        int32_t gpus = 4 << draw(7);
        int64_t slots = 1 + draw(draw(4) == 0 ? 4 * SLOTS_A_DAY : 48);
        int64_t from = NOW_SLOT + draw(DAYS * SLOTS_A_DAY), start;

        if (gpus > capacity ||
            !calendar_earliest(c, gpus, slots, from, NOW_SLOT + DAYS * SLOTS_A_DAY - slots, &start, NULL)) {
            misses++;
            continue;
        }
        calendar_reserve(c, start, slots, gpus);
        taken += gpus * slots;
        jobs++;
    }
    return jobs;
}

/* A million small jobs throughout the calendar's three years. Returns how many. */
static size_t
fill_long(struct calendar *c)
{
    size_t jobs = 0;

    for (int misses = 0; jobs < A_MILLION && misses < 20000;) {
        int32_t gpus = 4 << draw(4);
        int64_t slots = 1 + draw(48);
        int64_t from = NOW_SLOT + draw(CALENDAR_SLOTS - 48), start;

        if (!calendar_earliest(c, gpus, slots, from, NOW_SLOT + CALENDAR_SLOTS - slots, &start, NULL)) {
            misses++;
            continue;
        }
        calendar_reserve(c, start, slots, gpus);
        jobs++;
    }
    return jobs;
}

static double
full_percent(const struct calendar *c)
{
    int64_t taken = 0;

    for (int64_t slot = NOW_SLOT; slot < NOW_SLOT + CALENDAR_SLOTS; slot++)
        taken += LARGE - calendar_free(c, slot);
    return 100.0 * (double)taken / ((double)LARGE * CALENDAR_SLOTS);
}

static struct broker_ask
draw_ask(bool explain)
{
    static const int32_t GPUS[] = { 4, 4, 8, 8, 16, 32, 64, 128, 256 };

    return (struct broker_ask){
        .gpus = GPUS[draw(sizeof GPUS / sizeof GPUS[0])],
        .walltime_s = 900 + draw(48 * 3600),
        .deadline_ms = (NOW_SLOT + DAYS * SLOTS_A_DAY) * CALENDAR_SLOT_MS,
        .memory_gb_min = draw(4) == 0 ? 80 : 0,
        .preference = (enum broker_preference)draw(4),
        .has_home = true,
        .home_lat = 39470,
        .home_lon = -376,
        .explain = explain,
    };
}

/* goals of 0: the figure is shown, no mark is set for it. */
static void
measure(const struct broker_view *view, const char *what, bool explain, double goal_rate, double goal_p99_us)
{
    static struct broker_line lines[SITES_MAX];
    static int64_t took[QUESTIONS];
    struct broker_answer answer = { .lines = lines, .lines_max = SITES_MAX };
    int64_t begin, sum = 0, spent;
    size_t offered = 0, what_ifs = 0;

    seed = 7;
    spent = now_ns(CLOCK_PROCESS_CPUTIME_ID); /* quotes a second of one core, whoever else may be using it */
    for (int i = 0; i < QUESTIONS; i++) {
        struct broker_ask ask = draw_ask(explain);

        begin = now_ns(CLOCK_MONOTONIC);
        broker_quote(view, &ask, &answer);
        took[i] = now_ns(CLOCK_MONOTONIC) - begin;
        sum += took[i];
        offered += answer.offered;
        what_ifs += answer.what_if_count;
    }
    spent = now_ns(CLOCK_PROCESS_CPUTIME_ID) - spent;
    qsort(took, QUESTIONS, sizeof took[0], by_time);
    printf("%s: mean %.1f us, p50 %.1f us, p99 %.1f us, max %.1f us; %.1f offers and %.1f what-ifs a quote\n", what,
           (double)sum / QUESTIONS / 1e3, (double)took[QUESTIONS / 2] / 1e3, (double)took[QUESTIONS * 99 / 100] / 1e3,
           (double)took[QUESTIONS - 1] / 1e3, (double)offered / QUESTIONS, (double)what_ifs / QUESTIONS);
    if (goal_rate > 0)
        printf("mark %s %.0f quotes/s (goal >= %.0f)\n", what, 1e9 * QUESTIONS / (double)spent, goal_rate);
    else
        printf("%s: %.0f quotes/s\n", what, 1e9 * QUESTIONS / (double)spent);
    if (goal_p99_us > 0)
        printf("mark %s-p99 %.1f us (goal < %.0f)\n", what, (double)took[QUESTIONS * 99 / 100] / 1e3, goal_p99_us);
    fflush(stdout);
}

int
main(void)
{
    static struct broker_offering offerings[SITES_MAX];
    struct broker_view view = { .offerings = offerings, .now_ms = NOW_SLOT * CALENDAR_SLOT_MS + 1 };
    size_t jobs = 0;

    for (size_t i = 0; i < SITES_MAX; i++) {
        struct broker_offering *o = &offerings[i];
        struct calendar *c;

        *o = (struct broker_offering){
            .offering = 200 + i,
            .site = 100 + i,
            .country = "FI",
            .model = "A100",
            .has_place = true,
            .lat = 35000 + (int32_t)draw(30000),
            .lon = (int32_t)draw(30000),
            .memory_gb = i % 3 == 0 ? 128 : 64,
            .gpus_per_node = 4,
            .max_gpus_one_island = 256,
            .brokered_gpus = 256 + 4 * (int32_t)draw(200),
            .rate = 1,
            .rate_milli = 1000 + draw(1000),
        };
        c = calendar_new(o->brokered_gpus, NOW_SLOT);
        jobs += fill(c, o->brokered_gpus);
        o->calendar = c;
    }
    printf("%d sites, %zu reservations\n", SITES_MAX, jobs);
    view.count = 11;
    measure(&view, "broker-11-sites", false, 300000, 25);
    measure(&view, "broker-11-sites-explained", true, 10000, 0);
    view.count = SITES_MAX;
    measure(&view, "broker-48-sites-of-90-days", false, 0, 0);
    jobs = 0;
    for (size_t i = 0; i < SITES_MAX; i++) {
        struct calendar *c = calendar_new(LARGE, NOW_SLOT);

        calendar_delete((struct calendar *)(uintptr_t)offerings[i].calendar);
        offerings[i].brokered_gpus = LARGE;
        offerings[i].calendar = c;
        jobs += fill_long(c);
    }
    printf("%d sites, %zu reservations each; the first is %.1f%% full\n", SITES_MAX, jobs / SITES_MAX, full_percent(offerings[0].calendar));
    measure(&view, "broker-48-sites", false, 10000, 300);
    measure(&view, "broker-48-sites-explained", true, 0, 0);
    for (size_t i = 0; i < SITES_MAX; i++)
        calendar_delete((struct calendar *)(uintptr_t)offerings[i].calendar);
    return 0;
}
