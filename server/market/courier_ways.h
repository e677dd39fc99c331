/* market/courier_ways.h: what the files of the courier share: its lanes, and the two ways in which it delivers. */
#ifndef MARKET_COURIER_WAYS_H
#define MARKET_COURIER_WAYS_H

#include <pthread.h>

#include "base/arena.h"
#include "base/web.h"
#include "market/courier.h"
#include "store/deliveries.h"

enum { COURIER_LANES = 8 /* at most */ };

struct lane {
    struct arena *arena; /* of the delivery under way; NULL: free */
    struct delivery delivery;
};

struct courier_way {
    const char *name; /* in the log */
    bool letters;
    size_t lanes;
    /* Begin a delivery, its texts copied into the lane's arena. False: it came to nothing, and courier_fail() says why. */
    bool (*begin)(struct courier *c, size_t i, struct lane *l);
    /* What came of it: courier_taken() or courier_fail(). */
    void (*judge)(struct courier *c, struct lane *l, const struct web_reply *r);
};
extern const struct courier_way COURIER_HOOKS, COURIER_LETTERS;

struct courier {
    struct courier_config config;
    const struct courier_way *way;
    struct courier_figures figures;
    struct db *db;
    struct web *web;
    pthread_t thread;
    pthread_mutex_t lock; /* stopping */
    pthread_cond_t wake;
    bool stopping;
    /* the thread's own */
    struct lane lanes[COURIER_LANES];
    int64_t look_ms, count_ms; /* monotonic: due again */
    int64_t hold_ms;           /* monotonic: nothing is begun before */
    char trouble[160];
};

void courier_taken(struct courier *c, struct delivery *d, int status);
/* Tried again later, or, for good or when it has been tried for long enough, given up. */
void courier_fail(struct courier *c, struct delivery *d, int status, const char *why, bool for_good);

#endif
