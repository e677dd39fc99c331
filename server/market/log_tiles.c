/* market/log_tiles.c */
#include "market/log_tiles.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "market/market_internal.h"
#include "store/tiles.h"

/* From the leader's memory: the tile at the log's end. */
static bool
edge(struct market *m, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    bool found;

    pthread_mutex_lock(&m->edge_lock);
    found = m->edge_known && m->tiles->n[level] == n && m->tiles->width[level] >= width;
    if (found)
        memcpy(ret, m->tiles->level[level], width * sizeof *ret);
    pthread_mutex_unlock(&m->edge_lock);
    return found;
}

/* ---- whole tiles of the higher levels ---------------------------------------------------------------------------------
 * They never change, and every proof goes through some of them: those that were read are kept, 256 of them at most (2 MB;
 * enough for all of 16 million entries). Where two want the same place the newer one has it. */

static struct kept_tile *
place_of(struct market *m, int level, uint64_t n)
{
    return &m->kept_tiles[(n + (uint64_t)level * 89) % KEPT_TILES];
}

static bool
kept(struct market *m, int level, uint64_t n, struct hash ret[TILE_WIDTH])
{
    struct kept_tile *place = place_of(m, level, n);
    bool found;

    pthread_mutex_lock(&m->edge_lock);
    found = place->hashes != NULL && place->level == level && place->n == n;
    if (found)
        memcpy(ret, place->hashes, TILE_WIDTH * sizeof *ret);
    pthread_mutex_unlock(&m->edge_lock);
    return found;
}

static void
keep(struct market *m, int level, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    struct kept_tile *place = place_of(m, level, n);

    pthread_mutex_lock(&m->edge_lock);
    if (place->hashes == NULL)
        place->hashes = xmalloc(TILE_WIDTH * sizeof *hashes);
    memcpy(place->hashes, hashes, TILE_WIDTH * sizeof *hashes);
    place->level = level;
    place->n = n;
    pthread_mutex_unlock(&m->edge_lock);
}

/* From the tiles below it. */
static enum err
compute(struct db *db, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    struct hash *below;
    enum err err = OK;

    if (level == 0)
        return tiles_leaves(db, n * TILE_WIDTH, width, ret);
    below = xmalloc(TILE_WIDTH * sizeof *below);
    for (unsigned i = 0; !err && i < width; i++) {
        err = tiles_find(db, level - 1, n * TILE_WIDTH + i, below);
        if (!err)
            ret[i] = tile_root(below);
    }
    free(below);
    return err;
}

enum err
log_tile(struct market *m, struct db *db, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    enum err err;

    assert(level >= 0 && level < TILE_LEVELS && width >= 1 && width <= TILE_WIDTH);
    if (width < TILE_WIDTH && m != NULL && edge(m, level, n, width, ret))
        return OK;
    if (level > 0 && m != NULL && kept(m, level, n, ret))
        return OK;
    err = tiles_find(db, level, n, ret); /* a partial one may be full by now */
    if (err == OK && level > 0 && m != NULL)
        keep(m, level, n, ret);
    return err == ERR_NOT_FOUND && width < TILE_WIDTH ? compute(db, level, n, width, ret) : err;
}

/* ---- proofs ------------------------------------------------------------------------------------------------------ */

static enum err
read_tile(void *ctx, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    const struct log_reader *r = ctx;

    return log_tile(r->market, r->db, level, n, width, ret);
}

struct log_reader *
log_reader_new(struct market *m, struct db *db, uint64_t size)
{
    struct log_reader *r = xcalloc(1, sizeof *r);

    r->market = m;
    r->db = db;
    r->tiles.read = read_tile;
    r->tiles.ctx = r;
    r->tiles.size = size;
    return r;
}

void
log_reader_delete(struct log_reader *r)
{
    free(r);
}

struct merkle_source
log_reader_source(struct log_reader *r)
{
    return tile_reader_source(&r->tiles);
}
