/* api/ask.c */
#include "api/ask.h"

#include "api/fields.h"
#include "api/internal.h"
#include "base/text.h"
#include "core/needs.h"
#include "core/secret.h"
#include "store/organisations.h"

#define HORIZON_MS (CALENDAR_SLOTS * (int64_t)CALENDAR_SLOT_MS)
enum { COUNTRIES_MAX = 32, WALLTIME_MIN = 60, WALLTIME_MAX = 90 * 86400 };

static const char *const PREFERENCES[] = { "soonest", "cheapest", "nearest", "balanced", NULL };
static const char *const KINDS[] = { "batch", "experimental-platform", NULL };
enum { USE_JOB, USE_ALLOCATION };
static const char *const USES[] = { "job", "allocation", NULL };

const char *
preference_name(int preference)
{
    return PREFERENCES[preference];
}

const char *
offering_kind_name(int kind)
{
    return KINDS[kind];
}

const char *
use_name(uint16_t needs)
{
    return USES[needs & NEED_BIT(NEED_ALLOCATION) ? USE_ALLOCATION : USE_JOB];
}

int
preference_read(struct json_in *in)
{
    return json_in_has(in, "preference") ? json_in_choice(in, "preference", PREFERENCES) : BROKER_SOONEST;
}

static bool
names_country(const char *all, size_t len, const char *code)
{
    for (size_t at = 0; at + 2 <= len; at += 3)
        if (memcmp(all + at, code, 2) == 0)
            return true;
    return false;
}

static const char *
read_countries(struct json_in *in, struct arena *a)
{
    size_t n = json_in_has(in, "countries") ? json_in_array(in, "countries", COUNTRIES_MAX) : 0;
    char *all = arena_alloc(a, COUNTRIES_MAX * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < n && !in->err; i++) {
        const char *code = json_in_array_text(in, "countries", i, 2);

        if (in->err)
            break;
        if (!is_country(code)) {
            json_in_refuse(in, "countries", ERR_FIELD_INVALID,
                           "“%s” is no country: two capital letters of ISO 3166, as FI.", code);
            break;
        }
        if (names_country(all, len, code)) {
            json_in_refuse(in, "countries", ERR_FIELD_INVALID, "“%s” is named twice.", code);
            break;
        }
        if (len)
            all[len++] = ' ';
        memcpy(all + len, code, 2);
        len += 2;
    }
    all[len] = '\0';
    return all;
}

/* A time that can be met at all: else the answer would be a list of sites that each say no. */
static void
check_times(struct json_in *in, const struct request_row *r, int64_t now_ms)
{
    int64_t from_ms = r->earliest_ms > now_ms ? r->earliest_ms : now_ms;

    if (in->err)
        return;
    if (r->earliest_ms >= now_ms + HORIZON_MS)
        json_in_refuse(in, "earliest_start", ERR_FIELD_RANGE, "This is more than three years ahead.");
    else if (r->deadline_ms && r->deadline_ms <= now_ms)
        json_in_refuse(in, "deadline", ERR_FIELD_RANGE, "The deadline has passed.");
    else if (r->deadline_ms && r->deadline_ms <= r->earliest_ms)
        json_in_refuse(in, "deadline", ERR_FIELD_RANGE, "The deadline is not after the earliest start.");
    else if (r->deadline_ms && r->deadline_ms - from_ms < r->walltime_s * 1000)
        json_in_refuse(in, "deadline", ERR_FIELD_RANGE,
                       "Between the earliest start and the deadline there is less time than the job may take.");
}

/* "20:00" as minutes after midnight, on a quarter of an hour. */
static int
read_hour(struct json_in *in, const char *name)
{
    const char *text = json_in_text(in, name, 5, 5);
    int minutes = 0;

    if (in->err)
        return 0;
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            minutes = -1;
    if (minutes == 0)
        minutes = ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
    if (minutes < 0 || minutes >= 1440 || text[3] > '5' || minutes % 15 != 0) {
        json_in_refuse(in, name, ERR_FIELD_INVALID, "This is no time of day on a quarter of an hour, as 20:00.");
        return 0;
    }
    return minutes;
}

static void
read_nights(struct json_in *in, struct request_row *r)
{
    if (!json_in_has(in, "nights"))
        return;
    struct json_in nights = json_in_object(in, "nights");

    r->nights = (int)json_in_i64(&nights, "count", 1, BROKER_NIGHTS_MAX);
    r->night_from = read_hour(&nights, "from");
    r->night_until = read_hour(&nights, "until");
    if (json_in_close(&nights))
        return; /* the error is noted */
}

void
ask_read(struct json_in *in, struct request_row *r, int64_t now_ms, struct arena *a)
{
    r->organisation = json_in_uuid(in, "organisation");
    r->grant = in_index(in, "grant");
    r->gpus = (int32_t)json_in_i64(in, "gpus", 1, BROKER_GPUS_MAX);
    r->walltime_s = json_in_i64(in, "walltime_s", WALLTIME_MIN, WALLTIME_MAX);
    r->memory_gb = (int32_t)json_in_i64_or(in, "memory_gb", 0, 4096, 0);
    r->model = arena_text(a, json_in_text_or(in, "model", 31, ""));
    if (!in->err && (!text_is_line(r->model) || !text_is_plain(r->model, strlen(r->model))))
        json_in_refuse(in, "model", ERR_FIELD_INVALID, "This is no model's name.");
    r->countries = read_countries(in, a);
    r->one_island = json_in_bool_or(in, "one_island", false);
    r->kind = json_in_has(in, "kind") ? json_in_choice(in, "kind", KINDS) : BROKER_KIND_BATCH;
    if (json_in_has(in, "use") && json_in_choice(in, "use", USES) == USE_ALLOCATION)
        r->needs |= NEED_BIT(NEED_ALLOCATION);
    r->earliest_ms = json_in_time_or(in, "earliest_start", 0);
    r->deadline_ms = json_in_time_or(in, "deadline", 0);
    check_times(in, r, now_ms);
    read_nights(in, r);
    r->max_gpums = json_in_has(in, "max_credits") ? in_credits(in, "max_credits") : 0;
    r->preference = preference_read(in);
    r->move_freely = json_in_bool_or(in, "move_freely", false);
}

void
secret_names_read(struct json_in *in, struct request_row *r, struct arena *a)
{
    char names[SECRETS_NAMES_LEN];

    secret_names_in(in, "secrets", names);
    r->secrets = arena_text(a, names);
    if (!names[0])
        return;
    r->needs |= NEED_BIT(NEED_SECRETS);
    if (!in->err && r->nights > 0)
        json_in_refuse(in, "secrets", ERR_FIELD_INVALID, "Secrets are sealed for one job: ask for each night's by itself.");
    if (!in->err && (r->needs & NEED_BIT(NEED_ALLOCATION) || r->move_freely))
        json_in_refuse(in, "secrets", ERR_FIELD_INVALID, r->move_freely ? "No other site can open them: the job cannot move by itself."
                                                                        : "Who logs in at a site brings their own.");
}

enum err
ask_of_request(struct call *call, const struct request_row *r, struct broker_ask *ret)
{
    const struct organisation *o;
    enum err err = directory_organisation(call->api->directory, call->db, r->organisation, &o);

    if (err)
        return err;
    *ret = (struct broker_ask){
        .gpus = r->gpus,
        .walltime_s = r->walltime_s,
        .memory_gb_min = r->memory_gb,
        .one_island = r->one_island,
        .kind = (enum broker_kind)r->kind,
        .needs = r->needs,
        .earliest_start_ms = r->earliest_ms,
        .deadline_ms = r->deadline_ms,
        .max_cost_gpums = r->max_gpums,
        .nights = (uint8_t)r->nights,
        .night_from = (uint16_t)r->night_from,
        .night_until = (uint16_t)r->night_until,
        .preference = (enum broker_preference)r->preference,
        .has_home = true,
        .home_lat = o->lat_milli,
        .home_lon = o->lon_milli,
        .organisation = ORGANISATION_BIT(o->class),
        .longest_s = WALLTIME_MAX,
        .explain = true,
    };
    text_format(ret->model, sizeof ret->model, "%s", r->model);
    memcpy(ret->home_country, o->country, sizeof ret->home_country);
    for (const char *c = r->countries; *c; c += c[2] ? 3 : 2) {
        char code[3] = { c[0], c[1], '\0' };

        country_add(&ret->countries, code);
    }
    return OK;
}
