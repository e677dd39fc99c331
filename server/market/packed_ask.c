/* market/packed_ask.c: pairs of (zeros, others) as a byte each, followed by the others. */
#include "market/packed_ask.h"

#include "base/arena.h"

enum { RUN_MAX = 255 };

static size_t
run(const uint8_t *at, const uint8_t *end, bool zero)
{
    size_t n = 0;

    while (at + n < end && n < RUN_MAX && (at[n] == 0) == zero)
        n++;
    return n;
}

struct bytes
packed_ask_make(const struct broker_ask *ask)
{
    uint8_t plain[BROKER_ASK_LEN], packed[2 * BROKER_ASK_LEN], *out = packed, *copy;
    const uint8_t *at = plain, *end = plain + sizeof plain;

    broker_ask_encode(ask, plain);
    while (at < end) {
        size_t zeros = run(at, end, true), others = run(at + zeros, end, false);

        *out++ = (uint8_t)zeros;
        *out++ = (uint8_t)others;
        memcpy(out, at + zeros, others);
        out += others;
        at += zeros + others;
    }
    copy = xmalloc((size_t)(out - packed));
    memcpy(copy, packed, (size_t)(out - packed));
    return BYTES(copy, (size_t)(out - packed));
}

enum err
packed_ask_read(struct bytes packed, struct broker_ask *ret)
{
    uint8_t plain[BROKER_ASK_LEN] = { 0 };
    size_t at = 0, to = 0;

    while (at < packed.len) {
        size_t zeros, others;

        if (packed.len - at < 2)
            return ERR_CORRUPT;
        zeros = packed.data[at];
        others = packed.data[at + 1];
        at += 2;
        if (others > packed.len - at || zeros + others > sizeof plain - to)
            return ERR_CORRUPT;
        memcpy(plain + to + zeros, packed.data + at, others);
        at += others;
        to += zeros + others;
    }
    if (to != sizeof plain)
        return ERR_CORRUPT;
    return broker_ask_decode(BYTES(plain, sizeof plain), ret);
}
