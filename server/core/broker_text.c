/* core/broker_text.c: answers as sentences and as JSON. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/broker.h"
#include "core/needs.h"
#include "core/organisation.h"

enum { JSON_LINE = 700 }; /* bytes of an offering's part in JSON, about */

struct wording {
    const char *wire, *sentence, *numbers;
};

static const struct wording REASONS[] = {
#define X(code, wire, sentence, numbers) [code] = { wire, sentence, numbers },
#include "core/broker_reasons.def"
#undef X
};

static const struct wording SOONER[] = {
#define X(code, wire, sentence, numbers) [code] = { wire, sentence, numbers },
#include "core/broker_sooner.def"
#undef X
};

/* As the members of a request are called. */
static const char *const CHANGE_WIRE[CHANGES] = {
    [CHANGE_NONE] = "none",           [CHANGE_GPUS] = "gpus",
    [CHANGE_WALLTIME] = "walltime_s", [CHANGE_MEMORY] = "memory_gb",
    [CHANGE_COUNTRY] = "countries",   [CHANGE_MODEL] = "model",
    [CHANGE_ISLAND] = "one_island",   [CHANGE_DEADLINE] = "deadline",
    [CHANGE_PRICE] = "max_credits",   [CHANGE_STRETCH] = "gpus_and_walltime",
    [CHANGE_GRANT] = "grant",         [CHANGE_NIGHTS] = "nights",
};

const char *
broker_code_wire(enum broker_code code)
{
    return REASONS[code].wire;
}

const char *
broker_change_wire(enum broker_change change)
{
    return CHANGE_WIRE[change];
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* A sentence in the making; what does not fit is cut. */
struct sentence {
    char *text;
    size_t len;
};

static void
add(struct sentence *s, const char *text)
{
    size_t len = strlen(text), room = BROKER_TEXT - 1 - s->len;

    if (len > room) {
        text_format(s->text + s->len, BROKER_TEXT - s->len, "%s", text); /* cut at a character */
        s->len += strlen(s->text + s->len);
        return;
    }
    memcpy(s->text + s->len, text, len + 1);
    s->len += len;
}

/* 1234567 as 1,234,567 */
static void
add_number(struct sentence *s, int64_t n)
{
    char plain[TEXT_I64], grouped[32];
    size_t len = text_i64(n, plain), at = 0;

    for (size_t i = 0; i < len; i++) {
        if (i > (n < 0) && (len - i) % 3 == 0)
            grouped[at++] = ',';
        grouped[at++] = plain[i];
    }
    grouped[at] = '\0';
    add(s, grouped);
}

/* The two largest units that say something: 48 h, 1 h 30 min, 90 s as 1 min 30 s. */
static void
add_duration(struct sentence *s, int64_t seconds)
{
    int64_t hours = seconds / 3600, minutes = seconds / 60 % 60, rest = seconds % 60;

    if (hours > 0) {
        add_number(s, hours);
        add(s, " h");
    }
    if (minutes > 0) {
        add(s, hours > 0 ? " " : "");
        add_number(s, minutes);
        add(s, " min");
    }
    if (hours == 0 && (rest > 0 || minutes == 0)) {
        add(s, minutes > 0 ? " " : "");
        add_number(s, rest);
        add(s, " s");
    }
}

/* Within the years that can be written; only a damaged answer holds others. */
static int64_t
instant(int64_t ms)
{
    return ms < 0 ? 0 : ms > BROKER_INSTANT_MAX ? BROKER_INSTANT_MAX : ms;
}

/* 29 May 2026, 18:00 UTC */
static void
add_instant(struct sentence *s, int64_t ms)
{
    static const char *const MONTHS[] = { "January", "February", "March",     "April",   "May",      "June",
                                          "July",    "August",   "September", "October", "November", "December" };
    char text[TIME_TEXT];
    char day[3] = { 0 };
    int month;

    time_text(instant(ms), text);
    month = (text[5] - '0') * 10 + (text[6] - '0');
    assert(month >= 1 && month <= 12);
    memcpy(day, text + 8, 2);
    add(s, day[0] == '0' ? day + 1 : day);
    add(s, " ");
    add(s, MONTHS[month - 1]);
    add(s, " ");
    text[4] = text[16] = '\0'; /* the year; hours and minutes */
    add(s, text);
    add(s, ", ");
    add(s, text + 11);
    add(s, " UTC");
}

/* Credits, three places, cut. */
static void
add_credits(struct sentence *s, int64_t gpums)
{
    char places[8];

    add_number(s, gpums / 3600000);
    text_format(places, sizeof places, ".%03d", abs((int)(gpums % 3600000 / 3600)));
    add(s, places);
}

/* "playground fast-lane" as playground and fast-lane */
static void
add_modes(struct sentence *s, const char *modes)
{
    const char *last = strrchr(modes, ' ');

    for (const char *at = modes; *at != '\0'; at++) {
        char one[2] = { *at, '\0' };

        add(s, *at != ' ' ? one : at == last ? " and " : ", ");
    }
}

/* A set of classes, as in start-up and sme. */
static void
add_classes(struct sentence *s, uint16_t classes)
{
    uint16_t left = classes;

    for (int i = 0; i < ORGANISATION_CLASSES; i++) {
        if ((left & ORGANISATION_BIT(i)) == 0)
            continue;
        if (left != classes)
            add(s, (left & (left - 1)) == 0 ? " and " : ", ");
        add(s, ORGANISATION_CLASS_WORDS[i]);
        left &= (uint16_t)~ORGANISATION_BIT(i);
    }
    if (classes == 0)
        add(s, "others");
}

/* What is not taken, as in allocations for people who log in. */
static void
add_needs(struct sentence *s, int64_t needs)
{
    int64_t left = needs;

    for (int i = 0; i < NEEDS; i++) {
        if ((left & NEED_BIT(i)) == 0)
            continue;
        if (left != needs)
            add(s, (left & (left - 1)) == 0 ? " and " : ", ");
        add(s, NEED_PHRASES[i]);
        left &= ~(int64_t)NEED_BIT(i);
    }
}

/* For whom an offering is, and who asks. What is not known any more: in general words. */
static void
add_access(struct sentence *s, char which, const struct broker_offering *o, const struct broker_ask *ask)
{
    switch (which) {
    case 'V':
        add_modes(s, o && o->modes && o->modes[0] != '\0' ? o->modes : "other access modes");
        break;
    case 'G':
        add(s, ask && ask->mode[0] != '\0' ? ask->mode : "another");
        break;
    case 'O':
        add_classes(s, o ? o->open_to : 0);
        break;
    default:
        add_classes(s, ask ? ask->organisation : 0);
        break;
    }
}

/* One placeholder: %1n. Returns what stands behind it. */
static const char *
add_placeholder(struct sentence *s, const char *at, const int64_t *number, const struct broker_offering *o,
                const struct broker_ask *ask)
{
    char code[3];
    int64_t n;

    if (at[1] == 'S' || at[1] == 'M' || at[1] == 'A') {
        const char *text = at[1] == 'A' ? (ask ? ask->model : "") : !o ? "" : at[1] == 'S' ? o->site_code : o->model;

        add(s, text[0] != '\0' ? text : "?");
        return at + 2;
    }
    if (strchr("VGOC", at[1])) {
        add_access(s, at[1], o, ask);
        return at + 2;
    }
    assert(at[1] >= '1' && at[1] < '1' + BROKER_NUMBERS);
    n = number[at[1] - '1'];
    switch (at[2]) {
    case 'n':
        add_number(s, n);
        break;
    case 'N':
        add_number(s, n);
        add(s, n == 1 ? " night" : " nights");
        break;
    case 'd':
        add_duration(s, n);
        break;
    case 't':
        add_instant(s, n);
        break;
    case 'c':
        add_credits(s, n);
        break;
    case 'w':
        add_needs(s, n);
        break;
    case 'a':
        country_unpack(n, code);
        add(s, code);
        break;
    default:
        assert(!"a placeholder that nobody knows");
    }
    return at + 3;
}

static void
fill_in(const char *wording, const int64_t *number, const struct broker_offering *o, const struct broker_ask *ask,
        char ret[BROKER_TEXT])
{
    struct sentence s = { .text = ret };
    const char *at = wording;

    ret[0] = '\0';
    while (*at != '\0') {
        if (*at == '%') {
            at = add_placeholder(&s, at, number, o, ask);
        } else if (*at == '[') { /* only if the number in it is not 0 */
            const char *first = strchr(at, '%');

            at = number[first[1] - '1'] == 0 ? strchr(at, ']') + 1 : at + 1;
        } else if (*at == ']') {
            at++;
        } else {
            size_t plain = strcspn(at, "%[]");
            char some[BROKER_TEXT];

            memcpy(some, at, plain);
            some[plain] = '\0';
            add(&s, some);
            at += plain;
        }
    }
}

void
broker_reason_text(const struct broker_line *line, const struct broker_offering *offering, const struct broker_ask *ask,
                   char ret[BROKER_TEXT])
{
    int64_t start[BROKER_NUMBERS] = { line->start_ms };

    fill_in(REASONS[line->code].sentence, line->code == BROKER_OFFERED ? start : line->number, offering, ask, ret);
}

void
broker_sooner_text(const struct broker_line *line, char ret[BROKER_TEXT])
{
    fill_in(SOONER[line->sooner].sentence, line->number, NULL, NULL, ret);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static const struct broker_offering *
offering_of(const struct broker_view *view, uint64_t offering)
{
    for (size_t i = 0; i < view->count; i++)
        if (view->offerings[i].offering == offering)
            return &view->offerings[i];
    return NULL; /* retired since */
}

/* Numbers under their names; the ending of a name tells the unit and is turned into what the interface uses. */
static void
json_numbers(struct json_out *out, const char *names, const int64_t *number)
{
    json_open(out, "numbers");
    for (size_t i = 0; *names != '\0'; i++) {
        size_t len = strcspn(names, ",");
        char name[32], code[3];

        assert(i < BROKER_NUMBERS && len < sizeof name);
        memcpy(name, names, len);
        name[len] = '\0';
        names += len + (names[len] == ',');
        if (len > 3 && strcmp(name + len - 3, "_ms") == 0) {
            name[len - 3] = '\0';
            if (number[i] != 0)
                json_time(out, name, instant(number[i]));
            else
                json_none(out, name);
        } else if (len > 6 && strcmp(name + len - 6, "_gpums") == 0) {
            name[len - 6] = '\0';
            json_amount(out, name, number[i]);
        } else if (strcmp(name, "lacks") == 0) {
            needs_json(out, name, (uint16_t)number[i]);
        } else if (strcmp(name, "country") == 0) {
            country_unpack(number[i], code);
            json_text(out, name, code);
        } else {
            json_i64(out, name, number[i]);
        }
    }
    json_shut(out);
}

/* The changed member as a request would state it. */
static void
json_change(struct json_out *out, enum broker_change change, int64_t to)
{
    char text[32];

    json_text(out, "change", CHANGE_WIRE[change]);
    switch (change) {
    case CHANGE_COUNTRY:
        country_unpack(to, text);
        json_text(out, "to", text);
        break;
    case CHANGE_MODEL:
        json_text(out, "to", "");
        break;
    case CHANGE_ISLAND:
        json_bool(out, "to", false);
        break;
    case CHANGE_DEADLINE:
        json_time(out, "to", instant(to));
        break;
    case CHANGE_PRICE: /* whole thousandths of a credit that suffice */
        to = to / 3600 + (to % 3600 != 0);
        text_format(text, sizeof text, "%lld.%03d", (long long)(to / 1000), (int)(to % 1000));
        json_text(out, "to", text);
        break;
    default:
        json_i64(out, "to", to);
        break;
    }
}

/* Each night of an offer; none: it is for once. */
static void
json_nights(struct json_out *out, const struct broker_line *line)
{
    int64_t last_ms = line->nights > 0 ? (line->nights - 1) * BROKER_DAY_MS : 0;

    json_open_array(out, "nights");
    for (int64_t at_ms = 0; line->nights > 0 && at_ms <= last_ms; at_ms += BROKER_DAY_MS) {
        json_open(out, NULL);
        json_time(out, "start", line->start_ms + at_ms);
        json_time(out, "start_by", line->start_by_ms + at_ms);
        json_time(out, "end", line->end_ms - last_ms + at_ms);
        json_shut(out);
    }
    json_shut_array(out);
}

static void
json_option(struct json_out *out, const struct broker_offering *o, const struct broker_line *line, bool booked)
{
    char text[BROKER_TEXT];

    json_open(out, NULL);
    json_i64(out, "rank", line->rank);
    json_text(out, "site", o ? o->site_code : NULL);
    json_i64(out, "offering", (int64_t)line->offering);
    json_text(out, "model", o ? o->model : NULL);
    if (o)
        json_i64(out, "memory_gb", o->memory_gb);
    else
        json_none(out, "memory_gb");
    json_i64(out, "gpus", line->gpus);
    json_i64(out, "nodes", line->nodes);
    json_time(out, "start", line->start_ms);
    json_time(out, "end", line->end_ms);
    json_time(out, "start_by", line->start_by_ms);
    json_nights(out, line);
    json_i64(out, "rate", (int64_t)line->rate);
    json_i64(out, "rate_milli", line->rate_milli);
    json_amount(out, "cost", line->cost_gpums);
    if (line->distance_km >= 0)
        json_i64(out, "distance_km", line->distance_km);
    else
        json_none(out, "distance_km");
    json_bool(out, "booked", booked && line->rank == 0);
    json_open(out, "not_sooner");
    json_text(out, "code", SOONER[line->sooner].wire);
    broker_sooner_text(line, text);
    json_text(out, "text", text);
    json_numbers(out, SOONER[line->sooner].numbers, line->number);
    json_shut(out);
    json_shut(out);
}

static void
json_refusal(struct json_out *out, const struct broker_offering *o, const struct broker_ask *ask,
             const struct broker_line *line)
{
    char text[BROKER_TEXT];

    json_open(out, NULL);
    json_text(out, "site", o ? o->site_code : NULL);
    json_i64(out, "offering", (int64_t)line->offering);
    json_text(out, "model", o ? o->model : NULL);
    json_text(out, "code", REASONS[line->code].wire);
    broker_reason_text(line, o, ask, text);
    json_text(out, "text", text);
    json_numbers(out, REASONS[line->code].numbers, line->number);
    json_open_array(out, "certificate");
    for (size_t i = 0; i < line->blocked_count; i++) {
        const struct calendar_range *b = &line->blocked[i];

        json_open(out, NULL);
        json_time(out, "from", b->start_slot * CALENDAR_SLOT_MS);
        json_time(out, "to", (b->start_slot + b->slots) * CALENDAR_SLOT_MS);
        json_i64(out, "free", b->gpus);
        json_shut(out);
    }
    json_shut_array(out);
    json_i64(out, "certificate_more", (int64_t)line->blocked_more);
    if (line->help.change == CHANGE_NONE) {
        json_none(out, "help");
    } else {
        json_open(out, "help");
        json_change(out, line->help.change, line->help.to);
        json_time(out, "start", line->help.start_ms);
        json_amount(out, "cost", line->help.cost_gpums);
        json_shut(out);
    }
    json_shut(out);
}

/* "88 GPUs, not 128" */
static void
what_if_text(const struct broker_what_if *w, const struct broker_ask *ask, char ret[BROKER_TEXT])
{
    static const char *const WORDS[CHANGES] = {
        [CHANGE_GPUS] = "%1n GPUs, not %2n",        [CHANGE_WALLTIME] = "%1d, not %3d",
        [CHANGE_MEMORY] = "%1n GB per GPU will do", [CHANGE_COUNTRY] = "%1a as well",
        [CHANGE_MODEL] = "Any model, not only %A",  [CHANGE_ISLAND] = "Not in one interconnect island",
        [CHANGE_DEADLINE] = "Done by %1t",          [CHANGE_PRICE] = "Up to %1c credits",
        [CHANGE_STRETCH] = "%1n GPUs for %4d",      [CHANGE_GRANT] = "With grant %1n",
        [CHANGE_NIGHTS] = "%1N, not %5n",
    };
    const int64_t number[BROKER_NUMBERS] = { w->to, ask->gpus, ask->walltime_s, w->to_walltime_s, ask->nights };

    fill_in(WORDS[w->change], number, NULL, ask, ret);
}

static void
json_what_if(struct json_out *out, const struct broker_view *view, const struct broker_ask *ask,
             const struct broker_what_if *w)
{
    const struct broker_offering *o = offering_of(view, w->offering);
    char text[BROKER_TEXT];

    json_open(out, NULL);
    json_change(out, w->change, w->to);
    if (w->change == CHANGE_STRETCH)
        json_i64(out, "to_walltime_s", w->to_walltime_s);
    what_if_text(w, ask, text);
    json_text(out, "text", text);
    json_text(out, "site", o ? o->site_code : NULL);
    json_i64(out, "offering", (int64_t)w->offering);
    json_time(out, "start", w->start_ms);
    json_time(out, "end", w->end_ms);
    json_amount(out, "cost", w->cost_gpums);
    json_i64(out, "sooner_s", w->sooner_ms / 1000);
    json_amount(out, "cheaper", w->cheaper_gpums);
    json_shut(out);
}

void
broker_answer_json(struct json_out *out, const struct broker_view *view, const struct broker_ask *ask,
                   const struct broker_answer *answer, bool booked)
{
    json_out_room(out, answer->count * JSON_LINE);
    json_open_array(out, "options");
    for (size_t rank = 0; rank < answer->offered; rank++) {
        const struct broker_line *line = broker_ranked(answer, rank);

        if (line)
            json_option(out, offering_of(view, line->offering), line, booked);
    }
    json_shut_array(out);
    json_open_array(out, "refusals");
    for (size_t i = 0; i < answer->count; i++)
        if (answer->lines[i].code != BROKER_OFFERED)
            json_refusal(out, offering_of(view, answer->lines[i].offering), ask, &answer->lines[i]);
    json_shut_array(out);
    json_open_array(out, "what_if");
    for (size_t i = 0; i < answer->what_if_count; i++)
        json_what_if(out, view, ask, &answer->what_if[i]);
    json_shut_array(out);
}
