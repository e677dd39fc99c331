/* core/tile_reader.c */
#include "core/tile_reader.h"

#include <assert.h>

/* A full subtree of 2^k leaves is 2^(k mod 8) neighbouring hashes of one tile of level k / 8. */
static enum err
subtree(void *ctx, unsigned k, uint64_t n, struct hash *ret)
{
    struct tile_reader *r = ctx;
    int level = (int)(k / 8);
    uint64_t first = n << k % 8, tile = first / TILE_WIDTH;
    unsigned count = 1u << k % 8, width = tile_width(level, tile, r->size);
    struct merkle sum = { .size = 0 };

    assert(level < TILE_LEVELS);
    if (first % TILE_WIDTH + count > width)
        return ERR_NOT_FOUND;
    if (r->seen[level].width < width || r->seen[level].n != tile) {
        enum err err = r->read(r->ctx, level, tile, width, r->seen[level].hashes);
        if (err)
            return err;
        r->seen[level].n = tile;
        r->seen[level].width = width;
    }
    for (unsigned i = 0; i < count; i++)
        merkle_append(&sum, r->seen[level].hashes[first % TILE_WIDTH + i]);
    *ret = merkle_root(&sum);
    return OK;
}

struct merkle_source
tile_reader_source(struct tile_reader *r)
{
    return (struct merkle_source){ subtree, r };
}
