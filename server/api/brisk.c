/* api/brisk.c
 * Which calls are answered on the socket thread itself. A quote to look at takes some fifty microseconds and no database: the
 * way through a worker and back costs as much again. But who asks in crowds must not keep others from the socket threads:
 * while other shares are about, one has MOST such answers in SPAN_MS; what it asks beyond goes the workers' way, where
 * shares take turns (fair.c). A fixed table: a stranger cannot make it grow. */
#include <stdlib.h>

#include "api/internal.h"

enum { PLACES = 1024, SPAN_MS = 100, MOST = 50, ABOUT_MS = 1000 };

struct place {
    uint64_t share;
    int64_t since_ms;
    int count;
};

struct brisk {
    pthread_mutex_t lock;
    uint64_t last;     /* share; 0: none yet */
    int64_t others_ms; /* when a call was of another share than the one before */
    struct place places[PLACES];
};

struct brisk *
brisk_new(void)
{
    struct brisk *b = xcalloc(1, sizeof *b);

    pthread_mutex_init(&b->lock, NULL);
    b->others_ms = -ABOUT_MS;
    return b;
}

void
brisk_delete(struct brisk *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* Under the lock. */
static void
note(struct brisk *b, uint64_t share, int64_t now_ms)
{
    if (b->last != 0 && share != b->last)
        b->others_ms = now_ms;
    b->last = share;
}

void
brisk_note(struct brisk *b, uint64_t share, int64_t now_ms)
{
    pthread_mutex_lock(&b->lock);
    note(b, share, now_ms);
    pthread_mutex_unlock(&b->lock);
}

bool
brisk_may(struct brisk *b, uint64_t share, int64_t now_ms)
{
    struct place *p = &b->places[share % PLACES];
    bool may;

    pthread_mutex_lock(&b->lock);
    note(b, share, now_ms);
    if (p->share != share || now_ms - p->since_ms >= SPAN_MS)
        *p = (struct place){ .share = share, .since_ms = now_ms };
    p->count++;
    may = p->count <= MOST || now_ms - b->others_ms >= ABOUT_MS;
    pthread_mutex_unlock(&b->lock);
    return may;
}
