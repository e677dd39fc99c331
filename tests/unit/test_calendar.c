/* tests/unit/test_calendar.c: the calendar against a naive array, and an oracle for every answer of the search. */
#include "base/num.h"
#include "core/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/certificate.h"

/* A fixed, portable sequence: a failure names its seed and can be had again. */
static uint32_t
draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) % below);
}

enum { FIRST = 1000, SPAN = 400 }; /* the stretch in which the random tests work */

/* The naive model: one number a slot. */
struct naive {
    int32_t free[SPAN];
};

static void
naive_add(struct naive *n, int64_t from, int64_t slots, int32_t gpus)
{
    for (int64_t i = from; i < from + slots; i++)
        if (i >= FIRST && i < FIRST + SPAN)
            n->free[i - FIRST] += gpus;
}

static bool
naive_fits(const struct naive *n, int64_t from, int64_t slots, int32_t gpus)
{
    for (int64_t i = from; i < from + slots; i++)
        if (n->free[i - FIRST] < gpus)
            return false;
    return true;
}

static int32_t
naive_least(const struct naive *n, int64_t from, int64_t slots)
{
    int32_t least = INT32_MAX;

    for (int64_t i = from; i < from + slots; i++)
        least = n->free[i - FIRST] < least ? n->free[i - FIRST] : least;
    return least;
}

static int64_t
naive_earliest(const struct naive *n, int32_t gpus, int64_t slots, int64_t from, int64_t latest)
{
    for (int64_t start = from; start <= latest; start++)
        if (naive_fits(n, start, slots, gpus))
            return start;
    return -1;
}

static void
fill_at_random(struct calendar *c, struct naive *n, int32_t capacity, uint64_t *seed)
{
    uint32_t bookings = draw(seed, 120);

    for (int i = 0; i < SPAN; i++)
        n->free[i] = capacity;
    for (uint32_t i = 0; i < bookings; i++) {
        int64_t start = FIRST + draw(seed, SPAN - 40);
        int64_t slots = 1 + draw(seed, 40);
        int32_t gpus = 1 + (int32_t)draw(seed, (uint32_t)capacity / 2);

        if (naive_fits(n, start, slots, gpus)) {
            assert_true(calendar_fits(c, start, slots, gpus));
            calendar_reserve(c, start, slots, gpus);
            naive_add(n, start, slots, -gpus);
        } else {
            assert_false(calendar_fits(c, start, slots, gpus));
        }
    }
}

static int32_t
naive_free(const void *with, int64_t slot)
{
    const struct naive *n = with;

    return n->free[slot - FIRST];
}

/* What anyone can check who may see what is booked. */
static void
check_certificate(const struct naive *n, const struct calendar_why *why, int32_t gpus, int64_t slots)
{
    struct certificate c = { gpus, slots, why->from_slot, why->windows, why->blocked, why->blocked_count, why->blocked_more };

    assert_int_equal(certificate_compare(&c, naive_free, n), why->blocked_more ? CERTIFICATE_IN_PART : CERTIFICATE_PROVES);
    assert_true(why->blocked_more == 0 || why->blocked_count == CALENDAR_BLOCKED_MAX);
}

static void
check_why(const struct naive *n, const struct calendar_why *why, int32_t gpus, int64_t slots, int64_t from,
          int64_t latest, int64_t found)
{
    int64_t until = found >= 0 ? found : latest + slots;
    int32_t most = INT32_MIN, throughout = 0;
    int64_t longest = 0, run = 0;

    assert_int_equal(why->windows, found >= 0 ? found - from : latest + 1 - from);
    if (why->windows == 0)
        return;
    assert_int_equal(why->from_slot, from);
    assert_int_equal(why->until_slot, until);
    for (int64_t slot = from; slot < until; slot++) {
        int32_t is = n->free[slot - FIRST];

        most = is > most ? is : most;
        run = is >= gpus ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (int64_t start = from; start < from + why->windows; start++)
        throughout = naive_least(n, start, slots) > throughout ? naive_least(n, start, slots) : throughout;
    assert_int_equal(why->most_free, most);
    assert_int_equal(why->most_throughout, throughout);
    assert_int_equal(why->longest.slots, longest);
    if (longest > 0)
        assert_true(naive_fits(n, why->longest.start_slot, longest, gpus));
    check_certificate(n, why, gpus, slots);
}

static void
search_agrees_with_the_oracle(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 300; round++) {
        uint64_t seed = round;
        int32_t capacity = 4 + (int32_t)draw(&seed, 60);
        struct calendar *c = calendar_new(capacity, FIRST);
        struct naive n;
        int found = 0;

        fill_at_random(c, &n, capacity, &seed);
        for (int i = 0; i < 40; i++) {
            int32_t gpus = 1 + (int32_t)draw(&seed, (uint32_t)capacity);
            int64_t slots = 1 + draw(&seed, 60);
            int64_t from = FIRST + draw(&seed, SPAN - 60);
            int64_t latest = from - 1 + draw(&seed, (uint32_t)(FIRST + SPAN - slots - from + 2));
            int64_t want = naive_earliest(&n, gpus, slots, from, latest);
            int64_t start = -7;
            struct calendar_why why;

            found = calendar_earliest(c, gpus, slots, from, latest, &start, &why);
            if (found != (want >= 0) || (found && start != want))
                fail_msg("seed %d: found %d at %d, want %d", (int)round, found, (int)start, (int)want);
            if (!found)
                assert_int_equal(start, -7); /* untouched */
            if (latest >= from)
                check_why(&n, &why, gpus, slots, from, latest, want);
            else
                assert_int_equal(why.windows, 0);
            start = -7;
            assert_int_equal(calendar_earliest(c, gpus, slots, from, latest, &start, NULL), found);
            assert_int_equal(start, want >= 0 ? want : -7);
            assert_int_equal(calendar_overbooked(c, from, slots), naive_least(&n, from, slots) < 0);
        }
        calendar_delete(c);
    }
}

static void
copy_out(const struct calendar *c, int32_t *ret)
{
    for (int64_t i = 0; i < CALENDAR_SLOTS; i++)
        ret[i] = calendar_free(c, calendar_first(c) + i);
}

/* Whatever is done under an undo log is taken back, also across the ring's edge. */
static void
undo_takes_everything_back(void **state)
{
    int32_t *before = malloc(sizeof *before * CALENDAR_SLOTS), *after = malloc(sizeof *after * CALENDAR_SLOTS);
    struct undo *u = undo_new();
    uint64_t seed = 99;
    struct calendar *c = calendar_new(500, FIRST);

    (void)state;
    calendar_advance(c, FIRST + 70000); /* the head stands in the middle of the ring */
    calendar_reserve(c, FIRST + 80000, 50000, 100);
    calendar_resize(c, FIRST + 90000, 300, NULL);
    for (int round = 0; round < 20; round++) {
        undo_mark mark = undo_here(u);

        copy_out(c, before);
        for (int i = 0; i < 10; i++) {
            int64_t slots = 1 + draw(&seed, 30000);
            int64_t start = calendar_first(c) + draw(&seed, (uint32_t)(CALENDAR_SLOTS - slots));
            int32_t gpus = 1 + (int32_t)draw(&seed, 200);

            switch (draw(&seed, 3)) {
            case 0:
                calendar_reserve_undo(c, start, slots, gpus, u);
                break;
            case 1:
                calendar_release_undo(c, start, slots, gpus, u);
                break;
            default:
                calendar_resize(c, start, gpus, u);
                break;
            }
        }
        undo_back(u, mark);
        copy_out(c, after);
        assert_memory_equal(before, after, sizeof *before * CALENDAR_SLOTS);
        calendar_resize(c, calendar_first(c) + draw(&seed, 1000), 400 + round, u);
        undo_commit(u);
    }
    undo_delete(u);
    calendar_delete(c);
    free(before);
    free(after);
}

/* What is done to one is not done to the other; what is restored is the whole of it. */
static void
a_snapshot_is_its_own(void **state)
{
    static int32_t before[CALENDAR_SLOTS], after[CALENDAR_SLOTS];
    struct calendar *c = calendar_new(16, FIRST), *snapshot;

    (void)state;
    calendar_reserve(c, FIRST + 5, 20, 9);
    calendar_resize(c, FIRST + 10, 12, NULL);
    copy_out(c, before);
    snapshot = calendar_copy(c);
    calendar_reserve(c, FIRST + 3, 4, 2);
    calendar_resize(c, FIRST + 50, 0, NULL);
    calendar_advance(c, FIRST + 4);
    copy_out(snapshot, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(calendar_capacity(snapshot, FIRST + 60), 12);
    calendar_restore(c, snapshot);
    calendar_reserve(snapshot, FIRST, 1, 16);
    assert_int_equal(calendar_first(c), FIRST);
    assert_int_equal(calendar_capacity(c, FIRST + 60), 12);
    copy_out(c, after);
    assert_memory_equal(before, after, sizeof before);
    calendar_delete(c);
    calendar_delete(snapshot);
}

static void
a_cut_lists_conflicts_and_blocks(void **state)
{
    struct calendar *c = calendar_new(100, FIRST);
    struct calendar_range r[4];
    int64_t start;

    (void)state;
    calendar_reserve(c, FIRST + 10, 20, 80);
    calendar_reserve(c, FIRST + 20, 5, 20);
    calendar_reserve(c, FIRST + 100, 10, 40);
    assert_int_equal(calendar_conflicts(c, r, 4), 0);
    calendar_resize(c, FIRST + 12, 30, NULL);   /* maintenance: 70 fewer … */
    calendar_resize(c, FIRST + 105, 100, NULL); /* … until here */
    assert_int_equal(calendar_conflicts(c, r, 4), 2);
    assert_int_equal(r[0].start_slot, FIRST + 12);
    assert_int_equal(r[0].slots, 18);
    assert_int_equal(r[0].gpus, -70);
    assert_int_equal(r[1].start_slot, FIRST + 100);
    assert_int_equal(r[1].slots, 5);
    assert_int_equal(r[1].gpus, -10);
    assert_int_equal(calendar_conflicts(c, r, 1), 2);
    for (int64_t from = FIRST - 3; from < FIRST + 120; from++)
        for (int64_t slots = 0; slots < 30; slots++) {
            bool over = false;

            for (int64_t slot = from; slot < from + slots; slot++)
                over = over || (slot >= FIRST && calendar_free(c, slot) < 0);
            assert_int_equal(calendar_overbooked(c, from, slots), over);
        }
    assert_true(calendar_overbooked(c, FIRST, CALENDAR_SLOTS));
    assert_true(calendar_overbooked(c, FIRST + 100, INT64_MAX));
    assert_int_equal(calendar_capacity(c, FIRST + 11), 100);
    assert_int_equal(calendar_capacity(c, FIRST + 12), 30);
    assert_int_equal(calendar_capacity(c, FIRST + 105), 100);
    for (int64_t from = FIRST; from < FIRST + 120; from++) /* over a stretch: the least of its slots */
        for (int64_t slots = 1; slots < 120; slots += 7) {
            int32_t least = INT32_MAX;

            for (int64_t slot = from; slot < from + slots; slot++)
                least = calendar_capacity(c, slot) < least ? calendar_capacity(c, slot) : least;
            assert_int_equal(calendar_capacity_least(c, from, slots), least);
        }
    assert_false(calendar_fits(c, FIRST + 12, 1, 1));
    assert_true(calendar_earliest(c, 31, 4, FIRST + 12, FIRST + 500, &start, NULL));
    assert_int_equal(start, FIRST + 105);
    calendar_release(c, FIRST + 10, 20, 80); /* moved elsewhere */
    assert_int_equal(calendar_conflicts(c, r, 4), 1);
    assert_true(calendar_fits(c, FIRST + 12, 8, 30));
    calendar_resize(c, FIRST + 12, 100, NULL); /* a later word on these slots is the one that counts */
    assert_int_equal(calendar_conflicts(c, r, 4), 0);
    assert_int_equal(calendar_free(c, FIRST + 104), 60);
    calendar_delete(c);
}

static void
the_ring_moves_on(void **state)
{
    struct calendar *c = calendar_new(10, FIRST);
    int64_t end = FIRST + CALENDAR_SLOTS;
    int64_t start;

    (void)state;
    assert_int_equal(calendar_end(c), end);
    assert_false(calendar_fits(c, end - 3, 4, 1)); /* beyond the horizon */
    assert_true(calendar_fits(c, end - 4, 4, 10));
    calendar_reserve(c, FIRST, 8, 7);
    calendar_reserve(c, end - 4, 4, 10);
    calendar_resize(c, end + 10, 25, NULL); /* announced for a time beyond the horizon */
    calendar_advance(c, FIRST + 5);
    assert_int_equal(calendar_first(c), FIRST + 5);
    assert_int_equal(calendar_free(c, FIRST + 7), 3);
    assert_int_equal(calendar_free(c, end - 1), 0);
    assert_int_equal(calendar_free(c, end + 4), 10);
    assert_true(calendar_fits(c, end, 5, 10));
    calendar_release(c, FIRST, 8, 7); /* partly over: what is left comes back */
    assert_int_equal(calendar_free(c, FIRST + 5), 10);
    assert_int_equal(calendar_free(c, FIRST + 7), 10);
    calendar_advance(c, FIRST + 3); /* never back */
    assert_int_equal(calendar_first(c), FIRST + 5);
    calendar_advance(c, FIRST + 20);
    assert_int_equal(calendar_free(c, end + 9), 10);
    assert_int_equal(calendar_free(c, end + 10), 25);
    calendar_release(c, FIRST, 8, 7); /* wholly over: nothing to do */
    assert_false(calendar_overbooked(c, FIRST, 8));
    assert_false(calendar_overbooked(c, end + 15, 100));
    assert_true(calendar_earliest(c, 25, 8, 0, INT64_MAX, &start, NULL));
    assert_int_equal(start, end + 10);
    assert_false(calendar_earliest(c, 25, 11, 0, INT64_MAX, &start, NULL));
    assert_false(calendar_earliest(c, 1, CALENDAR_SLOTS + 1, 0, INT64_MAX, &start, NULL));
    calendar_advance(c, end + 3 * CALENDAR_SLOTS); /* further than the ring is long */
    assert_int_equal(calendar_free(c, calendar_first(c)), 25);
    assert_int_equal(calendar_capacity(c, calendar_first(c)), 25);
    calendar_delete(c);
}

static void
a_summary_for_the_page(void **state)
{
    struct calendar *c = calendar_new(40, FIRST);
    struct calendar_bin b[4];

    (void)state;
    calendar_reserve(c, FIRST + 4, 10, 30);
    calendar_summary(c, FIRST - 24, 24, 3, b);
    assert_int_equal(b[0].least, 0); /* over */
    assert_int_equal(b[0].sum, 0);
    assert_int_equal(b[1].least, 10);
    assert_int_equal(b[1].most, 40);
    assert_int_equal(b[1].sum, 24 * 40 - 10 * 30);
    assert_int_equal(b[2].least, 40);
    assert_int_equal(b[2].sum, 24 * 40);
    calendar_delete(c);
}

/* Windows that lie across the end of the ring, wherever that is. */
static void
windows_across_the_seam(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct calendar *c = calendar_new(10, FIRST);
        int64_t end, seam;

        calendar_advance(c, FIRST + 1 + draw(&seed, 100));
        end = calendar_end(c);
        seam = FIRST + CALENDAR_SLOTS; /* the first slot at the ring's first place */
        for (int i = 0; i < 3; i++)
            calendar_reserve(c, min_i64(seam - 60 + draw(&seed, 100), end - 3), 1 + draw(&seed, 3), 3);
        for (int i = 0; i < 200; i++) {
            int64_t from = seam - 1 - draw(&seed, 64), slots = 1 + draw(&seed, 80), blocked = from - 1;

            if (from + slots > end)
                continue;
            for (int64_t slot = from; slot < from + slots; slot++)
                blocked = calendar_free(c, slot) < 8 ? slot : blocked;
            assert_int_equal(calendar_fits(c, from, slots, 8), blocked < from);
        }
        calendar_delete(c);
    }
}

static void
slots_of_instants(void **state)
{
    (void)state;
    assert_int_equal(calendar_slot_of(0), 0);
    assert_int_equal(calendar_slot_of(899999), 0);
    assert_int_equal(calendar_slot_of(900000), 1);
    assert_int_equal(calendar_slot_after(0), 0);
    assert_int_equal(calendar_slot_after(1), 1);
    assert_int_equal(calendar_slot_after(900000), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(search_agrees_with_the_oracle),    cmocka_unit_test(undo_takes_everything_back),
        cmocka_unit_test(a_snapshot_is_its_own),
        cmocka_unit_test(a_cut_lists_conflicts_and_blocks), cmocka_unit_test(the_ring_moves_on),
        cmocka_unit_test(a_summary_for_the_page),           cmocka_unit_test(windows_across_the_seam),
        cmocka_unit_test(slots_of_instants),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
