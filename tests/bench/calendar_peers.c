/* tests/bench/calendar_peers.c */
#include "calendar_peers.h"

#include <assert.h>

#include "base/arena.h"

static_assert(CALENDAR_SLOTS % PEER_WORD == 0, "the last word is whole");

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

static void
measure_block(struct peer *p, size_t word)
{
    int32_t least = INT32_MAX, most = INT32_MIN;

    for (size_t i = word * PEER_WORD; i < (word + 1) * PEER_WORD; i++) {
        least = p->free[i] < least ? p->free[i] : least;
        most = p->free[i] > most ? p->free[i] : most;
    }
    p->least[word] = least;
    p->most[word] = most;
}

static void
measure_bits(struct peer *p, size_t word)
{
    uint64_t has[PEER_LEVELS] = { 0 };

    for (size_t i = 0; i < PEER_WORD; i++) {
        int32_t free = p->free[word * PEER_WORD + i];
        int levels = free > 0 ? 32 - __builtin_clz((uint32_t)free) : 0;

        for (int level = 0; level < levels; level++)
            has[level] |= UINT64_C(1) << i;
    }
    for (int level = 0; level < PEER_LEVELS; level++)
        p->has[level][word] = has[level];
}

struct peer *
peer_new(int32_t capacity, int64_t first)
{
    struct peer *p = xmalloc(sizeof *p);

    assert(capacity >= 0 && capacity < 1 << PEER_LEVELS);
    p->first = first;
    for (size_t i = 0; i < CALENDAR_SLOTS; i++)
        p->free[i] = capacity;
    for (size_t word = 0; word < PEER_WORDS; word++) {
        measure_block(p, word);
        measure_bits(p, word);
    }
    return p;
}

void
peer_book(struct peer *p, enum peer_kind kind, int64_t start, int64_t slots, int32_t gpus)
{
    size_t at = (size_t)(start - p->first), end = at + (size_t)slots;

    while (at < end) {
        size_t word = at / PEER_WORD, until = (word + 1) * PEER_WORD < end ? (word + 1) * PEER_WORD : end;
        bool whole = until - at == PEER_WORD;

        for (size_t i = at; i < until; i++)
            p->free[i] -= gpus;
        if (kind == PEER_BITS) {
            measure_bits(p, word);
        } else if (whole) {
            p->least[word] -= gpus;
            p->most[word] -= gpus;
        } else {
            measure_block(p, word);
        }
        at = until;
    }
}

/* ---- one look ---------------------------------------------------------------------------------------------------- */

/* The last slot of [from, end), which lie in one word, that has too few free; from - 1 if none. */
static inline int64_t
short_in_block(const struct peer *p, size_t word, int64_t from, int64_t end, int32_t gpus)
{
    if (p->least[word] >= gpus)
        return from - 1;
    while (end > from && p->free[end - 1] >= gpus)
        end--;
    return end - 1;
}

static inline int64_t
short_in_bits(const struct peer *p, size_t word, int64_t from, int64_t end, int32_t gpus)
{
    int level = 31 - __builtin_clz((uint32_t)gpus);
    bool exact = gpus == 1 << level;
    uint64_t enough = exact || level + 1 == PEER_LEVELS ? p->has[level][word] : p->has[level + 1][word];
    uint64_t mask = (~UINT64_C(0) >> (PEER_WORD - (end - from))) << (from % PEER_WORD), doubtful = ~enough & mask;

    while (doubtful) {
        int bit = 63 - __builtin_clzll(doubtful);
        int64_t slot = (int64_t)word * PEER_WORD + bit;

        if (exact || p->free[slot] < gpus)
            return slot;
        doubtful &= ~(UINT64_C(1) << bit);
    }
    return from - 1;
}

/* The first slot of [from, end), in one word, that has enough free; end if none. */
static inline int64_t
enough_in_word(const struct peer *p, enum peer_kind kind, size_t word, int64_t from, int64_t end, int32_t gpus)
{
    int level = 31 - __builtin_clz((uint32_t)gpus);

    if (kind == PEER_BLOCKS ? p->most[word] < gpus : p->has[level][word] == 0)
        return end;
    while (from < end && p->free[from] < gpus)
        from++;
    return from;
}

/* ---- search ------------------------------------------------------------------------------------------------------ */

static inline int64_t
last_short(const struct peer *p, enum peer_kind kind, int32_t gpus, int64_t from, int64_t end)
{
    while (end > from) {
        size_t word = (size_t)(end - 1) / PEER_WORD;
        int64_t begin = (int64_t)word * PEER_WORD > from ? (int64_t)word * PEER_WORD : from;
        int64_t slot = kind == PEER_BLOCKS ? short_in_block(p, word, begin, end, gpus) : short_in_bits(p, word, begin, end, gpus);

        if (slot >= begin)
            return slot;
        end = begin;
    }
    return from - 1;
}

static inline int64_t
first_enough(const struct peer *p, enum peer_kind kind, int32_t gpus, int64_t from, int64_t end)
{
    while (from < end) {
        size_t word = (size_t)from / PEER_WORD;
        int64_t until = (int64_t)(word + 1) * PEER_WORD < end ? (int64_t)(word + 1) * PEER_WORD : end;
        int64_t slot = enough_in_word(p, kind, word, from, until, gpus);

        if (slot < until)
            return slot;
        from = until;
    }
    return end;
}

static inline bool
search(const struct peer *p, enum peer_kind kind, int32_t gpus, int64_t slots, int64_t start, int64_t latest, int64_t *ret)
{
    int64_t known = start;

    while (start <= latest) {
        int64_t end = start + slots, slot = last_short(p, kind, gpus, known, end);

        if (slot < known) {
            *ret = start;
            return true;
        }
        start = slot < end - 1 ? slot + 1 : first_enough(p, kind, gpus, end, latest + slots);
        known = end > start ? end : start;
    }
    return false;
}

bool
peer_earliest(const struct peer *p, enum peer_kind kind, int32_t gpus, int64_t slots, int64_t from, int64_t latest, int64_t *ret)
{
    bool found = kind == PEER_BLOCKS ? search(p, PEER_BLOCKS, gpus, slots, from - p->first, latest - p->first, ret)
                                     : search(p, PEER_BITS, gpus, slots, from - p->first, latest - p->first, ret);

    if (found)
        *ret += p->first;
    return found;
}
