/* core/broker_place.c: countries as sets, and distances by integers alone. */
#include <assert.h>
#include <string.h>

#include "core/broker.h"
#include "core/broker_probe.h"

static unsigned
country_number(const char *code)
{
    return (unsigned)(code[0] - 'A') * 26 + (unsigned)(code[1] - 'A');
}

bool
country_valid(const char *code)
{
    return code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z' && code[2] == '\0';
}

void
country_add(struct country_set *s, const char *code)
{
    assert(country_valid(code));
    s->bits[country_number(code) / 64] |= UINT64_C(1) << (country_number(code) % 64);
}

bool
country_has(const struct country_set *s, const char *code)
{
    return country_valid(code) && (s->bits[country_number(code) / 64] >> (country_number(code) % 64) & 1) != 0;
}

bool
country_none(const struct country_set *s)
{
    uint64_t any = 0;

    for (size_t i = 0; i < sizeof s->bits / sizeof s->bits[0]; i++)
        any |= s->bits[i];
    return any == 0;
}

int
country_count(const struct country_set *s)
{
    int n = 0;

    for (size_t i = 0; i < sizeof s->bits / sizeof s->bits[0]; i++)
        n += __builtin_popcountll(s->bits[i]);
    return n;
}

int64_t
country_pack(const char *code)
{
    return country_valid(code) ? (int64_t)code[0] << 8 | code[1] : 0;
}

void
country_unpack(int64_t packed, char ret[3])
{
    ret[0] = (char)(packed >> 8 & 0x7f);
    ret[1] = (char)(packed & 0x7f);
    ret[2] = '\0';
    if (!country_valid(ret))
        memcpy(ret, "??", 3);
}

/* ---- distance ---------------------------------------------------------------------------------------------------- *
 * CORDIC in fixed point, 2^30 to the unit: turning a vector by known small angles needs additions and shifts only.
 * 18 of them leave 2^-17 of a radian, 50 m.
 * Angles are radians. Division by powers of two instead of shifts: it is defined for negative numbers. */

#define ONE (INT64_C(1) << 30)
enum { STEPS = 18 };

static const int64_t ATAN[STEPS] = { /* round(atan(2^-i) * 2^30) */
    843314857, 497837829, 263043837, 133525159, 67021687, 33543516, 16775851, 8388437, 4194283, 2097149,
    1048576,   524288,    262144,    131072,    65536,    32768,    16384,    8192,
};
#define GAIN INT64_C(652032874)       /* round(2^30 * product of cos(atan(2^-i))) */
#define HALF_PI INT64_C(1686629713)   /* round(pi / 2 * 2^30) */
#define EARTH_RADIUS_KM 6371

/* Sine and cosine of an angle within -pi/2 .. pi/2. */
static void
sine_cosine(int64_t angle, int64_t *ret_sine, int64_t *ret_cosine)
{
    int64_t x = GAIN, y = 0;

    for (int i = 0; i < STEPS; i++) {
        int64_t dx = y / (INT64_C(1) << i), dy = x / (INT64_C(1) << i);

        if (angle >= 0) {
            x -= dx;
            y += dy;
            angle -= ATAN[i];
        } else {
            x += dx;
            y -= dy;
            angle += ATAN[i];
        }
    }
    *ret_sine = y;
    *ret_cosine = x;
}

/* The angle of a vector with x >= 0. */
static int64_t
angle_of(int64_t y, int64_t x)
{
    int64_t angle = 0;

    for (int i = 0; i < STEPS; i++) {
        int64_t dx = y / (INT64_C(1) << i), dy = x / (INT64_C(1) << i);

        if (y > 0) {
            x += dx;
            y -= dy;
            angle += ATAN[i];
        } else {
            x -= dx;
            y += dy;
            angle -= ATAN[i];
        }
    }
    return angle;
}

bool
place_valid(int32_t lat, int32_t lon)
{
    return lat >= -90000 && lat <= 90000 && lon >= -180000 && lon <= 180000;
}

static int64_t
radians(int64_t milli_degrees)
{
    return milli_degrees * HALF_PI / 90000;
}

/* Unit vector of a place. */
static void
place_vector(int32_t lat, int32_t lon, int64_t ret[3])
{
    int64_t sin_lat, cos_lat, sin_lon, cos_lon;
    int64_t turn = lon;
    int64_t flip = 1;

    assert(place_valid(lat, lon));
    if (turn > 90000 || turn < -90000) { /* the far half of the globe: turn by 180 degrees, then negate */
        turn += turn > 0 ? -180000 : 180000;
        flip = -1;
    }
    sine_cosine(radians(lat), &sin_lat, &cos_lat);
    sine_cosine(radians(turn), &sin_lon, &cos_lon);
    ret[0] = flip * (cos_lat * cos_lon / ONE);
    ret[1] = flip * (cos_lat * sin_lon / ONE);
    ret[2] = sin_lat;
}

static int64_t
square_root(int64_t n)
{
    int64_t root = 0;

    for (int64_t bit = INT64_C(1) << 31; bit > 0; bit /= 2)
        if ((root + bit) * (root + bit) <= n)
            root += bit;
    return root;
}

int32_t
place_distance_km(const struct place *a_place, int32_t lat, int32_t lon)
{
    const int64_t *a = a_place->vector;
    int64_t b[3];
    int64_t dot = 0, cross_squared = 0, angle;

    place_vector(lat, lon, b);
    for (int i = 0; i < 3; i++) {
        int64_t cross = (a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3]) / ONE;

        dot += a[i] * b[i] / ONE;
        cross_squared += cross * cross;
    }
    angle = angle_of(square_root(cross_squared), dot >= 0 ? dot : -dot);
    if (dot < 0)
        angle = 2 * HALF_PI - angle;
    if (angle < 0)
        angle = 0;
    return (int32_t)((angle * EARTH_RADIUS_KM + ONE / 2) / ONE);
}

struct place
place_of(int32_t lat, int32_t lon)
{
    struct place place;

    place_vector(lat, lon, place.vector);
    return place;
}

int32_t
broker_distance_km(int32_t lat1, int32_t lon1, int32_t lat2, int32_t lon2)
{
    struct place a = place_of(lat1, lon1);

    return place_distance_km(&a, lat2, lon2);
}
