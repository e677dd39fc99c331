/* base/cbor.c */
#include "base/cbor.h"

#include <string.h>

enum major { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };
enum { SIMPLE_FALSE = 20, SIMPLE_NULL = 22 };

/* An item's head: what it is, and its number or length in the shortest form that holds it. */
static enum major
head(struct wire_in *r, uint64_t *ret)
{
    uint8_t first = get_u8(r);
    uint64_t least = 0;

    switch (first & 31) {
    case 24:
        *ret = get_u8(r);
        least = 24;
        break;
    case 25:
        *ret = get_u16(r);
        least = 0x100;
        break;
    case 26:
        *ret = get_u32(r);
        least = 0x10000;
        break;
    case 27:
        *ret = get_u64(r);
        least = 0x100000000;
        break;
    default:
        *ret = first & 31;
        r->failed = r->failed || *ret > 27; /* reserved, or without a length */
    }
    r->failed = r->failed || *ret < least;
    return (enum major)(first >> 5);
}

static uint64_t
head_of(struct wire_in *r, enum major major)
{
    uint64_t n = 0;

    r->failed = head(r, &n) != major || r->failed;
    return r->failed ? 0 : n;
}

int64_t
cbor_int(struct wire_in *r)
{
    uint64_t n = 0;
    enum major major = head(r, &n);

    r->failed = r->failed || major > MAJOR_NEGATIVE || n > INT32_MAX;
    if (r->failed)
        return 0;
    return major == MAJOR_UINT ? (int64_t)n : -1 - (int64_t)n;
}

static struct bytes
run(struct wire_in *r, uint64_t n)
{
    struct bytes at = { r->at, 0 };

    r->failed = r->failed || n > (uint64_t)(r->end - r->at);
    if (r->failed)
        return at;
    at.len = (size_t)n;
    r->at += n;
    return at;
}

struct bytes
cbor_bytes(struct wire_in *r)
{
    uint64_t n = head_of(r, MAJOR_BYTES);

    return run(r, n);
}

struct bytes
cbor_text(struct wire_in *r)
{
    uint64_t n = head_of(r, MAJOR_TEXT);

    return run(r, n);
}

struct cbor_map
cbor_map(struct wire_in *r, uint64_t most)
{
    struct cbor_map m = { .left = head_of(r, MAJOR_MAP) };

    r->failed = r->failed || m.left > most;
    return m;
}

bool
cbor_more(const struct wire_in *r, struct cbor_map *m)
{
    if (r->failed || m->left == 0)
        return false;
    m->left--;
    m->name = r->at;
    return true;
}

/* By type, then by length, then by bytes. */
void
cbor_named(struct wire_in *r, struct cbor_map *m)
{
    struct bytes name = { m->name, (size_t)(r->at - m->name) };
    const uint8_t *a = m->last.data, *b = name.data;

    if (r->failed)
        return;
    if (a)
        r->failed = a[0] >> 5 != b[0] >> 5    ? a[0] >> 5 > b[0] >> 5
                    : m->last.len != name.len ? m->last.len > name.len
                                              : memcmp(a, b, name.len) >= 0;
    m->last = name;
}

static void
skip(struct wire_in *r, int depth)
{
    uint64_t n = 0;
    enum major major = head(r, &n);

    if (major == MAJOR_BYTES || major == MAJOR_TEXT) {
        run(r, n);
    } else if (major == MAJOR_ARRAY || major == MAJOR_MAP) {
        struct cbor_map m = { .left = n };

        r->failed = r->failed || depth == 0;
        while (cbor_more(r, &m)) {
            skip(r, depth - 1);
            if (major == MAJOR_MAP) {
                cbor_named(r, &m);
                skip(r, depth - 1);
            }
        }
    } else if (major == MAJOR_TAG || (major == MAJOR_SIMPLE && (n < SIMPLE_FALSE || n > SIMPLE_NULL))) {
        r->failed = true;
    }
}

void
cbor_skip(struct wire_in *r)
{
    skip(r, CBOR_DEPTH);
}
