/* core/tile.h
 * The log as files, in the layout of C2SP tlog-tiles: tile/<L>/<N> has 256 hashes of level L (level 0: leaves; level L:
 * roots of full subtrees of 256^L leaves), tile/entries/<N> the same 256 entries, each a u16 length (big-endian) and its
 * bytes. N is in groups of three digits, all but the last prefixed "x"; the last, partial tile of a level ends in
 * .p/<W>, W its width, 1 to 255. Full tiles never change. */
#ifndef CORE_TILE_H
#define CORE_TILE_H

#include "core/merkle.h"

#define TILE_WIDTH 256
#define TILE_LEVELS 8 /* 256^8 = 2^64 leaves */
#define TILE_ENTRIES -1 /* as a level: the bundles of entries */
#define TILE_PATH_MAX 64

/* Where a tile lies, relative to the log. width: 1 to 256. */
void tile_path(int level, uint64_t n, unsigned width, char ret[TILE_PATH_MAX]);
/* The other way: false unless tile_path() writes exactly this. level is TILE_ENTRIES for a bundle. */
bool tile_path_parse(const char *path, int *level, uint64_t *n, unsigned *width);
/* Width of tile n of a level in a log of this size: 0 if it has none. */
unsigned tile_width(int level, uint64_t n, uint64_t size);
/* Root of a full tile's 256 hashes. */
struct hash tile_root(const struct hash hashes[TILE_WIDTH]);

/* Tiles from leaves, one after the other. What is complete is handed to `write`; an error ends it. */
struct tiles {
    struct hash level[TILE_LEVELS][TILE_WIDTH];
    unsigned width[TILE_LEVELS];
    uint64_t n[TILE_LEVELS];
    enum err (*write)(void *ctx, int level, uint64_t n, const struct hash *hashes, unsigned width);
    void *ctx;
};
struct tiles *tiles_new(void); /* of an empty log, write and ctx unset; free() it */
enum err tiles_append(struct tiles *t, struct hash leaf) MUST_USE;
/* The tree and its tiles at once, of as many leaves both: what is hashed for the one serves the other. */
enum err tiles_append_both(struct tiles *t, struct merkle *m, struct hash leaf) MUST_USE;
/* As tiles_append(), with the root of a whole tile of leaves, for who has that tile already: it is not written again. Only between
 * whole tiles. */
enum err tiles_append_tile(struct tiles *t, struct hash root) MUST_USE;
enum err tiles_finish(struct tiles *t) MUST_USE; /* the partial ones */
/* *to becomes as *from, without what no width reaches: most of it, as a rule. */
void tiles_copy(struct tiles *to, const struct tiles *from);

/* The head of an export: a checkpoint's text (C2SP tlog-checkpoint: origin, size, root), with one extension line,
 * "time <ms>". Not signed. */
#define HEAD_TEXT_MAX 512
struct head_text { char origin[64]; uint64_t size; struct hash root; int64_t time_ms; };
size_t head_text_write(const struct head_text *h, char ret[HEAD_TEXT_MAX]);
bool head_text_parse(const char *text, struct head_text *ret); /* exactly what head_text_write makes */

#endif
