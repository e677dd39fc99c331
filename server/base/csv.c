/* base/csv.c */
#include "base/csv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

void
csv_add(struct json_out *out, const char *text, size_t len)
{
    if (len == 0)
        return;
    if (out->len + len + 1 > out->cap) {
        out->cap = (out->len + len + 1) * 2;
        out->text = xrealloc(out->text, out->cap);
    }
    memcpy(out->text + out->len, text, len);
    out->len += len;
    out->text[out->len] = '\0';
}

void
csv_field(struct json_out *out, const char *text)
{
    csv_add(out, "\"", 1);
    if (text[0] && strchr("=+-@\t\r", text[0]))
        csv_add(out, "'", 1);
    for (; *text; text++) {
        if (*text == '"')
            csv_add(out, "\"", 1);
        csv_add(out, text, 1);
    }
    csv_add(out, "\"", 1);
}

void
csv_printf(struct json_out *out, const char *fmt, ...)
{
    char text[400];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof text);
    csv_add(out, text, (size_t)n);
}

bool
csv_read(char **at, char **ret)
{
    char *from = *at, *to = *at;
    bool quoted = from && *from == '"';

    if (!from)
        return false;
    *ret = to;
    for (from += quoted; quoted ? *from != '"' || from[1] == '"' : *from && *from != ','; *to++ = *from++) {
        if (!*from || (!quoted && *from == '"'))
            return false;
        from += quoted && *from == '"';
    }
    from += quoted;
    if (*from && *from != ',')
        return false;
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return true;
}
