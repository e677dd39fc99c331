/* core/broker.c: hard filters, the calendar, the order. */
#include "core/broker.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "core/broker_probe.h"

#define BIT(code) (UINT32_C(1) << (code))
_Static_assert(BROKER_CODES <= 32, "reasons are kept as bits of one word");

static bool
excluded(const struct broker_ask *ask, uint64_t site)
{
    for (size_t i = 0; i < ask->excluded_count; i++)
        if (ask->excluded[i] == site)
            return true;
    return false;
}

bool
broker_cost(int32_t gpus, int64_t walltime_s, int64_t rate_milli, int64_t *ret_gpums)
{
    int64_t gpu_seconds;

    return mul_i64(gpus, walltime_s, &gpu_seconds) && mul_i64(gpu_seconds, rate_milli, ret_gpums);
}

/* ---- shape ------------------------------------------------------------------------------------------------------- */

static bool
shape_divides(int32_t gpus, int32_t per_node)
{
    return gpus < per_node ? per_node % gpus == 0 : gpus % per_node == 0;
}

/* A pool that was dissolved keeps its calendar for what is booked there. */
static bool
has_pool(const struct broker_offering *o)
{
    return o->pool && o->pool_nodes > 0;
}

int32_t
whole_gpus(const struct broker_offering *o)
{
    return o->brokered_gpus - o->pool_nodes * o->gpus_per_node;
}

int32_t
shape_at_most(const struct broker_offering *o, int32_t most)
{
    int32_t whole = most / o->gpus_per_node * o->gpus_per_node;

    if (whole > 0 || !has_pool(o))
        return whole;
    for (int32_t gpus = most; gpus > 0; gpus--)
        if (shape_divides(gpus, o->gpus_per_node))
            return gpus;
    return 0;
}

/* ---- one offering ------------------------------------------------------------------------------------------------ */

int64_t
probe_earliest_ms(const struct broker_ask *ask, int64_t now_ms)
{
    return max_i64(now_ms, ask->earliest_start_ms);
}

int64_t
probe_span_ms(const struct broker_ask *ask)
{
    return (ask->start_slack_s + ask->walltime_s) * 1000;
}

int64_t
probe_last_ms(const struct broker_offering *o, const struct broker_ask *ask)
{
    int64_t end_ms = calendar_end(o->calendar) * CALENDAR_SLOT_MS;

    return ask->deadline_ms > 0 ? min_i64(ask->deadline_ms, end_ms) : end_ms;
}

static uint32_t
state_filters(const struct broker_offering *o, const struct broker_ask *ask)
{
    uint32_t against = 0;

    if (o->state == BROKER_STATE_RETIRED)
        against |= BIT(BROKER_RETIRED);
    if (o->state == BROKER_STATE_PAUSED)
        against |= BIT(BROKER_PAUSED);
    if (o->state == BROKER_STATE_DRAINING)
        against |= BIT(BROKER_DRAINING);
    if (o->state == BROKER_STATE_SILENT)
        against |= BIT(BROKER_SILENT);
    if (excluded(ask, o->site))
        against |= BIT(BROKER_EXCLUDED);
    return against;
}

static uint32_t
size_filters(const struct broker_offering *o, const struct broker_ask *ask)
{
    if (!shape_divides(ask->gpus, o->gpus_per_node))
        return BIT(BROKER_SHAPE);
    if (broker_in_pool(ask->gpus, o->gpus_per_node))
        return has_pool(o) ? 0 : BIT(BROKER_POOL);
    return (ask->one_island && ask->gpus > o->max_gpus_one_island ? BIT(BROKER_ISLAND) : 0) |
           (ask->gpus > whole_gpus(o) ? BIT(BROKER_TOO_LARGE) : ask->gpus > whole_gpus(o) - probe_kept(o, ask) ? BIT(BROKER_FLOOR) : 0);
}

bool
probe_cost(const struct broker_offering *o, const struct broker_ask *ask, int64_t *ret_gpums)
{
    return broker_cost(ask->gpus, ask->walltime_s, o->rate_milli, ret_gpums) &&
           (ask->nights == 0 || mul_i64(*ret_gpums, ask->nights, ret_gpums));
}

static uint32_t
cost_filters(const struct broker_offering *o, const struct broker_ask *ask)
{
    int64_t cost;

    if (o->rate_milli <= 0)
        return BIT(BROKER_RATE);
    if (!probe_cost(o, ask, &cost))
        return BIT(BROKER_COST);
    return ask->max_cost_gpums > 0 && cost > ask->max_cost_gpums ? BIT(BROKER_PRICE) : 0;
}

bool
broker_serves(const char *modes, const char *mode)
{
    size_t len = strlen(mode);

    if (!modes || modes[0] == '\0' || len == 0)
        return true;
    for (const char *at = modes; (at = strstr(at, mode)) != NULL; at++)
        if ((at == modes || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

/* For whom the offering is. */
static uint32_t
access_filters(const struct broker_offering *o, const struct broker_ask *ask)
{
    return (broker_serves(o->modes, ask->mode) ? 0 : BIT(BROKER_MODE)) |
           (o->open_to != 0 && ask->organisation != 0 && (o->open_to & ask->organisation) == 0 ? BIT(BROKER_ELIGIBLE) : 0);
}

uint32_t
probe_filters(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms)
{
    uint32_t against = state_filters(o, ask) | size_filters(o, ask) | cost_filters(o, ask) | access_filters(o, ask);

    if (o->kind != ask->kind)
        against |= BIT(BROKER_KIND);
    if (!country_none(&ask->countries) && !country_has(&ask->countries, o->country))
        against |= BIT(BROKER_COUNTRY);
    if (ask->model[0] != '\0' && strcasecmp(ask->model, o->model) != 0)
        against |= BIT(BROKER_MODEL);
    if (o->memory_gb < ask->memory_gb_min)
        against |= BIT(BROKER_MEMORY);
    if ((ask->needs & ~o->takes) != 0)
        against |= BIT(BROKER_NEEDS);
    if (ask->nights == 0 && probe_earliest_ms(ask, now_ms) > probe_last_ms(o, ask) - probe_span_ms(ask))
        against |= BIT(BROKER_WINDOW);
    return against;
}

/* The gap that begins now lacks less than a slot: the search went on behind it, but it may be the longest. */
static void
add_gap_now(struct calendar_why *why, struct calendar_range gap)
{
    if (why->longest.slots < gap.slots)
        why->longest = gap;
    why->until_slot = max_i64(why->until_slot, gap.start_slot + gap.slots + 1);
}

/* Instants need not lie on slots. A start now lies within a slot and may need one slot more than a later start, which
 * lies on a slot's edge. */
enum broker_code
probe_free(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, struct offer *ret,
           struct calendar_why *why)
{
    const struct calendar *c = broker_in_pool(ask->gpus, o->gpus_per_node) ? o->pool : o->calendar;
    int64_t earliest_ms = probe_earliest_ms(ask, now_ms);
    int64_t slot = calendar_slot_of(earliest_ms);
    int64_t slots = calendar_slot_after(probe_span_ms(ask));
    int64_t slots_now = calendar_slot_after(earliest_ms + probe_span_ms(ask)) - slot;
    int64_t latest = ask->deadline_ms > 0 ? (ask->deadline_ms - probe_span_ms(ask)) / CALENDAR_SLOT_MS : INT64_MAX;
    struct offer offer = { 0 };

    if (ask->nights > 0)
        return probe_nights(o, ask, now_ms, ret, why);
    if (ask->at_once)
        latest = slot;
    if (!calendar_earliest(c, ask->gpus, slots, slot, latest, &offer.start_slot, why))
        return BROKER_NO_GAP;
    if (offer.start_slot == slot) {
        if (slots_now == slots || calendar_fits(c, slot + slots, 1, ask->gpus)) {
            slots = slots_now;
        } else {
            bool found = calendar_earliest(c, ask->gpus, slots, slot + 1, latest, &offer.start_slot, why);

            if (why)
                add_gap_now(why, (struct calendar_range){ slot, (int32_t)slots, ask->gpus });
            if (!found)
                return BROKER_NO_GAP;
        }
    }
    offer.slots = (int32_t)slots;
    offer.start_ms = max_i64(offer.start_slot * CALENDAR_SLOT_MS, earliest_ms);
    offer.start_by_ms = offer.start_ms + ask->start_slack_s * 1000;
    offer.end_ms = offer.start_by_ms + ask->walltime_s * 1000;
    if (!broker_cost(ask->gpus, ask->walltime_s, o->rate_milli, &offer.cost_gpums))
        return BROKER_COST;
    *ret = offer;
    return BROKER_OFFERED;
}

bool
probe_offers(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, struct offer *ret)
{
    return probe_filters(o, ask, now_ms) == 0 && probe_calendar(o, ask, now_ms, ret, NULL) == BROKER_OFFERED;
}

/* ---- order ------------------------------------------------------------------------------------------------------- */

/* Balanced: the rate, plus 500 (half the reference rate) for each time that one waits as long as the job takes and an
 * hour, plus 1 for each 20 km. Absolute, so that one site's offer never changes the order of two others. */
static int64_t
balanced_score(const struct broker_offering *o, const struct broker_ask *ask, const struct offer *offer, int32_t km,
               int64_t now_ms)
{
    int64_t wait_s = (offer->start_ms - probe_earliest_ms(ask, now_ms)) / 1000;

    return o->rate_milli + 500 * wait_s / (ask->walltime_s + 3600) + max_i64(km, 0) / 20;
}

struct order_key
order_of(const struct broker_offering *o, const struct broker_ask *ask, const struct offer *offer, int32_t distance_km,
         int64_t now_ms)
{
    struct order_key key = {
        .start_ms = offer->start_ms,
        .cost_gpums = offer->cost_gpums,
        .site = o->site,
        .offering = o->offering,
    };

    switch (ask->preference) {
    case BROKER_SOONEST:
        key.score = offer->start_ms;
        break;
    case BROKER_CHEAPEST:
        key.score = offer->cost_gpums;
        break;
    case BROKER_NEAREST:
        if (distance_km >= 0)
            key.score = distance_km;
        else /* at home first, then what lies nobody knows where */
            key.score = strcmp(ask->home_country, o->country) == 0 ? 0 : INT32_MAX;
        break;
    case BROKER_BALANCED:
        key.score = balanced_score(o, ask, offer, distance_km, now_ms);
        break;
    }
    return key;
}

bool
order_before(const struct order_key *a, const struct order_key *b)
{
    if (a->score != b->score)
        return a->score < b->score;
    if (a->start_ms != b->start_ms)
        return a->start_ms < b->start_ms;
    if (a->cost_gpums != b->cost_gpums)
        return a->cost_gpums < b->cost_gpums;
    if (a->site != b->site)
        return a->site < b->site;
    return a->offering < b->offering;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* The numbers that go with a filter's reason, as broker_reasons.def says. */
static void
filter_numbers(const struct broker_offering *o, const struct broker_ask *ask, struct broker_line *line)
{
    int64_t *n = line->number;
    int32_t per_node = o->gpus_per_node;

    switch (line->code) {
    case BROKER_COUNTRY:
        n[0] = country_pack(o->country);
        n[1] = country_count(&ask->countries);
        break;
    case BROKER_MEMORY:
        n[0] = ask->memory_gb_min;
        n[1] = o->memory_gb;
        break;
    case BROKER_SHAPE:
        n[0] = ask->gpus;
        n[1] = per_node;
        n[2] = shape_at_most(o, ask->gpus);
        n[3] = ask->gpus < per_node ? per_node : (ask->gpus / per_node + 1) * (int64_t)per_node;
        for (int64_t gpus = ask->gpus + 1; has_pool(o) && gpus < n[3] && gpus < per_node; gpus++)
            if (shape_divides((int32_t)gpus, per_node))
                n[3] = gpus;
        break;
    case BROKER_POOL:
        n[0] = ask->gpus;
        n[1] = per_node;
        break;
    case BROKER_ISLAND:
        n[0] = ask->gpus;
        n[1] = o->max_gpus_one_island;
        break;
    case BROKER_TOO_LARGE:
        n[0] = ask->gpus;
        n[1] = whole_gpus(o);
        break;
    case BROKER_FLOOR:
        n[0] = ask->gpus;
        n[1] = whole_gpus(o);
        n[2] = probe_kept(o, ask);
        break;
    case BROKER_NEEDS:
        n[0] = ask->needs & ~o->takes;
        break;
    case BROKER_PRICE:
        (void)probe_cost(o, ask, &n[0]); /* fits, else it were BROKER_COST */
        n[1] = ask->max_cost_gpums;
        break;
    case BROKER_WINDOW:
        n[0] = ask->walltime_s;
        n[1] = ask->start_slack_s;
        n[2] = probe_last_ms(o, ask);
        break;
    default:
        break; /* the others carry none */
    }
}

static int32_t
capacity_for(const struct broker_offering *o, const struct broker_ask *ask)
{
    return broker_in_pool(ask->gpus, o->gpus_per_node) ? o->pool_nodes * o->gpus_per_node : whole_gpus(o);
}

/* A gap in ms, cut to what lies after the earliest start. */
static int64_t
gap_from_ms(const struct calendar_range *gap, int64_t earliest_ms)
{
    return max_i64(gap->start_slot * CALENDAR_SLOT_MS, earliest_ms);
}

static int64_t
gap_until_ms(const struct calendar_range *gap)
{
    return (gap->start_slot + gap->slots) * CALENDAR_SLOT_MS;
}

static void
explain_sooner(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
               const struct calendar_why *why, const struct offer *offer, struct broker_line *line)
{
    const struct calendar_range *gap = &why->longest;
    int64_t earliest_ms = probe_earliest_ms(ask, now_ms), without_ms;

    if (ask->nights > 0 ? offer->start_slot == why->from_slot : offer->start_ms == earliest_ms)
        return; /* SOONER_NONE */
    if (probe_kept(o, ask) > 0 && probe_without_floors(o, ask, now_ms, &without_ms) && without_ms < offer->start_ms) {
        line->sooner = SOONER_FLOOR;
        line->number[0] = probe_kept(o, ask);
        line->number[1] = ask->gpus;
        line->number[2] = without_ms;
        return;
    }
    if (ask->nights > 0) {
        line->sooner = SOONER_NIGHTS;
        line->number[0] = gap->slots;
        line->number[1] = ask->nights;
        line->number[2] = why->from_slot * CALENDAR_SLOT_MS;
        line->number[3] = offer->start_ms;
        line->number[4] = ask->gpus;
        return;
    }
    if (gap->slots == 0) {
        line->sooner = SOONER_BUSY;
        line->number[0] = max_i64(why->most_free, 0);
        line->number[1] = capacity_for(o, ask);
        line->number[2] = earliest_ms;
        line->number[3] = offer->start_ms;
        line->number[4] = ask->gpus;
        return;
    }
    line->sooner = SOONER_GAP;
    line->number[0] = (gap_until_ms(gap) - gap_from_ms(gap, earliest_ms)) / 1000;
    line->number[1] = ask->walltime_s + ask->start_slack_s;
    line->number[2] = gap_from_ms(gap, earliest_ms);
    line->number[3] = gap_until_ms(gap);
    line->number[4] = ask->gpus;
}

static void
explain_no_gap(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
               const struct calendar_why *why, struct broker_line *line)
{
    int64_t earliest_ms = probe_earliest_ms(ask, now_ms);
    struct broker_ask later = *ask;
    struct offer offer;

    line->code = ask->nights > 0 ? BROKER_NIGHTS : why->longest.slots == 0 ? BROKER_BUSY : BROKER_NO_GAP;
    line->number[0] = ask->walltime_s + ask->start_slack_s;
    line->number[1] = ask->gpus;
    line->number[2] = ask->at_once ? why->until_slot * CALENDAR_SLOT_MS : probe_last_ms(o, ask);
    if (line->code == BROKER_NIGHTS) {
        line->number[2] = line->number[0];
        line->number[0] = ask->nights;
        line->number[3] = probe_last_ms(o, ask);
        line->number[4] = why->longest.slots;
    } else if (line->code == BROKER_BUSY) {
        line->number[3] = max_i64(why->most_free, 0);
        line->number[4] = capacity_for(o, ask);
    } else {
        line->number[3] = (gap_until_ms(&why->longest) - gap_from_ms(&why->longest, earliest_ms)) / 1000;
        line->number[4] = why->most_throughout;
    }
    later.deadline_ms = 0;
    later.at_once = false;
    if (probe_calendar(o, &later, now_ms, &offer, NULL) == BROKER_OFFERED)
        line->number[5] = offer.start_ms;
    line->blocked_count = (uint16_t)why->blocked_count;
    line->blocked_more = why->blocked_more;
    memcpy(line->blocked, why->blocked, why->blocked_count * sizeof why->blocked[0]);
}

/* The floors alone are in the way: the same, told so. */
static void
explain_floor(const struct broker_offering *o, const struct broker_ask *ask, int64_t without_ms, struct broker_line *line)
{
    int64_t earliest_ms = line->number[5];

    line->code = BROKER_FLOOR;
    memset(line->number, 0, sizeof line->number);
    filter_numbers(o, ask, line);
    line->number[3] = without_ms;
    line->number[4] = earliest_ms;
}

/* What the calendar said may become a what-if. */
static void
hint_calendar(const struct broker_offering *o, const struct broker_ask *ask, const struct calendar_why *why,
              struct hints *hints)
{
    int32_t gpus = shape_at_most(o, why->most_throughout);
    int64_t walltime_s = why->longest.slots * (CALENDAR_SLOT_MS / 1000) - ask->start_slack_s;

    if (ask->nights > 0) {
        if (why->longest.slots > hints->nights && why->longest.slots < ask->nights)
            hints->nights = why->longest.slots;
        return;
    }
    if (gpus > hints->gpus && gpus < ask->gpus)
        hints->gpus = gpus;
    if (walltime_s > hints->walltime_s && walltime_s < ask->walltime_s)
        hints->walltime_s = walltime_s;
}

static void
hint_filter(const struct broker_offering *o, uint32_t against, struct hints *hints)
{
    if (against == BIT(BROKER_MEMORY) && o->memory_gb > hints->memory_gb)
        hints->memory_gb = o->memory_gb;
    if (against == BIT(BROKER_COUNTRY) && country_valid(o->country))
        country_add(&hints->countries, o->country);
    hints->model = hints->model || against == BIT(BROKER_MODEL);
    hints->island = hints->island || against == BIT(BROKER_ISLAND);
    hints->price = hints->price || against == BIT(BROKER_PRICE);
}

static void
line_offer(const struct broker_offering *o, const struct broker_ask *ask, const struct offer *offer,
           struct broker_line *line)
{
    line->in_pool = broker_in_pool(ask->gpus, o->gpus_per_node);
    line->start_slot = offer->start_slot;
    line->slots = offer->slots;
    line->gpus = ask->gpus;
    line->nodes = line->in_pool ? 1 : ask->gpus / o->gpus_per_node;
    line->nights = ask->nights;
    line->start_ms = offer->start_ms;
    line->start_by_ms = offer->start_by_ms;
    line->end_ms = offer->end_ms;
    line->rate = o->rate;
    line->rate_milli = o->rate_milli;
    line->cost_gpums = offer->cost_gpums;
}

/* One line. The certificate's array is not cleared: what counts is blocked_count. */
static void
line_fill(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, const struct place *home,
          struct broker_line *line, struct hints *hints)
{
    uint32_t against = probe_filters(o, ask, now_ms);
    struct calendar_why why;
    struct offer offer;
    int64_t without_ms = 0;
    bool floored;

    memset(line, 0, offsetof(struct broker_line, blocked));
    line->offering = o->offering;
    line->site = o->site;
    line->rank = -1;
    line->distance_km =
        home && o->has_place && place_valid(o->lat, o->lon) ? place_distance_km(home, o->lat, o->lon) : -1;
    if (against != 0) {
        line->code = (enum broker_code)__builtin_ctz(against);
        filter_numbers(o, ask, line);
        if (ask->explain) {
            hint_filter(o, against, hints);
            line->help = help_find(o, ask, now_ms, against, NULL);
        }
        return;
    }
    line->code = probe_calendar(o, ask, now_ms, &offer, ask->explain ? &why : NULL);
    if (line->code == BROKER_OFFERED) {
        line_offer(o, ask, &offer, line);
        line->score = order_of(o, ask, &offer, line->distance_km, now_ms).score;
        if (ask->explain)
            explain_sooner(o, ask, now_ms, &why, &offer, line);
        if (ask->explain)
            hint_calendar(o, ask, &why, hints);
        return;
    }
    floored = probe_kept(o, ask) > 0 && probe_without_floors(o, ask, now_ms, &without_ms);
    if (ask->explain) {
        explain_no_gap(o, ask, now_ms, &why, line);
        line->help = help_find(o, ask, now_ms, 0, &why);
        hint_calendar(o, ask, &why, hints);
    }
    if (floored)
        explain_floor(o, ask, without_ms, line);
}

static struct order_key
line_key(const struct broker_line *line)
{
    return (struct order_key){ line->score, line->start_ms, line->cost_gpums, line->site, line->offering };
}

static void
rank(struct broker_answer *a)
{
    for (size_t i = 0; i < a->count; i++) {
        struct broker_line *line = &a->lines[i];
        struct order_key key = line_key(line);

        if (line->code != BROKER_OFFERED)
            continue;
        line->rank = 0;
        for (size_t j = 0; j < i; j++) {
            struct order_key other = line_key(&a->lines[j]);

            if (a->lines[j].code != BROKER_OFFERED)
                continue;
            if (order_before(&key, &other))
                a->lines[j].rank++;
            else
                line->rank++;
        }
        a->offered++;
    }
}

static void
check_ranges(const struct broker_view *view, const struct broker_ask *ask)
{
    assert(ask->gpus >= 1 && ask->gpus <= BROKER_GPUS_MAX);
    assert(ask->walltime_s >= 1 && ask->walltime_s <= BROKER_WALLTIME_MAX);
    assert(ask->start_slack_s >= 0 && ask->start_slack_s <= BROKER_WALLTIME_MAX);
    assert(ask->deadline_ms >= 0 && ask->deadline_ms <= BROKER_INSTANT_MAX);
    assert(ask->earliest_start_ms >= 0 && ask->earliest_start_ms <= BROKER_INSTANT_MAX && view->now_ms >= 0);
    assert(ask->excluded_count <= BROKER_EXCLUDED_MAX);
    assert(ask->nights <= BROKER_NIGHTS_MAX && ask->night_from < 1440 && ask->night_until < 1440);
    assert(ask->nights == 0 || (ask->night_from % 15 == 0 && ask->night_until % 15 == 0 && !ask->at_once));
    for (size_t i = 0; i < view->count; i++) {
        const struct broker_offering *o = &view->offerings[i];

        assert(o->gpus_per_node >= 1 && o->calendar);
        assert(o->brokered_gpus >= 0 && o->pool_nodes >= 0);
    }
}

void
broker_quote(const struct broker_view *view, const struct broker_ask *ask, struct broker_answer *ret)
{
    struct hints hints = { 0 };
    bool knows_home = ask->has_home && place_valid(ask->home_lat, ask->home_lon);
    struct place home;

    check_ranges(view, ask);
    assert(ret->lines_max >= view->count);
    ret->count = view->count;
    ret->offered = 0;
    ret->now_ms = view->now_ms;
    ret->what_if_count = 0;
    if (knows_home)
        home = place_of(ask->home_lat, ask->home_lon);
    for (size_t i = 0; i < view->count; i++)
        line_fill(&view->offerings[i], ask, view->now_ms, knows_home ? &home : NULL, &ret->lines[i], &hints);
    rank(ret);
    if (ask->explain)
        what_ifs_find(view, ask, &hints, ret);
}

const struct broker_line *
broker_ranked(const struct broker_answer *a, size_t rank)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->lines[i].code == BROKER_OFFERED && (size_t)a->lines[i].rank == rank)
            return &a->lines[i];
    return NULL;
}

const struct broker_line *
broker_line_of(const struct broker_answer *a, uint64_t offering)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->lines[i].offering == offering)
            return &a->lines[i];
    return NULL;
}
