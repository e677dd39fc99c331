/* base/log.c: lines for the operator. */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

enum { LINE_MAX_BYTES = 4096 };

static const char *const LEVELS[] = { "debug", "info", "warning", "error" };

struct line {
    char *at;
    size_t len, cap; /* cap leaves room for the line's end */
    bool json;
};

static void
add(struct line *l, const char *text, size_t len)
{
    if (len > l->cap - l->len)
        len = l->cap - l->len;
    memcpy(l->at + l->len, text, len);
    l->len += len;
}

static void
add_char(struct line *l, char c)
{
    add(l, &c, 1);
}

/* Quoted, with everything that is not plain printable UTF-8 escaped: no line from outside can look like two. */
static void
add_quoted(struct line *l, const char *text)
{
    size_t len = strlen(text);
    char escape[8];

    add_char(l, '"');
    for (size_t i = 0, step; i < len; i += step) {
        unsigned char c = (unsigned char)text[i];

        if (l->cap - l->len < 16) /* cut the value, not the line's end */
            break;
        step = text_utf8_char(text + i, len - i);
        if (step == 0) {
            add(l, "\xef\xbf\xbd", 3);
            step = 1;
        } else if (c == '"' || c == '\\') {
            text_format(escape, sizeof escape, "\\%c", c);
            add(l, escape, 2);
        } else if (c < 0x20 || c == 0x7f) {
            text_format(escape, sizeof escape, "\\u%04x", (unsigned)c);
            add(l, escape, 6);
        } else if (c == 0xc2 &&
                   (unsigned char)text[i + 1] < 0xa0) { /* C1 control characters move a terminal's cursor */
            text_format(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)text[i + 1]);
            add(l, escape, 6);
        } else {
            add(l, text + i, step);
        }
    }
    add_char(l, '"');
}

static bool
is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || *text == '"' || *text == '=' || *text == '\\')
            return false;
    return true;
}

static void
add_key(struct line *l, const char *key)
{
    if (l->len > (l->json ? 1u : 0u))
        add_char(l, l->json ? ',' : ' ');
    if (l->json)
        add_char(l, '"');
    add(l, key, strlen(key));
    add(l, l->json ? "\":" : "=", l->json ? 2 : 1);
}

static void
add_text(struct line *l, const char *key, const char *value)
{
    add_key(l, key);
    if (l->json || !is_plain(value))
        add_quoted(l, value);
    else
        add(l, value, strlen(value));
}

static void
add_field(struct line *l, const struct log_field *f)
{
    char text[UUID_TEXT];

    switch (f->kind) {
    case LOG_KIND_TEXT:
        if (f->text != NULL)
            add_text(l, f->key, f->text);
        break;
    case LOG_KIND_I64_OR_NONE:
        if (f->i64 == 0)
            break;
        __attribute__((fallthrough));
    case LOG_KIND_I64:
        add_key(l, f->key);
        add(l, text, text_i64(f->i64, text));
        break;
    case LOG_KIND_BOOL:
        add_key(l, f->key);
        add(l, f->flag ? "true" : "false", f->flag ? 4 : 5);
        break;
    case LOG_KIND_UUID:
        if (uuid_is_zero(f->uuid))
            break;
        uuid_text(f->uuid, text);
        add_text(l, f->key, text);
        break;
    case LOG_KIND_NONE:
        break;
    }
}

bool
log_level_parse(const char *text, enum log_level *ret)
{
    for (int i = 0; i <= LOG_LEVEL_ERROR; i++)
        if (strcmp(text, LEVELS[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

size_t
log_line(const struct log *log, enum log_level level, const char *event, const struct log_field *fields, int64_t now_ms,
         char *ret, size_t cap)
{
    enum { ROOM_FOR_END = 8, ROOM_FOR_FIELD = 64 };
    struct line l = { .at = ret, .cap = cap - ROOM_FOR_END, .json = log->json };
    char time[TIME_TEXT];

    assert(cap >= 256);
    time_text(now_ms, time);
    if (l.json)
        add_char(&l, '{');
    add_text(&l, "time", time);
    add_text(&l, "level", LEVELS[level]);
    add_text(&l, "event", event);
    for (; fields->kind != LOG_KIND_NONE && l.cap - l.len > strlen(fields->key) + ROOM_FOR_FIELD; fields++)
        add_field(&l, fields);
    if (l.json)
        ret[l.len++] = '}';
    ret[l.len++] = '\n';
    return l.len;
}

void
log_write(const struct log *log, enum log_level level, const char *event, const struct log_field *fields)
{
    char line[LINE_MAX_BYTES];
    size_t len;
    int saved_errno = errno;

    if (log == NULL || level < log->least)
        return;
    len = log_line(log, level, event, fields, real_now_ms(), line, sizeof line);
    while (write(log->fd, line, len) < 0 && errno == EINTR)
        ;
    errno = saved_errno;
}
