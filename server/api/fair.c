/* api/fair.c
 * A queue in which nobody waits for another's crowd: each share (an organisation, a site, a stranger's address) has a list
 * of its own, shares take turns, and one share may not have all workers at once: all but one while it is alone, half of
 * them while others are about. A quarter was tried: it made the crowds of a federation wait that harm nobody.
 * While others are about, a share with more than CROWD calls waiting is a flood: its calls begin PACE_US apart. Turns alone
 * do not help where processors are scarce: the others then wait for what the flood's calls do in the database and in the
 * sequencer. Held back rather than refused, since who is refused comes again at once.
 * Who finds no room is told to come again when there is some: those of a crowd one after the other, as fast as the queue
 * was emptied of late, or all would be back in a second, and be refused.
 * Under the pool's lock. */
#include <assert.h>
#include <stdlib.h>

#include "api/internal.h"
#include "base/clock.h"

enum { ABOUT_MS = 1000, CROWD = 32, PACE_US = 10000 };
enum {
    EACH_US = 1000,          /* what a call is thought to take before any was measured */
    EACH_MOST_US = 1000000,
    AT_ONCE = 2,             /* so many are told the same time: some will not come */
    LATEST_US = 30 * 1000000 /* nobody is told to come later */
};

struct share {
    uint64_t key;
    struct call *first, **end;
    size_t waiting, working;
    int64_t next_us; /* monotonic: a flood's next call does not begin before */
    struct share *prev, *next; /* in the ring of those with calls waiting */
};

struct fair {
    struct map *shares; /* key → struct share: those with something waiting or worked on */
    struct share *turn; /* the next one's */
    size_t n, most, most_of_one, workers;
    int64_t about_ms; /* monotonic: when there was more than one share last */
    int64_t held_us;  /* what fair_take found last: so long until a flood's next call may begin; 0: it is not for that */
    int64_t taken_us; /* monotonic: when the last call was taken and left others behind; 0: it left none */
    int64_t each_us;  /* from one to the next of those, a moving mean */
    int64_t room_us;  /* monotonic: when there is room for the next of those who are told to come again */
};

struct fair *
fair_new(size_t most, size_t most_of_one)
{
    struct fair *f = xcalloc(1, sizeof *f);

    f->shares = map_new(sizeof(uint64_t));
    f->most = most;
    f->most_of_one = most_of_one;
    f->workers = 1;
    f->each_us = EACH_US;
    f->about_ms = -ABOUT_MS;
    return f;
}

void
fair_delete(struct fair *f)
{
    const void *key;
    void *share;

    if (!f)
        return;
    for (size_t it = 0; map_next(f->shares, &it, &key, &share);)
        free(share);
    map_delete(f->shares);
    free(f);
}

void
fair_workers(struct fair *f, size_t workers)
{
    f->workers = workers;
}

size_t
fair_count(const struct fair *f)
{
    return f->n;
}

static struct share *
share_of(struct fair *f, uint64_t key)
{
    struct share *s = map_get_u64(f->shares, key);

    if (s)
        return s;
    s = xcalloc(1, sizeof *s);
    s->key = key;
    s->end = &s->first;
    map_put(f->shares, &s->key, s, NULL);
    if (map_count(f->shares) > 1)
        f->about_ms = monotonic_ms();
    return s;
}

/* At the end of the ring: before the one whose turn it is. */
static void
ring_add(struct fair *f, struct share *s)
{
    if (!f->turn) {
        s->prev = s->next = s;
        f->turn = s;
        return;
    }
    s->next = f->turn;
    s->prev = f->turn->prev;
    s->prev->next = s;
    s->next->prev = s;
}

static void
ring_remove(struct fair *f, struct share *s)
{
    if (f->turn == s)
        f->turn = s->next == s ? NULL : s->next;
    s->prev->next = s->next;
    s->next->prev = s->prev;
}

enum err
fair_put(struct fair *f, struct call *call)
{
    struct share *s;

    if (f->n >= f->most)
        return ERR_BUSY;
    s = share_of(f, call->share);
    if (s->waiting >= f->most_of_one)
        return ERR_RATE_LIMITED;
    if (s->waiting == 0)
        ring_add(f, s);
    *s->end = call;
    s->end = &call->next;
    s->waiting++;
    f->n++;
    return OK;
}

static bool
others_are_about(const struct fair *f, int64_t now_us)
{
    return map_count(f->shares) > 1 || now_us / 1000 - f->about_ms < ABOUT_MS;
}

/* How many workers a share may have. */
static size_t
most_working(const struct fair *f, bool others)
{
    size_t most = others ? f->workers / 2 : f->workers - 1;

    return most > 0 ? most : 1;
}

/* How long the share has to hold back, µs; 0: not at all. */
static int64_t
held_back(const struct share *s, bool others, int64_t now_us)
{
    return others && s->waiting > CROWD && s->next_us > now_us ? s->next_us - now_us : 0;
}

/* A call was taken: how fast they go counts only while others wait. */
static void
measure(struct fair *f, int64_t now_us)
{
    int64_t took_us = f->taken_us ? now_us - f->taken_us : f->each_us;

    f->each_us += ((took_us < EACH_MOST_US ? took_us : EACH_MOST_US) - f->each_us) / 8;
    f->taken_us = f->n > 0 ? now_us : 0;
}

int
fair_again_s(struct fair *f)
{
    int64_t now_us = monotonic_us();

    if (f->room_us < now_us || f->room_us > now_us + LATEST_US)
        f->room_us = now_us;
    f->room_us += f->each_us / AT_ONCE;
    return (int)((f->room_us - now_us) / 1000000) + 1;
}

struct call *
fair_take(struct fair *f)
{
    struct share *s = f->turn;
    struct call *call;
    int64_t now_us = monotonic_us();
    bool others = others_are_about(f, now_us);
    size_t most = most_working(f, others);

    f->held_us = 0;
    if (!s)
        return NULL;
    for (int64_t held; (held = held_back(s, others, now_us)) > 0 || s->working >= most;) {
        if (held > 0 && s->working < most && (f->held_us == 0 || held < f->held_us))
            f->held_us = held;
        s = s->next;
        if (s == f->turn)
            return NULL;
    }
    f->held_us = 0;
    s->next_us = now_us + PACE_US;
    call = s->first;
    s->first = call->next;
    if (!s->first)
        s->end = &s->first;
    call->next = NULL;
    s->waiting--;
    s->working++;
    f->n--;
    f->turn = s->next;
    if (s->waiting == 0)
        ring_remove(f, s);
    measure(f, now_us);
    return call;
}

int64_t
fair_held_us(const struct fair *f)
{
    return f->held_us;
}

void
fair_done(struct fair *f, uint64_t key)
{
    struct share *s = map_get_u64(f->shares, key);

    assert(s && s->working > 0);
    s->working--;
    if (s->working == 0 && s->waiting == 0) {
        map_remove(f->shares, &s->key, NULL);
        free(s);
    }
}
