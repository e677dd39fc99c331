/* market/keys.c: which idempotency keys may have been used: an open hash of the first 8 bytes of their SHA-256. At most a
 * million; beyond that every key may have been used, and each is looked up. */
#include "market/market_internal.h"

#include <stdlib.h>


void
keys_free(struct keys *k)
{
    free(k->slots);
    *k = (struct keys){ 0 };
}

uint64_t
keys_of(const struct hash *scope)
{
    uint64_t key;

    memcpy(&key, scope->b, sizeof key);
    return key != 0 ? key : 1; /* 0: an empty slot */
}

static size_t
slot_of(const struct keys *k, uint64_t key)
{
    size_t i = key & (k->cap - 1);

    while (k->slots[i] != 0 && k->slots[i] != key)
        i = (i + 1) & (k->cap - 1);
    return i;
}

void
keys_add(struct keys *k, uint64_t key)
{
    if (k->n >= KEYS_MAX) {
        k->full = true;
        return;
    }
    if (k->n * 2 >= k->cap) {
        struct keys bigger = { .cap = k->cap > 0 ? k->cap * 2 : 1024, .n = k->n, .full = k->full };

        bigger.slots = xcalloc(bigger.cap, sizeof bigger.slots[0]);
        for (size_t i = 0; i < k->cap; i++)
            if (k->slots[i] != 0)
                bigger.slots[slot_of(&bigger, k->slots[i])] = k->slots[i];
        free(k->slots);
        *k = bigger;
    }
    size_t i = slot_of(k, key);
    if (k->slots[i] == 0) {
        k->slots[i] = key;
        k->n++;
    }
}

bool
keys_maybe(const struct keys *k, uint64_t key)
{
    return k->full || (k->cap > 0 && k->slots[slot_of(k, key)] != 0);
}

bool
market_key_maybe_known(struct market *m, const struct hash *scope)
{
    bool maybe;

    pthread_rwlock_rdlock(&m->state_lock);
    maybe = m->state == NULL || keys_maybe(&m->keys, keys_of(scope));
    pthread_rwlock_unlock(&m->state_lock);
    return maybe;
}
