/* core/broker.h
 * Where can a request run, when, and for how much; and for every site that cannot: why not. One pure function from
 * what is offered and what is asked to an answer: deterministic, integers only, no allocation, no clock. Equal inputs
 * give equal answers, bit for bit.
 *
 * Units: instants are UTC ms since 1970, durations seconds, slots those of core/calendar.h, amounts gpums (GPU-ms of
 * the reference GPU), rates thousandths, coordinates thousandths of a degree.
 * Cost is GPUs x walltime x rate_milli, exactly. Booked is more than is paid: the window runs from the start to
 * start-by + walltime, rounded out to slots, as the site may start the job anywhere between start and start-by.
 *
 * Who fills the view checks ranges (an assert guards each); the view and the calendars must not change meanwhile. */
#ifndef CORE_BROKER_H
#define CORE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/json.h"
#include "core/calendar.h"

#define BROKER_NUMBERS      6
#define BROKER_WHAT_IFS     12
#define BROKER_EXCLUDED_MAX 8 /* a request is brokered anew at most 5 times */
#define BROKER_GPUS_MAX     1000000
#define BROKER_WALLTIME_MAX (3 * 365 * 86400)        /* seconds */
#define BROKER_INSTANT_MAX  INT64_C(253402300799999) /* the year 9999's last ms */
#define BROKER_TEXT         320                      /* room for any sentence */
#define BROKER_VERSION      1                        /* of the stored form */
#define BROKER_MODE_MAX     16                       /* bytes of an access mode's code */
#define BROKER_OTHERS_MAX   4
#define BROKER_NIGHTS_MAX   31
#define BROKER_DAY_MS       INT64_C(86400000)

enum broker_code { /* verdict of an offering */
#define X(code, wire, sentence, numbers) code,
#include "core/broker_reasons.def"
#undef X
                   BROKER_CODES
};

enum broker_sooner { /* why an offer does not start sooner */
#define X(code, wire, sentence, numbers) code,
#include "core/broker_sooner.def"
#undef X
                     SOONER_CODES
};

enum broker_state {
    BROKER_STATE_ACTIVE,
    BROKER_STATE_DRAINING,
    BROKER_STATE_PAUSED,
    BROKER_STATE_SILENT,
    BROKER_STATE_RETIRED
};
enum broker_kind { BROKER_KIND_BATCH, BROKER_KIND_EXPERIMENTAL };
enum broker_preference { BROKER_SOONEST, BROKER_CHEAPEST, BROKER_NEAREST, BROKER_BALANCED };

/* One thing to change in what is asked: of a refusal (what would help there) and of a what-if. Stored: append only. */
enum broker_change {
    CHANGE_NONE,
    CHANGE_GPUS,     /* to so many GPUs */
    CHANGE_WALLTIME, /* to so many seconds */
    CHANGE_MEMORY,   /* to so many GB per GPU */
    CHANGE_COUNTRY,  /* this country (packed) too */
    CHANGE_MODEL,    /* any model */
    CHANGE_ISLAND,   /* do without one island */
    CHANGE_DEADLINE, /* end by this instant, ms */
    CHANGE_PRICE,    /* at most so many gpums */
    CHANGE_STRETCH,  /* half the GPUs for twice the time; to so many GPUs */
    CHANGE_GRANT,    /* spend this other grant (its account) */
    CHANGE_NIGHTS,   /* to so many nights */
    CHANGES
};

/* A set of countries, ISO 3166-1 alpha-2 in capitals. All zero: the empty set. */
struct country_set {
    uint64_t bits[11];
};

bool country_valid(const char *code); /* two capitals and NUL */
void country_add(struct country_set *s, const char *code);
bool country_has(const struct country_set *s, const char *code);
bool country_none(const struct country_set *s);
int country_count(const struct country_set *s);
int64_t country_pack(const char *code);
void country_unpack(int64_t packed, char ret[3]);

struct broker_offering {
    uint64_t offering, site; /* journal indexes of OFFERING and SITE */
    char site_code[16];
    char country[3];
    char model[32];
    bool has_place;   /* latitude and longitude are known */
    int32_t lat, lon; /* thousandths of a degree */
    enum broker_state state;
    enum broker_kind kind;
    int32_t memory_gb;     /* per GPU */
    int32_t gpus_per_node; /* at least 1 */
    int32_t max_gpus_one_island;
    int32_t brokered_gpus;           /* in all: whole nodes and the pool */
    int32_t pool_nodes;              /* set aside for jobs below a node; 0: none are taken */
    uint64_t rate;                   /* journal index of the RATE in force */
    int64_t rate_milli;              /* 0: none in force */
    const struct calendar *calendar; /* capacity brokered_gpus - pool_nodes * gpus_per_node; jobs of whole nodes */
    const char *modes;               /* codes of the access modes served, a blank between two; "" or NULL: all */
    const char *floors; /* GPUs of whole nodes that stay free for a mode, as "fast-lane:16 playground:8"; "" or NULL: none */
    uint16_t open_to;                /* classes of organisation served (core/organisation.h); 0: all */
    uint16_t takes;                  /* what the site's agent takes (core/needs.h) */
    const struct calendar *pool;     /* capacity pool_nodes * gpus_per_node; jobs below a node. NULL: none are taken */
};

struct broker_view {
    const struct broker_offering *offerings;
    size_t count;
    int64_t now_ms; /* nothing starts before */
};

struct broker_ask {
    int32_t gpus;                 /* 1 to BROKER_GPUS_MAX */
    int64_t walltime_s;           /* 1 to BROKER_WALLTIME_MAX */
    int64_t start_slack_s;        /* the site may start so much later; 0 or more */
    int32_t memory_gb_min;        /* per GPU; 0: any */
    char model[32];               /* "": any; compared without regard to case */
    struct country_set countries; /* empty: all */
    bool one_island;
    enum broker_kind kind;
    int64_t earliest_start_ms; /* 0: now */
    int64_t deadline_ms;       /* latest end (the grant's end among it); 0: the calendar's */
    int64_t max_cost_gpums;    /* 0: no limit */
    enum broker_preference preference;
    char home_country[3]; /* "": not known */
    bool has_home;        /* coordinates are known */
    int32_t home_lat, home_lon;
    uint64_t excluded[BROKER_EXCLUDED_MAX]; /* SITE indexes that rejected, let lapse or failed this request */
    uint8_t excluded_count;
    char mode[BROKER_MODE_MAX + 1]; /* code of the grant's access mode; "": not known, every site serves it */
    uint16_t needs;                 /* of the site's agent (core/needs.h) */
    uint16_t organisation;          /* the bit of the asker's class (core/organisation.h); 0: not known, as above */
    /* For help only, not stored: by when the grant ends and how long a job of its mode may be (0: not known); and the
     * organisation's other grants that would do as long as this one does. */
    int64_t latest_end_ms, longest_s;
    struct {
        uint64_t grant;
        char mode[BROKER_MODE_MAX + 1];
        int64_t free_gpums, start_slack_s;
    } other[BROKER_OTHERS_MAX];
    uint8_t other_count;
    /* Nightly windows: on so many nights in a row, at the same time each night, a job of walltime_s that starts and ends
     * within the window; 0: an ordinary request. Minutes after midnight UTC, on slots' edges; until at or before from: on
     * the next day. The cost and its limit are those of all nights together; the deadline is the end of the last. */
    uint8_t nights;
    uint16_t night_from, night_until;
    bool at_once; /* only a start at earliest_start_ms itself will do; not with nights */
    bool explain; /* fill in not-sooner, certificates, help and what-ifs */
};

struct broker_help {
    enum broker_change change; /* CHANGE_NONE: nothing that we know of */
    int64_t to;
    int64_t start_ms, cost_gpums; /* what this offering would then offer */
};

/* What one offering says. */
struct broker_line {
    uint64_t offering, site;
    enum broker_code code;          /* BROKER_OFFERED or the first reason against */
    enum broker_sooner sooner;      /* of an offer */
    int64_t number[BROKER_NUMBERS]; /* of the reason, or of not-sooner, as the .def files say */
    int32_t distance_km;            /* -1: not known */
    /* an offer: */
    int32_t rank;       /* 0 is best; -1: no offer */
    int64_t score;      /* by the preference, the smaller the better; ties: start, cost, site, offering */
    bool in_pool;       /* book in the pool's calendar, not in the offering's */
    int64_t start_slot; /* what to book: gpus x slots from here */
    int32_t slots;
    uint8_t nights;                        /* so many times, a day apart; 0: once */
    int32_t gpus, nodes;                   /* nodes 1 for a part of one */
    int64_t start_ms, start_by_ms, end_ms; /* end = start-by + walltime, the latest possible; of the last night */
    uint64_t rate;
    int64_t rate_milli;
    int64_t cost_gpums; /* of all nights */
    /* a refusal: */
    struct broker_help help;
    uint16_t blocked_count; /* certificate of no-gap, busy and nights: see struct calendar_why */
    uint64_t blocked_more;
    struct calendar_range blocked[CALENDAR_BLOCKED_MAX];
};

/* One thing changed in the ask, and the best offer then. */
struct broker_what_if {
    enum broker_change change;
    int64_t to;
    int64_t to_walltime_s; /* CHANGE_STRETCH: the longer walltime; else that asked */
    uint64_t offering, site;
    int64_t start_ms, end_ms;
    int64_t cost_gpums;
    int64_t sooner_ms; /* against the best offer as asked; 0 if there is none. Negative: later */
    int64_t cheaper_gpums;
};

/* The caller gives lines and lines_max (at least view->count). Lines stand in the order of the view. */
struct broker_answer {
    struct broker_line *lines;
    size_t lines_max;
    size_t count;
    size_t offered;
    int64_t now_ms;
    size_t what_if_count;
    struct broker_what_if what_if[BROKER_WHAT_IFS];
};

void broker_quote(const struct broker_view *view, const struct broker_ask *ask, struct broker_answer *ret);
/* Is a job of so many GPUs booked in the pool's calendar (and released from there)? */
static inline bool
broker_in_pool(int32_t gpus, int32_t gpus_per_node)
{
    return gpus < gpus_per_node;
}
/* What is kept free for other modes than this one; 0 if the mode is not known (""). */
int32_t broker_floor(const char *floors, const char *mode);
/* Does who serves these modes serve this one? As in struct broker_offering and struct broker_ask. */
bool broker_serves(const char *modes, const char *mode);
/* The offer of a rank, or NULL. */
const struct broker_line *broker_ranked(const struct broker_answer *a, size_t rank);
/* The line of an offering, or NULL. */
const struct broker_line *broker_line_of(const struct broker_answer *a, uint64_t offering);

/* A night's window in slots; its first night's start is night_from on some day. ask->nights > 0. */
int64_t broker_night_slots(const struct broker_ask *ask);
/* The question as if the night of this start alone had been asked for: its window, as far as earliest start and deadline leave
 * it, and once. Not for nights: as it is. */
void broker_night_only(struct broker_ask *ask, int64_t start_ms);
/* GPUs x walltime x rate_milli; false on overflow. */
bool broker_cost(int32_t gpus, int64_t walltime_s, int64_t rate_milli, int64_t *ret_gpums);
/* Great-circle distance by integers alone: the same on every machine, within 2 km of the sphere's. */
int32_t broker_distance_km(int32_t lat1, int32_t lon1, int32_t lat2, int32_t lon2);

const char *broker_code_wire(enum broker_code code);
const char *broker_change_wire(enum broker_change change);

/* broker_text.c: what people read. offering may be NULL (gone since); ask is what was asked. */
void broker_reason_text(const struct broker_line *line, const struct broker_offering *offering,
                        const struct broker_ask *ask, char ret[BROKER_TEXT]);
void broker_sooner_text(const struct broker_line *line, char ret[BROKER_TEXT]);
/* Members options, refusals, what_if of the object that is open in out. booked: the best option is held. */
void broker_answer_json(struct json_out *out, const struct broker_view *view, const struct broker_ask *ask,
                        const struct broker_answer *answer, bool booked);

/* broker_store.c: the form in which an answer is stored with its quote: fixed layout, big-endian, versioned. */
size_t broker_answer_len(const struct broker_answer *a);
void broker_answer_encode(const struct broker_answer *a, uint8_t *ret); /* room for broker_answer_len() */
/* ret->lines and lines_max are the caller's. ERR_CORRUPT: not such a form, unknown version, or too many lines. */
enum err broker_answer_decode(struct bytes in, struct broker_answer *ret) MUST_USE;
/* A question, stored with quotes and reservations for accepting another option and for brokering anew. */
#define BROKER_ASK_LEN 320
void broker_ask_encode(const struct broker_ask *ask, uint8_t ret[BROKER_ASK_LEN]);
enum err broker_ask_decode(struct bytes in, struct broker_ask *ret) MUST_USE; /* ERR_CORRUPT */
/* How many lines a stored answer has; 0 if it is none. */
size_t broker_answer_lines(struct bytes in);

#endif
