/* core/tile_reader.h
 * The full subtrees of a log (core/proof.h) out of its tiles, wherever these come from; the tile of each level that was read
 * last is kept. */
#ifndef CORE_TILE_READER_H
#define CORE_TILE_READER_H

#include "core/proof.h"
#include "core/tile.h"

/* Large: on the heap. */
struct tile_reader {
    /* The first `width` hashes of a tile. */
    enum err (*read)(void *ctx, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH]);
    void *ctx;
    uint64_t size; /* of the log */
    struct { uint64_t n; unsigned width; struct hash hashes[TILE_WIDTH]; } seen[TILE_LEVELS];
};
/* ERR_NOT_FOUND: not within `size`; and what `read` says. */
struct merkle_source tile_reader_source(struct tile_reader *r);

#endif
