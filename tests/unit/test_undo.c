/* tests/unit/test_undo.c: after undo_back or undo_commit the memory is exactly as promised; maps; arenas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/undo.h"

/* A small generator of our own (xorshift), so that a seed means the same everywhere. */
struct dice { uint64_t state; };

static uint64_t
roll(struct dice *d, uint64_t below)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return d->state % below;
}

/* ---- a random state, changed under an undo log and compared with copies of it ---- */

enum { CELLS = 64, KEYS = 40, DEPTH = 12 };

struct thing { int number; bool *freed; };

static void
thing_release(void *ptr)
{
    struct thing *t = ptr;

    assert_false(*t->freed);
    *t->freed = true;
    free(t);
}

struct world {
    uint8_t cells[CELLS];
    int64_t total;
    struct map *map; /* key 1..KEYS to a thing */
    int called;
};

struct snapshot {
    uint8_t cells[CELLS];
    int64_t total;
    int numbers[KEYS]; /* 0: not in the map */
    int called;
    undo_mark mark;
};

static void
world_copy(const struct world *w, struct snapshot *ret)
{
    memset(ret, 0, sizeof *ret);
    memcpy(ret->cells, w->cells, CELLS);
    ret->total = w->total;
    ret->called = w->called;
    for (uint64_t k = 0; k < KEYS; k++) {
        struct thing *t = map_get_u64(w->map, k);
        ret->numbers[k] = t == NULL ? 0 : t->number;
    }
}

static void
world_check(const struct world *w, const struct snapshot *want)
{
    struct snapshot now;
    size_t n = 0, it = 0;
    const void *key;
    void *value;

    world_copy(w, &now);
    now.mark = want->mark;
    assert_memory_equal(&now, want, sizeof now);
    while (map_next(w->map, &it, &key, &value))
        n++;
    assert_int_equal(n, map_count(w->map));
}

static void
called_back(void *a, void *b)
{
    struct world *w = a;

    w->called -= *(int *)b;
}

static void
called_back_by(void *a, void *data)
{
    int by;

    memcpy(&by, data, sizeof by);
    ((struct world *)a)->called -= by;
}

struct freed { bool flags[20000]; int count; };

static struct thing *
thing_new(struct freed *freed, int number)
{
    struct thing *t = xmalloc(sizeof *t);

    assert_true(freed->count < 20000);
    *t = (struct thing){ number, &freed->flags[freed->count++] };
    return t;
}

/* Undoing an insertion gives the thing back to whom made it. */
static void
thing_unmake(void *a, void *b)
{
    (void)b;
    thing_release(a);
}

static void
put_thing(struct world *w, uint64_t key, struct freed *freed, int number, struct undo *u)
{
    struct thing *old = map_get_u64(w->map, key), *t = thing_new(freed, number);

    undo_call(u, thing_unmake, t, NULL); /* undone last: after the map has let go of it */
    map_put(w->map, &key, t, u);
    if (old != NULL)
        undo_free_on_commit(u, thing_release, old);
}

static void
remove_thing(struct world *w, uint64_t key, struct undo *u)
{
    struct thing *old = map_remove(w->map, &key, u);

    if (old != NULL)
        undo_free_on_commit(u, thing_release, old);
}

static int ONE = 1;

static void
change(struct world *w, struct dice *dice, struct freed *freed, struct undo *u)
{
    size_t at, len;

    switch (roll(dice, 6)) {
    case 0:
        at = roll(dice, CELLS);
        len = roll(dice, CELLS - at + 1);
        undo_save(u, w->cells + at, len);
        memset(w->cells + at, (int)roll(dice, 256), len);
        break;
    case 1:
        undo_save(u, &w->total, sizeof w->total);
        w->total += (int64_t)roll(dice, 1000) - 500;
        break;
    case 2:
        undo_call(u, called_back, w, &ONE);
        w->called += ONE;
        break;
    case 3: {
        int by = (int)roll(dice, 100);
        undo_call_bytes(u, called_back_by, w, &by, sizeof by);
        w->called += by;
        break;
    }
    case 4:
        put_thing(w, roll(dice, KEYS), freed, 1 + (int)roll(dice, 1000000), u);
        break;
    case 5:
        remove_thing(w, roll(dice, KEYS), u);
        break;
    }
}

static void
random_changes_are_taken_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct freed *freed = xcalloc(1, sizeof *freed);
        struct world w = { .map = map_new(8) };
        struct undo *u = undo_new();
        struct dice dice = { seed * 0x9e3779b97f4a7c15 };
        struct snapshot stack[DEPTH];
        size_t depth = 0;

        print_message("# seed %llu\n", (unsigned long long)seed);
        for (int step = 0; step < 400; step++) {
            uint64_t what = roll(&dice, 10);
            if (what == 0 && depth < DEPTH) {
                world_copy(&w, &stack[depth]);
                stack[depth++].mark = undo_here(u);
            } else if (what == 1 && depth > 0) {
                depth = roll(&dice, depth);
                undo_back(u, stack[depth].mark);
                world_check(&w, &stack[depth]);
            } else if (what == 2 && roll(&dice, 5) == 0) {
                struct snapshot before;
                world_copy(&w, &before);
                before.mark = 0;
                undo_commit(u);
                world_check(&w, &before);
                assert_int_equal(undo_here(u), 0);
                depth = 0;
            } else {
                change(&w, &dice, freed, u);
            }
        }

        undo_commit(u);
        size_t living = 0;
        for (int i = 0; i < freed->count; i++)
            living += !freed->flags[i];
        assert_int_equal(living, map_count(w.map)); /* whatever left the state was freed, once, and nothing else */
        for (uint64_t k = 0; k < KEYS; k++)
            remove_thing(&w, k, NULL); /* no undo wanted: freed now */
        for (int i = 0; i < freed->count; i++)
            assert_true(freed->flags[i]);
        undo_delete(u);
        map_delete(w.map);
        free(freed);
    }
}

static void
no_log_means_no_undo(void **state)
{
    int x = 1;
    bool freed = false;
    struct thing *t = xmalloc(sizeof *t);

    (void)state;
    *t = (struct thing){ 1, &freed };
    undo_save(NULL, &x, sizeof x);
    undo_call(NULL, called_back, &x, &x);
    undo_call_bytes(NULL, called_back_by, &x, &x, sizeof x);
    undo_free_on_commit(NULL, thing_release, t);
    assert_true(freed);
    assert_int_equal(undo_here(NULL), 0);
    undo_back(NULL, 0);
    undo_commit(NULL);
    undo_delete(NULL);
    assert_int_equal(x, 1);
}

static void
a_large_log_gives_its_memory_back_and_works_on(void **state)
{
    enum { BIG = 3 << 20 };
    struct undo *u = undo_new();
    uint8_t *big = xcalloc(1, BIG), x = 1;

    (void)state;
    undo_save(u, big, BIG);
    memset(big, 7, BIG);
    undo_back(u, 0);
    assert_int_equal(big[0], 0);
    assert_int_equal(big[BIG - 1], 0);
    undo_save(u, big, BIG);
    undo_commit(u);
    undo_save(u, &x, 1);
    x = 2;
    undo_back(u, 0);
    assert_int_equal(x, 1);
    undo_delete(u);
    free(big);
}

/* ---- maps against a plain array ---- */

struct keyed {
    int x;
    uint64_t key[4];
};

/* As long as the key, and different for each k; in the last word only, and in the first too. */
static void
key_of_number(size_t len, uint64_t k, uint64_t ret[4])
{
    memset(ret, 0, 32);
    if (len > 8)
        ret[0] = 5;
    ret[len / 8 - 1] = k;
}

static void
map_agrees_with_array(struct map *m, size_t len, bool inside, struct dice dice)
{
    enum { RANGE = 600, STEPS = 20000 };
    static struct keyed values[RANGE][2];
    void *want[RANGE] = { 0 }, *value;
    size_t count = 0, it = 0, n = 0;
    const void *key;

    for (uint64_t k = 0; k < RANGE; k++)
        for (int i = 0; i < 2; i++)
            key_of_number(len, k, values[k][i].key);
    for (int step = 0; step < STEPS; step++) {
        uint64_t k = roll(&dice, RANGE), words[4];

        key_of_number(len, k, words);
        assert_ptr_equal(map_get(m, words), want[k]);
        if (roll(&dice, 100) < (step / 5000 % 2 == 0 ? 70 : 30)) {
            value = &values[inside ? k : roll(&dice, RANGE)][roll(&dice, 2)];
            count += want[k] == NULL;
            want[k] = value;
            map_put(m, words, value, NULL);
        } else {
            count -= want[k] != NULL;
            assert_ptr_equal(map_remove(m, words, NULL), want[k]);
            want[k] = NULL;
        }
        assert_int_equal(map_count(m), count);
    }
    while (map_next(m, &it, &key, &value)) {
        uint64_t k;

        memcpy(&k, (const char *)key + len - 8, 8);
        assert_ptr_equal(want[k], value);
        n++;
    }
    assert_int_equal(n, count);
}

static void
maps_agree_with_an_array(void **state)
{
    static const size_t lengths[] = { 8, 16, 32 };

    (void)state;
    for (size_t l = 0; l < 3; l++)
        for (int inside = 0; inside < 2; inside++) {
            struct map *m = inside ? map_new_inside(lengths[l], offsetof(struct keyed, key)) : map_new(lengths[l]);

            map_agrees_with_array(m, lengths[l], inside, (struct dice){ 12345 + l });
            map_delete(m);
        }
}

static void
empty_maps(void **state)
{
    struct map *m = map_new(16);
    uint8_t key[16] = { 0 };
    size_t it = 0;

    (void)state;
    assert_null(map_get(m, key));
    assert_null(map_remove(m, key, NULL));
    assert_false(map_next(m, &it, NULL, NULL));
    assert_int_equal(map_count(m), 0);
    map_delete(m);
    map_delete(NULL);
}

/* ---- arenas ---- */

static void
arenas_hand_out_zeroed_aligned_memory(void **state)
{
    struct arena *a = arena_new();
    struct dice dice = { 99 };
    struct { uint8_t *at; size_t len; uint8_t fill; } pieces[2000];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        size_t len = roll(&dice, i % 100 == 0 ? 100000 : 300);
        uint8_t *p = arena_alloc(a, len);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t b = 0; b < len; b++)
            assert_int_equal(p[b], 0);
        memset(p, i & 255, len);
        pieces[i].at = p;
        pieces[i].len = len;
        pieces[i].fill = (uint8_t)(i & 255);
    }
    for (int i = 0; i < 2000; i++) /* no two overlap */
        for (size_t b = 0; b < pieces[i].len; b++)
            assert_int_equal(pieces[i].at[b], pieces[i].fill);
    assert_string_equal(arena_text(a, "abc"), "abc");
    assert_string_equal(arena_textn(a, "abcdef", 2), "ab");
    assert_string_equal(arena_textn(a, NULL, 0), "");
    assert_string_equal(arena_printf(a, "%d-%s", 5, "x"), "5-x");
    assert_int_equal(strlen(arena_printf(a, "%10000d", 1)), 10000);
    arena_delete(a);
    arena_delete(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_are_taken_back),
        cmocka_unit_test(no_log_means_no_undo),
        cmocka_unit_test(a_large_log_gives_its_memory_back_and_works_on),
        cmocka_unit_test(maps_agree_with_an_array),
        cmocka_unit_test(empty_maps),
        cmocka_unit_test(arenas_hand_out_zeroed_aligned_memory),
    };

    return cmocka_run_group_tests_name("undo", tests, NULL, NULL);
}
