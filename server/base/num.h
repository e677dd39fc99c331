/* base/num.h: checked 64-bit arithmetic. Each returns false, with *ret untouched, on overflow. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

static inline bool
add_i64(int64_t a, int64_t b, int64_t *ret)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}
static inline bool
sub_i64(int64_t a, int64_t b, int64_t *ret)
{
    int64_t r;
    if (__builtin_sub_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}
static inline bool
mul_i64(int64_t a, int64_t b, int64_t *ret)
{
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}
static inline int64_t
min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t
max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
