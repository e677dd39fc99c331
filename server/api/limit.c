/* api/limit.c: how often something failed within five minutes, per key (an address, a client). A fixed table: a stranger
 * cannot make it grow; when two keys meet in a place, the newer one takes it. */
#include <stdlib.h>

#include "api/internal.h"
#include "base/hash.h"

enum { PLACES = 8192, SPAN_MS = 300000 };

struct place {
    uint64_t key;
    int64_t since_ms;
    int count;
};
struct limiter {
    pthread_mutex_t lock;
    struct place places[PLACES];
};

struct limiter *
limiter_new(void)
{
    struct limiter *l = xcalloc(1, sizeof *l);

    pthread_mutex_init(&l->lock, NULL);
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
place_of(struct limiter *l, const char *key, uint64_t *ret_key)
{
    struct hash h = sha256(BYTES_TEXT(key));

    memcpy(ret_key, h.b, sizeof *ret_key);
    return &l->places[(h.b[8] << 8 | h.b[9]) % PLACES];
}

int
limiter_blocked(struct limiter *l, const char *key, int most, int64_t now_ms)
{
    uint64_t k;
    struct place *p = place_of(l, key, &k);
    int wait_s = 0;

    pthread_mutex_lock(&l->lock);
    if (p->key == k && p->count >= most && now_ms - p->since_ms < SPAN_MS)
        wait_s = (int)((p->since_ms + SPAN_MS - now_ms) / 1000) + 1;
    pthread_mutex_unlock(&l->lock);
    return wait_s;
}

void
limiter_count(struct limiter *l, const char *key, int64_t now_ms)
{
    uint64_t k;
    struct place *p = place_of(l, key, &k);

    pthread_mutex_lock(&l->lock);
    if (p->key != k || now_ms - p->since_ms >= SPAN_MS)
        *p = (struct place){ .key = k, .since_ms = now_ms };
    p->count++;
    pthread_mutex_unlock(&l->lock);
}

void
limiter_clear(struct limiter *l, const char *key)
{
    uint64_t k;
    struct place *p = place_of(l, key, &k);

    pthread_mutex_lock(&l->lock);
    if (p->key == k)
        *p = (struct place){ 0 };
    pthread_mutex_unlock(&l->lock);
}
