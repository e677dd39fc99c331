/* tests/fuzz/fuzz_uri.c: a request's first line and its cookies; what is taken is clean text within its bounds. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_call call = { .path = NULL };
    char *uri = malloc(len + 1);
    char cookie[16] = "untouched";

    if (!uri)
        abort();
    memcpy(uri, data, len);
    uri[len] = '\0';
    if (cookie_find(uri, "kontor", cookie, sizeof cookie))
        assert(strlen(cookie) < sizeof cookie && !strchr(cookie, ';'));
    else
        assert(strcmp(cookie, "untouched") == 0);
    if (uri_split(uri, &call) == OK) {
        assert(call.path[0] == '/' && text_is_line(call.path) && strlen(call.path) <= len);
        assert(call.query_count <= HTTP_QUERY_MAX);
        for (size_t i = 0; i < call.query_count; i++) {
            assert(text_is_line(call.query[i].name) && text_is_line(call.query[i].value));
            assert(http_query(&call, call.query[i].name) != NULL);
        }
    }
    free(uri);
    return 0;
}
