/* core/tile.c */
#include "core/tile.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"

void
tile_path(int level, uint64_t n, unsigned width, char ret[TILE_PATH_MAX])
{
    uint64_t group[7];
    size_t groups = 0, used;

    assert(width >= 1 && width <= TILE_WIDTH && level < TILE_LEVELS);
    do {
        group[groups++] = n % 1000;
        n /= 1000;
    } while (n > 0);
    used = (size_t)(level < 0 ? snprintf(ret, TILE_PATH_MAX, "tile/entries") : snprintf(ret, TILE_PATH_MAX, "tile/%d", level));
    while (groups-- > 0)
        used += (size_t)snprintf(ret + used, TILE_PATH_MAX - used, groups > 0 ? "/x%03u" : "/%03u", (unsigned)group[groups]);
    if (width < TILE_WIDTH)
        used += (size_t)snprintf(ret + used, TILE_PATH_MAX - used, ".p/%u", width);
    assert(used < TILE_PATH_MAX);
}

/* Digits of a path, at most `most` of them, onto *n; the place behind them, or NULL. */
static const char *
digits(const char *at, unsigned least, unsigned most, uint64_t *n)
{
    unsigned i = 0;

    for (; i < most && at[i] >= '0' && at[i] <= '9'; i++)
        if (*n > (UINT64_MAX - 9) / 10)
            return NULL;
        else
            *n = *n * 10 + (uint64_t)(at[i] - '0');
    return i >= least ? at + i : NULL;
}

bool
tile_path_parse(const char *path, int *level, uint64_t *n, unsigned *width)
{
    char again[TILE_PATH_MAX];
    uint64_t l = 0, w = TILE_WIDTH;
    const char *at = path;

    *n = 0;
    if (strlen(path) >= TILE_PATH_MAX || !text_starts(path, "tile/"))
        return false;
    if (text_starts(path, "tile/entries/")) {
        *level = TILE_ENTRIES;
        at = path + strlen("tile/entries/");
    } else {
        at = digits(path + 5, 1, 1, &l);
        if (at == NULL || *at++ != '/' || l >= TILE_LEVELS)
            return false;
        *level = (int)l;
    }
    while (at != NULL && *at == 'x') {
        at = digits(at + 1, 3, 3, n);
        at = at != NULL && *at == '/' ? at + 1 : NULL;
    }
    at = at == NULL ? NULL : digits(at, 3, 3, n);
    if (at != NULL && text_starts(at, ".p/")) {
        w = 0;
        at = digits(at + 3, 1, 3, &w);
    }
    if (at == NULL || *at != '\0' || w < 1 || w > TILE_WIDTH)
        return false;
    *width = (unsigned)w;
    tile_path(*level, *n, *width, again);
    return strcmp(again, path) == 0;
}

unsigned
tile_width(int level, uint64_t n, uint64_t size)
{
    uint64_t hashes = level <= 0 ? size : size >> 8 * level;
    uint64_t full = hashes / TILE_WIDTH;

    return n < full ? TILE_WIDTH : n == full ? (unsigned)(hashes % TILE_WIDTH) : 0;
}

struct hash
tile_root(const struct hash hashes[TILE_WIDTH])
{
    struct merkle m = { .size = 0 };

    for (size_t i = 0; i < TILE_WIDTH; i++)
        merkle_append(&m, hashes[i]);
    return merkle_root(&m);
}

static enum err
append_at(struct tiles *t, int from, struct hash hash)
{
    for (int level = from; level < TILE_LEVELS; level++) {
        enum err err;

        t->level[level][t->width[level]++] = hash;
        if (t->width[level] < TILE_WIDTH)
            return OK;
        err = t->write(t->ctx, level, t->n[level]++, t->level[level], TILE_WIDTH);
        if (err != OK)
            return err;
        t->width[level] = 0;
        hash = tile_root(t->level[level]);
    }
    return OK;
}

struct tiles *
tiles_new(void)
{
    struct tiles *t = xmalloc(sizeof *t); /* what no width reaches is never read */

    memset(t->width, 0, sizeof t->width);
    memset(t->n, 0, sizeof t->n);
    t->write = NULL;
    t->ctx = NULL;
    return t;
}

void
tiles_copy(struct tiles *to, const struct tiles *from)
{
    for (int level = 0; level < TILE_LEVELS; level++) {
        memcpy(to->level[level], from->level[level], from->width[level] * sizeof from->level[0][0]);
        to->width[level] = from->width[level];
        to->n[level] = from->n[level];
    }
    to->write = from->write;
    to->ctx = from->ctx;
}

enum err
tiles_append(struct tiles *t, struct hash leaf)
{
    return append_at(t, 0, leaf);
}

/* A tile is complete just when the tree's counter carries past its level: the carry is the tile's root. */
enum err
tiles_append_both(struct tiles *t, struct merkle *m, struct hash leaf)
{
    struct hash hash = leaf;
    unsigned k = 0;

    assert(m->size % TILE_WIDTH == t->width[0]);
    for (int level = 0; level < TILE_LEVELS; level++) {
        enum err err;

        t->level[level][t->width[level]++] = hash;
        if (t->width[level] < TILE_WIDTH)
            break;
        err = t->write(t->ctx, level, t->n[level]++, t->level[level], TILE_WIDTH);
        if (err != OK)
            return err;
        t->width[level] = 0;
        for (unsigned end = k + 8; k < end; k++)
            hash = merkle_node(m->frontier[k], hash);
    }
    for (; (m->size >> k & 1) != 0; k++)
        hash = merkle_node(m->frontier[k], hash);
    m->frontier[k] = hash;
    m->size++;
    return OK;
}

enum err
tiles_append_tile(struct tiles *t, struct hash root)
{
    assert(t->width[0] == 0);
    t->n[0]++;
    return append_at(t, 1, root);
}

enum err
tiles_finish(struct tiles *t)
{
    enum err err = OK;

    for (int level = 0; err == OK && level < TILE_LEVELS; level++)
        if (t->width[level] > 0)
            err = t->write(t->ctx, level, t->n[level], t->level[level], t->width[level]);
    return err;
}

size_t
head_text_write(const struct head_text *h, char ret[HEAD_TEXT_MAX])
{
    char root[BASE64_LEN(32)];

    base64_encode(BYTES(h->root.b, 32), root);
    return (size_t)snprintf(ret, HEAD_TEXT_MAX, "%s\n%" PRIu64 "\n%s\ntime %" PRId64 "\n", h->origin, h->size, root, h->time_ms);
}

/* The line at *at, cut off the text; NULL if there is none. */
static const char *
line(char **at)
{
    char *start = *at, *end = strchr(start, '\n');

    if (end == NULL)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return start;
}

bool
head_text_parse(const char *text, struct head_text *ret)
{
    char copy[HEAD_TEXT_MAX], again[HEAD_TEXT_MAX], *at = copy;
    const char *origin, *size, *root, *time;
    struct head_text h;
    size_t len;
    int64_t n;

    memset(&h, 0, sizeof h);
    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text) + 1);
    origin = line(&at);
    size = origin == NULL ? NULL : line(&at);
    root = size == NULL ? NULL : line(&at);
    time = root == NULL ? NULL : line(&at);
    if (time == NULL || strlen(origin) >= sizeof h.origin || !text_is_line(origin) || !text_to_i64(size, 0, INT64_MAX, &n) ||
        !base64_decode(root, strlen(root), h.root.b, 32, &len) || len != 32 || !text_starts(time, "time ") ||
        !text_to_i64(time + 5, 0, INT64_MAX, &h.time_ms))
        return false;
    memcpy(h.origin, origin, strlen(origin));
    h.size = (uint64_t)n;
    head_text_write(&h, again);
    if (strcmp(again, text) != 0)
        return false;
    *ret = h;
    return true;
}
