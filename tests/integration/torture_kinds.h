/* tests/integration/torture_kinds.h: a fresh command of every kind, that would be taken, as often as a torture test wants
 * one: what it needs is sent first, untroubled. */
#ifndef TESTS_TORTURE_KINDS_H
#define TESTS_TORTURE_KINDS_H

#include "market_fixture.h"

/* What the makers keep between two commands: the instance of a site's agent, and where the chain of its keys begins. */
struct kinds {
    struct fixture *f;
    uint64_t instance, first_key;
};

struct kind {
    const char *name;
    enum command_kind kind;
    void (*make)(struct kinds *k, struct command *ret);
    bool keyed; /* carries an idempotency key, as its route's caller does */
    bool twice; /* no harm if it is done twice, where its sender cannot know */
};

extern const struct kind KINDS[];
extern const size_t KINDS_N;

/* Frees what make() allocated. */
void kinds_free(struct command *c);

#endif
