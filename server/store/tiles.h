/* store/tiles.h
 * The log's full tiles as the sequencer keeps them (market/commit.c writes them with the entries that complete them), and
 * entries' bytes and leaf hashes for what is not full. */
#ifndef STORE_TILES_H
#define STORE_TILES_H

#include "core/tile.h"
#include "store/db.h"

/* Every tile's place and the SHA-256 of its 8,192 bytes, in order of level, then n. */
enum err tiles_each(struct db *db, enum err (*take)(void *ctx, int level, uint64_t n, const struct hash *sha256), void *ctx) MUST_USE;
/* Every tile's hashes, in the same order. ERR_CORRUPT: a row has not 8,192 bytes. */
enum err tile_rows_each(struct db *db, enum err (*take)(void *ctx, int level, uint64_t n, const struct hash hashes[TILE_WIDTH]), void *ctx) MUST_USE;
/* Add one that is missing (a journal older than the table). The writer's. */
enum err tiles_add(struct db *db, int level, uint64_t n, const struct hash hashes[TILE_WIDTH]) MUST_USE;
/* A full tile. ERR_NOT_FOUND. */
enum err tiles_find(struct db *db, int level, uint64_t n, struct hash ret[TILE_WIDTH]) MUST_USE;
/* Leaf hashes of the entries first .. first + count - 1, count <= TILE_WIDTH. ERR_NOT_FOUND unless all are there. */
enum err tiles_leaves(struct db *db, uint64_t first, unsigned count, struct hash ret[TILE_WIDTH]) MUST_USE;

#endif
