/* store/poisoned.h: commands whose data the database refused: their keys are answered "poisoned" for good, until an operator
 * has mended the cause and releases them. Runs beside a server: a released key is judged anew when it comes again. */
#ifndef STORE_POISONED_H
#define STORE_POISONED_H

#include "base/hash.h"
#include "store/db.h"

/* Oldest first. */
enum err poisoned_list(struct db *db, void (*take)(void *ctx, const struct hash *scope, int64_t created_ms), void *ctx) MUST_USE;
/* ERR_NOT_FOUND if there is none of this scope. */
enum err poisoned_release(struct db *db, const struct hash *scope) MUST_USE;

#endif
