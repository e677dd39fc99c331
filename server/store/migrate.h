/* store/migrate.h
 * Migrations: files NNNN_name.sql of one folder, applied in order of their numbers, each in a transaction of its own,
 * forward only. The table `migration` has number, name and SHA-256 of what was applied: a file that was edited
 * afterwards, a gap, or a database newer than the program are errors, and nothing is changed. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "base/err.h"

/* Told of each migration: applied now (true) or found applied (false). May be NULL. */
typedef void migrate_progress_fn(void *ctx, int number, const char *name, bool applied);

/* conninfo: the owner's. ERR_DB, ERR_IO (a file), ERR_CORRUPT (edited, gap, newer), ERR_INTERNAL (SQL); d says which. */
enum err migrate_run(const char *conninfo, const char *dir, migrate_progress_fn *progress, void *ctx,
                     struct err_detail *d) MUST_USE;

#endif
