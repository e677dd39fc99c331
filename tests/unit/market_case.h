/* tests/unit/market_case.h
 * What the tests of the market's rules share: a world of their own for each case, whose every command is taken back once
 * and run again, and whose invariants are checked at its end. */
#ifndef TESTS_MARKET_CASE_H
#define TESTS_MARKET_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "market_world.h"

#define MINUTE_MS INT64_C(60000)
#define TTL_MS    (10 * MINUTE_MS)

extern struct market_world *m;

int case_setup(void **unused);
int case_teardown(void **unused);
#define CASE(name) cmocka_unit_test_setup_teardown(name, case_setup, case_teardown)

#define assert_err(want, got)                                                                                         \
    do {                                                                                                              \
        enum err got_ = (got);                                                                                        \
        if (got_ != (want))                                                                                           \
            fprintf(stderr, "want %s, got %s: %s %s\n", (want) ? err_wire(want) : "ok", got_ ? err_wire(got_) : "ok", \
                    m->detail.text, m->detail.internal);                                                              \
        assert_int_equal(want, got_);                                                                                 \
    } while (0)

/* Site and grant are 0 or 1, as in market_world.h. */
int64_t free_credits(int grant);
const struct calendar *whole(int site);
int32_t free_now(int site);
struct site_state *site_state(int site);

/* A reservation of these GPUs for so long, starting now at the cheaper site (1). */
struct reservation *reserve(int32_t gpus, int64_t walltime_s, bool move_freely);
/* One whose window begins in so many hours. */
struct reservation *reserve_later(int64_t hours);
/* One that has its permit and has started. */
struct reservation *running(int32_t gpus, int64_t walltime_s, bool move_freely);
/* Its site reports this of it, with the next number. */
enum err say(struct reservation *r, enum report_kind kind);
/* An order as the local operator gives it. */
enum err order(struct entry e);

#endif
