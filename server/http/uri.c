/* http/uri.c: a request's path and query, decoded once, strictly; and its cookies. */
#include "base/text.h"
#include "http/internal.h"

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decode %XX in place, and + to a space in a query. In a path %2F is refused: it is no separator here and one elsewhere.
 * False unless the result is UTF-8 without control characters. */
static bool
decode(char *text, bool query)
{
    const char *from = text;
    char *to = text;

    while (*from) {
        if (*from == '%') {
            int high = hex_value(from[1]);
            int low = high < 0 ? -1 : hex_value(from[2]);

            if (low < 0 || (high == 0 && low == 0))
                return false;
            *to = (char)(high * 16 + low);
            if (!query && *to == '/')
                return false;
            from += 3;
        } else {
            *to = query && *from == '+' ? ' ' : *from;
            from++;
        }
        to++;
    }
    *to = '\0';
    return text_is_line(text);
}

enum err
uri_split(char *uri, struct http_call *call)
{
    char *query = strchr(uri, '?');

    if (uri[0] != '/')
        return ERR_BAD_REQUEST;
    if (query)
        *query++ = '\0';
    if (!decode(uri, false))
        return ERR_BAD_REQUEST;
    call->path = uri;
    while (query && *query) {
        char *next = strchr(query, '&');
        char *value;

        if (next)
            *next++ = '\0';
        value = strchr(query, '=');
        if (value)
            *value++ = '\0';
        else
            value = query + strlen(query);
        if (call->query_count == HTTP_QUERY_MAX || !decode(query, true) || !decode(value, true))
            return ERR_QUERY_INVALID;
        call->query[call->query_count++] = (struct http_pair){ query, value };
        query = next;
    }
    return OK;
}

const char *
http_query(const struct http_call *call, const char *name)
{
    for (size_t i = 0; i < call->query_count; i++)
        if (strcmp(call->query[i].name, name) == 0)
            return call->query[i].value;
    return NULL;
}

bool
cookie_find(const char *header, const char *name, char *ret, size_t cap)
{
    size_t name_len = strlen(name);
    const char *found = NULL;
    size_t found_len = 0;

    for (const char *at = header; at && *at;) {
        size_t len;

        at += strspn(at, " ;");
        len = strcspn(at, ";");
        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            if (found)
                return false;
            found = at + name_len + 1;
            found_len = len - name_len - 1;
        }
        at += len;
    }
    while (found_len && found[found_len - 1] == ' ')
        found_len--;
    if (!found || found_len >= cap)
        return false;
    memcpy(ret, found, found_len);
    ret[found_len] = '\0';
    return true;
}
