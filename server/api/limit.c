/* api/limit.c: how often something failed within five minutes, per key (a client, an address). A fixed table: a stranger
 * cannot make it grow. Where a key's place is depends on a secret of this process, so nobody can choose keys that meet
 * there; where places are short, the key that failed least makes room. */
#include <stdlib.h>

#include "api/internal.h"
#include "base/hash.h"
#include "crypto/random.h"

enum { SETS = 2048, WAYS = 8, SPAN_MS = 300000 };

struct place {
    uint64_t key;
    int64_t since_ms;
    int count; /* 0: free */
};
struct limiter {
    pthread_mutex_t lock;
    uint8_t secret[16];
    struct place places[SETS][WAYS];
};

struct limiter *
limiter_new(void)
{
    struct limiter *l = xcalloc(1, sizeof *l);

    pthread_mutex_init(&l->lock, NULL);
    random_bytes(l->secret, sizeof l->secret);
    return l;
}

void
limiter_delete(struct limiter *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static struct place *
set_of(struct limiter *l, const char *key, uint64_t *ret_key)
{
    struct hash h = sha256_of((const struct bytes[]){ BYTES(l->secret, sizeof l->secret), BYTES_TEXT(key) }, 2);

    memcpy(ret_key, h.b, sizeof *ret_key);
    return l->places[(h.b[8] << 8 | h.b[9]) % SETS];
}

/* Under the lock. The key's place, NULL if it has none. What is older than the span is free. */
static struct place *
find(struct place *set, uint64_t key, int64_t now_ms)
{
    struct place *found = NULL;

    for (int i = 0; i < WAYS; i++) {
        if (set[i].count > 0 && now_ms - set[i].since_ms >= SPAN_MS)
            set[i].count = 0;
        if (set[i].count > 0 && set[i].key == key)
            found = &set[i];
    }
    return found;
}

int
limiter_blocked(struct limiter *l, const char *key, int most, int64_t now_ms)
{
    uint64_t k;
    struct place *set = set_of(l, key, &k);
    const struct place *p;
    int wait_s = 0;

    pthread_mutex_lock(&l->lock);
    p = find(set, k, now_ms);
    if (p && p->count >= most)
        wait_s = (int)((p->since_ms + SPAN_MS - now_ms) / 1000) + 1;
    pthread_mutex_unlock(&l->lock);
    return wait_s;
}

void
limiter_count(struct limiter *l, const char *key, int64_t now_ms)
{
    uint64_t k;
    struct place *set = set_of(l, key, &k);
    struct place *p;

    pthread_mutex_lock(&l->lock);
    p = find(set, k, now_ms);
    if (!p) {
        p = &set[0];
        for (int i = 1; i < WAYS; i++)
            if (set[i].count < p->count)
                p = &set[i];
        *p = (struct place){ .key = k, .since_ms = now_ms };
    }
    p->count++;
    pthread_mutex_unlock(&l->lock);
}

void
limiter_clear(struct limiter *l, const char *key)
{
    uint64_t k;
    struct place *set = set_of(l, key, &k);
    struct place *p;

    pthread_mutex_lock(&l->lock);
    p = find(set, k, 0);
    if (p)
        p->count = 0;
    pthread_mutex_unlock(&l->lock);
}
