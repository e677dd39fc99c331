/* tests/fuzz/fuzz_tile.c: any text as a tile's path. What is taken is written exactly so, and the tile's width in a log of a
 * given size is what a count says. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "core/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
width_in(int level, uint64_t n, uint64_t size)
{
    uint64_t hashes = level <= 0 ? size : size >> 8 * (unsigned)level, first = n * TILE_WIDTH;
    unsigned want = n > UINT64_MAX / TILE_WIDTH || first >= hashes ? 0 : hashes - first >= TILE_WIDTH ? TILE_WIDTH : (unsigned)(hashes - first);

    assert(tile_width(level, n, size) == want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = xcalloc(1, len + 1), again[TILE_PATH_MAX];
    int level = -7;
    uint64_t n = 0, size = 0;
    unsigned width = 0;

    memcpy(text, data, len);
    if (tile_path_parse(text, &level, &n, &width)) {
        assert(level >= TILE_ENTRIES && level < TILE_LEVELS && width >= 1 && width <= TILE_WIDTH);
        tile_path(level, n, width, again);
        assert(strcmp(again, text) == 0);
        memcpy(&size, data + strlen(text) / 2, strlen(text) / 2 < sizeof size ? strlen(text) / 2 : sizeof size);
        for (int shift = 0; shift < 64; shift += 8)
            width_in(level, n, size >> shift);
        width_in(level, n, n * TILE_WIDTH + width);
    }
    free(text);
    return 0;
}
