/* base/memory.h
 * Where what grows without bound takes its memory from. NULL: from the heap. The auditor gives a file (audit/spill.h), so
 * that a journal of any length fits into a small program. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

struct memory {
    void *(*take)(void *ctx, size_t size);           /* zeroed, aligned for anything; never NULL */
    void (*give)(void *ctx, void *at, size_t size);  /* back; what is not given back goes with the memory */
    void (*rest)(void *ctx);                         /* called now and then by who walks over much of it */
    void *ctx;
};

#endif
