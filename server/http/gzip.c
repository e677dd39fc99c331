/* http/gzip.c: replies that are worth it, compressed for those who take it. */
#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"
#include "http/http.h"

#define WORTH_IT 1400 /* bytes: what fits into one packet is sent as it is */
#define LEVEL 5
#define GZIP_WRAPPER 16

bool
http_takes(const char *accepts, const char *coding)
{
    size_t len = strlen(coding);

    for (const char *at = accepts; at && *at; at = strchr(at, ','), at += at != NULL) {
        at += strspn(at, " \t");
        if (strncmp(at, coding, len) == 0 && strchr(" \t;,", at[len])) {
            const char *weight = at + len + strspn(at + len, " \t;");

            return strncmp(weight, "q=0", 3) != 0 || strspn(weight + 2, "0.") < strcspn(weight + 2, " \t,");
        }
    }
    return false;
}

/* A window that holds all of the body: a larger one finds no more, and making it ready costs more than packing a small body. */
static int
window_bits(size_t len)
{
    int bits = 10;

    while (bits < MAX_WBITS && (size_t)1 << bits < len)
        bits++;
    return bits;
}

/* NULL if it is not shorter. */
static uint8_t *
deflated(const void *body, size_t len, size_t *ret_len)
{
    z_stream z = { 0 };
    uint8_t *out;
    int bits = window_bits(len);
    int status = deflateInit2(&z, LEVEL, Z_DEFLATED, bits + GZIP_WRAPPER, bits > 13 ? 8 : bits - 5, Z_DEFAULT_STRATEGY);

    assert(status == Z_OK && len < UINT32_MAX);
    out = xmalloc(len);
    z.next_in = (Bytef *)(uintptr_t)body;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)len;
    status = deflate(&z, Z_FINISH);
    *ret_len = len - z.avail_out;
    deflateEnd(&z);
    if (status == Z_STREAM_END)
        return out;
    free(out);
    return NULL;
}

struct http_response *
http_response_packed(int status, const char *type, char *body, size_t len, const char *accepts)
{
    uint8_t *packed = NULL;
    size_t packed_len = 0;
    struct http_response *r;

    if (len > WORTH_IT && http_takes(accepts, "gzip"))
        packed = deflated(body, len, &packed_len);
    if (packed) {
        free(body);
        r = http_response(status, type, packed, packed_len, HTTP_FREE);
        http_response_header(r, "Content-Encoding", "gzip");
    } else {
        r = http_response(status, type, body, len, HTTP_FREE);
    }
    http_response_header(r, "Vary", "Accept-Encoding");
    return r;
}
