/* http/uri.c: a request's path and query, decoded once, strictly. */
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

/* The length of the UTF-8 character at s (1 to 4), 0 if it is not one (overlong, surrogate, cut off, control). */
static size_t
utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return (s[1] & 0xc0) == 0x80 ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
            return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
            return 0;
        return 3;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        if ((s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
            return 0;
        if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
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
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t len = utf8_len(s);

        if (!len)
            return false;
        s += len;
    }
    return true;
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
