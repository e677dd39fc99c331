/* base/arena.c: blocks that grow, handed out from the front, freed together. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* The first block is small enough for the allocator to keep it at hand; most calls need no other. */
enum { BLOCK_FIRST = 992, BLOCK_MAX = 65536 };

struct block {
    struct block *next;
    size_t used, cap;
    alignas(max_align_t) char data[];
};

struct arena {
    struct block *blocks; /* the first one is being filled */
    size_t next_cap;
};

void *
xmalloc(size_t len)
{
    void *p = malloc(len > 0 ? len : 1);

    if (p == NULL)
        fatal(OUT_OF_MEMORY);
    return p;
}

void *
xcalloc(size_t n, size_t len)
{
    void *p = calloc(n > 0 ? n : 1, len > 0 ? len : 1);

    if (p == NULL)
        fatal(OUT_OF_MEMORY);
    return p;
}

void *
xrealloc(void *old, size_t len)
{
    void *p = realloc(old, len > 0 ? len : 1);

    if (p == NULL)
        fatal(OUT_OF_MEMORY);
    return p;
}

char *
xstrdup(const char *text)
{
    size_t len = strlen(text) + 1;

    return memcpy(xmalloc(len), text, len);
}

struct arena *
arena_new(void)
{
    struct arena *a = xcalloc(1, sizeof *a);

    a->next_cap = BLOCK_FIRST;
    return a;
}

void
arena_delete(struct arena *a)
{
    struct block *next;

    if (a == NULL)
        return;
    for (struct block *b = a->blocks; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static struct block *
block_new(size_t cap)
{
    struct block *b = xcalloc(1, sizeof *b + cap);

    b->cap = cap;
    return b;
}

void *
arena_alloc(struct arena *a, size_t len)
{
    struct block *b = a->blocks;
    size_t align = alignof(max_align_t);
    void *p;

    assert(len <= SIZE_MAX / 2);
    len = (len + align - 1) / align * align;
    if (b == NULL || b->cap - b->used < len) {
        if (b != NULL && len > BLOCK_MAX / 4) { /* a big one stands alone; the present block goes on being filled */
            struct block *big = block_new(len);
            big->used = len;
            big->next = b->next;
            b->next = big;
            return big->data;
        }
        b = block_new(len > a->next_cap ? len : a->next_cap);
        b->next = a->blocks;
        a->blocks = b;
        if (a->next_cap < BLOCK_MAX)
            a->next_cap *= 2;
    }
    p = b->data + b->used;
    b->used += len;
    return p;
}

char *
arena_textn(struct arena *a, const char *text, size_t len)
{
    char *copy = arena_alloc(a, len + 1);

    if (len > 0)
        memcpy(copy, text, len);
    return copy;
}

char *
arena_text(struct arena *a, const char *text)
{
    return arena_textn(a, text, strlen(text));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    char *ret;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    ret = arena_alloc(a, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(ret, (size_t)len + 1, fmt, args);
    va_end(args);
    return ret;
}
