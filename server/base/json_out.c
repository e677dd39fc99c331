/* base/json_out.c: the emitter. Always valid JSON: what is not UTF-8 in a text becomes U+FFFD. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

enum { FIRST_ROOM = 1024 };

static char *
room(struct json_out *o, size_t len)
{
    if (o->cap - o->len <= len) {
        size_t cap = o->cap > 0 ? o->cap * 2 : FIRST_ROOM;
        while (cap - o->len <= len)
            cap *= 2;
        o->text = xrealloc(o->text, cap);
        o->cap = cap;
    }
    return o->text + o->len;
}

void
json_out_room(struct json_out *o, size_t len)
{
    (void)room(o, len);
}

/* Append; the text always ends in NUL. */
static void
add(struct json_out *o, const char *text, size_t len)
{
    char *at = room(o, len);

    if (len > 0)
        memcpy(at, text, len);
    at[len] = '\0';
    o->len += len;
}

static void
add_text(struct json_out *o, const char *text)
{
    add(o, text, strlen(text));
}

static void
add_escape(struct json_out *o, unsigned char c)
{
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: character, its letter */
    char out[8];

    for (size_t i = 0; i + 1 < sizeof SHORT; i += 2)
        if ((unsigned char)SHORT[i] == c) {
            text_format(out, sizeof out, "\\%c", SHORT[i + 1]);
            add_text(o, out);
            return;
        }
    text_format(out, sizeof out, "\\u%04x", (unsigned)c);
    add_text(o, out);
}

/* Nothing but printable ASCII that stands for itself, as nearly every text is? */
static bool
stands_for_itself(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return true;
}

/* In quotes, with `after` more characters behind them. */
static void
add_plain(struct json_out *o, const char *value, size_t len, const char *after, size_t after_len)
{
    char *at = room(o, len + 2 + after_len);

    *at++ = '"';
    memcpy(at, value, len);
    at += len;
    *at++ = '"';
    memcpy(at, after, after_len);
    at[after_len] = '\0';
    o->len += len + 2 + after_len;
}

static void
add_quoted(struct json_out *o, const char *value, size_t len)
{
    size_t plain = 0; /* start of what can be copied as it is */

    if (stands_for_itself(value, len)) {
        add_plain(o, value, len, "", 0);
        return;
    }
    add(o, "\"", 1);
    for (size_t i = 0, step; i < len; i += step) {
        unsigned char c = (unsigned char)value[i];
        bool escape = c < 0x20 || c == '"' || c == '\\' || c == 0x7f;

        step = escape ? 1 : text_utf8_char(value + i, len - i);
        if (!escape && step > 0)
            continue;
        add(o, value + plain, i - plain);
        if (escape)
            add_escape(o, c);
        else
            add_text(o, "\xef\xbf\xbd");
        step = 1;
        plain = i + 1;
    }
    add(o, value + plain, len - plain);
    add(o, "\"", 1);
}

/* The comma before a member or an element, and its name. */
static void
begin(struct json_out *o, const char *name)
{
    size_t len;

    if (o->len > 0 && !o->fresh)
        add(o, ",", 1);
    o->fresh = false;
    if (name == NULL)
        return;
    len = strlen(name);
    if (stands_for_itself(name, len)) {
        add_plain(o, name, len, ":", 1);
    } else {
        add_quoted(o, name, len);
        add(o, ":", 1);
    }
}

void
json_out_free(struct json_out *o)
{
    free(o->text);
    *o = (struct json_out){ 0 };
}

void
json_open(struct json_out *o, const char *name)
{
    begin(o, name);
    add(o, "{", 1);
    o->fresh = true;
}

void
json_shut(struct json_out *o)
{
    add(o, "}", 1);
    o->fresh = false;
}

void
json_open_array(struct json_out *o, const char *name)
{
    begin(o, name);
    add(o, "[", 1);
    o->fresh = true;
}

void
json_shut_array(struct json_out *o)
{
    add(o, "]", 1);
    o->fresh = false;
}

void
json_textn(struct json_out *o, const char *name, const char *value, size_t len)
{
    begin(o, name);
    if (value == NULL)
        add_text(o, "null");
    else
        add_quoted(o, value, len);
}

void
json_text(struct json_out *o, const char *name, const char *value)
{
    json_textn(o, name, value, value == NULL ? 0 : strlen(value));
}

void
json_i64(struct json_out *o, const char *name, int64_t value)
{
    char text[TEXT_I64];
    size_t len = text_i64(value, text);

    begin(o, name);
    add(o, text, len);
}

void
json_bool(struct json_out *o, const char *name, bool value)
{
    begin(o, name);
    add_text(o, value ? "true" : "false");
}

void
json_none(struct json_out *o, const char *name)
{
    begin(o, name);
    add_text(o, "null");
}

void
json_uuid(struct json_out *o, const char *name, struct uuid id)
{
    char text[UUID_TEXT];

    uuid_text(id, text);
    json_text(o, name, text);
}

void
json_time(struct json_out *o, const char *name, int64_t ms)
{
    char text[TIME_TEXT];

    time_text(ms, text);
    json_text(o, name, text);
}

void
json_base64(struct json_out *o, const char *name, struct bytes value)
{
    size_t len = BASE64_LEN(value.len) - 1;
    char *at;

    begin(o, name);
    add(o, "\"", 1);
    at = room(o, len);
    base64_encode(value, at);
    o->len += len;
    add(o, "\"", 1);
}

void
json_hex(struct json_out *o, const char *name, struct bytes value)
{
    size_t len = HEX_LEN(value.len) - 1;
    char *at;

    begin(o, name);
    add(o, "\"", 1);
    at = room(o, len);
    hex_encode(value, at);
    o->len += len;
    add(o, "\"", 1);
}

void
json_amount(struct json_out *o, const char *name, int64_t gpums)
{
    enum { GPUMS_PER_MILLICREDIT = 3600 };
    uint64_t millis = (gpums < 0 ? -(uint64_t)gpums : (uint64_t)gpums) / GPUMS_PER_MILLICREDIT;
    int64_t whole = (int64_t)(millis / 1000);
    char full[128], text[TEXT_I64 + 8];
    size_t len = strlen(name), digits;

    assert(len + sizeof "_credits" <= sizeof full);
    memcpy(full, name, len);
    memcpy(full + len, "_gpums", sizeof "_gpums");
    json_textn(o, full, text, text_i64(gpums, text));
    memcpy(full + len, "_credits", sizeof "_credits");
    text[0] = '-';
    digits = 1 + text_i64(whole, text + 1);
    text[digits++] = '.';
    for (uint64_t unit = 100, rest = millis % 1000; unit > 0; rest %= unit, unit /= 10)
        text[digits++] = (char)('0' + rest / unit);
    if (gpums < 0 && millis > 0)
        json_textn(o, full, text, digits);
    else
        json_textn(o, full, text + 1, digits - 1);
}

void
json_raw(struct json_out *o, const char *name, const char *json, size_t len)
{
    begin(o, name);
    add(o, json, len);
}
