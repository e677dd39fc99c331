/* tests/bench/calendar_peers.h: two other structures for what core/calendar.c does with a plain array: how they are kept, and
 * how the earliest start is found in them. Both scan a window from its last slot backwards, as the plain array is scanned;
 * they differ in how many slots one look tells about. Without ring, undo and certificate: for measuring only. */
#ifndef BENCH_CALENDAR_PEERS_H
#define BENCH_CALENDAR_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/calendar.h"

enum { PEER_WORD = 64, PEER_WORDS = CALENDAR_SLOTS / PEER_WORD, PEER_LEVELS = 18 };

/* Blocks of 64 slots with their least and most; a bit for each slot and power of two: are so many free? */
struct peer {
    int64_t first;
    int32_t free[CALENDAR_SLOTS];
    int32_t least[PEER_WORDS], most[PEER_WORDS];
    uint64_t has[PEER_LEVELS][PEER_WORDS]; /* bit: free >= 1 << level */
};

enum peer_kind { PEER_BLOCKS, PEER_BITS };

struct peer *peer_new(int32_t capacity, int64_t first); /* capacity below 1 << PEER_LEVELS */
/* gpus < 0: give back. Keeps up what the kind needs, and that only. */
void peer_book(struct peer *p, enum peer_kind kind, int64_t start, int64_t slots, int32_t gpus);
/* As calendar_earliest() without a reason; from is not before the first slot. */
bool peer_earliest(const struct peer *p, enum peer_kind kind, int32_t gpus, int64_t slots, int64_t from, int64_t latest, int64_t *ret);

#endif
