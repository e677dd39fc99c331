/* core/broker_store.c
 * The stored forms. An answer: u16 version, u16 lines, u16 what-ifs, u16 offered, i64 now; then each line (fixed part,
 * then its intervals), then each what-if. A question: BROKER_ASK_LEN bytes. All big-endian; a decoder believes nothing. */
#include <assert.h>
#include <string.h>

#include "core/broker.h"
#include "core/needs.h"

enum {
    ANSWER_HEADER = 16,
    LINE_FIXED = 8 + 8 + 2 + 2 + 8 * BROKER_NUMBERS + 4 + 4 + 8 + 4 + 8 + 4 + 4 + 4 + 8 * 3 + 8 * 3 + 4 + 8 * 3 + 2 + 8,
    INTERVAL = 8 + 4 + 4,
    WHAT_IF = 4 + 8 * 9,
};

static void
put_i32(struct wire_out *w, int32_t v)
{
    put_u32(w, (uint32_t)v);
}

static int32_t
get_i32(struct wire_in *r)
{
    return (int32_t)get_u32(r);
}

size_t
broker_answer_len(const struct broker_answer *a)
{
    size_t len = ANSWER_HEADER + a->count * LINE_FIXED + a->what_if_count * WHAT_IF;

    for (size_t i = 0; i < a->count; i++)
        len += (size_t)a->lines[i].blocked_count * INTERVAL;
    return len;
}

static void
put_line(struct wire_out *w, const struct broker_line *line)
{
    put_u64(w, line->offering);
    put_u64(w, line->site);
    put_u16(w, (uint16_t)line->code);
    put_u16(w, (uint16_t)line->sooner);
    for (size_t i = 0; i < BROKER_NUMBERS; i++)
        put_i64(w, line->number[i]);
    put_i32(w, line->distance_km);
    put_i32(w, line->rank);
    put_i64(w, line->score);
    put_u32(w, (line->in_pool ? 1U : 0U) | (uint32_t)line->nights << 8); /* nights came later: 0 in older answers */
    put_i64(w, line->start_slot);
    put_i32(w, line->slots);
    put_i32(w, line->gpus);
    put_i32(w, line->nodes);
    put_i64(w, line->start_ms);
    put_i64(w, line->start_by_ms);
    put_i64(w, line->end_ms);
    put_u64(w, line->rate);
    put_i64(w, line->rate_milli);
    put_i64(w, line->cost_gpums);
    put_u32(w, (uint32_t)line->help.change);
    put_i64(w, line->help.to);
    put_i64(w, line->help.start_ms);
    put_i64(w, line->help.cost_gpums);
    put_u16(w, line->blocked_count);
    put_u64(w, line->blocked_more);
    for (size_t i = 0; i < line->blocked_count; i++) {
        put_i64(w, line->blocked[i].start_slot);
        put_i32(w, line->blocked[i].slots);
        put_i32(w, line->blocked[i].gpus);
    }
}

void
broker_answer_encode(const struct broker_answer *a, uint8_t *ret)
{
    struct wire_out w = { .at = ret, .end = ret + broker_answer_len(a) };

    assert(a->count <= UINT16_MAX && a->what_if_count <= BROKER_WHAT_IFS);
    put_u16(&w, BROKER_VERSION);
    put_u16(&w, (uint16_t)a->count);
    put_u16(&w, (uint16_t)a->what_if_count);
    put_u16(&w, (uint16_t)a->offered);
    put_i64(&w, a->now_ms);
    for (size_t i = 0; i < a->count; i++)
        put_line(&w, &a->lines[i]);
    for (size_t i = 0; i < a->what_if_count; i++) {
        const struct broker_what_if *f = &a->what_if[i];

        put_u32(&w, (uint32_t)f->change);
        put_i64(&w, f->to);
        put_i64(&w, f->to_walltime_s);
        put_u64(&w, f->offering);
        put_u64(&w, f->site);
        put_i64(&w, f->start_ms);
        put_i64(&w, f->end_ms);
        put_i64(&w, f->cost_gpums);
        put_i64(&w, f->sooner_ms);
        put_i64(&w, f->cheaper_gpums);
    }
    assert(w.at == w.end);
}

/* What is read can be counted with and shown. */
static bool
instant_ok(int64_t ms)
{
    return ms >= 0 && ms <= BROKER_INSTANT_MAX;
}

static bool
range_ok(const struct calendar_range *r)
{
    return r->slots >= 0 && r->start_slot >= 0 && r->start_slot <= BROKER_INSTANT_MAX / CALENDAR_SLOT_MS - r->slots;
}

static bool
line_ok(const struct broker_line *line)
{
    struct calendar_range booked = { .start_slot = line->start_slot, .slots = line->slots };

    for (size_t i = 0; i < line->blocked_count; i++)
        if (!range_ok(&line->blocked[i]))
            return false;
    return range_ok(&booked) && instant_ok(line->start_ms) && instant_ok(line->start_by_ms) &&
           instant_ok(line->end_ms) && line->cost_gpums >= 0 && instant_ok(line->help.start_ms) &&
           line->help.cost_gpums >= 0 && line->distance_km >= -1 && line->gpus >= 0 && line->nodes >= 0;
}

static bool
get_line(struct wire_in *r, struct broker_line *line, size_t count)
{
    uint16_t code, sooner, blocked;
    uint32_t pool, change;

    memset(line, 0, sizeof *line);
    line->offering = get_u64(r);
    line->site = get_u64(r);
    code = get_u16(r);
    sooner = get_u16(r);
    for (size_t i = 0; i < BROKER_NUMBERS; i++)
        line->number[i] = get_i64(r);
    line->distance_km = get_i32(r);
    line->rank = get_i32(r);
    line->score = get_i64(r);
    pool = get_u32(r);
    line->start_slot = get_i64(r);
    line->slots = get_i32(r);
    line->gpus = get_i32(r);
    line->nodes = get_i32(r);
    line->start_ms = get_i64(r);
    line->start_by_ms = get_i64(r);
    line->end_ms = get_i64(r);
    line->rate = get_u64(r);
    line->rate_milli = get_i64(r);
    line->cost_gpums = get_i64(r);
    change = get_u32(r);
    line->help.to = get_i64(r);
    line->help.start_ms = get_i64(r);
    line->help.cost_gpums = get_i64(r);
    blocked = get_u16(r);
    line->blocked_more = get_u64(r);
    if (r->failed || code >= BROKER_CODES || sooner >= SOONER_CODES || change >= CHANGES || (pool & 0xff) > 1 || pool >> 8 > BROKER_NIGHTS_MAX ||
        blocked > CALENDAR_BLOCKED_MAX || line->rank < -1 || line->rank >= (int64_t)count ||
        (line->rank >= 0) != (code == BROKER_OFFERED))
        return false;
    line->code = (enum broker_code)code;
    line->sooner = (enum broker_sooner)sooner;
    line->in_pool = pool & 1;
    line->nights = (uint8_t)(pool >> 8);
    line->help.change = (enum broker_change)change;
    line->blocked_count = blocked;
    for (size_t i = 0; i < blocked; i++) {
        line->blocked[i].start_slot = get_i64(r);
        line->blocked[i].slots = get_i32(r);
        line->blocked[i].gpus = get_i32(r);
    }
    return !r->failed && line_ok(line);
}

static bool
get_what_if(struct wire_in *r, struct broker_what_if *f)
{
    uint32_t change = get_u32(r);

    f->to = get_i64(r);
    f->to_walltime_s = get_i64(r);
    f->offering = get_u64(r);
    f->site = get_u64(r);
    f->start_ms = get_i64(r);
    f->end_ms = get_i64(r);
    f->cost_gpums = get_i64(r);
    f->sooner_ms = get_i64(r);
    f->cheaper_gpums = get_i64(r);
    if (r->failed || change == CHANGE_NONE || change >= CHANGES || !instant_ok(f->start_ms) || !instant_ok(f->end_ms) ||
        f->cost_gpums < 0)
        return false;
    f->change = (enum broker_change)change;
    return true;
}

size_t
broker_answer_lines(struct bytes in)
{
    struct wire_in r = { .at = in.data, .end = in.data + in.len };
    uint16_t version = get_u16(&r), lines = get_u16(&r);

    return r.failed || version != BROKER_VERSION ? 0 : lines;
}

enum err
broker_answer_decode(struct bytes in, struct broker_answer *ret)
{
    struct wire_in r = { .at = in.data, .end = in.data + in.len };
    struct broker_answer a = { .lines = ret->lines, .lines_max = ret->lines_max };
    uint16_t version = get_u16(&r);
    size_t offered = 0;

    a.count = get_u16(&r);
    a.what_if_count = get_u16(&r);
    a.offered = get_u16(&r);
    a.now_ms = get_i64(&r);
    if (r.failed || version != BROKER_VERSION || a.count > a.lines_max || a.what_if_count > BROKER_WHAT_IFS)
        return ERR_CORRUPT;
    for (size_t i = 0; i < a.count; i++) {
        if (!get_line(&r, &a.lines[i], a.count))
            return ERR_CORRUPT;
        offered += a.lines[i].code == BROKER_OFFERED;
    }
    for (size_t i = 0; i < a.what_if_count; i++)
        if (!get_what_if(&r, &a.what_if[i]))
            return ERR_CORRUPT;
    if (offered != a.offered || r.at != r.end)
        return ERR_CORRUPT;
    for (size_t rank = 0; rank < offered; rank++)
        if (!broker_ranked(&a, rank))
            return ERR_CORRUPT;
    *ret = a;
    return OK;
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

enum { ASK_ISLAND = 1, ASK_HAS_HOME = 2, ASK_AT_ONCE = 4, ASK_EXPLAIN = 8, ASK_FLAGS = 15 };

void
broker_ask_encode(const struct broker_ask *ask, uint8_t ret[BROKER_ASK_LEN])
{
    struct wire_out w = { .at = ret, .end = ret + BROKER_ASK_LEN };

    put_u16(&w, BROKER_VERSION);
    put_u8(&w, (uint8_t)((ask->one_island ? ASK_ISLAND : 0) | (ask->has_home ? ASK_HAS_HOME : 0) |
                         (ask->at_once ? ASK_AT_ONCE : 0) | (ask->explain ? ASK_EXPLAIN : 0)));
    put_u8(&w, (uint8_t)ask->kind);
    put_u8(&w, (uint8_t)ask->preference);
    put_u8(&w, ask->excluded_count);
    put_bytes(&w, ask->home_country, 2);
    put_i32(&w, ask->gpus);
    put_i32(&w, ask->memory_gb_min);
    put_i64(&w, ask->walltime_s);
    put_i64(&w, ask->start_slack_s);
    put_i64(&w, ask->earliest_start_ms);
    put_i64(&w, ask->deadline_ms);
    put_i64(&w, ask->max_cost_gpums);
    put_i32(&w, ask->home_lat);
    put_i32(&w, ask->home_lon);
    put_bytes(&w, ask->model, strnlen(ask->model, sizeof ask->model));
    put_zero(&w, sizeof ask->model - strnlen(ask->model, sizeof ask->model));
    for (size_t i = 0; i < sizeof ask->countries.bits / sizeof ask->countries.bits[0]; i++)
        put_u64(&w, ask->countries.bits[i]);
    for (size_t i = 0; i < BROKER_EXCLUDED_MAX; i++)
        put_u64(&w, i < ask->excluded_count ? ask->excluded[i] : 0);
    put_bytes(&w, ask->mode, strnlen(ask->mode, BROKER_MODE_MAX));
    put_zero(&w, BROKER_MODE_MAX - strnlen(ask->mode, BROKER_MODE_MAX));
    put_u16(&w, ask->organisation);
    put_u8(&w, ask->nights);
    put_u16(&w, ask->night_from);
    put_u16(&w, ask->night_until);
    put_u16(&w, ask->needs);
    put_zero(&w, (size_t)(w.end - w.at));
}

enum err
broker_ask_decode(struct bytes in, struct broker_ask *ret)
{
    struct wire_in r = { .at = in.data, .end = in.data + in.len };
    struct broker_ask ask = { 0 };
    uint16_t version = get_u16(&r);
    uint8_t flags = get_u8(&r), kind = get_u8(&r), preference = get_u8(&r);
    uint8_t again[BROKER_ASK_LEN];

    ask.excluded_count = get_u8(&r);
    get_bytes(&r, ask.home_country, 2);
    ask.gpus = get_i32(&r);
    ask.memory_gb_min = get_i32(&r);
    ask.walltime_s = get_i64(&r);
    ask.start_slack_s = get_i64(&r);
    ask.earliest_start_ms = get_i64(&r);
    ask.deadline_ms = get_i64(&r);
    ask.max_cost_gpums = get_i64(&r);
    ask.home_lat = get_i32(&r);
    ask.home_lon = get_i32(&r);
    get_bytes(&r, ask.model, sizeof ask.model);
    for (size_t i = 0; i < sizeof ask.countries.bits / sizeof ask.countries.bits[0]; i++)
        ask.countries.bits[i] = get_u64(&r);
    for (size_t i = 0; i < BROKER_EXCLUDED_MAX; i++)
        ask.excluded[i] = get_u64(&r);
    get_bytes(&r, ask.mode, BROKER_MODE_MAX);
    ask.organisation = get_u16(&r);
    ask.nights = get_u8(&r);
    ask.night_from = get_u16(&r);
    ask.night_until = get_u16(&r);
    ask.needs = get_u16(&r);
    if (r.failed || in.len != BROKER_ASK_LEN)
        return ERR_CORRUPT;
    get_zero(&r, (size_t)(r.end - r.at));
    if (r.failed || version != BROKER_VERSION || flags > ASK_FLAGS || kind > BROKER_KIND_EXPERIMENTAL ||
        preference > BROKER_BALANCED || (ask.needs & ~NEEDS_KNOWN) != 0 || ask.excluded_count > BROKER_EXCLUDED_MAX || ask.model[31] != '\0' ||
        ask.memory_gb_min < 0 || ask.countries.bits[10] >> (26 * 26 - 640) != 0 ||
        (ask.home_country[0] != '\0' && !country_valid(ask.home_country)) || ask.gpus < 1 ||
        ask.gpus > BROKER_GPUS_MAX || ask.walltime_s < 1 || ask.walltime_s > BROKER_WALLTIME_MAX ||
        ask.start_slack_s < 0 || ask.start_slack_s > BROKER_WALLTIME_MAX || ask.earliest_start_ms < 0 ||
        ask.earliest_start_ms > BROKER_INSTANT_MAX || ask.deadline_ms < 0 || ask.deadline_ms > BROKER_INSTANT_MAX ||
        ask.nights > BROKER_NIGHTS_MAX || ask.night_from >= 1440 || ask.night_until >= 1440 ||
        ask.night_from % 15 != 0 || ask.night_until % 15 != 0 || (ask.nights > 0 && flags & ASK_AT_ONCE) ||
        ask.max_cost_gpums < 0 || ask.home_lat < -90000 || ask.home_lat > 90000 || ask.home_lon < -180000 ||
        ask.home_lon > 180000)
        return ERR_CORRUPT;
    ask.one_island = flags & ASK_ISLAND;
    ask.has_home = flags & ASK_HAS_HOME;
    ask.at_once = flags & ASK_AT_ONCE;
    ask.explain = flags & ASK_EXPLAIN;
    ask.kind = (enum broker_kind)kind;
    ask.preference = (enum broker_preference)preference;
    broker_ask_encode(&ask, again); /* one form only: nothing behind the model's end or the last excluded site */
    if (memcmp(again, in.data, sizeof again) != 0)
        return ERR_CORRUPT;
    *ret = ask;
    return OK;
}
