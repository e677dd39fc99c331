/* base/map.c
 * Open addressing, linear probing, at most 8/10 full. A removal shifts back those behind it, so there are no
 * tombstones and the table does not age. A slot is a value (NULL: empty) followed by its key; where values hold their
 * keys, half of the key's hash stands for it: hardly any other value is looked into, and none when the table grows. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/err.h"

struct map {
    size_t key_len; /* 8, 16 or 32 */
    bool inside;    /* values hold their keys, at key_at */
    size_t key_at;
    size_t stride;
    size_t count;
    size_t cap; /* slots, a power of two; 0 before the first insertion */
    unsigned char *slots;
    uint32_t *tags; /* of each slot, the hash's low half; inside only */
    uint64_t secret[2];
    const struct memory *memory; /* NULL: the heap */
};

enum { CAP_FIRST = 16, KEY_MAX = 32 };

static inline uint64_t
rotl(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void
sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 of a key whose length is a multiple of 8. */
static inline uint64_t
sip(const uint64_t secret[2], const unsigned char *key, size_t len)
{
    uint64_t v[4] = { secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d, secret[0] ^ 0x6c7967656e657261,
                      secret[1] ^ 0x7465646279746573 };
    uint64_t word;

    for (size_t i = 0; i < len; i += 8) {
        memcpy(&word, key + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)len << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t
hash_of(const struct map *m, const void *key)
{
    switch (m->key_len) { /* constant lengths let the compiler unroll */
    case 8:
        return sip(m->secret, key, 8);
    case 16:
        return sip(m->secret, key, 16);
    default:
        return sip(m->secret, key, 32);
    }
}

static inline uint32_t
tag_of(uint64_t hash)
{
    return (uint32_t)hash;
}

/* Where the search for a key begins. A table has far fewer than 2^32 slots. */
static inline size_t
home_of(const struct map *m, uint64_t hash)
{
    return (uint32_t)hash & (m->cap - 1);
}

static inline bool
same_key(const struct map *m, const void *a, const void *b)
{
    switch (m->key_len) {
    case 8:
        return memcmp(a, b, 8) == 0;
    case 16:
        return memcmp(a, b, 16) == 0;
    default:
        return memcmp(a, b, 32) == 0;
    }
}

static inline unsigned char *
slot_at(const struct map *m, size_t i)
{
    return m->slots + i * m->stride;
}

static inline void *
value_at(const struct map *m, size_t i)
{
    void *value;

    memcpy(&value, slot_at(m, i), sizeof value);
    return value;
}

/* Of a slot that is not empty. */
static inline unsigned char *
key_at(const struct map *m, size_t i)
{
    return m->inside ? (unsigned char *)value_at(m, i) + m->key_at : slot_at(m, i) + sizeof(void *);
}

static inline void
set_value(struct map *m, size_t i, void *value)
{
    memcpy(slot_at(m, i), &value, sizeof value);
}

struct map *
map_new(size_t key_len)
{
    struct map *m = xcalloc(1, sizeof *m);

    assert(key_len == 8 || key_len == 16 || key_len == 32);
    m->key_len = key_len;
    m->stride = sizeof(void *) + key_len;
    if (getrandom(m->secret, sizeof m->secret, 0) != (ssize_t)sizeof m->secret)
        fatal("no randomness from the system");
    return m;
}

struct map *
map_new_inside(size_t key_len, size_t key_at)
{
    struct map *m = map_new(key_len);

    m->inside = true;
    m->key_at = key_at;
    m->stride = sizeof(void *);
    return m;
}

void
map_live_in(struct map *m, const struct memory *from)
{
    assert(m->cap == 0);
    m->memory = from;
}

static void *
take(const struct map *m, size_t n, size_t size)
{
    return m->memory != NULL ? m->memory->take(m->memory->ctx, n * size) : xcalloc(n, size);
}

static void
give(const struct map *m, void *at, size_t size)
{
    if (m->memory == NULL)
        free(at);
    else if (at != NULL)
        m->memory->give(m->memory->ctx, at, size);
}

void
map_delete(struct map *m)
{
    if (m == NULL)
        return;
    give(m, m->tags, m->cap * sizeof *m->tags);
    give(m, m->slots, m->cap * m->stride);
    free(m);
}

size_t
map_count(const struct map *m)
{
    return m->count;
}

/* The slot that holds the key, or the empty one where it belongs. There is always an empty one. */
static size_t
find_hashed(const struct map *m, const void *key, uint64_t hash)
{
    size_t i = home_of(m, hash);

    while (value_at(m, i) != NULL && ((m->inside && m->tags[i] != tag_of(hash)) || !same_key(m, key_at(m, i), key)))
        i = (i + 1) & (m->cap - 1);
    return i;
}

static size_t
find(const struct map *m, const void *key)
{
    return find_hashed(m, key, hash_of(m, key));
}

void *
map_get(const struct map *m, const void *key)
{
    return m->cap == 0 ? NULL : value_at(m, find(m, key));
}

static void
grow(struct map *m)
{
    struct map old = *m;

    m->cap = old.cap > 0 ? old.cap * 2 : CAP_FIRST;
    m->slots = take(m, m->cap, m->stride);
    if (m->inside)
        m->tags = take(m, m->cap, sizeof *m->tags);
    for (size_t i = 0; i < old.cap; i++)
        if (value_at(&old, i) != NULL) {
            uint64_t hash = m->inside ? old.tags[i] : hash_of(m, key_at(&old, i));
            size_t to = home_of(m, hash);

            while (value_at(m, to) != NULL)
                to = (to + 1) & (m->cap - 1);
            memcpy(slot_at(m, to), slot_at(&old, i), m->stride);
            if (m->inside)
                m->tags[to] = old.tags[i];
        }
    give(m, old.tags, old.cap * sizeof *old.tags);
    give(m, old.slots, old.cap * old.stride);
}

struct change {
    void *before;
    unsigned char key[KEY_MAX];
};

static void
change_back(void *map, void *data)
{
    struct change *change = data;

    if (change->before == NULL)
        map_remove(map, change->key, NULL);
    else
        map_put(map, change->key, change->before, NULL);
}

static void
remember(struct map *m, const void *key, void *before, struct undo *u)
{
    struct change change = { .before = before };

    if (u == NULL)
        return;
    memcpy(change.key, key, m->key_len);
    undo_call_bytes(u, change_back, m, &change, sizeof change);
}

void
map_put(struct map *m, const void *key, void *value, struct undo *u)
{
    uint64_t hash;
    size_t i;

    assert(value != NULL && (!m->inside || memcmp((const unsigned char *)value + m->key_at, key, m->key_len) == 0));
    if ((m->count + 1) * 10 > m->cap * 8)
        grow(m);
    hash = hash_of(m, key);
    i = find_hashed(m, key, hash);
    remember(m, key, value_at(m, i), u);
    m->count += value_at(m, i) == NULL;
    set_value(m, i, value);
    if (m->inside)
        m->tags[i] = tag_of(hash);
    else
        memcpy(key_at(m, i), key, m->key_len);
}

/* Close the hole at i: move up whoever may stand there, until the run ends. */
static void
close_hole(struct map *m, size_t hole)
{
    size_t mask = m->cap - 1;

    for (size_t i = (hole + 1) & mask; value_at(m, i) != NULL; i = (i + 1) & mask) {
        size_t home = home_of(m, m->inside ? m->tags[i] : hash_of(m, key_at(m, i)));
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            memcpy(slot_at(m, hole), slot_at(m, i), m->stride);
            if (m->inside)
                m->tags[hole] = m->tags[i];
            hole = i;
        }
    }
    set_value(m, hole, NULL);
}

void *
map_remove(struct map *m, const void *key, struct undo *u)
{
    void *value;
    size_t i;

    if (m->cap == 0)
        return NULL;
    i = find(m, key);
    value = value_at(m, i);
    if (value == NULL)
        return NULL;
    remember(m, key, value, u);
    close_hole(m, i);
    m->count--;
    return value;
}

bool
map_next(const struct map *m, size_t *it, const void **ret_key, void **ret_value)
{
    for (; *it < m->cap; (*it)++) {
        void *value = value_at(m, *it);
        if (value == NULL)
            continue;
        if (ret_key != NULL)
            *ret_key = key_at(m, *it);
        if (ret_value != NULL)
            *ret_value = value;
        (*it)++;
        return true;
    }
    return false;
}
