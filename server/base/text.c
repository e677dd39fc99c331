/* base/text.c: UTF-8, trimming, bounded formatting, whole numbers. */
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool
continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t
text_utf8_char(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;

    if (len == 0 || s[0] == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2) /* a stray continuation, or an overlong form of two */
        return 0;
    if (s[0] < 0xe0)
        return len >= 2 && continues(s[1]) ? 2 : 0;
    if (s[0] < 0xf0) {
        if (len < 3 || !continues(s[1]) || !continues(s[2]))
            return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
            return 0; /* overlong; surrogates */
        return 3;
    }
    if (s[0] > 0xf4 || len < 4 || !continues(s[1]) || !continues(s[2]) || !continues(s[3]))
        return 0;
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0; /* overlong; above U+10FFFF */
    return 4;
}

bool
text_utf8_ok(const char *text, size_t len)
{
    for (size_t at = 0, step; at < len; at += step) {
        step = text_utf8_char(text + at, len - at);
        if (step == 0)
            return false;
    }
    return true;
}

bool
text_is_line(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
            return false; /* C1, or not UTF-8 */
    }
    return text_utf8_ok(text, len);
}

/* The code point of a well-formed character of so many bytes. */
static uint32_t
code_point(const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (s[i] & 0x3fU);
    return c;
}

static bool
deceives(uint32_t c)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {
        { 0x00ad, 0x00ad },   /* soft hyphen */
        { 0x061c, 0x061c },   /* Arabic letter mark */
        { 0x115f, 0x1160 },   /* Hangul fillers */
        { 0x180e, 0x180e },   /* Mongolian vowel separator */
        { 0x200b, 0x200b },   /* zero-width space */
        { 0x200e, 0x200f },   /* left-to-right and right-to-left mark */
        { 0x2028, 0x202e },   /* line and paragraph separator, embeddings and overrides */
        { 0x2060, 0x206f },   /* word joiner, invisible operators, isolates */
        { 0x3164, 0x3164 },   /* Hangul filler */
        { 0xfdd0, 0xfdef },   /* noncharacters */
        { 0xfeff, 0xfeff },   /* byte order mark */
        { 0xffa0, 0xffa0 },   /* Hangul filler */
        { 0xfff9, 0xfffb },   /* interlinear annotation */
        { 0xe0000, 0xe0fff }, /* tags */
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return (c & 0xfffe) == 0xfffe; /* the last two of each plane */
}

bool
text_is_plain(const char *text, size_t len)
{
    for (size_t at = 0, step; at < len; at += step) {
        step = text_utf8_char(text + at, len - at);
        if (step == 0 || deceives(code_point(text + at, step)))
            return false;
    }
    return true;
}

static bool
is_space(uint32_t c)
{
    return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool
text_has_blank_ends(const char *text, size_t len)
{
    uint32_t first = 0, last = 0;

    for (size_t at = 0, step; at < len; at += step) {
        step = text_utf8_char(text + at, len - at);
        if (step == 0)
            return false;
        last = code_point(text + at, step);
        if (at == 0)
            first = last;
    }
    return is_space(first) || is_space(last);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char *
text_trim(char *text)
{
    size_t len;

    while (is_blank(*text))
        text++;
    len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

void
text_show(char *ret, size_t cap, const char *text)
{
    size_t n = 0, size;
    char *first;

    for (size_t left = strlen(text); left > 0; text += size, left -= size) {
        size_t known = text_utf8_char(text, left);
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f || (known == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0);

        size = known > 0 ? known : 1;
        if (n + size >= cap)
            break;
        if (known == 0 || control)
            ret[n++] = known == 0 ? '?' : ' ';
        else
            for (size_t i = 0; i < size; i++)
                ret[n++] = text[i];
    }
    ret[n] = '\0';
    first = text_trim(ret);
    memmove(ret, first, strlen(first) + 1);
}

bool
text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Take the beginning of a character that does not fit whole off the end of text[0..len). */
static void
cut_at_character(char *text, size_t len)
{
    size_t start = len;

    while (start > 0 && len - start < 4) {
        start--;
        if (!continues((unsigned char)text[start])) {
            if (text_utf8_char(text + start, len - start) != len - start)
                text[start] = '\0';
            return;
        }
    }
}

bool
text_vformat(char *ret, size_t cap, const char *fmt, va_list args)
{
    int n;

    assert(cap > 0);
    n = vsnprintf(ret, cap, fmt, args);
    assert(n >= 0);
    if ((size_t)n < cap)
        return true;
    cut_at_character(ret, cap - 1);
    return false;
}

bool
text_format(char *ret, size_t cap, const char *fmt, ...)
{
    va_list args;
    bool whole;

    va_start(args, fmt);
    whole = text_vformat(ret, cap, fmt, args);
    va_end(args);
    return whole;
}

size_t
text_i64(int64_t value, char ret[TEXT_I64])
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[TEXT_I64], *at = digits + sizeof digits;
    size_t len;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    len = (size_t)(digits + sizeof digits - at);
    memcpy(ret, at, len);
    ret[len] = '\0';
    return len;
}

bool
text_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = *text == '-';
    const char *digits = text + negative;
    int64_t n = 0;

    if (*digits < '0' || *digits > '9' || (*digits == '0' && (digits[1] != '\0' || negative)))
        return false;
    for (; *digits != '\0'; digits++) {
        int digit = *digits - '0';
        if (digit < 0 || digit > 9)
            return false;
        /* counted below zero, where there is room for INT64_MIN */
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, digit, &n))
            return false;
    }
    if (!negative && __builtin_sub_overflow(0, n, &n))
        return false;
    if (n < min || n > max)
        return false;
    *ret = n;
    return true;
}
