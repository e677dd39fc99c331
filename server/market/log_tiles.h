/* market/log_tiles.h
 * The Merkle log for who reads it: tiles from the database, the right edge from the leader's memory (a partial tile of a
 * higher level would otherwise cost a read of up to 255 tiles below it), and proofs from both. */
#ifndef MARKET_LOG_TILES_H
#define MARKET_LOG_TILES_H

#include "core/tile_reader.h"
#include "market/market.h"
#include "store/db.h"

/* The first `width` hashes of a tile, 1 to 256, all within the committed log. m may be NULL: from the database alone. A whole tile that the
 * table has not is made from what is below it, and told in the log. ERR_NOT_FOUND: the log is not that long, or has lost
 * entries; ERR_CORRUPT: it has lost too many tiles. */
enum err log_tile(struct market *m, struct db *db, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH]) MUST_USE;

/* Reads the full subtrees of a log of `size` leaves (core/proof.h) through the tiles, each tile once. Large: on the heap. */
struct log_reader {
    struct market *market;
    struct db *db;
    struct tile_reader tiles;
};
struct log_reader *log_reader_new(struct market *m, struct db *db, uint64_t size);
void log_reader_delete(struct log_reader *r);
/* A whole tile of leaves that the caller has at hand: it is not read again. */
void log_reader_know(struct log_reader *r, uint64_t n, const struct hash hashes[TILE_WIDTH]);
struct merkle_source log_reader_source(struct log_reader *r);

#endif
