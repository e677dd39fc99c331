/* core/broker_probe.h
 * Inside of the broker, shared by broker.c and broker_what_if.c: what one offering says to one question, and how two
 * offers compare. */
#ifndef CORE_BROKER_PROBE_H
#define CORE_BROKER_PROBE_H

#include "core/broker.h"

/* An offer found. */
struct offer {
    int64_t start_slot;
    int32_t slots;
    int64_t start_ms, start_by_ms, end_ms;
    int64_t cost_gpums;
};

/* By what offers are ordered: each field in turn, the smaller first. */
struct order_key {
    int64_t score, start_ms, cost_gpums;
    uint64_t site, offering;
};

/* The reasons against that need no calendar, as a set of bits 1 << enum broker_code. */
uint32_t probe_filters(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms);
/* The calendar alone, the filters having passed. BROKER_OFFERED, or BROKER_NO_GAP. why may be NULL; it speaks of what is free
 * beyond the floors of other access modes. probe_free(): as if there were none. */
enum broker_code probe_free(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
                            struct offer *ret, struct calendar_why *why);
int32_t probe_kept(const struct broker_offering *o, const struct broker_ask *ask); /* GPUs, by those floors */
bool probe_without_floors(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
                          int64_t *ret_start_ms);
enum broker_code probe_calendar(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
                                struct offer *ret, struct calendar_why *why);
/* Both. */
bool probe_offers(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms, struct offer *ret);
/* broker_nights.c: the same for nightly windows; calls of probe_calendar() come here. In *why `longest` is the longest run of
 * nights (its slots count nights) that begins before the start, from_slot the first start that was looked at, the blocked
 * stretches those within the nights' windows; most_free and most_throughout are 0. */
enum broker_code probe_nights(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
                              struct offer *ret, struct calendar_why *why);
/* By when all must be over: what is asked, but never beyond the calendar. */
int64_t probe_last_ms(const struct broker_offering *o, const struct broker_ask *ask);
/* From a start to start-by + walltime. */
int64_t probe_span_ms(const struct broker_ask *ask);
/* What a request costs here, all nights together; false on overflow. */
bool probe_cost(const struct broker_offering *o, const struct broker_ask *ask, int64_t *ret_gpums);
int64_t probe_earliest_ms(const struct broker_ask *ask, int64_t now_ms);

/* broker_place.c: a place on the globe, made ready for distances to it. */
struct place {
    int64_t vector[3];
};
bool place_valid(int32_t lat, int32_t lon);
struct place place_of(int32_t lat, int32_t lon);
int32_t place_distance_km(const struct place *a, int32_t lat, int32_t lon);

struct order_key order_of(const struct broker_offering *o, const struct broker_ask *ask, const struct offer *offer,
                          int32_t distance_km, int64_t now_ms);
bool order_before(const struct order_key *a, const struct order_key *b);

/* The largest number of GPUs, at most `most`, that this offering can give by its shape; 0 if none. */
int32_t shape_at_most(const struct broker_offering *o, int32_t most);
int32_t whole_gpus(const struct broker_offering *o); /* sold as whole nodes */

/* broker_what_if.c */
/* What would help where this offering refuses; reasons: the filters that fail, 0 if it is the calendar. */
struct broker_help help_find(const struct broker_offering *o, const struct broker_ask *ask, int64_t now_ms,
                             uint32_t reasons, const struct calendar_why *why);
/* Hints gathered on the way, from which the what-ifs are tried. */
struct hints {
    int32_t gpus;       /* the most that some window before the start has throughout; 0: none */
    int nights;         /* the longest run of nights before the start; 0: none */
    int64_t walltime_s; /* the longest that a gap before the start would take; 0: none */
    int32_t memory_gb;  /* the most that a site refused for memory alone has; 0: none */
    bool model, island, price;
    struct country_set countries; /* of sites refused for their country alone */
};
void what_ifs_find(const struct broker_view *view, const struct broker_ask *ask, const struct hints *hints,
                   struct broker_answer *answer);

#endif
