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
 * In fixed point, 2^30 to the unit, by a table of sines at whole degrees and straight lines between them: a sine is off
 * by 0.00004 at most, a distance by less than a kilometre. */

#define ONE             (INT64_C(1) << 30)
#define DEGREE_KM_MILLI 111195 /* round(6371 * pi / 180 * 1000) */

static const int32_t SINE[91] = {
    /* round(sin(i degrees) * 2^30) */
    0,          18739379,   37473049,   56195305,   74900443,   93582766,   112236583,  130856211,  149435979,
    167970228,  186453311,  204879599,  223243478,  241539355,  259761657,  277904834,  295963357,  313931728,
    331804471,  349576144,  367241333,  384794656,  402230767,  419544355,  436730145,  453782903,  470697435,
    487468587,  504091252,  520560366,  536870912,  553017922,  568996477,  584801711,  600428808,  615873009,
    631129609,  646193961,  661061475,  675727625,  690187940,  704438018,  718473518,  732290163,  745883746,
    759250125,  772385229,  785285058,  797945680,  810363241,  822533958,  834454122,  846120104,  857528349,
    868675383,  879557810,  890172315,  900515665,  910584710,  920376381,  929887697,  939115760,  948057759,
    956710970,  965072759,  973140576,  980911966,  988384560,  995556083,  1002424350, 1008987269, 1015242840,
    1021189159, 1026824413, 1032146887, 1037154959, 1041847103, 1046221891, 1050277989, 1054014162, 1057429273,
    1060522280, 1063292242, 1065738315, 1067859754, 1069655912, 1071126243, 1072270298, 1073087729, 1073578288,
    1073741824,
};

bool
place_valid(int32_t lat, int32_t lon)
{
    return lat >= -90000 && lat <= 90000 && lon >= -180000 && lon <= 180000;
}

/* Of thousandths of a degree, -270 to 270 degrees. */
static int64_t
sine(int32_t angle)
{
    int32_t size = angle < 0 ? -angle : angle;
    int64_t sign = angle < 0 ? -1 : 1;
    int32_t degree, part;

    if (size > 180000) {
        size -= 180000;
        sign = -sign;
    }
    if (size > 90000)
        size = 180000 - size;
    degree = size / 1000;
    part = size % 1000;
    if (part == 0)
        return sign * SINE[degree];
    return sign * (SINE[degree] + (SINE[degree + 1] - SINE[degree]) * (int64_t)part / 1000);
}

/* Thousandths of a degree, 0 to 45000, of a sine from 0 to that of 45 degrees. */
static int64_t
degrees(int64_t of)
{
    int low = 0, high = 46; /* SINE[low] <= of < SINE[high] */

    while (high - low > 1) {
        int middle = (low + high) / 2;

        if (SINE[middle] <= of)
            low = middle;
        else
            high = middle;
    }
    return low * 1000 + (of - SINE[low]) * 1000 / (SINE[low + 1] - SINE[low]);
}

struct place
place_of(int32_t lat, int32_t lon)
{
    int64_t across;

    assert(place_valid(lat, lon));
    across = sine(lat + 90000);
    return (struct place){ { across * sine(lon + 90000) / ONE, across * sine(lon) / ONE, sine(lat) } };
}

/* Newton's way, from above; n up to 2^62. */
static int64_t
square_root(int64_t n)
{
    int64_t root, next;

    if (n < 2)
        return n;
    root = INT64_C(1) << ((65 - __builtin_clzll((unsigned long long)n)) / 2);
    while ((next = (root + n / root) / 2) < root)
        root = next;
    return root;
}

/* Half the chord between two points of the unit globe is the sine of half the angle between them. */
int32_t
place_distance_km(const struct place *a, int32_t lat, int32_t lon)
{
    struct place b = place_of(lat, lon);
    int64_t apart = 0, antipode = 0; /* squared chords to the place, and to the point opposite to it */
    int64_t half_angle;

    for (int i = 0; i < 3; i++) {
        apart += (a->vector[i] - b.vector[i]) * (a->vector[i] - b.vector[i]);
        antipode += (a->vector[i] + b.vector[i]) * (a->vector[i] + b.vector[i]);
    }
    half_angle = apart <= antipode ? degrees(square_root(apart) / 2) : 90000 - degrees(square_root(antipode) / 2);
    return (int32_t)((2 * half_angle * DEGREE_KM_MILLI + 500000) / 1000000);
}

int32_t
broker_distance_km(int32_t lat1, int32_t lon1, int32_t lat2, int32_t lon2)
{
    struct place a = place_of(lat1, lon1);

    return place_distance_km(&a, lat2, lon2);
}
