/* core/broker_nights.c: the same hours on several nights in a row. A run of nights starts at one time of day, so it is one
 * start, repeated a day apart; days are those of UTC, which all have 96 slots. */
#include <assert.h>
#include <string.h>

#include "base/num.h"
#include "core/broker.h"
#include "core/broker_probe.h"

enum { DAY = CALENDAR_DAY_SLOTS, MINUTES_A_SLOT = 15, MINUTES_A_DAY = 1440 };

/* What is looked for, in slots. Night d's window begins at d x DAY + from. */
struct search {
    const struct calendar *calendar;
    int32_t gpus;
    int64_t slots;         /* of a job */
    int64_t from, window;  /* of the window: since midnight, and its length */
    int64_t first, latest; /* a job starts in [first, latest] */
    int nights;
};

/* How many nights in a row have had room at each offset within the window, up to the present one. */
struct runs {
    uint8_t n[DAY];
};

int64_t
broker_night_slots(const struct broker_ask *ask)
{
    int minutes = (ask->night_until + MINUTES_A_DAY - ask->night_from) % MINUTES_A_DAY;

    return (minutes == 0 ? MINUTES_A_DAY : minutes) / MINUTES_A_SLOT;
}

void
broker_night_only(struct broker_ask *ask, int64_t start_ms)
{
    int64_t into_ms = ask->night_from * INT64_C(60000), from_ms = (start_ms - into_ms) / BROKER_DAY_MS * BROKER_DAY_MS + into_ms;
    int64_t end_ms;

    if (ask->nights == 0)
        return;
    end_ms = from_ms + broker_night_slots(ask) * CALENDAR_SLOT_MS;
    ask->earliest_start_ms = max_i64(ask->earliest_start_ms, from_ms); /* the first and the last night may be cut */
    ask->deadline_ms = ask->deadline_ms > 0 ? min_i64(ask->deadline_ms, end_ms) : end_ms;
    ask->max_cost_gpums = 0; /* it was of all nights; what a night costs is never exceeded */
    ask->nights = 0;
    ask->night_from = ask->night_until = 0;
}

static int64_t
window_of(const struct search *s, int64_t night)
{
    return night * DAY + s->from;
}

/* The starts that a night allows: [*ret_from, *ret_to]; none if from is larger. */
static void
starts_of(const struct search *s, int64_t night, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = max_i64(window_of(s, night), s->first);
    *ret_to = min_i64(window_of(s, night) + s->window - s->slots, s->latest);
}

/* One night more: every offset's run goes on or ends. Returns the longest, and the first offset that has it. */
static int
add_night(const struct search *s, int64_t night, struct runs *runs, int64_t *ret_offset)
{
    int64_t base = window_of(s, night), from, to, start, free = 0;
    bool all;
    int longest = 0;

    starts_of(s, night, &from, &to);
    if (from > to || !calendar_earliest(s->calendar, s->gpus, s->slots, from, to, &start, NULL)) {
        memset(runs->n, 0, sizeof runs->n);
        return 0;
    }
    all = calendar_fits(s->calendar, from, to + s->slots - from, s->gpus);
    memset(runs->n, 0, (size_t)(from - base));
    free = s->slots - 1; /* before the last slot of the first start that fits */
    for (int64_t at = from; at <= to; at++) {
        if (!all && at >= start)
            free = calendar_free(s->calendar, at + s->slots - 1) >= s->gpus ? free + 1 : 0;
        if (all || (at >= start && free >= s->slots))
            runs->n[at - base] = (uint8_t)min_i64(runs->n[at - base] + 1, UINT8_MAX);
        else
            runs->n[at - base] = 0;
        if (runs->n[at - base] > longest) {
            longest = runs->n[at - base];
            *ret_offset = at - base;
        }
    }
    if (to + 1 - base < DAY)
        memset(runs->n + (to + 1 - base), 0, (size_t)(DAY - (to + 1 - base)));
    return longest;
}

/* ---- the run alone: nothing is told of what comes before it --------------------------------------------------------------- */

enum { MASKS = 32 }; /* a run's nights and more: none is looked at twice */
_Static_assert(MASKS > BROKER_NIGHTS_MAX, "a run fits");

/* The offsets at which nights have room, as bits. */
struct masks {
    int64_t night[MASKS]; /* whose it is; -1: nobody's */
    unsigned __int128 at[MASKS];
};
_Static_assert(DAY <= 128, "a day's slots are bits of a number");

static unsigned __int128
bits(int64_t from, int64_t to)
{
    unsigned __int128 all = ~(unsigned __int128)0;

    return (all << from) & (all >> (127 - to));
}

static unsigned __int128
mask_make(const struct search *s, int64_t night)
{
    unsigned __int128 mask = 0;
    int64_t base = window_of(s, night), from, to, start, free = s->slots - 1;

    starts_of(s, night, &from, &to);
    if (from > to || !calendar_earliest(s->calendar, s->gpus, s->slots, from, to, &start, NULL))
        return 0;
    if (calendar_fits(s->calendar, start, to + s->slots - start, s->gpus))
        return bits(start - base, to - base);
    for (int64_t at = start; at <= to; at++) {
        free = calendar_free(s->calendar, at + s->slots - 1) >= s->gpus ? free + 1 : 0;
        if (free >= s->slots)
            mask |= (unsigned __int128)1 << (at - base);
    }
    return mask;
}

static unsigned __int128
mask_of(const struct search *s, int64_t night, struct masks *m)
{
    int i = (int)(night % MASKS);

    if (m->night[i] != night) {
        m->night[i] = night;
        m->at[i] = mask_make(s, night);
    }
    return m->at[i];
}

/* The first run of nights from first to last. Looked at from its last night backwards: where the offsets run out, no run that
 * has that night and the last one is left, and the search skips behind it. */
static bool
run_find(const struct search *s, int64_t first, int64_t last, int64_t *ret_night, int64_t *ret_offset)
{
    struct masks m;

    for (int i = 0; i < MASKS; i++)
        m.night[i] = -1;
    for (int64_t night = first; night + s->nights - 1 <= last;) {
        unsigned __int128 mask = ~(unsigned __int128)0;
        int64_t at = night + s->nights;

        while (at > night && mask != 0)
            mask &= mask_of(s, --at, &m);
        if (mask != 0) {
            *ret_night = night;
            *ret_offset = (uint64_t)mask != 0 ? __builtin_ctzll((uint64_t)mask) : 64 + __builtin_ctzll((uint64_t)(mask >> 64));
            return true;
        }
        night = at + 1;
    }
    return false;
}

/* ---- why not ----------------------------------------------------------------------------------------------------- */

static void
add_blocked(struct calendar_why *why, struct calendar_range stretch)
{
    if (why->blocked_count == CALENDAR_BLOCKED_MAX)
        why->blocked_more++;
    else
        why->blocked[why->blocked_count++] = stretch;
}

/* What is blocked of a night's window, as far as starts are allowed in it. */
static void
add_blocked_of(const struct search *s, int64_t night, struct calendar_why *why)
{
    int64_t from, to;
    struct calendar_range stretch = { .slots = 0 };

    starts_of(s, night, &from, &to);
    for (int64_t slot = from; from <= to && slot < to + s->slots; slot++) {
        int32_t free = calendar_free(s->calendar, slot);

        if (free < s->gpus) {
            if (stretch.slots == 0)
                stretch = (struct calendar_range){ .start_slot = slot, .gpus = free };
            stretch.slots++;
            if (free > stretch.gpus)
                stretch.gpus = free;
        } else if (stretch.slots > 0) {
            add_blocked(why, stretch);
            stretch.slots = 0;
        }
    }
    if (stretch.slots > 0)
        add_blocked(why, stretch);
}

static bool
has_room(const struct search *s, int64_t night)
{
    int64_t from, to, start;

    starts_of(s, night, &from, &to);
    return from <= to && calendar_earliest(s->calendar, s->gpus, s->slots, from, to, &start, NULL);
}

/* The certificate: of nights first to last so many stretches that no run is left. A night without any room parts those
 * before it from those behind, so the search skips to the last such within a run's length; where there is none, what is
 * blocked is listed for each night of the run. */
static void
certify(const struct search *s, int64_t first, int64_t last, struct calendar_why *why)
{
    int64_t listed = first - 1, roomy = first - 1; /* nights from this one on up to `roomy` have room: each is asked once */
    int64_t night = first;

    while (night + s->nights - 1 <= last) {
        int64_t wall = night + s->nights - 1;

        while (wall >= night && wall > roomy && has_room(s, wall))
            wall--;
        if (wall >= night && wall > roomy) {
            if (wall > listed)
                add_blocked_of(s, wall, why);
            listed = max_i64(listed, wall);
            night = wall + 1;
            continue;
        }
        roomy = night + s->nights - 1;
        for (int64_t n = max_i64(night, listed + 1); n < night + s->nights; n++)
            add_blocked_of(s, n, why);
        listed = night + s->nights - 1;
        night++;
    }
}

/* Runs of one offset each that a night has ended, and at the end of the search all that go on: the longest is kept. A run
 * that is still growing when one is long enough began after that one. */
static void
note_runs(const struct search *s, int64_t night, const struct runs *before, const struct runs *now, struct calendar_why *why)
{
    for (int64_t offset = 0; offset < DAY; offset++)
        if (before->n[offset] > why->longest.slots && (!now || now->n[offset] == 0))
            why->longest =
                (struct calendar_range){ window_of(s, night - before->n[offset]) + offset, before->n[offset], s->gpus };
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

static struct search
search_of(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms)
{
    const struct calendar *c = broker_in_pool(ask->gpus, o->gpus_per_node) ? o->pool : o->calendar;
    int64_t last_start_ms = probe_last_ms(o, ask) - probe_span_ms(ask);

    return (struct search){
        .calendar = c,
        .gpus = ask->gpus,
        .slots = calendar_slot_after(probe_span_ms(ask)),
        .from = ask->night_from / MINUTES_A_SLOT,
        .window = broker_night_slots(ask),
        .first = max_i64(calendar_slot_after(probe_earliest_ms(ask, now_ms)), calendar_first(c)),
        .latest = last_start_ms < 0 ? -1 : last_start_ms / CALENDAR_SLOT_MS,
        .nights = ask->nights,
    };
}

enum broker_code
probe_nights(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, struct offer *ret,
             struct calendar_why *why)
{
    struct search s = search_of(o, ask, now_ms);
    struct runs runs = { { 0 } };
    struct offer offer = { 0 };
    int64_t first_night = (s.first - s.from - (s.window - s.slots) + DAY - 1) / DAY, night = first_night, offset = 0;
    int64_t last_night = (s.latest - s.from) / DAY, until;
    bool found = false;

    assert(ask->nights > 0);
    if (why)
        *why = (struct calendar_why){ .from_slot = max_i64(window_of(&s, first_night), s.first) };
    if (s.slots > s.window || s.latest < s.first)
        return BROKER_NIGHTS;
    if (!why) {
        found = run_find(&s, first_night, last_night, &night, &offset);
        night += s.nights; /* the one behind it */
    }
    for (; why && night <= last_night && !found; night++) {
        struct runs before = runs;

        found = add_night(&s, night, &runs, &offset) >= s.nights;
        note_runs(&s, night, &before, &runs, why);
    }
    if (why && !found)
        note_runs(&s, night, &runs, NULL, why);
    until = found ? night - 2 : last_night; /* what comes before the night that made the run */
    if (why) {
        certify(&s, first_night, until, why);
        why->windows = max_i64(until - first_night + 1, 0);
        why->until_slot = window_of(&s, until) + s.window;
    }
    if (!found)
        return BROKER_NIGHTS;
    offer.start_slot = window_of(&s, night - s.nights) + offset;
    offer.slots = (int32_t)s.slots;
    offer.start_ms = offer.start_slot * CALENDAR_SLOT_MS;
    offer.start_by_ms = offer.start_ms + ask->start_slack_s * 1000;
    offer.end_ms = offer.start_by_ms + ask->walltime_s * 1000 + (s.nights - 1) * BROKER_DAY_MS;
    if (!probe_cost(o, ask, &offer.cost_gpums))
        return BROKER_COST;
    *ret = offer;
    return BROKER_OFFERED;
}
