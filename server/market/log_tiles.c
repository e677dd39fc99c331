/* market/log_tiles.c */
#include "market/log_tiles.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
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
 * enough for all of 16 million entries), each with the roots of its sixteens: what a proof needs of it is then some 22
 * hashes to make instead of 247. Where two want the same place the newer one has it. */

enum { SIXTEEN = 16, SIXTEENS = TILE_WIDTH / SIXTEEN };

struct kept_hashes { struct hash all[TILE_WIDTH], sixteens[SIXTEENS]; };

/* Root over 2^k neighbours. */
static struct hash
root_of(const struct hash *hashes, unsigned n)
{
    struct merkle sum = { .size = 0 };

    for (unsigned i = 0; i < n; i++)
        merkle_append(&sum, hashes[i]);
    return merkle_root(&sum);
}

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
        memcpy(ret, place->hashes->all, TILE_WIDTH * sizeof *ret);
    pthread_mutex_unlock(&m->edge_lock);
    return found;
}

/* The root over `count` hashes, a power of two, of a kept tile. */
static bool
kept_root(struct market *m, int level, uint64_t n, unsigned first, unsigned count, struct hash *ret)
{
    struct kept_tile *place = place_of(m, level, n);
    bool found;

    pthread_mutex_lock(&m->edge_lock);
    found = place->hashes != NULL && place->level == level && place->n == n;
    if (found)
        *ret = count < SIXTEEN ? root_of(place->hashes->all + first, count)
                               : root_of(place->hashes->sixteens + first / SIXTEEN, count / SIXTEEN);
    pthread_mutex_unlock(&m->edge_lock);
    return found;
}

static void
keep(struct market *m, int level, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    struct kept_tile *place = place_of(m, level, n);
    struct kept_hashes *made = xmalloc(sizeof *made), *before;

    memcpy(made->all, hashes, sizeof made->all);
    for (unsigned i = 0; i < SIXTEENS; i++)
        made->sixteens[i] = root_of(hashes + (size_t)i * SIXTEEN, SIXTEEN);
    pthread_mutex_lock(&m->edge_lock);
    before = place->hashes;
    place->hashes = made;
    place->level = level;
    place->n = n;
    pthread_mutex_unlock(&m->edge_lock);
    free(before);
}

/* The log has this whole tile, and the table has not: whoever asks is not to suffer from it, but the operator hears of it. What is
 * missing is stored again at the next start; until then each answer makes it, and at most so many. */
enum { MADE_MAX = 1024, TELL_EACH_MS = 10000 };

static void
tell_missing(struct market *m, int level, uint64_t n)
{
    int64_t now_ms = monotonic_ms();

    if (m == NULL || m->config.log == NULL || now_ms < atomic_load(&m->tile_told_ms) + TELL_EACH_MS)
        return;
    atomic_store(&m->tile_told_ms, now_ms);
    log_warning(m->config.log, "tile-missing", LOG_I64("level", level), LOG_I64("n", (int64_t)n));
}

static enum err compute(struct market *m, struct db *db, int level, uint64_t n, unsigned width, unsigned *made, struct hash ret[TILE_WIDTH]);

static enum err
find_or_make(struct market *m, struct db *db, int level, uint64_t n, unsigned *made, struct hash ret[TILE_WIDTH])
{
    enum err err = tiles_find(db, level, n, ret);

    if (err != ERR_NOT_FOUND)
        return err;
    tell_missing(m, level, n);
    if (++*made > MADE_MAX)
        return ERR_CORRUPT;
    return compute(m, db, level, n, TILE_WIDTH, made, ret);
}

/* From the tiles below it. */
static enum err
compute(struct market *m, struct db *db, int level, uint64_t n, unsigned width, unsigned *made, struct hash ret[TILE_WIDTH])
{
    struct hash *below;
    enum err err = OK;

    if (level == 0)
        return tiles_leaves(db, n * TILE_WIDTH, width, ret);
    below = xmalloc(TILE_WIDTH * sizeof *below);
    for (unsigned i = 0; !err && i < width; i++) {
        err = find_or_make(m, db, level - 1, n * TILE_WIDTH + i, made, below);
        if (!err)
            ret[i] = tile_root(below);
    }
    free(below);
    return err;
}

enum err
log_tile(struct market *m, struct db *db, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    unsigned made = 0;
    enum err err;

    assert(level >= 0 && level < TILE_LEVELS && width >= 1 && width <= TILE_WIDTH);
    if (width < TILE_WIDTH && m != NULL && edge(m, level, n, width, ret))
        return OK;
    if (level > 0 && m != NULL && kept(m, level, n, ret))
        return OK;
    err = width < TILE_WIDTH ? tiles_find(db, level, n, ret) /* a partial one may be full by now */
                             : find_or_make(m, db, level, n, &made, ret);
    if (err == ERR_NOT_FOUND && width < TILE_WIDTH)
        return compute(m, db, level, n, width, &made, ret);
    if (err == OK && level > 0 && m != NULL)
        keep(m, level, n, ret);
    return err;
}

/* ---- proofs ------------------------------------------------------------------------------------------------------ */

static enum err
read_tile(void *ctx, int level, uint64_t n, unsigned width, struct hash ret[TILE_WIDTH])
{
    const struct log_reader *r = ctx;

    return log_tile(r->market, r->db, level, n, width, ret);
}

/* What of the log is within a tile that is kept needs no copy of it. */
static enum err
subtree(void *ctx, unsigned k, uint64_t n, struct hash *ret)
{
    struct log_reader *r = ctx;
    struct merkle_source tiles = tile_reader_source(&r->tiles);
    int level = (int)(k / 8);
    uint64_t first = n << k % 8, tile = first / TILE_WIDTH;
    unsigned count = 1u << k % 8;

    if (level > 0 && level < TILE_LEVELS && r->market != NULL && first % TILE_WIDTH + count <= tile_width(level, tile, r->tiles.size) &&
        kept_root(r->market, level, tile, first % TILE_WIDTH, count, ret))
        return OK;
    return tiles.subtree(tiles.ctx, k, n, ret);
}

struct log_reader *
log_reader_new(struct market *m, struct db *db, uint64_t size)
{
    struct log_reader *r = xmalloc(sizeof *r); /* 64 KB of hashes, most of them not used */

    for (int level = 0; level < TILE_LEVELS; level++)
        r->tiles.seen[level].width = 0;
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

void
log_reader_know(struct log_reader *r, uint64_t n, const struct hash hashes[TILE_WIDTH])
{
    r->tiles.seen[0].n = n;
    r->tiles.seen[0].width = TILE_WIDTH;
    memcpy(r->tiles.seen[0].hashes, hashes, sizeof r->tiles.seen[0].hashes);
}

struct merkle_source
log_reader_source(struct log_reader *r)
{
    return (struct merkle_source){ subtree, r };
}
