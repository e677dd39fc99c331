/* base/json_rows.c */
#include "base/json_rows.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct json_rows { json_t *root, *items; };

struct json_rows *
json_rows_open(struct bytes text)
{
    json_t *root = json_loadb((const char *)text.data, text.len, 0, NULL), *items = json_object_get(root, "items");
    struct json_rows *r;

    if (!json_is_array(items)) {
        json_decref(root);
        return NULL;
    }
    r = xcalloc(1, sizeof *r);
    *r = (struct json_rows){ root, items };
    return r;
}

void
json_rows_close(struct json_rows *r)
{
    if (!r)
        return;
    json_decref(r->root);
    free(r);
}

size_t
json_rows_count(const struct json_rows *r)
{
    return json_array_size(r->items);
}

const char *
json_rows_next(const struct json_rows *r)
{
    return json_string_value(json_object_get(r->root, "next"));
}

static char *
dumped(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    if (!text)
        fatal(OUT_OF_MEMORY);
    return text;
}

char *
json_rows_line(const struct json_rows *r, size_t i)
{
    return dumped(json_array_get(r->items, i));
}

char *
json_rows_value(const struct json_rows *r, size_t i, const char *path, bool *ret_plain)
{
    const json_t *value = json_array_get(r->items, i);

    for (const char *at = path; value && *at;) {
        size_t len = strcspn(at, ".");
        char name[64];

        snprintf(name, sizeof name, "%.*s", (int)len, at);
        value = json_object_get(value, name);
        at += len + (at[len] == '.');
    }
    *ret_plain = json_is_number(value) || json_is_boolean(value);
    if (!value || json_is_null(value))
        return xstrdup("");
    return json_is_string(value) ? xstrdup(json_string_value(value)) : dumped(value);
}
