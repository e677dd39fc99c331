/* tests/fuzz/fuzz_check.c: a request's head against http/check.c, which must let nothing pass that two parsers could read in
 * two ways. The input is the head; libmicrohttpd's way of cutting it up in place is done here (its 0.9 series: CR LF becomes
 * two NULs, a bare LF one; blanks before a value go), its accessor is wrapped. What passes is read again from the whole
 * text by the strictest reader there can be. */
#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "http/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LINES_MAX = 64 };

static struct {
    char *name, *value;
} cut[LINES_MAX];
static size_t cut_n;

int __wrap_MHD_get_connection_values_n(struct MHD_Connection *c, enum MHD_ValueKind kind, MHD_KeyValueIteratorN it, void *cls);
int
__wrap_MHD_get_connection_values_n(struct MHD_Connection *c, enum MHD_ValueKind kind, MHD_KeyValueIteratorN it, void *cls)
{
    size_t i = 0;

    (void)c;
    for (; i < cut_n; i++)
        if (it(cls, kind, cut[i].name, strlen(cut[i].name), cut[i].value, strlen(cut[i].value)) != MHD_YES)
            break;
    return (int)i;
}

const char *__wrap_MHD_get_version(void);
const char *
__wrap_MHD_get_version(void)
{
    return "0.9.75";
}

static union MHD_ConnectionInfo size;
const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(struct MHD_Connection *c, enum MHD_ConnectionInfoType what, ...);
const union MHD_ConnectionInfo *
__wrap_MHD_get_connection_info(struct MHD_Connection *c, enum MHD_ConnectionInfoType what, ...)
{
    (void)c;
    assert(what == MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return &size;
}

/* The next line, ended in place; NULL if it has no end. */
static char *
take_line(char **at)
{
    char *begin = *at, *end = strchr(begin, '\n');

    if (!end)
        return NULL;
    *at = end + 1;
    *end = '\0';
    if (end > begin && end[-1] == '\r')
        end[-1] = '\0';
    return begin;
}

static bool
take_headers(char *begin, char *at)
{
    char *text;

    cut_n = 0;
    while ((text = take_line(&at)) != NULL && text[0]) {
        char *colon = strchr(text, ':');

        if (!colon || cut_n == LINES_MAX || text[0] == ' ' || text[0] == '\t')
            return false; /* libmicrohttpd refuses, or folds: tests/unit/test_http.c sends these */
        *colon++ = '\0';
        colon += strspn(colon, " \t");
        cut[cut_n].name = text;
        cut[cut_n++].value = colon;
    }
    size.header_size = (size_t)(at - begin);
    return text != NULL;
}

/* Each line ends in CR LF and nothing else does; no control character; at most one of what decides how long it is. */
static void
strictly(const char *head, const struct request *r)
{
    const char *at = strstr(head, "\r\n");
    int lengths = 0, encodings = 0, hosts = 0;

    assert(at && strchr(head, '\n') == at + 1 && strchr(head, '\r') == at);
    for (at += 2; strncmp(at, "\r\n", 2) != 0;) {
        const char *end = strstr(at, "\r\n");
        size_t name = strcspn(at, ":");

        assert(end && strchr(at, '\n') == end + 1 && name > 0 && at + name < end);
        for (size_t i = 0; i < name; i++)
            assert(isgraph((unsigned char)at[i]) && !strchr("\"(),/:;<=>?@[\\]{}", at[i]));
        for (const char *c = at + name; c < end; c++)
            assert((unsigned char)*c >= 0x20 ? *c != 0x7f : *c == '\t');
        lengths += name == 14 && strncasecmp(at, "Content-Length", name) == 0;
        encodings += name == 17 && strncasecmp(at, "Transfer-Encoding", name) == 0;
        hosts += name == 4 && strncasecmp(at, "Host", name) == 0;
        at = end + 2;
    }
    assert(lengths <= 1 && encodings <= 1 && lengths + encodings <= 1 && hosts <= 1);
    assert(encodings + r->too_large == 0 || r->call.method == HTTP_POST || r->call.method == HTTP_PUT ||
           r->call.method == HTTP_PATCH);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_server server = { .config = { .max_body = 1 << 20 } };
    struct http_loop loop = { .server = &server };
    struct request r = { .loop = &loop };
    char *head, *work, *at, *uri, *version, *line;

    if (len > 0 && memchr(data, 0, len))
        return 0; /* refused before it comes to us */
    head = calloc(1, len + 3);
    work = calloc(1, len + 3); /* the buffer is longer than the head */
    if (!head || !work)
        abort();
    if (len > 0) {
        memcpy(head, data, len);
        memcpy(work, data, len);
    }
    at = work;
    line = take_line(&at);
    uri = line ? strchr(line, ' ') : NULL;
    version = uri ? strrchr(line, ' ') : NULL;
    if (version && version > uri && take_headers(work, at)) {
        *uri++ = '\0';
        *version++ = '\0';
        r.uri_at = uri;
        r.uri_len = strlen(uri);
        if (check_request(&r, line, version) == OK && uri_split(uri, &r.call) == OK) /* as request.c does */
            strictly(head, &r);
    }
    free(work);
    free(head);
    return 0;
}
