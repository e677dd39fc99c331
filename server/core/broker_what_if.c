/* core/broker_what_if.c: the same question with one thing changed, asked again. */
#include <assert.h>
#include <string.h>

#include "base/num.h"
#include "core/broker.h"
#include "core/broker_probe.h"

/* ---- what was promised is there when it is asked for ---------------------------------------------------------------- */

/* A deadline for this offer, on a slot's edge, as people write times. What starts at once starts a little later when they have
 * read it, so a slot more; but never beyond the grant's end, within which the offer was found. */
static int64_t
deadline_for(const struct broker_ask *ask, const struct offer *offer, int64_t now_ms)
{
    bool at_once = offer->start_ms < now_ms + CALENDAR_SLOT_MS && ask->nights == 0;
    int64_t to_ms = calendar_slot_after(offer->end_ms + (at_once ? CALENDAR_SLOT_MS : 0)) * CALENDAR_SLOT_MS;

    return ask->latest_end_ms > 0 ? min_i64(to_ms, ask->latest_end_ms) : to_ms;
}

/* ---- help: one offering ------------------------------------------------------------------------------------------ */

/* The change that takes away this single reason. */
static struct broker_help
help_against(const struct broker_offering *o, const struct broker_ask *ask, enum broker_code reason)
{
    struct broker_help help = { 0 };
    int64_t cost_gpums;

    switch (reason) {
    case BROKER_COUNTRY:
        help.change = country_valid(o->country) ? CHANGE_COUNTRY : CHANGE_NONE;
        help.to = country_pack(o->country);
        return help;
    case BROKER_MODEL:
        return (struct broker_help){ .change = CHANGE_MODEL };
    case BROKER_MEMORY:
        return (struct broker_help){ .change = CHANGE_MEMORY, .to = o->memory_gb };
    case BROKER_ISLAND:
        return (struct broker_help){ .change = CHANGE_ISLAND };
    case BROKER_WINDOW:
        return (struct broker_help){ .change = CHANGE_DEADLINE };
    case BROKER_POOL:
        return (struct broker_help){ .change = CHANGE_GPUS, .to = o->gpus_per_node };
    case BROKER_SHAPE:
        help.to = shape_at_most(o, ask->gpus);
        if (help.to == 0)
            help.to = o->gpus_per_node;
        help.change = CHANGE_GPUS;
        return help;
    case BROKER_TOO_LARGE:
        help.to = shape_at_most(o, whole_gpus(o));
        help.change = help.to > 0 ? CHANGE_GPUS : CHANGE_NONE;
        return help;
    case BROKER_FLOOR:
        help.to = shape_at_most(o, (int32_t)max_i64(0, whole_gpus(o) - probe_kept(o, ask)));
        help.change = help.to > 0 ? CHANGE_GPUS : CHANGE_NONE;
        return help;
    case BROKER_MODE:
        for (size_t i = ask->other_count; i-- > 0;)
            if (broker_serves(o->modes, ask->other[i].mode) && probe_cost(o, ask, &cost_gpums) &&
                cost_gpums <= ask->other[i].free_gpums)
                help = (struct broker_help){ .change = CHANGE_GRANT, .to = (int64_t)ask->other[i].grant };
        return help;
    case BROKER_PRICE:
        help.change = CHANGE_PRICE;
        if (!probe_cost(o, ask, &help.to))
            help.change = CHANGE_NONE;
        return help;
    default:
        return help; /* nothing that who asks could change */
    }
}

static struct broker_ask
ask_changed(const struct broker_ask *ask, enum broker_change change, int64_t to)
{
    struct broker_ask changed = *ask;
    char code[3];

    switch (change) {
    case CHANGE_GPUS:
        changed.gpus = (int32_t)to;
        break;
    case CHANGE_WALLTIME:
        changed.walltime_s = to;
        break;
    case CHANGE_MEMORY:
        changed.memory_gb_min = (int32_t)to;
        break;
    case CHANGE_COUNTRY:
        country_unpack(to, code);
        country_add(&changed.countries, code);
        break;
    case CHANGE_MODEL:
        changed.model[0] = '\0';
        break;
    case CHANGE_ISLAND:
        changed.one_island = false;
        break;
    case CHANGE_DEADLINE:
        changed.deadline_ms = to > 0 ? to : ask->latest_end_ms;
        changed.at_once = false;
        break;
    case CHANGE_PRICE:
        changed.max_cost_gpums = to;
        break;
    case CHANGE_STRETCH:
        changed.gpus = (int32_t)to;
        changed.walltime_s *= 2;
        break;
    case CHANGE_GRANT:
        for (size_t i = 0; i < changed.other_count; i++)
            if (changed.other[i].grant == (uint64_t)to) {
                memcpy(changed.mode, ask->other[i].mode, sizeof changed.mode);
                changed.start_slack_s = ask->other[i].start_slack_s;
            }
        break;
    case CHANGE_NIGHTS:
        changed.nights = (uint8_t)to;
        break;
    case CHANGE_NONE:
    case CHANGES:
        break;
    }
    return changed;
}

static struct broker_help
fewer_nights(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, int32_t nights)
{
    struct broker_ask changed = ask_changed(ask, CHANGE_NIGHTS, nights);
    struct offer offer;

    if (nights < 1 || nights >= ask->nights || !probe_offers(o, &changed, now_ms, &offer))
        return (struct broker_help){ 0 };
    return (struct broker_help){
        .change = CHANGE_NIGHTS, .to = nights, .start_ms = offer.start_ms, .cost_gpums = offer.cost_gpums
    };
}

struct broker_help
help_find(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, uint32_t reasons,
          const struct calendar_why *why)
{
    struct broker_help help;
    struct broker_ask changed;
    struct offer offer;

    if ((reasons & (reasons - 1)) != 0)
        return (struct broker_help){ 0 }; /* more than one thing is in the way */
    if (reasons != 0)
        help = help_against(o, ask, (enum broker_code)__builtin_ctz(reasons));
    else
        help = (struct broker_help){ .change = CHANGE_DEADLINE };
    changed = ask_changed(ask, help.change, help.to);
    if (help.change != CHANGE_NONE && probe_offers(o, &changed, now_ms, &offer)) {
        if (help.change == CHANGE_DEADLINE)
            help.to = deadline_for(ask, &offer, now_ms);
        help.start_ms = offer.start_ms;
        help.cost_gpums = offer.cost_gpums;
        return help;
    }
    if (!why)
        return (struct broker_help){ 0 };
    if (ask->nights > 0) /* never so many nights in a row: then fewer */
        return fewer_nights(o, ask, now_ms, why->longest.slots);
    help.to = shape_at_most(o, why->most_throughout); /* never free for so many: then for fewer */
    changed = ask_changed(ask, CHANGE_GPUS, help.to);
    if (help.to <= 0 || help.to >= ask->gpus || !probe_offers(o, &changed, now_ms, &offer))
        return (struct broker_help){ 0 };
    return (struct broker_help){
        .change = CHANGE_GPUS,
        .to = help.to,
        .start_ms = offer.start_ms,
        .cost_gpums = offer.cost_gpums,
    };
}

/* ---- what if: all offerings -------------------------------------------------------------------------------------- */

struct what_if_search {
    const struct broker_view *view;
    const struct broker_ask *ask;
    const struct broker_line *best; /* NULL: nothing is offered as asked */
    struct broker_answer *answer;
};

/* No start after this instant is of use any more: searching on would be in vain. (Nights are found by another way.) */
static void
start_by(struct broker_ask *ask, int64_t latest_ms)
{
    int64_t end_ms = latest_ms + (ask->start_slack_s + ask->walltime_s) * 1000;

    if (ask->nights > 0)
        return;
    if (ask->deadline_ms == 0 || end_ms < ask->deadline_ms)
        ask->deadline_ms = end_ms;
}

/* Could this offering, if it were free at once, come before the best so far? */
static bool
may_win(const struct broker_offering *o, const struct broker_ask *ask, int32_t distance_km, int64_t now_ms,
        const struct order_key *best)
{
    struct offer ideal = { .start_ms = probe_earliest_ms(ask, now_ms) };
    struct order_key key;

    if (!probe_cost(o, ask, &ideal.cost_gpums))
        return false;
    key = order_of(o, ask, &ideal, distance_km, now_ms);
    return order_before(&key, best);
}

/* The best offer for a question; NULL if none. lines are those of the question as asked (for the distances). A calendar is
 * searched only as far as its offering may still win. */
static const struct broker_offering *
best_offer(const struct broker_view *view, const struct broker_line *lines, const struct broker_ask *asked,
           struct offer *ret)
{
    const struct broker_offering *best = NULL;
    struct broker_ask ask = *asked;
    struct order_key best_key;

    for (size_t i = 0; i < view->count; i++) {
        const struct broker_offering *o = &view->offerings[i];
        struct order_key key;
        struct offer offer;

        if ((best && !may_win(o, &ask, lines[i].distance_km, view->now_ms, &best_key)) ||
            !probe_offers(o, &ask, view->now_ms, &offer))
            continue;
        key = order_of(o, &ask, &offer, lines[i].distance_km, view->now_ms);
        if (!best || order_before(&key, &best_key)) {
            best = o;
            best_key = key;
            *ret = offer;
            if (ask.preference == BROKER_SOONEST)
                start_by(&ask, offer.start_ms);
        }
    }
    return best;
}

/* Who gives up GPUs or time pays less as a matter of course: such a change must bring the start forward. */
static bool
worth_telling(enum broker_change change, const struct broker_what_if *w)
{
    if (change == CHANGE_GPUS || change == CHANGE_WALLTIME || change == CHANGE_STRETCH || change == CHANGE_NIGHTS)
        return w->sooner_ms >= CALENDAR_SLOT_MS;
    return w->sooner_ms >= CALENDAR_SLOT_MS || w->cheaper_gpums > 0;
}

/* Who gives up GPUs or time, and asks for what is soonest, is told of earlier starts only; other changes leave what is offered
 * as asked among what can be had, but for another grant, which other places may serve. */
static bool
bound(const struct what_if_search *s, enum broker_change change, struct broker_ask *changed)
{
    bool less = change == CHANGE_GPUS || change == CHANGE_WALLTIME || change == CHANGE_STRETCH;
    int64_t latest_ms;

    if (!s->best || s->ask->preference != BROKER_SOONEST || s->ask->nights > 0 || change == CHANGE_GRANT)
        return true;
    latest_ms = s->best->start_ms - (less ? CALENDAR_SLOT_MS : 0);
    if (latest_ms < probe_earliest_ms(changed, s->view->now_ms))
        return false;
    start_by(changed, latest_ms);
    return true;
}

static bool
told_already(const struct broker_answer *a, enum broker_change change, int64_t to)
{
    for (size_t i = 0; i < a->what_if_count; i++)
        if (a->what_if[i].change == change && a->what_if[i].to == to)
            return true;
    return false;
}

static void
try_change(struct what_if_search *s, enum broker_change change, int64_t to)
{
    struct broker_ask changed = ask_changed(s->ask, change, to);
    const struct broker_offering *o;
    struct broker_what_if w = { .change = change, .to = to, .to_walltime_s = changed.walltime_s };
    struct offer offer;

    if (s->answer->what_if_count == BROKER_WHAT_IFS || told_already(s->answer, change, to) || !bound(s, change, &changed))
        return;
    o = best_offer(s->view, s->answer->lines, &changed, &offer);
    if (!o)
        return;
    w.offering = o->offering;
    w.site = o->site;
    w.start_ms = offer.start_ms;
    w.end_ms = offer.end_ms;
    w.cost_gpums = offer.cost_gpums;
    if (change == CHANGE_DEADLINE)
        w.to = deadline_for(s->ask, &offer, s->view->now_ms);
    if (change == CHANGE_PRICE)
        w.to = offer.cost_gpums;
    if (s->best) {
        w.sooner_ms = s->best->start_ms - offer.start_ms;
        w.cheaper_gpums = s->best->cost_gpums - offer.cost_gpums;
        if (!worth_telling(change, &w))
            return;
    }
    s->answer->what_if[s->answer->what_if_count++] = w;
}

static void
try_countries(struct what_if_search *s, const struct country_set *countries)
{
    for (int first = 'A'; first <= 'Z'; first++)
        for (int second = 'A'; second <= 'Z'; second++) {
            char code[3] = { (char)first, (char)second, '\0' };

            if (country_has(countries, code))
                try_change(s, CHANGE_COUNTRY, country_pack(code));
        }
}

void
what_ifs_find(const struct broker_view *view, const struct broker_ask *ask, const struct hints *hints,
              struct broker_answer *answer)
{
    struct what_if_search s = { .view = view, .ask = ask, .best = broker_ranked(answer, 0), .answer = answer };
    int32_t half = ask->gpus / 2;

    if (hints->gpus > 0)
        try_change(&s, CHANGE_GPUS, hints->gpus);
    if (half > 0)
        try_change(&s, CHANGE_GPUS, half);
    if (hints->nights > 0)
        try_change(&s, CHANGE_NIGHTS, hints->nights);
    if (hints->walltime_s > 0)
        try_change(&s, CHANGE_WALLTIME, hints->walltime_s);
    if (ask->walltime_s >= 7200)
        try_change(&s, CHANGE_WALLTIME, ask->walltime_s / 2);
    if (half > 0 && ask->walltime_s <= (ask->longest_s > 0 ? ask->longest_s : BROKER_WALLTIME_MAX) / 2)
        try_change(&s, CHANGE_STRETCH, half);
    if (hints->memory_gb > 0)
        try_change(&s, CHANGE_MEMORY, hints->memory_gb);
    if (hints->model)
        try_change(&s, CHANGE_MODEL, 0);
    if (hints->island)
        try_change(&s, CHANGE_ISLAND, 0);
    if (hints->price)
        try_change(&s, CHANGE_PRICE, 0);
    if (!s.best && (ask->deadline_ms > 0 || ask->at_once))
        try_change(&s, CHANGE_DEADLINE, 0);
    if (!country_none(&hints->countries))
        try_countries(&s, &hints->countries);
}
