/* tests/sim/memory.c
 * All memory of a history comes from one region and is dropped with it: a process that is killed frees nothing, and a
 * history costs no work to clean up. JSON's is of it too; what other shared libraries allocate for themselves is theirs. Under AddressSanitizer
 * memory is the sanitizer's, and what killed processes leave is lost until the program ends. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim.h"

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *old, size_t len);
void __real_free(void *p);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *old, size_t len);
void __wrap_free(void *p);
int __wrap_malloc_trim(size_t pad);

int
__wrap_malloc_trim(size_t pad)
{
    (void)pad;
    return 0;
}

#ifdef __SANITIZE_ADDRESS__

void *
__wrap_malloc(size_t len)
{
    return __real_malloc(len);
}

void *
__wrap_calloc(size_t n, size_t len)
{
    return __real_calloc(n, len);
}

void *
__wrap_realloc(void *old, size_t len)
{
    return __real_realloc(old, len);
}

void
__wrap_free(void *p)
{
    __real_free(p);
}

void
memory_open(void)
{
}

void
memory_keep(void)
{
}

void
memory_reset(void)
{
}

#else

enum { SMALL = 1024, CLASSES = 64 + 32, HEADER = 16 };
#define REGION_LEN ((size_t)2 << 30)
#define LARGE      ((size_t)4 << 20) /* from here on the system's */

struct block { struct block *next; };

static char *region;
static size_t used, kept;
static struct block *free_of[CLASSES];

static inline unsigned
class_of(size_t len)
{
    if (len <= SMALL)
        return (unsigned)((len + 15) / 16) - (len > 0);
    return 64 + (unsigned)(63 - __builtin_clzl(len - 1)) - 9;
}

static inline size_t
size_of(unsigned class)
{
    return class < 64 ? ((size_t)class + 1) * 16 : (size_t)1 << (class - 64 + 10);
}

static inline bool
is_ours(const void *p)
{
    return region != NULL && (const char *)p >= region && (const char *)p < region + REGION_LEN;
}

static void
open_region(void)
{
    region = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED)
        _Exit(3);
}

void *
__wrap_malloc(size_t len)
{
    unsigned class = class_of(len);
    char *p;

    if (len >= LARGE)
        return __real_malloc(len);
    if (free_of[class] != NULL) {
        p = (char *)free_of[class];
        free_of[class] = free_of[class]->next;
        return p;
    }
    if (region == NULL)
        open_region();
    if (used + size_of(class) + HEADER > REGION_LEN)
        return NULL;
    p = region + used + HEADER;
    used += size_of(class) + HEADER;
    *(size_t *)(void *)(p - HEADER) = class;
    return p;
}

void *
__wrap_calloc(size_t n, size_t len)
{
    size_t all;
    void *p;

    if (__builtin_mul_overflow(n, len, &all))
        return NULL;
    if (all >= LARGE)
        return __real_calloc(n, len);
    p = __wrap_malloc(all);
    if (p != NULL)
        memset(p, 0, all);
    return p;
}

void
__wrap_free(void *p)
{
    size_t class;

    if (p == NULL)
        return;
    if (!is_ours(p)) {
        __real_free(p);
        return;
    }
    if ((char *)p < region + kept)
        return;
    class = *(size_t *)(void *)((char *)p - HEADER);
    ((struct block *)p)->next = free_of[class];
    free_of[class] = p;
}

void *
__wrap_realloc(void *old, size_t len)
{
    size_t have;
    void *p;

    if (old == NULL)
        return __wrap_malloc(len);
    if (!is_ours(old))
        return __real_realloc(old, len);
    have = size_of((unsigned)*(size_t *)(void *)((char *)old - HEADER));
    if (len <= have)
        return old;
    p = __wrap_malloc(len);
    if (p != NULL) {
        memcpy(p, old, have);
        __wrap_free(old);
    }
    return p;
}

void
memory_open(void)
{
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}

void
memory_keep(void)
{
    kept = used;
}

void
memory_reset(void)
{
    if (used > ((size_t)256 << 20)) /* an unusually long one: give it back */
        madvise(region + (kept + 4096) / 4096 * 4096, REGION_LEN - (kept + 4096) / 4096 * 4096, MADV_DONTNEED);
    used = kept;
    memset(free_of, 0, sizeof free_of);
}

#endif
