/* base/clock.c: clocks, and times as text. */
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

enum { MS_PER_DAY = 86400000 };

struct clock
clock_real(void)
{
    return (struct clock){ .rate = 1 };
}

struct clock
clock_simulated(int64_t origin_ms, int64_t real_origin_ms, int64_t rate)
{
    assert(rate >= 1);
    return (struct clock){ .origin_ms = origin_ms, .real_origin_ms = real_origin_ms, .rate = rate };
}

int64_t
clock_now(const struct clock *c)
{
    assert(c->rate >= 1);
    return c->origin_ms + (real_now_ms() - c->real_origin_ms) * c->rate;
}

static bool
shows(const struct clock *c, int64_t real_ms)
{
    int64_t span_ms, ms;

    return !__builtin_sub_overflow(real_ms, c->real_origin_ms, &span_ms) && !__builtin_mul_overflow(span_ms, c->rate, &span_ms) &&
           !__builtin_add_overflow(c->origin_ms, span_ms, &ms) && ms >= 0 && ms <= TIME_MAX_MS;
}

bool
clock_lasts(const struct clock *c, int64_t real_ms, int64_t span_ms)
{
    return shows(c, real_ms) && shows(c, real_ms + span_ms);
}

int64_t
clock_to_real(const struct clock *c, int64_t span_ms)
{
    int64_t real_ms;

    assert(c->rate >= 1);
    if (span_ms <= 0)
        return 1;
    real_ms = span_ms / c->rate + (span_ms % c->rate != 0);
    return real_ms < 1 ? 1 : real_ms;
}

int64_t
clock_real_at(const struct clock *c, int64_t at_ms)
{
    return c->real_origin_ms + (at_ms - c->origin_ms) / c->rate;
}

static int64_t
read_clock(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t) != 0)
        fatal("the clock cannot be read");
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
real_now_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t
monotonic_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t
monotonic_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
boottime_ms(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back (counted in years that start in March, so that
 * the leap day comes last). */
static int64_t
days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, year_of_era = y % 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void
date_of(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097, day_of_era = z % 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;

    *ret_day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
    *ret_month = (int)(m < 10 ? m + 3 : m - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

static int
month_days(int year, int month)
{
    static const int DAYS[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : DAYS[month - 1];
}

/* Write n digits of v. */
static char *
digits_out(char *at, int n, int64_t v)
{
    for (int i = n; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    return at + n;
}

void
time_text(int64_t ms, char ret[TIME_TEXT])
{
    int year, month, day;
    int64_t of_day = ms % MS_PER_DAY;
    char *at = ret;

    assert(ms >= 0 && ms <= TIME_MAX_MS);
    date_of(ms / MS_PER_DAY, &year, &month, &day);
    at = digits_out(at, 4, year);
    *at++ = '-';
    at = digits_out(at, 2, month);
    *at++ = '-';
    at = digits_out(at, 2, day);
    *at++ = 'T';
    at = digits_out(at, 2, of_day / 3600000);
    *at++ = ':';
    at = digits_out(at, 2, of_day / 60000 % 60);
    *at++ = ':';
    at = digits_out(at, 2, of_day / 1000 % 60);
    *at++ = '.';
    at = digits_out(at, 3, of_day % 1000);
    *at++ = 'Z';
    *at = '\0';
}

/* Read exactly n digits at *at, within min..max, and step over them. */
static bool
digits_in(const char **at, int n, int min, int max, int *ret)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    if (v < min || v > max)
        return false;
    *at += n;
    *ret = v;
    return true;
}

static bool
char_in(const char **at, const char *any_of)
{
    if (**at == '\0' || strchr(any_of, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

/* An optional fraction of one to three digits. */
static bool
fraction_in(const char **at, int *ret_ms)
{
    int v = 0, n = 0;

    *ret_ms = 0;
    if (**at != '.')
        return true;
    (*at)++;
    for (; n < 3 && **at >= '0' && **at <= '9'; n++)
        v = v * 10 + (*(*at)++ - '0');
    if (n == 0)
        return false;
    for (; n < 3; n++)
        v *= 10;
    *ret_ms = v;
    return true;
}

static bool
offset_in(const char **at, int64_t *ret_ms)
{
    int hour, minute, sign;

    if (char_in(at, "Zz")) {
        *ret_ms = 0;
        return true;
    }
    sign = **at == '-' ? -1 : 1;
    if (!char_in(at, "+-") || !digits_in(at, 2, 0, 23, &hour) || !char_in(at, ":") || !digits_in(at, 2, 0, 59, &minute))
        return false;
    *ret_ms = sign * (hour * 60 + minute) * (int64_t)60000;
    return true;
}

bool
time_parse(const char *text, int64_t *ret_ms)
{
    int year, month, day, hour, minute, second, milli;
    int64_t offset_ms, ms;

    if (!digits_in(&text, 4, 1969, 9999, &year) || !char_in(&text, "-") || !digits_in(&text, 2, 1, 12, &month) ||
        !char_in(&text, "-") || !digits_in(&text, 2, 1, 31, &day) || !char_in(&text, "Tt") ||
        !digits_in(&text, 2, 0, 23, &hour) || !char_in(&text, ":") || !digits_in(&text, 2, 0, 59, &minute) ||
        !char_in(&text, ":") || !digits_in(&text, 2, 0, 59, &second) || !fraction_in(&text, &milli) ||
        !offset_in(&text, &offset_ms) || *text != '\0')
        return false;
    if (day > month_days(year, month))
        return false;
    ms = days_of(year, month, day) * MS_PER_DAY + hour * (int64_t)3600000 + minute * 60000 + second * 1000 + milli -
         offset_ms;
    if (ms < 0 || ms > TIME_MAX_MS)
        return false;
    *ret_ms = ms;
    return true;
}
