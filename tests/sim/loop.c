/* tests/sim/loop.c: time, chance, the queue of events, and the record of what happened. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct sim sim;
struct totals totals;

const char *const FAULT_WORDS[FAULT_COUNT] = {
#define X(name, what) [FAULT_##name##_] = what,
    FAULTS(X)
#undef X
};

const char *const PLANT_WORDS[PLANTS] = {
    "none", "no-fence", "second-permit", "restored-starts", "lost-commit",
};

struct event {
    int64_t when;
    uint64_t order;
    void (*fn)(void *a, uint64_t b);
    void *a;
    uint64_t b;
};

static struct {
    struct event *items;
    size_t n, cap;
    uint64_t order;
} queue;

/* ---- chance --------------------------------------------------------------------------------------------------------- */

static uint64_t
next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t
draw(uint64_t below)
{
    return below > 1 ? (next(&sim.draw[0]) >> 11) % below : 0;
}

bool
chance(unsigned in_100000)
{
    return in_100000 > 0 && draw(100000) < in_100000;
}

int64_t
draw_span(int64_t least, int64_t most)
{
    return least + (int64_t)draw((uint64_t)(most - least + 1));
}

void
fault_counts(enum fault f)
{
    totals.faults[f]++;
    note(FAULT_WORDS[f], 0, 0);
}

bool
fault(enum fault f)
{
    if (sim.quiet || !chance(sim.chance[f]))
        return false;
    fault_counts(f);
    return true;
}

/* ---- the record ------------------------------------------------------------------------------------------------------- */

static void
mix(uint64_t v)
{
    sim.hash = (sim.hash ^ v) * UINT64_C(0x100000001b3);
    sim.hash ^= sim.hash >> 29;
}

void
note(const char *what, uint64_t a, uint64_t b)
{
    for (const char *c = what; *c != '\0'; c++)
        sim.hash = (sim.hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    mix(a);
    mix(b);
    mix((uint64_t)sim.now);
    if (!sim.verbose)
        return;
    printf("%12.6f %c%d %s %" PRIu64 " %" PRIu64 "\n", (double)sim.now / 1e6,
           sim.here == NULL ? '-' : sim.here->kind == PROC_SERVER ? 'S' : 'A', sim.here == NULL ? 0 : sim.here->id, what,
           a, b);
    fflush(stdout);
}

void
violation(const char *fmt, ...)
{
    va_list args;

    if (sim.violation[0] == '\0') {
        va_start(args, fmt);
        vsnprintf(sim.violation, sizeof sim.violation, fmt, args);
        va_end(args);
        if (sim.verbose)
            printf("VIOLATION %s\n", sim.violation);
    }
    history_ends();
}

/* ---- events ----------------------------------------------------------------------------------------------------------- */

static bool
before(const struct event *a, const struct event *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

void
at(int64_t when, void (*fn)(void *a, uint64_t b), void *a, uint64_t b)
{
    struct event e = { when > sim.now ? when : sim.now, queue.order++, fn, a, b };
    size_t i = queue.n++;

    if (queue.n > queue.cap) {
        queue.cap = queue.cap > 0 ? queue.cap * 2 : 1024;
        queue.items = realloc(queue.items, queue.cap * sizeof *queue.items);
        if (queue.items == NULL)
            abort();
    }
    for (; i > 0 && before(&e, &queue.items[(i - 1) / 2]); i = (i - 1) / 2)
        queue.items[i] = queue.items[(i - 1) / 2];
    queue.items[i] = e;
}

static struct event
pop(void)
{
    struct event first = queue.items[0], last = queue.items[--queue.n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= queue.n)
            break;
        if (child + 1 < queue.n && before(&queue.items[child + 1], &queue.items[child]))
            child++;
        if (!before(&queue.items[child], &last))
            break;
        queue.items[i] = queue.items[child];
        i = child;
    }
    queue.items[i] = last;
    return first;
}

void
loop_reset(void)
{
    queue.n = 0;
    queue.cap = 0;
    queue.items = NULL; /* it lay in the history's region */
    queue.order = 0;
}

bool
loop_until(int64_t when)
{
    while (queue.n > 0 && queue.items[0].when <= when && sim.violation[0] == '\0') {
        struct event e = pop();

        sim.now = e.when;
        sim.events++;
        e.fn(e.a, e.b);
        if (sim.events > 400000)
            violation("the history does not end: %" PRIu64 " events", sim.events);
    }
    if (sim.violation[0] != '\0')
        return false;
    sim.now = when;
    return true;
}
