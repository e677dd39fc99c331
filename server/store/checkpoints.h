/* store/checkpoints.h: what the log has signed, one a size; of what is older than a week, what anything needs (migration
 * 0012 says what that is). */
#ifndef STORE_CHECKPOINTS_H
#define STORE_CHECKPOINTS_H

#include "base/arena.h"
#include "store/db.h"

struct checkpoint_row { uint64_t size; struct hash root; const char *note; int64_t signed_ms; };

/* ERR_EXISTS: one of that size is there. */
enum err checkpoints_add(struct db *db, const struct checkpoint_row *row) MUST_USE;
/* The newest of at most `most` leaves. ERR_NOT_FOUND. The note lives in the arena. */
enum err checkpoints_newest(struct db *db, uint64_t most, struct arena *a, struct checkpoint_row *ret) MUST_USE;
/* The one of this size. ERR_NOT_FOUND. */
enum err checkpoints_find(struct db *db, uint64_t size, struct arena *a, struct checkpoint_row *ret) MUST_USE;
/* For the files of store/: the first row of size, root, note, signed_ms. ERR_NOT_FOUND, ERR_CORRUPT. */
/* When the oldest of more than so many leaves was signed. ERR_NOT_FOUND. */
enum err checkpoints_signed_after(struct db *db, uint64_t size, int64_t *ret_ms) MUST_USE;
enum err checkpoint_read(const PGresult *rows, struct arena *a, struct checkpoint_row *ret) MUST_USE;

/* How the log grew: at most so many of the checkpoints, oldest first, in steps of about equal size; the newest is the last. */
struct grown { uint64_t size; int64_t signed_ms; };
enum err checkpoints_growth(struct db *db, size_t most, struct arena *a, struct grown **ret, size_t *ret_n) MUST_USE;

#endif
