/* tests/integration/market_fixture.h: a market on a database of its own, filled with the small world of
 * tests/unit/world.h through commands; and short ways to send commands and wait for them. */
#ifndef TESTS_MARKET_FIXTURE_H
#define TESTS_MARKET_FIXTURE_H

#include "../unit/world.h"
#include "market/market.h"
#include "support.h"

struct fixture {
    struct test_db t;
    struct world *w;
    struct market *m;
    struct seals seals;
    struct market_config config;
    uint64_t counter;           /* for UUIDs and keys */
    size_t commits, events;     /* seen by on_commit */
};

/* A market that is not started yet. */
struct fixture *fixture_new(void);
/* Stops it; a fresh one must find in the database exactly what this one had in memory, and
 * every row must be as it was sealed. */
void fixture_delete(struct fixture *f);
/* Start and wait until it leads. */
void fixture_start(struct fixture *f);
void fixture_stop(struct fixture *f);
/* Wait for a phase (10 s). */
void fixture_wait(struct market *m, enum market_phase phase);
/* The world's entries as orders, and capacity at both offerings. */
void fixture_seed(struct fixture *f);
/* What the state in memory says of itself, for a comparison with what a rebuild finds. */
struct fixture_summary {
    uint64_t size;
    struct hash root;
    size_t quotes, reservations, due;
    int64_t booked;
    uint64_t sites;
};
struct fixture_summary fixture_summary(struct market *m);

struct uuid fixture_uuid(struct fixture *f);
struct idem fixture_key(struct fixture *f);
struct command fixture_command(enum command_kind kind); /* by the local administrator */
struct command fixture_order(const struct entry *e);
struct command fixture_quote(struct fixture *f, int grant, struct uuid request, uint32_t gpus, int64_t walltime_s);
struct command fixture_accept(struct fixture *f, int grant, struct uuid quote);
/* A move of credits that any number of times is lawful: tranche to grant 0, one gpums each. */
struct command fixture_move(struct fixture *f, int64_t amount);
/* Send and wait; returns c->err. */
enum err fixture_send(struct fixture *f, struct command *c);
/* Send all at once, wait for all. */
void fixture_send_all(struct market *m, struct command *commands, size_t n);
/* A quote and its acceptance: the reservation. */
struct uuid fixture_reserve(struct fixture *f, int grant);

#endif
