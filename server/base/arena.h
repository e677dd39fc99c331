/* base/arena.h: memory of one request, freed once. Out of memory aborts. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"

struct arena;

struct arena *arena_new(void);
void arena_delete(struct arena *a);
void *arena_alloc(struct arena *a, size_t len); /* zeroed, aligned for any type */
char *arena_text(struct arena *a, const char *text);
char *arena_textn(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
void *xmalloc(size_t len); /* aborts when there is no memory */
void *xcalloc(size_t n, size_t len);
void *xrealloc(void *old, size_t len);
char *xstrdup(const char *text);

#endif
