/* api/csv.c */
#include "api/csv.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/call.h"

void
csv_add(struct json_out *out, const char *text, size_t len)
{
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

/* What a browser calls the file: its path, in which only plain signs are left. */
static const char *
file_name(struct call *call)
{
    char *name = arena_text(call->arena, call->http->path + strlen("/v1/"));

    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '.')
            *c = '-';
    return arena_printf(call->arena, "attachment; filename=\"kontor-%s\"", name);
}

void
csv_reply(struct call *call)
{
    char *text = call->out.text;
    size_t len = call->out.len;

    call->file = file_name(call);
    call->out = (struct json_out){ 0 };
    call_reply_bytes(call, 200, "text/csv; charset=utf-8", text, len);
}
