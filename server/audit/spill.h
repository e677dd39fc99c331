/* audit/spill.h
 * Memory that is a file without a name: what has not been used for a while need not be resident. The kernel writes it out
 * when it wants the room; spill_rest() takes it out of the process as soon as that has grown beyond a limit. Where no
 * such file can be made, or the disk is full, it is plain memory. */
#ifndef AUDIT_SPILL_H
#define AUDIT_SPILL_H

#include "base/memory.h"

struct spill;

struct spill *spill_new(const char *folder, size_t limit); /* limit: bytes, of the whole process */
void spill_delete(struct spill *s);                        /* with all that was taken */
struct memory spill_memory(struct spill *s);
void spill_rest(struct spill *s);

#endif
