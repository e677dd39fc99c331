/* base/clock.h
 * Time. UTC milliseconds since 1970. In a simulation the clock starts at `origin_ms` and runs `rate` times as fast as
 * life (rate 1 and origin = now otherwise). Ids, leases, slots follow clock_now(); network time-outs use real time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/err.h"

struct clock {
    int64_t origin_ms, real_origin_ms;
    int64_t rate;
}; /* rate 1: origin fields unused */

struct clock clock_real(void);
struct clock clock_simulated(int64_t origin_ms, int64_t real_origin_ms, int64_t rate);
int64_t clock_now(const struct clock *c);
int64_t clock_to_real(const struct clock *c, int64_t span_ms); /* a span of clock time in real ms, at least 1 */
int64_t clock_real_at(const struct clock *c, int64_t at_ms);   /* when the clock shows this, in real ms */
int64_t real_now_ms(void);                                     /* CLOCK_REALTIME */
int64_t monotonic_ms(void);                                    /* CLOCK_MONOTONIC */
int64_t monotonic_us(void);                                    /* the same clock, finer */
int64_t boottime_ms(void);                                     /* CLOCK_BOOTTIME */

/* Between a site's clock and the server's: beyond the first somebody should look, beyond the second nothing is taken. */
#define CLOCK_APART_MS 5000
#define CLOCK_SKEW_MS  30000

#define TIME_MAX_MS INT64_C(253402300799999) /* the end of the year 9999 */
/* At this real time, and until so much more of it has passed, the clock shows times from 1970 to 9999: those that can be written. */
bool clock_lasts(const struct clock *c, int64_t real_ms, int64_t span_ms);

#define TIME_TEXT 25                                /* 2026-05-12T14:47:11.123Z + NUL */
void time_text(int64_t ms, char ret[TIME_TEXT]);    /* RFC 3339, always .mmm and Z; ms within years 1970 to 9999 */
bool time_parse(const char *text, int64_t *ret_ms); /* RFC 3339 with Z or offset, up to ms */

#endif
