/* market/site_clocks.c */
#include "market/site_clocks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/num.h"

#define SPAN_MS 60000

/* What was said in a span of a minute, and in the one before. */
struct span {
    int64_t from_ms, ahead_ms; /* the furthest */
    size_t n;
};
struct heard {
    uint64_t site;
    int64_t at_ms;
    struct span now, before;
};

struct site_clocks {
    pthread_mutex_t lock;
    struct map *by_site; /* SITE index → struct heard */
};

struct site_clocks *
site_clocks_new(void)
{
    struct site_clocks *c = xcalloc(1, sizeof *c);

    pthread_mutex_init(&c->lock, NULL);
    c->by_site = map_new(sizeof(uint64_t));
    return c;
}

void
site_clocks_delete(struct site_clocks *c)
{
    size_t it = 0;
    void *value;

    if (c == NULL)
        return;
    while (map_next(c->by_site, &it, NULL, &value))
        free(value);
    map_delete(c->by_site);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void
hear(struct heard *h, int64_t ahead_ms, int64_t monotonic_ms)
{
    int64_t age_ms = monotonic_ms - h->now.from_ms;

    if (h->now.n == 0 || age_ms >= SPAN_MS) {
        h->before = age_ms < 2 * SPAN_MS ? h->now : (struct span){ 0 };
        h->now = (struct span){ monotonic_ms, ahead_ms, 0 };
    }
    h->now.ahead_ms = max_i64(h->now.ahead_ms, ahead_ms);
    h->now.n++;
    h->at_ms = monotonic_ms;
}

static int64_t
ahead_of(const struct heard *h)
{
    return h->before.n > 0 ? max_i64(h->now.ahead_ms, h->before.ahead_ms) : h->now.ahead_ms;
}

void
site_clocks_note(struct site_clocks *c, uint64_t site, int64_t ahead_ms, int64_t monotonic_ms)
{
    struct heard *h;

    pthread_mutex_lock(&c->lock);
    h = map_get_u64(c->by_site, site);
    if (h == NULL) {
        h = xcalloc(1, sizeof *h);
        h->site = site;
        map_put(c->by_site, &h->site, h, NULL);
    }
    hear(h, ahead_ms, monotonic_ms);
    pthread_mutex_unlock(&c->lock);
}

static bool
is_fresh(const struct heard *h, int64_t monotonic_ms)
{
    return h != NULL && h->now.n + h->before.n >= 2 && monotonic_ms - h->at_ms < SITE_CLOCKS_FRESH_MS;
}

bool
site_clocks_of(struct site_clocks *c, uint64_t site, int64_t monotonic_ms, int64_t *ret_ahead_ms)
{
    const struct heard *h;
    bool fresh;

    pthread_mutex_lock(&c->lock);
    h = map_get_u64(c->by_site, site);
    fresh = is_fresh(h, monotonic_ms);
    if (fresh)
        *ret_ahead_ms = ahead_of(h);
    pthread_mutex_unlock(&c->lock);
    return fresh;
}

static int
by_time(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* What all in touch say, sorted; their number. free() it. */
static size_t
all_fresh(struct site_clocks *c, int64_t monotonic_ms, int64_t **ret)
{
    size_t n = 0, it = 0;
    void *value;

    pthread_mutex_lock(&c->lock);
    *ret = xcalloc(map_count(c->by_site) + 1, sizeof **ret);
    while (map_next(c->by_site, &it, NULL, &value))
        if (is_fresh(value, monotonic_ms))
            (*ret)[n++] = ahead_of(value);
    pthread_mutex_unlock(&c->lock);
    qsort(*ret, n, sizeof **ret, by_time);
    return n;
}

bool
site_clocks_most(struct site_clocks *c, int64_t monotonic_ms, int64_t *ret_ahead_ms)
{
    int64_t *all, low, high;
    size_t n = all_fresh(c, monotonic_ms, &all);

    if (n >= SITE_CLOCKS_LEAST) { /* the two in the middle, or the one: more than half lie at or beyond each */
        low = all[(n - 1) / 2];
        high = all[n / 2];
        *ret_ahead_ms = low > 0 ? low : high < 0 ? high : 0;
    }
    free(all);
    return n >= SITE_CLOCKS_LEAST;
}

size_t
site_clocks_heard(struct site_clocks *c, int64_t monotonic_ms)
{
    int64_t *all;
    size_t n = all_fresh(c, monotonic_ms, &all);

    free(all);
    return n;
}
