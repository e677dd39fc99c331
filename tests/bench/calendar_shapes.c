/* tests/bench/calendar_shapes.c: the calendar beside two other structures, in shapes that favour one or another. All give the
 * same answers, which is checked. One core; processor time; the seed is fixed; rounds alternate. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calendar_peers.h"
#include "core/calendar.h"

enum { DAY = 96, ASKS = 2000, ROUNDS = 7, KINDS = 3, BOOKS = 2000 };
#define NOW INT64_C(2000000)

struct shape {
    const char *name;
    int32_t capacity;
    int64_t filled;                /* slots from NOW on in which jobs are booked */
    int parts;                     /* hundredths of these that are taken */
    int64_t asked_least, asked_most; /* length in slots of what is asked */
    int32_t gpus_least, gpus_most;
    bool solid; /* one booking leaves an eighth free for all this time, instead of many jobs */
};

static const struct shape SHAPES[] = {
    { "90 days, nine tenths full", 1024, 90 * DAY, 90, 1, 2 * DAY, 4, 256, false },
    { "90 days, long jobs asked", 1024, 90 * DAY, 90, 7 * DAY, 30 * DAY, 4, 256, false },
    { "two years booked solid", 1024, 730 * DAY, 0, 1, 2 * DAY, 129, 1024, true },
    { "a million jobs in three years", 100000, 1095 * DAY, 100, 1, 2 * DAY, 1000, 100000, false },
};

struct booked {
    int64_t start;
    int32_t slots, gpus;
};

struct ask {
    int64_t slots, latest, start;
    int32_t gpus;
    bool found;
};

static uint64_t seed;

static int64_t
draw(int64_t least, int64_t most)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return least + (int64_t)((seed >> 20) % (uint64_t)(most - least + 1));
}

static int64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int
by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

static void
book(struct calendar *c, struct peer *peers[2], int64_t start, int64_t slots, int32_t gpus)
{
    calendar_reserve(c, start, slots, gpus);
    peer_book(peers[PEER_BLOCKS], PEER_BLOCKS, start, slots, gpus);
    peer_book(peers[PEER_BITS], PEER_BITS, start, slots, gpus);
}

/* Jobs of all sizes, each where it first fits from some slot on. Returns how many. */
static size_t
fill(const struct shape *s, struct calendar *c, struct peer *peers[2])
{
    int64_t want = s->capacity * s->filled / 100 * s->parts, taken = 0;
    size_t jobs = 0;

    if (s->solid) {
        book(c, peers, NOW, s->filled, s->capacity / 8 * 7);
        return 1;
    }
    for (int misses = 0; taken < want && misses < 5000 && jobs < 1000000;) {
        int32_t gpus = 4 << draw(0, 6);
        int64_t slots = draw(1, draw(0, 3) == 0 ? 4 * DAY : 48), start;

        if (!calendar_earliest(c, gpus, slots, NOW + draw(0, s->filled - 1), NOW + s->filled - slots, &start, NULL)) {
            misses++;
            continue;
        }
        book(c, peers, start, slots, gpus);
        taken += gpus * slots;
        jobs++;
    }
    return jobs;
}

/* ---- measuring --------------------------------------------------------------------------------------------------- */

static bool
earliest(int kind, const struct calendar *c, struct peer *const peers[2], const struct ask *a, int64_t *ret)
{
    return kind == 0 ? calendar_earliest(c, a->gpus, a->slots, NOW, a->latest, ret, NULL)
                     : peer_earliest(peers[kind - 1], (enum peer_kind)(kind - 1), a->gpus, a->slots, NOW, a->latest, ret);
}

/* ns an ask. Exits if one answers otherwise than the calendar. */
static int64_t
search_all(int kind, const struct calendar *c, struct peer *const peers[2], struct ask *asks)
{
    int64_t began = now_ns();

    for (int i = 0; i < ASKS; i++) {
        int64_t start = 0;
        bool found = earliest(kind, c, peers, &asks[i], &start);

        if (kind == 0) {
            asks[i].found = found;
            asks[i].start = start;
        } else if (found != asks[i].found || (found && start != asks[i].start)) {
            fprintf(stderr, "calendar: structure %d finds slot %" PRId64 ", the calendar %" PRId64 "\n", kind, start, asks[i].start);
            exit(1);
        }
    }
    return (now_ns() - began) / ASKS;
}

/* ns for taking some GPUs or giving them back, windows as in `booked`. */
static int64_t
book_all(int kind, struct calendar *c, struct peer *peers[2], const struct booked *booked)
{
    int64_t began = now_ns();

    for (int i = 0; i < 2 * BOOKS; i++) {
        const struct booked *b = &booked[i % BOOKS];
        bool back = i >= BOOKS;

        if (kind > 0)
            peer_book(peers[kind - 1], (enum peer_kind)(kind - 1), b->start, b->slots, back ? -b->gpus : b->gpus);
        else if (back)
            calendar_release(c, b->start, b->slots, b->gpus);
        else
            calendar_reserve(c, b->start, b->slots, b->gpus);
    }
    return (now_ns() - began) / (2 * BOOKS);
}

static void
draw_all(const struct shape *s, struct ask *asks, struct booked *booked)
{
    for (int i = 0; i < ASKS; i++) {
        asks[i].slots = draw(s->asked_least, s->asked_most);
        asks[i].gpus = (int32_t)draw(s->gpus_least, draw(0, 1) ? s->gpus_most : s->gpus_least);
        asks[i].latest = NOW + s->filled + DAY - asks[i].slots;
    }
    for (int i = 0; i < BOOKS; i++) {
        booked[i].slots = (int32_t)draw(1, draw(0, 3) == 0 ? 4 * DAY : 48);
        booked[i].start = NOW + draw(0, s->filled - booked[i].slots);
        booked[i].gpus = (int32_t)draw(1, 8);
    }
}

/* Returns ns for a reservation or release in the calendar. */
static int64_t
measure(const struct shape *s)
{
    static struct ask asks[ASKS];
    static struct booked booked[BOOKS];
    static const char *const WORDS[KINDS] = { "plain array", "blocks", "bitsets" };
    struct calendar *c = calendar_new(s->capacity, NOW);
    struct peer *peers[2] = { peer_new(s->capacity, NOW), peer_new(s->capacity, NOW) };
    int64_t search[KINDS][ROUNDS], keep[KINDS][ROUNDS];
    size_t jobs;

    seed = 11;
    jobs = fill(s, c, peers);
    draw_all(s, asks, booked);
    for (int round = 0; round < ROUNDS; round++)
        for (int kind = 0; kind < KINDS; kind++) {
            search[kind][round] = search_all(kind, c, peers, asks);
            keep[kind][round] = book_all(kind, c, peers, booked);
        }
    printf("%s, %zu jobs:", s->name, jobs);
    for (int kind = 0; kind < KINDS; kind++) {
        qsort(search[kind], ROUNDS, sizeof search[kind][0], by_size);
        qsort(keep[kind], ROUNDS, sizeof keep[kind][0], by_size);
        printf("%s %s: search %" PRId64 " ns, reserve or release %" PRId64 " ns", kind ? ";" : "", WORDS[kind],
               search[kind][ROUNDS / 2], keep[kind][ROUNDS / 2]);
    }
    printf("\n");
    fflush(stdout);
    calendar_delete(c);
    free(peers[0]);
    free(peers[1]);
    return keep[0][ROUNDS / 2];
}

int
main(void)
{
    struct calendar *c = calendar_new(1024, NOW);
    int64_t reserve = 0;

    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        int64_t ns = measure(&SHAPES[i]);

        reserve = ns > reserve ? ns : reserve;
    }
    printf("mark calendar-reserve %.3f us (goal < 1)\n", (double)reserve / 1e3);
    printf("mark calendar-size %.3f MB (goal < 1)\n", (double)malloc_usable_size(c) / 1e6);
    calendar_delete(c);
    return 0;
}
