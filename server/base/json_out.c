/* base/json_out.c: the emitter. Always valid JSON: what is not UTF-8 in a text becomes U+FFFD. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

static char *
room(struct json_out *o, size_t len)
{
    if (o->cap - o->len <= len) {
        size_t cap = o->cap > 0 ? o->cap * 2 : 512;
        while (cap - o->len <= len)
            cap *= 2;
        o->text = xrealloc(o->text, cap);
        o->cap = cap;
    }
    return o->text + o->len;
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

static void
add_quoted(struct json_out *o, const char *value, size_t len)
{
    size_t plain = 0; /* start of what can be copied as it is */

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
    if (o->len > 0 && !o->fresh)
        add(o, ",", 1);
    o->fresh = false;
    if (name != NULL) {
        add_quoted(o, name, strlen(name));
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
    char text[24];

    text_format(text, sizeof text, "%lld", (long long)value);
    begin(o, name);
    add_text(o, text);
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
    char full[128], text[32];

    assert(strlen(name) + sizeof "_credits" <= sizeof full);
    text_format(full, sizeof full, "%s_gpums", name);
    text_format(text, sizeof text, "%lld", (long long)gpums);
    json_text(o, full, text);
    text_format(full, sizeof full, "%s_credits", name);
    text_format(text, sizeof text, "%s%llu.%03llu", gpums < 0 && millis > 0 ? "-" : "",
                (unsigned long long)(millis / 1000), (unsigned long long)(millis % 1000));
    json_text(o, full, text);
}

void
json_raw(struct json_out *o, const char *name, const char *json, size_t len)
{
    begin(o, name);
    add(o, json, len);
}
