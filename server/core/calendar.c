/* core/calendar.c: a plain ring of free GPUs per slot, scanned as Boyer and Moore search text: a window's last slot first, as
 * what blocks it rules out every window that holds it. Blocks of 64 with their least and most, and bitsets of the slots with
 * 2^k free, were built and measured beside it (bench calendar): they search as fast at best, but where a calendar is booked
 * solid for years, and cost 3 to 20 times as much to keep. */
#include "core/calendar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/num.h"

/* The capacity from a slot on. The first step holds from the beginning of time. */
struct step {
    int64_t from_slot;
    int32_t capacity;
};

struct steps {
    size_t count;
    struct step step[];
};

struct calendar {
    int64_t first_slot;
    size_t head; /* where first_slot lies in the ring */
    struct steps *steps;
    int32_t free[CALENDAR_SLOTS];
};

/* A booking as an undo log remembers it. */
struct booking {
    int64_t start_slot, slots;
    int32_t gpus;
};

static inline size_t
place_of(const struct calendar *c, int64_t slot)
{
    size_t place = c->head + (size_t)(slot - c->first_slot);

    return place < CALENDAR_SLOTS ? place : place - CALENDAR_SLOTS;
}

static inline int32_t
free_at(const struct calendar *c, int64_t slot)
{
    return c->free[place_of(c, slot)];
}

/* The slots of [from, until) that lie side by side from `from` on. */
static inline size_t
run_from(const struct calendar *c, int64_t from, int64_t until)
{
    size_t room = CALENDAR_SLOTS - place_of(c, from);
    size_t want = (size_t)(until - from);

    return want < room ? want : room;
}

static void
add_range(struct calendar *c, int64_t from, int64_t until, int32_t gpus)
{
    while (from < until) {
        size_t n = run_from(c, from, until);
        int32_t *at = &c->free[place_of(c, from)];

        for (size_t i = 0; i < n; i++)
            at[i] += gpus;
        from += (int64_t)n;
    }
}

enum { CHUNK = 16 }; /* slots that are looked at together, without a branch, so that it becomes vector code */

/* Four of them in a register of the machine. */
typedef int32_t lanes __attribute__((vector_size(16)));

static inline lanes
lanes_at(const int32_t *at)
{
    lanes l;

    memcpy(&l, at, sizeof l);
    return l;
}

static inline lanes
lanes_most(lanes a, lanes b)
{
    lanes more = a > b;

    return (a & more) | (b & ~more);
}

static inline int32_t
most_of(const int32_t *at, size_t n)
{
    lanes a = { INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN }, b = a;
    int32_t most = INT32_MIN;
    size_t i = 0;

    for (; n - i >= CHUNK; i += CHUNK) {
        a = lanes_most(a, lanes_most(lanes_at(at + i), lanes_at(at + i + 4)));
        b = lanes_most(b, lanes_most(lanes_at(at + i + 8), lanes_at(at + i + 12)));
    }
    a = lanes_most(a, b);
    for (int k = 0; k < 4; k++)
        most = a[k] > most ? a[k] : most;
    for (; i < n; i++)
        most = at[i] > most ? at[i] : most;
    return most;
}

static int32_t
most_in(const struct calendar *c, int64_t from, int64_t until)
{
    int32_t most = INT32_MIN;

    while (from < until) {
        size_t n = run_from(c, from, until);
        int32_t here = most_of(&c->free[place_of(c, from)], n);

        most = here > most ? here : most;
        from += (int64_t)n;
    }
    return most;
}

static int32_t
least_in(const struct calendar *c, int64_t from, int64_t until)
{
    int32_t least = INT32_MAX;

    while (from < until) {
        size_t n = run_from(c, from, until);
        const int32_t *at = &c->free[place_of(c, from)];

        for (size_t i = 0; i < n; i++)
            least = at[i] < least ? at[i] : least;
        from += (int64_t)n;
    }
    return least;
}

/* Are all the CHUNK slots from `at` on as free as that? */
static inline bool
chunk_has(const int32_t *at, int32_t gpus)
{
    int32_t short_of = 0;

    for (int i = 0; i < CHUNK; i++)
        short_of |= at[i] < gpus;
    return short_of == 0;
}

/* The last slot of [from, last] that has fewer GPUs free; from - 1 if all have enough. */
static inline int64_t
last_blocked(const struct calendar *c, int32_t gpus, int64_t from, int64_t last)
{
    int64_t left = last - from + 1; /* slots not yet tested: [from, from + left) */
    size_t place;

    if (left <= 0)
        return from - 1;
    place = place_of(c, last) + 1; /* one past the last untested slot */
    if (c->free[place - 1] < gpus)
        return last;
    for (;;) {
        while (left >= CHUNK && place >= CHUNK && chunk_has(&c->free[place - CHUNK], gpus)) {
            place -= CHUNK;
            left -= CHUNK;
        }
        if (place == 0) /* the chunks ended where the ring begins */
            place = CALENDAR_SLOTS;
        for (int i = 0; i < CHUNK; i++) { /* the chunk that has a blocker, or what is left of the ring or the window */
            if (left == 0 || c->free[place - 1] < gpus)
                return from + left - 1;
            left--;
            if (--place == 0)
                place = CALENDAR_SLOTS;
        }
    }
}

/* The first slot of [from, until) that has as many GPUs free; until if none has. */
static int64_t
first_free(const struct calendar *c, int32_t gpus, int64_t from, int64_t until)
{
    while (from < until) {
        size_t n = run_from(c, from, until), i = 0;
        const int32_t *at = &c->free[place_of(c, from)];

        while (n - i >= CHUNK && most_of(at + i, CHUNK) < gpus)
            i += CHUNK;
        for (; i < n; i++)
            if (at[i] >= gpus)
                return from + (int64_t)i;
        from += (int64_t)n;
    }
    return until;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static struct steps *
steps_copy(const struct steps *s, size_t room)
{
    struct steps *copy = xmalloc(sizeof *copy + room * sizeof copy->step[0]);

    copy->count = s->count < room ? s->count : room;
    memcpy(copy->step, s->step, copy->count * sizeof s->step[0]);
    return copy;
}

static int32_t
steps_capacity(const struct steps *s, int64_t slot)
{
    size_t i = s->count - 1;

    while (i > 0 && s->step[i].from_slot > slot)
        i--;
    return s->step[i].capacity;
}

/* The first slot after `slot` at which the capacity changes; INT64_MAX if none. */
static int64_t
steps_next(const struct steps *s, int64_t slot)
{
    for (size_t i = 1; i < s->count; i++)
        if (s->step[i].from_slot > slot)
            return s->step[i].from_slot;
    return INT64_MAX;
}

struct calendar *
calendar_new(int32_t capacity, int64_t first_slot)
{
    struct calendar *c = xmalloc(sizeof *c);

    assert(capacity >= 0 && capacity <= CALENDAR_GPUS_MAX);
    assert(first_slot >= 0 && first_slot < INT64_MAX / 2);
    c->first_slot = first_slot;
    c->head = 0;
    c->steps = xmalloc(sizeof *c->steps + sizeof c->steps->step[0]);
    c->steps->count = 1;
    c->steps->step[0] = (struct step){ .from_slot = INT64_MIN, .capacity = capacity };
    for (size_t i = 0; i < CALENDAR_SLOTS; i++)
        c->free[i] = capacity;
    return c;
}

void
calendar_delete(struct calendar *c)
{
    if (!c)
        return;
    free(c->steps);
    free(c);
}

struct calendar *
calendar_copy(const struct calendar *c)
{
    struct calendar *copy = xmalloc(sizeof *copy);

    memcpy(copy, c, sizeof *copy);
    copy->steps = steps_copy(c->steps, c->steps->count);
    return copy;
}

void
calendar_restore(struct calendar *c, const struct calendar *from)
{
    struct steps *steps = steps_copy(from->steps, from->steps->count);

    free(c->steps);
    memcpy(c, from, sizeof *c);
    c->steps = steps;
}

int64_t
calendar_slot_of(int64_t ms)
{
    assert(ms >= 0);
    return ms / CALENDAR_SLOT_MS;
}

int64_t
calendar_slot_after(int64_t ms)
{
    assert(ms >= 0);
    return ms / CALENDAR_SLOT_MS + (ms % CALENDAR_SLOT_MS != 0);
}

int64_t
calendar_first(const struct calendar *c)
{
    return c->first_slot;
}

int64_t
calendar_end(const struct calendar *c)
{
    return c->first_slot + CALENDAR_SLOTS;
}

int32_t
calendar_capacity(const struct calendar *c, int64_t slot)
{
    return steps_capacity(c->steps, slot);
}

int64_t
calendar_capacity_next(const struct calendar *c, int64_t slot)
{
    return steps_next(c->steps, slot);
}

int32_t
calendar_capacity_least(const struct calendar *c, int64_t start_slot, int64_t slots)
{
    int32_t least = steps_capacity(c->steps, start_slot);

    assert(slots > 0);
    for (size_t i = 1; i < c->steps->count; i++) {
        const struct step *s = &c->steps->step[i];

        if (s->from_slot > start_slot && s->from_slot - start_slot < slots && s->capacity < least)
            least = s->capacity;
    }
    return least;
}

int32_t
calendar_free(const struct calendar *c, int64_t slot)
{
    assert(slot >= c->first_slot && slot < calendar_end(c));
    return free_at(c, slot);
}

/* ---- booking ----------------------------------------------------------------------------------------------------- */

bool
calendar_fits(const struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus)
{
    int64_t from = max_i64(start_slot, c->first_slot);

    if (slots <= 0 || slots > CALENDAR_SLOTS || start_slot > calendar_end(c) - slots || start_slot + slots <= from)
        return false;
    return last_blocked(c, gpus, from, start_slot + slots - 1) < from;
}

bool
calendar_overbooked(const struct calendar *c, int64_t start_slot, int64_t slots)
{
    int64_t from, until;

    if (slots <= 0 || start_slot >= calendar_end(c))
        return false;
    from = max_i64(start_slot, c->first_slot);
    until = slots > calendar_end(c) - start_slot ? calendar_end(c) : start_slot + slots;
    return last_blocked(c, 0, from, until - 1) >= from;
}

static void
book(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus)
{
    assert(slots > 0 && slots <= CALENDAR_SLOTS && start_slot >= 0 && start_slot <= calendar_end(c) - slots);
    assert(gpus >= -CALENDAR_GPUS_MAX && gpus <= CALENDAR_GPUS_MAX);
    add_range(c, max_i64(start_slot, c->first_slot), start_slot + slots, -gpus);
}

void
calendar_reserve(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus)
{
    assert(gpus > 0);
    book(c, start_slot, slots, gpus);
}

void
calendar_release(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus)
{
    assert(gpus > 0);
    book(c, start_slot, slots, -gpus);
}

static void
book_back(void *calendar, void *data)
{
    struct booking b;

    memcpy(&b, data, sizeof b);
    book(calendar, b.start_slot, b.slots, -b.gpus);
}

void
calendar_reserve_undo(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus, struct undo *u)
{
    struct booking b = { .start_slot = start_slot, .slots = slots, .gpus = gpus };

    calendar_reserve(c, start_slot, slots, gpus);
    undo_call_bytes(u, book_back, c, &b, sizeof b);
}

void
calendar_release_undo(struct calendar *c, int64_t start_slot, int64_t slots, int32_t gpus, struct undo *u)
{
    struct booking b = { .start_slot = start_slot, .slots = slots, .gpus = -gpus };

    calendar_release(c, start_slot, slots, gpus);
    undo_call_bytes(u, book_back, c, &b, sizeof b);
}

/* ---- capacity ---------------------------------------------------------------------------------------------------- */

/* What is free becomes what it would be had these steps held all along. */
static void
change_steps(struct calendar *c, struct steps *steps)
{
    struct steps *old = c->steps;

    for (int64_t slot = c->first_slot; slot < calendar_end(c);) {
        int64_t until = min_i64(min_i64(steps_next(old, slot), steps_next(steps, slot)), calendar_end(c));
        int32_t by = steps_capacity(steps, slot) - steps_capacity(old, slot);

        if (by != 0)
            add_range(c, slot, until, by);
        slot = until;
    }
    c->steps = steps;
}

static void
resize_back(void *calendar, void *old)
{
    struct calendar *c = calendar;
    struct steps *now = c->steps;

    change_steps(c, old);
    free(now);
}

void
calendar_resize(struct calendar *c, int64_t from_slot, int32_t capacity, struct undo *u)
{
    struct steps *old = c->steps;
    struct steps *steps = steps_copy(old, old->count + 1);

    assert(capacity >= 0 && capacity <= CALENDAR_GPUS_MAX);
    from_slot = max_i64(from_slot, c->first_slot);
    while (steps->count > 1 && steps->step[steps->count - 1].from_slot >= from_slot)
        steps->count--;
    steps->step[steps->count++] = (struct step){ .from_slot = from_slot, .capacity = capacity };
    change_steps(c, steps);
    undo_call(u, resize_back, c, old);
    undo_free_on_commit(u, free, old);
}

size_t
calendar_conflicts(const struct calendar *c, struct calendar_range *ret, size_t max)
{
    size_t n = 0;
    int64_t slot = c->first_slot;

    while (slot < calendar_end(c)) {
        struct calendar_range r = { .start_slot = slot, .gpus = 0 };

        for (; slot < calendar_end(c) && free_at(c, slot) < 0; slot++)
            if (free_at(c, slot) < r.gpus)
                r.gpus = free_at(c, slot);
        r.slots = (int32_t)(slot - r.start_slot);
        if (r.slots == 0)
            slot++;
        else if (n++ < max)
            ret[n - 1] = r;
    }
    return n;
}

void
calendar_advance(struct calendar *c, int64_t first_slot)
{
    int64_t by = first_slot - c->first_slot;
    size_t over = 0; /* steps that are over: the last of them holds at first_slot */

    if (by <= 0)
        return;
    c->head = (c->head + (size_t)(by % CALENDAR_SLOTS)) % CALENDAR_SLOTS;
    c->first_slot = first_slot;
    for (int64_t slot = calendar_end(c) - min_i64(by, CALENDAR_SLOTS); slot < calendar_end(c); slot++)
        c->free[place_of(c, slot)] = steps_capacity(c->steps, slot);
    while (over + 1 < c->steps->count && c->steps->step[over + 1].from_slot <= first_slot)
        over++;
    if (over > 0) {
        c->steps->count -= over;
        memmove(c->steps->step, c->steps->step + over, c->steps->count * sizeof c->steps->step[0]);
        c->steps->step[0].from_slot = INT64_MIN;
    }
}

/* ---- search ------------------------------------------------------------------------------------------------------ */

/* A blocked interval [lo, hi] into the certificate. */
static void
note_blocked(const struct calendar *c, struct calendar_why *why, int64_t lo, int64_t hi)
{
    if (why->blocked_count == CALENDAR_BLOCKED_MAX) {
        why->blocked_more++;
        return;
    }
    why->blocked[why->blocked_count++] = (struct calendar_range){
        .start_slot = lo,
        .slots = (int32_t)(hi - lo + 1),
        .gpus = most_in(c, lo, hi + 1),
    };
}

/* The scan. A window is tested from its last slot backwards; a blocker rules out every window that holds it, and what
 * lies behind it up to the window's end is known to be free, so no slot is tested twice. Returns the start found, or
 * latest + 1 or later if there is none. why, if given, takes the certificate: its intervals are widened to their whole
 * length, within [from, latest + slots). */
static int64_t
scan(const struct calendar *c, int32_t gpus, int64_t slots, int64_t from, int64_t latest, struct calendar_why *why)
{
    int64_t start = from;
    int64_t known = from; /* [start, known) is free */

    while (start <= latest) {
        int64_t last = start + slots - 1;
        int64_t slot = last_blocked(c, gpus, known, last);
        int64_t after;

        if (slot < known)
            return start;
        after = slot + 1;
        if (why) {
            int64_t lo = slot;

            if (slot == last)
                after = first_free(c, gpus, after, latest + slots);
            while (lo > known && free_at(c, lo - 1) < gpus)
                lo--;
            note_blocked(c, why, lo, after - 1);
        }
        known = max_i64(last + 1, after);
        start = after;
    }
    return start;
}

/* The longest gap with so many GPUs in [from, until): only windows longer than the best so far are looked at. */
static struct calendar_range
longest_gap(const struct calendar *c, int32_t gpus, int64_t from, int64_t until)
{
    struct calendar_range best = { .start_slot = from, .gpus = gpus };
    int64_t start = from;
    int64_t known = from;

    while (start + best.slots < until) {
        int64_t last = start + best.slots;
        int64_t slot = last_blocked(c, gpus, known, last);

        if (slot >= known) {
            known = last + 1;
            start = slot + 1;
            continue;
        }
        while (last + 1 < until && free_at(c, last + 1) >= gpus)
            last++;
        best.start_slot = start;
        best.slots = (int32_t)(last + 1 - start);
        start = known = last + 1;
    }
    return best;
}

/* The most GPUs, below `below`, that are free throughout some window that starts in [from, latest]; 0 if none. */
static int32_t
most_throughout(const struct calendar *c, int32_t below, int64_t slots, int64_t from, int64_t latest)
{
    int32_t has = 0; /* some window has so many; none has `below` */

    while (has + 1 < below) {
        int32_t half = has + (below - has) / 2;
        int64_t start = scan(c, half, slots, from, latest, NULL);

        if (start <= latest) {
            has = half;
            from = start; /* earlier windows do not even have this many */
        } else {
            below = half;
        }
    }
    return has;
}

bool
calendar_earliest(const struct calendar *c, int32_t gpus, int64_t slots, int64_t from, int64_t latest_start,
                  int64_t *ret_start, struct calendar_why *why)
{
    int64_t start;

    assert(gpus > 0 && gpus <= CALENDAR_GPUS_MAX && slots > 0);
    from = max_i64(from, c->first_slot);
    if (why) {
        *why = (struct calendar_why){ .from_slot = from, .until_slot = from };
        why->longest.start_slot = from;
    }
    if (slots > CALENDAR_SLOTS)
        return false;
    latest_start = min_i64(latest_start, calendar_end(c) - slots);
    if (from > latest_start)
        return false;
    start = scan(c, gpus, slots, from, latest_start, why);
    if (why && start > from) {
        bool found = start <= latest_start;

        why->until_slot = found ? start : latest_start + slots;
        why->windows = (found ? start : latest_start + 1) - from;
        why->most_free = most_in(c, from, why->until_slot);
        why->longest = longest_gap(c, gpus, from, why->until_slot);
        why->most_throughout =
            most_throughout(c, (int32_t)min_i64(gpus, why->most_free + INT64_C(1)), slots, from, from + why->windows - 1);
    }
    if (start > latest_start)
        return false;
    *ret_start = start;
    return true;
}

void
calendar_summary(const struct calendar *c, int64_t from_slot, int64_t bin_slots, size_t bins, struct calendar_bin *ret)
{
    assert(bin_slots > 0 && bin_slots <= CALENDAR_SLOTS && bins <= CALENDAR_SLOTS);
    for (size_t i = 0; i < bins; i++, from_slot += bin_slots) {
        int64_t from = max_i64(from_slot, c->first_slot);
        int64_t until = min_i64(from_slot + bin_slots, calendar_end(c));

        ret[i] = (struct calendar_bin){ 0, 0, 0 };
        if (from >= until)
            continue;
        ret[i].least = least_in(c, from, until);
        ret[i].most = most_in(c, from, until);
        for (int64_t slot = from; slot < until; slot++)
            ret[i].sum += free_at(c, slot);
    }
}
