/* base/bytes.c: fixed layouts, hexadecimal, base64. */
#include "base/bytes.h"

#include <assert.h>

static uint8_t *
room(struct wire_out *w, size_t len)
{
    uint8_t *at = w->at;

    assert((size_t)(w->end - w->at) >= len);
    w->at += len;
    return at;
}

static void
put_be(struct wire_out *w, uint64_t v, size_t len)
{
    uint8_t *at = room(w, len);

    for (size_t i = len; i-- > 0; v >>= 8)
        at[i] = (uint8_t)v;
}

void
put_u8(struct wire_out *w, uint8_t v)
{
    put_be(w, v, 1);
}

void
put_u16(struct wire_out *w, uint16_t v)
{
    put_be(w, v, 2);
}

void
put_u32(struct wire_out *w, uint32_t v)
{
    put_be(w, v, 4);
}

void
put_u64(struct wire_out *w, uint64_t v)
{
    put_be(w, v, 8);
}

void
put_i64(struct wire_out *w, int64_t v)
{
    put_be(w, (uint64_t)v, 8);
}

void
put_bytes(struct wire_out *w, const void *data, size_t len)
{
    uint8_t *at = room(w, len);

    if (len > 0)
        memcpy(at, data, len);
}

void
put_zero(struct wire_out *w, size_t len)
{
    uint8_t *at = room(w, len);

    if (len > 0)
        memset(at, 0, len);
}

/* The next len bytes, or NULL, with r failed, if there are not as many. */
static const uint8_t *
take(struct wire_in *r, size_t len)
{
    const uint8_t *at = r->at;

    if (r->failed || (size_t)(r->end - r->at) < len) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    return at;
}

static uint64_t
get_be(struct wire_in *r, size_t len)
{
    const uint8_t *at = take(r, len);
    uint64_t v = 0;

    for (size_t i = 0; at != NULL && i < len; i++)
        v = v << 8 | at[i];
    return v;
}

uint8_t
get_u8(struct wire_in *r)
{
    return (uint8_t)get_be(r, 1);
}

uint16_t
get_u16(struct wire_in *r)
{
    return (uint16_t)get_be(r, 2);
}

uint32_t
get_u32(struct wire_in *r)
{
    return (uint32_t)get_be(r, 4);
}

uint64_t
get_u64(struct wire_in *r)
{
    return get_be(r, 8);
}

int64_t
get_i64(struct wire_in *r)
{
    return (int64_t)get_be(r, 8);
}

void
get_bytes(struct wire_in *r, void *ret, size_t len)
{
    const uint8_t *at = take(r, len);

    if (len == 0)
        return;
    if (at != NULL)
        memcpy(ret, at, len);
    else
        memset(ret, 0, len);
}

void
get_zero(struct wire_in *r, size_t len)
{
    const uint8_t *at = take(r, len);

    for (size_t i = 0; at != NULL && i < len; i++)
        if (at[i] != 0)
            r->failed = true;
}

void
hex_encode(struct bytes in, char *ret)
{
    static const char DIGITS[] = "0123456789abcdef";

    for (size_t i = 0; i < in.len; i++) {
        *ret++ = DIGITS[in.data[i] >> 4];
        *ret++ = DIGITS[in.data[i] & 15];
    }
    *ret = '\0';
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
hex_decode(const char *text, uint8_t *ret, size_t len)
{
    if (strlen(text) != len * 2)
        return false;
    for (size_t i = 0; i < len * 2; i++)
        if (hex_digit(text[i]) < 0)
            return false;
    for (size_t i = 0; i < len; i++)
        ret[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return true;
}

static void
encode64(struct bytes in, const char last[2], bool pad, char *ret)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (size_t at = 0; at < in.len; at += 3) {
        size_t n = in.len - at < 3 ? in.len - at : 3;
        uint32_t v = (uint32_t)in.data[at] << 16;

        if (n > 1)
            v |= (uint32_t)in.data[at + 1] << 8;
        if (n > 2)
            v |= in.data[at + 2];
        for (size_t i = 0; i < 4; i++) {
            uint32_t digit = v >> (18 - 6 * i) & 63;
            if (i <= n)
                *ret++ = digit < 62 ? DIGITS[digit] : last[digit - 62];
            else if (pad)
                *ret++ = '=';
        }
    }
    *ret = '\0';
}

void
base64_encode(struct bytes in, char *ret)
{
    encode64(in, "+/", true, ret);
}

void
base64url_encode(struct bytes in, char *ret)
{
    encode64(in, "-_", false, ret);
}

/* A digit's value and one; 0 for what is none. */
#define VALUES64(digit62, digit63)                                                                                     \
    {                                                                                                                  \
        ['A'] = 1,   2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, \
        ['a'] = 27,  28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, \
        ['0'] = 53,  54, 55, 56, 57, 58, 59, 60, 61, 62, [digit62] = 63, [digit63] = 64,                               \
    }
static const uint8_t VALUES[256] = VALUES64('+', '/'), URL_VALUES[256] = VALUES64('-', '_');

/* text[0..len) has no padding left. Canonical: the bits that no byte uses are zero. */
static bool
decode64(const char *text, size_t len, const uint8_t values[256], uint8_t *ret, size_t cap, size_t *ret_len)
{
    const uint8_t *in = (const uint8_t *)text;
    size_t whole = len / 4 * 4, rest = len % 4, out = len / 4 * 3 + (rest == 0 ? 0 : rest - 1), at = 0;
    uint32_t v = 0, none = 0; /* none: has a bit above the sixth once there was what is no digit */

    if (rest == 1 || out > cap)
        return false;
    for (size_t i = 0; i < len; i++)
        none |= values[in[i]] - 1U;
    if (none >> 6 != 0)
        return false;
    for (size_t i = 0; i < whole; i += 4) {
        v = (values[in[i]] - 1U) << 18 | (values[in[i + 1]] - 1U) << 12 | (values[in[i + 2]] - 1U) << 6 |
            (values[in[i + 3]] - 1U);
        ret[at++] = (uint8_t)(v >> 16);
        ret[at++] = (uint8_t)(v >> 8);
        ret[at++] = (uint8_t)v;
    }
    if (rest > 0) {
        v = (values[in[whole]] - 1U) << 18 | (values[in[whole + 1]] - 1U) << 12;
        if (rest == 3)
            v |= (values[in[whole + 2]] - 1U) << 6;
        if ((v & (rest == 2 ? 0xffff : 0xff)) != 0)
            return false;
        ret[at++] = (uint8_t)(v >> 16);
        if (rest == 3)
            ret[at++] = (uint8_t)(v >> 8);
    }
    *ret_len = at;
    return true;
}

bool
base64_decode(const char *text, size_t text_len, uint8_t *ret, size_t cap, size_t *ret_len)
{
    size_t len = text_len;

    if (text_len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
        len--;
    return decode64(text, len, VALUES, ret, cap, ret_len);
}

bool
base64url_decode(const char *text, size_t text_len, uint8_t *ret, size_t cap, size_t *ret_len)
{
    return decode64(text, text_len, URL_VALUES, ret, cap, ret_len);
}
