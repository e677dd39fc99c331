/* tests/unit/test_certificate.c: certificates that the search writes prove what they say; changed ones prove it only if the
 * definition, tried window by window, says so too. */
#include "core/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIRST = 5000, SPAN = 300 };

static uint32_t
draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 33) % below);
}

static int32_t
free_in(const void *with, int64_t slot)
{
    return calendar_free(with, slot);
}

static struct calendar *
some_calendar(uint64_t *seed, int32_t capacity)
{
    struct calendar *c = calendar_new(capacity, FIRST);
    bool comb = draw(seed, 5) == 0; /* gives more stretches than a certificate lists */

    for (int64_t slot = FIRST; comb && slot < FIRST + SPAN; slot += 2)
        calendar_reserve(c, slot, 1, capacity);
    for (uint32_t left = 20 + draw(seed, 100); left > 0; left--) {
        int64_t start = FIRST + draw(seed, SPAN - 30), slots = 1 + draw(seed, 30);
        int32_t gpus = 1 + (int32_t)draw(seed, (uint32_t)capacity);

        if (calendar_fits(c, start, slots, gpus))
            calendar_reserve(c, start, slots, gpus);
    }
    return c;
}

/* Window by window: does each meet a stretch? And are the stretches such as they must be? */
static bool
proves(const struct certificate *c)
{
    int64_t at = c->from_slot;

    for (size_t i = 0; i < c->count; i++) {
        if (c->blocked[i].slots <= 0 || c->blocked[i].start_slot < at || c->blocked[i].gpus >= c->gpus)
            return false;
        at = c->blocked[i].start_slot + c->blocked[i].slots;
    }
    for (int64_t start = c->from_slot; start < c->from_slot + c->windows; start++) {
        bool met = false;

        for (size_t i = 0; i < c->count; i++)
            met |= c->blocked[i].start_slot < start + c->slots && c->blocked[i].start_slot + c->blocked[i].slots > start;
        if (!met)
            return false;
    }
    return true;
}

static void
change_something(struct calendar_range *blocked, struct certificate *c, uint64_t *seed)
{
    struct calendar_range *b = &blocked[draw(seed, (uint32_t)c->count)];
    int32_t by = (int32_t)draw(seed, 7) - 3;

    switch (draw(seed, 6)) {
    case 0:
        b->start_slot += by;
        break;
    case 1:
        b->slots += by;
        break;
    case 2:
        b->gpus += by;
        break;
    case 3:
        c->windows += by;
        break;
    case 4:
        c->slots = c->slots + by > 0 ? c->slots + by : 1;
        break;
    default:
        memmove(b, b + 1, (size_t)(&blocked[c->count] - (b + 1)) * sizeof *b);
        c->count--;
    }
}

static void
what_the_search_writes_is_proof_and_what_is_changed_only_if_true(void **state)
{
    unsigned refusals = 0, broken = 0, in_part = 0;

    (void)state;
    for (uint64_t round = 1; round <= 400; round++) {
        uint64_t seed = round;
        int32_t capacity = 2 + (int32_t)draw(&seed, 40), gpus = 1 + (int32_t)draw(&seed, (uint32_t)capacity);
        struct calendar *c = some_calendar(&seed, capacity);
        int64_t slots = 1 + draw(&seed, 40), from = FIRST + draw(&seed, 60), start, ruled_out;
        struct calendar_why why;
        struct certificate cert;
        enum certificate_says says;

        calendar_earliest(c, gpus, slots, from, from + draw(&seed, 180), &start, &why);
        cert = (struct certificate){ gpus, slots, why.from_slot, why.windows, why.blocked, why.blocked_count, why.blocked_more };
        says = certificate_compare(&cert, free_in, c);
        assert_int_equal(says, why.blocked_more ? CERTIFICATE_IN_PART : CERTIFICATE_PROVES);
        assert_int_equal(certificate_check(&cert, &ruled_out), says);
        in_part += says == CERTIFICATE_IN_PART;
        if (says == CERTIFICATE_PROVES)
            assert_int_equal(ruled_out, why.windows);
        else
            assert_in_range(ruled_out, 1, why.windows - 1);
        for (int i = 0; i < 20 && says == CERTIFICATE_PROVES && why.blocked_count > 0; i++) {
            struct calendar_range blocked[CALENDAR_BLOCKED_MAX];
            struct certificate other = cert;

            memcpy(blocked, why.blocked, sizeof blocked);
            other.blocked = blocked;
            change_something(blocked, &other, &seed);
            assert_int_equal(certificate_check(&other, NULL) == CERTIFICATE_PROVES, proves(&other));
            broken += !proves(&other);
            refusals++;
        }
        calendar_delete(c);
    }
    assert_true(refusals > 1000 && broken > refusals / 4 && broken < refusals && in_part > 0);
}

static void
each_fault_has_its_word(void **state)
{
    struct calendar *c = calendar_new(8, FIRST);
    struct calendar_range b[2] = { { FIRST + 2, 3, 4 }, { FIRST + 7, 3, 0 } };
    struct certificate cert = { .gpus = 6, .slots = 4, .from_slot = FIRST, .windows = 10, .blocked = b, .count = 2 };

    (void)state;
    calendar_reserve(c, FIRST + 2, 3, 4);
    calendar_reserve(c, FIRST + 7, 3, 8);
    assert_int_equal(certificate_compare(&cert, free_in, c), CERTIFICATE_PROVES);
    cert.windows = 11; /* from slot 10 on nothing is in the way */
    assert_int_equal(certificate_check(&cert, NULL), CERTIFICATE_GAP);
    cert.more = 1;
    assert_int_equal(certificate_check(&cert, NULL), CERTIFICATE_IN_PART);
    cert.windows = 10, cert.more = 0, cert.slots = 2;
    assert_int_equal(certificate_check(&cert, NULL), CERTIFICATE_GAP);
    cert.slots = 4, cert.gpus = 4;
    assert_int_equal(certificate_check(&cert, NULL), CERTIFICATE_ENOUGH);
    cert.gpus = 6, b[1].start_slot = FIRST + 4;
    assert_int_equal(certificate_check(&cert, NULL), CERTIFICATE_DISORDER);
    b[1].start_slot = FIRST + 7, b[0].gpus = 5;
    assert_int_equal(certificate_compare(&cert, free_in, c), CERTIFICATE_UNTRUE);
    cert.count = 0, cert.windows = 0;
    assert_int_equal(certificate_check(&cert, NULL), CERTIFICATE_PROVES); /* nothing was to be proved */
    calendar_delete(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_search_writes_is_proof_and_what_is_changed_only_if_true),
        cmocka_unit_test(each_fault_has_its_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
