/* base/uuid.c: making, reading and writing UUIDs. */
#include "base/uuid.h"

#include <string.h>

#include "base/bytes.h"

struct uuid
uuid_v7(int64_t now_ms, const uint8_t random[10])
{
    struct uuid id;

    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
    memcpy(id.b + 6, random, 10);
    id.b[6] = (uint8_t)(0x70 | (id.b[6] & 0x0f)); /* version */
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f)); /* variant */
    return id;
}

struct uuid
uuid_row(struct uuid any, unsigned n)
{
    any.b[15] = (uint8_t)((any.b[15] & ~(UUID_ROW - 1)) | (n & (UUID_ROW - 1)));
    return any;
}

bool
uuid_parse(const char *text, struct uuid *ret)
{
    char hex[33];
    size_t n = 0;

    if (strnlen(text, UUID_TEXT) != UUID_TEXT - 1)
        return false;
    for (int i = 0; i < UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-'))
            return false;
        if (!dash)
            hex[n++] = text[i];
    }
    hex[n] = '\0';
    return hex_decode(hex, ret->b, sizeof ret->b);
}

void
uuid_text(struct uuid id, char ret[UUID_TEXT])
{
    char hex[HEX_LEN(16)];
    size_t n = 0;

    hex_encode(BYTES(id.b, sizeof id.b), hex);
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            ret[n++] = '-';
        ret[n++] = hex[i];
    }
    ret[n] = '\0';
}

bool
uuid_is_zero(struct uuid id)
{
    static const struct uuid ZERO;

    return uuid_equal(id, ZERO);
}

bool
uuid_equal(struct uuid a, struct uuid b)
{
    return uuid_compare(a, b) == 0;
}

int
uuid_compare(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof a.b);
}
