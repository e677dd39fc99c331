/* api/csv.c */
#include "api/csv.h"

#include <ctype.h>
#include <string.h>

#include "api/call.h"

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
